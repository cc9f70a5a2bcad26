// Kills, failing disks and damaged WALs: rows and position must always agree. The writer runs in a process of its
// own (this program again, DuckdbCrashChild), because fault points are armed when a process starts.
#include <fcntl.h>
#include <fmt/core.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <thread>

#include "components/sink_duckdb_fixture.h"
#include "io/file.h"
#include "io/random.h"
#include "testing/temp_dir.h"

namespace leat::components::testing {
namespace {

constexpr int64_t kCrashKeys = 50;
constexpr const char* kDirectory = "LEAT_TEST_STORE";
constexpr const char* kBeside = "LEAT_TEST_BESIDE";  // set: maintain() in a thread of its own

DuckdbOptions small() {
  DuckdbOptions options;
  options.tail_rows = 60, options.wal_bytes = 24 * 1024, options.threads = 1;
  return options;
}

std::string file_in(const std::string& directory) {
  return directory + "/" + std::string(kDuckdbFile);
}

/// Record `n` of the endless input. From the second round of keys on, every tenth is a late, old version.
Row record(int64_t n) {
  if (n >= kCrashKeys && n % 10 == 9) return {n % kCrashKeys, "late", 0};
  return {n % kCrashKeys, "value " + std::to_string(n), n + 1};
}

/// Goes on from its own position to `end`; opens again after errors that ask for it.
class Writer {
 public:
  Writer(DuckdbStore& store, stream::SinkTable table) : store_(store), table_(std::move(table)) {
    sink_ = *store_.make_sink("serving", table_);
  }
  Result<void> open() {
    ASSIGN(std::vector<stream::Progress> rows, sink_->open());
    next_ = rows.empty() ? -1 : rows[0].next;
    return {};
  }
  int64_t next() const { return std::max<int64_t>(next_, 0); }
  Result<void> step() {
    const int64_t from = next(), to = from + 1 + from % 9;
    std::vector<Row> rows;
    for (int64_t n = from; n < to; ++n) rows.push_back(record(n));
    auto owned = batch_of(table_, rows, next_, to);
    auto written = sink_->write(owned->batch);
    if (written) {
      next_ = to;
      return {};
    }
    if (written.error().retry() != Retry::kReconnect) return std::move(written).error();
    return open();
  }

