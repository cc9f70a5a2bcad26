// Protobuf records to columns. Called by sql/ inside the compiled query (through stream::Decoder), on a lane's transform
// thread. What types become: proto_mapping.h. The bytes of a message: proto_input.h.
//
//   record   = indexes message                        as Confluent's serializers have it, behind the schema's frame
//   indexes  = 0x00 | count:zigzag { index:zigzag }   of the outermost message in its file, of the next inside that...;
//                                                     0x00 stands for the first message, [0]
//
// The indexes say which message of the writer's file it is; it must have the full name of the reader's. Fields then meet by
// number, as everywhere in Protobuf: what the reader does not know, or knows as another wire type, is stepped over. As
// libprotobuf does it: the last of several values counts, a message that comes several times is merged, lists are taken
// packed or not, of a oneof the last member is there, of a map's keys the last one, numbers are cut to 32 bits, an enum's
// unknown number is its digits (in proto2: absent).
//
// What is checked of every record: that each tag, length and group is legal and that the message ends where its bytes do,
// but not what is inside messages that no column reads. What is checked of fields that are read: UTF-8 (in proto2, too: a
// VARCHAR is text), that required ones are there, the range of times and decimals. Nanoseconds that are no whole
// microsecond are out of range, as in Avro: read a Timestamp as its STRUCT(seconds BIGINT, nanos INTEGER) to have them.
#pragma once

#include <memory>
#include <string_view>

#include "base/result.h"
#include "stream/ports.h"
#include "types/type.h"

namespace leat::schema::protobuf {
class File;
}

namespace leat::codec {

struct ProtoDecodeOptions {
  /// Strings and bytes of more than 12 point into the record instead of the BatchBuffer's arena: the RecordBatch must
  /// then outlive the rows, and whatever took them over without copying.
  bool borrow = false;
  /// Of all records: they begin with their message. Empty: each begins with its own.
  std::string_view indexes = {};
};

/// A decoder of records that `writer` wrote into `columns` of the message of `reader` (its full name; empty: the first one):
/// those of proto_columns() or some of them, structs narrowed alike. A message that is one value, such as a Timestamp, may
/// also be read as the STRUCT of its fields. kNotFound without such a message, kInvalidArgument with the path for a column
/// that is not the message's. Both files may be gone afterwards.
///
/// A row is appended only whole: after a reject the columns are as before it. Messages begin with the path:
/// "/address/zip: 3 bytes of string expected, 1 left".
Result<std::unique_ptr<stream::Decoder>> make_proto_decoder(const schema::protobuf::File& writer,
                                                            const schema::protobuf::File& reader,
                                                            std::string_view message,
                                                            const types::Schema& columns,
                                                            ProtoDecodeOptions options = {});

}  // namespace leat::codec
