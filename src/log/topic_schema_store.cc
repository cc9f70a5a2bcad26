#include "log/topic_schema_store.h"

#include "stream/read_span.h"

namespace leat::log {

Result<std::vector<schema::Row>> TopicSchemaStore::scan() {
  records_ = {};
  TRY(own());
  if (topic_.spec.partitions != 1)
    return Error(ErrorCode::kIncompatible, fmt::format("topic {} has {} partitions: schemas are in "
                                                       "one, since their order counts",
                                                       name_, topic_.spec.partitions))
        .with_blame(Blame::kUser)
        .with_hint("name another topic with --topic");
  if (!topic_.spec.compact)
    return Error(ErrorCode::kIncompatible,
                 fmt::format("topic {} is not compacted: its schemas would go with its retention",
                             name_))
        .with_blame(Blame::kUser)
        .with_hint(
            "set its cleanup.policy to compact, or name another topic with --topic; without the "
            "right "
            "DescribeConfigs it cannot be seen");
  TRY(read());
  return records_.rows();
}

Result<void> TopicSchemaStore::own() {
  stream::TopicSpec spec;
  spec.name = name_;
  spec.retention_ms = -1;
  spec.compact = true;
  ASSIGN(topic_, log_.topics().ensure(spec));
  TRY(log_.begin(owner()));
  return {};
}

Result<void> TopicSchemaStore::read() {
  ASSIGN(auto reader, log_.reader(topic_));
  ASSIGN(const auto bounds, log_.topics().bounds(topic_, 0));
  TRY(reader->seek(0, bounds.start));
  const auto see = [&](const stream::RecordBatch& batch) -> Result<bool> {
    for (const stream::Record& record : batch.records) {
      if (auto taken = records_.apply(record.key.value_or(""), record.value); !taken)
        return std::move(taken)
            .error()
            .at(fmt::format("topic {} offset {}", name_, record.offset))
            .with_hint("is this topic a registry's? Name another one with --topic");
    }
    return true;
  };
  TRY(stream::read_span(*reader, 0, bounds.start, bounds.end, {}, {}, see));
  return {};
}

Result<void> TopicSchemaStore::write(std::span<const schema::Row> rows) {
  if (!lost_) {
    auto written = commit(records_.put(rows));
    if (written || written.error().code() != ErrorCode::kConflict) return written;
    lost_ = true;
  }
  return Error(ErrorCode::kConflict,
               fmt::format("another process keeps the schema registry in topic {} by now: this one "
                           "registers nothing any more",
                           name_))
      .with_blame(Blame::kExternal)
      .with_hint("stop one of the two; what is started last has it");
}

Result<void> TopicSchemaStore::commit(std::span<const schema::SchemasTopic::Record> records) {
  std::vector<stream::OutRecord> out;
  out.reserve(records.size());
  for (const auto& record : records) {
    stream::OutRecord& one = out.emplace_back();
    one.key = record.key;
    if (record.value) one.value = *record.value;
  }
  ASSIGN(auto transaction, log_.begin(owner()));
  TRY(transaction->append(topic_, 0, out));
  return transaction->commit();
}

}  // namespace leat::log
