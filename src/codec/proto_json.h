// google.protobuf.Struct, Value and ListValue as JSON text, and back. Private to codec/.
//
//   Struct     = { fields:1 = map<string, Value> }          ListValue = { values:1 = repeated Value }
//   Value      = null:1 varint | number:2 double | string:3 | bool:4 varint | struct:5 | list:6, the last one counts;
//                none: null
//
// Source: google/protobuf/struct.proto
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "codec/json_index.h"
#include "codec/proto_bytes.h"
#include "codec/proto_input.h"

namespace leat::codec {

enum class ProtoJson : uint8_t { kStruct, kValue, kList };

/// Appends the JSON of a message's bytes. Of keys that come twice the last one counts. False: refused, as `in` says: what
/// is no message, NaN and infinities, text that is not UTF-8, nesting beyond limits::kMaxJsonDepth, or more copying than
/// `budget`, from which it is taken.
bool append_proto_json(ProtoJson what, std::string_view bytes, ProtoInput& in, uint64_t& budget,
                       std::string& out);

/// Appends the bytes of the message for a JSON text. False: `message` says why; numbers are doubles.
bool put_proto_json(ProtoJson what, std::string_view text, JsonIndex& index, ProtoBytes& out,
                    std::string& message);

}  // namespace leat::codec
