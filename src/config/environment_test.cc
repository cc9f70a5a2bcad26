#include "config/environment.h"

#include <gtest/gtest.h>

#include "config/yaml.h"

namespace leat::config {
namespace {

struct Substituted {
  Node node;
  Diagnostics diagnostics;
};

Substituted substituted(const std::string& value,
                        Environment::Missing missing = Environment::Missing::kFail) {
  Substituted out;
  auto tree = parse_yaml("a:\n  b: [" + value + "]\n", "f.yaml", out.diagnostics);
  EXPECT_TRUE(tree);
  auto environment = Environment::of_map({{"HOST", "h1"}, {"EMPTY", ""}}, missing);
  substitute(*tree, environment, out.diagnostics);
  out.node = tree->find("a")->find("b")->items[0];
  return out;
}

TEST(Environment, Substitutes) {
  EXPECT_EQ(substituted("'x-${HOST}:9'").node.text, "x-h1:9");
  EXPECT_EQ(substituted("'x-${HOST}:9'").node.written, "x-${HOST}:9");
  EXPECT_EQ(substituted("'${NONE:-d:e}'").node.text, "d:e");
  EXPECT_EQ(substituted("'${EMPTY:-d}${HOST:-z}'").node.text, "dh1");
  EXPECT_EQ(substituted("'${NONE:-}'").node.text, "");
  EXPECT_EQ(substituted("'$${HOST} $1 $'").node.text, "${HOST} $1 $");
  EXPECT_EQ(substituted("plain").node.written, "");
}

TEST(Environment, AnUnsetVariableIsAnErrorInRunAndAWarningInLint) {
  auto run = substituted("'${NONE}'");
  EXPECT_EQ(run.diagnostics.to_string(),
            "f.yaml:2:7: a.b[0]: the variable NONE is not set; set it, or give a default: "
            "${NONE:-...}\n");
  EXPECT_FALSE(run.diagnostics.ok());
  auto lint = substituted("'x${NONE}'", Environment::Missing::kWarn);
  EXPECT_TRUE(lint.diagnostics.ok());
  EXPECT_EQ(lint.diagnostics.warnings(), 1u);
  EXPECT_TRUE(lint.node.unresolved);
}

TEST(Environment, RefusesHalfAReference) {
  for (const char* text : {"'${'", "'${}'", "'${A'", "'${1}'", "'${A-b}'", "'${A b}'"}) {
    auto out = substituted(text);
    EXPECT_FALSE(out.diagnostics.ok()) << text;
    EXPECT_NE(out.diagnostics.to_string().find("expected `${NAME}`"), std::string::npos);
  }
}

TEST(Environment, MessagesShowWhatIsWrittenNotTheValue) {
  EXPECT_EQ(substituted("'${HOST}'").node.found(), "`${HOST}`");
}

}  // namespace
}  // namespace leat::config
