// For tests of the Avro codec: schemas from text, records from bytes, rows as JSON.
#pragma once

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "codec/avro_bytes.h"
#include "codec/avro_decode.h"
#include "codec/avro_encode.h"
#include "codec/avro_mapping.h"
#include "codec/text.h"
#include "schema/avro_schema.h"

namespace leat::codec {

inline schema::avro::Schema avro(std::string_view text) {
  auto parsed = schema::avro::parse_schema(text, {});
  EXPECT_TRUE(parsed.has_value()) << text << "\n" << (parsed ? "" : parsed.error().to_string());
  return parsed ? std::move(parsed).value() : schema::avro::parse_schema("\"null\"", {}).value();
}

/// A record of the name r with one field f of a type: R"("int")".
inline std::string record_of(std::string_view type, std::string_view rest = "") {
  return fmt::format(R"({{"type":"record","name":"r","fields":[{{"name":"f","type":{}{}}}]}})",
                     type, rest);
}

/// Bytes of a record, piece by piece.
struct AvroBytes {
  std::string bytes;
  AvroBytes& number(int64_t value) {
    append_avro_long(value, bytes);
    return *this;
  }
  AvroBytes& text(std::string_view value) {
    number(static_cast<int64_t>(value.size()));
    bytes += value;
    return *this;
  }
  template <typename T>
  AvroBytes& fixed(T value) {
    bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
    return *this;
  }
  AvroBytes& raw(std::string_view value) {
    bytes += value;
    return *this;
  }
};

struct AvroRows {
  std::vector<std::string> rows;  // as JSON
  std::vector<uint32_t> indices;
  std::vector<stream::Reject> rejects;
};

inline AvroRows decode_avro(const schema::avro::Schema& writer, const schema::avro::Schema& reader,
                            const types::Schema& columns,
                            const std::vector<std::optional<std::string_view>>& records,
                            AvroDecodeOptions options = {}) {
  AvroRows result;
  auto decoder = make_avro_decoder(writer, reader, columns, options);
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
inline std::string one_row(const AvroRows& decoded) {
  EXPECT_EQ(decoded.rows.size() + decoded.rejects.size(), 1u);
  if (!decoded.rejects.empty()) {
    return fmt::format("{} {}", stream::to_string(decoded.rejects[0].reason),
                       decoded.rejects[0].message);
  }
  return decoded.rows.empty() ? "" : decoded.rows[0];
}
inline std::string read_avro(std::string_view writer, std::string_view reader,
                             std::string_view record) {
  const auto read = avro(reader);
  return one_row(decode_avro(avro(writer), read, avro_columns(read).value(), {record}));
}
inline std::string read_avro(std::string_view schema, const AvroBytes& record) {
  return read_avro(schema, schema, record.bytes);
}

/// The error of a plan, or "".
inline std::string plan_error(std::string_view writer, std::string_view reader) {
  const auto read = avro(reader);
  auto made = make_avro_decoder(avro(writer), read, avro_columns(read).value());
  return made ? "" : made.error().to_string();
}

struct AvroEncoded {
  std::vector<std::string> keys, values;  // "-": none
  std::vector<stream::Encoder::Failure> failed;
};

inline AvroEncoded encode_avro(const schema::avro::Schema& schema, const types::Schema& columns,
                               const types::Batch& batch, std::vector<size_t> key = {}) {
  AvroEncoded result;
  auto encoder = make_avro_encoder(schema, columns, std::move(key));
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
