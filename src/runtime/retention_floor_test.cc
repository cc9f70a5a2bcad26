#include "runtime/retention_floor.h"

#include <gtest/gtest.h>

namespace leat::runtime {
namespace {

stream::TopicInfo topic(const std::string& name, uint64_t id) {
  stream::TopicInfo info;
  info.spec.name = name;
  info.id = {0, id};
  return info;
}

stream::Progress at(const stream::TopicInfo& input, const std::string& sink, int64_t next,
                    int32_t partition = 0) {
  stream::Progress row;
  row.project = "p", row.pipeline = "store", row.sink = sink;
  row.input = {input.spec.name, input.id, partition};
  row.next = next;
  return row;
}

class RetentionFloorTest : public ::testing::Test {
 protected:
  void SetUp() override {
    PipelinePlan store;
    store.name = "store";
    store.source = TopicSource{"in", {}, nullptr, {}};
    for (const char* id : {"s.a", "s.b"}) {
      SinkPlan sink;
      sink.kind = SinkPlan::Kind::kStore, sink.id = id;
      store.sinks.push_back(sink);
    }
    plan_.project = "p";
    plan_.pipelines = {store};
  }
  ProjectPlan plan_;
  const stream::TopicInfo in_ = topic("in", 7);
};

TEST_F(RetentionFloorTest, TheSlowestLaneHoldsTheTopic) {
  RetentionFloor floor(plan_);
  floor.needs(at(in_, "s.a", 90));
  EXPECT_EQ(floor(in_, 0), 0) << "the other lane has not begun";
  floor.needs(at(in_, "s.b", 40));
  EXPECT_EQ(floor(in_, 0), 40);
  EXPECT_EQ(floor(in_, 1), 0) << "of another partition nothing is known";
}

TEST_F(RetentionFloorTest, AStoresLastCheckpointHoldsIt) {
  RetentionFloor floor(plan_);
  floor.needs(at(in_, "s.a", 90)), floor.needs(at(in_, "s.b", 90));
  floor.needs(at(in_, "s.a", 55));
  EXPECT_EQ(floor(in_, 0), 55);
}

TEST_F(RetentionFloorTest, SoIsTheRetryTopic) {
  RetentionFloor floor(plan_);
  const stream::TopicInfo retry = topic("p.store.retry", 9);
  EXPECT_EQ(floor(retry, 0), 0);
  floor.needs(at(retry, "s.a", 3)), floor.needs(at(retry, "s.b", 2));
  EXPECT_EQ(floor(retry, 0), 2);
}

TEST_F(RetentionFloorTest, PositionsOfOthersHoldNothing) {
  RetentionFloor floor(plan_);
  floor.needs(at(in_, "s.gone", 1));          // a sink that the files no longer have
  floor.needs(at(topic("in", 6), "s.a", 1));  // the topic before it was recreated
  floor.needs(at(in_, "s.a", 90)), floor.needs(at(in_, "s.b", 80));
  EXPECT_EQ(floor(in_, 0), 80);
  EXPECT_EQ(floor(topic("other", 1), 0), INT64_MAX);
}

TEST(PipelinePlan, ASourcesTopicsShareOneLane) {
  PipelinePlan plan;
  plan.name = "capture";
  plan.source = ComponentSource{"http", {}};
  for (auto [kind, id] : {std::pair(SinkPlan::Kind::kTopic, "t1"),
                          {SinkPlan::Kind::kStore, "s.a"},
                          {SinkPlan::Kind::kTopic, "t2"}}) {
    SinkPlan sink;
    sink.kind = kind, sink.id = id;
    plan.sinks.push_back(sink);
  }
  const std::vector<LanePlan> lanes = plan.lanes();
  ASSERT_EQ(lanes.size(), 2u);
  EXPECT_EQ(lanes[0].id, "s.a");
  EXPECT_EQ(lanes[1].id, "*");
  EXPECT_EQ(lanes[1].sinks, (std::vector<size_t>{0, 2}));
  EXPECT_EQ(plan.origin(), "http:capture");
}

}  // namespace
}  // namespace leat::runtime
