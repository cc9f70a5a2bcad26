// CassandraTable: what a sink's table looks like in Cassandra, as CQL text. No connection, no state.
//
// The key is the primary key: all of it the partition key, unless the pipeline says which columns only order the rows
// inside a partition (`key: {partition, clustering}`). The version is not a column: it is the timestamp of each write.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "stream/ports.h"

namespace leat::components {

/// A column as system_schema.columns has it.
struct StoredCassandraColumn {
  std::string name, type;
  std::string kind;  // partition_key, clustering, regular, static
  int32_t position = -1;
};

class CassandraTable {
 public:
  /// kInvalidArgument: no key, names Cassandra does not take or that are leat's, types that cannot be keys.
  static Result<CassandraTable> make(const std::string& keyspace, const stream::SinkTable& table,
                                     bool ttl);

  const types::Schema& schema() const { return schema_; }
  const std::vector<size_t>& key() const { return key_; }  // in the schema; the partition key first
  size_t partition_columns() const { return partition_columns_; }
  /// Rows of one partition can be written together.
  bool clustered() const { return partition_columns_ < key_.size(); }
  const std::string& name() const { return name_; }
  /// Quoted, with the keyspace.
  std::string table() const;
  std::string create() const;
  /// A statement that adds columns, or nothing when `stored` fits; kIncompatible with each difference. `dropped`: names
  /// of columns that cannot be added, since Cassandra would hide what is written to them.
  Result<std::string> evolve(const std::vector<StoredCassandraColumn>& stored,
                             const std::vector<std::string>& dropped) const;
  /// A row with its timestamp and, with `ttl`, how many seconds it lives.
  std::string insert() const;
  /// The end of a row: its timestamp, then its key.
  std::string remove() const;
  /// How long Cassandra must keep a deletion (`gc_grace_seconds`), so that nothing older comes back; none: nothing is
  /// deleted.
  std::optional<int64_t> grace_s() const { return grace_s_; }

 private:
  std::string keyspace_, name_;
  types::Schema schema_;
  std::vector<size_t> key_;
  size_t partition_columns_ = 0;
  bool ttl_ = false;
  std::optional<int64_t> grace_s_;
};

}  // namespace leat::components
