// Against librdkafka's own mock cluster, which fails as it is told to.
#include "clients/kafka_admin.h"

#include <gtest/gtest.h>
#include <librdkafka/rdkafka_mock.h>

#include "testing/result.h"

namespace leat::clients {
namespace {

constexpr int16_t kListOffsets = 2;  // Kafka's number of this request

class KafkaAdminTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char text[256];
    rd_kafka_conf_t* conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "log_level", "3", text, sizeof text);  // it has no brokers, and says so
    host_.reset(rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof text));
    ASSERT_TRUE(host_) << text;
    cluster_.reset(rd_kafka_mock_cluster_new(host_.get(), 1));
    ASSERT_TRUE(cluster_);
    topic_.spec.name = "events", topic_.spec.partitions = 2;
    ASSERT_EQ(rd_kafka_mock_topic_create(cluster_.get(), "events", 2, 1),
              RD_KAFKA_RESP_ERR_NO_ERROR);
    KafkaOptions options;
    options.brokers = rd_kafka_mock_cluster_bootstraps(cluster_.get());
    auto client = KafkaClient::open(RD_KAFKA_PRODUCER, options, {});
    ASSERT_OK(client);
    client_ = std::move(*client);
  }
  void lose_answers(size_t count) {
    const std::vector<rd_kafka_resp_err_t> lost(count, RD_KAFKA_RESP_ERR__TRANSPORT);
    rd_kafka_mock_push_request_errors_array(cluster_.get(), kListOffsets, count, lost.data());
  }

  Rd<rd_kafka_t, rd_kafka_destroy> host_;
  Rd<rd_kafka_mock_cluster_t, rd_kafka_mock_cluster_destroy> cluster_;
  std::unique_ptr<KafkaClient> client_;
  stream::TopicInfo topic_;
};

TEST_F(KafkaAdminTest, OffsetsWhoseAnswerIsLostAreAskedForAgain) {
  KafkaAdmin admin(*client_, 1, 10'000);
  lose_answers(3);
  auto extent = admin.extent(topic_, 0);
  ASSERT_OK(extent);
  EXPECT_EQ(extent->start, 0);
  EXPECT_EQ(extent->stable, 0);
  EXPECT_EQ(extent->high, 0);
}

TEST_F(KafkaAdminTest, OffsetsThatDoNotComeAreAnErrorAndNoNumbers) {
  KafkaAdmin admin(*client_, 1, 1'000);
  lose_answers(1'000);
  auto ends = admin.high_watermarks(topic_);
  ASSERT_FALSE(ends.has_value());
  EXPECT_EQ(ends.error().code(), ErrorCode::kUnavailable) << ends.error().to_string();
  EXPECT_EQ(ends.error().retry(), Retry::kReconnect);
}

}  // namespace
}  // namespace leat::clients
