// Records without a value in a lane's transform stage: what deletes, what is rejected, and what the ledger says.
#include "runtime/tombstones.h"

#include <gtest/gtest.h>

#include "runtime/compile.h"
#include "runtime/transformer.h"

namespace leat::runtime {
namespace {

struct Input {
  std::optional<std::string> key, value;
};

class TombstonesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    plan_.name = "p";
    plan_.source = TopicSource{"in", {}, nullptr, {}};
    plan_.steps = {{"SELECT n * 2 AS twice, k FROM input WHERE n <> 7"}};
    plan_.rules = {{"small", "twice < 100", OnFail::kDrop}};
    SinkPlan sink;
    sink.kind = SinkPlan::Kind::kStore;
    sink.id = "s.t", sink.store = "s", sink.table = "t", sink.key = {"k"};
    sink.upsert = sink.deletes = true;
    plan_.sinks = {sink};
    schema_.fields = {{"k", types::Kind::kInt32, true}, {"n", types::Kind::kInt32}};
    engine_ = open_engine(plan_).value();
  }

  void run(Outcome& out, const std::vector<Input>& inputs) {
    auto query = compile(*engine_->engine, plan_, schema_).value();
    auto tombstones = make_tombstones(query->output(), plan_.sinks[0]).value();
    auto decoder = make_decoder(plan_, *query, schema_).value();
    Transformer transformer(plan_, std::move(query), std::move(decoder), {}, true,
                            std::move(tombstones));
    for (size_t i = 0; i < inputs.size(); ++i) {
      stream::Record record;
      record.offset = static_cast<int64_t>(10 + i);
      if (inputs[i].key) record.key = *inputs[i].key;
      if (inputs[i].value) record.value = *inputs[i].value;
      out.input.records.records.push_back(record);
      out.input.records.versions.push_back(static_cast<int64_t>(100 + i));
    }
    auto done = transformer.run(out);
    ASSERT_TRUE(done.has_value()) << done.error().to_string();
  }

  PipelinePlan plan_;
  types::Schema schema_;
  std::unique_ptr<LoadedEngine> engine_;
};

TEST_F(TombstonesTest, DeletesTravelBesideTheRowsWithTheirVersions) {
  Outcome out;
  const std::vector<Input> inputs = {{"1", R"({"k":1,"n":5})"},   {"2", std::nullopt},
                                     {"3", R"({"k":3,"n":7})"},   {"x", std::nullopt},
                                     {"4", R"({"k":4,"n":500})"}, {std::nullopt, std::nullopt},
                                     {"5", R"({"k":5)"},          {"6", std::nullopt}};
  run(out, inputs);
  ASSERT_EQ(out.query.rows(), 1u);
  ASSERT_EQ(out.deletes.rows(), 2u);
  const types::Batch& keys = out.deletes.chunks[0];
  ASSERT_EQ(keys.columns.size(), 2u);
  EXPECT_FALSE(keys.columns[0].valid(0));
  EXPECT_FALSE(keys.columns[0].valid(1));
  EXPECT_EQ(keys.columns[1].at<int32_t>(0), 2);
  EXPECT_EQ(keys.columns[1].at<int32_t>(1), 6);
  EXPECT_EQ(out.versions, (std::vector<std::vector<int64_t>>{{100}, {101, 107}}));
  EXPECT_EQ(out.offsets, (std::vector<std::vector<int64_t>>{{10}, {11, 17}}));
  EXPECT_EQ(out.record_of(1, 1), 7u);
  EXPECT_EQ(out.record_of(1, 2), std::nullopt);
  EXPECT_EQ(out.record_of(2, 0), std::nullopt);
  ASSERT_EQ(out.rejects.size(), 3u);
  EXPECT_EQ(out.rejects[0].record, 3u);
  EXPECT_EQ(out.rejects[0].stage, stream::Stage::kDecode);
  EXPECT_EQ(out.rejects[1].reason, stream::Reason::kNullKey);
  EXPECT_EQ(out.rejects[2].record, 6u);
  EXPECT_TRUE(out.delta.balanced());
  EXPECT_EQ(out.delta.in, 8);
  EXPECT_EQ(out.delta.delivered, 3);  // one row, two deletes
  EXPECT_EQ(out.delta.rows, 3);
  EXPECT_EQ(out.delta.dropped, 1);
  EXPECT_EQ(out.delta.filtered, 1);
}

TEST_F(TombstonesTest, ARowWithAnotherKeyThanItsMessageIsRejected) {
  Outcome out;
  run(out, {{"1", R"({"k":1,"n":5})"},
            {"001", R"({"k":2,"n":5})"},
            {"2", R"({"k":3,"n":5})"},
            {std::nullopt, R"({"k":4,"n":5})"},
            {" 5", R"({"k":5,"n":5})"}});
  EXPECT_EQ(out.query.rows(), 2u);
  ASSERT_EQ(out.rejects.size(), 3u);
  EXPECT_EQ(out.rejects[1].record, 2u);
  EXPECT_EQ(out.rejects[1].stage, stream::Stage::kSink);
  EXPECT_EQ(out.rejects[1].reason, stream::Reason::kSinkRefused);
  EXPECT_EQ(out.rejects[1].message,
            "the row's key is `3`, the message's `2`; with `on_tombstone: delete` they must be the "
            "same, or a null value deletes another row");
  EXPECT_EQ(out.rejects[2].message,
            "the row's key is `4`, the message's is null; with `on_tombstone: delete` they must be "
            "the same, or a null value deletes another row");
  EXPECT_TRUE(out.delta.balanced());
}

TEST_F(TombstonesTest, ABatchOfNothingElseAndThenOneWithoutAny) {
  Outcome out;
  run(out, {{"1", std::nullopt}, {"2", std::nullopt}});
  EXPECT_EQ(out.query.rows(), 0u);
  EXPECT_EQ(out.deletes.rows(), 2u);
  EXPECT_EQ(out.delta.delivered, 2);
  out.clear();
  run(out, {{"1", R"({"k":1,"n":5})"}});
  EXPECT_EQ(out.deletes.rows(), 0u);
  EXPECT_EQ(out.versions, (std::vector<std::vector<int64_t>>{{100}}));
}

TEST_F(TombstonesTest, WithoutOnTombstoneTheyAreBadRecords) {
  plan_.sinks[0].deletes = false;
  Outcome out;
  run(out, {{"1", std::nullopt}});
  ASSERT_EQ(out.rejects.size(), 1u);
  EXPECT_EQ(out.rejects[0].reason, stream::Reason::kNullValue);
}

TEST_F(TombstonesTest, AKeyThatNoMessageGivesBackIsAnErrorInTheFile) {
  plan_.steps = {{"SELECT n, {'a': k} AS k FROM input"}};
  plan_.rules.clear();
  auto query = compile(*engine_->engine, plan_, schema_);
  ASSERT_FALSE(query.has_value());
  EXPECT_NE(query.error().to_string().find("which no message's key gives back"), std::string::npos)
      << query.error().to_string();
}

TEST_F(TombstonesTest, TheyArePartOfThePipelinesHash) {
  auto query = compile(*engine_->engine, plan_, schema_).value();
  const std::string with = pipeline_hash(plan_, *engine_, *query);
  plan_.sinks[0].deletes = false;
  EXPECT_NE(pipeline_hash(plan_, *engine_, *query), with);
}

}  // namespace
}  // namespace leat::runtime
