#include "components/sink_cassandra_rows.h"

#include <fmt/core.h>

#include <array>
#include <bit>
#include <cmath>
#include <limits>

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
using Problem = std::optional<std::string>;

/// One pattern of bits for each value, so that a key's bytes are its value.
template <typename Real>
void put_real(std::string& out, Real value) {
  put(out, std::isnan(value) ? std::numeric_limits<Real>::quiet_NaN() : value);
}

/// Two's complement, big-endian, as few bytes as hold the sign.
void put_varint(std::string& out, const Int128& value) {
  std::array<char, 16> bytes;
  codec::big_endian::write(bytes.data(), value.upper);
  codec::big_endian::write(bytes.data() + 8, value.lower);
  const char fill = value.upper < 0 ? '\xff' : '\0';
  size_t first = 0;
  while (first < 15 && bytes[first] == fill && ((bytes[first + 1] ^ fill) & 0x80) == 0) ++first;
  out.append(bytes.data() + first, bytes.size() - first);
}

/// A vint of the protocol: as many leading ones as bytes follow the first, then the number, zigzag.
void put_vint(std::string& out, int64_t value) {
  const uint64_t number = (static_cast<uint64_t>(value) << 1) ^ static_cast<uint64_t>(value >> 63);
  const int bits = std::max(1, 64 - std::countl_zero(number));
  const int more = std::min(8, (bits - 1) / 7);
  const uint64_t ones = (0xFF00U >> more) & 0xFF;
  const uint64_t top = more == 8 ? 0 : number >> (8 * more);
  out += static_cast<char>(ones | top);
  for (int i = more - 1; i >= 0; --i) out += static_cast<char>(number >> (8 * i));
}

