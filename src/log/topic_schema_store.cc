#include "log/topic_schema_store.h"

#include <fmt/core.h>

#include <algorithm>

#include "base/limits.h"
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
  return records_.rows();
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
  next_ = std::max(next_, bounds.start);
  const auto each = [&](const stream::RecordBatch& batch) -> Result<bool> {
    for (const stream::Record& record : batch.records) TRY(see(record));
    return true;
  };
  ASSIGN(next_, stream::read_span(*reader_, 0, next_, bounds.end, {}, stop_, each));
  if (next_ < bounds.end)
    return Error(ErrorCode::kCancelled, fmt::format("topic {} was not read to its end", name_));
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
  const std::vector<Record> records = records_.records(rows);
  TRY(check_sizes(records));
  TRY(commit(records));
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
    if (done.error().code() == ErrorCode::kConflict) {
      lost_ = true;
      return taken_over();
    }
    const Retry retry = done.error().retry();
    const bool again = retry == Retry::kBackoff || retry == Retry::kReconnect;
    if (!again || clock_.steady_ms() > until || !clock_.sleep_ms(kPauseMs, stop_)) return done;
  }
}

Result<void> TopicSchemaStore::try_commit(const std::vector<Record>& records) {
  ASSIGN(auto transaction, log_.begin(owner()));
  ASSIGN(const size_t found, look());
  const bool done = unknown_ && found > 0 && records == sent_;
  unknown_ = false;
  sent_.clear();
  if (done) return {};
  std::vector<stream::OutRecord> out(records.size());
  for (size_t i = 0; i < records.size(); ++i) {
    out[i].key = records[i].key;
    if (records[i].value) out[i].value = *records[i].value;
  }
  TRY(transaction->append(topic_, 0, out));
  sent_ = records;
  unknown_ = true;
  TRY(transaction->commit());
  unknown_ = false;
  return {};
}

Result<size_t> TopicSchemaStore::look() {
  ASSIGN(const auto now, log_.topics().find(name_));
  if (now.id != topic_.id)
    return Error(ErrorCode::kConflict, fmt::format("topic {} was made anew", name_));
  size_t found = 0;
  TRY(read([&](const stream::Record& record) -> Result<void> {
    const std::string_view key = record.key.value_or("");
    const bool own = std::any_of(sent_.begin(), sent_.end(), [&](const Record& one) {
      return one.key == key && one.value == record.value;
    });
    found += own;
    if (own || schema::SchemasTopic::says_nothing(key, record.value)) return {};
    return taken_over();
  }));
  return found;
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
