#include "runtime/drift.h"

#include <gtest/gtest.h>

namespace leat::runtime {
namespace {

using Lines = std::vector<std::string>;

types::Schema expected() {
  using types::Kind;
  using types::Type;
  types::Schema schema;
  schema.fields = {{"id", Kind::kInt64, true},
                   {"code", Type::varchar_of(types::kScalarInteger | types::kScalarString)},
                   {"born", Kind::kTimestampTz},
                   {"place", Type::structure({{"city", Kind::kVarchar}})},
                   {"tags", Type::list(Kind::kVarchar)}};
  return schema;
}

TEST(Drift, ARecordOfTheExpectedTypesIsSilent) {
  DriftWatch watch(expected());
  EXPECT_EQ(
      watch.look(
          R"({"id":1,"code":"AB1","born":"2000-01-01T00:00:00Z","place":{"city":"x"},"tags":["a"]})"),
      Lines());
  EXPECT_EQ(watch.look(R"({"id":1,"code":17,"born":null,"place":null,"tags":[]})"), Lines());
  EXPECT_EQ(watch.look("{\"id\":1"), Lines()) << "a reject says so itself";
}

TEST(Drift, TellsNewFieldsAndOtherTypesOnce) {
  DriftWatch watch(expected());
  const char* record =
      R"({"id":"7","code":true,"place":{"city":1.5,"floor":3},"tags":[5],"extra":{"a":1}})";
  EXPECT_EQ(watch.look(record),
            (Lines{"code is a boolean, expected VARCHAR", "extra is new (an object)",
                   "id is a string, expected BIGINT",
                   "place.city is a number with a fraction, expected VARCHAR",
                   "place.floor is new (a number)", "tags[] is a number, expected VARCHAR"}));
  EXPECT_EQ(watch.look(record), Lines());
}

TEST(Drift, LooksAtOneRecordInAThousandAndAtRejects) {
  DriftWatch watch(expected());
  Outcome outcome;
  for (int64_t offset = 1995; offset < 2005; ++offset) {
    stream::Record record;
    record.offset = offset;
    record.value = offset == 2000   ? R"({"id":1,"sampled":1})"
                   : offset == 2003 ? R"({"id":1,"rejected":1})"
                                    : R"({"other":1})";
    outcome.input.records.records.push_back(record);
  }
  outcome.rejects.push_back({8, stream::Stage::kQuality, stream::Reason::kRuleFailed, "r", "m"});
  EXPECT_EQ(watch.look(outcome),
            (Lines{"sampled is new (a number)", "rejected is new (a number)"}));
}

TEST(Drift, RemembersABoundedNumber) {
  DriftWatch watch(expected());
  size_t told = 0;
  for (int i = 0; i < 300; ++i) told += watch.look(fmt::format(R"({{"field_{}":1}})", i)).size();
  EXPECT_EQ(told, DriftWatch::kMostFindings);
}

}  // namespace
}  // namespace leat::runtime
