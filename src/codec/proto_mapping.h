// Protobuf messages and the columns that hold their values. Called when a pipeline is compiled; any thread.
//
//   bool BOOLEAN | int32, sint32, sfixed32 INTEGER | int64, sint64, sfixed64 BIGINT | uint32, fixed32 UINTEGER
//   uint64, fixed64 UBIGINT | float FLOAT | double DOUBLE | string VARCHAR | bytes BLOB
//   enum VARCHAR: the name of its value; of a number without one (proto3 allows it) the digits
//   message STRUCT; one without fields BOOLEAN, true where it is | repeated LIST | map MAP(K, V)
//   oneof: its members, of which at most one is not NULL
//   google.protobuf: Timestamp TIMESTAMPTZ, Duration INTERVAL, Int32Value and its like the type that they wrap,
//                    Struct, Value, ListValue JSON
//   google.type: Date DATE, TimeOfDay TIME
//   confluent.type.Decimal DECIMAL(precision, scale) of the field's confluent.field_meta; by default 38 and 9
//
// Required are: repeated fields and maps (absent is empty), scalars of proto3 without `optional` (absent is the default),
// required fields and those with a default of proto2. All others may be NULL: absent.
//
// The fields are the columns. Groups (of proto2) have none. What cannot be a column: a type that contains itself, a root
// without fields, names that differ only in case.
//
// Source: https://protobuf.dev/programming-guides/proto3/
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "types/type.h"

namespace leat::schema::protobuf {
class File;
}

namespace leat::codec {

struct ProtoField;

/// The columns of a message of `file`: `message` is its full name, empty the first one. kNotFound when there is none of the
/// name, kInvalidArgument with the path of what no column can hold ("/address/next"), kLimit beyond kMaxProtoDepth and
/// kMaxProtoColumns.
Result<types::Schema> proto_columns(const schema::protobuf::File& file,
                                    std::string_view message = {});

/// The column of one value of a field that is neither map nor message, as proto_columns() has it.
types::Type proto_scalar_type(const ProtoField& field);
/// The DECIMAL of a field that is a confluent.type.Decimal. kInvalidArgument beyond 38 digits.
Result<types::Type> proto_decimal_type(const ProtoField& field);
/// What a field's type is called in a message.
std::string proto_called(const ProtoField& field);

}  // namespace leat::codec
