#include "codec/avro_mapping.h"

#include <gmock/gmock.h>

#include "codec/avro_fixture.h"

namespace leat::codec {
namespace {

/// The columns as SQL, `!` behind the required ones; or the error.
std::string columns_of(std::string_view schema) {
  auto columns = avro_columns(avro(schema));
  if (!columns) return columns.error().to_string();
  std::string text;
  for (const types::Field& field : columns->fields) {
    text += fmt::format("{}{} {}{}", text.empty() ? "" : ", ", field.name, field.type.to_sql(),
                        field.required ? "!" : "");
  }
  return text;
}
std::string column_of(std::string_view type) { return columns_of(record_of(type)).substr(2); }

TEST(AvroMapping, Types) {
  EXPECT_EQ(column_of(R"("null")"), "\"NULL\"");
  EXPECT_EQ(column_of(R"("boolean")"), "BOOLEAN!");
  EXPECT_EQ(column_of(R"("int")"), "INTEGER!");
  EXPECT_EQ(column_of(R"("long")"), "BIGINT!");
  EXPECT_EQ(column_of(R"("float")"), "FLOAT!");
  EXPECT_EQ(column_of(R"("double")"), "DOUBLE!");
  EXPECT_EQ(column_of(R"("bytes")"), "BLOB!");
  EXPECT_EQ(column_of(R"("string")"), "VARCHAR!");
  EXPECT_EQ(column_of(R"({"type":"enum","name":"e","symbols":["A"]})"), "VARCHAR!");
  EXPECT_EQ(column_of(R"({"type":"fixed","name":"x","size":5})"), "BLOB!");
  EXPECT_EQ(column_of(R"({"type":"array","items":["null","int"]})"), "INTEGER[]!");
  EXPECT_EQ(column_of(R"({"type":"map","values":"long"})"), "MAP(VARCHAR, BIGINT)!");
  EXPECT_EQ(column_of(R"({"type":"record","name":"s","fields":[{"name":"a","type":"int"}]})"),
            R"(STRUCT("a" INTEGER)!)");
}

TEST(AvroMapping, LogicalTypes) {
  auto logical = [](std::string_view type, std::string_view name, std::string_view rest = "") {
    return column_of(fmt::format(R"({{"type":"{}","logicalType":"{}"{}}})", type, name, rest));
  };
  EXPECT_EQ(logical("string", "uuid"), "UUID!");
  EXPECT_EQ(logical("fixed", "uuid", R"(,"name":"x","size":16)"), "UUID!");
  EXPECT_EQ(logical("bytes", "decimal", R"(,"precision":18,"scale":3)"), "DECIMAL(18,3)!");
  EXPECT_EQ(logical("fixed", "decimal", R"(,"name":"x","size":16,"precision":38)"),
            "DECIMAL(38,0)!");
  EXPECT_EQ(logical("int", "date"), "DATE!");
  EXPECT_EQ(logical("int", "time-millis"), "TIME!");
  EXPECT_EQ(logical("long", "time-micros"), "TIME!");
  for (auto unit : {"millis", "micros", "nanos"}) {
    EXPECT_EQ(logical("long", fmt::format("timestamp-{}", unit)), "TIMESTAMP WITH TIME ZONE!");
    EXPECT_EQ(logical("long", fmt::format("local-timestamp-{}", unit)), "TIMESTAMP!");
  }
  EXPECT_EQ(logical("fixed", "duration", R"(,"name":"x","size":12)"), "INTERVAL!");
  // One whose rules are broken is ignored, as the specification asks.
  EXPECT_EQ(logical("int", "uuid"), "INTEGER!");
  EXPECT_EQ(logical("bytes", "big-decimal"), "BLOB!");
}

TEST(AvroMapping, Unions) {
  EXPECT_EQ(column_of(R"(["null","int"])"), "INTEGER");
  EXPECT_EQ(column_of(R"(["string","null"])"), "VARCHAR");
  EXPECT_EQ(column_of(R"(["int"])"), "INTEGER!");
  EXPECT_EQ(column_of(R"(["null"])"), "\"NULL\"");
  EXPECT_EQ(column_of(R"(["null","long","string"])"), R"(STRUCT("long" BIGINT, "string" VARCHAR))");
  EXPECT_EQ(column_of(R"([{"type":"fixed","name":"a.x","size":1},
                          {"type":"fixed","name":"b.x","size":2},"int"])"),
            R"(STRUCT("a.x" BLOB, "b.x" BLOB, "int" INTEGER)!)");
}

TEST(AvroMapping, ARootThatIsNoRecordIsOneColumn) {
  EXPECT_EQ(columns_of(R"("string")"), "value VARCHAR!");
  EXPECT_EQ(columns_of(R"(["null",{"type":"array","items":"int"}])"), "value INTEGER[]");
}

TEST(AvroMapping, RefusesWhatNoColumnHoldsWithItsPath) {
  EXPECT_EQ(columns_of(R"({"type":"record","name":"n","fields":[{"name":"a","type":"int"},
      {"name":"next","type":["null","n"]}]})"),
            "/next: n contains itself: a column has a fixed depth; leave the field out of the "
            "reader's schema");
  EXPECT_EQ(columns_of(record_of(R"({"type":"array","items":
      {"type":"record","name":"e","fields":[]}})")),
            "/f/items: the record e has no fields: SQL knows no empty STRUCT");
  EXPECT_EQ(columns_of(record_of(R"({"type":"bytes","logicalType":"decimal","precision":39})")),
            "/f: a decimal of 39 digits: a column holds at most 38");
  EXPECT_EQ(columns_of(R"({"type":"record","name":"n","fields":[{"name":"a","type":"int"},
      {"name":"A","type":"int"}]})"),
            "/: two fields are 'a' to SQL, which does not tell case apart: give one of them "
            "another name, and the old one as an alias");
}

