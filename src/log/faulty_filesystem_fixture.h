// FaultyFileSystem: files below RocksDB that fail at a chosen operation, and a disk that forgets what was not
// synced. For the log's tests only.
//
// Operations are counted from 1: creating or renaming a file, appending to it, syncing it or its directory.
// At the armed one:
//   kCrash     half of an append is written, and every operation fails from then on: the machine lost power.
//              Then lose_unsynced() cuts every file back to what was synced.
//   kIoError   that operation alone fails
//   kNoSpace   half of an append is written, and every append, sync and creation fails until space_is_back()
#pragma once

#include <rocksdb/file_system.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/mutex.h"

namespace leat::log {

/// Any thread. One per opened log.
class FaultyFileSystem final : public rocksdb::FileSystemWrapper {
 public:
  enum class Fault { kCrash, kIoError, kNoSpace };

  FaultyFileSystem() : FileSystemWrapper(rocksdb::FileSystem::Default()) {}
  const char* Name() const override { return "FaultyFileSystem"; }

  /// Counts from the next operation on.
  void arm(Fault fault, int operation) {
    MutexLock lock(mutex_);
    fault_ = fault;
    left_ = operation;
  }
  bool triggered() {
    MutexLock lock(mutex_);
    return triggered_;
  }
  void space_is_back() {
    MutexLock lock(mutex_);
    failing_ = false;
  }
  /// After a crash, and after the log is destroyed. `torn`: half of what was not synced is there all the same.
  void lose_unsynced(bool torn) {
    MutexLock lock(mutex_);
    if (!torn) {
      for (; !renamed_.empty(); renamed_.pop_back()) {
        const auto& [path, old] = renamed_.back();
        std::filesystem::remove(path);
        if (old) std::ofstream(path, std::ios::binary) << *old;
      }
      for (const auto& path : created_) std::filesystem::remove(path);
    }
    for (const auto& [path, size] : files_) {
      if (!std::filesystem::exists(path) || size.written <= size.synced) continue;
      std::filesystem::resize_file(
          path, torn ? size.synced + (size.written - size.synced) / 2 : size.synced);
    }
  }

