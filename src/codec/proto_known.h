// Messages of Protobuf's libraries that are one value: Timestamp, Duration, Date, TimeOfDay, Decimal. Private to codec/.
//
//   Timestamp, Duration  = seconds:1 int64, nanos:2 int32; of a Duration both may be negative
//   Date                 = year:1, month:2, day:3 int32; one that lacks any of them is no date
//   TimeOfDay            = hours:1, minutes:2, seconds:3, nanos:4 int32; 24:00:00 is legal
//   Decimal              = value:1 bytes (two's complement, big-endian, unscaled), precision:2 uint32, scale:3 int32
//
// Sources: google/protobuf/timestamp.proto, duration.proto; google/type/date.proto, timeofday.proto;
// confluent/type/decimal.proto
#pragma once

#include <string>
#include <string_view>

#include "codec/proto_bytes.h"
#include "codec/proto_input.h"
#include "codec/proto_plan.h"
#include "types/batch.h"

namespace leat::codec {

/// Appends the value of such a message to `column`, which is of `type`. False: refused, as `in` says.
bool append_proto_known(ProtoRead op, const types::Type& type, std::string_view bytes,
                        ProtoInput& in, types::VectorBuffer& column);

/// Appends the message of the value at `row`, of a column as proto_mapping.h has it; into a Decimal also integers. False:
/// `message` says why. `type`: the DECIMAL of the field.
bool put_proto_known(ProtoRead op, const types::Type& type, const types::Vector& column, size_t row,
                     ProtoBytes& out, std::string& message);

}  // namespace leat::codec
