#include "components/sink_postgres_rows.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "base/check.h"
#include "codec/big_endian.h"
#include "codec/text_out.h"
#include "types/temporal.h"

namespace leat::components {
namespace {

using codec::big_endian::put;
using types::Int128;
using types::Kind;
using types::Vector;

// PostgreSQL counts from 2000-01-01.
constexpr int32_t kEpochDays = 10'957;
constexpr int64_t kEpochMicros = int64_t{kEpochDays} * 86'400'000'000;
// Its ranges (src/include/datatype/timestamp.h): 4714-11-24 BC up to 294277-01-01 and 5874898-06-03.
constexpr int64_t kMinDays = -2'451'545, kEndDays = 2'145'031'949;
constexpr int64_t kMinMicros = -211'813'488'000'000'000, kEndMicros = 9'223'371'331'200'000'000;

/// A numeric: groups of four decimal digits, the first of weight 10000^weight.
void put_numeric(std::string& out, const Int128& value, uint8_t scale) {
  char text[types::kMaxText];
  std::string_view digits(text, static_cast<size_t>(types::write_int128(text, value) - text));
  const bool negative = digits.starts_with('-');
  if (negative) digits.remove_prefix(1);
  // Digits with zeros on both sides, so that the point falls between two groups.
  std::array<char, 96> aligned;
  aligned.fill('0');
  const size_t whole = digits.size() > scale ? digits.size() - scale : 0;
  const size_t whole_groups = (whole + 3) / 4, groups = whole_groups + (size_t{scale} + 3) / 4;
  std::copy(digits.begin(), digits.end(),
            aligned.begin() + static_cast<ptrdiff_t>(4 * whole_groups + scale - digits.size()));
  std::array<int16_t, 24> values{};
  for (size_t g = 0; g < groups; ++g) {
    for (size_t i = 0; i < 4; ++i)
      values[g] = static_cast<int16_t>(values[g] * 10 + (aligned[4 * g + i] - '0'));
  }
  size_t first = 0, end = groups;
  while (first < end && values[first] == 0) ++first;
  while (end > first && values[end - 1] == 0) --end;
  put(out, static_cast<int16_t>(end - first));
  put(out, static_cast<int16_t>(
               end == first ? 0 : static_cast<int>(whole_groups) - 1 - static_cast<int>(first)));
  put(out, static_cast<uint16_t>(negative && end > first ? 0x4000 : 0));
  put(out, static_cast<int16_t>(scale));
  for (size_t g = first; g < end; ++g) put(out, values[g]);
}

std::optional<std::string> put_date(std::string& out, int32_t days) {
  if (days == types::kDateInfinity || days == -types::kDateInfinity) {
    put(out, days > 0 ? INT32_MAX : INT32_MIN);
    return {};
  }
  const int64_t there = int64_t{days} - kEpochDays;
  if (there < kMinDays || there >= kEndDays) return "a date outside 4714 BC to 5874897";
  put(out, static_cast<int32_t>(there));
  return {};
}

std::optional<std::string> put_timestamp(std::string& out, int64_t micros) {
  if (micros == types::kTimestampInfinity || micros == -types::kTimestampInfinity) {
    put(out, micros > 0 ? INT64_MAX : INT64_MIN);
    return {};
  }
  if (micros < kMinMicros + kEpochMicros) return "a time outside 4714 BC to 294276";
  const int64_t there = micros - kEpochMicros;
  if (there >= kEndMicros) return "a time outside 4714 BC to 294276";
  put(out, there);
  return {};
}

std::optional<std::string> put_text(std::string& out, std::string_view text) {
  if (!text.empty() && std::memchr(text.data(), 0, text.size()))
    return "a zero byte (U+0000) in a text";
  out.append(text);
  return {};
}

std::optional<std::string> put_json(std::string& out, const Vector& vector, size_t row) {
  out += '\1';  // jsonb's format version
  std::optional<std::string> problem;
  {
    codec::StringOut text(out);
    codec::JsonWriter writer(text, true);
    if (!writer.write(vector, row))
      problem = writer.refusal().path.empty()
                    ? writer.refusal().message
                    : writer.refusal().path + ": " + writer.refusal().message;
  }
  return problem;
}

/// Of pg_type: these numbers never change.
int32_t oid_of(Kind kind) {
  switch (kind) {
    case Kind::kBoolean:
      return 16;
    case Kind::kInt8:
    case Kind::kUint8:
    case Kind::kInt16:
      return 21;
    case Kind::kUint16:
    case Kind::kInt32:
      return 23;
    case Kind::kUint32:
    case Kind::kInt64:
      return 20;
    case Kind::kUint64:
    case Kind::kInt128:
    case Kind::kDecimal:
      return 1700;
    case Kind::kFloat:
      return 700;
    case Kind::kDouble:
      return 701;
    case Kind::kVarchar:
    case Kind::kSqlNull:
      return 25;
    case Kind::kBlob:
      return 17;
    case Kind::kUuid:
      return 2950;
    case Kind::kDate:
      return 1082;
    case Kind::kTime:
      return 1083;
    case Kind::kTimestamp:
      return 1114;
    case Kind::kTimestampTz:
      return 1184;
    case Kind::kInterval:
      return 1186;
    case Kind::kJson:
    case Kind::kList:
    case Kind::kStruct:
    case Kind::kMap:
      return 3802;
  }
  return 0;
}

bool is_array(const types::Type& type) {
  return type.kind() == Kind::kList && !type.element().is_nested();
}

}  // namespace

std::string postgres_type(const types::Type& type) {
  if (is_array(type)) return postgres_type(type.element()) + "[]";
  if (type.kind() == Kind::kDecimal)
    return fmt::format("numeric({},{})", type.width(), type.scale());
  if (type.kind() == Kind::kUint64) return "numeric(20,0)";
  if (type.kind() == Kind::kInt128) return "numeric(39,0)";
  switch (oid_of(type.kind())) {
    case 16:
      return "boolean";
    case 17:
      return "bytea";
    case 20:
      return "bigint";
    case 21:
      return "smallint";
    case 23:
      return "integer";
    case 25:
      return "text";
    case 700:
      return "real";
    case 701:
      return "double precision";
    case 1082:
      return "date";
    case 1083:
      return "time without time zone";
    case 1114:
      return "timestamp without time zone";
    case 1184:
      return "timestamp with time zone";
    case 1186:
      return "interval";
    case 2950:
      return "uuid";
    default:
      return "jsonb";
  }
}

void begin_copy(std::string& out) {
  constexpr std::string_view kSignature("PGCOPY\n\377\r\n\0", 11);
  out.append(kSignature);
  put(out, int32_t{0});  // flags
  put(out, int32_t{0});  // length of the header's extension
}

void end_copy(std::string& out) { put(out, int16_t{-1}); }

std::optional<std::string> PostgresRows::append_value(const Vector& vector, size_t row,
                                                      std::string& out) {
  switch (vector.type.kind()) {
    case Kind::kBoolean:
      out += static_cast<char>(vector.at<uint8_t>(row) != 0);
      return {};
    case Kind::kInt8:
      put(out, int16_t{vector.at<int8_t>(row)});
      return {};
    case Kind::kUint8:
      put(out, int16_t{vector.at<uint8_t>(row)});
      return {};
    case Kind::kInt16:
      put(out, vector.at<int16_t>(row));
      return {};
    case Kind::kUint16:
      put(out, int32_t{vector.at<uint16_t>(row)});
      return {};
    case Kind::kInt32:
      put(out, vector.at<int32_t>(row));
      return {};
    case Kind::kUint32:
      put(out, int64_t{vector.at<uint32_t>(row)});
      return {};
    case Kind::kInt64:
    case Kind::kTime:
      put(out, vector.at<int64_t>(row));
      return {};
    case Kind::kUint64:
      put_numeric(out, {vector.at<uint64_t>(row), 0}, 0);
      return {};
    case Kind::kInt128:
      put_numeric(out, vector.at<Int128>(row), 0);
      return {};
    case Kind::kDecimal:
      put_numeric(out, codec::big_endian::unscaled_decimal(vector, row), vector.type.scale());
      return {};
    case Kind::kFloat:
      put(out, vector.at<float>(row));
      return {};
    case Kind::kDouble:
      put(out, vector.at<double>(row));
      return {};
    case Kind::kVarchar:
      return put_text(out, vector.text(row));
    case Kind::kBlob:
      out.append(vector.text(row));
      return {};
    case Kind::kUuid:
      codec::big_endian::put_uuid(out, vector.at<Int128>(row));
      return {};
    case Kind::kDate:
      return put_date(out, vector.at<int32_t>(row));
    case Kind::kTimestamp:
    case Kind::kTimestampTz:
      return put_timestamp(out, vector.at<int64_t>(row));
    case Kind::kInterval: {
      const auto& value = vector.at<types::Interval>(row);
      put(out, value.micros), put(out, value.days), put(out, value.months);
      return {};
    }
    case Kind::kList:
      if (is_array(vector.type)) return append_array(vector, row, out);
      return put_json(out, vector, row);
    case Kind::kJson:
    case Kind::kStruct:
    case Kind::kMap:
      return put_json(out, vector, row);
    case Kind::kSqlNull:
      return "a value of no type";
  }
  return "a value of an unknown type";
}

std::optional<std::string> PostgresRows::append_array(const Vector& vector, size_t row,
                                                      std::string& out) {
  const auto& entry = vector.at<types::ListEntry>(row);
  const Vector& child = vector.children.front();
  bool nulls = false;
  for (uint64_t i = 0; i < entry.length; ++i) nulls |= !child.valid(entry.offset + i);
  put(out, int32_t{entry.length == 0 ? 0 : 1});  // dimensions
  put(out, int32_t{nulls});
  put(out, oid_of(child.type.kind()));
  if (entry.length == 0) return {};
  put(out, static_cast<int32_t>(entry.length));
  put(out, int32_t{1});  // the first index
  for (uint64_t i = 0; i < entry.length; ++i) {
    if (auto problem = append_field(child, entry.offset + i, out)) return problem;
  }
  return {};
}

std::optional<std::string> PostgresRows::append_field(const Vector& vector, size_t row,
                                                      std::string& out) {
  if (!vector.valid(row)) {
    put(out, int32_t{-1});
    return {};
  }
  const size_t begin = out.size();
  put(out, int32_t{0});
  if (auto problem = append_value(vector, row, out)) return problem;
  const size_t length = out.size() - begin - sizeof(int32_t);
  codec::big_endian::write(out.data() + begin, static_cast<int32_t>(length));
  return {};
}

std::optional<std::string> PostgresRows::append(const types::Batch& batch, size_t row,
                                                std::optional<int64_t> version,
                                                std::optional<bool> deleted, std::string& out) {
  CHECK(batch.columns.size() == columns_, "{} columns, expected {}", batch.columns.size(),
        columns_);
  const size_t begin = out.size();
  put(out, static_cast<int16_t>(columns_ + (version ? 1 : 0) + (deleted ? 1 : 0)));
  for (size_t c = 0; c < columns_; ++c) {
    if (auto problem = append_field(batch.columns[c], row, out)) {
      out.resize(begin);
      return fmt::format("column {}: {}", c, *problem);
    }
  }
  if (version) put(out, int32_t{sizeof(int64_t)}), put(out, *version);
  if (deleted) put(out, int32_t{1}), put(out, static_cast<int8_t>(*deleted));
  return {};
}

}  // namespace leat::components
