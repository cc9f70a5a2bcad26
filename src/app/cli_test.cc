// The frame: exit codes, nearest names, help and completion of the real tree of commands.
#include "app/cli.h"

#include <gtest/gtest.h>

#include <CLI/CLI.hpp>

#include "app/commands.h"

namespace leat::app {
namespace {

struct Outcome {
  int code;
  std::string out, err;
};

/// Runs a command line through a Cli with two commands of its own.
Outcome run(std::vector<std::string> arguments, const std::function<void(Cli&)>& add = {}) {
  Cli cli;
  auto topic = std::make_shared<std::string>();
  auto from = std::make_shared<std::string>();
  if (add) {
    add(cli);
  } else {
    Command tap =
        cli.add("tap", "Show records", "leat tap users", [&cli, topic, from]() -> Result<int> {
          fmt::print("tap {} from {} as {}\n", *topic, *from, cli.options().output);
          std::fflush(stdout);
          return 0;
        });
    tap.add_option("topic", *topic, "The topic").required();
    tap.add_option("--from", *from, "Where");
    Command group = cli.add_group("topics", "Topics");
    cli.add(group, "ls", "List", "leat topics ls", []() -> Result<int> {
      return Error(ErrorCode::kUnavailable, "nobody answers").with_hint("start it");
    });
  }
  arguments.insert(arguments.begin(), "leat");
  std::vector<const char*> argv;
  for (const std::string& argument : arguments) argv.push_back(argument.c_str());
  ::testing::internal::CaptureStdout();
  ::testing::internal::CaptureStderr();
  Outcome outcome{cli.run(static_cast<int>(argv.size()), argv.data()), {}, {}};
  outcome.out = ::testing::internal::GetCapturedStdout();
  outcome.err = ::testing::internal::GetCapturedStderr();
  return outcome;
}

TEST(Cli, GlobalOptionsStandAnywhere) {
  EXPECT_EQ(run({"--output", "json", "tap", "users"}).out, "tap users from  as json\n");
  EXPECT_EQ(run({"tap", "users", "--output", "csv", "--from", "-10"}).out,
            "tap users from -10 as csv\n");
  EXPECT_EQ(run({"tap", "topics"}).out, "tap topics from  as table\n")
      << "a topic may be called like a command";
}

TEST(Cli, WrongArgumentsAreExitTwoWithTheNearestName) {
  Outcome wrong = run({"topcs"});
  EXPECT_EQ(wrong.code, 2);
  EXPECT_EQ(wrong.out, "");
  EXPECT_NE(wrong.err.find("unknown command `topcs`; did you mean `topics`?"), std::string::npos)
      << wrong.err;
  wrong = run({"topics", "lss"});
  EXPECT_EQ(wrong.code, 2);
  EXPECT_NE(wrong.err.find("unknown command `lss`; did you mean `ls`?; see `leat topics --help`"),
            std::string::npos)
      << wrong.err;
  wrong = run({"tap", "users", "--form", "3"});
  EXPECT_EQ(wrong.code, 2);
  EXPECT_NE(wrong.err.find("unknown option `--form`; did you mean `--from`?"), std::string::npos)
      << wrong.err;
  wrong = run({"tap", "users", "--outptu=json"});
  EXPECT_NE(wrong.err.find("did you mean `--output`?"), std::string::npos) << wrong.err;
  wrong = run({"tap", "users", "more"});
  EXPECT_EQ(wrong.code, 2);
  EXPECT_NE(wrong.err.find("unexpected argument `more`"), std::string::npos) << wrong.err;
  EXPECT_EQ(run({"tap"}).code, 2);
  EXPECT_EQ(run({"tap", "users", "--output", "xml"}).code, 2);
  EXPECT_EQ(run({}).code, 2);
  EXPECT_EQ(run({"topics"}).code, 2);
}

TEST(Cli, HelpAndVersionAreDone) {
  Outcome help = run({"tap", "--help"});
  EXPECT_EQ(help.code, 0);
  EXPECT_NE(help.out.find("leat tap users"), std::string::npos) << help.out;
  EXPECT_EQ(run({"--help"}).code, 0);
  Outcome version = run({"--version"});
  EXPECT_EQ(version.code, 0);
  EXPECT_TRUE(version.out.starts_with("leat ")) << version.out;
}

TEST(Cli, ErrorsCarryTheirExitCode) {
  Outcome failed = run({"topics", "ls"});
  EXPECT_EQ(failed.code, 3);
  EXPECT_EQ(failed.err, "leat: nobody answers; start it\n");
}

void all_of_mine(Cli& cli) {
  add_status(cli), add_topics(cli), add_tap(cli), add_dlq(cli), add_sql(cli), add_pause(cli),
      add_reset(cli);
  add_schema(cli), add_export(cli), add_backup(cli), add_completion(cli);
}

/// Every command of the tree, deepest.
void walk(const CLI::App& app, std::vector<std::string> path,
          std::vector<std::vector<std::string>>& leaves) {
  for (const CLI::App* sub : app.get_subcommands({})) {
    auto longer = path;
    longer.push_back(sub->get_name());
    if (sub->get_subcommands({}).empty())
      leaves.push_back(longer);
    else
      walk(*sub, longer, leaves);
  }
}

TEST(Commands, EachHasHelpWithExamplesThatNameIt) {
  Cli cli;
  all_of_mine(cli);
  std::vector<std::vector<std::string>> leaves;
  walk(cli.root(), {}, leaves);
  EXPECT_GE(leaves.size(), 17u);
  for (auto leaf : leaves) {
    std::string name = "leat";
    for (const std::string& word : leaf) name += " " + word;
    leaf.push_back("--help");
    Outcome help = run(leaf, all_of_mine);
    EXPECT_EQ(help.code, 0) << name;
    EXPECT_NE(help.out.find("Examples:"), std::string::npos) << name << "\n" << help.out;
    const size_t examples = help.out.find("Examples:");
    EXPECT_NE(help.out.find(name, examples), std::string::npos) << help.out;
  }
}

TEST(Commands, CompletionKnowsEveryCommandAndOption) {
  for (const char* shell : {"bash", "zsh", "fish"}) {
    Outcome script = run({"completion", shell}, all_of_mine);
    EXPECT_EQ(script.code, 0);
    for (const char* word : {"redrive", "follow", "topics", "completion", "profile"}) {
      EXPECT_NE(script.out.find(word), std::string::npos) << shell << " " << word;
    }
  }
  EXPECT_EQ(run({"completion", "csh"}, all_of_mine).code, 2);
}

}  // namespace
}  // namespace leat::app
