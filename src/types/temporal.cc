#include "types/temporal.h"

#include <array>
#include <charconv>
#include <cstring>
#include <string>

#include "base/check.h"

namespace leat::types {
namespace {

__extension__ typedef __int128 Wide;
__extension__ typedef unsigned __int128 UnsignedWide;

constexpr int64_t kMicrosPerSecond = 1'000'000;
constexpr int64_t kMicrosPerDay = 86'400 * kMicrosPerSecond;

struct Civil {
  int64_t year;
  unsigned month, day;
};

// Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms": days_from_civil, civil_from_days.
constexpr Civil civil_from_days(int64_t days) {
  days += 719'468;
  int64_t era = (days >= 0 ? days : days - 146'096) / 146'097;
  auto doe = static_cast<unsigned>(days - era * 146'097);
  unsigned yoe = (doe - doe / 1460 + doe / 36'524 - doe / 146'096) / 365;
  unsigned doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
  unsigned mp = (5 * doy + 2) / 153;
  unsigned month = mp < 10 ? mp + 3 : mp - 9;
  return {static_cast<int64_t>(yoe) + era * 400 + (month <= 2), month,
          doy - (153 * mp + 2) / 5 + 1};
}
constexpr int64_t days_from_civil(int64_t year, unsigned month, unsigned day) {
  year -= month <= 2;
  int64_t era = (year >= 0 ? year : year - 399) / 400;
  auto yoe = static_cast<unsigned>(year - era * 400);
  unsigned doy = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
  unsigned doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
  return era * 146'097 + static_cast<int64_t>(doe) - 719'468;
}
static_assert(days_from_civil(1970, 1, 1) == 0 && days_from_civil(2000, 2, 29) == 11'016);

constexpr unsigned days_in_month(int64_t year, unsigned month) {
  constexpr std::array<uint8_t, 12> kDays = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
  return month == 2 && leap ? 29 : kDays[month - 1];
}

char* put(char* into, std::string_view text) {
  std::memcpy(into, text.data(), text.size());
  return into + text.size();
}
/// `digits` decimal digits, zeroes in front.
char* put_digits(char* into, uint64_t value, int digits) {
  for (int i = digits - 1; i >= 0; --i, value /= 10) into[i] = static_cast<char>('0' + value % 10);
  return into + digits;
}
char* put_int(char* into, int64_t value) { return std::to_chars(into, into + 20, value).ptr; }

char* put_day(char* into, int64_t days) {
  Civil civil = civil_from_days(days);
  if (civil.year >= 0 && civil.year <= 9999) {
    into = put_digits(into, static_cast<uint64_t>(civil.year), 4);
  } else {
    *into++ = civil.year < 0 ? '-' : '+';
    auto year = static_cast<uint64_t>(civil.year < 0 ? -civil.year : civil.year);
    int digits = 6;
    for (uint64_t bound = 1'000'000; year >= bound; bound *= 10) ++digits;
    into = put_digits(into, year, digits);
  }
  *into++ = '-';
  into = put_digits(into, civil.month, 2);
  *into++ = '-';
  return put_digits(into, civil.day, 2);
}

/// Reads a text from the front.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : at_(text.data()), end_(text.data() + text.size()) {}
  bool done() const { return at_ == end_; }
  char peek() const { return at_ < end_ ? *at_ : '\0'; }
  bool take(char c) {
    if (at_ == end_ || *at_ != c) return false;
    ++at_;
    return true;
  }
  bool digits(int count, unsigned& value) {
    if (end_ - at_ < count) return false;
    value = 0;
    for (int i = 0; i < count; ++i, ++at_) {
      if (*at_ < '0' || *at_ > '9') return false;
      value = value * 10 + static_cast<unsigned>(*at_ - '0');
    }
    return true;
  }
  /// Up to `most` digits; the count of those there were.
  int some_digits(int most, int64_t& value) {
    int count = 0;
    value = 0;
    for (; count < most && at_ < end_ && *at_ >= '0' && *at_ <= '9'; ++at_, ++count) {
      value = value * 10 + (*at_ - '0');
    }
    return count;
  }

 private:
  const char *at_, *end_;
};

bool scan_day(Scanner& in, int64_t& days) {
  bool negative = in.peek() == '-', sign = negative || in.peek() == '+';
  int64_t year;
  if (sign) in.take(in.peek());
  int count = in.some_digits(7, year);
  if (sign ? count < 4 : count != 4) return false;
  if (negative) year = -year;
  unsigned month, day;
  if (!in.take('-') || !in.digits(2, month) || !in.take('-') || !in.digits(2, day)) return false;
  if (month < 1 || month > 12 || day < 1 || day > days_in_month(year, month)) return false;
  days = days_from_civil(year, month, day);
  return true;
}

/// "." and 1 to 9 digits, those after the sixth 0; nothing is 0.
bool scan_fraction(Scanner& in, int64_t& micros) {
  micros = 0;
  if (!in.take('.')) return true;
  int64_t value;
  int count = in.some_digits(9, value);
  if (count == 0) return false;
  for (; count < 6; ++count) value *= 10;
  for (; count > 6; --count, value /= 10) {
    if (value % 10 != 0) return false;
  }
  micros = value;
  return true;
}

bool scan_time(Scanner& in, int64_t& micros) {
  unsigned hour, minute, second = 0;
  int64_t fraction = 0;
  if (!in.digits(2, hour) || !in.take(':') || !in.digits(2, minute)) return false;
  if (in.take(':') && (!in.digits(2, second) || !scan_fraction(in, fraction))) return false;
  if (minute > 59 || second > 59) return false;
  micros = (hour * 3600LL + minute * 60 + second) * kMicrosPerSecond + fraction;
  return micros <= kMicrosPerDay;
}

bool scan_zone(Scanner& in, int64_t& offset_micros) {
  offset_micros = 0;
  if (in.take('Z') || in.take('z')) return true;
  bool negative = in.peek() == '-';
  if (!in.take('+') && !in.take('-')) return false;
  unsigned hour, minute = 0;
  if (!in.digits(2, hour)) return false;
  if (in.take(':') ? !in.digits(2, minute) : !in.done() && !in.digits(2, minute)) return false;
  if (hour > 18 || minute > 59) return false;
  offset_micros = (hour * 3600LL + minute * 60) * kMicrosPerSecond * (negative ? -1 : 1);
  return true;
}

template <typename T>
std::optional<T> scan_infinity(std::string_view text, T infinity) {
  if (text == "infinity") return infinity;
  if (text == "-infinity") return -infinity;
  return std::nullopt;
}

std::optional<int64_t> parse_instant(std::string_view text, bool zone) {
  if (auto infinite = scan_infinity(text, kTimestampInfinity)) return infinite;
  Scanner in(text);
  int64_t days, micros, offset = 0, result;
  if (!scan_day(in, days) || (!in.take('T') && !in.take(' ')) || !scan_time(in, micros))
    return std::nullopt;
  if (zone && !scan_zone(in, offset)) return std::nullopt;
  if (!in.done()) return std::nullopt;
  // In 128 bits: the first representable day is not representable at its midnight.
  Wide wide = static_cast<Wide>(days) * kMicrosPerDay + micros - offset;
  result = static_cast<int64_t>(wide);
  if (wide != result || result >= kTimestampInfinity || result <= -kTimestampInfinity)
    return std::nullopt;
  return result;
}

Wide to_wide(const Int128& value) {
  return static_cast<Wide>((static_cast<UnsignedWide>(static_cast<uint64_t>(value.upper)) << 64) |
                           value.lower);
}
Int128 from_wide(UnsignedWide value) {
  return {static_cast<uint64_t>(value), static_cast<int64_t>(static_cast<uint64_t>(value >> 64))};
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

/// The digits of |value|, most significant first; at least one.
char* put_wide(char* into, UnsignedWide value) {
  std::array<char, 40> digits;
  size_t at = digits.size();
  do {
    digits[--at] = static_cast<char>('0' + static_cast<int>(value % 10));
    value /= 10;
  } while (value != 0);
  return put(into, {digits.data() + at, digits.size() - at});
}
UnsignedWide magnitude(Wide value) {
  return value < 0 ? UnsignedWide{0} - static_cast<UnsignedWide>(value)
                   : static_cast<UnsignedWide>(value);
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

}  // namespace

char* write_date(char* into, int32_t days) {
  if (days == kDateInfinity) return put(into, "infinity");
  if (days == -kDateInfinity) return put(into, "-infinity");
  return put_day(into, days);
}

char* write_time(char* into, int64_t micros) {
  auto seconds = static_cast<uint64_t>(micros / kMicrosPerSecond);
  into = put_digits(into, seconds / 3600, 2);
  *into++ = ':';
  into = put_digits(into, seconds / 60 % 60, 2);
  *into++ = ':';
  into = put_digits(into, seconds % 60, 2);
  *into++ = '.';
  return put_digits(into, static_cast<uint64_t>(micros % kMicrosPerSecond), 6);
}

char* write_timestamp(char* into, int64_t micros) {
  if (micros == kTimestampInfinity) return put(into, "infinity");
  if (micros == -kTimestampInfinity) return put(into, "-infinity");
  int64_t days = micros / kMicrosPerDay - (micros % kMicrosPerDay < 0);
  into = put_day(into, days);
  *into++ = 'T';
  int64_t rest = micros % kMicrosPerDay;
  return write_time(into, rest < 0 ? rest + kMicrosPerDay : rest);
}

char* write_timestamp_tz(char* into, int64_t micros) {
  char* end = write_timestamp(into, micros);
  if (micros != kTimestampInfinity && micros != -kTimestampInfinity) *end++ = 'Z';
  return end;
}

char* write_interval(char* into, const Interval& value) {
  *into++ = 'P';
  auto part = [&](int64_t number, char unit) {
    if (number == 0) return;
    into = put_int(into, number);
    *into++ = unit;
  };
  part(value.months / 12, 'Y');
  part(value.months % 12, 'M');
  part(value.days, 'D');
  int64_t fraction = value.micros % kMicrosPerSecond, seconds = value.micros / kMicrosPerSecond;
  bool zero = value.months == 0 && value.days == 0 && value.micros == 0;
  if (value.micros != 0 || zero) {
    *into++ = 'T';
    part(seconds / 3600, 'H');
    part(seconds / 60 % 60, 'M');
    if (fraction != 0) {
      if (value.micros < 0) *into++ = '-';
      into = put_int(into, std::abs(seconds % 60));
      *into++ = '.';
      into = put_digits(into, static_cast<uint64_t>(std::abs(fraction)), 6);
      *into++ = 'S';
    } else if (zero) {
      into = put(into, "0S");
    } else {
      part(seconds % 60, 'S');
    }
  }
  return into;
}

char* write_uuid(char* into, const Int128& value) {
  constexpr std::string_view kHex = "0123456789abcdef";
  auto hex = [&](uint64_t bits, int from, int to) {
    for (int shift = from; shift >= to; shift -= 4) *into++ = kHex[bits >> shift & 15];
  };
  uint64_t high = static_cast<uint64_t>(value.upper) ^ (uint64_t{1} << 63);
  hex(high, 60, 32);
  *into++ = '-';
  hex(high, 28, 16);
  *into++ = '-';
  hex(high, 12, 0);
  *into++ = '-';
  hex(value.lower, 60, 48);
  *into++ = '-';
  hex(value.lower, 44, 0);
  return into;
}

char* write_int128(char* into, const Int128& value) {
  Wide wide = to_wide(value);
  if (wide < 0) *into++ = '-';
  return put_wide(into, magnitude(wide));
}

char* write_decimal(char* into, const Int128& value, uint8_t scale) {
  Wide wide = to_wide(value);
  if (wide < 0) *into++ = '-';
  std::array<char, 40> digits;
  auto count = static_cast<size_t>(put_wide(digits.data(), magnitude(wide)) - digits.data());
  if (scale == 0) return put(into, {digits.data(), count});
  if (count <= scale) {
    into = put(into, "0.");
    std::memset(into, '0', scale - count);
    return put(into + (scale - count), {digits.data(), count});
  }
  into = put(into, {digits.data(), count - scale});
  *into++ = '.';
  return put(into, {digits.data() + (count - scale), scale});
}

std::optional<int32_t> parse_date(std::string_view text) {
  if (auto infinite = scan_infinity(text, kDateInfinity)) return infinite;
  Scanner in(text);
  int64_t days;
  if (!scan_day(in, days) || !in.done()) return std::nullopt;
  if (days >= kDateInfinity || days <= -kDateInfinity) return std::nullopt;
  return static_cast<int32_t>(days);
}

std::optional<int64_t> parse_time(std::string_view text) {
  Scanner in(text);
  int64_t micros;
  if (!scan_time(in, micros) || !in.done()) return std::nullopt;
  return micros;
}

std::optional<int64_t> parse_timestamp(std::string_view text) { return parse_instant(text, false); }
std::optional<int64_t> parse_timestamp_tz(std::string_view text) {
  return parse_instant(text, true);
}

std::optional<Interval> parse_interval(std::string_view text) {
  Scanner in(text);
  if (!in.take('P') || in.done()) return std::nullopt;
  Wide months = 0, days = 0, micros = 0;
  int last = 0;  // units must come in order, each at most once
  bool time = false;
  while (!in.done()) {
    if (!time && in.take('T')) {
      time = true;
      if (in.done()) return std::nullopt;
      continue;
    }
    bool negative = in.take('-');
    if (!negative) in.take('+');
    int64_t number, fraction = 0;
    if (in.some_digits(18, number) == 0) return std::nullopt;
    bool point = in.peek() == '.';
    if (!scan_fraction(in, fraction)) return std::nullopt;
    Wide sign = negative ? -1 : 1;
    int rank;
    if (!time && in.take('Y'))
      rank = 1, months += sign * number * 12;
    else if (!time && in.take('M'))
      rank = 2, months += sign * number;
    else if (!time && in.take('W'))
      rank = 3, days += sign * number * 7;
    else if (!time && in.take('D'))
      rank = 4, days += sign * number;
    else if (time && in.take('H'))
      rank = 5, micros += sign * number * 3600 * kMicrosPerSecond;
    else if (time && in.take('M'))
      rank = 6, micros += sign * number * 60 * kMicrosPerSecond;
    else if (time && in.take('S'))
      rank = 7, micros += sign * (static_cast<Wide>(number) * kMicrosPerSecond + fraction);
    else
      return std::nullopt;
    if (rank <= last || (point && rank != 7)) return std::nullopt;
    last = rank;
  }
  Interval value{static_cast<int32_t>(months), static_cast<int32_t>(days),
                 static_cast<int64_t>(micros)};
  if (value.months != months || value.days != days || value.micros != micros) return std::nullopt;
  return value;
}

std::optional<Int128> parse_uuid(std::string_view text) {
  if (text.size() >= 2 && text.front() == '{' && text.back() == '}')
    text = text.substr(1, text.size() - 2);
  bool hyphens = text.size() == 36;
  if (!hyphens && text.size() != 32) return std::nullopt;
  uint64_t high = 0, low = 0;
  int digits = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    if (hyphens && (i == 8 || i == 13 || i == 18 || i == 23)) {
      if (text[i] != '-') return std::nullopt;
      continue;
    }
    int digit = hex_digit(text[i]);
    if (digit < 0) return std::nullopt;
    uint64_t& half = digits++ < 16 ? high : low;
    half = half << 4 | static_cast<unsigned>(digit);
  }
  return Int128{low, static_cast<int64_t>(high ^ (uint64_t{1} << 63))};
}

NumberError parse_int128(std::string_view text, Int128& value) {
  bool negative = text.starts_with('-');
  std::string_view digits = text.substr(negative);
  if (digits.empty() || (digits[0] == '0' && digits.size() > 1)) return NumberError::kGrammar;
  UnsignedWide wide = 0;
  const UnsignedWide bound = (UnsignedWide{1} << 127) - (negative ? 0 : 1);
  bool over = false;
  for (char c : digits) {
    if (!is_digit(c)) return NumberError::kGrammar;
    auto digit = static_cast<unsigned>(c - '0');
    if (wide > (bound - digit) / 10)
      over = true;
    else
      wide = wide * 10 + digit;
  }
  if (over) return NumberError::kRange;
  value = from_wide(negative ? UnsignedWide{0} - wide : wide);
  return NumberError::kNone;
}

NumberError parse_decimal(std::string_view text, uint8_t width, uint8_t scale, Int128& value) {
  CHECK(width <= 38 && scale <= width, "DECIMAL({}, {})", width, scale);
  const char *at = text.data(), *end = at + text.size();
  bool negative = at < end && *at == '-';
  if (negative) ++at;
  const char* whole = at;
  while (at < end && is_digit(*at)) ++at;
  std::string_view integer(whole, static_cast<size_t>(at - whole)), fraction;
  if (integer.empty() || (integer[0] == '0' && integer.size() > 1)) return NumberError::kGrammar;
  if (at < end && *at == '.') {
    const char* first = ++at;
    while (at < end && is_digit(*at)) ++at;
    fraction = {first, static_cast<size_t>(at - first)};
    if (fraction.empty()) return NumberError::kGrammar;
  }
  int64_t exponent = 0;
  if (at < end && (*at == 'e' || *at == 'E')) {
    ++at;
    bool down = at < end && *at == '-';
    if (at < end && (*at == '-' || *at == '+')) ++at;
    if (at == end) return NumberError::kGrammar;
    for (; at < end && is_digit(*at); ++at) {
      if (exponent < 1'000'000'000) exponent = exponent * 10 + (*at - '0');
    }
    if (down) exponent = -exponent;
  }
  if (at != end) return NumberError::kGrammar;

  // The value is digits[0..count) with the point behind digit `point`; we want `scale` digits behind it.
  auto count = static_cast<int64_t>(integer.size() + fraction.size());
  auto digit = [&](int64_t i) {
    auto n = static_cast<size_t>(i);
    return n < integer.size() ? integer[n] : fraction[n - integer.size()];
  };
  int64_t take =
      static_cast<int64_t>(integer.size()) + exponent + scale;  // digits kept; above count: zeroes
  UnsignedWide wide = 0;
  int used = 0;  // significant digits
  for (int64_t i = 0; i < count; ++i) {
    char c = digit(i);
    if (i >= take) {
      if (c != '0') return NumberError::kScale;
      continue;
    }
    if (used > 0 || c != '0') ++used;
    if (used > width) return NumberError::kRange;
    wide = wide * 10 + static_cast<unsigned>(c - '0');
  }
  for (int64_t i = count; i < take && wide != 0; ++i) {
    if (++used > width) return NumberError::kRange;
    wide *= 10;
  }
  value = from_wide(negative ? UnsignedWide{0} - wide : wide);
  return NumberError::kNone;
}

}  // namespace leat::types
