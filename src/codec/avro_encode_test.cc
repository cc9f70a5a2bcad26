#include "codec/avro_encode.h"

#include <gmock/gmock.h>

#include <cmath>
#include <limits>

#include "codec/avro_fixture.h"
#include "types/temporal.h"

namespace leat::codec::avro_encode_test {
namespace {

using types::Int128;
using types::Kind;
using types::Schema;
using types::StringRef;
using types::Type;
using types::VectorBuffer;
using Bytes = AvroBytes;

Type type_of(std::string_view text) { return types::parse_type(text).value(); }

/// One value of a column into a field of the Avro type; the bytes, or "reason message".
template <typename Append>
std::string put(std::string_view avro_type, std::string_view column, const Append& append) {
  Schema schema;
  schema.fields = {{"f", type_of(column)}};
  types::BatchBuffer rows(schema);
  append(rows.column(0));
  const types::Batch view = rows.view();
  const AvroEncoded encoded = encode_avro(avro(record_of(avro_type)), schema, view);
  if (encoded.failed.empty()) return encoded.values.empty() ? "none" : encoded.values[0];
  EXPECT_EQ(encoded.values[0], "");
  return fmt::format("{} {}", stream::to_string(encoded.failed[0].reason),
                     encoded.failed[0].message);
}
template <typename T>
std::string value(std::string_view avro_type, std::string_view column, const T& one) {
  return put(avro_type, column, [&](VectorBuffer& into) { into.append(one); });
}
std::string null(std::string_view avro_type, std::string_view column) {
  return put(avro_type, column, [](VectorBuffer& into) { into.append_null(); });
}
std::string error(std::string_view avro_type, std::string_view column) {
  Schema schema;
  schema.fields = {{"f", type_of(column)}};
  auto made = make_avro_encoder(avro(record_of(avro_type)), schema, {});
  return made ? "" : made.error().to_string();
}
std::string logical(std::string_view type, std::string_view name, std::string_view rest = "") {
  return fmt::format(R"({{"type":"{}","logicalType":"{}"{}}})", type, name, rest);
}

TEST(AvroEncode, Primitives) {
  EXPECT_EQ(value(R"("boolean")", "BOOLEAN", uint8_t{1}), "\1");
  EXPECT_EQ(value(R"("int")", "INTEGER", int32_t{-1}), "\1");
  EXPECT_EQ(value(R"("long")", "BIGINT", std::numeric_limits<int64_t>::min()),
            "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01");
  EXPECT_EQ(value(R"("double")", "DOUBLE", 0.5), Bytes().fixed(0.5).bytes);
  EXPECT_EQ(value(R"("double")", "FLOAT", 0.5F), Bytes().fixed(0.5).bytes);
  EXPECT_EQ(value(R"("float")", "FLOAT", std::numeric_limits<float>::infinity()),
            Bytes().fixed(std::numeric_limits<float>::infinity()).bytes);
  EXPECT_EQ(value(R"("string")", "VARCHAR", StringRef("Zoë")), "\x08Zoë");
  EXPECT_EQ(value(R"("string")", "JSON", StringRef("{}")), "\x04{}");
  EXPECT_EQ(value(R"("bytes")", "BLOB", StringRef(std::string_view("\0", 1))),
            std::string("\2\0", 2));
  EXPECT_EQ(value(R"({"type":"fixed","name":"x","size":2})", "BLOB", StringRef("ab")), "ab");
  EXPECT_EQ(value(R"({"type":"enum","name":"e","symbols":["B","A"]})", "VARCHAR", StringRef("A")),
            "\2");
  EXPECT_EQ(null(R"("null")", "\"NULL\""), "");
}

TEST(AvroEncode, IntegersOfAnyKindThatFit) {
  EXPECT_EQ(value(R"("int")", "BIGINT", int64_t{INT32_MAX}), Bytes().number(INT32_MAX).bytes);
  EXPECT_EQ(value(R"("int")", "BIGINT", int64_t{INT32_MAX} + 1),
            "encode_failed /f: 2147483648 does not fit int");
  EXPECT_EQ(value(R"("int")", "TINYINT", int8_t{-8}), Bytes().number(-8).bytes);
  EXPECT_EQ(value(R"("int")", "USMALLINT", uint16_t{65535}), Bytes().number(65535).bytes);
  EXPECT_EQ(value(R"("long")", "UBIGINT", uint64_t{1} << 63),
            "encode_failed /f: 9223372036854775808 does not fit long");
  EXPECT_EQ(value(R"("long")", "HUGEINT", Int128{uint64_t{1} << 63, -1}),
            Bytes().number(INT64_MIN).bytes);
  EXPECT_EQ(value(R"("long")", "HUGEINT", Int128{~uint64_t{0} >> 1, -1}),
            "encode_failed /f: -9223372036854775809 does not fit long");
}

TEST(AvroEncode, WhatDoesNotFitIsRefusedWithItsPath) {
  EXPECT_EQ(null(R"("int")", "INTEGER"), "encode_failed /f: NULL, where the schema has no null");
  EXPECT_EQ(value(R"({"type":"enum","name":"e","symbols":["A"]})", "VARCHAR", StringRef("B")),
            "encode_failed /f: \"B\" is no symbol of e");
  EXPECT_EQ(value(R"({"type":"fixed","name":"x","size":2})", "BLOB", StringRef("abc")),
            "encode_failed /f: 3 bytes, where x has 2");
  EXPECT_EQ(value(logical("string", "uuid"), "VARCHAR", StringRef("x")),
            "encode_failed /f: \"x\" is no UUID");
  EXPECT_EQ(put(R"({"type":"array","items":{"type":"record","name":"s","fields":[
                    {"name":"a","type":"int"}]}})",
                "STRUCT(a INTEGER)[]",
                [](VectorBuffer& into) {
                  into.child(0).child(0).append(int32_t{1}), into.child(0).append_struct();
                  into.child(0).child(0).append_null(), into.child(0).append_struct();
                  into.append_list(0);
                }),
            "encode_failed /f/1/a: NULL, where the schema has no null");
  EXPECT_EQ(put(R"({"type":"map","values":"int"})", "MAP(VARCHAR, INTEGER)",
                [](VectorBuffer& into) {
                  into.child(0).child(0).append(StringRef("k"));
                  into.child(0).child(1).append_null(), into.child(0).append_struct();
                  into.append_list(0);
                }),
            "encode_failed /f/k: NULL, where the schema has no null");
}

