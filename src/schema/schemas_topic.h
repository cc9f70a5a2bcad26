// SchemasTopic: the registry's rows as the records of a topic in which registries keep theirs, `_schemas` by custom.
//
//   key {"keytype":"SCHEMA","subject":S,"version":N,"magic":1}   {"subject","version","id","schema","deleted", and where
//                                   they are "schemaType","references","metadata","ruleSet"}, or a tombstone
//   key {"keytype":"CONFIG","subject":S,"magic":0}   {"compatibilityLevel": LEVEL, ...}; S is null of all
//   key {"keytype":"MODE","subject":S,"magic":0}     {"mode": MODE}
//   key {"keytype":"DELETE_SUBJECT",...}, {"keytype":"CLEAR_SUBJECT",...}   read, never written
//   key {"keytype":"NOOP","magic":1}   {"lastIds": {CONTEXT: ID}}: leat's own. Without it the number of a schema that was
//                                   removed for good could be given again. With "owner": a process that has taken
//                                   the topic over. Others pass over NOOP; they write it themselves with magic 0 and
//                                   without a value, and compaction would take ours away
//
// Keys are written to the byte as other registries write them, since the broker compacts by bytes. One that was written
// otherwise is remembered, and deleted along with ours. After the storage
// layer of the Confluent Schema Registry (io.confluent.kafka.schemaregistry.storage).
#pragma once

#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "schema/registry_types.h"
#include "schema/schema_store.h"

namespace leat::schema {

/// One thread.
class SchemasTopic {
 public:
  /// nullopt: a tombstone.
  struct Record {
    std::string key;
    std::optional<std::string> value;
    friend bool operator==(const Record&, const Record&) = default;
  };

  /// Takes the topic's next record in. An empty value deletes as a tombstone does, for so Karapace writes it. Kinds of records that are not known are passed over. kCorrupt says what is wrong
  /// with it.
  Result<void> apply(std::string_view key, std::optional<std::string_view> value);
  /// What all records say, sorted by key.
  std::vector<Row> rows() const;
  /// The records that say what rows do, given what is there; take() takes the rows in.
  std::vector<Record> records(std::span<const Row> rows) const;
  void take(std::span<const Row> rows);
  /// The record of a process that takes the topic over; `owner` is its own.
  Record takeover(const std::string& owner) const;
  /// Of a record that is no registry's, or that registries write although nothing has changed.
  static bool says_nothing(std::string_view key, std::optional<std::string_view> value);

 private:
  Result<void> apply_schema(const std::string& subject, int32_t number,
                            std::optional<std::string_view> value);
  Result<void> apply_deletion(const std::string& subject, std::string_view value);
  void clear(const std::string& subject);
  void take(const Row& row);
  void note_spelling(std::string_view key, const std::string& ours);
  void raise_last_id(const std::string& context, int32_t id);
  bool in_use(const std::string& context, int32_t id) const;
  /// Keys of a subject's versions.
  std::vector<std::string> versions_of(const std::string& subject) const;
  const std::string& content_of(const Row& version, std::span<const Row> beside) const;
  static Record version_record(const Row& row, std::string_view content);
  nlohmann::ordered_json last_ids(std::span<const Row> rows) const;

  std::map<std::string, std::string> rows_;  // as registry_rows.h has them
  /// Keys of records as others have spelt them, by our spelling.
  std::map<std::string, std::set<std::string>> spellings_;
};

}  // namespace leat::schema
