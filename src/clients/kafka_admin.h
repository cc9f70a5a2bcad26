// KafkaAdmin: topics of a cluster, and where their partitions begin and end. Internal to clients/.
#pragma once

#include <atomic>
#include <map>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "clients/kafka_client.h"

namespace leat::clients {

/// Any thread; each call waits for the cluster's answer, at most `timeout_ms`.
class KafkaAdmin final : public stream::TopicAdmin {
 public:
  KafkaAdmin(KafkaClient& client, int replication, int64_t timeout_ms)
      : client_(client), replication_(replication), timeout_ms_(timeout_ms) {}

  /// More partitions than declared are taken as they are: Kafka's may grow.
  Result<stream::TopicInfo> ensure(const stream::TopicSpec& spec) override;
  Result<stream::TopicInfo> find(const std::string& name) override;
  /// Without the brokers' own topics and leat's.
  Result<std::vector<stream::TopicInfo>> list() override;
  Result<void> remove(const std::string& name) override;
  /// The end is the last stable offset: what readers of committed records can reach.
  Result<stream::PartitionBounds> bounds(const stream::TopicInfo& topic,
                                         int32_t partition) override;
  bool has_gaps() const override { return true; }
  Result<int64_t> offset_for_time(const stream::TopicInfo& topic, int32_t partition,
                                  int64_t timestamp_ms) override;

  /// Where a partition begins, where its committed records end, and where all of them do.
  struct Extent {
    int64_t start = 0, stable = 0, high = 0;
  };
  Result<Extent> extent(const stream::TopicInfo& topic, int32_t partition);
  /// What the topics that this process uses take in one batch, as far as that is known.
  int64_t batch_bytes() const { return batch_bytes_.load(); }
  /// The offset after the last record of each partition, of open transactions too.
  Result<std::vector<int64_t>> high_watermarks(const stream::TopicInfo& topic);
  /// Where the members of a group are: "10.0.0.7", each once for each member.
  Result<std::vector<std::string>> members(const std::string& group);
  /// A topic with settings of leat's own.
  Result<stream::TopicInfo> ensure(const stream::TopicSpec& spec,
                                   const std::map<std::string, std::string>& settings);

 private:
  struct Offset {
    int64_t offset = -1, timestamp_ms = -1;
  };
  Result<std::vector<stream::TopicInfo>> describe(const std::vector<std::string>& names);
  Result<void> add_settings(std::vector<stream::TopicInfo>& topics);
  void compare(const stream::TopicSpec& declared, const stream::TopicSpec& found);
  /// A warning, once.
  void tell(std::string text);
  /// One question: an offset or time of each of some partitions.
  struct Question {
    int64_t of = 0;
    bool committed = true;
  };
  /// Answers in the order of the questions, and of the partitions; all asked at once.
  using Answers = std::vector<std::vector<Offset>>;
  Result<Answers> offsets(const stream::TopicInfo& topic, const std::vector<int32_t>& partitions,
                          std::span<const Question> questions);
  Result<Answers> ask(const stream::TopicInfo& topic, const std::vector<int32_t>& partitions,
                      std::span<const Question> questions, bool& leaderless);
  void look_anew(const std::string& topic, int64_t timeout_ms);
  Result<void> create(const stream::TopicSpec& spec,
                      const std::map<std::string, std::string>& settings);
  Result<RdEvent> answer(rd_kafka_queue_t* queue, const std::string& what);

  KafkaClient& client_;
  const int replication_;
  const int64_t timeout_ms_;
  std::atomic<int64_t> batch_bytes_{1'000'000};
  Mutex mutex_;
  std::set<std::string> told_ GUARDED_BY(mutex_);
};

}  // namespace leat::clients
