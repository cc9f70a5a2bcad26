#include <gmock/gmock.h>

#include "codec/proto_fixture.h"

namespace leat::codec {
namespace {

std::string columns_of(const ProtoFile& file, std::string_view message = "") {
  auto made = proto_columns(file, message);
  if (!made) return made.error().to_string();
  std::string text;
  for (const types::Field& field : made->fields) {
    text += fmt::format("{}{} {}{}", text.empty() ? "" : ", ", field.name, field.type.to_sql(),
                        field.required ? "!" : "");
  }
  return text;
}
std::string column(std::string_view type) {
  return columns_of(proto_m(fmt::format("{} f = 1;", type),
                            "enum E { A = 0; } message N { int32 x = 1; }"
                            "message None {}"));
}

TEST(ProtoMapping, ScalarsAreRequiredWithoutPresence) {
  EXPECT_EQ(column("bool"), "f BOOLEAN!");
  EXPECT_EQ(column("int32"), "f INTEGER!");
  EXPECT_EQ(column("sint32"), "f INTEGER!");
  EXPECT_EQ(column("sfixed64"), "f BIGINT!");
  EXPECT_EQ(column("uint32"), "f UINTEGER!");
  EXPECT_EQ(column("fixed64"), "f UBIGINT!");
  EXPECT_EQ(column("float"), "f FLOAT!");
  EXPECT_EQ(column("double"), "f DOUBLE!");
  EXPECT_EQ(column("string"), "f VARCHAR!");
  EXPECT_EQ(column("bytes"), "f BLOB!");
  EXPECT_EQ(column("E"), "f VARCHAR!");
  EXPECT_EQ(column("optional int64"), "f BIGINT");
}

TEST(ProtoMapping, Containers) {
  EXPECT_EQ(column("N"), "f STRUCT(\"x\" INTEGER)");
  EXPECT_EQ(column("None"), "f BOOLEAN");
  EXPECT_EQ(column("repeated N"), "f STRUCT(\"x\" INTEGER)[]!");
  EXPECT_EQ(column("map<string, bytes>"), "f MAP(VARCHAR, BLOB)!");
  EXPECT_EQ(column("map<uint32, N>"), "f MAP(UINTEGER, STRUCT(\"x\" INTEGER))!");
  EXPECT_EQ(columns_of(proto_m("oneof o { int32 a = 1; string b = 2; }")), "a INTEGER, b VARCHAR");
}

TEST(ProtoMapping, MessagesThatAreOneValue) {
  EXPECT_EQ(column("google.protobuf.Timestamp"), "f TIMESTAMP WITH TIME ZONE");
  EXPECT_EQ(column("google.protobuf.Duration"), "f INTERVAL");
  EXPECT_EQ(column("google.protobuf.UInt32Value"), "f UINTEGER");
  EXPECT_EQ(column("google.protobuf.StringValue"), "f VARCHAR");
  EXPECT_EQ(column("google.protobuf.Struct"), "f JSON");
  EXPECT_EQ(column("repeated google.protobuf.Value"), "f JSON[]!");
  EXPECT_EQ(column("google.protobuf.ListValue"), "f JSON");
  EXPECT_EQ(column("google.protobuf.Empty"), "f BOOLEAN");
  EXPECT_EQ(column("google.type.Date"), "f DATE");
  EXPECT_EQ(column("google.type.TimeOfDay"), "f TIME");
  EXPECT_EQ(column("confluent.type.Decimal"), "f DECIMAL(38,9)");
  EXPECT_EQ(columns_of(proto_m(R"(confluent.type.Decimal f = 1 [(confluent.field_meta) = { params: [
      {key: "precision", value: "7"}, {key: "scale", value: "2"}]}];)")),
            "f DECIMAL(7,2)");
  // Of the name, but not of the fields.
  EXPECT_EQ(
      columns_of(proto_file("syntax = \"proto3\"; package google.type; message M { Date d = 1; }"
                            "message Date { string text = 1; }")),
      "d STRUCT(\"text\" VARCHAR)");
}

TEST(ProtoMapping, Proto2) {
  EXPECT_EQ(columns_of(proto2("message M { required int32 a = 1; optional int32 b = 2;"
                              "optional int32 c = 3 [default = 7]; optional group G = 4 {} }")),
            "a INTEGER!, b INTEGER, c INTEGER!");
}

TEST(ProtoMapping, FindsMessagesByName) {
  const auto file = proto3("package p; message M { int32 a = 1; message N { int32 b = 1; } }");
  EXPECT_EQ(columns_of(file, "p.M.N"), "b INTEGER!");
  EXPECT_EQ(columns_of(file, "p.X"), "the schema has no message p.X: it has p.M");
  EXPECT_EQ(columns_of(file, "google.protobuf.Struct"),
            "the schema has no message google.protobuf.Struct: it has p.M");
  EXPECT_EQ(columns_of(proto3("")), "the schema has no message");
}

TEST(ProtoMapping, WhatNoColumnHolds) {
  EXPECT_EQ(columns_of(proto_m("N n = 1;", "message N { int32 x = 1; repeated N next = 2; }")),
            "/n/next: N contains itself: a column has a fixed depth; leave the field out of the "
            "reader's schema");
  EXPECT_EQ(columns_of(proto_m("")),
            "/: the message M has no fields, and a table without columns is none");
  EXPECT_EQ(
      columns_of(proto2("message M { optional int32 ab = 1; optional int32 aB = 2; }")),
      "/: two fields are 'ab' to SQL, which does not tell case apart: give one of them another "
      "name, which no data holds");
  // 2^15 columns by five messages' names, and as deep as it is long.
  std::string wide = "message M { N0 n = 1; }", deep = "message M { N0 n = 1; }";
  for (int i = 0; i < 15; ++i)
    wide += fmt::format("message N{} {{ N{} a = 1; N{} b = 2; }}", i, i + 1, i + 1);
  for (int i = 0; i < 70; ++i) deep += fmt::format("message N{} {{ N{} a = 1; }}", i, i + 1);
  EXPECT_THAT(columns_of(proto3(wide + "message N15 { int32 x = 1; }")),
              testing::HasSubstr("more than 10000 columns"));
  EXPECT_THAT(columns_of(proto3(deep + "message N70 { int32 x = 1; }")),
              testing::HasSubstr("types more than 64 deep"));
}

}  // namespace
}  // namespace leat::codec