TEST(AvroEncode, Decimals) {
  const std::string four = logical("bytes", "decimal", R"(,"precision":4,"scale":2)");
  EXPECT_EQ(value(four, "DECIMAL(4,2)", int16_t{127}), "\2\x7f");
  EXPECT_EQ(value(four, "DECIMAL(4,2)", int16_t{128}), std::string("\4\0\x80", 3));
  EXPECT_EQ(value(four, "DECIMAL(4,2)", int16_t{-128}), "\2\x80");
  EXPECT_EQ(value(four, "DECIMAL(4,2)", int16_t{0}), std::string("\2\0", 2));
  EXPECT_EQ(value(four, "DECIMAL(9,0)", int32_t{12}), "\4\x04\xb0");  // 12.00
  EXPECT_EQ(value(four, "INTEGER", int32_t{-99}), "\4\xd9\x54");
  EXPECT_EQ(value(four, "INTEGER", int32_t{100}),
            "encode_failed /f: 100 does not fit bytes (decimal) of 4 digits");
  EXPECT_EQ(value(four, "DECIMAL(9,3)", int32_t{1270}), "\2\x7f");
  EXPECT_EQ(value(four, "DECIMAL(9,3)", int32_t{1271}),
            "encode_failed /f: 1.271 has more digits behind the point than bytes (decimal) of 4 "
            "digits");
  EXPECT_EQ(value(logical("fixed", "decimal", R"(,"name":"x","size":3,"precision":4)"),
                  "DECIMAL(4,0)", int16_t{-2}),
            "\xFF\xFF\xFE");
  // The largest, both ways.
  const std::string most = logical("bytes", "decimal", R"(,"precision":38)");
  const Int128 wide{0x098a223fffffffff, 0x4b3b4ca85a86c47a};
  EXPECT_EQ(value(most, "DECIMAL(38,0)", wide),
            "\x20\x4b\x3b\x4c\xa8\x5a\x86\xc4\x7a\x09\x8a\x22\x3f\xff\xff\xff\xff");
  EXPECT_THAT(
      value(logical("bytes", "decimal", R"(,"precision":38,"scale":1)"), "DECIMAL(38,0)", wide),
      testing::HasSubstr("does not fit"));
}

