// PostgresTable: what a sink's table looks like in PostgreSQL, as SQL text. No connection, no state.
//
// An append table has the pipeline's columns; rows go straight into it. A keyed one has a unique index over the key and
// the column `_leat_version`; rows go into a temporary table of the session, and from there by an upsert that leaves
// alone what has a higher version. Columns of the user's own are left alone when they may be NULL or have a default.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "stream/ports.h"

namespace leat::components {

/// A table as the catalog has it.
struct StoredPostgresTable {
  struct Column {
    std::string name, type;      // format_type()
    bool must_be_given = false;  // NOT NULL without a default
    bool generated = false;      // always by the server
  };
  std::vector<Column> columns;
  std::vector<std::vector<std::string>>
      unique;  // columns of each unique index that an upsert can name
};

class PostgresTable {
 public:
  /// kInvalidArgument: names PostgreSQL would cut or that are leat's, a key that is no column or nested.
  static Result<PostgresTable> make(const std::string& schema, const stream::SinkTable& table);

  const types::Schema& schema() const { return schema_; }
  const std::vector<size_t>& key() const { return key_; }  // in the schema
  bool keyed() const { return !key_.empty(); }
  /// Quoted, with the schema.
  std::string table() const;
  std::string create() const;
  /// Statements that add columns, or nothing when `stored` fits; kIncompatible with each difference.
  Result<std::string> evolve(const StoredPostgresTable& stored) const;
  /// Makes the session's temporary table of a keyed one.
  std::string stage() const;
  std::string empty_stage() const;
  /// COPY into the table itself (append) or the temporary one (keyed).
  std::string copy() const;
  /// From the temporary table into a keyed one.
  std::string upsert() const;

 private:
  std::string columns() const;
  std::string definitions() const;
  std::string keys() const;

  std::string namespace_, name_;
  types::Schema schema_;
  std::vector<size_t> key_;
};

}  // namespace leat::components
