// Rows to the JSON bytes of a topic, and their message keys. Called by a lane's write thread.
//
//   value  one JSON object, the columns in order, compact: {"id":"d830554e-...","age":58,"dob":null}
//          (values by the table in codec/text_out.h; what it writes, json_decode.h reads back exactly)
//   key    one key column: its canonical text (a string as it is, a uuid in lower case, a time in ISO 8601 UTC)
//          several: a compact JSON array of them, ["CH",58]
//
//   prefix  stands before each value: the frame of a schema's id
//
// A row is refused with encode_failed (NaN, infinity, broken text in a JSON column, a value that the validator
// refuses) or null_key.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "codec/json_validate.h"
#include "stream/ports.h"
#include "types/type.h"

namespace leat::codec {

/// An encoder of batches of `schema`; `key` are indices of key columns, none: no key. kInvalidArgument for a key that
/// is not a column, or a type JSON cannot hold (a map whose key is nested).
Result<std::unique_ptr<stream::Encoder>> make_json_encoder(
    const types::Schema& schema, std::vector<size_t> key, std::string prefix = {},
    std::unique_ptr<JsonValidator> validator = nullptr);

}  // namespace leat::codec
