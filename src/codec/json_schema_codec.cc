#include "codec/json_schema_codec.h"

#include <utility>

#include "codec/json_encode.h"

namespace leat::codec {

Result<std::unique_ptr<stream::Decoder>> make_json_schema_decoder(
    std::string_view schema, const std::vector<JsonSchemaReference>& references,
    const types::Schema& columns, JsonDecodeOptions options) {
  ASSIGN(options.validator, JsonValidator::make(schema, references));
  return make_json_decoder(columns, std::move(options));
}

Result<std::unique_ptr<stream::Encoder>> make_json_schema_encoder(
    std::string_view schema, const std::vector<JsonSchemaReference>& references,
    const types::Schema& columns, std::vector<size_t> key, std::string prefix) {
  ASSIGN(auto validator, JsonValidator::make(schema, references));
  return make_json_encoder(columns, std::move(key), std::move(prefix), std::move(validator));
}

}  // namespace leat::codec
