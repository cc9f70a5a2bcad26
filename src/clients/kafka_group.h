// KafkaGroup: a consumer group of Kafka's as stream::Membership: it shares partitions out, and reads nothing.
//
// A thread of its own keeps the consumer polled, so a lane that is held up by its sink stays a member. When partitions
// are to go, librdkafka waits in the rebalance callback until the lane has come back with assignment(), or for
// limits::kDrainOnStopMs and a little; then they go. A process that was silent longer than the session has lost them
// already: what it writes is refused by the fences of sinks and log, not here.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <thread>
#include <vector>

#include "clients/kafka_client.h"

namespace leat::clients {

class KafkaGroup final : public stream::Membership {
 public:
  static Result<std::unique_ptr<KafkaGroup>> open(const KafkaOptions& options,
                                                  const std::string& group,
                                                  const stream::TopicInfo& topic);
  ~KafkaGroup() override;

  Result<std::vector<int32_t>> assignment(std::stop_token stop) override;
  std::stop_token changing() override;
  void report(int32_t partition, int64_t next) override;

 private:
  KafkaGroup(std::string group, std::string topic)
      : group_(std::move(group)), topic_(std::move(topic)) {}
  void loop(const std::stop_token& over);
  Error refusal(const rd_kafka_message_t& message);
  void commit_reported();
  void assigned(rd_kafka_topic_partition_list_t* partitions);
  void revoked(rd_kafka_topic_partition_list_t* partitions);

  const std::string group_, topic_;
  std::unique_ptr<KafkaClient> client_;
  Mutex mutex_;
  CondVar moved_;
  std::set<int32_t> partitions_ GUARDED_BY(mutex_);
  bool known_ GUARDED_BY(mutex_) = false;    // an assignment has come
  bool leaving_ GUARDED_BY(mutex_) = false;  // some are about to go
  bool in_use_ GUARDED_BY(mutex_) = false;   // the lane works on what it was given
  std::optional<Error> failure_ GUARDED_BY(mutex_);
  std::stop_source change_ GUARDED_BY(mutex_);
  std::map<int32_t, int64_t> reported_ GUARDED_BY(mutex_);
  bool refused_ = false;  // the thread's
  std::jthread thread_;
};

}  // namespace leat::clients
