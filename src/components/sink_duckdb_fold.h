// Folder: moves the tails of keyed tables into their bases, in a transaction of its own beside the writers'.
//
// A fold sees the tail of its snapshot: it deletes exactly those rows, and what writers append meanwhile stays
// (deletes and appends of different rows do not conflict in DuckDB). It runs on the thread of maintain(), or on a
// writer's whose tail has outgrown limits::kStoreTailFactor folds.
//
// DuckDB gives back a row group when all its rows are deleted; merging those that are only thinned is a vacuum, which
// holds writers off. So the base is used like a queue: when a quarter of its rows are deleted ones, a fold also moves
// its oldest rows, twice as many as it folds, to the end.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "base/result.h"
#include "components/sink_duckdb_file.h"
#include "components/sink_duckdb_table.h"

namespace leat::components {

/// A keyed table that is open, shared by its sink and the folder.
struct KeyedTable {
  explicit KeyedTable(TablePlan table_plan) : plan(std::move(table_plan)) {}
  const TablePlan plan;
  std::atomic<int64_t> tail_rows{0}, base_rows{0};
};

class Folder {
 public:
  explicit Folder(StoreFile& file) : file_(file), session_(file) {}

  /// The folder looks after `table` from now on; replaces one of the same name.
  void add(std::shared_ptr<KeyedTable> table);
  std::vector<std::shared_ptr<KeyedTable>> tables();
  /// True when the tail holds more than `factor` folds' worth of rows.
  bool due(const KeyedTable& table, int64_t factor) const;
  /// The caller holds StoreFile::maintenance().
  Result<void> fold(KeyedTable& table);

 private:
  Result<void> run(sql::Connection& connection, KeyedTable& table);
  StoreFile& file_;
  PlainSession session_;  // the maintenance mutex's holder uses it
  Mutex mutex_;
  std::map<std::string, std::shared_ptr<KeyedTable>> tables_ GUARDED_BY(mutex_);  // by quoted name
};

}  // namespace leat::components
