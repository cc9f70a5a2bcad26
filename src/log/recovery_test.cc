// The log on a disk that fails: at every write in turn, what was acknowledged is there, what was not is there
// whole or not at all, and a full disk costs nothing but time.
#include <gmock/gmock.h>
#include <filesystem>
#include <fstream>
#include <set>

#include "io/file.h"
#include "log/faulty_filesystem_fixture.h"
#include "log/log_fixture.h"

namespace leat::log {
namespace {

using ::testing::HasSubstr;
using Fault = FaultyFileSystem::Fault;
constexpr int kCommits = 6;
constexpr int kMostOperations = 400;  // more than a run of the scenario has

/// A run: a topic, then transactions that each put three records over two partitions, a progress row and a state.
class RecoveryTest : public LogTest {
 protected:
  Options faulty(const std::shared_ptr<FaultyFileSystem>& files) {
    Options o = options();
    o.file_system = files;
    return o;
  }

  /// Opens on files that do not fail (and do not sync, which would only take time here).
  void open_sound() { open(faulty(std::make_shared<FaultyFileSystem>())); }

  Result<void> fill(stream::LogTransaction& tx, const stream::TopicInfo& users, int i) {
    TRY(put(tx, users, 0, {fmt::format("{} a", i), fmt::format("{} b", i)}));
    TRY(put(tx, users, 1, {fmt::format("{} c", i)}));
    TRY(tx.put_progress(progress(i == 0 ? -1 : i, i + 1)));
    return tx.put_state("last", std::to_string(i));
  }

  /// Runs from an empty directory until something fails. How many transactions were acknowledged.
  int run(const std::shared_ptr<FaultyFileSystem>& files) {
    log_.reset();
    std::filesystem::remove_all(dir());
    auto opened = EmbeddedLog::open(dir(), faulty(files));
    if (!opened) return 0;
    log_ = std::move(opened).value();
    stream::TopicSpec spec;
    spec.name = "users";
    spec.partitions = 2;
    auto users = log_->topics().ensure(spec);
    if (!users) return 0;
    for (int i = 0; i < kCommits; ++i) {
      auto tx = log_->begin("lane").value();
      EXPECT_TRUE(fill(*tx, *users, i));
      if (!tx->commit()) return i;
    }
    return kCommits;
  }

  /// Whole transactions in the log; fails the test when one is there in part.
  int count_whole() {
    auto users = log_->topics().find("users");
    if (!users) return 0;
    auto first = read(*users, 0).value(), second = read(*users, 1).value();
    auto rows = log_->progress("users", "store").value();
    int whole = static_cast<int>(second.size());
    EXPECT_EQ(first.size(), second.size() * 2);
    EXPECT_EQ(rows.empty() ? 0 : rows[0].next, whole);
    if (whole > 0) {
      EXPECT_EQ(log_->state("last").value(), std::to_string(whole - 1));
    }
    for (int i = 0; i < whole; ++i) {
      auto at = static_cast<size_t>(i);
      EXPECT_EQ(first[2 * at].value, fmt::format("{} a", i));
      EXPECT_EQ(first[2 * at + 1].value, fmt::format("{} b", i));
      EXPECT_EQ(second[at].value, fmt::format("{} c", i));
    }
    return whole;
  }