TEST(AvroEncode, Times) {
  EXPECT_EQ(value(logical("int", "date"), "DATE", int32_t{-1}), "\1");
  EXPECT_EQ(value(logical("int", "date"), "DATE", types::kDateInfinity),
            "encode_failed /f: infinity, which no date of Avro is");
  EXPECT_EQ(value(logical("int", "time-millis"), "TIME", int64_t{1000}), "\2");
  EXPECT_EQ(value(logical("int", "time-millis"), "TIME", int64_t{1001}),
            "encode_failed /f: 1001 us have digits that int (time-millis) lacks: date_trunc them "
            "in the SQL");
  const char* zoned = "TIMESTAMP WITH TIME ZONE";
  EXPECT_EQ(value(logical("long", "timestamp-millis"), zoned, int64_t{-1000}), "\1");
  EXPECT_EQ(value(logical("long", "timestamp-micros"), zoned, int64_t{-1}), "\1");
  EXPECT_EQ(value(logical("long", "timestamp-nanos"), zoned, int64_t{1}),
            Bytes().number(1000).bytes);
  EXPECT_EQ(value(logical("long", "timestamp-nanos"), zoned, int64_t{1} << 60),
            "encode_failed /f: 1152921504606846976 us since 1970 do not fit long "
            "(timestamp-nanos)");
  EXPECT_EQ(value(logical("long", "timestamp-micros"), zoned, -types::kTimestampInfinity),
            "encode_failed /f: infinity, which no timestamp of Avro is");
  EXPECT_EQ(value(logical("long", "local-timestamp-micros"), "TIMESTAMP", int64_t{3}), "\6");
  const std::string duration = logical("fixed", "duration", R"(,"name":"x","size":12)");
  EXPECT_EQ(value(duration, "INTERVAL", types::Interval{1, 2, 3000}),
            Bytes().fixed(uint32_t{1}).fixed(uint32_t{2}).fixed(uint32_t{3}).bytes);
  EXPECT_THAT(value(duration, "INTERVAL", types::Interval{-1, 0, 0}),
              testing::StartsWith("encode_failed /f: P-1M is no duration of Avro"));
  EXPECT_THAT(value(duration, "INTERVAL", types::Interval{0, 0, 1}),
              testing::HasSubstr("is no duration of Avro"));
}

TEST(AvroEncode, Uuids) {
  const Int128 uuid = *types::parse_uuid("d830554e-b128-4f9f-af4e-0658b4173d52");
  EXPECT_EQ(value(logical("string", "uuid"), "UUID", uuid),
            "\x48"
            "d830554e-b128-4f9f-af4e-0658b4173d52");
  EXPECT_EQ(value(R"("string")", "UUID", uuid),
            "\x48"
            "d830554e-b128-4f9f-af4e-0658b4173d52");
  EXPECT_EQ(value(logical("fixed", "uuid", R"(,"name":"x","size":16)"), "UUID", uuid),
            "\xd8\x30\x55\x4e\xb1\x28\x4f\x9f\xaf\x4e\x06\x58\xb4\x17\x3d\x52");
}

TEST(AvroEncode, Unions) {
  EXPECT_EQ(null(R"(["null","int"])", "INTEGER"), std::string("\0", 1));
  EXPECT_EQ(value(R"(["null","int"])", "INTEGER", int32_t{1}), "\2\2");
  EXPECT_EQ(null(R"(["int","null"])", "INTEGER"), "\2");
  EXPECT_EQ(null(R"(["int","null"])", "\"NULL\""), "\2");
  EXPECT_EQ(null(R"(["int"])", "INTEGER"), "encode_failed /f: NULL, where the schema has no null");
  // Just the column's type goes before one that takes it.
  EXPECT_EQ(value(R"(["null","int","long"])", "BIGINT", int64_t{1}), "\4\2");
  EXPECT_EQ(value(R"(["null","string","int"])", "SMALLINT", int16_t{1}), "\4\2");
  auto members = [](int present) {
    return put(R"(["null","long","string"])", R"(STRUCT("long" BIGINT, "string" VARCHAR))",
               [&](VectorBuffer& into) {
                 if (present & 1)
                   into.child(0).append(int64_t{1});
                 else
                   into.child(0).append_null();
                 if (present & 2)
                   into.child(1).append(StringRef("x"));
                 else
                   into.child(1).append_null();
                 into.append_struct();
               });
  };
  EXPECT_EQ(members(0), std::string("\0", 1));
  EXPECT_EQ(members(1), "\2\2");
  EXPECT_EQ(members(2), "\4\2x");
  EXPECT_EQ(members(3),
            "encode_failed /f: 'long' and 'string' are both not NULL, where the schema has one of "
            "a union");
}

