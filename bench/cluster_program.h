// What the programs of bench/cluster.py share: a clock, the line they end with, an end when something failed.
#pragma once

#include <fmt/core.h>
#include <sys/resource.h>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"

namespace leat::bench {

inline double now_s() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// User and system time of this process.
inline double cpu_s() {
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  return seconds(used.ru_utime) + seconds(used.ru_stime);
}

[[noreturn]] inline void die(const std::string& why) {
  fmt::print(stderr, "bench: {}\n", why);
  std::exit(1);
}

template <typename T>
T need(Result<T> result) {
  if (!result) die(result.error().to_string());
  return std::move(result).value();
}
inline void need(Result<void> result) {
  if (!result) die(result.error().to_string());
}

/// What bench/cluster.py reads: records that were handled in a time, which begins behind the set-up.
inline void tell(int64_t records, double seconds, double cpu, int64_t bytes) {
  fmt::print("{{\"records\": {}, \"seconds\": {:.6f}, \"cpu\": {:.6f}, \"bytes\": {}}}\n", records,
             seconds, cpu, bytes);
}

}  // namespace leat::bench
