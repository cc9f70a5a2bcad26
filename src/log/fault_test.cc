// The fault points and planted bugs of the log, each in a process of its own that reads them from its
// environment (io/fault.h): gtest's threadsafe death tests start this program again.
#include <gtest/gtest.h>

#include <signal.h>

#include <cstdlib>

#include "log/log_fixture.h"

namespace leat::log {
namespace {

using ::testing::ExitedWithCode;
using ::testing::KilledBySignal;

class FaultTest : public LogTest {
 protected:
  void SetUp() override { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
  void TearDown() override {
    ::unsetenv("LEAT_FAULT");
    ::unsetenv("LEAT_PLANT");
  }

  Result<void> scenario(const std::string& where) {
    ASSIGN(log_, EmbeddedLog::open(where, options()));
    stream::TopicSpec spec;
    spec.name = "users";
    spec.retention_ms = 0;
    ASSIGN(auto users, log_->topics().ensure(spec));
    for (int i = 0; i < 3; ++i) {
      ASSIGN(auto tx, log_->begin("lane"));
      TRY(put(*tx, users, 0, numbered(2, 2 * i)));
      TRY(tx->put_progress(progress(i == 0 ? -1 : i, i + 1)));
      TRY(tx->commit());
    }
    clock_.advance_ms(1);
    TRY(log_->enforce_retention(clock_.now_ms(),
                                [](const stream::TopicInfo&, int32_t) { return 2; }));
    return {};
  }
  /// Exits with 0, or 10 + the error's retry.
  [[noreturn]] void run_and_exit(const std::string& where) {
    auto result = scenario(where);
    std::_Exit(result ? 0 : 10 + static_cast<int>(result.error().retry()));
  }
};

struct Expected {
  const char* point;
  int commits;  // that the next process finds
};

class KillTest : public FaultTest, public ::testing::WithParamInterface<Expected> {};

TEST_P(KillTest, LeavesWholeTransactions) {
  std::string where = temp_ / "killed";
  if (const char* inherited = std::getenv("LEAT_TEST_DIR"))
    where = inherited;  // in the one that dies
  ::setenv("LEAT_TEST_DIR", where.c_str(), 1);
  ::setenv("LEAT_FAULT", fmt::format("{}:kill", GetParam().point).c_str(), 1);
  EXPECT_EXIT(run_and_exit(where), KilledBySignal(SIGKILL), "");
  ::unsetenv("LEAT_TEST_DIR");

  auto opened = EmbeddedLog::open(where, options());
  ASSERT_TRUE(opened) << opened.error().to_string();
  log_ = std::move(opened).value();
  auto users = log_->topics().find("users");
  if (GetParam().commits < 0) {
    EXPECT_FALSE(users);
    return;
  }
  ASSERT_TRUE(users);
  EXPECT_EQ(log_->topics().bounds(*users, 0)->end, 2 * GetParam().commits);
  auto rows = log_->progress("users", "store").value();
  EXPECT_EQ(rows.empty() ? 0 : rows[0].next, GetParam().commits);
}

INSTANTIATE_TEST_SUITE_P(
    Points, KillTest,
    ::testing::Values(Expected{"log.open:1", -1}, Expected{"log.topic.before:1", -1},
                      Expected{"log.topic.after:1", 0}, Expected{"log.commit.before:1", 0},
                      Expected{"log.commit.after:1", 1}, Expected{"log.commit.before:3", 2},
                      Expected{"log.commit.after:3", 3}, Expected{"log.retention.before:1", 3},
                      Expected{"log.retention.after:1", 3}));

TEST_F(FaultTest, AnIoErrorIsFatalAndAFullDiskIsNot) {
  ::setenv("LEAT_FAULT", "log.commit.before:2:eio", 1);
  EXPECT_EXIT(run_and_exit(dir()), ExitedWithCode(10 + static_cast<int>(Retry::kFatal)), "");
  ::setenv("LEAT_FAULT", "log.commit.before:2:enospc", 1);
  EXPECT_EXIT(run_and_exit(dir()), ExitedWithCode(10 + static_cast<int>(Retry::kBackoff)), "");
  ::setenv("LEAT_FAULT", "log.retention.before:1:enospc", 1);
  EXPECT_EXIT(run_and_exit(dir()), ExitedWithCode(10 + static_cast<int>(Retry::kBackoff)), "");
  ::setenv("LEAT_FAULT", "log.commit.never:1:eio", 1);
  EXPECT_EXIT(run_and_exit(dir()), ExitedWithCode(0), "");
}

TEST_F(FaultTest, ACommitThatIsDurableAllTheSameIsNotRepeated) {
  auto retry_and_exit = [&] {
    log_ = EmbeddedLog::open(dir(), options()).value();
    auto users = topic("users");
    auto tx = log_->begin("lane").value();
    put(*tx, users, 0, {"once"}).value();
    auto first = tx->commit();
    bool failed = !first && first.error().retry() == Retry::kBackoff;
    bool again = tx->commit().has_value();
    std::_Exit(failed && again && read(users, 0)->size() == 1 ? 0 : 1);
  };
  ::setenv("LEAT_FAULT", "log.commit.after:1:enospc", 1);
  EXPECT_EXIT(retry_and_exit(), ExitedWithCode(0), "");
  ::setenv("LEAT_FAULT", "log.commit.before:1:enospc", 1);
  EXPECT_EXIT(retry_and_exit(), ExitedWithCode(0), "");
}

TEST_F(FaultTest, PlantedBugsAreThere) {
  auto count_and_exit = [&] {
    if (!scenario(dir())) std::_Exit(99);
    auto users = log_->topics().find("users").value();
    int64_t end = log_->topics().bounds(users, 0)->end;
    std::_Exit(static_cast<int>(end) +
               10 * static_cast<int>(log_->progress("users", "store")->size()));
  };
  EXPECT_EXIT(count_and_exit(), ExitedWithCode(16), "");
  ::setenv("LEAT_PLANT", "log_skip_last_record", 1);
  EXPECT_EXIT(count_and_exit(), ExitedWithCode(13), "");
  ::setenv("LEAT_PLANT", "log_commit_no_progress", 1);
  EXPECT_EXIT(count_and_exit(), ExitedWithCode(99), "");  // the second transaction finds no row
}

}  // namespace
}  // namespace leat::log