 private:
  DuckdbStore& store_;
  const stream::SinkTable table_;
  std::unique_ptr<stream::Sink> sink_;
  int64_t next_ = -1;
};

// Not a test by itself: the process that is killed.
TEST(DuckdbCrashChild, Writes) {
  const char* directory = std::getenv(kDirectory);
  if (!directory) return;  // alone it has nothing to do
  auto store = DuckdbStore::open(file_in(directory), small());
  if (!store) {  // an injected error at the open itself: a real process would start again, too
    store = DuckdbStore::open(file_in(directory), small());
  }
  ASSERT_OK(store);
  Writer append(**store, users({}, "log")), keyed(**store, users());
  for (Writer* writer : {&append, &keyed}) {
    for (int tries = 0; tries < 3 && !writer->open(); ++tries) {
    }
  }
  const bool beside = std::getenv(kBeside) != nullptr;
  std::jthread keeper([&](std::stop_token stop) {
    while (beside && !stop.stop_requested()) (void)(*store)->maintain().has_value();
  });
  const int64_t end = append.next() + (beside ? 4000 : 400);
  for (int step = 0; append.next() < end; ++step) {
    ASSERT_OK(append.step());
    ASSERT_OK(keyed.step());
    if (!beside && step % 5 == 4)
      (void)(*store)->maintain().has_value();  // an injected error there stops nobody
    ASSERT_EQ(::write(STDOUT_FILENO, "\n", 1), 1);
  }
  std::_Exit(::testing::Test::HasFailure() ? 1 : 0);
}

struct Ended {
  bool killed = false;
  int status = 0;
};

/// Runs the child with LEAT_FAULT=`fault`, LEAT_PLANT=`plant`; kills it after `lines` steps (-1: never). Beside: with
/// maintain() in a thread of its own, and the kill comes when commits go into the second WAL of a checkpoint.
Ended run_child(const std::string& directory, const std::string& fault,
                const std::string& plant = "", int lines = -1, bool beside = false) {
  int pipe_fds[2];
  CHECK(::pipe2(pipe_fds, O_CLOEXEC) == 0);
  std::vector<std::string> settings = {fmt::format("{}={}", kDirectory, directory),
                                       "LEAT_FAULT=" + fault, "LEAT_PLANT=" + plant};
  if (beside) settings.push_back(fmt::format("{}=1", kBeside));
  std::vector<char*> environment;  // of two of one name the first counts
  for (std::string& setting : settings) environment.push_back(setting.data());
  for (char** inherited = environ; *inherited; ++inherited) environment.push_back(*inherited);
  environment.push_back(nullptr);
  std::string arguments[] = {"child", "--gtest_filter=DuckdbCrashChild.Writes", "--gtest_brief=1"};
  char* argv[] = {arguments[0].data(), arguments[1].data(), arguments[2].data(), nullptr};
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, pipe_fds[1], STDOUT_FILENO);
  // Not fork(): DuckDB's allocator would take all its locks, more than ThreadSanitizer can follow.
  pid_t child = 0;
  CHECK(::posix_spawn(&child, "/proc/self/exe", &actions, nullptr, argv, environment.data()) == 0);
  ::posix_spawn_file_actions_destroy(&actions);
  ::close(pipe_fds[1]);
  char byte;
  for (int seen = 0; ::read(pipe_fds[0], &byte, 1) == 1;) {
    if (byte != '\n' || ++seen < lines || lines < 0) continue;
    if (!beside || io::exists(file_in(directory) + ".wal.checkpoint")) ::kill(child, SIGKILL);
  }
  ::close(pipe_fds[0]);
  int status = 0;
  CHECK(::waitpid(child, &status, 0) == child);
  return {WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL,
          WIFEXITED(status) ? WEXITSTATUS(status) : -1};
}

/// What is wrong in the store: "" when rows and positions agree exactly.
std::string judge(DuckdbStore& store) {
  std::string wrong;
  auto rows = store.progress("");
  if (!rows) return rows.error().to_string();
  for (const stream::Progress& p : *rows) {
    const int64_t n = p.next;
    const auto expect = [&](const std::string& sql, const std::string& answer) {
      const std::string got = ask(store, sql);
      if (got != answer)
        wrong += fmt::format("{} at {}: {} gives {}, expected {}\n", p.sink, n, sql, got, answer);
    };
    if (p.sink == "serving.log") {
      int64_t ids = 0, late = 0;
      for (int64_t i = 0; i < n; ++i) ids += *record(i).id, late += *record(i).name == "late";
      expect("SELECT count(*) FROM log", std::to_string(n));
      expect("SELECT sum(id)::BIGINT FROM log", std::to_string(ids));
      expect("SELECT count(DISTINCT name) FROM log WHERE name != 'late'", std::to_string(n - late));
    } else {
      std::map<int64_t, Row> newest;
      for (int64_t i = 0; i < n; ++i) {
        Row row = record(i);
        auto [at, fresh] = newest.try_emplace(*row.id, row);
        if (!fresh && at->second.version <= row.version) at->second = row;
      }
      int64_t versions = 0;
      for (auto& [id, row] : newest) versions += row.version;
      expect("SELECT count(*) FROM users", std::to_string(newest.size()));
      expect("SELECT sum(_leat_version)::BIGINT FROM users", std::to_string(versions));
      expect("SELECT count(*) FROM users WHERE name != 'value ' || (_leat_version - 1)", "0");
    }
  }
  return wrong;
}

std::string judge_in(const std::string& directory) {
  auto store = DuckdbStore::open(file_in(directory), small());
  if (!store) return store.error().to_string();
  return judge(**store);
}

constexpr const char* kPoints[] = {"store.write.begin",
                                   "store.write.after_rows",
                                   "store.write.before_commit",
                                   "store.write.after_commit",
                                   "store.fold",
                                   "store.checkpoint"};

TEST(DuckdbCrash, KilledAtEachFaultPoint) {
  leat::testing::TempDir dir;
  io::Random random(11);
  int killed = 0;
  for (int round = 0; round < 5; ++round) {
    for (const char* point : kPoints) {
      const uint64_t n = 1 + random.below(round == 0 ? 3 : 9);
      killed += run_child(dir.path(), fmt::format("{}:{}:kill", point, n)).killed;
      ASSERT_EQ(judge_in(dir.path()), "") << point << ":" << n << " in round " << round;
    }
  }
  EXPECT_GE(killed, 25) << "the points are reached";
}

TEST(DuckdbCrash, KilledAtAnyMoment) {
  leat::testing::TempDir dir;
  io::Random random(12);
  int killed = 0;
  for (int round = 0; round < 12; ++round) {
    killed += run_child(dir.path(), "", "", 1 + static_cast<int>(random.below(40))).killed;
    ASSERT_EQ(judge_in(dir.path()), "") << "round " << round;
  }
  EXPECT_EQ(killed, 12);
}

TEST(DuckdbCrash, KilledWhileACheckpointRunsBesideWriters) {
  leat::testing::TempDir dir;
  io::Random random(14);
  const char* more = std::getenv("LEAT_TEST_ROUNDS");
  const int rounds = more ? std::atoi(more) : 8;
  int killed = 0, second_wal = 0;
  for (int round = 0; round < rounds; ++round) {
    const int lines = 1 + static_cast<int>(random.below(60));
    killed += run_child(dir.path(), "", "", lines, true).killed;
    second_wal += io::exists(file_in(dir.path()) + ".wal.checkpoint");
    ASSERT_EQ(judge_in(dir.path()), "") << "round " << round;
  }
  EXPECT_EQ(killed, rounds);
  EXPECT_GT(second_wal, 0);
}

TEST(DuckdbCrash, ErrorsOfTheDiskAreSurvived) {
  leat::testing::TempDir dir;
  for (const char* point : kPoints) {
    for (const char* action : {"eio", "enospc"}) {
      const std::string fault = fmt::format("{}:3:{}", point, action);
      const Ended ended = run_child(dir.path(), fault);
      ASSERT_EQ(ended.status, 0) << fault;
      ASSERT_EQ(judge_in(dir.path()), "") << fault;
    }
  }
}

TEST(DuckdbCrash, TheCheckerSeesPlantedBugs) {
  {
    leat::testing::TempDir dir;
    run_child(dir.path(), "store.write.after_rows:9:kill", "store_commit_before_rows");
    EXPECT_NE(judge_in(dir.path()), "");
  }
  for (const char* plant : {"store_skip_last_row", "store_drop_version_check"}) {
    leat::testing::TempDir dir;
    EXPECT_EQ(run_child(dir.path(), "", plant).status, 0);
    EXPECT_NE(judge_in(dir.path()), "") << plant;
  }
}

TEST(DuckdbCrash, ATornOrFlippedWalGoesBackTogetherAndGoesOn) {
  leat::testing::TempDir dir;
  ASSERT_TRUE(run_child(dir / "first", "").status != 0);  // no such directory: the child can fail
  std::filesystem::create_directory(dir / "first");
  run_child(dir / "first", "", "", 30);
  const std::string wal = file_in(dir / "first") + ".wal";
  ASSERT_TRUE(io::exists(wal));
  const auto size = static_cast<int64_t>(std::filesystem::file_size(wal));
  ASSERT_GT(size, 1000);
  io::Random random(13);
  int aside = 0;
  for (int round = 0; round < 24; ++round) {
    const std::string copy = dir / std::to_string(round);
    std::filesystem::copy(dir / "first", copy);
    const std::string torn = file_in(copy) + ".wal";
    const auto at = static_cast<int64_t>(random.below(static_cast<uint64_t>(size)));
    if (round % 2 == 0) {
      std::filesystem::resize_file(torn, static_cast<uintmax_t>(at));
    } else {
      const int fd = ::open(torn.c_str(), O_RDWR | O_CLOEXEC);
      char byte = 0;
      ASSERT_EQ(::pread(fd, &byte, 1, at), 1);
      byte = static_cast<char>(byte ^ 0x40);
      ASSERT_EQ(::pwrite(fd, &byte, 1, at), 1);
      ::close(fd);
    }
    auto store = DuckdbStore::open(file_in(copy), small());
    ASSERT_TRUE(store.has_value()) << store.error().to_string();
    if (std::string put = (*store)->quarantined(); !put.empty()) {
      ++aside;
      EXPECT_TRUE(io::exists(put));
    }
    ASSERT_EQ(judge(**store), "") << "round " << round << " at " << at << " of " << size;
    Writer append(**store, users({}, "log")), keyed(**store, users());
    ASSERT_OK(append.open());
    ASSERT_OK(keyed.open());
    for (int step = 0; step < 3; ++step) {
      ASSERT_OK(append.step());
      ASSERT_OK(keyed.step());
    }
    ASSERT_EQ(judge(**store), "");
  }
  EXPECT_GT(aside, 0);
}

TEST(DuckdbCrash, AProcessKilledWhileItMadeTheFileLeavesNothingInTheWay) {
  leat::testing::TempDir dir;
  const std::string path = file_in(dir.path());
  {
    DuckdbHub hub;
    ASSERT_OK(hub.open(path, small()));
  }
  auto whole = io::read_file(path, size_t{1} << 24);
  ASSERT_OK(whole);
  // As seen after a kill -9 in DuckDB's own making of a file: the first of its three headers.
  ASSERT_OK(io::write_file_atomic(path, whole->substr(0, 4096)));
  ASSERT_OK(io::remove_all(path + ".wal"));
  {
    DuckdbHub hub;
    EXPECT_FALSE(hub.open(path, small()).has_value());  // without the mark it may have held rows
  }
  ASSERT_OK(io::write_file_atomic(path + ".making", ""));
  DuckdbHub hub;
  ASSERT_OK(hub.open(path, small()));
  EXPECT_FALSE(io::exists(path + ".making"));
  EXPECT_FALSE(io::exists(path + ".made"));
}

/// True when the copy beside a store is of the state that it has: the checkpoint had not switched to the new one.
bool is_unfinished(const std::string& file) {
  auto copy = io::read_file(file + ".undo", SIZE_MAX);
  auto store = io::read_file(file, SIZE_MAX);
  return copy && store && store->size() > 12288 &&
         copy->find(store->substr(4096, 8192)) != std::string::npos;
}

TEST(DuckdbCrash, ABlockTornByAnUnfinishedCheckpointIsPutBack) {
  leat::testing::TempDir dir;
  const std::string file = file_in(dir.path());
  for (int round = 0; round < 40 && !is_unfinished(file); ++round)
    EXPECT_TRUE(run_child(dir.path(), "", "", 5, true).killed);
  ASSERT_TRUE(is_unfinished(file));
  // The first block holds metadata of the old state and of the new one.
  ASSERT_OK(io::overwrite(file, {{12288 + 1000, std::string(100000, 'x')}}));
  std::filesystem::copy_file(file, dir / "alone.duckdb");
  EXPECT_FALSE(DuckdbStore::open(dir / "alone.duckdb", small()).has_value()) << "it is torn";
  EXPECT_EQ(judge_in(dir.path()), "");
  EXPECT_FALSE(io::exists(file + ".undo"));
}

TEST(DuckdbCrash, ACopyOfAnotherStateIsNotPutBack) {
  leat::testing::TempDir dir;
  const std::string file = file_in(dir.path());
  for (int round = 0; round < 20 && !io::exists(file + ".undo"); ++round)
    EXPECT_TRUE(run_child(dir.path(), "", "", 5, true).killed);
  std::filesystem::copy_file(file + ".undo", dir / "old.undo");
  EXPECT_EQ(run_child(dir.path(), "").status, 0);  // checkpoints, so the headers are others
  std::filesystem::copy_file(dir / "old.undo", file + ".undo");
  EXPECT_EQ(judge_in(dir.path()), "");
  ASSERT_OK(io::write_file_atomic(file + ".undo", "leat undo 1 "));
  EXPECT_EQ(judge_in(dir.path()), "");
}

TEST(DuckdbCrash, ADamagedMainFileIsNotTouched) {
  leat::testing::TempDir dir;
  run_child(dir.path(), "", "", 20);
  const std::string path = file_in(dir.path());
  const int fd = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
  const char junk[64] = "not a database";
  ASSERT_EQ(::pwrite(fd, junk, sizeof junk, 0), 64);
  ::close(fd);
  const bool had_wal = io::exists(path + ".wal");
  auto store = DuckdbStore::open(path, small());
  ASSERT_FALSE(store.has_value());
  EXPECT_EQ(io::exists(path + ".wal"), had_wal);
  EXPECT_FALSE(store.error().hint().empty() && !had_wal) << store.error().to_string();
}

TEST(DuckdbCrash, AFullDiskStopsWritesUntilThereIsSpace) {
  leat::testing::TempDir dir;
  auto store = DuckdbStore::open(file_in(dir.path()), small());
  ASSERT_OK(store);
  const auto table = users({}, "log"), other_table = users();
  auto sink = *(*store)->make_sink("serving", table),
       other = *(*store)->make_sink("serving", other_table);
  ASSERT_OK(sink->open());
  ASSERT_OK(other->open());
  ASSERT_OK(sink->write(batch_of(table, {record(0)}, -1, 1)->batch));
  rlimit before = {};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  auto* handler = ::signal(SIGXFSZ, SIG_IGN);
  rlimit tight = before;
  tight.rlim_cur = 64 * 1024;  // writes past this many bytes of a file fail, as on a full disk
  std::vector<Row> rows;
  for (int64_t n = 1; n < 20000; ++n) rows.push_back(record(n));
  auto large = batch_of(table, rows, 1, 20000);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &tight), 0);
  auto failed = sink->write(large->batch);
  auto after = other->write(batch_of(other_table, {record(0)}, -1, 1)->batch);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  ::signal(SIGXFSZ, handler);
  ASSERT_FALSE(failed.has_value());
  EXPECT_EQ(failed.error().retry(), Retry::kReconnect) << failed.error().to_string();
  ASSERT_FALSE(after.has_value());  // the whole instance must be opened again
  EXPECT_EQ(after.error().retry(), Retry::kReconnect) << after.error().to_string();
  auto progress = sink->open();
  ASSERT_OK(progress);
  ASSERT_EQ(progress->size(), 1u);
  ASSERT_EQ((*progress)[0].next, 1);
  ASSERT_OK(sink->write(large->batch));
  ASSERT_OK(other->open());
  ASSERT_OK(other->write(batch_of(other_table, {record(0)}, -1, 1)->batch));
  EXPECT_EQ(judge(**store), "");
}

TEST(DuckdbCrash, CheckpointedPositionsAreNeverAhead) {
  leat::testing::TempDir dir;
  std::vector<stream::Progress> held;
  {
    auto store = DuckdbStore::open(file_in(dir.path()), DuckdbOptions{});
    ASSERT_OK(store);
    EXPECT_TRUE((*store)->checkpointed().empty());
    Writer writer(**store, users());
    ASSERT_OK(writer.open());
    ASSERT_OK(writer.step());
    EXPECT_TRUE((*store)->checkpointed().empty());
    ASSERT_OK((*store)->settle());
    held = (*store)->checkpointed();
    ASSERT_EQ(held.size(), 1u);
    EXPECT_EQ(held[0].next, writer.next());
    ASSERT_OK(writer.step());
    EXPECT_EQ((*store)->checkpointed()[0].next, held[0].next);
  }
  auto store = DuckdbStore::open(file_in(dir.path()), DuckdbOptions{});
  ASSERT_OK(store);
  EXPECT_GT((*store)->checkpointed()[0].next, held[0].next);  // closing and opening wrote the rest
}

}  // namespace
}  // namespace leat::components::testing
