#include "clients/kafka_group.h"

#include <fmt/core.h>
#include <spdlog/spdlog.h>

#include <algorithm>

#include "base/limits.h"

namespace leat::clients {
namespace {

constexpr int kPollMs = 100;
constexpr int64_t kHandOverMs = limits::kDrainOnStopMs + 2'000;
constexpr int64_t kReportMs = 5'000;

}  // namespace

Result<std::unique_ptr<KafkaGroup>> KafkaGroup::open(const KafkaOptions& options,
                                                     const std::string& group,
                                                     const stream::TopicInfo& topic) {
  std::unique_ptr<KafkaGroup> member(new KafkaGroup(group, topic.spec.name));
  KafkaSettings settings = {{"group.id", group},
                            {"enable.auto.commit", "false"},
                            {"enable.auto.offset.store", "false"},
                            {"auto.offset.reset", "latest"},  // nothing is read by it
                            {"fetch.message.max.bytes", "1024"},
                            {"queued.max.messages.kbytes", "64"}};
  if (options.consumer_protocol) {
    settings.emplace_back("group.protocol", "consumer");
  } else {
    settings.emplace_back("partition.assignment.strategy", "cooperative-sticky");
    settings.emplace_back("session.timeout.ms", std::to_string(options.session_ms));
    // Members learn of a rebalance by their heartbeat.
    settings.emplace_back("heartbeat.interval.ms",
                          std::to_string(std::clamp<int64_t>(options.session_ms / 20, 300, 3'000)));
  }
  if (!options.instance_id.empty())
    settings.emplace_back("group.instance.id", fmt::format("{}.{}", options.instance_id, group));
  const auto rebalance = [self = member.get()](rd_kafka_resp_err_t code,
                                               rd_kafka_topic_partition_list_t* partitions) {
    if (code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS)
      self->assigned(partitions);
    else
      self->revoked(partitions);
  };
  ASSIGN(member->client_, KafkaClient::open(RD_KAFKA_CONSUMER, options, settings, rebalance));
  rd_kafka_poll_set_consumer(member->client_->get());
  RdPartitions wanted(rd_kafka_topic_partition_list_new(1));
  rd_kafka_topic_partition_list_add(wanted.get(), topic.spec.name.c_str(), RD_KAFKA_PARTITION_UA);
  if (auto code = rd_kafka_subscribe(member->client_->get(), wanted.get()))
    return member->client_->error(code, fmt::format("join group {}", group));
  member->thread_ = std::jthread([self = member.get()](std::stop_token over) { self->loop(over); });
  return member;
}

KafkaGroup::~KafkaGroup() {
  {
    MutexLock lock(mutex_);
    in_use_ = false;
    moved_.notify_all();
  }
  if (thread_.joinable()) {
    thread_.request_stop();
    thread_.join();
  }
  if (!client_) return;
  commit_reported();
  rd_kafka_consumer_close(
      client_->get());  // leaves: the others need not wait for the session's end
}

void KafkaGroup::loop(const std::stop_token& over) {
  int64_t next_report = io::system_clock().steady_ms() + kReportMs;
  while (!over.stop_requested()) {
    Rd<rd_kafka_message_t, rd_kafka_message_destroy> message(
        rd_kafka_consumer_poll(client_->get(), kPollMs));
    client_->tend();
    // A lane that waits for its partitions would do so without a word.
    std::string refused = client_->refusal();
    if (!refused.empty() && !refused_) spdlog::warn("kafka: group {}: {}", group_, refused);
    refused_ = !refused.empty();
    if (message && message->err) {
      const Error error = refusal(*message);
      if (error.code() == ErrorCode::kPermission || error.code() == ErrorCode::kNotFound) {
        MutexLock lock(mutex_);
        failure_ = error;
        change_.request_stop();
        moved_.notify_all();
      }
    }
    if (io::system_clock().steady_ms() < next_report) continue;
    next_report = io::system_clock().steady_ms() + kReportMs;
    commit_reported();
  }
}

Error KafkaGroup::refusal(const rd_kafka_message_t& message) {
  const bool of_topic = message.err == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED;
  return needs(client_->error(message.err, fmt::format("join group {}", group_),
                              rd_kafka_message_errstr(&message)),
               "Read", of_topic ? "topic " + topic_ : "group " + group_);
}

void KafkaGroup::commit_reported() {
  std::map<int32_t, int64_t> reported;
  {
    MutexLock lock(mutex_);
    for (const auto& [partition, next] : std::exchange(reported_, {}))
      if (partitions_.contains(partition)) reported[partition] = next;
  }
  if (reported.empty()) return;
  RdPartitions offsets(rd_kafka_topic_partition_list_new(static_cast<int>(reported.size())));
  for (const auto& [partition, next] : reported)
    rd_kafka_topic_partition_list_add(offsets.get(), topic_.c_str(), partition)->offset = next;
  // For dashboards: one that is lost is made good by the next.
  rd_kafka_commit(client_->get(), offsets.get(), 1);
}

void KafkaGroup::assigned(rd_kafka_topic_partition_list_t* partitions) {
  RdError error(rd_kafka_incremental_assign(client_->get(), partitions));
  if (error) spdlog::warn("kafka: {}", client_->error(error.get(), "take partitions").message());
  rd_kafka_pause_partitions(client_->get(), partitions);
  MutexLock lock(mutex_);
  for (int i = 0; i < partitions->cnt; ++i) partitions_.insert(partitions->elems[i].partition);
  if (partitions->cnt > 0 || !known_) change_.request_stop();
  known_ = true;
  moved_.notify_all();
}

void KafkaGroup::revoked(rd_kafka_topic_partition_list_t* partitions) {
  const bool lost = rd_kafka_assignment_lost(client_->get()) != 0;
  {
    MutexLock lock(mutex_);
    leaving_ = true;
    change_.request_stop();
    moved_.wait_for(mutex_, {}, std::chrono::milliseconds(lost ? 0 : kHandOverMs),
                    [&]() NO_THREAD_SAFETY_ANALYSIS { return !in_use_; });
    for (int i = 0; i < partitions->cnt; ++i) partitions_.erase(partitions->elems[i].partition);
    leaving_ = false;
    moved_.notify_all();
  }
  RdError error(rd_kafka_incremental_unassign(client_->get(), partitions));
  if (error) spdlog::warn("kafka: {}", client_->error(error.get(), "give partitions").message());
}

Result<std::vector<int32_t>> KafkaGroup::assignment(std::stop_token stop) {
  MutexLock lock(mutex_);
  in_use_ = false;
  moved_.notify_all();
  moved_.wait(mutex_, stop, [&]() NO_THREAD_SAFETY_ANALYSIS {
    return failure_.has_value() || (known_ && !leaving_);
  });
  if (failure_) return *std::exchange(failure_, std::nullopt);
  if (!known_ || leaving_)
    return Error(ErrorCode::kCancelled, "stopped before the partitions were shared out");
  change_ = std::stop_source();
  in_use_ = true;
  return std::vector<int32_t>(partitions_.begin(), partitions_.end());
}

std::stop_token KafkaGroup::changing() {
  MutexLock lock(mutex_);
  return change_.get_token();
}

void KafkaGroup::report(int32_t partition, int64_t next) {
  MutexLock lock(mutex_);
  reported_[partition] = next;
}

}  // namespace leat::clients
