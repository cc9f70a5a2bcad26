#include "codec/schema_codec.h"

#include "codec/avro_decode.h"
#include "codec/avro_encode.h"
#include "codec/avro_mapping.h"
#include "codec/json_schema_codec.h"
#include "codec/proto_decode.h"
#include "codec/proto_encode.h"
#include "codec/proto_mapping.h"
#include "schema/avro.h"
#include "schema/json_schema.h"
#include "schema/protobuf.h"
#include "types/json_schema.h"

namespace leat::codec {
namespace {

using schema::Format;

const schema::avro::Schema& avro_of(const schema::ParsedSchema& schema) {
  return static_cast<const schema::AvroSchema&>(schema).schema();
}

const schema::protobuf::File& protobuf_of(const schema::ParsedSchema& schema) {
  return static_cast<const schema::ProtobufSchema&>(schema).file();
}

std::vector<JsonSchemaReference> references_of(const schema::ParsedSchema& schema) {
  std::vector<JsonSchemaReference> out;
  for (const auto& each : static_cast<const schema::JsonSchema&>(schema).references())
    out.push_back({each.reference.name, each.text});
  return out;
}

/// Bytes do not tell Protobuf's types from each other: what the rules of compatibility refuse would be read as something
/// else, or as absent, without a word.
Result<void> check_protobuf(const schema::ParsedSchema& writer,
                            const schema::ParsedSchema& reader) {
  const auto differences = reader.differences(writer);
  if (differences.empty()) return {};
  return Error(ErrorCode::kIncompatible, fmt::format("{} at {}: {}", differences[0].rule,
                                                     differences[0].path, differences[0].message));
}

}  // namespace

Result<types::Schema> schema_columns(const schema::ParsedSchema& schema) {
  if (schema.format() == Format::kProtobuf) return proto_columns(protobuf_of(schema));
  if (schema.format() == Format::kJson)
    return types::schema_from_json(schema.canonical(), references_of(schema));
  return avro_columns(avro_of(schema));
}

bool is_one_value(const schema::ParsedSchema& schema) {
  return schema.format() == Format::kAvro &&
         avro_of(schema).root().kind != schema::avro::Kind::kRecord;
}

Result<std::unique_ptr<stream::Encoder>> make_schema_encoder(const schema::ParsedSchema& schema,
                                                             const types::Schema& columns,
                                                             std::vector<size_t> key,
                                                             std::optional<std::string> prefix) {
  if (schema.format() == Format::kProtobuf)
    return make_proto_encoder(protobuf_of(schema), {}, columns, std::move(key), std::move(prefix));
  if (schema.format() == Format::kJson)
    return make_json_schema_encoder(schema.canonical(), references_of(schema), columns,
                                    std::move(key), prefix.value_or(""));
  return make_avro_encoder(avro_of(schema), columns, std::move(key), prefix.value_or(""));
}

Result<std::string> header_indexes(const schema::ParsedSchema& schema) {
  return schema.format() == Format::kProtobuf ? proto_first_indexes(protobuf_of(schema))
                                              : Result<std::string>("");
}

Result<std::unique_ptr<stream::Decoder>> make_schema_decoder(const schema::ParsedSchema& writer,
                                                             const schema::ParsedSchema& reader,
                                                             const types::Schema& columns,
                                                             std::string_view indexes) {
  if (writer.format() != reader.format()) {
    return Error(
        ErrorCode::kIncompatible,
        fmt::format("written with a schema of {}, read with one of {}",
                    schema::format_name(writer.format()), schema::format_name(reader.format())));
  }
  if (writer.format() != Format::kProtobuf && !indexes.empty())
    return Error(ErrorCode::kCorrupt,
                 fmt::format("{} bytes behind the schema's id in its header, where a schema of "
                             "type {} has none",
                             indexes.size(), schema::format_name(writer.format())));
  if (reader.format() == Format::kProtobuf) {
    TRY(check_protobuf(writer, reader));
    ProtoDecodeOptions borrowing;
    borrowing.borrow = true;
    borrowing.indexes = indexes;
    return make_proto_decoder(protobuf_of(writer), protobuf_of(reader), {}, columns, borrowing);
  }
  if (reader.format() == Format::kJson) {
    JsonDecodeOptions borrowing;
    borrowing.borrow = true;
    return make_json_schema_decoder(writer.canonical(), references_of(writer), columns, borrowing);
  }
  AvroDecodeOptions options;
  options.borrow = true;
  return make_avro_decoder(avro_of(writer), avro_of(reader), columns, options);
}

}  // namespace leat::codec
