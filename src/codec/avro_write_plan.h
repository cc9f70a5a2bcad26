// The plan of an Avro encoder: which column goes into which field, and how. Private to codec/.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "schema/avro_schema.h"
#include "types/type.h"

namespace leat::codec {

/// How a value that is not NULL becomes bytes.
enum class AvroWrite : uint8_t {
  kConstant,  // `bytes`, whatever the row: a default
  kNull,
  kBoolean,
  kInteger,
  kFloat,
  kFloatToDouble,
  kDouble,
  kText,      // string and bytes
  kTextUuid,  // a string that must be one
  kFixed,
  kEnum,
  kUuidText,
  kUuidFixed,
  kDecimalBytes,
  kDecimalFixed,
  kDate,
  kTime,
  kInstant,
  kDuration,
  kArray,
  kMap,
  kRecord,
  kBranch,  // parts[0] behind the number of its branch; NULL: null_branch
  kMember   // of the parts the one that is not NULL, likewise
};

struct AvroWritePlan {
  AvroWrite op = AvroWrite::kNull;
  std::string name;                  // of the field or member
  int column = 0;                    // among those of its record
  std::string bytes;                 // kConstant
  bool narrow = false;               // kInteger: 32 bits, else 64
  int64_t multiply = 1, divide = 1;  // microseconds to a time's unit
  size_t size = 0;                   // of a fixed
  int precision = 0,
      shift = 0;       // a decimal's digits; those that are appended (or, below 0, must be 0)
  std::string called;  // for messages
  int null_branch = -1;
  std::vector<int64_t> branches;                         // of the parts
  std::vector<AvroWritePlan> parts;                      // items, values, fields, members
  std::vector<std::pair<std::string, int64_t>> symbols;  // sorted
};

/// kIncompatible with the path, as avro_encode.h says.
Result<AvroWritePlan> make_avro_write_plan(const schema::avro::Schema& schema,
                                           const types::Schema& columns);

}  // namespace leat::codec