TEST(AvroMapping, BoundsDepthAndColumns) {
  std::string deep = R"("int")", wide = R"("int")";
  for (int i = 0; i < 65; ++i) deep = fmt::format(R"({{"type":"array","items":{}}})", deep);
  EXPECT_THAT(column_of(deep), testing::EndsWith("types more than 64 deep"));
  // Each record names the one before it twice: 2^20 columns of a short text.
  for (int i = 0; i < 20; ++i) {
    wide = fmt::format(R"({{"type":"record","name":"r{0}","fields":[{{"name":"a","type":{1}}},
                           {{"name":"b","type":"{2}"}}]}})",
                       i, wide, i == 0 ? "int" : fmt::format("r{}", i - 1));
  }
  EXPECT_THAT(column_of(wide), testing::HasSubstr("more than 10000 columns"));
}

TEST(AvroMapping, WritesASchemaThatGivesTheColumnsBack) {
  types::Schema columns;
  for (auto type :
       {"BOOLEAN", "INTEGER", "BIGINT", "FLOAT", "DOUBLE", "VARCHAR", "BLOB", "UUID", "DATE",
        "TIME", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE", "INTERVAL", "DECIMAL(18,3)", "INTEGER[][]",
        "MAP(VARCHAR, DOUBLE)", R"(STRUCT("a" INTEGER, "b" STRUCT("c" VARCHAR)[]))", "\"NULL\""}) {
    columns.fields.push_back({.name = fmt::format("c{}", columns.fields.size()),
                              .type = types::parse_type(type).value(),
                              .required = columns.fields.size() == 1});
  }
  const std::string text = avro_schema_text(columns, "users.User").value();
  EXPECT_EQ(avro_columns(avro(text)).value(), columns) << text;
  EXPECT_EQ(
      avro_schema_text({{{"a", types::Kind::kInt64, true}, {"b", types::Kind::kVarchar}}}, "r")
          .value(),
      R"({"type":"record","name":"r","fields":[{"name":"a","type":"long"},)"
      R"({"name":"b","type":["null","string"],"default":null}]})");
}

TEST(AvroMapping, NamesOfNestedRecordsNeverMeet) {
  types::Schema columns;
  columns.fields = {{"a", types::parse_type(R"(STRUCT("b_c" STRUCT("x" INTEGER)))").value()},
                    {"a_b", types::parse_type(R"(STRUCT("c" STRUCT("x" VARCHAR)))").value()}};
  EXPECT_EQ(avro_columns(avro(avro_schema_text(columns, "r").value())).value(), columns);
}

TEST(AvroMapping, RefusesColumnsThatAvroLacks) {
  auto refused = [](const char* name, const char* type) {
    auto made = avro_schema_text({{{name, types::parse_type(type).value()}}}, "r");
    return made ? "" : made.error().to_string();
  };
  EXPECT_THAT(refused("first name", "INTEGER"),
              testing::HasSubstr("'first name' is no name in Avro: letters, digits and _"));
  EXPECT_THAT(refused("m", "MAP(INTEGER, INTEGER)"),
              testing::HasSubstr("the keys of its maps are strings"));
}

}  // namespace
}  // namespace leat::codec
