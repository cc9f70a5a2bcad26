#include "stream/registry.h"

#include <gtest/gtest.h>

#include "config/spec.h"

namespace leat::stream {
namespace {

struct Nothing {};

SourceType source(const std::string& name) {
  static const config::Spec<Nothing> spec("s", "");
  SourceType out;
  out.name = name;
  out.spec = &spec;
  out.make = [](const config::Node&, const SourceContext&) -> Result<std::unique_ptr<Source>> {
    return Error(ErrorCode::kInternal, "not made");
  };
  return out;
}

TEST(Registry, FindsByNameAndListsSorted) {
  Registry registry;
  registry.add(source("b"));
  registry.add(source("a"));
  EXPECT_EQ(registry.source("a")->name, "a");
  EXPECT_EQ(registry.source("c"), nullptr);
  ASSERT_EQ(registry.sources().size(), 2u);
  EXPECT_EQ(registry.sources()[0]->name, "a");
  EXPECT_EQ(registry.embedded_store(), nullptr);
  EXPECT_FALSE(registry.components().sources.at("b").rereadable);
  EXPECT_DEATH(registry.add(source("a")), "registered twice");
  EXPECT_DEATH(registry.add(SourceType{}), "without spec");
}

}  // namespace
}  // namespace leat::stream
