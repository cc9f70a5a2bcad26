// Fuzzes the decoder of Avro records. Input: a schema's JSON and a newline, or nothing for one with every type; then
// records, each behind a byte that is its length. What must hold:
//   a record has the same fate and reason alone as among its neighbours, whatever they are
//   borrowed strings change no value that is read
//   what is decoded is encoded again, and decoded to the same
//   what is read whole is also stepped over
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "codec/avro_decode.h"
#include "codec/avro_encode.h"
#include "codec/avro_mapping.h"
#include "codec/text.h"
#include "schema/avro_schema.h"

namespace {

using namespace leat;
using schema::avro::Schema;

constexpr size_t kMaxRecords = 8;
constexpr size_t kMaxValues =
    100'000;  // a few bytes may be millions of nulls, whose text takes too long

constexpr std::string_view kEveryType = R"({"type":"record","name":"r","fields":[
  {"name":"b","type":"boolean"}, {"name":"i","type":"int"}, {"name":"l","type":"long"},
  {"name":"s","type":["null","string"]}, {"name":"x","type":"bytes"},
  {"name":"u","type":{"type":"string","logicalType":"uuid"}},
  {"name":"m","type":{"type":"bytes","logicalType":"decimal","precision":18,"scale":3}},
  {"name":"t","type":{"type":"long","logicalType":"timestamp-millis"}},
  {"name":"n","type":["null",{"type":"long","logicalType":"timestamp-nanos"}]},
  {"name":"p","type":{"type":"fixed","name":"p","size":12,"logicalType":"duration"}},
  {"name":"e","type":{"type":"enum","name":"e","symbols":["A","B"]}},
  {"name":"a","type":{"type":"array","items":{"type":"array","items":["null","int"]}}},
  {"name":"k","type":{"type":"map","values":["null","long","string"]}},
  {"name":"o","type":{"type":"record","name":"o","fields":[
      {"name":"f","type":"float"}, {"name":"z","type":{"type":"array","items":"null"}}]}}]})";

size_t values(const std::vector<types::Vector>& columns) {
  size_t sum = 0;
  for (const types::Vector& column : columns) sum += column.size + values(column.children);
  return sum;
}

struct Decoded {
  bool large = false;              // nothing else is looked at
  std::vector<std::string> fates;  // of each record: its row as JSON, or reason and message
  std::vector<std::string> bytes;  // of each row, encoded again
};

Decoded decode(const Schema& schema, const types::Schema& columns,
               const std::vector<std::string_view>& records, bool borrow = false) {
  auto decoder = codec::make_avro_decoder(schema, schema, columns, {.borrow = borrow}).value();
  stream::RecordBatch batch;
  for (std::string_view record : records) batch.records.emplace_back().value = record;
  types::BatchBuffer buffer(columns);
  std::vector<uint32_t> rows;
  std::vector<stream::Reject> rejects;
  decoder->decode(batch, buffer, rows, rejects);
  CHECK(rows.size() + rejects.size() == records.size(), "a record has no fate or two");
  const types::Batch view = buffer.view();
  Decoded out;
  out.large = values(view.columns) > kMaxValues;
  if (out.large) return out;
  out.fates.resize(records.size());
  for (size_t row = 0; row < rows.size(); ++row)
    codec::append_json_row(columns, view, row, out.fates[rows[row]]);
  for (const auto& reject : rejects)
    out.fates[reject.record] = std::string(to_string(reject.reason)) + ": " + reject.message;
  if (columns.fields.empty()) return out;
  auto encoder = codec::make_avro_encoder(schema, columns, {}).value();
  stream::EncodedRows encoded;
  std::vector<stream::Encoder::Failure> failed;
  encoder->encode(view, encoded, failed);
  CHECK(failed.empty(), "decoded, but not encoded: {}", failed[0].message);
  for (const auto& value : encoded.values) out.bytes.emplace_back(*value);
  return out;
}

void check(const Schema& schema, const types::Schema& columns,
           const std::vector<std::string_view>& records) {
  const Decoded together = decode(schema, columns, records);
  if (together.large) return;
  CHECK(decode(schema, columns, records, true).fates == together.fates, "borrowing changes values");
  const Decoded skipped = decode(schema, {}, records);
  size_t row = 0;
  for (size_t i = 0; i < records.size(); ++i) {
    const std::string alone = decode(schema, columns, {records[i]}).fates[0];
    CHECK(alone == together.fates[i], "alone: {}, among others: {}", alone, together.fates[i]);
    if (!alone.starts_with('{')) continue;
    CHECK(skipped.fates[i] == "{}", "read, but not stepped over: {}", skipped.fates[i]);
    const std::string again = decode(schema, columns, {together.bytes[row++]}).fates[0];
    CHECK(again == alone, "encoded and decoded again: {}, before: {}", again, alone);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  const size_t line = std::min(text.find('\n'), size);
  auto schema = schema::avro::parse_schema(line == 0 ? kEveryType : text.substr(0, line), {});
  if (!schema) return 0;
  const auto columns = codec::avro_columns(*schema);
  if (!columns) return 0;
  text.remove_prefix(std::min(line + 1, size));
  std::vector<std::string_view> records;
  while (!text.empty() && records.size() < kMaxRecords) {
    const size_t length = std::min<size_t>(static_cast<uint8_t>(text[0]), text.size() - 1);
    records.push_back(text.substr(1, length));
    text.remove_prefix(1 + length);
  }
  check(*schema, *columns, records);
  return 0;
}
