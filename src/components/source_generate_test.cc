#include "components/source_generate.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>

#include "base/limits.h"
#include "base/strings.h"
#include "config/yaml.h"
#include "testing/manual_clock.h"

namespace leat::components {
namespace {

struct Made {
  std::vector<std::optional<std::string>> values;
  std::string cursor;
  bool exhausted = false;
};

std::unique_ptr<stream::Source> make(const std::string& yaml, io::Clock* clock = nullptr) {
  stream::Registry registry;
  register_source_generate(registry);
  config::Diagnostics diagnostics;
  auto node = config::parse_yaml(yaml, "f", diagnostics);
  stream::SourceContext context;
  context.clock = clock;
  auto source = registry.source("generate")->make(*node, context);
  EXPECT_TRUE(source) << source.error().to_string();
  return std::move(*source);
}

Made read(stream::Source& source, size_t pages = SIZE_MAX) {
  Made out;
  for (size_t i = 0; i < pages && !out.exhausted; ++i) {
    auto page = source.read({});
    EXPECT_TRUE(page);
    for (const auto& record : page->records)
      out.values.push_back(record.value ? std::optional<std::string>(*record.value) : std::nullopt);
    out.cursor = page->cursor;
    out.exhausted = page->exhausted;
  }
  return out;
}

Made run(const std::string& yaml, const std::string& cursor = "") {
  auto source = make(yaml);
  EXPECT_TRUE(source->open(cursor));
  return read(*source);
}

TEST(Generate, RecordsAreValidAndAboutOneKilobyte) {
  Made made = run("{count: 1500, seed: 7}");
  ASSERT_EQ(made.values.size(), 1500u);
  std::set<std::string> ids;
  size_t bytes = 0;
  for (const auto& value : made.values) {
    auto json = nlohmann::json::parse(*value);
    ids.insert(json["login"]["uuid"]);
    EXPECT_EQ(json["login"]["uuid"].get<std::string>().size(), 36u);
    EXPECT_EQ(json["dob"]["date"].get<std::string>().size(), 24u);
    EXPECT_TRUE(is_utf8(*value));
    bytes += value->size();
  }
  EXPECT_EQ(ids.size(), 1500u);
  EXPECT_NEAR(static_cast<double>(bytes) / 1500, 1057, 150);
}

TEST(Generate, ARecordDependsOnSeedAndNumberAlone) {
  Made whole = run("{count: 3000, seed: 7, bad: {any: 0.3}}");
  auto first = make("{count: 3000, seed: 7, bad: {any: 0.3}}");
  ASSERT_TRUE(first->open(""));
  Made begin = read(*first, 2);
  Made rest = run("{count: 3000, seed: 7, bad: {any: 0.3}}", begin.cursor);
  begin.values.insert(begin.values.end(), rest.values.begin(), rest.values.end());
  EXPECT_EQ(begin.values, whole.values);
  EXPECT_NE(run("{count: 3000, seed: 8, bad: {any: 0.3}}").values, whole.values);
  EXPECT_EQ(run("{count: 3000, seed: 7}", rest.cursor).values.size(), 0u);
}

TEST(Generate, KeysBoundTheIds) {
  std::set<std::string> ids;
  for (const auto& value : run("{count: 1200, keys: 40}").values)
    ids.insert(nlohmann::json::parse(*value)["login"]["uuid"]);
  EXPECT_EQ(ids.size(), 40u);
}

TEST(Generate, BadRecordsHaveTheirShareAndKind) {
  auto count = [](const std::string& kind, auto broken) {
    size_t n = 0;
    for (const auto& value : run("{count: 800, bad: {" + kind + ": 0.25}}").values)
      n += broken(value) ? 1 : 0;
    EXPECT_NEAR(static_cast<double>(n), 200, 50) << kind;
  };
  using Value = std::optional<std::string>;
  auto json = [](const Value& v) { return nlohmann::json::parse(*v, nullptr, false); };
  count("null_value", [](const Value& v) { return !v; });
  count("malformed", [&](const Value& v) { return json(v).is_discarded(); });
  count("invalid_utf8", [](const Value& v) { return !is_utf8(*v); });
  count("not_object", [&](const Value& v) { return json(v).is_array(); });
  count("missing_field", [&](const Value& v) { return !json(v)["login"].contains("uuid"); });
  count("null_id", [&](const Value& v) { return json(v)["login"]["uuid"].is_null(); });
  count("bad_uuid", [&](const Value& v) { return json(v)["login"]["uuid"] == "not-a-uuid"; });
  count("wrong_type", [&](const Value& v) { return json(v)["email"].is_object(); });
  count("bad_email", [&](const Value& v) { return v->find('@') == std::string::npos; });
  count("bad_date", [](const Value& v) { return v->find("31/12/1999") != std::string::npos; });
  count("duplicate_key", [](const Value& v) { return v->find("second@") != std::string::npos; });
  count("out_of_range",
        [](const Value& v) { return v->find("\"age\":9999999") != std::string::npos; });
  count("too_deep", [](const Value& v) { return v->find("[[[[") != std::string::npos; });
  bool large = false;
  for (const auto& value : run("{count: 3, bad: {too_large: 1}}").values)
    large = value->size() > limits::kMaxRecordBytes;
  EXPECT_TRUE(large);
}

TEST(Generate, TheRateIsKeptByTheClock) {
  leat::testing::ManualClock clock;
  auto source = make("{rate: 100/s}", &clock);
  ASSERT_TRUE(source->open(""));
  size_t records = 0;
  const int64_t start = clock.steady_ms();
  while (clock.steady_ms() - start < 10'000) records += source->read({})->records.size();
  EXPECT_NEAR(static_cast<double>(records), 1000, 2);
  EXPECT_FALSE(source->bounded());
  EXPECT_FALSE(source->rereadable());
}

TEST(Generate, WrongKeysAreRefused) {
  stream::Registry registry;
  register_source_generate(registry);
  auto said = [&](const char* yaml) {
    config::Diagnostics diagnostics;
    auto node = config::parse_yaml(yaml, "f", diagnostics);
    registry.source("generate")->spec->check(*node, diagnostics);
    return diagnostics.to_string();
  };
  EXPECT_EQ(said(registry.source("generate")->example_yaml.c_str()), "");
  EXPECT_NE(said("bad: {malfomed: 0.1}").find("found `malfomed`; did you mean `malformed`?"),
            std::string::npos);
  EXPECT_NE(said("bad: {malformed: 0.6, any: 0.6}").find("more than 1"), std::string::npos);
  EXPECT_NE(said("bad: {malformed: 2}").find("a number from 0 to 1"), std::string::npos);
  EXPECT_FALSE(make("{}")->open("nonsense"));
}

}  // namespace
}  // namespace leat::components
