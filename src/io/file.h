// Files and directories. Errors name the path and the operating system's reason.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace leat::io {

/// An Error from errno: ENOENT -> kNotFound, ENOSPC/EDQUOT -> kNoSpace, EACCES/EPERM -> kPermission, else kIo.
Error os_error(int errnum, std::string_view what, std::string_view path);

/// The whole file; kLimit when it is larger than max_bytes.
Result<std::string> read_file(const std::string& path, size_t max_bytes);
/// Writes a temporary file beside it, syncs, renames, syncs the directory: the old or the new content,
/// never a torn one. `mode` as chmod's.
Result<void> write_file_atomic(const std::string& path, std::string_view content, int mode = 0644);
/// Writes each piece at its offset of an existing file, in place, and syncs.
Result<void> overwrite(const std::string& path,
                       const std::vector<std::pair<int64_t, std::string_view>>& pieces);
Result<void> make_directories(const std::string& path);
/// Moves a file to a name in the same file system, replacing what is there, and syncs the directory.
Result<void> rename_file(const std::string& from, const std::string& to);
/// Removes a file or a whole tree; absent is fine.
Result<void> remove_all(const std::string& path);
bool exists(const std::string& path);
bool is_directory(const std::string& path);
/// Names in a directory, sorted.
Result<std::vector<std::string>> list_directory(const std::string& path);
/// Paths that match a shell pattern (`data/*.json`), sorted. Empty when none does.
Result<std::vector<std::string>> glob(const std::string& pattern);
/// size in bytes, modification time in ms and inode: the identity of a file that is followed.
struct FileStatus {
  int64_t size = 0, modified_ms = 0;
  uint64_t inode = 0, device = 0;
  bool regular = false;  // no directory, pipe, device or socket
};
Result<FileStatus> file_status(const std::string& path);
/// Bytes that an unprivileged process may still write to the file system of `path`.
Result<int64_t> free_space(const std::string& path);
/// The real, absolute path; for a path that does not exist yet, of its nearest existing parent plus the rest.
std::string absolute_path(const std::string& path);

/// A sequential reader with a position, for files that may be larger than memory. One thread.
class FileReader {
 public:
  static Result<std::unique_ptr<FileReader>> open(const std::string& path);
  ~FileReader();
  FileReader(const FileReader&) = delete;
  FileReader& operator=(const FileReader&) = delete;
  Result<void> seek(int64_t offset);
  /// Reads at most `size` bytes; 0 at the end of the file.
  Result<size_t> read(char* into, size_t size);
  /// The `size` bytes at `offset`, fewer at the end of the file; the place of read() stays.
  Result<std::string> read_at(int64_t offset, size_t size);

 private:
  FileReader(int fd, std::string path);
  int fd_;
  std::string path_;
};

/// An exclusive lock on a file, held until destroyed or the process ends; the holder's pid is its content.
/// kConflict names the pid of the present holder.
class FileLock {
 public:
  static Result<std::unique_ptr<FileLock>> acquire(const std::string& path);
  /// The pid that holds the lock at `path`; 0 when nobody does, -1 when the holder has not written its pid yet.
  static int holder(const std::string& path);
  ~FileLock();
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;

 private:
  explicit FileLock(int fd);
  int fd_;
};

}  // namespace leat::io
