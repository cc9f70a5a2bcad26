// Records that have a JSON Schema of their own, as a schema registry keeps it: validated by it, and then what JSON is
// to json_decode.h and json_encode.h. Threads as there.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "codec/json_decode.h"
#include "codec/json_validate.h"
#include "stream/ports.h"
#include "types/type.h"

namespace leat::codec {

/// A decoder of records (without frame) into `columns`: those that schema_from_json() reads from `schema`, or some of
/// them. A record that `schema` refuses is rejected as schema_mismatch, "/age: -1 is less than the minimum of 0 ...".
/// Errors as JsonValidator::make() and make_json_decoder() have them; `options.validator` is set here.
Result<std::unique_ptr<stream::Decoder>> make_json_schema_decoder(
    std::string_view schema, const std::vector<JsonSchemaReference>& references,
    const types::Schema& columns, JsonDecodeOptions options = {});

/// An encoder of batches of `columns`: `prefix` (the frame of the schema's id) and one JSON object. A row that `schema`
/// refuses is encode_failed, path and reason. Errors as JsonValidator::make() and make_json_encoder() have them.
Result<std::unique_ptr<stream::Encoder>> make_json_schema_encoder(
    std::string_view schema, const std::vector<JsonSchemaReference>& references,
    const types::Schema& columns, std::vector<size_t> key, std::string prefix);

}  // namespace leat::codec
