#include "io/file.h"

#include <dirent.h>
#include <fcntl.h>
#include <glob.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <system_error>

#include "base/check.h"

namespace leat::io {
namespace {

namespace fs = std::filesystem;

/// A descriptor that closes itself.
class Fd {
 public:
  explicit Fd(int fd) : fd_(fd) {}
  ~Fd() {
    if (fd_ >= 0) ::close(fd_);
  }
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  int get() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

int open_retrying(const char* path, int flags, mode_t mode = 0) {
  int fd;
  do fd = ::open(path, flags | O_CLOEXEC, mode);
  while (fd < 0 && errno == EINTR);
  return fd;
}

Result<void> write_all(int fd, std::string_view content, const std::string& path) {
  while (!content.empty()) {
    ssize_t n = ::write(fd, content.data(), content.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return os_error(errno, "cannot write", path);
    content.remove_prefix(static_cast<size_t>(n));
  }
  return {};
}

Result<size_t> read_some(int fd, char* into, size_t size, const std::string& path) {
  for (;;) {
    ssize_t n = ::read(fd, into, size);
    if (n >= 0) return static_cast<size_t>(n);
    if (errno != EINTR) return os_error(errno, "cannot read", path);
  }
}

std::string parent_of(const std::string& path) {
  std::string parent = fs::path(path).parent_path().string();
  return parent.empty() ? "." : parent;
}

/// Makes a rename in `directory` durable.
Result<void> sync_directory(const std::string& directory) {
  Fd fd(open_retrying(directory.c_str(), O_RDONLY | O_DIRECTORY));
  if (fd.get() < 0) return os_error(errno, "cannot open directory", directory);
  if (::fsync(fd.get()) != 0) return os_error(errno, "cannot sync directory", directory);
  return {};
}

struct flock whole_file(short type) {
  struct flock lock {};
  lock.l_type = type;
  lock.l_whence = SEEK_SET;
  return lock;
}

/// The pid written in a lock file, or 0.
int written_pid(int fd) {
  char text[16];
  ssize_t n = ::pread(fd, text, sizeof text, 0);
  int pid = 0;
  if (n > 0) std::from_chars(text, text + n, pid);
  return pid;
}

}  // namespace

Error os_error(int errnum, std::string_view what, std::string_view path) {
  auto code = ErrorCode::kIo;
  if (errnum == ENOENT)
    code = ErrorCode::kNotFound;
  else if (errnum == ENOSPC || errnum == EDQUOT)
    code = ErrorCode::kNoSpace;
  else if (errnum == EACCES || errnum == EPERM)
    code = ErrorCode::kPermission;
  return Error(code, fmt::format("{} {}: {}", what, path, std::generic_category().message(errnum)));
}

Result<std::string> read_file(const std::string& path, size_t max_bytes) {
  Fd fd(open_retrying(path.c_str(), O_RDONLY));
  if (fd.get() < 0) return os_error(errno, "cannot open", path);
  // Not the size that stat gives: it is 0 for files of /proc, and may change meanwhile.
  constexpr size_t kChunk = 64 * 1024;
  std::string content;
  for (size_t used = 0;;) {
    content.resize(std::max(used + kChunk, used + used / 2));
    ASSIGN(size_t n, read_some(fd.get(), content.data() + used, content.size() - used, path));
    used += n;
    if (used > max_bytes) {
      return Error(
                 ErrorCode::kLimit,
                 fmt::format("{} is larger than {} bytes, the most that is read", path, max_bytes))
          .with_blame(Blame::kUser);
    }
    if (n == 0) {
      content.resize(used);
      return content;
    }
  }
}

Result<void> write_file_atomic(const std::string& path, std::string_view content, int mode) {
  std::string temporary = path + ".XXXXXX";
  Fd fd(::mkostemp(temporary.data(), O_CLOEXEC));
  if (fd.get() < 0) return os_error(errno, "cannot create a file beside", path);
  auto write = [&]() -> Result<void> {
    TRY(write_all(fd.get(), content, temporary));
    if (::fchmod(fd.get(), static_cast<mode_t>(mode)) != 0) {
      return os_error(errno, "cannot set the mode of", temporary);
    }
    if (::fsync(fd.get()) != 0) return os_error(errno, "cannot sync", temporary);
    if (::rename(temporary.c_str(), path.c_str()) != 0) {
      return os_error(errno, "cannot rename a temporary file to", path);
    }
    return {};
  };
  if (auto written = write(); !written) {
    ::unlink(temporary.c_str());
    return written;
  }
  return sync_directory(parent_of(path));
}

Result<void> overwrite(const std::string& path,
                       const std::vector<std::pair<int64_t, std::string_view>>& pieces) {
  Fd fd(open_retrying(path.c_str(), O_WRONLY));
  if (fd.get() < 0) return os_error(errno, "cannot open", path);
  for (const auto& [offset, content] : pieces) {
    if (::lseek(fd.get(), static_cast<off_t>(offset), SEEK_SET) < 0)
      return os_error(errno, "cannot write", path);
    TRY(write_all(fd.get(), content, path));
  }
  if (::fsync(fd.get()) != 0) return os_error(errno, "cannot sync", path);
  return {};
}

Result<void> rename_file(const std::string& from, const std::string& to) {
  if (::rename(from.c_str(), to.c_str()) != 0)
    return os_error(errno, "cannot rename to " + to + ":", from);
  return sync_directory(parent_of(to));
}

Result<void> make_directories(const std::string& path) {
  std::error_code failed;
  fs::create_directories(path, failed);
  if (failed) return os_error(failed.value(), "cannot create directory", path);
  if (!is_directory(path)) return os_error(ENOTDIR, "cannot create directory", path);
  return {};
}

Result<void> remove_all(const std::string& path) {
  std::error_code failed;
  fs::remove_all(path, failed);
  if (failed) return os_error(failed.value(), "cannot remove", path);
  return {};
}

bool exists(const std::string& path) {
  std::error_code failed;
  return fs::exists(path, failed);
}

bool is_directory(const std::string& path) {
  std::error_code failed;
  return fs::is_directory(path, failed);
}

Result<std::vector<std::string>> list_directory(const std::string& path) {
  std::error_code failed;
  fs::directory_iterator at(path, failed);
  std::vector<std::string> names;
  for (; !failed && at != fs::directory_iterator(); at.increment(failed)) {
    names.push_back(at->path().filename().string());
  }
  if (failed) return os_error(failed.value(), "cannot list directory", path);
  std::sort(names.begin(), names.end());
  return names;
}

Result<std::vector<std::string>> glob(const std::string& pattern) {
  glob_t found{};
  int failed = ::glob(pattern.c_str(), GLOB_ERR, nullptr, &found);
  int errnum = errno;
  std::vector<std::string> paths;
  if (failed == 0) paths.assign(found.gl_pathv, found.gl_pathv + found.gl_pathc);
  ::globfree(&found);
  if (failed == GLOB_NOSPACE) return Error(ErrorCode::kInternal, "no memory to match " + pattern);
  if (failed == GLOB_ABORTED && errnum != ENOENT && errnum != ENOTDIR) {
    return os_error(errnum, "cannot list the files of", pattern);
  }
  // glob(3) sorts by the locale; bytes are the same everywhere.
  std::sort(paths.begin(), paths.end());
  return paths;
}

Result<FileStatus> file_status(const std::string& path) {
  struct stat st {};
  if (::stat(path.c_str(), &st) != 0) return os_error(errno, "cannot look at", path);
  FileStatus status;
  status.size = st.st_size;
  status.modified_ms = st.st_mtim.tv_sec * 1000 + st.st_mtim.tv_nsec / 1'000'000;
  status.inode = st.st_ino;
  status.device = st.st_dev;
  status.regular = S_ISREG(st.st_mode);
  return status;
}

Result<int64_t> free_space(const std::string& path) {
  std::error_code failed;
  auto space = fs::space(path, failed);
  if (failed) return os_error(failed.value(), "cannot look at the file system of", path);
  return static_cast<int64_t>(space.available);
}

std::string absolute_path(const std::string& path) {
  std::error_code failed;
  fs::path real = fs::weakly_canonical(fs::absolute(path, failed), failed);
  if (failed) return path;
  std::string text = real.string();
  while (text.size() > 1 && text.ends_with('/')) text.pop_back();
  return text;
}

FileReader::FileReader(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}
FileReader::~FileReader() { ::close(fd_); }

Result<std::unique_ptr<FileReader>> FileReader::open(const std::string& path) {
  Fd fd(open_retrying(path.c_str(), O_RDONLY));
  if (fd.get() < 0) return os_error(errno, "cannot open", path);
  struct stat st {};
  if (::fstat(fd.get(), &st) != 0) return os_error(errno, "cannot look at", path);
  if (S_ISDIR(st.st_mode)) return os_error(EISDIR, "cannot read", path);
  return std::unique_ptr<FileReader>(new FileReader(fd.release(), path));
}

Result<void> FileReader::seek(int64_t offset) {
  if (::lseek(fd_, offset, SEEK_SET) < 0) return os_error(errno, "cannot seek in", path_);
  return {};
}

Result<size_t> FileReader::read(char* into, size_t size) {
  return read_some(fd_, into, size, path_);
}

Result<std::string> FileReader::read_at(int64_t offset, size_t size) {
  std::string out(size, '\0');
  size_t done = 0;
  while (done < size) {
    const ssize_t got =
        ::pread(fd_, out.data() + done, size - done, offset + static_cast<off_t>(done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return os_error(errno, "cannot read", path_);
    if (got == 0) break;
    done += static_cast<size_t>(got);
  }
  out.resize(done);
  return out;
}

// Locks of the open file description (not of the process, as POSIX's): a second acquire in the same
// process fails too, and holder() can look without taking the lock.
FileLock::FileLock(int fd) : fd_(fd) {}
FileLock::~FileLock() {
  // The content is only for messages; a failure leaves a stale pid that nobody reads while unlocked.
  [[maybe_unused]] int ignored = ::ftruncate(fd_, 0);
  ::close(fd_);
}

Result<std::unique_ptr<FileLock>> FileLock::acquire(const std::string& path) {
  Fd fd(open_retrying(path.c_str(), O_RDWR | O_CREAT, 0644));
  if (fd.get() < 0) return os_error(errno, "cannot open the lock file", path);
  auto lock = whole_file(F_WRLCK);
  if (::fcntl(fd.get(), F_OFD_SETLK, &lock) != 0) {
    if (errno != EAGAIN && errno != EACCES) return os_error(errno, "cannot lock", path);
    int pid = written_pid(fd.get());
    return Error(ErrorCode::kConflict, pid > 0
                                           ? fmt::format("{} is held by process {}", path, pid)
                                           : fmt::format("{} is held by another process", path));
  }
  std::string pid = fmt::format("{}\n", ::getpid());
  if (::ftruncate(fd.get(), 0) != 0) return os_error(errno, "cannot write", path);
  TRY(write_all(fd.get(), pid, path));
  return std::unique_ptr<FileLock>(new FileLock(fd.release()));
}

int FileLock::holder(const std::string& path) {
  Fd fd(open_retrying(path.c_str(), O_RDONLY));
  if (fd.get() < 0) return 0;
  auto lock = whole_file(F_WRLCK);
  if (::fcntl(fd.get(), F_OFD_GETLK, &lock) != 0 || lock.l_type == F_UNLCK) return 0;
  int pid = written_pid(fd.get());
  return pid > 0 ? pid : -1;
}

}  // namespace leat::io
