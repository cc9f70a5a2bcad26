#include "net/retry.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <string>
#include <vector>

#include "base/check.h"

namespace leat::net {
namespace {

constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
constexpr std::array<std::string_view, 7> kDays = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};

/// Days since 1970-01-01 of a proleptic Gregorian date (Howard Hinnant, days_from_civil).
int64_t days_from_civil(int64_t y, int64_t m, int64_t d) {
  y -= m <= 2;
  int64_t era = (y >= 0 ? y : y - 399) / 400;
  int64_t yoe = y - era * 400, doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
  return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

std::optional<int64_t> number(std::string_view text, int64_t least, int64_t most) {
  int64_t value = 0;
  auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (code != std::errc() || end != text.data() + text.size() || value < least || value > most)
    return std::nullopt;
  return value;
}

std::optional<int64_t> month(std::string_view name) {
  auto found = std::find(kMonths.begin(), kMonths.end(), name);
  if (found == kMonths.end()) return std::nullopt;
  return found - kMonths.begin() + 1;
}

std::vector<std::string_view> split(std::string_view text, std::string_view separators) {
  std::vector<std::string_view> parts;
  while (!text.empty()) {
    size_t end = std::min(text.find_first_of(separators), text.size());
    if (end > 0) parts.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parts;
}

}  // namespace

int64_t Backoff::next_ms() {
  int64_t cap = first_ms_;
  for (int i = 0; i < attempts_ && cap < max_ms_; ++i) cap *= 2;
  cap = std::min(cap, max_ms_);
  ++attempts_;
  return static_cast<int64_t>(random_.below(static_cast<uint64_t>(cap) + 1));
}

std::optional<int64_t> parse_http_date(std::string_view text) {
  // IMF-fixdate "Sun, 06 Nov 1994 08:49:37 GMT", RFC 850 "Sunday, 06-Nov-94 08:49:37 GMT",
  // asctime "Sun Nov  6 08:49:37 1994".
  if (text.size() > 40) return std::nullopt;
  auto parts = split(text, " ,-");
  std::string_view day, name, year, time;
  if (parts.size() == 6 && parts[5] == "GMT")
    day = parts[1], name = parts[2], year = parts[3], time = parts[4];
  else if (parts.size() == 5)
    name = parts[1], day = parts[2], time = parts[3], year = parts[4];
  else
    return std::nullopt;
  auto clock = split(time, ":");
  if (clock.size() != 3) return std::nullopt;
  auto d = number(day, 1, 31), m = month(name), y = number(year, 0, 9999);
  auto hour = number(clock[0], 0, 23), minute = number(clock[1], 0, 59),
       second = number(clock[2], 0, 60);
  if (!d || !m || !y || !hour || !minute || !second) return std::nullopt;
  if (year.size() == 2) y = *y + (*y < 70 ? 2000 : 1900);
  return ((days_from_civil(*y, *m, *d) * 24 + *hour) * 60 + *minute) * 60 + *second;
}

std::string format_http_date(int64_t unix_seconds) {
  int64_t days = unix_seconds / 86400, rest = unix_seconds % 86400;
  if (rest < 0) rest += 86400, --days;
  // civil_from_days, the same source.
  int64_t z = days + 719468, era = (z >= 0 ? z : z - 146096) / 146097, doe = z - era * 146097;
  int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365,
          doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
  int64_t mp = (5 * doy + 2) / 153, d = doy - (153 * mp + 2) / 5 + 1, m = mp < 10 ? mp + 3 : mp - 9;
  int64_t y = yoe + era * 400 + (m <= 2);
  return fmt::format("{}, {:02} {} {:04} {:02}:{:02}:{:02} GMT",
                     kDays[static_cast<size_t>(((days + 4) % 7 + 7) % 7)], d,
                     kMonths[static_cast<size_t>(m - 1)], y, rest / 3600, rest / 60 % 60,
                     rest % 60);
}

std::optional<int64_t> parse_retry_after(std::string_view value, int64_t now_ms) {
  while (!value.empty() && value.front() == ' ') value.remove_prefix(1);
  while (!value.empty() && value.back() == ' ') value.remove_suffix(1);
  if (!value.empty() && value.find_first_not_of("0123456789") == std::string_view::npos) {
    auto seconds = number(value, 0, limits::kMaxRetryAfterMs / 1000);
    return seconds ? *seconds * 1000 : limits::kMaxRetryAfterMs;  // absurd: the cap
  }
  auto date = parse_http_date(value);
  if (!date) return std::nullopt;
  return std::clamp<int64_t>(*date * 1000 - now_ms, 0, limits::kMaxRetryAfterMs);
}

std::string_view to_string(CircuitBreaker::State state) {
  switch (state) {
    case CircuitBreaker::State::kClosed:
      return "closed";
    case CircuitBreaker::State::kOpen:
      return "open";
    case CircuitBreaker::State::kHalfOpen:
      return "half_open";
  }
  CHECK(false, "state {}", static_cast<int>(state));
}

void CircuitBreaker::become(State next) {
  bool legal = state_ == next || (state_ == State::kClosed && next == State::kOpen) ||
               (state_ == State::kOpen && next == State::kHalfOpen) || state_ == State::kHalfOpen;
  CHECK(legal, "{} -> {}", to_string(state_), to_string(next));
  state_ = next;
}

int64_t CircuitBreaker::wait_ms() {
  if (state_ != State::kOpen) return 0;
  int64_t left = opened_ms_ + open_ms_ - clock_.steady_ms();
  if (left > 0) return left;
  become(State::kHalfOpen);
  return 0;
}

void CircuitBreaker::success() {
  // An answer to a request sent before the breaker opened changes nothing.
  if (state_ == State::kOpen) return;
  failures_ = 0;
  become(State::kClosed);
}

void CircuitBreaker::failure() {
  if (state_ == State::kOpen) return;
  ++failures_;
  if (state_ == State::kHalfOpen || failures_ >= threshold_) {
    become(State::kOpen);
    opened_ms_ = clock_.steady_ms();
  }
}

std::optional<Rate> parse_rate(std::string_view text) {
  size_t slash = text.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  double count = 0;
  auto digits = text.substr(0, slash);
  while (!digits.empty() && digits.back() == ' ') digits.remove_suffix(1);
  auto [end, code] = std::from_chars(digits.data(), digits.data() + digits.size(), count);
  if (code != std::errc() || end != digits.data() + digits.size() || !(count > 0) || count > 1e9)
    return std::nullopt;
  auto unit = text.substr(slash + 1);
  while (!unit.empty() && unit.front() == ' ') unit.remove_prefix(1);
  if (unit == "s") return Rate{count, 1};
  if (unit == "m" || unit == "min") return Rate{count / 60, 1};
  if (unit == "h") return Rate{count / 3600, 1};
  return std::nullopt;
}

TokenBucket::TokenBucket(io::Clock& clock, Rate rate)
    : clock_(clock), rate_(rate), tokens_(rate.burst), last_ns_(clock.steady_ns()) {
  CHECK(rate.per_second > 0 && rate.burst >= 1);
}

int64_t TokenBucket::take() {
  int64_t now = clock_.steady_ns();
  tokens_ = std::min(rate_.burst,
                     tokens_ + static_cast<double>(now - last_ns_) * 1e-9 * rate_.per_second);
  last_ns_ = now;
  tokens_ -= 1;
  return tokens_ >= 0 ? 0 : static_cast<int64_t>(std::ceil(-tokens_ / rate_.per_second * 1000));
}

}  // namespace leat::net
