// Store: the one RocksDB below the log, its column families, its health, and recovery from a full disk.
// Internal to log/. RocksDB's headers stay in this room.
//
//   healthy --write: no space--> full --write: reopened--> healthy
//      |                          |
//      +---write: other error-----+--reopen: other error--> poisoned (for good)
#pragma once

#include <rocksdb/db.h>

#include <functional>
#include <memory>
#include <optional>
#include <shared_mutex>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "base/result.h"
#include "io/file.h"
#include "log/embedded_log.h"

namespace leat::log {

inline rocksdb::Slice slice(std::string_view text) { return {text.data(), text.size()}; }
inline std::string_view view(const rocksdb::Slice& slice) { return {slice.data(), slice.size()}; }

/// An Error for a status that is not ok. `what` says what was tried.
Error store_error(const rocksdb::Status& status, std::string_view what);

class Store {
 public:
  ~Store();
  /// An open database: handles are destroyed before it.
  struct Database {
    std::unique_ptr<rocksdb::DB> db;
    rocksdb::ColumnFamilyHandle* log = nullptr;
    rocksdb::ColumnFamilyHandle* meta = nullptr;
    rocksdb::ColumnFamilyHandle* state = nullptr;
    ~Database();
  };
  /// Holds off reopening: keep it as short as iterators and handles are in use.
  class Access {
   public:
    Access(std::shared_lock<std::shared_mutex> lock, Database* database)
        : lock_(std::move(lock)), database_(database) {}
    Database* operator->() const { return database_; }
    /// nullopt: no such key.
    Result<std::optional<std::string>> get(rocksdb::ColumnFamilyHandle* family,
                                           std::string_view key) const;
    /// An iterator; `to` (excluded, empty: none) must outlive it.
    std::unique_ptr<rocksdb::Iterator> iterate(rocksdb::ColumnFamilyHandle* family,
                                               const rocksdb::Slice* to) const;

   private:
    std::shared_lock<std::shared_mutex> lock_;
    Database* database_;
  };

  static Result<std::unique_ptr<Store>> open(const std::string& dir, const Options& options);

  /// Any thread; not twice at once in one. kNoSpace while a full disk keeps the database closed.
  Result<Access> access();

  // One thread at a time: the caller holds EmbeddedLog's write mutex.
  /// What to do once the database was opened anew: reload what was read from it.
  void on_reopen(std::function<Result<void>()> reload) { reload_ = std::move(reload); }
  /// Healthy, or made so by opening the database anew; else the error that a writer must return.
  Result<void> ready();
  /// One atomic, synced write, numbered. `point` names the fault points around it.
  Result<void> write(rocksdb::WriteBatch& batch, std::string_view point);
  /// Number of the latest write() that was tried, and how often the database was reopened before it.
  struct Attempt {
    uint64_t number = 0;
    size_t generation = 0;
  };
  Attempt latest_attempt() const { return {attempted_, survivors_.size()}; }
  /// After a failed write and a later ready(): did it happen after all?
  bool survived(const Attempt& attempt) const;

  bool read_only() const { return options_.read_only; }
  uint64_t epoch() const { return epoch_; }

 private:
  enum class Health { kHealthy, kFull, kPoisoned };

  Store(std::string dir, Options options) : dir_(std::move(dir)), options_(std::move(options)) {}
  Result<void> lock();
  Result<void> check_manifest() const;
  void note_manifest() const;
  Result<std::unique_ptr<Database>> open_database();
  Result<void> check_format();
  Result<void> reopen();
  Error failed(Error error);
  Result<std::optional<std::string>> meta(std::string_view key);

  const std::string dir_;
  const Options options_;
  std::unique_ptr<io::FileLock> lock_;
  std::unique_ptr<rocksdb::Env> env_;
  // Shared by readers and writers of the open database, exclusive while it is replaced. Not base's Mutex,
  // which cannot be shared; only Access and reopen() touch it.
  std::shared_mutex open_mutex_;
  std::unique_ptr<Database> database_;
  std::optional<Error> closed_by_;  // why database_ is null
  bool opened_ = false;
  Health health_ = Health::kHealthy;
  std::optional<Error> failure_;
  std::function<Result<void>()> reload_;
  uint64_t attempted_ = 0, epoch_ = 0;
  std::vector<uint64_t>
      survivors_;  // per reopening: number of the last write found in the database
};

}  // namespace leat::log
