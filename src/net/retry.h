// What a client of a shaky peer needs: back-off with jitter, Retry-After, a circuit breaker, a rate
// limit. Nothing here waits: each says how long, and its caller sleeps on its own clock. One thread
// each.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/limits.h"
#include "base/result.h"
#include "io/clock.h"
#include "io/random.h"

namespace leat::net {

/// Exponential back-off with full jitter: the n-th wait is uniform in [0, min(max, first * 2^n)].
/// (Exponential Backoff And Jitter, AWS Architecture Blog, 2015.)
class Backoff {
 public:
  explicit Backoff(uint64_t seed, int64_t first_ms = limits::kFirstBackoffMs,
                   int64_t max_ms = limits::kMaxBackoffMs)
      : random_(seed), first_ms_(first_ms), max_ms_(max_ms) {}
  /// Milliseconds to wait before the next attempt.
  int64_t next_ms();
  /// An attempt has succeeded.
  void reset() { attempts_ = 0; }

 private:
  io::Random random_;
  const int64_t first_ms_, max_ms_;
  int attempts_ = 0;
};

/// Seconds since 1970 UTC of "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110 section 5.6.7, and its two
/// obsolete forms); nullopt for anything else.
std::optional<int64_t> parse_http_date(std::string_view text);
/// The first of those forms.
std::string format_http_date(int64_t unix_seconds);

/// Retry-After as seconds or date, to milliseconds from now, at most limits::kMaxRetryAfterMs; a
/// date gone by gives 0. nullopt when it is neither.
std::optional<int64_t> parse_retry_after(std::string_view value, int64_t now_ms);

/// Spares a peer that fails every time.
///
///              threshold failures in a row
///   kClosed ------------------------------> kOpen
///      ^                                    |   ^
///      | success            open_ms passed  v   | failure
///      +-------------------------------- kHalfOpen   (one attempt at a time)
class CircuitBreaker {
 public:
  enum class State : uint8_t { kClosed, kOpen, kHalfOpen };

  CircuitBreaker(io::Clock& clock, int threshold, int64_t open_ms)
      : clock_(clock), threshold_(threshold), open_ms_(open_ms) {}

  /// Milliseconds until an attempt is allowed; 0: go on. Moves kOpen to kHalfOpen when its time has
  /// come.
  int64_t wait_ms();
  void success();
  void failure();
  State state() const { return state_; }

 private:
  void become(State next);

  io::Clock& clock_;
  const int threshold_;
  const int64_t open_ms_;
  State state_ = State::kClosed;
  int failures_ = 0;
  int64_t opened_ms_ = 0;
};
std::string_view to_string(CircuitBreaker::State state);

/// A rate with a burst: "10/s", "100/m", "5000/h".
struct Rate {
  double per_second = 0;
  double burst = 1;
};
/// nullopt when it is not NUMBER/s, NUMBER/m or NUMBER/h with a number above 0. The burst is 1.
std::optional<Rate> parse_rate(std::string_view text);

/// A token bucket: holds `burst` tokens at most, gains `per_second`, each request takes one.
class TokenBucket {
 public:
  TokenBucket(io::Clock& clock, Rate rate);
  /// Takes a token, on credit if need be, and returns the milliseconds to wait before using it.
  int64_t take();

 private:
  io::Clock& clock_;
  const Rate rate_;
  double tokens_;
  int64_t last_ns_;
};

}  // namespace leat::net