  rocksdb::IOStatus NewWritableFile(const std::string& path, const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSWritableFile>* result,
                                    rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus ReopenWritableFile(const std::string& path, const rocksdb::FileOptions& options,
                                       std::unique_ptr<rocksdb::FSWritableFile>* result,
                                       rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus NewDirectory(const std::string& path, const rocksdb::IOOptions& options,
                                 std::unique_ptr<rocksdb::FSDirectory>* result,
                                 rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus RenameFile(const std::string& from, const std::string& to,
                               const rocksdb::IOOptions& options,
                               rocksdb::IODebugContext* debug) override;

 private:
  class File;
  class Directory;
  struct Size {
    uint64_t written = 0, synced = 0;
  };

  /// Counts one operation: OK, or how it fails. `torn` is set when half of an append should be written.
  rocksdb::IOStatus operation(bool* torn = nullptr) {
    MutexLock lock(mutex_);
    if (failing_) return failure();
    if (left_ == 0 || --left_ > 0) return rocksdb::IOStatus::OK();
    triggered_ = true;
    failing_ = fault_ != Fault::kIoError;
    if (torn) *torn = true;
    return failure();
  }
  rocksdb::IOStatus failure() REQUIRES_LOCK(mutex_) {
    if (fault_ == Fault::kNoSpace) return rocksdb::IOStatus::NoSpace("injected");
    return rocksdb::IOStatus::IOError("injected");
  }
  void appended(const std::string& path, uint64_t bytes) {
    MutexLock lock(mutex_);
    files_[path].written += bytes;
  }
  void synced(const std::string& path) {
    MutexLock lock(mutex_);
    files_[path].synced = files_[path].written;
  }
  void cut(const std::string& path, uint64_t size) {
    MutexLock lock(mutex_);
    auto& known = files_[path];
    known.written = size;
    known.synced = std::min(known.synced, size);
  }
  void directory_synced() {
    MutexLock lock(mutex_);
    created_.clear();
    renamed_.clear();
  }

  Mutex mutex_;
  Fault fault_ GUARDED_BY(mutex_) = Fault::kCrash;
  int left_ GUARDED_BY(mutex_) = 0;
  bool failing_ GUARDED_BY(mutex_) = false, triggered_ GUARDED_BY(mutex_) = false;
  std::map<std::string, Size> files_ GUARDED_BY(mutex_);
  // Since their directory was synced: files that are new, and those that a rename replaced (nullopt: none).
  std::set<std::string> created_ GUARDED_BY(mutex_);
  std::vector<std::pair<std::string, std::optional<std::string>>> renamed_ GUARDED_BY(mutex_);
};

class FaultyFileSystem::File final : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  File(FaultyFileSystem& owner, std::string path, std::unique_ptr<rocksdb::FSWritableFile> target)
      : FSWritableFileOwnerWrapper(std::move(target)), owner_(owner), path_(std::move(path)) {}

  rocksdb::IOStatus Append(const rocksdb::Slice& data, const rocksdb::IOOptions& options,
                           rocksdb::IODebugContext* debug) override {
    bool torn = false;
    rocksdb::IOStatus status = owner_.operation(&torn);
    rocksdb::Slice part =
        status.ok() ? data : rocksdb::Slice(data.data(), torn ? data.size() / 2 : 0);
    if (!part.empty()) {
      auto written = target()->Append(part, options, debug);
      if (!written.ok()) return written;
      owner_.appended(path_, part.size());
    }
    return status;
  }
  rocksdb::IOStatus Append(const rocksdb::Slice& data, const rocksdb::IOOptions& options,
                           const rocksdb::DataVerificationInfo&,
                           rocksdb::IODebugContext* debug) override {
    return Append(data, options, debug);
  }
  // The disk's own sync is left out: what counts as synced is what lose_unsynced() keeps.
  rocksdb::IOStatus Sync(const rocksdb::IOOptions&, rocksdb::IODebugContext*) override {
    auto status = owner_.operation();
    if (status.ok()) owner_.synced(path_);
    return status;
  }
  rocksdb::IOStatus Fsync(const rocksdb::IOOptions& options,
                          rocksdb::IODebugContext* debug) override {
    return Sync(options, debug);
  }
  rocksdb::IOStatus RangeSync(uint64_t, uint64_t, const rocksdb::IOOptions&,
                              rocksdb::IODebugContext*) override {
    return rocksdb::IOStatus::OK();
  }
  rocksdb::IOStatus Truncate(uint64_t size, const rocksdb::IOOptions& options,
                             rocksdb::IODebugContext* debug) override {
    auto status = target()->Truncate(size, options, debug);
    if (status.ok()) owner_.cut(path_, size);
    return status;
  }

 private:
  FaultyFileSystem& owner_;
  const std::string path_;
};

class FaultyFileSystem::Directory final : public rocksdb::FSDirectoryWrapper {
 public:
  Directory(FaultyFileSystem& owner, std::unique_ptr<rocksdb::FSDirectory> target)
      : FSDirectoryWrapper(std::move(target)), owner_(owner) {}
  rocksdb::IOStatus Fsync(const rocksdb::IOOptions&, rocksdb::IODebugContext*) override {
    auto status = owner_.operation();
    if (status.ok()) owner_.directory_synced();
    return status;
  }
  rocksdb::IOStatus FsyncWithDirOptions(const rocksdb::IOOptions& options,
                                        rocksdb::IODebugContext* debug,
                                        const rocksdb::DirFsyncOptions&) override {
    return Fsync(options, debug);
  }

 private:
  FaultyFileSystem& owner_;
};

inline rocksdb::IOStatus FaultyFileSystem::NewWritableFile(
    const std::string& path, const rocksdb::FileOptions& options,
    std::unique_ptr<rocksdb::FSWritableFile>* result, rocksdb::IODebugContext* debug) {
  if (auto status = operation(); !status.ok()) return status;
  std::unique_ptr<rocksdb::FSWritableFile> file;
  if (auto status = target()->NewWritableFile(path, options, &file, debug); !status.ok())
    return status;
  {
    MutexLock lock(mutex_);
    files_[path] = {};
    created_.insert(path);
  }
  *result = std::make_unique<File>(*this, path, std::move(file));
  return rocksdb::IOStatus::OK();
}

inline rocksdb::IOStatus FaultyFileSystem::ReopenWritableFile(
    const std::string& path, const rocksdb::FileOptions& options,
    std::unique_ptr<rocksdb::FSWritableFile>* result, rocksdb::IODebugContext* debug) {
  if (auto status = operation(); !status.ok()) return status;
  std::unique_ptr<rocksdb::FSWritableFile> file;
  if (auto status = target()->ReopenWritableFile(path, options, &file, debug); !status.ok())
    return status;
  *result = std::make_unique<File>(*this, path, std::move(file));
  return rocksdb::IOStatus::OK();
}

inline rocksdb::IOStatus FaultyFileSystem::NewDirectory(
    const std::string& path, const rocksdb::IOOptions& options,
    std::unique_ptr<rocksdb::FSDirectory>* result, rocksdb::IODebugContext* debug) {
  std::unique_ptr<rocksdb::FSDirectory> directory;
  if (auto status = target()->NewDirectory(path, options, &directory, debug); !status.ok())
    return status;
  *result = std::make_unique<Directory>(*this, std::move(directory));
  return rocksdb::IOStatus::OK();
}

inline rocksdb::IOStatus FaultyFileSystem::RenameFile(const std::string& from,
                                                      const std::string& to,
                                                      const rocksdb::IOOptions& options,
                                                      rocksdb::IODebugContext* debug) {
  if (auto status = operation(); !status.ok()) return status;
  std::optional<std::string> old;
  if (std::ifstream file(to, std::ios::binary); file) {
    old.emplace(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  }
  if (auto status = target()->RenameFile(from, to, options, debug); !status.ok()) return status;
  MutexLock lock(mutex_);
  renamed_.emplace_back(to, std::move(old));
  if (auto found = files_.find(from); found != files_.end()) {
    files_[to] = found->second;
    files_.erase(found);
  }
  created_.erase(from);
  return rocksdb::IOStatus::OK();
}

}  // namespace leat::log
