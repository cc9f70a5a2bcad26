#include "log/writer.h"

#include <rocksdb/write_batch.h>

#include "base/limits.h"
#include "io/fault.h"

namespace leat::log {
namespace {

/// A WriteBatch's own bytes beside keys and values, roughly.
constexpr size_t kRowOverhead = 64;

}  // namespace

size_t Intent::bytes() const {
  size_t sum = 0;
  for (const auto& append : appends) {
    for (const auto& batch : append.batches) sum += batch.value_bytes() + 4 * kRowOverhead;
  }
  for (const auto& row : progress) {
    sum += row.key.size() + row.progress.cursor.size() + 4 * kRowOverhead;
  }
  for (const auto& [key, value] : state)
    sum += key.size() + (value ? value->size() : 0) + kRowOverhead;
  return sum;
}

/// One write in the making, and what it will have changed.
struct Writer::Group {
  explicit Group(size_t bytes, int64_t now) : batch(bytes), now_ms(now) {}
  rocksdb::WriteBatch batch;
  int64_t now_ms;
  TopicTable::Changes partitions;
  std::map<std::string, int64_t> next;  // of progress rows put so far
  // Valid while the group is built and written: the store is not reopened meanwhile.
  rocksdb::ColumnFamilyHandle* log = nullptr;
  rocksdb::ColumnFamilyHandle* meta = nullptr;
  rocksdb::ColumnFamilyHandle* state = nullptr;
};

uint64_t Writer::begin(const std::string& owner) {
  MutexLock lock(queue_mutex_);
  return ++tickets_[owner];
}

Result<void> Writer::commit(Intent& intent) {
  std::vector<Intent*> group;
  {
    MutexLock lock(queue_mutex_);
    intent.done = false;
    queue_.push_back(&intent);
    // No deadline: who leads always returns, and wakes everybody.
    written_.wait(queue_mutex_, {}, [&]() NO_THREAD_SAFETY_ANALYSIS {
      return intent.done || (!leading_ && queue_.front() == &intent);
    });
    if (intent.done) return intent.result;
    leading_ = true;
    for (size_t bytes = 0; !queue_.empty() && group.size() < limits::kLogGroupTransactions;) {
      bytes += queue_.front()->bytes();
      if (!group.empty() && bytes > limits::kLogGroupBytes) break;
      group.push_back(queue_.front());
      queue_.pop_front();
    }
  }
  write_group(group);
  MutexLock lock(queue_mutex_);
  for (auto* written : group) written->done = true;
  leading_ = false;
  written_.notify_all();
  return intent.result;
}

void Writer::write_group(std::span<Intent* const> intents) {
  MutexLock writing(write_mutex_);
  if (auto ready = store_.ready(); !ready) {
    for (auto* intent : intents) intent->result = ready;
    return;
  }
  size_t bytes = kRowOverhead;
  for (const auto* intent : intents) bytes += intent->bytes();
  Group group(bytes, clock_.now_ms());
  std::vector<Intent*> staged;
  if (auto at = store_.access()) {
    group.log = (*at)->log;
    group.meta = (*at)->meta;
    group.state = (*at)->state;
  } else {
    for (auto* intent : intents) intent->result = at.error();
    return;
  }
  for (auto* intent : intents) {
    if (intent->attempt && store_.survived(*intent->attempt)) {
      intent->result = {};  // it had happened; the reopened store has it
    } else if (intent->result = stage(*intent, group); intent->result) {
      staged.push_back(intent);
    }
  }
  if (staged.empty()) return;
  if (auto written = store_.write(group.batch, "log.commit"); !written) {
    for (auto* intent : staged) {
      intent->result = written;
      intent->attempt = store_.latest_attempt();
    }
    return;
  }
  topics_.publish(group.partitions);
}

/// Puts a transaction into the group's batch: whole, or not at all when it is refused.
Result<void> Writer::stage(Intent& intent, Group& group) {
  {
    MutexLock lock(queue_mutex_);
    if (tickets_[intent.owner] != intent.ticket) {
      return Error(ErrorCode::kConflict,
                   fmt::format("a newer transaction of {} has begun; this one may not commit",
                               intent.owner));
    }
  }
  TRY(check_progress(intent, group));
  // All that can refuse comes before the first put.
  for (const auto& append : intent.appends) {
    if (group.partitions.contains({append.topic, append.partition})) continue;
    ASSIGN(Partition p, topics_.partition(*append.topic, append.partition));
    group.partitions.emplace(std::pair(append.topic, append.partition), p);
  }
  for (const auto& one : intent.appends) append(one, group);
  for (const auto& row : intent.progress) {
    group.next[row.key] = row.progress.next;
    if (io::planted_bug("log_commit_no_progress")) continue;
    group.batch.Put(group.state, row.key, encode_progress(row.progress));
  }
  for (const auto& [key, value] : intent.state) {
    if (value)
      group.batch.Put(group.state, state_key(key), *value);
    else
      group.batch.Delete(group.state, state_key(key));
  }
  return {};
}

Result<void> Writer::check_progress(const Intent& intent, Group& group) {
  std::map<std::string, int64_t> own;
  for (const auto& row : intent.progress) {
    int64_t found = -1;
    if (auto mine = own.find(row.key); mine != own.end()) {
      found = mine->second;
    } else if (auto earlier = group.next.find(row.key); earlier != group.next.end()) {
      found = earlier->second;
    } else {
      ASSIGN(auto at, store_.access());
      ASSIGN(auto value, at.get(at->state, row.key));
      if (value) {
        ASSIGN(auto stored, decode_progress(row.key, *value));
        found = stored.next;
      }
    }
    const auto& wanted = row.progress;
    if (found != wanted.expected_next) {
      return Error(
          ErrorCode::kConflict,
          fmt::format(
              "the position of {}.{}.{} in {}[{}] is {}, expected {}: somebody else moved it",
              wanted.project, wanted.pipeline, wanted.sink, wanted.input.topic,
              wanted.input.partition, found < 0 ? "not set" : std::to_string(found),
              wanted.expected_next < 0 ? "none" : std::to_string(wanted.expected_next)));
    }
    own[row.key] = wanted.next;
  }
  return {};
}

void Writer::append(const Intent::Append& append, Group& group) {
  Partition& p = group.partitions.at({append.topic, append.partition});
  p.last_time_ms = std::max(p.last_time_ms, group.now_ms);
  for (const auto& batch : append.batches) {
    std::string key = log_key(append.topic->id, append.partition, p.end);
    std::string header = batch_header(batch, key, p.last_time_ms);
    Entry entry{p.end, batch.count, static_cast<uint32_t>(batch.value_bytes()), p.last_time_ms,
                p.end_bytes + batch.value_bytes()};
    rocksdb::Slice key_part = slice(key);
    rocksdb::Slice value_parts[] = {slice(header), slice(batch.payload)};
    auto status = group.batch.Put(group.log, rocksdb::SliceParts(&key_part, 1),
                                  rocksdb::SliceParts(value_parts, 2));
    CHECK(status.ok(), "{}", status.ToString());
    group.batch.Put(group.meta, entry_key(append.topic->id, append.partition, p.end),
                    encode_entry(entry));
    p.end = entry.end_offset();
    p.end_bytes = entry.end_bytes;
  }
}

namespace {

class Transaction final : public stream::LogTransaction {
 public:
  Transaction(Writer& writer, TopicTable& topics, const std::string& owner, Codec codec)
      : writer_(writer), topics_(topics), codec_(codec) {
    intent_.owner = owner;
    intent_.ticket = writer.begin(owner);
  }

