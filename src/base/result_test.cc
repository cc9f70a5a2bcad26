#include "base/result.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

namespace leat {
namespace {

Result<int> half(int n) {
  if (n % 2 != 0) return Error(ErrorCode::kInvalidArgument, fmt::format("{} is odd", n));
  return n / 2;
}
Result<void> even(int n) {
  TRY(half(n).has_value() ? Result<void>() : Result<void>(half(n).error()));
  return {};
}
Result<std::string> quarter(int n) {
  ASSIGN(int once, half(n));
  ASSIGN(int twice, half(once));
  return fmt::format("{}", twice);
}

TEST(Result, CarriesAValueOrAnError) {
  EXPECT_EQ(half(4).value(), 2);
  EXPECT_EQ(half(3).error().code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(half(3).value_or(7), 7);
  EXPECT_FALSE(even(3).has_value());
  EXPECT_TRUE(even(2).has_value());
}

TEST(Result, AssignReturnsTheFirstError) {
  EXPECT_EQ(quarter(8).value(), "2");
  EXPECT_EQ(quarter(6).error().message(), "3 is odd");
}

TEST(Result, MovesWhatCannotBeCopied) {
  auto make = []() -> Result<std::unique_ptr<int>> { return std::make_unique<int>(5); };
  auto made = make();
  std::unique_ptr<int> owned = std::move(made).value();
  EXPECT_EQ(*owned, 5);
}

TEST(ResultDeathTest, ValueOfAnErrorIsACheck) {
  EXPECT_DEATH((void)half(3).value(), "3 is odd");
  EXPECT_DEATH((void)half(4).error(), "CHECK failed");
}

TEST(Error, AddsPlacesOutermostFirst) {
  Error error = Error(ErrorCode::kIo, "cannot write")
                    .at("sink")
                    .at("pipeline users")
                    .with_hint("free some space");
  EXPECT_EQ(error.to_string(), "pipeline users: sink: cannot write; free some space");
  EXPECT_EQ(Error(ErrorCode::kIo, "no").context("cannot open x").message(), "cannot open x: no");
}

TEST(Error, AnswersWithoutItsText) {
  EXPECT_EQ(Error(ErrorCode::kNoSpace, "").retry(), Retry::kBackoff);
  EXPECT_EQ(Error(ErrorCode::kCorrupt, "").retry(), Retry::kNever);
  EXPECT_EQ(Error(ErrorCode::kIo, "").with_retry(Retry::kFatal).retry(), Retry::kFatal);
  EXPECT_EQ(exit_code(Error(ErrorCode::kInvalidArgument, "")), 2);
  EXPECT_EQ(exit_code(Error(ErrorCode::kUnavailable, "")), 3);
  EXPECT_EQ(exit_code(Error(ErrorCode::kInternal, "")), 1);
  EXPECT_EQ(exit_code(Error(ErrorCode::kCancelled, "")), 1);
}

}  // namespace
}  // namespace leat
