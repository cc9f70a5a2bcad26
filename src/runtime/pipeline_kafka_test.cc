// A pipeline whose log is the real Kafka: what it takes over when it starts.
#include <fmt/core.h>
#include <gtest/gtest.h>

#include "clients/kafka_log.h"
#include "runtime/supervisor.h"
#include "testing/kafka.h"
#include "testing/result.h"

namespace leat::runtime {
namespace {

class PipelineKafkaTest : public ::testing::Test {
 protected:
  void SetUp() override {
    NEEDS_KAFKA();
    plan_.project = fmt::format("unit-{}", clock_.now_us());
    log_ = open();
    PipelinePlan copy;
    copy.name = "copy";
    copy.source = TopicSource{plan_.project + "-in", {}, nullptr, {}};
    types::Schema schema;
    schema.fields = {{"id", types::Kind::kInt64, true, {}}};
    copy.input_schema = schema;
    SinkPlan sink;
    sink.kind = SinkPlan::Kind::kTopic;
    sink.id = sink.topic = plan_.project + "-out";
    copy.sinks = {sink};
    plan_.pipelines = {copy};
  }
  void TearDown() override {
    if (!log_) return;
    auto all = log_->topics().list();
    for (const auto& topic : all.value())
      if (topic.spec.name.starts_with(plan_.project))
        ASSERT_OK(log_->topics().remove(topic.spec.name));
  }

  static std::unique_ptr<clients::KafkaLog> open() {
    clients::KafkaOptions options;
    options.brokers = testing::kafka_brokers();
    options.transaction_ms = options.session_ms = 6'000;
    return clients::KafkaLog::open(options).value();
  }
  stream::TopicInfo topic(const std::string& name, int32_t partitions) {
    stream::TopicSpec spec;
    spec.name = name;
    spec.partitions = partitions;
    return log_->topics().ensure(spec).value();
  }
  Result<void> run_to_the_end() {
    StoreSet stores(plan_, components_, {});
    Services services{clock_, *log_, components_, stores, metrics_, environment_};
    RunOptions options;
    options.drain = true;
    options.timeout_ms = 60'000;
    return Supervisor(plan_, services, options).run({});
  }

  io::Clock& clock_ = io::system_clock();
  ProjectPlan plan_;
  stream::Registry components_;
  metrics::Registry metrics_;
  config::Environment environment_;
  std::unique_ptr<clients::KafkaLog> log_;
};

TEST_F(PipelineKafkaTest, RetryPartitionsBeyondTheInputsAreTakenOver) {
  const std::string& project = plan_.project;
  topic(project + "-in", 1);
  // Made while the pipeline read a topic of more partitions.
  topic(plan_.retry_topic("copy"), 3);
  const stream::TopicInfo out = topic(project + "-out", 1);
  auto others = open();
  stream::OutRecord late;
  late.value = "{\"id\": 1}";
  // A process that was taken for dead: it has the lane's partitions 0 and 2, and another's.
  std::vector<std::unique_ptr<stream::LogTransaction>> zombies;
  for (const char* owner : {"copy.{0}-out.0", "copy.{0}-out.2", "other.{0}-out.2"}) {
    auto zombie = others->begin(project + "." + fmt::format(fmt::runtime(owner), project));
    ASSERT_OK(zombie);
    ASSERT_OK((*zombie)->append(out, 0, {&late, 1}));
    zombies.push_back(std::move(*zombie));
  }
  ASSERT_OK(run_to_the_end());
  for (int taken : {0, 1}) {
    auto refused = zombies[static_cast<size_t>(taken)]->commit();
    ASSERT_FALSE(refused) << taken;
    EXPECT_EQ(refused.error().code(), ErrorCode::kConflict) << refused.error().to_string();
  }
  EXPECT_OK(zombies[2]->commit());
}

}  // namespace
}  // namespace leat::runtime
