// Random: seeded pseudo-randomness for jitter, synthetic data and faults. Never in a record's path.
#pragma once

#include <cstdint>
#include <random>

namespace leat::io {

/// splitmix64-seeded 64-bit Mersenne twister; the same seed gives the same sequence. One thread.
class Random {
 public:
  explicit Random(uint64_t seed) : engine_(seed) {}
  uint64_t next() { return engine_(); }
  /// Uniform in [0, bound); bound > 0.
  uint64_t below(uint64_t bound) {
    return std::uniform_int_distribution<uint64_t>(0, bound - 1)(engine_);
  }
  /// Uniform in [0, 1).
  double unit() { return static_cast<double>(engine_() >> 11) * 0x1.0p-53; }

 private:
  std::mt19937_64 engine_;
};

/// A seed from the operating system: for jitter, tokens and run names.
uint64_t entropy();

}  // namespace leat::io
