// PostgresTable: what a sink's table looks like in PostgreSQL, as SQL text. No connection, no state.
//
// An append table has the pipeline's columns; rows go straight into it. A keyed one has a unique index over the key and
// the column `_leat_version`; rows go into a temporary table of the session, and from there by an upsert that leaves
// alone what has a higher version. Columns of the user's own are left alone when they may be NULL or have a default.
//
// Where rows are deleted, a table beside it (leat_deleted_NAME) has the key and version of each deletion, and when it
// was; an upsert leaves alone what is older than that, also when there is no row any more.
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
  bool deletes() const { return deletes_; }
  /// Quoted, with the schema.
  std::string table() const;
  std::string create() const;
  /// The table of deletions, quoted, and what makes it.
  std::string deletions() const;
  std::string create_deletions() const;
  /// Takes out the deletions that need not be kept any longer; nothing: they are kept for ever.
  std::string forget() const;
  /// Statements that add columns, or nothing when `stored` fits; kIncompatible with each difference.
  Result<std::string> evolve(const StoredPostgresTable& stored) const;
  /// Makes the session's temporary table of a keyed one.
  std::string stage() const;
  std::string empty_stage() const;
  /// COPY into the table itself (append) or the temporary one (keyed).
  std::string copy() const;
  /// From the temporary table into a keyed one: statements.
  std::string upsert() const;

 private:
  std::string columns() const;
  std::string definitions() const;
  std::string keys() const;
  std::string same_key(std::string_view a, std::string_view b) const;
  std::string remove() const;

  std::string namespace_, name_;
  types::Schema schema_;
  std::vector<size_t> key_;
  bool deletes_ = false;
  int64_t deletes_kept_ms_ = -1;
};

}  // namespace leat::components
