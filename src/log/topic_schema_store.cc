#include "log/topic_schema_store.h"

#include <fmt/core.h>

#include <spdlog/spdlog.h>

#include <algorithm>

#include "io/random.h"
#include "schema/registry_error.h"
#include "stream/read_span.h"

namespace leat::log {
namespace {

constexpr int64_t kTriesMs = 15'000;  // of one write, while brokers say that trying again helps
constexpr int64_t kPauseMs = 200, kSettleMs = 20;
constexpr int kOddTold = 10;  // records, each with a warning of its own

}  // namespace

Result<std::vector<schema::Row>> TopicSchemaStore::scan() {
  stream::TopicSpec spec;
  spec.name = name_;
  spec.retention_ms = -1;
  spec.compact = true;
  ASSIGN(topic_, log_.topics().ensure(spec));
  TRY(check_topic());
  ASSIGN(reader_, log_.reader(topic_));
  next_ = 0;
  records_ = {};
  const See take = [this](const stream::Record& record) { return apply(record); };
  TRY(read(take));
  if (known_ == 0 && first_odd_)
    return std::move(*first_odd_)
        .with_blame(Blame::kUser)
        .with_hint("is this topic a registry's? Name another one with --topic");
  TRY(log_.begin(owner()));
  TRY(read(take));
  TRY(take_over());
  return records_.rows();
}

Result<void> TopicSchemaStore::take_over() {
  return commit({records_.takeover(fmt::format("{:016x}", io::entropy()))});
}

Result<void> TopicSchemaStore::check_topic() const {
  if (topic_.spec.partitions != 1)
    return Error(ErrorCode::kIncompatible, fmt::format("topic {} has {} partitions: schemas are in "
                                                       "one, since their order counts",
                                                       name_, topic_.spec.partitions))
        .with_blame(Blame::kUser)
        .with_hint("name another topic with --topic");
  const bool bounded = topic_.spec.retention_ms >= 0 || topic_.spec.retention_bytes >= 0;
  if (!topic_.spec.compact || (topic_.expires && bounded))
    return Error(ErrorCode::kIncompatible,
                 fmt::format(
                     "topic {} is not compacted alone: its schemas would go with its retention",
                     name_))
        .with_blame(Blame::kUser)
        .with_hint(
            "set its cleanup.policy to `compact`, or name another topic with --topic; without "
            "the right DescribeConfigs it cannot be seen");
  return {};
}

/// Where the topic ends when no transaction is open in it: behind one, records are hidden.
Result<stream::PartitionBounds> TopicSchemaStore::settled_bounds() {
  const int64_t until = clock_.steady_ms() + kTriesMs;
  while (true) {
    ASSIGN(const auto bounds, log_.topics().bounds(topic_, 0));
    if (bounds.unsettled == 0) return bounds;
    if (clock_.steady_ms() > until)
      return Error(ErrorCode::kUnavailable,
                   fmt::format("topic {} from offset {} on: records wait for another program's "
                               "transaction to end",
                               name_, bounds.end))
          .with_blame(Blame::kExternal)
          .with_hint("the brokers end it after its transaction.timeout.ms");
    if (!clock_.sleep_ms(kSettleMs, stop_))
      return Error(ErrorCode::kCancelled, fmt::format("topic {} was not read to its end", name_));
  }
}

Result<void> TopicSchemaStore::read(const See& see) {
  ASSIGN(const auto bounds, settled_bounds());
  if (bounds.end < next_)
    return Error(ErrorCode::kDataLost,
                 fmt::format(
                     "topic {} ends at offset {} and was read to {}: its last schemas are lost",
                     name_, bounds.end, next_))
        .with_blame(Blame::kExternal)
        .with_hint("a broker has lost them; start the registry again, and register them anew");
  next_ = std::max(next_, bounds.start);
  const auto each = [&](const stream::RecordBatch& batch) -> Result<bool> {
    for (const stream::Record& record : batch.records) TRY(see(record));
    return true;
  };
  ASSIGN(const int64_t reached, stream::read_span(*reader_, 0, next_, bounds.end, {}, stop_, each));
  if (reached < bounds.end)
    return Error(ErrorCode::kCancelled, fmt::format("topic {} was not read to its end", name_));
  next_ = bounds.end;  // a batch may go further, of which nothing was shown
  return {};
}

Result<void> TopicSchemaStore::apply(const stream::Record& record) {
  auto taken = records_.apply(record.key.value_or(""), record.value);
  if (taken) {
    ++known_;
    return {};
  }
  Error odd = std::move(taken).error().at(fmt::format("topic {} offset {}", name_, record.offset));
  if (++odd_ <= kOddTold) spdlog::warn("schemas: passed over: {}", odd.to_string());
  if (!first_odd_) first_odd_ = std::move(odd);
  return {};
}

Result<void> TopicSchemaStore::write(std::span<const schema::Row> rows) {
  if (lost_) return taken_over();
  auto done = commit(records_.records(rows));
  if (!done) {
    const bool sure = tried_.empty() && done.error().contract_code() == 0;
    if (!sure) return done;
    return std::move(done).error().with_contract_code(static_cast<int>(schema::Code::kStore));
  }
  records_.take(rows);
  return {};
}

Result<void> TopicSchemaStore::check_sizes(std::span<const Record> records) const {
  const auto most = static_cast<size_t>(topic_.max_record_bytes);
  for (const Record& record : records) {
    const size_t size = record.key.size() + record.value.value_or("").size();
    if (most == 0 || size <= most) continue;
    return schema::refusal(schema::Code::kTooLarge,
                           fmt::format("the schema makes a record of {} bytes, topic {} takes {}: "
                                       "its max.message.bytes is too small",
                                       size, name_, most));
  }
  return {};
}

Result<void> TopicSchemaStore::commit(const std::vector<Record>& records) {
  const int64_t until = clock_.steady_ms() + kTriesMs;
  while (true) {
    auto done = try_commit(records);
    if (done) return done;
    if (lost_) return taken_over();
    // Fenced: by whom, the look of the next try will see.
    const bool again = done.error().retry() == Retry::kBackoff ||
                       done.error().retry() == Retry::kReconnect ||
                       done.error().code() == ErrorCode::kConflict;
    if (!again || clock_.steady_ms() > until || !clock_.sleep_ms(kPauseMs, stop_)) return done;
  }
}

Result<void> TopicSchemaStore::try_commit(const std::vector<Record>& records) {
  ASSIGN(auto transaction, log_.begin(owner()));
  ASSIGN(const bool came, look());
  const bool there = came && records == tried_;
  tried_.clear();
  if (there) return {};
  TRY(check_sizes(records));
  TRY(append(*transaction, records));
  tried_ = records;
  auto done = transaction->commit();
  if (!done) {
    const Retry retry = done.error().retry();
    if (retry != Retry::kReconnect && retry != Retry::kFatal)
      tried_.clear();  // it has not happened
    return done;
  }
  committed_.insert(committed_.end(), records.begin(), records.end());
  tried_.clear();
  return {};
}

Result<void> TopicSchemaStore::append(stream::LogTransaction& transaction,
                                      std::span<const Record> records) const {
  std::vector<stream::OutRecord> out(records.size());
  for (size_t i = 0; i < records.size(); ++i) {
    out[i].key = records[i].key;
    if (records[i].value) out[i].value = *records[i].value;
  }
  return transaction.append(topic_, 0, out);
}

Result<bool> TopicSchemaStore::look() {
  ASSIGN(const auto now, log_.topics().find(name_));
  if (now.id != topic_.id)
    return Error(ErrorCode::kDataLost, fmt::format("topic {} was deleted and made anew", name_))
        .with_blame(Blame::kExternal)
        .with_hint("start the registry again, and register anew what is missing");
  topic_ = now;
  TRY(check_topic());
  std::vector<Record> committed = committed_;
  bool came = false;
  TRY(read([&](const stream::Record& record) -> Result<void> {
    const std::string_view key = record.key.value_or("");
    const auto same = [&](const Record& one) {
      return one.key == key && one.value == record.value;
    };
    const auto own = std::find_if(committed.begin(), committed.end(), same);
    if (own != committed.end()) {
      committed.erase(own);
    } else if (std::any_of(tried_.begin(), tried_.end(), same)) {
      came = true;
    } else if (!schema::SchemasTopic::says_nothing(key, record.value)) {
      lost_ = true;
      return taken_over();
    }
    return {};
  }));
  committed_ = std::move(committed);
  return came;
}

Error TopicSchemaStore::taken_over() const {
  return Error(ErrorCode::kConflict,
               fmt::format("another process keeps the schema registry in topic {} by now: this one "
                           "registers nothing any more",
                           name_))
      .with_blame(Blame::kExternal)
      .with_hint(
          "stop one of the two; what was started last has it, and what is started again reads "
          "all that is there");
}

}  // namespace leat::log
