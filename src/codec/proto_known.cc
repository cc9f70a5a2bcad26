#include "codec/proto_known.h"

#include <fmt/core.h>

#include <array>
#include <chrono>

#include "codec/avro_number.h"
#include "codec/avro_time.h"
#include "types/temporal.h"

namespace leat::codec {
namespace {

using stream::Reason;
using types::Vector;
using types::VectorBuffer;

constexpr int64_t kMicros = 1'000'000, kNanos = 1'000'000'000;
constexpr uint32_t kDecimalBytes = proto_tag(1, ProtoWire::kBytes);
// 0001-01-01T00:00:00Z and 9999-12-31T23:59:59Z; a Duration has as many seconds as 10,000 years.
constexpr int64_t kFirstSecond = -62'135'596'800, kLastSecond = 253'402'300'799;
constexpr int64_t kMostSeconds = 315'576'000'000;

/// The numbers of fields 1 to 4, and the bytes of field 1.
struct Parts {
  std::array<int64_t, 5> numbers{};
  std::string_view bytes;
  int32_t small(size_t i) const { return static_cast<int32_t>(numbers[i]); }
};

bool read_parts(std::string_view bytes, ProtoInput& in, Parts& parts) {
  const ProtoInput::Place outer = in.place();
  in.enter(bytes);
  while (in.left() > 0) {
    uint32_t tag = 0;
    uint64_t number = 0;
    if (!in.read_tag(tag)) return false;
    const size_t field = tag >> 3;
    if (tag == kDecimalBytes) {
      if (!in.read_bytes(parts.bytes, "bytes")) return false;
    } else if (field < parts.numbers.size() &&
               tag == proto_tag(static_cast<uint32_t>(field), ProtoWire::kVarint)) {
      if (!in.read_varint(number, "a number")) return false;
      parts.numbers[field] = static_cast<int64_t>(number);
    } else if (!in.skip(tag)) {
      return false;
    }
  }
  in.go(outer);
  return true;
}

bool no_micros(int64_t nanos, const types::Type& type, ProtoInput& in) {
  return in.refuse(Reason::kOutOfRange,
                   fmt::format("{} ns is no whole microsecond, of which {} is made; read it as the "
                               "STRUCT of its fields",
                               nanos, type.to_sql()));
}

bool append_seconds(ProtoRead op, const types::Type& type, const Parts& parts, ProtoInput& in,
                    VectorBuffer& column) {
  const int64_t seconds = parts.numbers[1], nanos = parts.small(2);
  const bool instant = op == ProtoRead::kTimestamp;
  int64_t micros = 0;
  const bool fits =
      nanos < kNanos && nanos >= (instant ? 0 : 1 - kNanos) &&
      !__builtin_mul_overflow(seconds, kMicros, &micros) &&
      !__builtin_add_overflow(micros, nanos / 1000, &micros) &&
      (!instant || (micros < types::kTimestampInfinity && micros > -types::kTimestampInfinity));
  if (!fits) {
    return in.refuse(Reason::kOutOfRange,
                     fmt::format("{} s and {} ns do not fit {}", seconds, nanos, type.to_sql()));
  }
  if (nanos % 1000 != 0) return no_micros(nanos, type, in);
  if (instant)
    column.append(micros);
  else
    column.append(types::Interval{0, 0, micros});
  return true;
}

bool append_date(const Parts& parts, ProtoInput& in, VectorBuffer& column) {
  const int32_t year = parts.small(1), month = parts.small(2), day = parts.small(3);
  const std::chrono::year_month_day date{std::chrono::year(year),
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  const bool good = year > 0 && year < 10'000 && month > 0 && month <= 12 && day > 0 && day <= 31;
  if (!good || !date.ok()) {
    return in.refuse(Reason::kOutOfRange,
                     fmt::format("year {}, month {}, day {} are no date", year, month, day));
  }
  column.append(static_cast<int32_t>(std::chrono::sys_days(date).time_since_epoch().count()));
  return true;
}

bool append_time(const types::Type& type, const Parts& parts, ProtoInput& in,
                 VectorBuffer& column) {
  const int64_t hours = parts.small(1), minutes = parts.small(2), seconds = parts.small(3),
                nanos = parts.small(4);
  const bool good = hours >= 0 && minutes >= 0 && minutes < 60 && seconds >= 0 && seconds < 60 &&
                    nanos >= 0 && nanos < kNanos && hours <= 24;
  const int64_t micros = ((hours * 60 + minutes) * 60 + seconds) * kMicros + nanos / 1000;
  if (!good || micros > kMicrosPerDay || (micros == kMicrosPerDay && nanos != 0)) {
    return in.refuse(Reason::kOutOfRange,
                     fmt::format("{} h, {} min, {} s and {} ns are no time of a day", hours,
                                 minutes, seconds, nanos));
  }
  if (nanos % 1000 != 0) return no_micros(nanos, type, in);
  column.append(micros);
  return true;
}

/// `value` with `shift` more digits behind the point, or fewer, which must be 0; false: it has more than `digits`.
bool rescale(Wide& value, int64_t shift, unsigned digits) {
  if (value == 0) return true;
  if (shift < 0) {
    if (shift < -38 || value % power_of_ten(static_cast<unsigned>(-shift)) != 0) return false;
    value /= power_of_ten(static_cast<unsigned>(-shift));
  }
  // Compared before it grows: 38 digits and more would not fit 128 bits.
  const int64_t appended = shift > 0 ? shift : 0;
  if (appended > digits) return false;
  const Wide end = power_of_ten(digits - static_cast<unsigned>(appended));
  if (value >= end || value <= -end) return false;
  value *= power_of_ten(static_cast<unsigned>(appended));
  return true;
}

bool read_decimal(const types::Type& type, const Parts& parts, ProtoInput& in,
                  VectorBuffer& column) {
  auto value = read_avro_decimal(parts.bytes);
  const int64_t shift = int64_t{type.scale()} - parts.small(3);
  if (value && rescale(*value, shift, type.width()) && append_decimal(column, type, *value))
    return true;
  return in.refuse(Reason::kOutOfRange,
                   fmt::format("a decimal of {} bytes, scale {}, has more digits than {}",
                               parts.bytes.size(), parts.small(3), type.to_sql()));
}

// ---- and back

void put_number(uint32_t number, int64_t value, ProtoBytes& out) {
  if (value == 0) return;
  out.put_varint(proto_tag(number, ProtoWire::kVarint));
  out.put_varint(static_cast<uint64_t>(value));
}

bool put_timestamp(int64_t micros, ProtoBytes& out, std::string& message) {
  int64_t seconds = micros / kMicros, rest = micros % kMicros;
  if (rest < 0) --seconds, rest += kMicros;
  if (seconds < kFirstSecond || seconds > kLastSecond) {
    message = fmt::format(
        "{} us since 1970 do not fit google.protobuf.Timestamp, which is of the "
        "years 1 to 9999",
        micros);
    return false;
  }
  put_number(1, seconds, out);
  put_number(2, rest * 1000, out);
  return true;
}

bool put_duration(const types::Interval& value, ProtoBytes& out, std::string& message) {
  const int64_t seconds = value.micros / kMicros;
  if (value.months != 0 || value.days != 0 || seconds > kMostSeconds || seconds < -kMostSeconds) {
    char text[types::kMaxText];
    const char* end = types::write_interval(text, value);
    message = fmt::format("{} is no google.protobuf.Duration, which is seconds, at most {} of them",
                          std::string_view(text, static_cast<size_t>(end - text)), kMostSeconds);
    return false;
  }
  put_number(1, seconds, out);
  put_number(2, value.micros % kMicros * 1000, out);
  return true;
}

bool put_date(int32_t days, ProtoBytes& out, std::string& message) {
  const bool finite = days != types::kDateInfinity && days != -types::kDateInfinity;
  const bool fits = finite && days >= -719'162 && days <= 2'932'896;
  if (!fits) {
    message = "a date outside of the years 1 to 9999, which google.type.Date is of";
    return false;
  }
  const std::chrono::year_month_day date{std::chrono::sys_days(std::chrono::days(days))};
  put_number(1, int{date.year()}, out);
  put_number(2, unsigned{date.month()}, out);
  put_number(3, unsigned{date.day()}, out);
  return true;
}

void put_time(int64_t micros, ProtoBytes& out) {
  put_number(1, micros / (3600 * kMicros), out);
  put_number(2, micros / (60 * kMicros) % 60, out);
  put_number(3, micros / kMicros % 60, out);
  put_number(4, micros % kMicros * 1000, out);
}

bool put_decimal(const types::Type& type, const Vector& column, size_t row, ProtoBytes& out,
                 std::string& message) {
  const bool is_decimal = column.type.kind() == types::Kind::kDecimal;
  const uint8_t scale = is_decimal ? column.type.scale() : uint8_t{0};
  Wide value = wide_at(column, row);
  const Wide found = value;
  if (!rescale(value, int64_t{type.scale()} - scale, type.width())) {
    char text[types::kMaxText];
    const char* end = types::write_decimal(text, from_wide(found), scale);
    message = fmt::format("{} does not fit {}",
                          std::string_view(text, static_cast<size_t>(end - text)), type.to_sql());
    return false;
  }
  char whole[kWideBytes];
  const size_t size = write_avro_decimal(value, whole);
  out.put_varint(kDecimalBytes);
  out.put_bytes({whole + kWideBytes - size, size});
  put_number(2, type.width(), out);
  put_number(3, type.scale(), out);
  return true;
}

}  // namespace

bool append_proto_known(ProtoRead op, const types::Type& type, std::string_view bytes,
                        ProtoInput& in, VectorBuffer& column) {
  Parts parts;
  if (!read_parts(bytes, in, parts)) return false;
  switch (op) {
    case ProtoRead::kDate:
      return append_date(parts, in, column);
    case ProtoRead::kTimeOfDay:
      return append_time(type, parts, in, column);
    case ProtoRead::kDecimal:
      return read_decimal(type, parts, in, column);
    default:
      return append_seconds(op, type, parts, in, column);
  }
}

bool put_proto_known(ProtoRead op, const types::Type& type, const Vector& column, size_t row,
                     ProtoBytes& out, std::string& message) {
  switch (op) {
    case ProtoRead::kDate:
      return put_date(column.at<int32_t>(row), out, message);
    case ProtoRead::kTimeOfDay:
      put_time(column.at<int64_t>(row), out);
      return true;
    case ProtoRead::kDecimal:
      return put_decimal(type, column, row, out, message);
    case ProtoRead::kDuration:
      return put_duration(column.at<types::Interval>(row), out, message);
    default:
      return put_timestamp(column.at<int64_t>(row), out, message);
  }
}

}  // namespace leat::codec
