// Rows to the Protobuf records of a topic, and their message keys (row_key.h). Called by a lane's write thread.
//
//   value = prefix indexes message       the frame of the schema's id, as given; indexes and message as proto_decode.h has
//                                        them
//
// The schema decides: each field takes the column of its name; a field without one is absent; a column that the message
// lacks is refused, so that nothing is dropped unseen. The bytes are those of libprotobuf's deterministic serialization,
// but that maps stay in their rows' order: fields by number, defaults left out where presence is not told.
//
//   integers           integers of any kind              float, double     FLOAT; DOUBLE into double only
//   string             VARCHAR, JSON, UUID as text       bytes             BLOB
//   enum               VARCHAR: a name of it, or the digits of a number where it allows any
//   message            STRUCT; one without fields BOOLEAN, which is true      repeated, map     LIST, MAP
//   google.protobuf    Timestamp TIMESTAMPTZ, Duration INTERVAL, Int32Value and its like as what they wrap,
//                      Struct, Value, ListValue JSON and VARCHAR that is JSON (its numbers are doubles)
//   google.type        Date DATE, TimeOfDay TIME         confluent.type.Decimal     DECIMAL and integers, exactly
//
// A row is refused with encode_failed, path and reason: NULL in a field without presence (of proto3 without `optional`,
// of proto2 `required`), in a list or in place of one; several members of a oneof; a number beyond its type; an unknown
// name; digits that would be lost; infinities of times; or with null_key. To others NULL is absent.
//
// Source: https://protobuf.dev/programming-guides/encoding/
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "stream/ports.h"
#include "types/type.h"

namespace leat::schema::protobuf {
class File;
}

namespace leat::codec {

/// An encoder of batches of `columns` into the message of `file` (its full name; empty: the first one); `key` are indices of
/// key columns, none: no key. `prefix` and the indexes stand before each value; nullopt: neither. kNotFound without such a
/// message, kIncompatible with the path when a column does not go into its field or has none, or a required field has no
/// column. The file may be gone afterwards.
Result<std::unique_ptr<stream::Encoder>> make_proto_encoder(const schema::protobuf::File& file,
                                                            std::string_view message,
                                                            const types::Schema& columns,
                                                            std::vector<size_t> key,
                                                            std::optional<std::string> prefix = "");

/// The indexes of the file's first message: kNotFound without one.
Result<std::string> proto_first_indexes(const schema::protobuf::File& file);

}  // namespace leat::codec
