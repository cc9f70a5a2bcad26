#include "codec/json_validate.h"

#include <fmt/core.h>
#include <gmock/gmock.h>

#include "codec/json_schema_codec.h"
#include "codec/schema_codec.h"
#include "types/json_schema.h"

namespace leat::codec::json_validate_test {
namespace {

using Kind = JsonViolation::Kind;
using testing::HasSubstr;

std::unique_ptr<JsonValidator> made(std::string_view schema) {
  auto validator = JsonValidator::make(schema);
  EXPECT_TRUE(validator.has_value()) << (validator ? "" : validator.error().to_string());
  return std::move(validator).value();
}
std::string why(JsonValidator& validator, std::string_view json) {
  const auto found = validator.check(json);
  return found ? found->to_string() : "";
}
std::string repeated(std::string_view text, size_t times) {
  std::string all;
  for (size_t i = 0; i < times; ++i) all += text;
  return all;
}

TEST(JsonValidate, TellsPlaceAndReason) {
  auto validator = made(R"({"properties":{"a/b":{"items":{"minimum":0}}},"required":["id"]})");
  EXPECT_EQ(why(*validator, R"({"id":1,"a/b":[1,2]})"), "");
  EXPECT_EQ(why(*validator, R"({"id":1,"a/b":[1,-2]})"),
            "/a~1b/1: -2 is less than the minimum of 0 (schema: /properties/a~1b/items/minimum)");
  EXPECT_EQ(why(*validator, "{}"), "\"id\" is a required property (schema: /required)");
  EXPECT_EQ(validator->check("{\"id\":")->kind, Kind::kNotJson);
  EXPECT_EQ(validator->check("{\"id\":1}x")->kind, Kind::kNotJson);
  EXPECT_EQ(validator->check("")->kind, Kind::kNotJson);
}

TEST(JsonValidate, NumbersAreExact) {
  EXPECT_EQ(why(*made(R"({"type":"integer"})"), "1.0"), "");
  EXPECT_NE(why(*made(R"({"type":"integer"})"), "1.1"), "");
  EXPECT_EQ(why(*made(R"({"type":"integer"})"), "123456789012345678901234567890"), "");
  EXPECT_EQ(why(*made(R"({"maximum":9007199254740993})"), "9007199254740993"), "");
  EXPECT_NE(why(*made(R"({"maximum":9007199254740992})"), "9007199254740993"), "");
  EXPECT_EQ(why(*made(R"({"maximum":18446744073709551617})"), "18446744073709551617"), "");
  EXPECT_NE(why(*made(R"({"maximum":18446744073709551616})"), "18446744073709551617"), "");
  EXPECT_NE(why(*made(R"({"const":18446744073709551617})"), "18446744073709551616"), "");
  EXPECT_EQ(why(*made(R"({"multipleOf":0.01})"), "19.99"), "");
  EXPECT_NE(why(*made(R"({"multipleOf":0.01})"), "19.999"), "");
  EXPECT_NE(why(*made(R"({"maximum":0.1})"), "0.10000000000000000000001"), "");
  // Digits that nobody can hold.
  why(*made(R"({"type":"integer","multipleOf":3,"maximum":1e9999999})"), "1e999999999");
}

TEST(JsonValidate, WhatLooksLikeANumberWithinSerde) {
  constexpr std::string_view kText = R"({"$serde_json::private::Number":"1"})";
  EXPECT_NE(why(*made(R"({"type":"number"})"), kText), "");
  EXPECT_EQ(why(*made(R"({"type":"object"})"), kText), "");
}

TEST(JsonValidate, DraftsAndFormats) {
  EXPECT_NE(why(*made(R"({"format":"date"})"), "\"x\""), "");  // draft 7 asserts it
  EXPECT_EQ(
      why(*made(R"({"$schema":"https://json-schema.org/draft/2020-12/schema","format":"date"})"),
          "\"x\""),
      "");
  EXPECT_EQ(
      why(*made(R"({"$schema":"urn:nobody:knows","dependentRequired":{"a":["b"]}})"), R"({"a":1})"),
      "");
  EXPECT_NE(why(*made(R"({"$schema":"https://json-schema.org/draft/2020-12/schema",
                          "dependentRequired":{"a":["b"]}})"),
                R"({"a":1})"),
            "");
}

TEST(JsonValidate, References) {
  const std::vector<JsonSchemaReference> references = {{"b.json", R"({"type":"integer"})"}};
  for (const char* schema :
       {R"({"properties":{"a":{"$ref":"b.json"}}})",
        R"({"$id":"https://x/y/a.json","properties":{"a":{"$ref":"b.json"}}})"}) {
    auto validator = JsonValidator::make(schema, references);
    ASSERT_TRUE(validator.has_value()) << validator.error().to_string();
    EXPECT_EQ(why(*validator.value(), R"({"a":1})"), "");
    EXPECT_NE(why(*validator.value(), R"({"a":"1"})"), "");
    auto without = JsonValidator::make(schema);
    ASSERT_FALSE(without.has_value());
    EXPECT_EQ(without.error().code(), ErrorCode::kInvalidArgument);
  }
}

TEST(JsonValidate, RefusesWhatIsNoSchema) {
  const std::string deep = repeated(R"({"not":)", 200) + "{}" + repeated("}", 200);
  const std::string many = "{\"allOf\":[" + repeated("{\"$ref\":\"#/x\"},", 10'000) + "{}]}";
  for (const std::string& schema :
       {std::string("{"), std::string("3"), std::string(R"({"type":"strin"})"),
        std::string(R"({"$ref":"https://x/y"})"), std::string(R"({"pattern":"("})"), deep, many}) {
    auto validator = JsonValidator::make(schema);
    EXPECT_FALSE(validator.has_value()) << schema.substr(0, 60);
  }
}

TEST(JsonValidate, DepthIsBounded) {
  auto validator = made(R"({"items":{"$ref":"#"}})");
  EXPECT_EQ(why(*validator, repeated("[", 64) + repeated("]", 64)), "");
  EXPECT_EQ(validator->check(repeated("[", 65) + repeated("]", 65))->kind, Kind::kTooDeep);
  EXPECT_NE(why(*validator, repeated("[", 1'000'000)), "");
}

TEST(JsonValidate, LongChainsOfReferencesFitTheStack) {
  constexpr size_t kLinks = 1000;
  std::string schema = R"({"$ref":"#/definitions/d0","definitions":{)";
  for (size_t i = 0; i < kLinks; ++i)
    schema += fmt::format(R"("d{}":{{"allOf":[{{"$ref":"#/definitions/d{}"}}]}},)", i, i + 1);
  schema += fmt::format(R"("d{}":{{"items":{{"$ref":"#/definitions/d0"}}}}}}}})", kLinks);
  auto validator = made(schema);
  EXPECT_EQ(why(*validator, repeated("[", 8) + repeated("]", 8)), "");
}

/// `links` definitions, each of two references to the next; the last is an integer.
std::string doubling(std::string_view keyword, size_t links) {
  std::string schema = R"({"$ref":"#/definitions/d0","definitions":{)";
  for (size_t i = 0; i < links; ++i)
    schema += fmt::format(
        R"("d{}":{{"{}":[{{"$ref":"#/definitions/d{}"}},{{"$ref":"#/definitions/d{}"}}]}},)", i,
        keyword, i + 1, i + 1);
  return schema + fmt::format(R"("d{}":{{"type":"integer"}}}}}})", links);
}

TEST(JsonValidate, DefinitionsThatMultiplyAreRefused) {
  EXPECT_EQ(why(*made(doubling("allOf", 8)), "1"), "");
  for (const char* keyword : {"allOf", "anyOf", "oneOf"}) {
    auto refused = JsonValidator::make(doubling(keyword, 40));
    ASSERT_FALSE(refused.has_value()) << keyword;
    EXPECT_THAT(refused.error().message(), HasSubstr("its definitions multiply")) << keyword;
  }
  // What asks which properties were looked at has each branch judge again, and that one its own.
  std::string schema = R"({"type":"object"})";
  for (int level = 0; level < 40; ++level) {
    if (level == 8) {
      EXPECT_TRUE(JsonValidator::make(schema, {}, JsonDraft::k202012).has_value());
    }
    schema = fmt::format(R"({{"allOf":[{}],"unevaluatedProperties":false}})", schema);
  }
  EXPECT_FALSE(JsonValidator::make(schema, {}, JsonDraft::k202012).has_value());
  // Wherever the definitions are.
  EXPECT_FALSE(
      JsonValidator::make(R"({"$ref":"other.json"})", {{"other.json", doubling("anyOf", 40)}})
          .has_value());
}

TEST(JsonValidate, ManyWaysBackToItselfAreJudgedInTime) {
  auto validator = made(R"({"$ref":"#/definitions/t","definitions":{
    "t":{"anyOf":[{"$ref":"#/definitions/u"},{"$ref":"#/definitions/u"},{"type":"integer"}]},
    "u":{"properties":{"a":{"$ref":"#/definitions/t"}},"type":"object"}}})");
  EXPECT_EQ(why(*validator, repeated("{\"a\":", 60) + "1" + repeated("}", 60)), "");
  EXPECT_THAT(why(*validator, repeated("{\"a\":", 60) + "null" + repeated("}", 60)),
              HasSubstr("where is not looked for"));
  EXPECT_THAT(why(*validator, R"({"a":{"a":null}})"), HasSubstr("anyOf"));
}

TEST(JsonValidate, PatternsAreBounded) {
  const std::string text = "\"" + repeated("a", 100'000) + "!\"";
  EXPECT_NE(why(*made(R"({"pattern":"^(a+)+$"})"), text), "");
  why(*made(R"({"pattern":"^(?=a)(a|a)*\\1$"})"), text);
  EXPECT_FALSE(JsonValidator::make(R"({"pattern":"((a{1000}){1000}){1000}"})").has_value());
}

TEST(JsonValidate, LargeDocuments) {
  auto validator = made(R"({"items":{"type":"string"}})");
  const std::string good = "[\"" + std::string(16'000'000, 'x') + "\"]";
  EXPECT_EQ(why(*validator, good), "");
  auto number = made(R"({"items":{"type":"number"}})");
  const std::string told = why(*number, good);
  EXPECT_LT(told.size(), 300U);
  EXPECT_EQ(told.substr(0, 3), "/0:");
}

constexpr std::string_view kPerson =
    R"({"type":"object","properties":{"age":{"type":"integer","minimum":0}},"required":["age"]})";

TEST(JsonSchemaCodec, Decodes) {
  const types::Schema columns = types::schema_from_json(kPerson).value();
  auto decoder = make_json_schema_decoder(kPerson, {}, columns);
  ASSERT_TRUE(decoder.has_value());
  stream::RecordBatch batch;
  for (const char* text : {R"({"age":7})", R"({"age":-1})", R"({"age":})", R"({"age":8,"x":tru})"})
    batch.records.emplace_back().value = text;
  types::BatchBuffer out(columns);
  std::vector<uint32_t> rows;
  std::vector<stream::Reject> rejects;
  decoder.value()->decode(batch, out, rows, rejects);
  EXPECT_EQ(rows, std::vector<uint32_t>{0});
  ASSERT_EQ(rejects.size(), 3U);
  EXPECT_EQ(rejects[0].reason, stream::Reason::kSchemaMismatch);
  EXPECT_EQ(rejects[0].message,
            "/age: -1 is less than the minimum of 0 (schema: /properties/age/minimum)");
  EXPECT_EQ(rejects[1].reason, stream::Reason::kMalformed);
  EXPECT_EQ(rejects[2].reason, stream::Reason::kMalformed);
}

TEST(JsonSchemaCodec, DecodesWhatRefersToAnotherSubject) {
  auto parsed = schema::parse(
      schema::Format::kJson,
      R"({"type":"object","properties":{"who":{"$ref":"person.json"}},"required":["who"]})",
      {{{"person.json", "people", 1}, std::string(kPerson)}});
  ASSERT_TRUE(parsed.has_value()) << parsed.error().to_string();
  const types::Schema columns = schema_columns(**parsed).value();
  ASSERT_EQ(columns.fields.size(), 1U);
  EXPECT_EQ(columns.fields[0].type.to_sql(), R"(STRUCT("age" BIGINT))");
  auto decoder = make_schema_decoder(**parsed, **parsed, columns);
  ASSERT_TRUE(decoder.has_value()) << decoder.error().to_string();
  stream::RecordBatch batch;
  for (const char* text : {R"({"who":{"age":7}})", R"({"who":{"age":-1}})"})
    batch.records.emplace_back().value = text;
  types::BatchBuffer out(columns);
  std::vector<uint32_t> rows;
  std::vector<stream::Reject> rejects;
  (*decoder)->decode(batch, out, rows, rejects);
  EXPECT_EQ(rows, std::vector<uint32_t>{0});
  ASSERT_EQ(rejects.size(), 1U);
  EXPECT_EQ(rejects[0].message.substr(0, 9), "/who/age:");
}

TEST(JsonSchemaCodec, Encodes) {
  const types::Schema columns = types::schema_from_json(kPerson).value();
  auto encoder = make_json_schema_encoder(kPerson, {}, columns, {0}, std::string("\0\0\0\0\7", 5));
  ASSERT_TRUE(encoder.has_value());
  types::BatchBuffer in(columns);
  in.column(0).append(int64_t{7});
  in.column(0).append(int64_t{-1});
  stream::EncodedRows out;
  std::vector<stream::Encoder::Failure> failed;
  encoder.value()->encode(in.view(), out, failed);
  ASSERT_EQ(out.values.size(), 2U);
  EXPECT_EQ(out.values[0], std::string("\0\0\0\0\7{\"age\":7}", 14));
  EXPECT_EQ(out.keys[0], "7");
  EXPECT_EQ(out.values[1], "");
  ASSERT_EQ(failed.size(), 1U);
  EXPECT_EQ(failed[0].row, 1U);
  EXPECT_EQ(failed[0].reason, stream::Reason::kEncodeFailed);
  EXPECT_EQ(failed[0].message.substr(0, 6), "/age: ");
}

}  // namespace
}  // namespace leat::codec::json_validate_test
