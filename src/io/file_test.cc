#include "io/file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <thread>

#include "testing/temp_dir.h"

namespace leat::io {
namespace {

using testing::TempDir;

TEST(File, WritesAndReadsBack) {
  TempDir dir;
  std::string content("a\0b\n", 4);
  ASSERT_TRUE(write_file_atomic(dir / "f", content));
  EXPECT_EQ(read_file(dir / "f", 100).value(), content);
  ASSERT_TRUE(write_file_atomic(dir / "f", "", 0600));
  EXPECT_EQ(read_file(dir / "f", 0).value(), "");
  struct stat st {};
  ASSERT_EQ(::stat((dir / "f").c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 0777, 0600u);
  EXPECT_EQ(list_directory(dir.path()).value(),
            std::vector<std::string>{"f"});  // no temporary is left
}

TEST(File, ReadsALargeFileWhole) {
  TempDir dir;
  std::string content;
  for (int i = 0; i < 300'000; ++i) content += static_cast<char>('a' + i % 26);
  ASSERT_TRUE(write_file_atomic(dir / "f", content));
  EXPECT_EQ(read_file(dir / "f", content.size()).value(), content);
  EXPECT_EQ(read_file(dir / "f", content.size() - 1).error().code(), ErrorCode::kLimit);
}

TEST(File, ReadsFilesWithoutASize) {
  EXPECT_FALSE(read_file("/proc/self/status", 1 << 20).value().empty());
}

TEST(File, NamesThePathAndTheReason) {
  TempDir dir;
  auto absent = read_file(dir / "no", 1);
  EXPECT_EQ(absent.error().code(), ErrorCode::kNotFound);
  EXPECT_EQ(absent.error().message(),
            "cannot open " + (dir / "no") + ": No such file or directory");
  EXPECT_EQ(write_file_atomic(dir / "no/f", "x").error().code(), ErrorCode::kNotFound);
  EXPECT_EQ(list_directory(dir / "no").error().code(), ErrorCode::kNotFound);
  EXPECT_EQ(file_status(dir / "no").error().code(), ErrorCode::kNotFound);
  EXPECT_EQ(os_error(ENOSPC, "cannot write", "x").code(), ErrorCode::kNoSpace);
  EXPECT_EQ(os_error(EDQUOT, "cannot write", "x").code(), ErrorCode::kNoSpace);
  EXPECT_EQ(os_error(EACCES, "cannot write", "x").code(), ErrorCode::kPermission);
  EXPECT_EQ(os_error(EIO, "cannot write", "x").code(), ErrorCode::kIo);
}

TEST(File, LeavesTheOldContentWhenItCannotReplaceIt) {
  TempDir dir;
  ASSERT_TRUE(make_directories(dir / "f"));
  EXPECT_FALSE(write_file_atomic(dir / "f", "x"));
  EXPECT_EQ(list_directory(dir.path()).value(), std::vector<std::string>{"f"});
}

TEST(File, MakesAndRemovesTrees) {
  TempDir dir;
  ASSERT_TRUE(make_directories(dir / "a/b/c"));
  ASSERT_TRUE(make_directories(dir / "a/b/c"));
  EXPECT_TRUE(is_directory(dir / "a/b/c"));
  ASSERT_TRUE(write_file_atomic(dir / "a/f", "x"));
  EXPECT_FALSE(make_directories(dir / "a/f"));
  EXPECT_FALSE(is_directory(dir / "a/f"));
  EXPECT_EQ(list_directory(dir / "a").value(), (std::vector<std::string>{"b", "f"}));
  ASSERT_TRUE(remove_all(dir / "a"));
  ASSERT_TRUE(remove_all(dir / "a"));
  EXPECT_FALSE(exists(dir / "a"));
}

TEST(File, GlobSortsAndMayBeEmpty) {
  TempDir dir;
  for (const char* name : {"b.json", "a.json", "c.csv"})
    ASSERT_TRUE(write_file_atomic(dir / name, ""));
  EXPECT_EQ(glob(dir / "*.json").value(),
            (std::vector<std::string>{dir / "a.json", dir / "b.json"}));
  EXPECT_TRUE(glob(dir / "*.xml").value().empty());
  EXPECT_TRUE(glob(dir / "no/*").value().empty());
}

TEST(File, StatusIdentifiesAFile) {
  TempDir dir;
  ASSERT_TRUE(write_file_atomic(dir / "f", "123"));
  auto before = file_status(dir / "f").value();
  EXPECT_EQ(before.size, 3);
  EXPECT_GT(before.modified_ms, 0);
  ASSERT_TRUE(write_file_atomic(dir / "f", "1234"));
  EXPECT_NE(file_status(dir / "f").value().inode, before.inode);
}

TEST(File, AbsolutePathResolvesWhatExists) {
  TempDir dir;
  std::string real = absolute_path(dir.path());
  ASSERT_TRUE(make_directories(dir / "a"));
  ASSERT_EQ(::symlink((dir / "a").c_str(), (dir / "link").c_str()), 0);
  EXPECT_EQ(absolute_path(dir / "link/new/f"), real + "/a/new/f");
  EXPECT_EQ(absolute_path(dir / "a/../a/"), real + "/a");
  EXPECT_EQ(absolute_path("/"), "/");
  EXPECT_TRUE(absolute_path("relative").starts_with('/'));
}

TEST(FileReader, ReadsFromWhereItWasSought) {
  TempDir dir;
  ASSERT_TRUE(write_file_atomic(dir / "f", "0123456789"));
  auto reader = FileReader::open(dir / "f").value();
  char buffer[8];
  EXPECT_EQ(reader->read(buffer, 4).value(), 4u);
  EXPECT_EQ(std::string(buffer, 4), "0123");
  ASSERT_TRUE(reader->seek(7));
  EXPECT_EQ(reader->read(buffer, 8).value(), 3u);
  EXPECT_EQ(std::string(buffer, 3), "789");
  EXPECT_EQ(reader->read(buffer, 8).value(), 0u);
  ASSERT_TRUE(reader->seek(2));
  EXPECT_EQ(reader->read_at(8, 8).value(), "89");
  EXPECT_EQ(reader->read_at(20, 8).value(), "");
  EXPECT_FALSE(reader->read_at(-1, 1));
  EXPECT_EQ(reader->read(buffer, 1).value(), 1u);
  EXPECT_EQ(buffer[0], '2') << "the place of read() stays";
  EXPECT_FALSE(reader->seek(-1));
  EXPECT_FALSE(FileReader::open(dir.path()));
  EXPECT_EQ(FileReader::open(dir / "no").error().code(), ErrorCode::kNotFound);
}

TEST(FileLock, IsExclusiveWithinAProcessToo) {
  TempDir dir;
  EXPECT_EQ(FileLock::holder(dir / "lock"), 0);
  auto first = FileLock::acquire(dir / "lock").value();
  EXPECT_EQ(FileLock::holder(dir / "lock"), ::getpid());
  auto second = FileLock::acquire(dir / "lock");
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code(), ErrorCode::kConflict);
  EXPECT_NE(second.error().message().find(std::to_string(::getpid())), std::string::npos);
  first.reset();
  EXPECT_EQ(FileLock::holder(dir / "lock"), 0);
  EXPECT_TRUE(FileLock::acquire(dir / "lock"));
}

TEST(FileLock, EndsWithItsProcess) {
  TempDir dir;
  int ready[2];
  ASSERT_EQ(::pipe(ready), 0);
  pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    auto lock = FileLock::acquire(dir / "lock");
    char ok = lock ? 'y' : 'n';
    if (::write(ready[1], &ok, 1) != 1) ::_exit(1);
    for (;;) ::pause();
  }
  char ok = 0;
  ASSERT_EQ(::read(ready[0], &ok, 1), 1);
  EXPECT_EQ(ok, 'y');
  EXPECT_EQ(FileLock::holder(dir / "lock"), child);
  EXPECT_FALSE(FileLock::acquire(dir / "lock"));
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  ::close(ready[0]), ::close(ready[1]);
  EXPECT_EQ(FileLock::holder(dir / "lock"), 0);  // though its pid is still written there
  EXPECT_TRUE(FileLock::acquire(dir / "lock"));
}

}  // namespace
}  // namespace leat::io
