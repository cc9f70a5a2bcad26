// For tests of the Protobuf codec: schemas from text, records from bytes, rows as JSON.
#pragma once

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "codec/proto_bytes.h"
#include "codec/proto_decode.h"
#include "codec/proto_encode.h"
#include "codec/proto_input.h"
#include "codec/proto_mapping.h"
#include "codec/text.h"
#include "schema/protobuf_file.h"

namespace leat::codec {

using ProtoFile = schema::protobuf::File;

inline ProtoFile proto_file(std::string_view text,
                            const std::vector<schema::Resolved>& references = {}) {
  auto parsed = schema::protobuf::read_file(text, references);
  EXPECT_TRUE(parsed.has_value()) << text << "\n" << (parsed ? "" : parsed.error().to_string());
  return parsed ? std::move(parsed).value()
                : schema::protobuf::read_file("syntax = \"proto3\";", {}).value();
}

constexpr std::string_view kProtoImports = R"(
import "google/protobuf/timestamp.proto"; import "google/protobuf/duration.proto";
import "google/protobuf/wrappers.proto"; import "google/protobuf/struct.proto";
import "google/protobuf/empty.proto"; import "google/type/date.proto";
import "google/type/timeofday.proto"; import "confluent/type/decimal.proto";
import "confluent/meta.proto";
)";

/// Files that are not of libprotobuf.
inline std::vector<schema::Resolved> proto_references() {
  auto one = [](const char* name, std::string text) {
    return schema::Resolved{{name, name, 1}, "syntax = \"proto3\";\n" + std::move(text)};
  };
  schema::Resolved meta = one("confluent/meta.proto", "");
  meta.text = R"(syntax = "proto3"; package confluent; import "google/protobuf/descriptor.proto";
      message Meta { string doc = 1; map<string, string> params = 2; }
      extend google.protobuf.FieldOptions { optional Meta field_meta = 1088; })";
  return {
      one("google/type/date.proto",
          "package google.type; message Date { int32 year = 1; int32 month = 2; int32 day = 3; }"),
      one("google/type/timeofday.proto",
          "package google.type; message TimeOfDay { int32 hours = 1; int32 minutes = 2;\n"
          "int32 seconds = 3; int32 nanos = 4; }"),
      one("confluent/type/decimal.proto",
          "package confluent.type; message Decimal { bytes value = 1; uint32 precision = 2;\n"
          "int32 scale = 3; }"),
      meta};
}

/// A file of proto3 with everything imported.
inline ProtoFile proto3(std::string_view body) {
  return proto_file(fmt::format("syntax = \"proto3\";\n{}{}", kProtoImports, body),
                    proto_references());
}
inline ProtoFile proto2(std::string_view body) {
  return proto_file(fmt::format("syntax = \"proto2\";\n{}", body));
}
/// A message M with these fields.
inline ProtoFile proto_m(std::string_view fields, std::string_view rest = "") {
  return proto3(fmt::format("message M {{ {} }} {}", fields, rest));
}

/// Bytes of a message, piece by piece.
struct ProtoText {
  ProtoBytes bytes;
  ProtoText() = default;
  ProtoText& tag(uint32_t number, ProtoWire wire) {
    bytes.put_varint(proto_tag(number, wire));
    return *this;
  }
  ProtoText& raw(std::string_view text) {
    bytes.put(text);
    return *this;
  }
  ProtoText& number(uint32_t field, uint64_t value) {
    tag(field, ProtoWire::kVarint);
    bytes.put_varint(value);
    return *this;
  }
  ProtoText& text(uint32_t field, std::string_view value) {
    tag(field, ProtoWire::kBytes);
    bytes.put_bytes(value);
    return *this;
  }
  ProtoText& message(uint32_t field, const ProtoText& value) {
    return text(field, value.bytes.view());
  }
  template <typename T>
  ProtoText& fixed(uint32_t field, T value) {
    tag(field, sizeof(T) == 4 ? ProtoWire::kFixed32 : ProtoWire::kFixed64);
    bytes.put_fixed(value);
    return *this;
  }
  /// Behind the indexes of the first message.
  std::string record() const { return std::string(1, '\0') + std::string(bytes.view()); }
};

struct ProtoRows {
  std::vector<std::string> rows;  // as JSON
  std::vector<uint32_t> indices;
  std::vector<stream::Reject> rejects;
};

inline ProtoRows decode_proto(const ProtoFile& writer, const ProtoFile& reader,
                              std::string_view message, const types::Schema& columns,
                              const std::vector<std::optional<std::string_view>>& records,
                              ProtoDecodeOptions options = {}) {
  ProtoRows result;
  auto decoder = make_proto_decoder(writer, reader, message, columns, options);
  EXPECT_TRUE(decoder.has_value()) << (decoder ? "" : decoder.error().to_string());
  if (!decoder) return result;
  stream::RecordBatch batch;
  for (const auto& value : records) batch.records.emplace_back().value = value;
  types::BatchBuffer out(columns);
  decoder.value()->decode(batch, out, result.indices, result.rejects);
  const types::Batch view = out.view();
  EXPECT_EQ(view.rows, result.indices.size());
  for (const types::Vector& column : view.columns) EXPECT_EQ(column.size, view.rows);
  for (size_t row = 0; row < view.rows; ++row)
    append_json_row(columns, view, row, result.rows.emplace_back());
  return result;
}

/// The row of one record as JSON, or "reason message".
inline std::string one_row(const ProtoRows& decoded) {
  EXPECT_EQ(decoded.rows.size() + decoded.rejects.size(), 1u);
  if (!decoded.rejects.empty()) {
    return fmt::format("{} {}", stream::to_string(decoded.rejects[0].reason),
                       decoded.rejects[0].message);
  }
  return decoded.rows.empty() ? "" : decoded.rows[0];
}
/// Of the first message of a file.
inline std::string read_proto(const ProtoFile& file, const ProtoText& message) {
  auto columns = proto_columns(file);
  EXPECT_TRUE(columns.has_value()) << (columns ? "" : columns.error().to_string());
  return columns ? one_row(decode_proto(file, file, "", *columns, {message.record()})) : "";
}

struct ProtoEncoded {
  std::vector<std::string> keys, values;  // "-": none
  std::vector<stream::Encoder::Failure> failed;
};

inline ProtoEncoded encode_proto(const ProtoFile& file, std::string_view message,
                                 const types::Schema& columns, const types::Batch& batch,
                                 std::vector<size_t> key = {}, std::string prefix = {}) {
  ProtoEncoded result;
  auto encoder = make_proto_encoder(file, message, columns, std::move(key), std::move(prefix));
  EXPECT_TRUE(encoder.has_value()) << (encoder ? "" : encoder.error().to_string());
  if (!encoder) return result;
  stream::EncodedRows out;
  encoder.value()->encode(batch, out, result.failed);
  EXPECT_EQ(out.keys.size(), batch.rows);
  EXPECT_EQ(out.values.size(), batch.rows);
  for (const auto& one : out.keys) result.keys.emplace_back(one ? std::string(*one) : "-");
  for (const auto& one : out.values) result.values.emplace_back(one ? std::string(*one) : "-");
  return result;
}

}  // namespace leat::codec
