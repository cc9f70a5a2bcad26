#include "codec/proto_encode.h"

#include <gmock/gmock.h>

#include <limits>

#include "codec/proto_fixture.h"
#include "types/temporal.h"

namespace leat::codec::proto_encode_test {
namespace {

using types::Int128;
using types::Kind;
using types::Schema;
using types::StringRef;
using types::Type;
using types::VectorBuffer;
using Bytes = ProtoText;

constexpr std::string_view kRest =
    "enum E { A = 0; B = 5; } message N { optional int32 x = 1; } message None {}";

ProtoFile file_of(std::string_view field) {
  return proto_m(field.find('=') == std::string_view::npos ? fmt::format("{} f = 1;", field)
                                                           : std::string(field),
                 kRest);
}
std::string result(const ProtoEncoded& encoded) {
  if (encoded.failed.empty()) return encoded.values.empty() ? "none" : encoded.values[0].substr(1);
  EXPECT_EQ(encoded.values[0], "");
  return fmt::format("{} {}", stream::to_string(encoded.failed[0].reason),
                     encoded.failed[0].message);
}
/// One value of a column into a field of number 1; the message, or "reason message".
template <typename Append>
std::string put(std::string_view field, std::string_view column, const Append& append) {
  Schema schema;
  schema.fields = {{"f", types::parse_type(column).value()}};
  types::BatchBuffer rows(schema);
  append(rows.column(0));
  const types::Batch view = rows.view();
  return result(encode_proto(file_of(field), "", schema, view));
}
template <typename T>
std::string value(std::string_view field, std::string_view column, const T& one) {
  return put(field, column, [&](VectorBuffer& into) { into.append(one); });
}
std::string null(std::string_view field, std::string_view column) {
  return put(field, column, [](VectorBuffer& into) { into.append_null(); });
}
std::string error(std::string_view field, std::string_view column, std::string name = "f") {
  Schema schema;
  schema.fields = {{std::move(name), types::parse_type(column).value()}};
  auto made = make_proto_encoder(file_of(field), "", schema, {});
  return made ? "" : made.error().to_string();
}
std::string bytes(const Bytes& made) { return std::string(made.bytes.view()); }

TEST(ProtoEncode, Scalars) {
  EXPECT_EQ(value("bool", "BOOLEAN", uint8_t{1}), "\x08\1");
  EXPECT_EQ(value("int32", "INTEGER", int32_t{-1}), bytes(Bytes().number(1, ~uint64_t{0})));
  EXPECT_EQ(value("sint32", "INTEGER", INT32_MIN), bytes(Bytes().number(1, UINT32_MAX)));
  EXPECT_EQ(value("sint64", "BIGINT", int64_t{-1}), "\x08\1");
  EXPECT_EQ(value("fixed32", "UINTEGER", UINT32_MAX), "\x0d\xff\xff\xff\xff");
  EXPECT_EQ(value("double", "FLOAT", 0.5F), bytes(Bytes().fixed(1, 0.5)));
  EXPECT_EQ(value("string", "VARCHAR", StringRef("Zoë")), "\x0a\x04Zoë");
  EXPECT_EQ(value("bytes", "BLOB", StringRef("a")), "\x0a\1a");
  EXPECT_EQ(value("E", "VARCHAR", StringRef("B")), "\x08\5");
  EXPECT_EQ(value("E", "VARCHAR", StringRef("7")), "\x08\7");
}

TEST(ProtoEncode, DefaultsAreLeftOutWherePresenceIsNotTold) {
  EXPECT_EQ(value("int32", "INTEGER", 0), "");
  EXPECT_EQ(value("optional int32", "INTEGER", 0), std::string("\x08\0", 2));
  EXPECT_EQ(value("double", "DOUBLE", -0.0), bytes(Bytes().fixed(1, -0.0)));
  EXPECT_EQ(value("string", "VARCHAR", StringRef("")), "");
  EXPECT_EQ(value("E", "VARCHAR", StringRef("A")), "");
  EXPECT_EQ(null("optional int32", "INTEGER"), "");
  EXPECT_EQ(null("N", "STRUCT(x INTEGER)"), "");
  EXPECT_EQ(null("optional int32", "\"NULL\""), "");
  EXPECT_EQ(null("int32", "INTEGER"),
            "encode_failed /f: NULL, where the schema tells no absence: COALESCE it in the SQL");
  EXPECT_EQ(null("repeated int32", "INTEGER[]"),
            "encode_failed /f: NULL, where the schema tells no absence: COALESCE it in the SQL");
}

TEST(ProtoEncode, WhatProto2RequiresIsAlwaysWritten) {
  Schema schema;
  schema.fields = {{"a", Kind::kInt32}};
  const auto file = proto2("message M { required int32 a = 1; }");
  types::BatchBuffer rows(schema);
  rows.column(0).append(0), rows.column(0).append_null();
  const ProtoEncoded encoded = encode_proto(file, "", schema, rows.view());
  EXPECT_EQ(encoded.values, (std::vector<std::string>{std::string("\0\x08\0", 3), ""}));
  EXPECT_EQ(encoded.failed.size(), 1u);
}

TEST(ProtoEncode, NumbersThatFit) {
  EXPECT_EQ(value("int32", "BIGINT", int64_t{INT32_MAX} + 1),
            "encode_failed /f: 2147483648 does not fit int32");
  EXPECT_EQ(value("uint32", "BIGINT", int64_t{-1}), "encode_failed /f: -1 does not fit uint32");
  EXPECT_EQ(value("uint64", "HUGEINT", Int128{~uint64_t{0}, 0}),
            bytes(Bytes().number(1, ~uint64_t{0})));
  EXPECT_EQ(value("int64", "UBIGINT", uint64_t{1} << 63),
            "encode_failed /f: 9223372036854775808 does not fit int64");
  EXPECT_EQ(value("E", "VARCHAR", StringRef("C")), "encode_failed /f: \"C\" is no value of E");
  EXPECT_EQ(value("E", "VARCHAR", StringRef("2147483648")),
            "encode_failed /f: \"2147483648\" is no value of E");
}

TEST(ProtoEncode, ListsMapsAndMessages) {
  auto list = [](VectorBuffer& into) {
    for (int32_t i = 0; i < 200; ++i) into.child(0).append(i % 7 + 1);
    into.append_list(0);
  };
  Bytes items;
  std::string packed;
  for (int i = 0; i < 200; ++i)
    items.number(1, static_cast<uint64_t>(i % 7 + 1)), packed += static_cast<char>(i % 7 + 1);
  EXPECT_EQ(put("repeated int32", "INTEGER[]", list), bytes(Bytes().text(1, packed)));
  EXPECT_EQ(put("repeated int32 f = 1 [packed = false];", "INTEGER[]", list), bytes(items));
  EXPECT_EQ(put("repeated int32", "INTEGER[]",
                [](VectorBuffer& into) {
                  into.child(0).append(1), into.child(0).append_null(), into.append_list(0);
                }),
            "encode_failed /f/1: NULL, which no list of Protobuf holds");
  EXPECT_EQ(put("map<string, int32>", "MAP(VARCHAR, INTEGER)",
                [](VectorBuffer& into) {
                  for (const char* key : {"b", "a"}) {
                    into.child(0).child(0).append(StringRef(key));
                    into.child(0).child(1).append(0);
                    into.child(0).append_struct();
                  }
                  into.append_list(0);
                }),
            bytes(Bytes()
                      .message(1, Bytes().text(1, "b").number(2, 0))
                      .message(1, Bytes().text(1, "a").number(2, 0))));
  EXPECT_EQ(put("map<string, int32>", "MAP(VARCHAR, INTEGER)",
                [](VectorBuffer& into) {
                  into.child(0).child(0).append(StringRef("k"));
                  into.child(0).child(1).append_null(), into.child(0).append_struct();
                  into.append_list(0);
                }),
            "encode_failed /f/k: NULL, which no map of Protobuf holds");
  EXPECT_EQ(value("None", "BOOLEAN", uint8_t{1}), std::string("\x0a\0", 2));
  EXPECT_EQ(value("None", "BOOLEAN", uint8_t{0}),
            "encode_failed /f: FALSE, where None is there or, as NULL, is not");
}

TEST(ProtoEncode, OfAOneofAtMostOne) {
  Schema schema;
  schema.fields = {{"b", Kind::kInt32}, {"a", Kind::kInt32}};
  const auto file = proto_m("oneof o { int32 a = 1; int32 b = 2; }");
  types::BatchBuffer rows(schema);
  rows.column(0).append(0), rows.column(1).append_null();
  rows.column(0).append_null(), rows.column(1).append_null();
  rows.column(0).append(1), rows.column(1).append(1);
  const ProtoEncoded encoded = encode_proto(file, "", schema, rows.view());
  EXPECT_EQ(encoded.values,
            (std::vector<std::string>{std::string("\0\x10\0", 3), std::string(1, '\0'), ""}));
  ASSERT_EQ(encoded.failed.size(), 1u);
  EXPECT_EQ(encoded.failed[0].message,
            "'a' and 'b' are both not NULL, where the schema has a oneof");
}

TEST(ProtoEncode, MessagesThatAreOneValue) {
  constexpr std::string_view kTimestamp = "google.protobuf.Timestamp";
  EXPECT_EQ(value(kTimestamp, "TIMESTAMPTZ", int64_t{-1}),
            bytes(Bytes().message(1, Bytes().number(1, ~uint64_t{0}).number(2, 999'999'000))));
  EXPECT_THAT(value(kTimestamp, "TIMESTAMPTZ", types::kTimestampInfinity),
              testing::HasSubstr("do not fit google.protobuf.Timestamp"));
  EXPECT_EQ(
      value("google.protobuf.Duration", "INTERVAL", types::Interval{0, 0, -1'500'000}),
      bytes(Bytes().message(1, Bytes()
                                   .number(1, ~uint64_t{0})
                                   .number(2, static_cast<uint64_t>(int64_t{-500'000'000})))));
  EXPECT_EQ(value("google.protobuf.Duration", "INTERVAL", types::Interval{0, 1, 0}),
            "encode_failed /f: P1D is no google.protobuf.Duration, which is seconds, at most "
            "315576000000 of them");
  EXPECT_EQ(value("google.type.Date", "DATE", int32_t{-719'162}),
            bytes(Bytes().message(1, Bytes().number(1, 1).number(2, 1).number(3, 1))));
  EXPECT_THAT(value("google.type.Date", "DATE", int32_t{2'932'897}),
              testing::StartsWith("encode_failed"));
  EXPECT_EQ(value("google.type.TimeOfDay", "TIME", int64_t{86'400'000'000}),
            bytes(Bytes().message(1, Bytes().number(1, 24))));
  EXPECT_EQ(value("google.protobuf.Int32Value", "BIGINT", int64_t{0}), std::string("\x0a\0", 2));
  EXPECT_EQ(value("google.protobuf.StringValue", "VARCHAR", StringRef("x")), "\x0a\3\x0a\1x");
  EXPECT_EQ(
      value("confluent.type.Decimal", "DECIMAL(4,2)", int16_t{150}),
      bytes(Bytes().message(
          1, Bytes().text(1, std::string_view("\x59\x68\x2f\0", 4)).number(2, 38).number(3, 9))));
  EXPECT_EQ(value("confluent.type.Decimal", "DECIMAL(18,10)", int64_t{1}),
            "encode_failed /f: 0.0000000001 does not fit DECIMAL(38,9)");
}

TEST(ProtoEncode, JsonIsReadBackAsItWas) {
  constexpr std::string_view kText =
      R"({"a":[1,-2.5,true,false,null,"x\ny\u00e9",{}],"b":{"c":[]},"":"long long long text"})";
  const std::string made = value("google.protobuf.Struct", "JSON", StringRef(kText));
  EXPECT_EQ(
      read_proto(file_of("google.protobuf.Struct"), Bytes().raw(made)),
      R"({"f":{"a":[1,-2.5,true,false,null,"x\nyé",{}],"b":{"c":[]},"":"long long long text"}})");
  EXPECT_EQ(value("google.protobuf.Struct", "JSON", StringRef("[]")),
            "encode_failed /f: a JSON object expected, which google.protobuf.Struct is");
  EXPECT_EQ(value("google.protobuf.ListValue", "JSON", StringRef("[ ]")), std::string("\x0a\0", 2));
  EXPECT_EQ(value("google.protobuf.Value", "JSON", StringRef("0")),
            bytes(Bytes().message(1, Bytes().fixed(2, 0.0))));
  EXPECT_THAT(value("google.protobuf.Value", "VARCHAR", StringRef("{")),
              testing::StartsWith("encode_failed /f: the text of a JSON value is broken"));
  EXPECT_THAT(value("google.protobuf.Value", "JSON", StringRef("1e999")),
              testing::StartsWith("encode_failed /f: 1e999 does not fit a double"));
}

TEST(ProtoEncode, PlansThatDoNotFit) {
  EXPECT_EQ(
      error("int32", "VARCHAR"),
      "/f: a column VARCHAR does not go into int32: cast it in the SQL, or change the schema");
  EXPECT_EQ(error("float", "DOUBLE"),
            "/f: a column DOUBLE does not go into float: cast it in the SQL, or change the schema");
  EXPECT_EQ(
      error("N", "STRUCT(y INTEGER)"),
      "/f: N has no field for the column 'y': leave it out of the SQL, or add it to the schema");
  EXPECT_EQ(
      error("repeated int32", "INTEGER"),
      "/f: a column INTEGER does not go into repeated int32: cast it in the SQL, or change the "
      "schema");
  EXPECT_EQ(
      error("map<string, N>", "MAP(VARCHAR, INTEGER)"),
      "/f/value: a column INTEGER does not go into N: cast it in the SQL, or change the schema");
  EXPECT_EQ(
      error("int32", "INTEGER", "g"),
      "/: M has no field for the column 'g': leave it out of the SQL, or add it to the schema");
  EXPECT_EQ(
      error("google.protobuf.Timestamp", "TIMESTAMP"),
      "/f: a column TIMESTAMP does not go into google.protobuf.Timestamp: cast it in the SQL, or "
      "change the schema");
  EXPECT_EQ(make_proto_encoder(proto2("message M { required int32 a = 1; }"), "", {}, {})
                .error()
                .to_string(),
            "/: no column for the field 'a' of M, which is required: select it");
}

TEST(ProtoEncode, ValuesBeginWithPrefixAndIndexes) {
  Schema schema;
  schema.fields = {{"b", Kind::kInt32}};
  const auto file = proto3("package p; message M { int32 a = 1; message N { int32 b = 1; } }");
  types::BatchBuffer rows(schema);
  rows.column(0).append(5), rows.column(0).append_null(), rows.column(0).append(7);
  const ProtoEncoded encoded = encode_proto(file, "p.M.N", schema, rows.view(), {0}, "frame");
  const std::string head = "frame" + std::string("\4\0\0\x08", 4);
  EXPECT_EQ(encoded.values, (std::vector<std::string>{head + "\5", "", head + "\7"}));
  EXPECT_EQ(encoded.keys, (std::vector<std::string>{"5", "-", "7"}));
  ASSERT_EQ(encoded.failed.size(), 1u);
  EXPECT_EQ(encoded.failed[0].row, 1u);
}

}  // namespace
}  // namespace leat::codec::proto_encode_test