  void crash_everywhere(bool torn) {
    for (int n = 1; n < kMostOperations; ++n) {
      SCOPED_TRACE(fmt::format("operation {}", n));
      auto files = std::make_shared<FaultyFileSystem>();
      files->arm(Fault::kCrash, n);
      int acknowledged = run(files);
      if (!files->triggered()) {
        EXPECT_EQ(acknowledged, kCommits);
        EXPECT_GT(n, 3 * kCommits);  // the sweep met the commits
        return;
      }
      log_.reset();
      files->lose_unsynced(torn);
      ASSERT_NO_FATAL_FAILURE(open_sound());
      int whole = count_whole();
      EXPECT_GE(whole, acknowledged);
      EXPECT_LE(whole, acknowledged + 1);
      // And it goes on.
      auto users = topic("users", 2);
      auto tx = log_->begin("lane").value();
      ASSERT_TRUE(fill(*tx, users, whole));
      ASSERT_TRUE(tx->commit());
      EXPECT_EQ(count_whole(), whole + 1);
    }
    FAIL() << "more than " << kMostOperations << " operations";
  }
};

TEST_F(RecoveryTest, ACrashAnywhereLosesNothingAcknowledged) { crash_everywhere(false); }
TEST_F(RecoveryTest, ACrashThatTearsUnsyncedWritesLosesNothingAcknowledged) {
  crash_everywhere(true);
}

TEST_F(RecoveryTest, AFailedWriteStopsTheLogUntilItIsReopened) {
  int poisoned = 0;
  for (int n = 1; n < kMostOperations; ++n) {
    SCOPED_TRACE(fmt::format("operation {}", n));
    auto files = std::make_shared<FaultyFileSystem>();
    files->arm(Fault::kIoError, n);
    int acknowledged = run(files);
    if (!files->triggered()) {
      EXPECT_GT(poisoned, kCommits);
      return;
    }
    if (log_ && acknowledged < kCommits) {
      auto users = log_->topics().find("users");
      if (users) {
        ++poisoned;
        for (int again = 0; again < 2; ++again) {
          auto failed = append(*users, 0, {"x"});
          ASSERT_FALSE(failed);
          EXPECT_EQ(failed.error().retry(), Retry::kFatal);
          EXPECT_THAT(failed.error().hint(), HasSubstr("start leat again"));
        }
        EXPECT_EQ(count_whole(), acknowledged);  // reading goes on
      }
    }
    log_.reset();
    files->lose_unsynced(false);
    ASSERT_NO_FATAL_FAILURE(open_sound());
    int whole = count_whole();
    EXPECT_GE(whole, acknowledged);
    EXPECT_LE(whole, acknowledged + 1);
  }
  FAIL() << "more than " << kMostOperations << " operations";
}

TEST_F(RecoveryTest, AFullDiskCostsNothingButTime) {
  int refused = 0;
  for (int n = 1; n < kMostOperations; ++n) {
    SCOPED_TRACE(fmt::format("operation {}", n));
    auto files = std::make_shared<FaultyFileSystem>();
    files->arm(Fault::kNoSpace, n);
    log_.reset();
    std::filesystem::remove_all(dir());
    auto retry = [&](auto attempt) {
      for (int tries = 0; tries < 3; ++tries) {
        auto result = attempt();
        if (result) return true;
        EXPECT_EQ(result.error().code(), ErrorCode::kNoSpace) << result.error().to_string();
        EXPECT_EQ(result.error().retry(), Retry::kBackoff);
        ++refused;
        if (tries == 1) files->space_is_back();  // once more while it is still full
      }
      return false;
    };
    ASSERT_TRUE(retry([&]() -> Result<void> {
      ASSIGN(log_, EmbeddedLog::open(dir(), faulty(files)));
      return {};
    }));
    stream::TopicInfo users;
    ASSERT_TRUE(retry([&]() -> Result<void> {
      stream::TopicSpec spec;
      spec.name = "users";
      spec.partitions = 2;
      ASSIGN(users, log_->topics().ensure(spec));
      return {};
    }));
    for (int i = 0; i < kCommits; ++i) {
      auto tx = log_->begin("lane").value();
      ASSERT_TRUE(fill(*tx, users, i));
      ASSERT_TRUE(retry([&] { return tx->commit(); }));
    }
    EXPECT_EQ(count_whole(), kCommits);
    ASSERT_NO_FATAL_FAILURE(open_sound());
    EXPECT_EQ(count_whole(), kCommits);
    if (!files->triggered()) {
      EXPECT_GT(refused, 2 * kCommits);
      return;
    }
  }
  FAIL() << "more than " << kMostOperations << " operations";
}

/// The newest write-ahead log of the directory.
std::string newest_wal(const std::string& dir) {
  std::string newest;
  auto paths = io::glob(dir + "/*.log").value();
  for (const auto& path : paths) newest = std::max(newest, path);
  return newest;
}

TEST_F(RecoveryTest, ATornTailIsCutOff) {
  open();
  auto users = topic("users");
  ASSERT_TRUE(append(users, 0, numbered(3)));
  ASSERT_TRUE(append(users, 0, numbered(3, 3)));
  // A copy as the disk would be without a clean end.
  std::filesystem::copy(dir(), temp_ / "torn");
  std::string wal = newest_wal(temp_ / "torn");
  int64_t size = io::file_status(wal)->size;
  log_.reset();
  for (int64_t cut = 1; cut < 60; cut += 7) {
    std::filesystem::remove_all(dir());
    std::filesystem::copy(temp_ / "torn", dir());
    std::filesystem::resize_file(newest_wal(dir()), static_cast<uintmax_t>(size - cut));
    ASSERT_NO_FATAL_FAILURE(open());
    EXPECT_EQ(values(read(users, 0).value()), numbered(3)) << cut;
    ASSERT_TRUE(append(users, 0, {"value 3"}));
    EXPECT_EQ(values(read(users, 0).value()), numbered(4));
    log_.reset();
  }
}

TEST_F(RecoveryTest, AFlippedByteBeforeTheTailIsRefused) {
  open();
  auto users = topic("users");
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(append(users, 0, numbered(3)));
  std::filesystem::copy(dir(), temp_ / "copy");
  std::string wal = newest_wal(temp_ / "copy");
  auto size = static_cast<size_t>(io::file_status(wal)->size);
  {
    std::fstream file(wal, std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(static_cast<std::streamoff>(size / 2));
    char byte = static_cast<char>(file.get() ^ 1);
    file.seekp(static_cast<std::streamoff>(size / 2));
    file.put(byte);
  }
  auto opened = EmbeddedLog::open(temp_ / "copy", options());
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code(), ErrorCode::kCorrupt) << opened.error().to_string();
  EXPECT_THAT(opened.error().to_string(), HasSubstr("restore a backup"));
}

TEST_F(RecoveryTest, AManifestThatWasCutIsRefusedAndNothingIsDeleted) {
  run(std::make_shared<FaultyFileSystem>());
  log_.reset();
  open_sound();  // flushes: now the records are in a file that the manifest names
  log_.reset();
  std::string name;
  std::ifstream(dir() + "/CURRENT") >> name;
  const auto whole = std::filesystem::file_size(dir() + "/" + name);
  const auto files = io::glob(dir() + "/*.sst").value();
  ASSERT_FALSE(files.empty());
  std::filesystem::resize_file(dir() + "/" + name, whole / 2);
  auto opened = EmbeddedLog::open(dir(), options());
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code(), ErrorCode::kCorrupt);
  EXPECT_THAT(opened.error().message(), HasSubstr(name));
  EXPECT_EQ(io::glob(dir() + "/*.sst").value(), files);
}

/// What opening says of a log of some records whose CURRENT was lost, emptied or cut; nothing of it may be gone after.
TEST_F(RecoveryTest, ALogWithoutCurrentIsRefusedAndNotBegunAnew) {
  open();
  auto users = topic("users");
  ASSERT_TRUE(append(users, 0, numbered(3)));
  log_.reset();
  const std::string current = dir() + "/CURRENT";
  std::string text;
  std::ifstream(current) >> text;
  std::filesystem::copy(dir(), temp_ / "whole");
  Options reading = options();
  reading.read_only = true;
  const auto files = [&] {
    std::set<std::string> names;
    for (const auto& file : std::filesystem::directory_iterator(dir()))
      names.insert(file.path().filename());
    return names;
  };
  const std::set<std::string> all = files();
  const std::string lost = "lost";
  for (const std::string& damage : {lost, std::string(), text, std::string("MANIFEST-999999\n")}) {
    SCOPED_TRACE(damage);
    std::filesystem::remove(current);
    if (damage != lost) std::ofstream(current) << damage;
    for (const Options& how : {options(), reading}) {
      auto opened = EmbeddedLog::open(dir(), how);
      ASSERT_FALSE(opened);
      EXPECT_EQ(opened.error().code(), ErrorCode::kCorrupt) << opened.error().to_string();
      EXPECT_THAT(opened.error().message(), HasSubstr("CURRENT"));
      EXPECT_THAT(opened.error().message(), HasSubstr(dir()));
      EXPECT_THAT(opened.error().hint(), HasSubstr("restore a backup"));
    }
    const std::set<std::string> left = files();
    for (const std::string& name : all) {
      EXPECT_TRUE(left.contains(name) || (name == "CURRENT" && damage == lost)) << name;
    }
  }
  // Nothing was written meanwhile: with its CURRENT the log is what it was.
  std::filesystem::copy_file(temp_ / "whole/CURRENT", current,
                             std::filesystem::copy_options::overwrite_existing);
  open();
  EXPECT_EQ(values(read(users, 0).value()), numbered(3));
}

}  // namespace
}  // namespace leat::log
