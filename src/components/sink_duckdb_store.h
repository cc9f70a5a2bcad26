// DuckdbStore: the embedded store of a data directory: one DuckDB file, a schema for each store name.
//
// Who calls: app/ makes one for each process (through DuckdbHub, so that sinks, the SQL prompt and the API
// share it); sinks write through make_sink(), one thread each; maintain() is called every few hundred
// milliseconds by one thread; query(), export_table(), backup() and tables() by any thread, also while sinks
// write. The store outlives its sinks.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/limits.h"
#include "base/mutex.h"
#include "base/result.h"
#include "io/clock.h"
#include "stream/ports.h"
#include "stream/record.h"
#include "types/batch.h"
#include "types/type.h"

namespace leat::components {

/// The store's file in a data directory. DuckDB names the database after it, and no store can have this name.
inline constexpr std::string_view kDuckdbFile = "leat-store.duckdb";

struct DuckdbOptions {
  bool read_only = false;  // for commands while nothing runs; several may
  int threads = limits::kStoreThreads;
  int64_t memory_bytes = limits::kStoreMemoryBytes;
  // When to fold and to checkpoint; tests lower them.
  int64_t wal_bytes = limits::kStoreWalBytes;
  int64_t tail_rows = limits::kStoreTailRows;
  int64_t tail_percent = limits::kStoreTailPercent;
  io::Clock* clock = &io::system_clock();
};

struct QueryLimits {
  int64_t deadline_ms = limits::kSqlDeadlineMs;
  int64_t max_rows = limits::kSqlRows;
  int64_t max_bytes = limits::kSqlResultBytes;  // of the result
};

/// What a query gave, at most max_rows rows. The batches' bytes live as long as `storage`.
struct QueryRows {
  types::Schema schema;
  std::vector<types::Batch> batches;
  int64_t rows = 0;
  bool truncated = false;  // there were more
  std::shared_ptr<void> storage;
};

struct TableInfo {
  std::string store, name;
  std::vector<types::Field> columns;  // _leat_version of a keyed table included
  std::vector<std::string> key;       // empty: append
  int64_t rows = 0;
};

class DuckdbStore {
 public:
  /// Opens or makes the file. kConflict names the process that holds it; kCorrupt when the main file itself
  /// cannot be read (a bad WAL is set aside and logged: quarantined()). Read-only: kNotFound when there is none.
  static Result<std::shared_ptr<DuckdbStore>> open(const std::string& path,
                                                   const DuckdbOptions& options);
  ~DuckdbStore();
  DuckdbStore(const DuckdbStore&) = delete;
  DuckdbStore& operator=(const DuckdbStore&) = delete;

  /// A sink of `store`. Nothing is touched before its open().
  Result<std::unique_ptr<stream::Sink>> make_sink(const std::string& store,
                                                  const stream::SinkTable& table);
  /// Folds tails and checkpoints what is due. True: call again soon.
  Result<bool> maintain();
  /// Folds every tail and checkpoints, due or not. False: DuckDB refuses a checkpoint now.
  Result<bool> settle();
  /// Progress rows as of the last checkpoint: retention of the log must not pass these.
  std::vector<stream::Progress> checkpointed();
  /// All progress rows of a project; every project's when empty.
  Result<std::vector<stream::Progress>> progress(const std::string& project);
  /// Where a WAL that could not be replayed was put; empty: none at the latest open.
  std::string quarantined();

  /// One SELECT over the stores' tables (sql/guard.h); short names where one store alone has the table.
  /// kTimeout past the deadline, kLimit past the memory, kCancelled by `stop`.
  Result<QueryRows> query(std::string_view sql, const QueryLimits& limits,
                          std::stop_token stop = {});
  /// Tables of all stores, sorted; __base and __tail are not shown.
  Result<std::vector<TableInfo>> tables();
  /// Writes a table (`serving.t` or `t`) or a SELECT to a .parquet or .csv file, which appears whole or not at
  /// all. Returns the rows written.
  Result<int64_t> export_table(std::string_view table_or_select, const std::string& path,
                               std::stop_token stop = {});
  /// A consistent copy of the file as `directory`/leat-store.duckdb, which must not exist yet.
  Result<void> backup(const std::string& directory, std::stop_token stop = {});

  struct Impl;

 private:
  explicit DuckdbStore(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// The process's open stores by path, so that a file is never open twice. Any thread.
class DuckdbHub {
 public:
  Result<std::shared_ptr<DuckdbStore>> open(const std::string& path,
                                            const DuckdbOptions& options = {});

 private:
  Mutex mutex_;
  std::map<std::string, std::weak_ptr<DuckdbStore>> stores_ GUARDED_BY(mutex_);
};

}  // namespace leat::components
