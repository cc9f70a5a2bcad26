// Units of Avro's times, and what leat's times hold of them. Private to codec/.
//
// Source: Apache Avro 1.12 specification, "Logical Types".
#pragma once

#include <cstdint>

#include "schema/avro_schema.h"

namespace leat::codec {

struct AvroTime {
  /// Timestamps with and without zone count the same.
  enum Family : uint8_t { kNone, kDate, kTime, kInstant };
  Family family = kNone;
  int64_t multiply = 1, divide = 1;  // to microseconds
};

constexpr AvroTime avro_time(schema::avro::Logical logical) {
  using schema::avro::Logical;
  switch (logical) {
    case Logical::kDate:
      return {AvroTime::kDate, 1, 1};
    case Logical::kTimeMillis:
      return {AvroTime::kTime, 1000, 1};
    case Logical::kTimeMicros:
      return {AvroTime::kTime, 1, 1};
    case Logical::kTimestampMillis:
    case Logical::kLocalTimestampMillis:
      return {AvroTime::kInstant, 1000, 1};
    case Logical::kTimestampMicros:
    case Logical::kLocalTimestampMicros:
      return {AvroTime::kInstant, 1, 1};
    case Logical::kTimestampNanos:
    case Logical::kLocalTimestampNanos:
      return {AvroTime::kInstant, 1, 1000};
    default:
      return {};
  }
}

constexpr int64_t kMicrosPerDay = 86'400'000'000;  // 24:00 is legal, as in DuckDB

}  // namespace leat::codec
