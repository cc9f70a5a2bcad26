// Text of times, uuids, decimals and 128-bit integers, and back. Exact both ways; no allocation; any thread.
// The canonical text of leat (message keys, JSON topics, dead letters, tables of the CLI):
//
//   date         = [ "+" | "-" ] year "-" MM "-" DD          year: 4 digits, or a sign and at least 6 outside 0..9999
//   time         = HH ":" MM ":" SS "." ffffff               24:00:00.000000 is legal, as in DuckDB
//   timestamp    = date "T" time
//   timestamptz  = date "T" time "Z"                         UTC
//   infinity     = [ "-" ] "infinity"                        of date, timestamp, timestamptz
//   interval     = "P" [n "Y"] [n "M"] [n "D"] [ "T" [n "H"] [n "M"] [n ["." ffffff] "S"] ] | "PT0S"
//                  each n with its own sign; months, days and microseconds are never mixed
//   uuid         = 8-4-4-4-12 hexadecimal digits, lower case
//   decimal      = [ "-" ] digits [ "." scale digits ]
//
// Parsers also take: "YYYY-MM-DD HH:MM:SS", no or 1 to 9 fraction digits (those after the sixth must be 0),
// no seconds, and for timestamptz an offset such as +01:00 or +0100. Years are proleptic Gregorian; 0 is 1 BC.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "types/batch.h"

namespace leat::types {

/// Enough for any of the writers below.
constexpr size_t kMaxText = 80;

constexpr int32_t kDateInfinity = INT32_MAX;       // DuckDB's; negative infinity is -INT32_MAX
constexpr int64_t kTimestampInfinity = INT64_MAX;  // likewise

/// Each writes at most kMaxText bytes at `into` and returns the end.
char* write_date(char* into, int32_t days);
char* write_time(char* into, int64_t micros);
char* write_timestamp(char* into, int64_t micros);
char* write_timestamp_tz(char* into, int64_t micros);
char* write_interval(char* into, const Interval& value);
char* write_uuid(char* into, const Int128& value);
char* write_int128(char* into, const Int128& value);
char* write_decimal(char* into, const Int128& value, uint8_t scale);

/// Each takes the whole text; nullopt when it is not of the grammar or outside the type's range.
std::optional<int32_t> parse_date(std::string_view text);
std::optional<int64_t> parse_time(std::string_view text);
/// A zone is refused: a local time is not an instant.
std::optional<int64_t> parse_timestamp(std::string_view text);
/// A zone is required.
std::optional<int64_t> parse_timestamp_tz(std::string_view text);
std::optional<Interval> parse_interval(std::string_view text);
/// With or without hyphens or braces, any case.
std::optional<Int128> parse_uuid(std::string_view text);

enum class NumberError : uint8_t { kNone, kGrammar, kRange, kScale };
/// A JSON number without fraction or exponent.
NumberError parse_int128(std::string_view text, Int128& value);
/// A JSON number, exponent included: kScale when it has non-zero digits behind `scale`, kRange when it needs more
/// than `width` digits.
NumberError parse_decimal(std::string_view text, uint8_t width, uint8_t scale, Int128& value);

}  // namespace leat::types
