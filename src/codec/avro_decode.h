// Avro binary to columns. Called by sql/ inside the compiled query (through stream::Decoder), on a lane's transform
// thread. What types become: avro_mapping.h. How a writer's schema meets a reader's: avro_plan.h.
//
//   record   = its fields in the writer's order          union  = branch:long value
//   string   = length:long bytes                         enum   = symbol:long
//   array    = { block } 0:long                          map    = the same, an item being key:string value
//   block    = count:long items | -count:long bytes:long items
//
// Only fields that a column reads are decoded; the others are stepped over. What is checked of every record: that each
// length, count and branch is legal and that the record ends where its bytes do. What is checked of fields that are
// read: UTF-8, 32 bits of an int, booleans, symbols, digits, the range of times, a map's keys for doubles, and that a
// block has as many bytes as it says.
//
// Source: Apache Avro 1.12 specification, "Binary encoding".
#pragma once

#include <memory>

#include "base/result.h"
#include "schema/avro_schema.h"
#include "stream/ports.h"
#include "types/type.h"

namespace leat::codec {

struct AvroDecodeOptions {
  /// Strings and bytes of more than 12 point into the record instead of the BatchBuffer's arena: the RecordBatch must
  /// then outlive the rows, and whatever took them over without copying.
  bool borrow = false;
};

/// A decoder of records that `writer` wrote into `columns` of `reader`: those of avro_columns(reader) or some of them,
/// structs narrowed alike. A time, a decimal or a uuid may also be read as what it is made of (BIGINT, BLOB, VARCHAR).
/// kInvalidArgument for a column that is not the reader's, kIncompatible when `reader` cannot read `writer`, with the
/// path. Both schemas may be gone afterwards.
///
/// A row is appended only whole: after a reject the columns are as before it. Messages begin with the path:
/// "/address/zip: 3 bytes of string expected, 1 left".
Result<std::unique_ptr<stream::Decoder>> make_avro_decoder(const schema::avro::Schema& writer,
                                                           const schema::avro::Schema& reader,
                                                           const types::Schema& columns,
                                                           AvroDecodeOptions options = {});

}  // namespace leat::codec
