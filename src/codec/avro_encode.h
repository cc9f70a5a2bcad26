// Rows to the Avro binary of a topic, and their message keys (row_key.h). Called by a lane's write thread.
//
// The schema decides: each of its fields takes the column of its name, or its default where there is none; a column
// that it lacks is refused, so that nothing is dropped unseen. Arrays and maps are one block.
//
//   int, long          integers of any kind              float, double     FLOAT; DOUBLE into double only
//   string             VARCHAR, JSON, UUID as text       bytes, fixed      BLOB
//   enum               VARCHAR that is one of its symbols
//   decimal            DECIMAL and integers, exactly     uuid              UUID, VARCHAR that is one
//   date, time-*, timestamp-*, local-timestamp-*, duration    DATE, TIME, TIMESTAMPTZ, TIMESTAMP, INTERVAL, exactly
//   array, map, record LIST, MAP(VARCHAR, T), STRUCT     what a logical type is made of    as without it
//   union              NULL is null; else the first branch of just the column's type, or the first that takes it; a
//                      STRUCT as avro_mapping.h has it for several: the one member that is not NULL
//
// A row is refused with encode_failed, path and reason: NULL where the schema has no null, a number beyond its type, an
// unknown symbol, digits that would be lost, infinities of times; or with null_key.
//
// Source: Apache Avro 1.12 specification, "Binary encoding".
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "schema/avro_schema.h"
#include "stream/ports.h"
#include "types/type.h"

namespace leat::codec {

/// An encoder of batches of `columns` by `schema`; `key` are indices of key columns, none: no key; `prefix` stands before
/// each value. kIncompatible with the path when a column does not go into its field, a field has neither column nor default, or a column has no field.
/// The schema may be gone afterwards.
Result<std::unique_ptr<stream::Encoder>> make_avro_encoder(const schema::avro::Schema& schema,
                                                           const types::Schema& columns,
                                                           std::vector<size_t> key,
                                                           std::string prefix = {});

}  // namespace leat::codec
