// TablePlan: what a sink's table looks like in the DuckDB file, as SQL text. No connection, no state.
//
// An append table `t` is a plain table with the pipeline's columns. A keyed table is a view `t` over
//   t__base   the folded rows, at most one a key
//   t__tail   what batches appended since, in order of arrival; several rows a key, several versions
// Both have the pipeline's columns and `_leat_version BIGINT`. The view shows, for each key, the row of the
// highest version; among equal ones the tail's, and there the one that arrived last (the highest rowid).
// So a batch written again, or an older version that comes late, changes nothing that is shown.
//
// Where rows are deleted, both tables have `_leat_deleted BIGINT`, too: NULL of a row; of a deletion, which is a row with
// the key alone, the time it was written, microseconds since 1970. It takes part like a row and is not shown. A fold
// takes out those that have been kept long enough.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "stream/ports.h"
#include "types/type.h"

namespace leat::components {

inline constexpr std::string_view kVersionColumn = "_leat_version";
inline constexpr std::string_view kDeletedColumn = "_leat_deleted";

/// A table as it is in the file.
struct StoredTable {
  std::vector<types::Field> columns;  // in physical order, without _leat_version, _leat_deleted
  bool marked = false;                // has _leat_deleted
  std::vector<std::string> key;       // empty: append
  bool ours = false;                  // made by leat; else by the user's own CREATE TABLE
};

/// Names and SQL of one table. Immutable but for mark().
class TablePlan {
 public:
  /// kInvalidArgument: a store or table name that is DuckDB's or leat's own, a column that begins with
  /// `_leat_`, a key that is no column, a column without a type.
  static Result<TablePlan> make(const std::string& store, const stream::SinkTable& table);

  const std::string& store() const { return store_; }
  const std::string& name() const { return name_; }
  const types::Schema& schema() const { return schema_; }
  const std::vector<std::string>& key() const { return key_; }
  bool keyed() const { return !key_.empty(); }
  /// True when its tables have _leat_deleted: its pipeline deletes rows, or did once.
  bool marked() const { return marked_; }
  void mark() { marked_ = true; }
  /// The table rows are appended to, without quotes: `t`, or `t__tail`.
  std::string append_name() const { return keyed() ? name_ + "__tail" : name_; }

  // Quoted, with the schema.
  std::string table() const;
  std::string base() const;
  std::string tail() const;

  /// All statements that make the table where there is none; `view` of a keyed one included.
  std::string create() const;
  /// CREATE OR REPLACE VIEW of a keyed table.
  std::string view() const;
  /// The statements that add columns, or nothing when `stored` fits; kIncompatible with each difference.
  Result<std::string> evolve(const StoredTable& stored) const;
  /// Statements that drop the table, and those that empty it.
  std::string drop() const;
  std::string empty() const;

  /// The fold, in order: the newest rows of the tail and what the base has of their keys into
  /// temporary tables (leat_fold, leat_found), delete and insert in the base. The caller then
  /// deletes the tail's rows in the same transaction.
  std::vector<std::string> fold() const;
  /// Takes deletions out of the base that need not be kept at `now_us` any longer; nothing: all are kept.
  std::string forget(int64_t now_us) const;
  /// A query for the first row of the base that need not move when `rows` of the oldest may: nothing while
  /// less than limits::kStoreDeadPercent of its rows are deleted ones. For a transaction that has changed nothing.
  std::string oldest(int64_t rows) const;
  /// Inserts the base's rows before `end` again and deletes them there: two statements.
  std::vector<std::string> move(const std::string& end) const;

 private:
  std::string shown_columns(std::string_view alias) const;
  std::string column_list(std::string_view alias) const;
  std::string only_rows(std::string_view alias) const;
  std::string same_key(std::string_view a, std::string_view b) const;
  std::string newest() const;

  std::string store_, name_;
  types::Schema schema_;
  std::vector<std::string> key_;
  bool marked_ = false;
  int64_t deletes_kept_ms_ = -1;
};

}  // namespace leat::components
