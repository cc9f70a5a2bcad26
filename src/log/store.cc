#include "log/store.h"

#include <rocksdb/cache.h>
#include <rocksdb/env.h>
#include <rocksdb/file_system.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/options.h>
#include <rocksdb/table.h>

#include <algorithm>

#include "base/limits.h"
#include "io/fault.h"
#include "log/keys.h"

namespace leat::log {
namespace {

constexpr std::string_view kInMemoryDir = "/leat";

class QuietLogger final : public rocksdb::Logger {
 public:
  void Logv(const char*, va_list) override {}
};

rocksdb::DBOptions db_options(rocksdb::Env* env, bool in_memory) {
  rocksdb::DBOptions o;
  o.env = env;
  o.create_if_missing = true;
  o.create_missing_column_families = true;
  o.paranoid_checks = true;
  // A write that was cut off by a crash may end any write-ahead log; anything else refuses to open.
  o.wal_recovery_mode = rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords;
  // A write-ahead log that vanished, or lost bytes once synced, is noticed.
  o.track_and_verify_wals_in_manifest = true;
  o.max_total_wal_size = limits::kLogWalBytes;
  o.max_background_jobs = 2;
  o.max_file_opening_threads = 1;  // the default starts 16 threads a column family at every open
  o.max_open_files = limits::kLogOpenFiles;
  o.max_manifest_file_size = limits::kLogManifestBytes;
  o.max_log_file_size = limits::kLogInfoBytes;
  o.keep_log_file_num = 2;
  o.info_log_level = rocksdb::InfoLogLevel::WARN_LEVEL;
  o.stats_dump_period_sec = 0;
  o.stats_persist_period_sec = 0;
  // A background write that failed stops the writers too; store.cc decides how to go on, not RocksDB.
  o.max_bgerror_resume_count = 0;
  if (in_memory) o.info_log = std::make_shared<QuietLogger>();
  return o;
}

rocksdb::ColumnFamilyOptions family_options(bool blobs,
                                            const std::shared_ptr<rocksdb::Cache>& cache) {
  rocksdb::ColumnFamilyOptions o;
  o.write_buffer_size = limits::kLogMemtableBytes;
  o.compression = rocksdb::kNoCompression;  // batches are compressed, the rest is small
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = cache;
  table.format_version = 5;
  o.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  if (blobs) {
    // Batches are written once more, from memory into a blob file, and then stay where they are:
    // compaction moves keys only. Small batches stay beside their keys.
    o.enable_blob_files = true;
    o.min_blob_size = limits::kLogMinBlobBytes;
    o.blob_file_size = limits::kLogBlobFileBytes;
    o.enable_blob_garbage_collection = true;
    o.blob_garbage_collection_age_cutoff = 0.5;
    o.blob_garbage_collection_force_threshold = 0.5;
  }
  return o;
}

}  // namespace

Error store_error(const rocksdb::Status& status, std::string_view what) {
  CHECK(!status.ok());
  std::string message = fmt::format("{}: {}", what, status.ToString());
  if (status.IsNoSpace()) {
    return Error(ErrorCode::kNoSpace, std::move(message))
        .with_hint("free some space; leat goes on by itself");
  }
  if (status.IsCorruption()) {
    return Error(ErrorCode::kCorrupt, std::move(message))
        .with_hint(
            "the disk or another program damaged the log; restore a backup of its directory");
  }
  if (status.IsNotFound() || status.IsPathNotFound())
    return Error(ErrorCode::kNotFound, std::move(message));
  if (status.IsBusy() || status.IsTryAgain()) {
    return Error(ErrorCode::kUnavailable, std::move(message));
  }
  if (status.IsIOError()) return Error(ErrorCode::kIo, std::move(message));
  return Error(ErrorCode::kInternal, std::move(message));
}

Store::Database::~Database() {
  for (auto* family : {log, meta, state}) {
    if (family) db->DestroyColumnFamilyHandle(family);
  }
  // Unsynced writes do not exist (every write syncs), so an error here loses nothing.
  if (db) db->Close().PermitUncheckedError();
}

Result<std::optional<std::string>> Store::Access::get(rocksdb::ColumnFamilyHandle* family,
                                                      std::string_view key) const {
  std::string value;
  auto status = database_->db->Get(rocksdb::ReadOptions(), family, slice(key), &value);
  if (status.IsNotFound()) return std::optional<std::string>();
  if (!status.ok()) return store_error(status, "cannot read the log");
  return std::optional<std::string>(std::move(value));
}

std::unique_ptr<rocksdb::Iterator> Store::Access::iterate(rocksdb::ColumnFamilyHandle* family,
                                                          const rocksdb::Slice* to) const {
  rocksdb::ReadOptions o;
  o.iterate_upper_bound = to;
  o.fill_cache = false;
  return std::unique_ptr<rocksdb::Iterator>(database_->db->NewIterator(o, family));
}

Result<std::unique_ptr<Store>> Store::open(const std::string& dir, const Options& options) {
  auto store = std::unique_ptr<Store>(
      new Store(options.in_memory ? std::string(kInMemoryDir) : dir, options));
  TRY(io::fault_point("log.open"));
  if (options.in_memory) {
    store->env_.reset(rocksdb::NewMemEnv(rocksdb::Env::Default()));
  } else {
    TRY(store->lock());
    if (options.file_system) store->env_ = rocksdb::NewCompositeEnv(options.file_system);
  }
  TRY(store->check_manifest());
  ASSIGN(store->database_, store->open_database());
  TRY(store->check_format());
  store->opened_ = true;
  store->note_manifest();
  return store;
}

Store::~Store() {
  database_.reset();
  note_manifest();
}

namespace {

Error damaged(std::string message) {
  return Error(ErrorCode::kCorrupt, std::move(message))
      .with_hint("the disk or another program damaged the log; restore a backup of its directory");
}

/// False: there is no log yet. kCorrupt: there was one, and RocksDB would begin anew beside its files. (Its first
/// file of records comes after CURRENT.)
Result<bool> has_log(const std::string& dir) {
  if (io::exists(dir + "/CURRENT")) return true;
  for (const char* records : {"/*.log", "/*.sst", "/*.blob"}) {
    ASSIGN(std::vector<std::string> left, io::glob(dir + records));
    if (!left.empty()) return damaged(fmt::format("the log in {} has lost its file CURRENT", dir));
  }
  return false;
}

/// Name and size of the file that lists the log's files; nullopt when there is no log yet.
Result<std::optional<std::string>> manifest_of(const std::string& dir, int64_t& bytes) {
  if (!io::exists(dir + "/CURRENT")) return std::optional<std::string>();
  ASSIGN(std::string current, io::read_file(dir + "/CURRENT", limits::kKiB));
  const auto newline = std::find(current.begin(), current.end(), '\n');
  std::string name(current.begin(), newline);
  auto status = io::file_status(dir + "/" + name);
  const bool whole = !name.empty() && newline != current.end();
  if (!whole || !status || !status->regular) {
    return damaged(fmt::format(
        "the file CURRENT of the log in {} holds {} bytes that name no file beside it: expected "
        "MANIFEST-… and a newline",
        dir, current.size()));
  }
  bytes = status->size;
  return std::optional(std::move(name));
}

constexpr const char* kManifestSeen = "/leat.manifest";

}  // namespace

/// RocksDB takes the end of a cut MANIFEST for a crash's torn tail, and the files that it no longer names for waste
/// that is to be deleted. The file only grows: one that is shorter than it was is damaged.
Result<void> Store::check_manifest() const {
  if (options_.in_memory) return {};
  int64_t bytes = 0;
  ASSIGN(const auto name, manifest_of(dir_, bytes));
  auto seen = io::read_file(dir_ + kManifestSeen, limits::kKiB);
  if (!seen) return {};  // none yet, or restored from a backup
  const size_t blank = seen->find(' ');
  if (!name || blank == std::string::npos || seen->substr(0, blank) != *name) return {};
  const int64_t was = std::strtoll(seen->c_str() + blank, nullptr, 10);
  if (bytes >= was) return {};
  return damaged(
      fmt::format("the log in {} has a {} of {} bytes, it had {}", dir_, *name, bytes, was));
}

/// After success only: what a failed open wrote may not be on the disk. Best effort: without it the next start checks less.
void Store::note_manifest() const {
  if (options_.in_memory || options_.read_only || !opened_ || health_ != Health::kHealthy) return;
  int64_t bytes = 0;
  const auto name = manifest_of(dir_, bytes);
  if (!name || !*name || bytes == 0) return;
  (void)io::write_file_atomic(dir_ + kManifestSeen, fmt::format("{} {}\n", **name, bytes))
      .has_value();
}

Result<void> Store::lock() {
  std::string path = dir_ + "/leat.lock";
  if (options_.read_only) {
    ASSIGN(bool there, has_log(dir_));
    if (!there) {
      return Error(ErrorCode::kNotFound, fmt::format("there is no log in {}", dir_))
          .with_hint("`leat run` creates it");
    }
    int pid = io::FileLock::holder(path);
    if (pid == 0) return {};
    return Error(ErrorCode::kConflict,
                 fmt::format("the log in {} is in use by process {}", dir_, pid));
  }
  TRY(io::make_directories(dir_));
  TRY(has_log(dir_));
  auto lock = io::FileLock::acquire(path);
  if (!lock) {
    return std::move(lock)
        .error()
        .context("the log is in use")
        .with_hint("stop that process, or use another directory with --data DIR");
  }
  lock_ = std::move(lock).value();
  return {};
}

Result<std::unique_ptr<Store::Database>> Store::open_database() {
  auto o = db_options(env_ ? env_.get() : rocksdb::Env::Default(), options_.in_memory);
  auto cache = rocksdb::NewLRUCache(limits::kLogCacheBytes);
  std::vector<rocksdb::ColumnFamilyDescriptor> families = {
      {rocksdb::kDefaultColumnFamilyName, family_options(false, cache)},
      {"log", family_options(true, cache)},
      {"meta", family_options(false, cache)},
      {"state", family_options(false, cache)}};
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  rocksdb::DB* db = nullptr;
  auto status = options_.read_only ? rocksdb::DB::OpenForReadOnly(o, dir_, families, &handles, &db)
                                   : rocksdb::DB::Open(o, dir_, families, &handles, &db);
  if (!status.ok()) return store_error(status, fmt::format("cannot open the log in {}", dir_));
  auto database = std::make_unique<Database>();
  database->db.reset(db);
  db->DestroyColumnFamilyHandle(handles[0]);
  database->log = handles[1];
  database->meta = handles[2];
  database->state = handles[3];
  return database;
}

// The place for migrations: a step per older format, each one atomic write that also raises the number.
Result<void> Store::check_format() {
  ASSIGN(auto format, meta(kFormatKey));
  ASSIGN(auto epoch, meta(kEpochKey));
  ASSIGN(auto commit, meta(kCommitKey));
  uint32_t found = format ? ByteReader(*format).fixed<uint32_t>() : kFormat;
  if (found > kFormat) {
    return Error(ErrorCode::kIncompatible,
                 fmt::format("the log in {} has format {}, this leat knows up to {}", dir_, found,
                             kFormat))
        .with_hint("use the newer leat that wrote it");
  }
  if (found < 1) {
    return Error(ErrorCode::kCorrupt, fmt::format("the log in {} has format {}", dir_, found));
  }
  epoch_ = epoch ? ByteReader(*epoch).fixed<uint64_t>() : 0;
  attempted_ = commit ? ByteReader(*commit).fixed<uint64_t>() : 0;
  if (options_.read_only) return {};
  ++epoch_;
  ASSIGN(Access at, access());
  rocksdb::WriteBatch batch;
  std::string format_value, epoch_value;
  put_fixed(format_value, kFormat);
  put_fixed(epoch_value, epoch_);
  batch.Put(at->meta, slice(kFormatKey), format_value);
  batch.Put(at->meta, slice(kEpochKey), epoch_value);
  rocksdb::WriteOptions synced;
  synced.sync = true;
  auto status = at->db->Write(synced, &batch);
  if (!status.ok()) return store_error(status, fmt::format("cannot write the log in {}", dir_));
  return {};
}

Result<Store::Access> Store::access() {
  std::shared_lock lock(open_mutex_);
  if (!database_) return *closed_by_;
  return Access(std::move(lock), database_.get());
}

Result<void> Store::ready() {
  if (options_.read_only) {
    return Error(ErrorCode::kInvalidArgument, "the log is open for reading only")
        .with_blame(Blame::kInternal);
  }
  switch (health_) {
    case Health::kHealthy:
      return {};
    case Health::kPoisoned:
      return *failure_;
    case Health::kFull:
      return reopen();
  }
  return {};
}

Result<void> Store::reopen() {
  if (!options_.in_memory) {
    ASSIGN(int64_t free, io::free_space(dir_));
    if (free < static_cast<int64_t>(limits::kLogMinFreeBytes)) return *failure_;
  }
  std::unique_lock lock(open_mutex_);
  // Not DB::Resume(): the cut-off write would stay in the middle of a write-ahead log that goes on, and
  // whether it happened would stay unknown. Opening anew replays the log and answers both.
  database_.reset();
  auto opened = open_database();
  if (!opened) {
    closed_by_ = failed(std::move(opened).error());
    return *closed_by_;
  }
  database_ = std::move(opened).value();
  lock.unlock();
  note_manifest();

  ASSIGN(auto commit, meta(kCommitKey));
  survivors_.push_back(commit ? ByteReader(*commit).fixed<uint64_t>() : 0);
  health_ = Health::kHealthy;
  failure_.reset();
  return reload_ ? reload_() : Result<void>();
}

Result<std::optional<std::string>> Store::meta(std::string_view key) {
  ASSIGN(Access at, access());
  return at.get(at->meta, key);
}

Error Store::failed(Error error) {
  if (error.code() == ErrorCode::kNoSpace) {
    health_ = Health::kFull;
    failure_ = error;
    return error;
  }
  health_ = Health::kPoisoned;
  failure_ = Error(error.code(), error.message())
                 .with_retry(Retry::kFatal)
                 .with_hint(
                     "whether the last write is on disk is unknown: check the disk, then start "
                     "leat again");
  return *failure_;
}

Result<void> Store::write(rocksdb::WriteBatch& batch, std::string_view point) {
  CHECK(health_ == Health::kHealthy);
  ASSIGN(Access at, access());
  std::string number;
  put_fixed(number, ++attempted_);
  auto status = batch.Put(at->meta, slice(kCommitKey), number);
  CHECK(status.ok(), "{}", status.ToString());
  if (auto fault = io::fault_point(fmt::format("{}.before", point)); !fault) {
    return failed(std::move(fault).error());
  }
  rocksdb::WriteOptions synced;
  synced.sync = true;
  status = at->db->Write(synced, &batch);
  if (!status.ok())
    return failed(store_error(status, fmt::format("cannot write the log in {}", dir_)));
  if (auto fault = io::fault_point(fmt::format("{}.after", point)); !fault) {
    return failed(std::move(fault).error());
  }
  return {};
}

bool Store::survived(const Attempt& attempt) const {
  return attempt.generation < survivors_.size() && survivors_[attempt.generation] >= attempt.number;
}

}  // namespace leat::log