  Result<void> append(const stream::TopicInfo& topic, int32_t partition,
                      std::span<const stream::OutRecord> records) override {
    CHECK(!sealed_, "append after commit");
    if (io::planted_bug("log_skip_last_record") && !records.empty()) {
      records = records.first(records.size() - 1);
    }
    if (records.empty()) return {};
    ASSIGN(Part * part, part_of(topic, partition));
    size_t before = bytes_;
    for (const auto& record : records) TRY(check_limits(record, topic.spec.name));
    part->builder.reserve(bytes_ - before);
    for (const auto& record : records) part->builder.add(record, compressor_, part->append.batches);
    return {};
  }

  Result<void> put_progress(const stream::Progress& progress) override {
    CHECK(!sealed_, "put_progress after commit");
    ASSIGN(std::string key, progress_key(progress));
    intent_.progress.push_back({std::move(key), progress});
    return {};
  }

  Result<void> put_state(std::string_view key, std::optional<std::string_view> value) override {
    CHECK(!sealed_, "put_state after commit");
    if (value && value->size() > limits::kMaxStateBytes) {
      return Error(ErrorCode::kLimit,
                   fmt::format("a state of {} bytes for {}, at most {} are legal", value->size(),
                               key, limits::kMaxStateBytes));
    }
    intent_.state.emplace_back(key, value ? std::optional<std::string>(*value) : std::nullopt);
    return {};
  }

  Result<void> commit() override {
    CHECK(!committed_, "a transaction commits once");
    if (!sealed_) {
      for (auto& [place, part] : parts_) {
        part.builder.finish(compressor_, part.append.batches);
        intent_.appends.push_back(std::move(part.append));
      }
      parts_.clear();
      sealed_ = true;
    }
    if (intent_.empty()) return {};
    auto result = writer_.commit(intent_);
    committed_ = result.has_value();
    return result;
  }

 private:
  struct Part {
    explicit Part(Codec codec) : builder(codec) {}
    Intent::Append append;
    BatchBuilder builder;
  };

  Result<void> check_limits(const stream::OutRecord& record, const std::string& topic) {
    size_t bytes = encoded_bytes(record);
    bytes_ += bytes;
    auto refuse = [&](std::string_view what, size_t found, size_t most) {
      return Error(ErrorCode::kLimit, fmt::format("topic {}: {} are {}, at most {} are legal",
                                                  topic, what, found, most));
    };
    if (bytes > limits::kMaxRecordBytes)
      return refuse("a record's bytes", bytes, limits::kMaxRecordBytes);
    if (record.headers.size() > limits::kMaxHeaders) {
      return refuse("a record's headers", record.headers.size(), limits::kMaxHeaders);
    }
    if (bytes_ > limits::kMaxLogTransactionBytes) {
      return refuse("a transaction's bytes", bytes_, limits::kMaxLogTransactionBytes);
    }
    return {};
  }

  Result<Part*> part_of(const stream::TopicInfo& topic, int32_t partition) {
    auto place = std::pair(topic.id, partition);
    auto found = parts_.find(place);
    if (found == parts_.end()) {
      ASSIGN(auto live, topics_.get(topic, partition));
      found = parts_.emplace(place, Part(codec_)).first;
      found->second.append.topic = std::move(live);
      found->second.append.partition = partition;
    }
    return &found->second;
  }

  Writer& writer_;
  TopicTable& topics_;
  const Codec codec_;
  Compressor compressor_;
  std::map<std::pair<stream::TopicId, int32_t>, Part> parts_;
  Intent intent_;
  size_t bytes_ = 0;  // of records, before compression
  bool sealed_ = false, committed_ = false;
};

}  // namespace

std::unique_ptr<stream::LogTransaction> make_transaction(Writer& writer, TopicTable& topics,
                                                         const std::string& owner, Codec codec) {
  return std::make_unique<Transaction>(writer, topics, owner, codec);
}

}  // namespace leat::log
