// Clock: the only way to time. Tests move a ManualClock (testing/manual_clock.h) by hand.
#pragma once

#include <cstdint>
#include <stop_token>

namespace leat::io {

class Clock {
 public:
  virtual ~Clock() = default;
  /// Wall clock, microseconds since 1970 UTC. Goes backwards when the host's clock does.
  virtual int64_t now_us() = 0;
  /// Monotone nanoseconds from an unspecified start: for durations and deadlines.
  virtual int64_t steady_ns() = 0;
  /// Sleeps `ms`, or less when `stop` is requested. True when the whole time passed.
  virtual bool sleep_ms(int64_t ms, std::stop_token stop) = 0;

  int64_t now_ms() { return now_us() / 1000; }
  int64_t steady_ms() { return steady_ns() / 1'000'000; }
};

/// The host's clock. Lives as long as the process; any thread.
Clock& system_clock();

}  // namespace leat::io
