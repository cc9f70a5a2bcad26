#include "runtime/crash_guard.h"

#include <gtest/gtest.h>

#include "log/embedded_log.h"
#include "testing/manual_clock.h"

namespace leat::runtime {
namespace {

class CrashGuardTest : public ::testing::Test {
 protected:
  void SetUp() override {
    log::Options options;
    options.in_memory = true;
    options.clock = &clock_;
    log_ = log::EmbeddedLog::open("", options).value();
  }

  /// A new process, whose lanes wait at these positions.
  void start(int64_t a, int64_t b) {
    guard_ = std::make_unique<CrashGuard>(*log_, "p");
    ASSERT_TRUE(guard_->open());
    ASSERT_TRUE(guard_->count("p.a", {{in_, a}}, 10));
    ASSERT_TRUE(guard_->count("p.b", {{in_, b}}, 10));
  }
  bool admit(const std::string& lane, int64_t offset) {
    return guard_->admit(lane, {in_, offset}).value();
  }

  testing::ManualClock clock_{testing::ManualClock::Sleep::kWaits};
  std::unique_ptr<log::EmbeddedLog> log_;
  std::unique_ptr<CrashGuard> guard_;
  const stream::TopicPartition in_{"in", {1, 2}, 0};
};

TEST_F(CrashGuardTest, IsCarefulFromTheThirdStartAtOnePosition) {
  for (int64_t moving : {0, 5, 9}) {
    start(moving, moving);
    EXPECT_FALSE(guard_->careful("p.a")) << moving;
  }
  start(9, 12);  // the second of lane a, the first of lane b
  EXPECT_FALSE(guard_->careful("p.a"));
  start(9, 20);
  EXPECT_TRUE(guard_->careful("p.a"));
  EXPECT_TRUE(guard_->careful("p.b")) << "all lanes of the process take turns";
}

TEST_F(CrashGuardTest, ForgetsAtAStopThatWasAskedFor) {
  for (int i = 0; i < 5; ++i) {
    start(0, 0);
    EXPECT_FALSE(guard_->careful("p.a"));
    ASSERT_TRUE(guard_->forget("p.a"));
    ASSERT_TRUE(guard_->forget("p.b"));
  }
  EXPECT_FALSE(log_->state("guard/p").value());
}

TEST_F(CrashGuardTest, RejectsARecordNamedAtTwoDeaths) {
  for (int i = 0; i < 3; ++i) start(0, 0);
  EXPECT_TRUE(admit("p.a", 6));
  EXPECT_TRUE(admit("p.a", 7));  // dies
  start(7, 0);
  EXPECT_TRUE(guard_->careful("p.a")) << "a trial was cut off";
  EXPECT_TRUE(admit("p.a", 7));  // dies again
  start(7, 0);
  EXPECT_FALSE(admit("p.a", 7));
  EXPECT_TRUE(admit("p.a", 6)) << "it was followed by another trial, so it is innocent";
  EXPECT_TRUE(admit("p.b", 7)) << "another lane does something else with it";
}

TEST_F(CrashGuardTest, BlamesNoRecordThatWasDelivered) {
  for (int i = 0; i < 3; ++i) start(0, 0);
  for (int death = 0; death < CrashGuard::kDeaths; ++death) {
    EXPECT_TRUE(admit("p.a", 6));
    ASSERT_TRUE(guard_->acquit("p.b"));
    EXPECT_NE(log_->state("guard/p").value()->find("@6"), std::string::npos)
        << "it is not p.b's trial";
    ASSERT_TRUE(guard_->acquit("p.a"));
    EXPECT_EQ(log_->state("guard/p").value()->find("@6"), std::string::npos);
    start(7, 7);  // died of something else
  }
  EXPECT_TRUE(admit("p.a", 6));
}

TEST_F(CrashGuardTest, IsCarefulOverAWindow) {
  for (int i = 0; i < 3; ++i) start(0, 0);
  for (int64_t offset = 0; offset < 10; ++offset) {
    EXPECT_TRUE(guard_->careful("p.a"));
    EXPECT_TRUE(admit("p.a", offset));
  }
  EXPECT_FALSE(guard_->careful("p.a"));
  EXPECT_TRUE(guard_->careful("p.b"));
}

TEST_F(CrashGuardTest, OneLaneHasTheTurn) {
  for (int i = 0; i < 3; ++i) start(0, 0);
  EXPECT_TRUE(guard_->take_turn("p.a"));
  EXPECT_FALSE(guard_->take_turn("p.b"));
  guard_->end_turn("p.b");
  EXPECT_FALSE(guard_->take_turn("p.b"));
  guard_->end_turn("p.a");
  EXPECT_TRUE(guard_->take_turn("p.b"));
  ASSERT_TRUE(guard_->forget("p.b"));
  EXPECT_TRUE(guard_->take_turn("p.a"));
}

}  // namespace
}  // namespace leat::runtime
