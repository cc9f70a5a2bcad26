// Every component that a project may name: said what it is, its example lints, its Spec can be written down.
#include "components/all.h"

#include <gtest/gtest.h>

#include "config/writer.h"
#include "config/yaml.h"

namespace leat::components {
namespace {

template <typename Type>
void expect_described(const Type& type) {
  SCOPED_TRACE(type.name);
  EXPECT_FALSE(type.summary.empty());
  EXPECT_FALSE(type.guarantee.empty());
  EXPECT_EQ(type.spec->name(), type.name);
  config::Diagnostics diagnostics;
  auto node = config::parse_yaml(type.example_yaml, "example", diagnostics);
  ASSERT_TRUE(node) << diagnostics.to_string();
  auto environment = config::Environment::of_map({}, config::Environment::Missing::kWarn);
  config::substitute(*node, environment, diagnostics);
  type.spec->check(*node, diagnostics, &environment);
  if (type.check) type.check(*node, diagnostics);
  EXPECT_TRUE(diagnostics.ok()) << diagnostics.to_string();
  for (const auto& field : type.spec->fields())
    EXPECT_FALSE(field.doc.empty() && field.type.type != config::TypeDoc::Type::kObject)
        << field.key;
  EXPECT_FALSE(config::markdown(*type.spec).empty());
  EXPECT_FALSE(config::json_schema(*type.spec, "x").empty());
}

TEST(Components, EachIsDescribedAndItsExampleLints) {
  stream::Registry registry;
  register_all(registry);
  for (const auto* source : registry.sources()) expect_described(*source);
  for (const auto* store : registry.stores()) expect_described(*store);
  EXPECT_GE(registry.sources().size(), 3u);
  ASSERT_NE(registry.embedded_store(), nullptr);
}

}  // namespace
}  // namespace leat::components
