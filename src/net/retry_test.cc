#include "net/retry.h"

#include <gtest/gtest.h>

#include "testing/manual_clock.h"

namespace leat::net {
namespace {

TEST(Backoff, GrowsUpToItsCapWithFullJitter) {
  Backoff backoff(1, 100, 1000);
  int64_t bounds[] = {100, 200, 400, 800, 1000, 1000, 1000};
  for (int64_t bound : bounds) EXPECT_LE(backoff.next_ms(), bound);
  backoff.reset();
  EXPECT_LE(backoff.next_ms(), 100);
}

TEST(Backoff, UsesTheWholeRangeAndFollowsItsSeed) {
  int64_t least = 1000, most = 0;
  Backoff a(7, 1000, 1000), b(7, 1000, 1000);
  for (int i = 0; i < 200; ++i) {
    int64_t ms = a.next_ms();
    EXPECT_EQ(ms, b.next_ms());
    least = std::min(least, ms), most = std::max(most, ms);
  }
  EXPECT_LT(least, 50);
  EXPECT_GT(most, 950);
}

TEST(HttpDate, ReadsItsThreeForms) {
  constexpr int64_t kMoment = 784111777;  // RFC 9110 section 5.6.7
  EXPECT_EQ(parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT"), kMoment);
  EXPECT_EQ(parse_http_date("Sunday, 06-Nov-94 08:49:37 GMT"), kMoment);
  EXPECT_EQ(parse_http_date("Sun Nov  6 08:49:37 1994"), kMoment);
  EXPECT_EQ(format_http_date(kMoment), "Sun, 06 Nov 1994 08:49:37 GMT");
  for (int64_t moment : {0LL, 951782400LL, 1709164800LL, 4102444799LL})  // leap days, 2099
    EXPECT_EQ(parse_http_date(format_http_date(moment)), moment);
  for (auto text :
       {"", "tomorrow", "Sun, 32 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 25:49:37 GMT",
        "Sun, 06 Foo 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:37 CET"})
    EXPECT_FALSE(parse_http_date(text)) << text;
}

TEST(RetryAfter, TakesSecondsAndDatesWithACap) {
  int64_t now = 784111777000;
  EXPECT_EQ(parse_retry_after("120", now), 120'000);
  EXPECT_EQ(parse_retry_after(" 0 ", now), 0);
  EXPECT_EQ(parse_retry_after("Sun, 06 Nov 1994 08:50:37 GMT", now), 60'000);
  EXPECT_EQ(parse_retry_after("Sun, 06 Nov 1994 07:50:37 GMT", now), 0);
  EXPECT_EQ(parse_retry_after("999999999999999999999999", now), limits::kMaxRetryAfterMs);
  EXPECT_EQ(parse_retry_after("Sun, 06 Nov 2094 07:50:37 GMT", now), limits::kMaxRetryAfterMs);
  for (auto text : {"", "-5", "soon", "1.5"}) EXPECT_FALSE(parse_retry_after(text, now)) << text;
}

TEST(CircuitBreaker, OpensProbesAndCloses) {
  testing::ManualClock clock;
  CircuitBreaker breaker(clock, 3, 1000);
  using State = CircuitBreaker::State;
  breaker.failure(), breaker.failure(), breaker.success();
  breaker.failure(), breaker.failure();
  EXPECT_EQ(breaker.state(), State::kClosed) << "a success starts the count anew";
  breaker.failure();
  EXPECT_EQ(breaker.state(), State::kOpen);
  EXPECT_EQ(breaker.wait_ms(), 1000);
  clock.advance_ms(999);
  EXPECT_EQ(breaker.wait_ms(), 1);
  breaker.success();
  EXPECT_EQ(breaker.state(), State::kOpen) << "a late answer does not close it";
  clock.advance_ms(1);
  EXPECT_EQ(breaker.wait_ms(), 0);
  EXPECT_EQ(breaker.state(), State::kHalfOpen);
  breaker.failure();
  EXPECT_EQ(breaker.state(), State::kOpen) << "one failed probe is enough";
  clock.advance_ms(1000);
  EXPECT_EQ(breaker.wait_ms(), 0);
  breaker.success();
  EXPECT_EQ(breaker.state(), State::kClosed);
}

TEST(Rate, ReadsItsUnits) {
  EXPECT_DOUBLE_EQ(parse_rate("10/s")->per_second, 10);
  EXPECT_DOUBLE_EQ(parse_rate("120/m")->per_second, 2);
  EXPECT_DOUBLE_EQ(parse_rate("1.5 / s")->per_second, 1.5);
  EXPECT_DOUBLE_EQ(parse_rate("3600/h")->per_second, 1);
  for (auto text : {"", "10", "/s", "0/s", "-1/s", "10/d", "x/s", "nan/s"})
    EXPECT_FALSE(parse_rate(text)) << text;
}

TEST(TokenBucket, AllowsTheBurstThenTheRate) {
  testing::ManualClock clock;
  TokenBucket bucket(clock, {10, 3});
  EXPECT_EQ(bucket.take(), 0);
  EXPECT_EQ(bucket.take(), 0);
  EXPECT_EQ(bucket.take(), 0);
  EXPECT_EQ(bucket.take(), 100);
  EXPECT_EQ(bucket.take(), 200) << "each waits behind the one before";
  clock.advance_ms(200);
  EXPECT_EQ(bucket.take(), 100);
  clock.advance_ms(3600'000);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(bucket.take(), 0);
  EXPECT_EQ(bucket.take(), 100) << "no more than the burst is saved up";
}

TEST(TokenBucket, KeepsTheRateOverALongRun) {
  testing::ManualClock clock;
  TokenBucket bucket(clock, {50, 1});
  for (int i = 0; i < 501; ++i) clock.sleep_ms(bucket.take(), {});
  EXPECT_NEAR(static_cast<double>(clock.steady_ms()), 10'000, 20);
}

}  // namespace
}  // namespace leat::net
