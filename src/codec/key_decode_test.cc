// Keys that the encoder writes come back as the values they were; others are told.
#include "codec/key_decode.h"

#include <gtest/gtest.h>

#include "codec/json_encode.h"
#include "codec/text.h"

namespace leat::codec {
namespace {

using types::Kind;

types::Schema schema_of(std::vector<types::Type> types) {
  types::Schema schema;
  for (size_t i = 0; i < types.size(); ++i)
    schema.fields.push_back({"k" + std::to_string(i), types[i]});
  return schema;
}

/// What each key gives: its values as text, or reason and message.
std::vector<std::string> decoded(const types::Schema& key,
                                 const std::vector<std::optional<std::string>>& texts) {
  auto decoder = make_key_decoder(key).value();
  stream::RecordBatch batch;
  for (const auto& text : texts) {
    stream::Record record;
    if (text) record.key = *text;
    batch.records.push_back(record);
  }
  types::BatchBuffer out(key);
  std::vector<uint32_t> rows;
  std::vector<stream::Reject> rejects;
  decoder->decode(batch, out, rows, rejects);
  std::vector<std::string> found(texts.size());
  const types::Batch view = out.view();
  for (size_t r = 0; r < rows.size(); ++r) {
    for (const types::Vector& column : view.columns) {
      if (!found[rows[r]].empty()) found[rows[r]] += " ";
      append_text(column, r, found[rows[r]]);
    }
  }
  for (const stream::Reject& reject : rejects)
    found[reject.record] = std::string(to_string(reject.reason)) + " " + reject.message;
  return found;
}

std::string one(types::Type type, const std::string& text) {
  return decoded(schema_of({std::move(type)}), {text})[0];
}

TEST(KeyDecode, OneColumnIsItsCanonicalText) {
  for (const auto& [type, text] : std::vector<std::pair<types::Type, std::string>>{
           {Kind::kVarchar, "a \"quoted\" name, longer than twelve"},
           {Kind::kVarchar, ""},
           {Kind::kVarchar, "{\"id\":1}"},
           {Kind::kBoolean, "true"},
           {Kind::kInt64, "-9223372036854775808"},
           {Kind::kInt128, "170141183460469231731687303715884105727"},
           {Kind::kUint64, "18446744073709551615"},
           {types::Type::decimal(12, 2), "1234.50"},
           {Kind::kUuid, "56d363d3-f617-4b15-bf78-82a26bd2a253"},
           {Kind::kDate, "2024-02-29"},
           {Kind::kTime, "10:11:12.500000"},
           {Kind::kTimestampTz, "2024-02-29T10:11:12.000500Z"},
           {Kind::kBlob, "AP8="},
           {Kind::kDouble, "1.5"}})
    EXPECT_EQ(one(type, text), text) << type.to_sql();
}

TEST(KeyDecode, WhatTheEncoderWritesComesBack) {
  const types::Schema schema = schema_of({Kind::kVarchar, Kind::kInt32, Kind::kDate});
  types::BatchBuffer in(schema);
  in.column(0).append(types::StringRef("a\"b"));
  in.column(1).append(int32_t{-7});
  in.column(2).append(int32_t{19782});
  auto encoder = make_json_encoder(schema, {0, 1, 2}).value();
  stream::EncodedRows encoded;
  std::vector<stream::Encoder::Failure> failed;
  encoder->encode(in.view(), encoded, failed);
  EXPECT_EQ(*encoded.keys[0], R"(["a\"b",-7,"2024-02-29"])");
  EXPECT_EQ(decoded(schema, {std::string(*encoded.keys[0])})[0], "a\"b -7 2024-02-29");
}

TEST(KeyDecode, AKeyThatIsNoneIsToldAndItsNeighboursStay) {
  EXPECT_EQ(
      decoded(schema_of({Kind::kInt32}),
              {"1", std::nullopt, "x", "2,\"k1\":3", "", "4000000000", "1.5", "\"7\"", "8"}),
      (std::vector<std::string>{
          "1", "null_key the message has neither a key nor a value",
          "wrong_type the message's key: expected a number or a boolean, found `x`",
          "wrong_type the message's key: expected a number or a boolean, found `2,\"k1\":3`",
          "wrong_type the message's key: expected a number or a boolean, found ``",
          "out_of_range the message's key: /k0: 4000000000 does not fit INTEGER",
          "wrong_type the message's key: /k0: expected an integer, found the number 1.5",
          "wrong_type the message's key: expected a number or a boolean, found `\"7\"`", "8"}));
  const types::Schema two = schema_of({Kind::kVarchar, Kind::kInt32});
  const std::string expected = "wrong_type the message's key: expected a JSON array of 2, found ";
  EXPECT_EQ(decoded(two, {R"(["a",1])", R"(["a"])", R"(["a",1,2])", "a", "[]", R"([null,1])",
                          "[\"a\",1", R"({"k0":"a"})"}),
            (std::vector<std::string>{"a 1", expected + R"(`["a"]`)", expected + R"(`["a",1,2]`)",
                                      expected + "`a`", expected + "`[]`",
                                      "null_key the message's key: /k0: required, but null",
                                      expected + "`[\"a\",1`", expected + R"(`{"k0":"a"}`)"}));
  EXPECT_EQ(one(Kind::kVarchar, "\xff"), "invalid_utf8 the message's key is no UTF-8");
  EXPECT_EQ(one(Kind::kUuid, "no"),
            "wrong_type the message's key: /k0: expected a string that is a UUID, found \"no\"");
}

TEST(KeyDecode, ATypeThatNoTextGivesBackIsRefused) {
  auto made = make_key_decoder(schema_of({Kind::kJson}));
  ASSERT_FALSE(made.has_value());
  EXPECT_EQ(made.error().message(), "column k0 is a JSON, which no message's key gives back");
}

}  // namespace
}  // namespace leat::codec
