// StoreFile: the one open database of a process's embedded store, and who may touch it when.
//
//   healthy ──(IO or fatal error: poison())──▶ poisoned ──(reopen(), by the next Sink::open())──▶ healthy
//
// DuckDB forgets nothing it has committed, but after a failed write or sync the instance is dead until it is
// opened again, and a file must never be open twice in a process (its lock is the process's). So every
// connection lives in a Session that reopen() can close, and every use of one happens inside a gate:
//   writers   one transaction of a sink each
//   readers   one query, export or backup each
// reopen() closes both. Lock order: maintenance mutex, then a gate (docs/lock_order.md).
//
// Writers only append: rows, and a progress row a commit. leat.leat_progress keeps the replaced ones; the last row of
// a lane counts. So a checkpoint runs beside the writers. Whoever updates, deletes or changes tables holds the
// maintenance mutex, as a checkpoint does. What is deleted is given back by a second, short checkpoint, with both
// gates closed (reclaim(); docs/decisions/0010-checkpoints-beside-writers.md).
//
// A WAL that DuckDB refuses to replay is renamed to `<file>.wal.bad-<ms>`: rows and progress since the last
// checkpoint go back together, and the log, which keeps what checkpointed() has not passed, fills them in.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "base/result.h"
#include "components/sink_duckdb_store.h"
#include "components/sink_duckdb_undo.h"
#include "io/file.h"
#include "sql/duckdb_raii.h"
#include "stream/record.h"

namespace leat::components {

/// Lets many in, until one closes it to be alone. Any thread.
class Gate {
 public:
  /// Being inside. Movable; leaves at its end.
  class Pass {
   public:
    explicit Pass(Gate* gate) : gate_(gate) {}
    Pass(Pass&& other) noexcept : gate_(std::exchange(other.gate_, nullptr)) {}
    Pass& operator=(Pass&&) = delete;
    ~Pass() {
      if (gate_) gate_->leave();
    }

   private:
    Gate* gate_;
  };

  /// Waits while the gate is closed.
  Pass enter();
  /// Lets nobody in and waits for those inside, at most `timeout_ms` (-1: as long as it takes). False: some
  /// stayed inside; the gate is open again.
  bool close(int64_t timeout_ms);
  void open();

 private:
  void leave();
  Mutex mutex_;
  CondVar changed_;
  int inside_ GUARDED_BY(mutex_) = 0;
  bool closed_ GUARDED_BY(mutex_) = false;
};

/// Whose turn it is to write of the sinks that have one name, and where their lanes are. Held by a transaction from
/// before its snapshot until its commit: progress rows are only appended, so DuckDB sees no conflict.
struct Turn {
  Mutex mutex;
  /// The committed positions; nothing: unknown, to be read from the file.
  std::optional<std::map<stream::TopicPartition, int64_t>> next GUARDED_BY(mutex);
};

class StoreFile;

/// A connection that is closed when the file is reopened and made again at the next use. One thread at a time,
/// inside a gate.
class Session {
 public:
  virtual ~Session() = default;
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  /// The connection, made if need be.
  Result<sql::Connection*> connection();
  /// Ends what runs; reopen() waits for it. Any thread, while the session is inside a gate.
  void interrupt();

 protected:
  explicit Session(StoreFile& file);
  /// Every final class calls it first in its destructor: reopen() looks at the session no more.
  void retire();
  /// Frees what hangs on the connection (prepared statements), before it closes.
  virtual void disconnecting() {}
  friend class StoreFile;
  void disconnect();

  StoreFile& file_;
  Mutex mutex_;  // connection_ against interrupt()
  std::unique_ptr<sql::Connection> connection_ GUARDED_BY(mutex_);
};

/// A session with nothing but its connection.
class PlainSession final : public Session {
 public:
  explicit PlainSession(StoreFile& file) : Session(file) {}
  ~PlainSession() override { retire(); }
};

class StoreFile {
 public:
  static Result<std::unique_ptr<StoreFile>> open(std::string path, const DuckdbOptions& options);
  ~StoreFile();
  StoreFile(const StoreFile&) = delete;
  StoreFile& operator=(const StoreFile&) = delete;

  const std::string& path() const { return path_; }
  const DuckdbOptions& options() const { return options_; }
  Gate& writers() { return writers_; }
  Gate& readers() { return readers_; }
  /// Held by whoever folds, checkpoints, changes tables or reopens.
  Mutex& maintenance() LOCK_RETURNED(maintenance_) { return maintenance_; }
  /// The turn of the sinks named `sink`, with project and pipeline.
  std::shared_ptr<Turn> turn_of(const std::string& sink);

  bool poisoned() const { return poisoned_.load(); }
  /// Marks the instance dead when `error` says so (IO, fatal, internal); the error then asks for kReconnect.
  Error judge(Error error);
  /// Opens the file again when it is poisoned. Inside no gate.
  Result<void> reopen() EXCLUDES(maintenance_);

  /// Bytes of the WAL now.
  int64_t wal_bytes() const;
  /// Writes everything to the main file, beside the writers; then gives back what was deleted, if no query is
  /// in the way. False: DuckDB refuses a checkpoint now; try later.
  Result<bool> checkpoint() REQUIRES_LOCK(maintenance_);
  /// Progress rows that the last checkpoint holds. Any thread.
  std::vector<stream::Progress> checkpointed();
  /// Where a bad WAL went, of the latest open; empty: none was.
  std::string quarantined();

 private:
  friend class Session;
  StoreFile(std::string path, const DuckdbOptions& options)
      : path_(std::move(path)), options_(options), undo_(path_) {}
  /// True when the file is being made; then end_file() follows when it is.
  Result<bool> begin_file();
  Result<void> end_file();
  std::vector<sql::Database::Setting> settings() const;
  Result<void> open_database();
  Result<void> quarantine(Error why);
  Result<void> prepare() REQUIRES_LOCK(maintenance_);
  Result<bool> try_checkpoint(sql::Connection& connection) REQUIRES_LOCK(maintenance_);
  Result<bool> checkpoint_beside_writers() REQUIRES_LOCK(maintenance_);
  Result<bool> reclaim() REQUIRES_LOCK(maintenance_);
  Result<bool> reclaim_alone(sql::Connection& connection) REQUIRES_LOCK(maintenance_);

  const std::string path_;
  const DuckdbOptions options_;
  std::unique_ptr<io::FileLock> lock_;
  CheckpointUndo undo_;
  std::atomic<bool> poisoned_{false};
  Gate writers_, readers_;
  Mutex maintenance_;
  std::unique_ptr<sql::Database> database_;  // changed with both gates closed
  Mutex mutex_;
  std::set<Session*> sessions_ GUARDED_BY(mutex_);
  std::vector<stream::Progress> checkpointed_ GUARDED_BY(mutex_);
  std::string quarantined_ GUARDED_BY(mutex_);
  std::map<std::string, std::shared_ptr<Turn>> turns_ GUARDED_BY(mutex_);
  int unreclaimed_ GUARDED_BY(maintenance_) = 0;  // checkpoints since the last reclaim()
  // The maintenance mutex's holder uses them.
  std::unique_ptr<PlainSession> keeper_, vacuum_guard_;
};

/// The latest progress row of each lane that fits `where` (SQL over leat.leat_progress; empty: all).
Result<std::vector<stream::Progress>> read_progress(sql::Connection& connection,
                                                    const std::string& where);

}  // namespace leat::components
