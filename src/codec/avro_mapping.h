// Avro schemas and the columns that hold their values. Called when a pipeline is compiled; any thread.
//
//   null "NULL" | boolean BOOLEAN | int INTEGER | long BIGINT | float FLOAT | double DOUBLE | bytes, fixed BLOB
//   string, enum VARCHAR | array LIST | map MAP(VARCHAR, T) | record STRUCT
//   decimal DECIMAL | uuid UUID | date DATE | time-* TIME | timestamp-* TIMESTAMPTZ | local-timestamp-* TIMESTAMP
//   duration INTERVAL
//   a union of null and one other type: that type, not required
//   a union of several: STRUCT with a member for each, of which at most one is not NULL, named by its type (by its full
//   name where simple names meet)
//
// The root is a record, whose fields are the columns, or the one column `value`. What cannot be a column: a type that
// contains itself, a record without fields, decimals of more than 38 digits, names that differ only in case.
//
// Source: Apache Avro 1.12 specification, https://avro.apache.org/docs/1.12.0/specification/
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "schema/avro_schema.h"
#include "types/type.h"

namespace leat::codec {

/// The columns of `schema`. kInvalidArgument with the path of what no column can hold ("/address/next"), kLimit
/// beyond limits::kMaxAvroDepth and kMaxAvroColumns.
Result<types::Schema> avro_columns(const schema::avro::Schema& schema);

/// The column of one scalar type, as avro_columns() has it.
Result<types::Type> avro_scalar_type(const schema::avro::Node& node);
/// The same without its logical type: what a long or bytes is by itself.
types::Type avro_plain_type(const schema::avro::Node& node);

/// The text of an Avro schema for `columns`, its root a record of the name `name` ("users.User"). Columns that are not
/// required are unions with null, whose default is null. kInvalidArgument for a name or type that Avro lacks.
Result<std::string> avro_schema_text(const types::Schema& columns, std::string_view name);

/// A union as columns see it.
struct AvroUnion {
  explicit AvroUnion(const schema::avro::Node& node);
  int null_branch = -1;        // -1: none
  std::vector<size_t> values;  // the other branches
  /// Becomes a STRUCT.
  bool several() const { return values.size() > 1; }
};

/// The names of the members of a union's STRUCT, one for each of `values`.
std::vector<std::string> avro_member_names(const schema::avro::Node& node, const AvroUnion& shape);

/// What a type is called in a message: its name, or its kind with its logical type: "long (timestamp-micros)".
std::string avro_called(const schema::avro::Node& node);

}  // namespace leat::codec
