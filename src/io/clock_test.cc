#include "io/clock.h"

#include <gtest/gtest.h>

#include <set>
#include <thread>

#include "io/random.h"
#include "testing/manual_clock.h"

namespace leat::io {
namespace {

using testing::ManualClock;

TEST(SystemClock, IsMonotoneAndStops) {
  Clock& clock = system_clock();
  int64_t before = clock.steady_ns();
  EXPECT_GE(clock.steady_ns(), before);
  EXPECT_GT(clock.now_ms(), 1'700'000'000'000);
  std::stop_source stopped;
  stopped.request_stop();
  EXPECT_FALSE(clock.sleep_ms(3'600'000, stopped.get_token()));
}

TEST(ManualClock, MovesOnlyByHand) {
  ManualClock clock;
  EXPECT_EQ(clock.now_us(), ManualClock::kStartUs);
  EXPECT_TRUE(clock.sleep_ms(250, {}));
  EXPECT_EQ(clock.slept_ms(), 250);
  EXPECT_EQ(clock.steady_ms(), 250);
  clock.advance_ms(750);
  EXPECT_EQ(clock.now_us(), ManualClock::kStartUs + 1'000'000);
  clock.set_wall_ms(5);
  EXPECT_EQ(clock.now_ms(), 5);
  EXPECT_EQ(clock.steady_ms(), 1000);
}

TEST(ManualClock, WaitsForTheHand) {
  ManualClock clock(ManualClock::Sleep::kWaits);
  std::atomic<bool> woke = false;
  std::jthread sleeper([&](std::stop_token stop) { woke = clock.sleep_ms(100, stop); });
  while (clock.slept_ms() == 0) std::this_thread::yield();
  clock.advance_ms(99);
  EXPECT_FALSE(woke);
  clock.advance_ms(1);
  sleeper.join();
  EXPECT_TRUE(woke);
}

TEST(Random, RepeatsFromItsSeed) {
  Random a(7), b(7), c(8);
  EXPECT_EQ(a.next(), b.next());
  EXPECT_NE(a.next(), c.next());
  for (int i = 0; i < 1000; ++i) {
    EXPECT_LT(a.below(3), 3u);
    double unit = a.unit();
    EXPECT_TRUE(unit >= 0 && unit < 1);
  }
  std::set<uint64_t> seen;
  for (int i = 0; i < 100; ++i) seen.insert(entropy());
  EXPECT_EQ(seen.size(), 100u);
}

}  // namespace
}  // namespace leat::io