TEST(AvroEncode, ColumnsGoByName) {
  const auto schema = avro(R"({"type":"record","name":"r","fields":[
      {"name":"b","type":"string"},{"name":"d","type":["null","int"],"default":null},
      {"name":"a","type":"int"}]})");
  Schema columns;
  columns.fields = {{"a", Kind::kInt32}, {"b", Kind::kVarchar}};
  types::BatchBuffer rows(columns);
  rows.column(0).append(int32_t{1}), rows.column(1).append(StringRef("x"));
  EXPECT_EQ(encode_avro(schema, columns, rows.view()).values[0],
            Bytes().text("x").number(0).number(1).bytes);
  columns.fields.pop_back();
  EXPECT_EQ(make_avro_encoder(schema, columns, {}).error().to_string(),
            "/: no column for the field 'b' of r, which has no default: select it");
  columns.fields = {{"a", Kind::kInt32}, {"b", Kind::kVarchar}, {"c", Kind::kInt32}};
  EXPECT_EQ(make_avro_encoder(schema, columns, {}).error().to_string(),
            "/: r has no field for the column 'c': leave it out of the SQL, or add it to the "
            "schema");
}

TEST(AvroEncode, RefusesColumnsOfAnotherType) {
  EXPECT_EQ(error(R"("int")", "VARCHAR"),
            "/f: a column VARCHAR does not go into int: cast it in the SQL, or change the schema");
  EXPECT_THAT(error(R"("float")", "DOUBLE"), testing::HasSubstr("does not go into float"));
  EXPECT_THAT(error(logical("long", "timestamp-micros"), "TIMESTAMP"),
              testing::HasSubstr("does not go into long (timestamp-micros)"));
  EXPECT_THAT(error(R"("long")", "TIMESTAMP"), testing::HasSubstr("does not go into long"));
  EXPECT_EQ(error(R"({"type":"array","items":"int"})", "VARCHAR[]"),
            "/f/items: a column VARCHAR does not go into int: cast it in the SQL, or change the "
            "schema");
  EXPECT_EQ(error(R"(["null","int","string"])", "DOUBLE"),
            "/f: no type of the union takes a column DOUBLE");
}

TEST(AvroEncode, KeysAreTheCanonicalText) {
  const auto schema = avro(R"({"type":"record","name":"r","fields":[
      {"name":"a","type":["null","double"]},{"name":"b","type":"string"}]})");
  Schema columns;
  columns.fields = {{"a", Kind::kDouble}, {"b", Kind::kVarchar}};
  types::BatchBuffer rows(columns);
  for (double one : {1.5, std::nan("")})
    rows.column(0).append(one), rows.column(1).append(StringRef("x"));
  rows.column(0).append_null(), rows.column(1).append(StringRef("y"));
  EXPECT_EQ(encode_avro(schema, columns, rows.view(), {1}).keys,
            (std::vector<std::string>{"x", "x", "y"}));
  const AvroEncoded both = encode_avro(schema, columns, rows.view(), {0, 1});
  EXPECT_EQ(both.keys, (std::vector<std::string>{R"([1.5,"x"])", "-", "-"}));
  ASSERT_EQ(both.failed.size(), 2u);
  EXPECT_EQ(both.failed[0].message, "/a: NaN and infinity cannot be a key");
  EXPECT_EQ(both.failed[1].reason, stream::Reason::kNullKey);
  EXPECT_EQ(make_avro_encoder(schema, columns, {7}).error().message(), "the key column 7 of 2");
}

TEST(AvroEncode, ARefusedRowLeavesItsNeighboursAlone) {
  Schema columns;
  columns.fields = {{"f", Kind::kInt64}};
  types::BatchBuffer rows(columns);
  for (int64_t one : {int64_t{1}, int64_t{1} << 40, int64_t{2}}) rows.column(0).append(one);
  const AvroEncoded encoded = encode_avro(avro(record_of(R"("int")")), columns, rows.view());
  EXPECT_EQ(encoded.values, (std::vector<std::string>{"\2", "", "\4"}));
  ASSERT_EQ(encoded.failed.size(), 1u);
  EXPECT_EQ(encoded.failed[0].row, 1u);
}

}  // namespace
}  // namespace leat::codec::avro_encode_test
