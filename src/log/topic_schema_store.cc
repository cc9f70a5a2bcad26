#include "log/topic_schema_store.h"

#include <fmt/core.h>

#include <algorithm>

#include "io/random.h"
#include "schema/registry_error.h"
#include "stream/read_span.h"

namespace leat::log {
namespace {

constexpr int64_t kTriesMs = 15'000;  // of one write, while brokers say that trying again helps
constexpr int64_t kPauseMs = 200;

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

Result<void> TopicSchemaStore::read(const See& see) {
  ASSIGN(const auto bounds, log_.topics().bounds(topic_, 0));
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
  if (taken) return taken;
  return std::move(taken)
      .error()
      .at(fmt::format("topic {} offset {}", name_, record.offset))
      .with_hint("is this topic a registry's? Name another one with --topic");
}

Result<void> TopicSchemaStore::write(std::span<const schema::Row> rows) {
  if (lost_) return taken_over();
  TRY(commit(records_.records(rows)));
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
  const bool done = came && records == tried_;
  tried_.clear();
  if (done) return {};
  TRY(check_sizes(records));
  TRY(append(*transaction, records));
  tried_ = records;
  TRY(transaction->commit());
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
  topic_.max_record_bytes = now.max_record_bytes;
  lost_ |= now.id != topic_.id;
  if (lost_) return taken_over();
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
