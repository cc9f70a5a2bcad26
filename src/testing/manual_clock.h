// ManualClock: a clock that a test moves by hand, so that no test waits or reads the wall clock.
#pragma once

#include <chrono>
#include <cstdint>
#include <stop_token>

#include "base/mutex.h"
#include "io/clock.h"

namespace leat::testing {

/// Starts at 2026-01-01 00:00:00 UTC. Any thread.
class ManualClock final : public io::Clock {
 public:
  /// What sleep_ms does: move the clock itself and return at once, or wait until advance_ms() has moved it.
  enum class Sleep { kAdvances, kWaits };
  static constexpr int64_t kStartUs = 1'767'225'600'000'000;

  explicit ManualClock(Sleep sleep = Sleep::kAdvances) : sleep_(sleep) {}

  int64_t now_us() override {
    MutexLock lock(mutex_);
    return wall_us_;
  }
  int64_t steady_ns() override {
    MutexLock lock(mutex_);
    return steady_us_ * 1000;
  }
  bool sleep_ms(int64_t ms, std::stop_token stop) override {
    if (stop.stop_requested()) return false;
    MutexLock lock(mutex_);
    slept_ms_ += ms;
    int64_t until_us = steady_us_ + ms * 1000;
    if (sleep_ == Sleep::kAdvances) {
      wall_us_ += ms * 1000;
      steady_us_ = until_us;
      return true;
    }
    return moved_.wait(mutex_, stop,
                       [&]() NO_THREAD_SAFETY_ANALYSIS { return steady_us_ >= until_us; });
  }

  /// Moves both clocks.
  void advance_ms(int64_t ms) {
    MutexLock lock(mutex_);
    wall_us_ += ms * 1000;
    steady_us_ += ms * 1000;
    moved_.notify_all();
  }
  /// Sets the wall clock alone, backwards too: the host's clock was changed.
  void set_wall_ms(int64_t ms) {
    MutexLock lock(mutex_);
    wall_us_ = ms * 1000;
  }
  /// The sum of what was asked of sleep_ms.
  int64_t slept_ms() {
    MutexLock lock(mutex_);
    return slept_ms_;
  }

 private:
  const Sleep sleep_;
  Mutex mutex_;
  CondVar moved_;
  int64_t wall_us_ GUARDED_BY(mutex_) = kStartUs;
  int64_t steady_us_ GUARDED_BY(mutex_) = 0;
  int64_t slept_ms_ GUARDED_BY(mutex_) = 0;
};

}  // namespace leat::testing
