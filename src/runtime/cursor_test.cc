#include "runtime/cursor.h"

#include <gtest/gtest.h>

namespace leat::runtime {
namespace {

TEST(RunCursor, SurvivesTheWayThroughText) {
  RunCursor cursor = RunCursor().next("monday", "{\"page\":3}", false, 5);
  auto read = RunCursor::parse(cursor.to_json());
  ASSERT_TRUE(read);
  EXPECT_EQ(read->run_id, "monday");
  EXPECT_EQ(read->cursor, "{\"page\":3}");
  EXPECT_FALSE(read->ended_at("monday"));
}

TEST(RunCursor, RemembersEarlierRunsThatEnded) {
  RunCursor once = RunCursor().next("once", "a", true, 10);
  RunCursor second = once.next("second", "b", false, 20);
  EXPECT_EQ(second.ended_at("once"), 10);
  EXPECT_FALSE(second.ended_at("second"));
  RunCursor third = second.next("second", "c", true, 30).next("third", "d", true, 40);
  auto read = RunCursor::parse(third.to_json());
  ASSERT_TRUE(read);
  EXPECT_EQ(read->ended_at("once"), 10);
  EXPECT_EQ(read->ended_at("second"), 30);
  EXPECT_EQ(read->ended_at("third"), 40);
}

TEST(RunCursor, ARunThatStartsOverHasNotEnded) {
  RunCursor cursor = RunCursor()
                         .next("once", "a", true, 10)
                         .next("other", "b", true, 20)
                         .next("once", "c", false, 30);
  EXPECT_FALSE(cursor.ended_at("once"));
  EXPECT_EQ(cursor.ended_at("other"), 20);
}

TEST(RunCursor, ForgetsTheOldestBeyondItsBound) {
  RunCursor cursor;
  for (int i = 0; i < 150; ++i) cursor = cursor.next("run" + std::to_string(i), "", true, i);
  EXPECT_EQ(cursor.finished.size(), RunCursor::kMaxFinished);
  EXPECT_FALSE(cursor.ended_at("run0"));
  EXPECT_EQ(cursor.ended_at("run100"), 100);
}

TEST(RunCursor, RefusesWhatItDidNotWrite) {
  EXPECT_TRUE(RunCursor::parse(""));
  for (const char* text : {"[]", "{", "{\"run\":7}", "null", "{\"ended\":\"yes\"}"}) {
    EXPECT_FALSE(RunCursor::parse(text)) << text;
  }
}

}  // namespace
}  // namespace leat::runtime
