#include "clients/kafka_table.h"

#include <fmt/core.h>

#include <algorithm>

namespace leat::clients {
namespace {

constexpr int32_t kPartitions = 16;
constexpr std::chrono::milliseconds kPoll{200};
constexpr stream::ReadLimits kLimits{10'000, 32 * limits::kMiB};

}  // namespace

Result<stream::TopicInfo> KafkaTable::topic() {
  MutexLock lock(mutex_);
  if (!topic_) {
    stream::TopicSpec spec;
    spec.name = name_;
    spec.partitions = kPartitions;
    ASSIGN(
        topic_,
        admin_.ensure(spec, {{"cleanup.policy", "compact"},
                             {"segment.bytes", "16777216"},
                             {"min.cleanable.dirty.ratio", "0.1"},
                             {"max.message.bytes", std::to_string(limits::kMaxKafkaRecordBytes)}}));
  }
  return *topic_;
}

/// False while the topic is not there: nothing has been written.
Result<bool> KafkaTable::start() {
  if (reader_) return true;
  if (!topic_) {
    auto found = admin_.find(name_);
    if (!found && found.error().code() == ErrorCode::kNotFound) return false;
    if (!found) return std::move(found).error();
    topic_ = std::move(*found);
  }
  ASSIGN(auto reader, KafkaReader::open(options_, admin_, *topic_));
  next_.clear();
  rows_.clear();
  for (int32_t p = 0; p < topic_->spec.partitions; ++p) {
    reader->seek_start(p);
    next_[p] = 0;
  }
  reader_ = std::move(reader);
  return true;
}

Result<void> KafkaTable::refresh() {
  ASSIGN(bool there, start());
  if (!there) return {};
  ASSIGN(std::vector<int64_t> ends, admin_.high_watermarks(*topic_));
  const auto behind = [&]() NO_THREAD_SAFETY_ANALYSIS {
    return std::any_of(next_.begin(), next_.end(), [&](const auto& part) {
      return part.second < ends[static_cast<size_t>(part.first)];
    });
  };
  io::Clock& clock = io::system_clock();
  // A dead process's transaction ends by itself after its own time.
  const int64_t until = clock.steady_ms() + 2 * options_.transaction_ms + options_.connect_ms;
  stream::RecordBatch batch;
  while (behind()) {
    auto some = reader_->poll(batch, kLimits, {}, kPoll);
    if (!some) {
      reader_.reset();
      return std::move(some).error();
    }
    if (*some) next_[batch.origin.partition] = batch.next_offset;
    for (const stream::Record& record : batch.records) {
      if (!record.key) continue;
      if (record.value)
        rows_.insert_or_assign(std::string(*record.key), std::string(*record.value));
      else
        rows_.erase(std::string(*record.key));
    }
    if (clock.steady_ms() >= until) {
      return Error(ErrorCode::kTimeout,
                   fmt::format("topic {} cannot be read to its end: an open transaction, or "
                               "partitions without a leader",
                               name_))
          .with_blame(Blame::kExternal)
          .with_retry(Retry::kBackoff);
    }
  }
  return {};
}

Result<std::vector<KafkaTable::Row>> KafkaTable::below(std::string_view prefix) {
  MutexLock lock(mutex_);
  TRY(refresh());
  std::vector<Row> out;
  for (auto it = rows_.lower_bound(prefix); it != rows_.end() && it->first.starts_with(prefix);
       ++it)
    out.emplace_back(*it);
  return out;
}

Result<std::optional<std::string>> KafkaTable::get(std::string_view key) {
  MutexLock lock(mutex_);
  TRY(refresh());
  auto it = rows_.find(key);
  return it == rows_.end() ? std::nullopt : std::optional(it->second);
}

}  // namespace leat::clients
