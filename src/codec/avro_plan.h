// The plan of an Avro decoder: how the bytes of a writer become the columns of a reader, resolved once. Private to
// codec/.
//
// Source: Apache Avro 1.12 specification, "Schema Resolution". Beyond it:
//   times         between units: the value is read in the writer's unit, so that the instant stays the same
//   decimals      of other scale do not match; of other precision do, and each value is checked
//   unions        a branch that the reader lacks is an error of the record that has it, not of the schema
//   two fields    of the reader may not take the same one of the writer through an alias
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "codec/avro_skip.h"
#include "schema/avro_schema.h"
#include "types/batch.h"
#include "types/type.h"

namespace leat::codec {

/// How the bytes of a value become a row of a column.
enum class AvroRead : uint8_t {
  kSkip,  // no row
  kNull,
  kBoolean,
  kInt,  // of at most 32 bits, to int32
  kLong,
  kIntToFloat,  // from int and long
  kIntToDouble,
  kFloat,
  kFloatToDouble,
  kDouble,
  kText,
  kBytes,
  kFixed,
  kEnum,
  kUuidText,
  kUuidFixed,
  kDecimalBytes,
  kDecimalFixed,
  kDate,
  kTime,
  kInstant,  // timestamps with and without zone
  kDuration,
  kArray,
  kMap,
  kRecord,
  kUnion,   // of the writer: the branch decides
  kMember,  // of the reader: a STRUCT of which one field is not NULL
  kMismatch
};

struct AvroField;
struct AvroDefault;

struct AvroPlan {
  AvroRead op = AvroRead::kSkip;
  bool narrow = false;    // the writer has an int: more than 32 bits are broken bytes
  bool required = false;  // kNull is a reject
  const AvroSkip* skip = nullptr;
  types::Type type;                     // of the column
  int64_t multiply = 1, divide = 1;     // a time's unit to microseconds
  size_t size = 0;                      // of a fixed
  int member = -1;                      // kMember: the field of the STRUCT; -1: nobody reads it
  size_t item_bytes = 0;                // kArray, kMap: what an item takes in the columns
  bool empty_items = false;             // ... and it may take no bytes of the record
  std::vector<AvroPlan> parts;          // items, values, branches, the member
  std::vector<AvroField> fields;        // kRecord: in the writer's order
  std::vector<AvroDefault> defaults;    // ... those that the writer lacks
  std::vector<std::string> symbols;     // kEnum: of the reader, for each of the writer
  std::vector<std::string> mismatches;  // ... what is wrong with one, or empty. kMismatch: one
};

/// A field of the writer.
struct AvroField {
  std::string name;  // the reader's, when a column reads it
  int column = -1;   // among those of its record
  AvroPlan plan;
};

/// A field of the reader that the writer lacks.
struct AvroDefault {
  std::string name, bytes;
  int column = 0;
  AvroPlan plan;
};

/// Bytes of one row of `type` in its columns; for a list and a map without what is in them.
size_t avro_row_bytes(const types::Type& type);

/// Resolves what `writer` wrote to `columns`, of which each is a field of `reader` (or `value`, the whole of it), with
/// the type that avro_columns() gives it, its structs perhaps narrower. Skips are of `skips`, which must live on.
/// kInvalidArgument for a column that is not the reader's; kIncompatible when the reader cannot read the writer. Each
/// with the path.
Result<AvroPlan> make_avro_plan(const schema::avro::Schema& writer,
                                const schema::avro::Schema& reader, const types::Schema& columns,
                                AvroSkips& skips);

}  // namespace leat::codec
