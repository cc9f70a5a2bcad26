// SchemasTopic: the registry's rows as the records of a topic in which registries keep theirs, `_schemas` by custom.
//
//   key {"keytype":"SCHEMA","subject":S,"version":N,"magic":1}   {"subject","version","id","schema","deleted", and where
//                                   they are "schemaType","references","metadata","ruleSet"}, or a tombstone
//   key {"keytype":"CONFIG","subject":S,"magic":0}   {"compatibilityLevel": LEVEL, ...}; S is null of all
//   key {"keytype":"MODE","subject":S,"magic":0}     {"mode": MODE}
//   key {"keytype":"DELETE_SUBJECT",...}, {"keytype":"CLEAR_SUBJECT",...}   read, never written
//   key {"keytype":"NOOP","magic":0}   {"lastIds": {CONTEXT: ID}}: leat's own, which other registries pass over. Without
//                                   it the number of a schema that was removed for good could be given again
//
// Keys are written to the byte as other registries write them, since the broker compacts by bytes. After the storage
// layer of the Confluent Schema Registry (io.confluent.kafka.schemaregistry.storage).
#pragma once

#include <map>
#include <optional>
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
  };

  /// Takes the topic's next record in; an empty value deletes as a tombstone does, for so Karapace writes it. Kinds of records that are not known are passed over. kCorrupt says what is wrong
  /// with it.
  Result<void> apply(std::string_view key, std::optional<std::string_view> value);
  /// What all records say, sorted by key.
  std::vector<Row> rows() const;
  /// Takes rows in, and gives the records that say so. The same rows give the same records again.
  std::vector<Record> put(std::span<const Row> rows);

 private:
  Result<void> apply_schema(const std::string& subject, int32_t number,
                            std::optional<std::string_view> value);
  Result<void> apply_deletion(const std::string& subject, std::string_view value);
  void clear(const std::string& subject);
  void take(const Row& row);
  void raise_last_id(const std::string& context, int32_t id);
  /// Keys of a subject's versions.
  std::vector<std::string> versions_of(const std::string& subject) const;
  Record version_record(const Row& row) const;
  Record last_ids_record() const;

  std::map<std::string, std::string> rows_;  // as registry_rows.h has them
};

}  // namespace leat::schema
