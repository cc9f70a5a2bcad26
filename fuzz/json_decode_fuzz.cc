// Fuzzes the decoder of JSON records: every kind of column, records as lines of the input. What must hold:
//   a record has the same fate and reason alone as among its neighbours, whatever they are
//   borrowed strings and strict validation change no value that is read
//   a record that passes strict validation is JSON to another parser, too
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "codec/json_decode.h"
#include "codec/json_encode.h"

namespace {

using namespace leat;
using types::Kind;
using types::Type;

constexpr size_t kMaxRecords = 16;

types::Schema schema() {
  types::Schema made;
  made.fields = {{"b", Kind::kBoolean},
                 {"i", Kind::kInt8},
                 {"l", Kind::kInt64, true},
                 {"h", Kind::kInt128},
                 {"u", Kind::kUint64},
                 {"f", Kind::kFloat},
                 {"d", Kind::kDouble},
                 {"m", Type::decimal(18, 3)},
                 {"s", Kind::kVarchar},
                 {"c", Type::varchar_of(types::kScalarInteger | types::kScalarString)},
                 {"j", Kind::kJson},
                 {"x", Kind::kBlob},
                 {"id", Kind::kUuid},
                 {"t", Kind::kTimestampTz},
                 {"a", Type::list(Type::list(Kind::kInt32))},
                 {"o", Type::structure({{"k", Kind::kVarchar, true}, {"t", Kind::kTime}})},
                 {"p", Type::map(Kind::kVarchar, Kind::kInt64)}};
  return made;
}

struct Decoded {
  std::vector<uint32_t> rows;
  std::vector<stream::Reject> rejects;
  std::vector<std::string> values;  // of each row, as JSON
};

Decoded decode(const std::vector<std::string_view>& records, bool strict, bool borrow) {
  codec::JsonDecodeOptions options;
  options.borrow = borrow;
  if (strict) options.validate_all = schema();
  auto decoder = codec::make_json_decoder(schema(), options).value();
  stream::RecordBatch batch;
  for (std::string_view text : records) {
    stream::Record record;
    record.offset = static_cast<int64_t>(batch.records.size());
    record.value = text;
    batch.records.push_back(record);
  }
  types::BatchBuffer buffer(schema());
  Decoded out;
  decoder->decode(batch, buffer, out.rows, out.rejects);
  const types::Batch view = buffer.view();
  CHECK(view.rows == out.rows.size(), "{} rows, {} named", view.rows, out.rows.size());
  CHECK(out.rows.size() + out.rejects.size() == records.size(), "a record has no fate or two");
  auto encoder = codec::make_json_encoder(schema(), {}).value();
  stream::EncodedRows encoded;
  std::vector<stream::Encoder::Failure> failed;
  encoder->encode(view, encoded, failed);
  for (const auto& value : encoded.values) out.values.emplace_back(value.value_or("null"));
  return out;
}

/// Fate of each record: its row as JSON, or its reason and message.
std::vector<std::string> fates(const Decoded& decoded, size_t records) {
  std::vector<std::string> out(records);
  for (size_t i = 0; i < decoded.rows.size(); ++i) out[decoded.rows[i]] = decoded.values[i];
  for (const auto& reject : decoded.rejects) {
    out[reject.record] = std::string(to_string(reject.reason)) + ": " + reject.message;
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  std::vector<std::string_view> records;
  while (records.size() < kMaxRecords) {
    const size_t end = text.find('\n');
    records.push_back(text.substr(0, end));
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  const auto together = fates(decode(records, false, false), records.size());
  const auto borrowed = fates(decode(records, false, true), records.size());
  CHECK(together == borrowed, "borrowed strings decode to something else");
  const Decoded strict = decode(records, true, false);
  const auto checked = fates(strict, records.size());
  for (size_t i = 0; i < records.size(); ++i) {
    const auto alone = fates(decode({records[i]}, false, false), 1);
    CHECK(alone[0] == together[i], "alone: {}, among others: {}", alone[0], together[i]);
  }
  for (size_t i = 0; i < strict.rows.size(); ++i) {
    const std::string_view record = records[strict.rows[i]];
    CHECK(checked[strict.rows[i]] == together[strict.rows[i]], "strict: {}, else {}",
          checked[strict.rows[i]], together[strict.rows[i]]);
    // The other parser refuses numbers beyond a double, which a JSON column takes as text.
    const bool plain = record.size() < 300 && record.find_first_of("eE") == std::string_view::npos;
    CHECK(!plain || nlohmann::json::accept(record), "not JSON, but decoded: {}", record);
  }
  return 0;
}
