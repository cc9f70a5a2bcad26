// Fuzzes the decoder of Protobuf records. Input: a schema's .proto text and a NUL, or nothing but it for one with every type;
// then records, each behind a byte that is its length. What must hold:
//   a record has the same fate and reason alone as among its neighbours, whatever they are
//   borrowed strings change no value that is read
//   what is decoded is encoded again, and decoded to the same
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "codec/proto_decode.h"
#include "codec/proto_encode.h"
#include "codec/proto_mapping.h"
#include "codec/text.h"
#include "schema/protobuf_file.h"

namespace {

using namespace leat;
using schema::protobuf::File;

constexpr size_t kMaxRecords = 8;
constexpr size_t kMaxValues =
    100'000;  // a few bytes may be many columns, whose text takes too long

constexpr std::string_view kEveryType = R"(syntax = "proto3";
import "google/protobuf/timestamp.proto"; import "google/protobuf/duration.proto";
import "google/protobuf/wrappers.proto"; import "google/protobuf/struct.proto";
message M {
  bool b = 1; int32 i = 2; sint64 z = 3; uint64 u = 4; fixed32 x = 5; sfixed64 y = 6; float f = 7;
  double d = 8; string s = 9; optional bytes t = 10; E e = 11; N n = 12; repeated N l = 13;
  repeated sint32 p = 14; map<string, N> m = 15; map<int32, E> k = 16;
  oneof o { int32 oi = 17; N on = 18; string os = 19; None none = 20; }
  google.protobuf.Timestamp ts = 21; google.protobuf.Duration du = 22;
  google.protobuf.StringValue sv = 23; google.protobuf.Struct st = 24; google.protobuf.Value va = 25;
}
enum E { A = 0; B = 5; }
message N { string s = 1; repeated string l = 2; map<bool, double> m = 3; optional int32 i = 4; }
message None {}
)";

size_t values(const std::vector<types::Vector>& columns) {
  size_t sum = 0;
  for (const types::Vector& column : columns) sum += column.size + values(column.children);
  return sum;
}

struct Decoded {
  bool large = false;              // nothing else is looked at
  std::vector<std::string> fates;  // of each record: its row as JSON, or reason and message
  std::vector<std::string> bytes;  // of each row, encoded again; empty: what Protobuf's times lack
};

Decoded decode(const File& file, const types::Schema& columns,
               const std::vector<std::string_view>& records, bool borrow = false) {
  auto decoder = codec::make_proto_decoder(file, file, "", columns, {.borrow = borrow}).value();
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
  auto encoder = codec::make_proto_encoder(file, "", columns, {}).value();
  stream::EncodedRows encoded;
  std::vector<stream::Encoder::Failure> failed;
  encoder->encode(view, encoded, failed);
  for (const auto& one : failed) {
    CHECK(one.message.find("google.") != std::string::npos, "decoded, but not encoded: {}",
          one.message);
  }
  for (const auto& value : encoded.values) out.bytes.emplace_back(*value);
  return out;
}

void check(const File& file, const types::Schema& columns,
           const std::vector<std::string_view>& records) {
  const Decoded together = decode(file, columns, records);
  if (together.large) return;
  CHECK(decode(file, columns, records, true).fates == together.fates, "borrowing changes values");
  size_t row = 0;
  for (size_t i = 0; i < records.size(); ++i) {
    const std::string alone = decode(file, columns, {records[i]}).fates[0];
    CHECK(alone == together.fates[i], "alone: {}, among others: {}", alone, together.fates[i]);
    if (!alone.starts_with('{')) continue;
    const std::string& bytes = together.bytes[row++];
    if (bytes.empty()) continue;
    const std::string again = decode(file, columns, {bytes}).fates[0];
    CHECK(again == alone, "encoded and decoded again: {}, before: {}", again, alone);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  const size_t end = std::min(text.find('\0'), size);
  auto file = schema::protobuf::read_file(end == 0 ? kEveryType : text.substr(0, end), {});
  if (!file) return 0;
  const auto columns = codec::proto_columns(*file);
  if (!columns) return 0;
  text.remove_prefix(std::min(end + 1, size));
  std::vector<std::string> owned;
  while (!text.empty() && owned.size() < kMaxRecords) {
    const size_t length = std::min<size_t>(static_cast<uint8_t>(text[0]), text.size() - 1);
    // Behind the indexes of the first message, which few bytes would be.
    owned.push_back(std::string(1, '\0') + std::string(text.substr(1, length)));
    text.remove_prefix(1 + length);
  }
  check(*file, *columns, {owned.begin(), owned.end()});
  return 0;
}