Problem put_date(std::string& out, int32_t days) {
  if (days == types::kDateInfinity || days == -types::kDateInfinity) return "an infinite date";
  put(out, static_cast<uint32_t>(days) ^ 0x8000'0000U);  // 2^31 is 1970-01-01
  return {};
}

Problem put_time(std::string& out, int64_t micros) {
  if (micros >= 86'400'000'000) return "the time 24:00:00";
  put(out, micros * 1000);
  return {};
}

/// Milliseconds, downwards.
Problem put_timestamp(std::string& out, int64_t micros) {
  if (micros == types::kTimestampInfinity || micros == -types::kTimestampInfinity)
    return "an infinite time";
  put(out, micros / 1000 - (micros % 1000 < 0 ? 1 : 0));
  return {};
}

Problem put_duration(std::string& out, const types::Interval& value) {
  const bool below = value.months < 0 || value.days < 0 || value.micros < 0;
  const bool above = value.months > 0 || value.days > 0 || value.micros > 0;
  if (below && above) return "an interval whose parts have different signs";
  int64_t nanos;
  if (__builtin_mul_overflow(value.micros, int64_t{1000}, &nanos)) return "an interval too long";
  put_vint(out, value.months), put_vint(out, value.days), put_vint(out, nanos);
  return {};
}

Problem put_json(std::string& out, const Vector& vector, size_t row) {
  codec::StringOut text(out);
  codec::JsonWriter writer(text, true);
  if (writer.write(vector, row)) return {};
  const auto& refusal = writer.refusal();
  return refusal.path.empty() ? refusal.message : refusal.path + ": " + refusal.message;
}

bool is_plain_list(const types::Type& type) {
  return type.kind() == Kind::kList && !type.element().is_nested();
}
bool is_plain_map(const types::Type& type) {
  return type.kind() == Kind::kMap && !type.fields()[0].type.is_nested() &&
         !type.fields()[1].type.is_nested();
}

Problem put_value(std::string& out, const Vector& vector, size_t row);

/// A length, then the value.
template <typename Write>
Problem put_sized(std::string& out, const Write& write) {
  const size_t begin = out.size();
  put(out, int32_t{0});
  if (auto problem = write()) return problem;
  const size_t length = out.size() - begin - sizeof(int32_t);
  if (length > size_t{INT32_MAX}) return "a value beyond 2 GiB";
  codec::big_endian::write(out.data() + begin, static_cast<int32_t>(length));
  return {};
}

Problem put_element(std::string& out, const Vector& vector, size_t row, std::string_view inside) {
  if (!vector.valid(row)) return fmt::format("a NULL inside a {}", inside);
  return put_sized(out, [&] { return put_value(out, vector, row); });
}

Problem put_list(std::string& out, const Vector& vector, size_t row) {
  const auto& entry = vector.at<types::ListEntry>(row);
  put(out, static_cast<int32_t>(entry.length));
  for (uint64_t i = entry.offset; i < entry.offset + entry.length; ++i)
    if (auto problem = put_element(out, vector.children.front(), i, "list")) return problem;
  return {};
}

Problem put_map(std::string& out, const Vector& vector, size_t row) {
  const auto& entry = vector.at<types::ListEntry>(row);
  const Vector& pairs = vector.children.front();
  put(out, static_cast<int32_t>(entry.length));
  for (uint64_t i = entry.offset; i < entry.offset + entry.length; ++i) {
    for (const Vector& part : pairs.children)
      if (auto problem = put_element(out, part, i, "map")) return problem;
  }
  return {};
}

Problem put_value(std::string& out, const Vector& vector, size_t row) {
  switch (vector.type.kind()) {
    case Kind::kBoolean:
      out += static_cast<char>(vector.at<uint8_t>(row) != 0);
      return {};
    case Kind::kInt8:
      put(out, vector.at<int8_t>(row));
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
      put(out, vector.at<int64_t>(row));
      return {};
    case Kind::kUint64:
      put_varint(out, {vector.at<uint64_t>(row), 0});
      return {};
    case Kind::kInt128:
      put_varint(out, vector.at<Int128>(row));
      return {};
    case Kind::kDecimal:
      put(out, int32_t{vector.type.scale()});
      put_varint(out, codec::big_endian::unscaled_decimal(vector, row));
      return {};
    case Kind::kFloat:
      put_real(out, vector.at<float>(row));
      return {};
    case Kind::kDouble:
      put_real(out, vector.at<double>(row));
      return {};
    case Kind::kVarchar:
    case Kind::kJson:
    case Kind::kBlob:
      out.append(vector.text(row));
      return {};
    case Kind::kUuid:
      codec::big_endian::put_uuid(out, vector.at<Int128>(row));
      return {};
    case Kind::kDate:
      return put_date(out, vector.at<int32_t>(row));
    case Kind::kTime:
      return put_time(out, vector.at<int64_t>(row));
    case Kind::kTimestamp:
    case Kind::kTimestampTz:
      return put_timestamp(out, vector.at<int64_t>(row));
    case Kind::kInterval:
      return put_duration(out, vector.at<types::Interval>(row));
    case Kind::kList:
      return is_plain_list(vector.type) ? put_list(out, vector, row) : put_json(out, vector, row);
    case Kind::kMap:
      return is_plain_map(vector.type) ? put_map(out, vector, row) : put_json(out, vector, row);
    case Kind::kStruct:
      return put_json(out, vector, row);
    case Kind::kSqlNull:
      break;
  }
  return "a value of no type";
}

}  // namespace

std::string cassandra_type(const types::Type& type) {
  switch (type.kind()) {
    case Kind::kBoolean:
      return "boolean";
    case Kind::kInt8:
      return "tinyint";
    case Kind::kUint8:
    case Kind::kInt16:
      return "smallint";
    case Kind::kUint16:
    case Kind::kInt32:
      return "int";
    case Kind::kUint32:
    case Kind::kInt64:
      return "bigint";
    case Kind::kUint64:
    case Kind::kInt128:
      return "varint";
    case Kind::kDecimal:
      return "decimal";
    case Kind::kFloat:
      return "float";
    case Kind::kDouble:
      return "double";
    case Kind::kBlob:
      return "blob";
    case Kind::kUuid:
      return "uuid";
    case Kind::kDate:
      return "date";
    case Kind::kTime:
      return "time";
    case Kind::kTimestamp:
    case Kind::kTimestampTz:
      return "timestamp";
    case Kind::kInterval:
      return "duration";
    case Kind::kList:
      if (is_plain_list(type))
        return fmt::format("frozen<list<{}>>", cassandra_type(type.element()));
      return "text";
    case Kind::kMap:
      if (is_plain_map(type))
        return fmt::format("frozen<map<{}, {}>>", cassandra_type(type.fields()[0].type),
                           cassandra_type(type.fields()[1].type));
      return "text";
    case Kind::kVarchar:
    case Kind::kJson:
    case Kind::kStruct:
    case Kind::kSqlNull:
      return "text";
  }
  return "text";
}

void put_cassandra(std::string& out, std::string_view text) {
  put(out, static_cast<int32_t>(text.size()));
  out.append(text);
}
void put_cassandra(std::string& out, int64_t bigint) {
  put(out, int32_t{sizeof bigint}), put(out, bigint);
}
void put_cassandra(std::string& out, int32_t integer) {
  put(out, int32_t{sizeof integer}), put(out, integer);
}

std::optional<std::string> CassandraRows::append_key(const Vector& vector, size_t row,
                                                     std::string& out) const {
  const Kind kind = vector.type.kind();
  if ((kind == Kind::kTimestamp || kind == Kind::kTimestampTz) &&
      vector.at<int64_t>(row) % 1000 != 0)
    return "a time with microseconds, and Cassandra keeps milliseconds";
  return put_value(out, vector, row);
}

std::optional<std::string> CassandraRows::append(const types::Batch& batch, size_t row,
                                                 int64_t version, std::optional<int32_t> ttl,
                                                 std::string& out) const {
  CHECK(batch.columns.size() == schema_.fields.size(), "{} columns, expected {}",
        batch.columns.size(), schema_.fields.size());
  const size_t begin = out.size();
  for (size_t c = 0; c < batch.columns.size(); ++c) {
    if (auto problem = append_column(batch, row, c, out)) {
      out.resize(begin);
      return problem;
    }
  }
  put_cassandra(out, version);
  if (ttl) put_cassandra(out, *ttl);
  return {};
}

std::optional<std::string> CassandraRows::append_delete(const types::Batch& batch, size_t row,
                                                        int64_t version,
                                                        const std::vector<size_t>& key,
                                                        std::string& out) const {
  const size_t begin = out.size();
  put_cassandra(out, version);
  for (size_t c : key) {
    if (auto problem = append_column(batch, row, c, out)) {
      out.resize(begin);
      return problem;
    }
  }
  return {};
}

std::optional<std::string> CassandraRows::append_column(const types::Batch& batch, size_t row,
                                                        size_t c, std::string& out) const {
  const Vector& column = batch.columns[c];
  if (!column.valid(row)) {
    put(out, int32_t{-1});
    return {};
  }
  auto problem = put_sized(out, [&] { return put_value(out, column, row); });
  if (!problem) return {};
  return fmt::format("column {}: {}", schema_.fields[c].name, *problem);
}

}  // namespace leat::components
