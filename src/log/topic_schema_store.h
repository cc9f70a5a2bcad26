// TopicSchemaStore: the registry's rows in a compacted topic of one partition, as records that other registries read
// (schema/schemas_topic.h has their form).
//
// One process owns the topic: it takes the name `registry.TOPIC` among the owners of transactions, which fences whoever
// had it, and then reads. So what another has written before is known, and nothing that it writes later is taken; a
// registry of another make has no such name, and only reads what leat writes.
#pragma once

#include <string>

#include "schema/schema_store.h"
#include "schema/schemas_topic.h"
#include "stream/log.h"

namespace leat::log {

class TopicSchemaStore final : public schema::SchemaStore {
 public:
  /// `log` outlives it.
  TopicSchemaStore(stream::Log& log, std::string topic) : log_(log), name_(std::move(topic)) {}

  /// Takes the topic over, made when it is missing. kIncompatible for a topic of several partitions, or one that is not compacted. kCorrupt names the record's offset.
  Result<std::vector<schema::Row>> scan() override;
  /// kConflict, from then on, when another process owns the topic.
  Result<void> write(std::span<const schema::Row> rows) override;

 private:
  Result<void> own();
  Result<void> read();
  Result<void> commit(std::span<const schema::SchemasTopic::Record> records);
  std::string owner() const { return "registry." + name_; }

  stream::Log& log_;
  const std::string name_;
  stream::TopicInfo topic_;
  schema::SchemasTopic records_;
  bool lost_ = false;  // to another process
};

}  // namespace leat::log
