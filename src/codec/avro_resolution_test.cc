// A writer's schema met by another reader's: Avro 1.12 specification, "Schema Resolution", rule by rule.
#include <gmock/gmock.h>

#include "codec/avro_fixture.h"

namespace leat::codec::avro_resolution_test {
namespace {

using Bytes = AvroBytes;

/// A field of the type `writer` read as one of `reader`.
std::string field(std::string_view writer, std::string_view reader, const Bytes& record) {
  const std::string row = read_avro(record_of(writer), record_of(reader), record.bytes);
  return row.starts_with("{\"f\":") ? row.substr(5, row.size() - 6) : row;
}
std::string error(std::string_view writer, std::string_view reader) {
  return plan_error(record_of(writer), record_of(reader));
}
std::string fields(std::string_view inner) {
  return fmt::format(R"({{"type":"record","name":"r","fields":[{}]}})", inner);
}

TEST(AvroResolution, Promotions) {
  EXPECT_EQ(field(R"("int")", R"("long")", Bytes().number(-7)), "-7");
  EXPECT_EQ(field(R"("int")", R"("float")", Bytes().number(7)), "7");
  EXPECT_EQ(field(R"("int")", R"("double")", Bytes().number(7)), "7");
  EXPECT_EQ(field(R"("long")", R"("float")", Bytes().number(7)), "7");
  EXPECT_EQ(field(R"("long")", R"("double")", Bytes().number(7)), "7");
  EXPECT_EQ(field(R"("float")", R"("double")", Bytes().fixed(0.5F)), "0.5");
  EXPECT_EQ(field(R"("string")", R"("bytes")", Bytes().text("ab")), "\"YWI=\"");
  EXPECT_EQ(field(R"("bytes")", R"("string")", Bytes().text("ab")), "\"ab\"");
  EXPECT_EQ(field(R"("bytes")", R"("string")", Bytes().text("\xFF")),
            "invalid_utf8 /f: a string that is not UTF-8");
  // The writer's int is still checked.
  EXPECT_EQ(field(R"("int")", R"("long")", Bytes().number(1LL << 40)),
            "malformed /f: an int has more than 32 bits: 1099511627776");
  for (auto [writer, reader] : {std::pair{R"("long")", R"("int")"},
                                {R"("double")", R"("float")"},
                                {R"("string")", R"("int")"},
                                {R"("null")", R"("int")"}}) {
    EXPECT_THAT(error(writer, reader), testing::HasSubstr("/f: the reader expects"));
  }
}

TEST(AvroResolution, FieldsComeInAnyOrderAndMayBeLeftOut) {
  const std::string writer = fields(R"({"name":"a","type":"int"},{"name":"b","type":"string"},
                                       {"name":"c","type":"int"})");
  const std::string reader = fields(R"({"name":"c","type":"int"},{"name":"a","type":"long"})");
  EXPECT_EQ(read_avro(writer, reader, Bytes().number(1).text("x").number(3).bytes),
            R"({"c":3,"a":1})");
}

TEST(AvroResolution, DefaultsStandForFieldsThatTheWriterLacks) {
  const std::string writer = fields(R"({"name":"a","type":"int"})");
  const std::string reader = fields(R"(
      {"name":"text","type":"string","default":"more than twelve bytes"},
      {"name":"a","type":"int"},
      {"name":"none","type":["null","int"],"default":null},
      {"name":"some","type":["int","null"],"default":-5},
      {"name":"second","type":["null","int"],"default":9},
      {"name":"bytes","type":"bytes","default":"\u0000\u00ff"},
      {"name":"list","type":{"type":"array","items":"long"},"default":[1,9007199254740993]},
      {"name":"map","type":{"type":"map","values":"double"},"default":{"k":1.5}},
      {"name":"kind","type":{"type":"enum","name":"e","symbols":["A","B"]},"default":"B"},
      {"name":"at","type":{"type":"long","logicalType":"timestamp-millis"},"default":1000},
      {"name":"inner","type":{"type":"record","name":"s","fields":[
          {"name":"x","type":"int","default":4},{"name":"y","type":"boolean"}]},
       "default":{"y":true}})");
  EXPECT_EQ(
      read_avro(writer, reader, Bytes().number(1).bytes),
      R"({"text":"more than twelve bytes","a":1,"none":null,"some":-5,"second":9,"bytes":"AP8=",)"
      R"("list":[1,9007199254740993],"map":{"k":1.5},"kind":"B",)"
      R"("at":"1970-01-01T00:00:01.000000Z","inner":{"x":4,"y":true}})");
  EXPECT_EQ(plan_error(writer, fields(R"({"name":"b","type":"int"})")),
            "/: the reader's field 'b' is not in the writer's record r and has no default: give "
            "it one");
}

TEST(AvroResolution, DefaultsOfNestedRecordsInArrays) {
  auto list = [](std::string_view inner) {
    return record_of(fmt::format(
        R"({{"type":"array","items":{{"type":"record","name":"s","fields":[{}]}}}})", inner));
  };
  EXPECT_EQ(read_avro(list(R"({"name":"a","type":"int"})"),
                      list(R"({"name":"a","type":"int"},{"name":"b","type":"int","default":2})"),
                      Bytes().number(2).number(1).number(3).number(0).bytes),
            R"({"f":[{"a":1,"b":2},{"a":3,"b":2}]})");
}

TEST(AvroResolution, ADefaultThatGrowsWithoutEndIsRefused) {
  // Each record holds two of the one before: 2^30 values.
  std::string type =
      R"({"type":"record","name":"r0","fields":[{"name":"x","type":"int","default":1}]})";
  for (int i = 1; i <= 30; ++i) {
    type = fmt::format(
        R"({{"type":"record","name":"r{0}","fields":[{{"name":"a","type":{1},"default":{{}}}},
            {{"name":"b","type":"r{2}","default":{{}}}}]}})",
        i, type, i - 1);
  }
  const auto reader = avro(fields(fmt::format(R"({{"name":"d","type":{},"default":{{}}}})", type)));
  types::Schema columns;
  types::Type narrow = types::Type::structure({{"x", types::Kind::kInt32}});
  for (int i = 1; i <= 30; ++i) narrow = types::Type::structure({{"a", narrow}});
  columns.fields = {{"d", narrow}};
  EXPECT_THAT(make_avro_decoder(avro(fields("")), reader, columns).error().message(),
              testing::StartsWith("the default of 'd' is too large: more than"));
}

TEST(AvroResolution, AliasesNameWhatFieldsAndTypesWereCalled) {
  const std::string writer = R"({"type":"record","name":"old","namespace":"x","fields":[
      {"name":"was","type":"int"},{"name":"b","type":"int"}]})";
  const std::string reader = R"({"type":"record","name":"new","aliases":["x.old"],"fields":[
      {"name":"b","type":"int"},{"name":"is","aliases":["nope","was"],"type":"int"}]})";
  EXPECT_EQ(read_avro(writer, reader, Bytes().number(1).number(2).bytes), R"({"b":2,"is":1})");
  EXPECT_EQ(plan_error(writer, R"({"type":"record","name":"new","fields":[
                {"name":"b","type":"int"}]})"),
            "/: the reader expects new, the writer has x.old");
  // Namespaces do not count.
  EXPECT_EQ(plan_error(writer, R"({"type":"record","name":"y.old","fields":[
                {"name":"b","type":"int"}]})"),
            "");
  EXPECT_THAT(plan_error(writer, R"({"type":"record","name":"old","fields":[
                {"name":"b","type":"int"},{"name":"c","aliases":["b"],"type":"int"}]})"),
              testing::HasSubstr("both take the writer's 'b': drop the alias"));
}

TEST(AvroResolution, Enums) {
  constexpr const char* kWriter = R"({"type":"enum","name":"e","symbols":["A","B","C"]})";
  constexpr const char* kReader = R"({"type":"enum","name":"e","symbols":["C","A"]})";
  EXPECT_EQ(field(kWriter, kReader, Bytes().number(2)), "\"C\"");
  EXPECT_EQ(field(kWriter, kReader, Bytes().number(1)),
            "schema_mismatch /f: the reader's enum e lacks 'B' and has no default");
  EXPECT_EQ(field(kWriter, R"({"type":"enum","name":"e","symbols":["C","A"],"default":"A"})",
                  Bytes().number(1)),
            "\"A\"");
  EXPECT_EQ(field(kWriter, kWriter, Bytes().number(3)),
            "malformed /f: a symbol of an enum of 3 expected, found 3");
}

TEST(AvroResolution, Fixed) {
  constexpr const char* kFour = R"({"type":"fixed","name":"x","size":4})";
  EXPECT_EQ(error(R"({"type":"fixed","name":"x","size":3})", kFour),
            "/f: fixed x has 4 bytes for the reader and 3 for the writer");
  EXPECT_EQ(error(R"({"type":"fixed","name":"y","size":4})", kFour),
            "/f: the reader expects x, the writer has y");
  EXPECT_EQ(error(R"("bytes")", kFour), "/f: the reader expects x, the writer has bytes");
}

TEST(AvroResolution, ArraysAndMapsByTheirItems) {
  EXPECT_EQ(field(R"({"type":"array","items":"int"})", R"({"type":"array","items":"double"})",
                  Bytes().number(1).number(4).number(0)),
            "[4]");
  EXPECT_EQ(error(R"({"type":"map","values":"string"})", R"({"type":"map","values":"int"})"),
            "/f/values: the reader expects int, the writer has string");
}

TEST(AvroResolution, Unions) {
  // Of the writer only: each branch by itself.
  EXPECT_EQ(field(R"(["int","string"])", R"("long")", Bytes().number(0).number(7)), "7");
  EXPECT_EQ(field(R"(["int","string"])", R"("long")", Bytes().number(1).text("x")),
            "schema_mismatch /f: the reader expects long, the writer has string");
  EXPECT_EQ(error(R"(["boolean","string"])", R"("long")"),
            "/f: the reader expects long, the writer has boolean");
  // Of the reader only: the same type first, whatever comes before it.
  EXPECT_EQ(field(R"("int")", R"(["null","long","int"])", Bytes().number(7)),
            R"({"long":null,"int":7})");
  EXPECT_EQ(field(R"("int")", R"(["null","double","long"])", Bytes().number(7)),
            R"({"double":7,"long":null})");
  EXPECT_EQ(field(R"("int")", R"(["null","long"])", Bytes().number(7)), "7");
  EXPECT_EQ(error(R"("boolean")", R"(["null","long"])"),
            "/f: no type of the reader's union takes the writer's boolean");
  // Of both, in another order.
  EXPECT_EQ(field(R"(["null","string"])", R"(["string","null"])", Bytes().number(1).text("x")),
            "\"x\"");
  EXPECT_EQ(field(R"(["null","string"])", R"(["string","null"])", Bytes().number(0)), "null");
  EXPECT_EQ(field(R"(["null","string"])", R"("string")", Bytes().number(0)),
            "schema_mismatch /f: the reader expects string, the writer has null");
  EXPECT_EQ(
      field(R"(["null","string","int"])", R"(["null","string"])", Bytes().number(2).number(1)),
      "schema_mismatch /f: no type of the reader's union takes the writer's int");
}

TEST(AvroResolution, RecordsInUnionsByNameThenByShape) {
  constexpr const char* kA = R"({"type":"record","name":"a","fields":[{"name":"x","type":"int"}]})";
  constexpr const char* kB =
      R"({"type":"record","name":"b","fields":[{"name":"x","type":"int"},
          {"name":"y","type":"int"}]})";
  const std::string reader = fmt::format("[\"null\",{},{}]", kA, kB);
  EXPECT_EQ(field(kB, reader, Bytes().number(1).number(2)), R"({"a":null,"b":{"x":1,"y":2}})");
  EXPECT_EQ(field(fmt::format("[{},{}]", kB, kA), reader, Bytes().number(1).number(3)),
            R"({"a":{"x":3},"b":null})");
  // A branch that the reader cannot read says where.
  EXPECT_EQ(
      field(fmt::format("[\"null\",{}]", kA),
            R"(["null",{"type":"record","name":"a","fields":[{"name":"x","type":"string"}]}])",
            Bytes().number(1).number(3)),
      "schema_mismatch /f: /x: the reader expects string, the writer has int");
}

TEST(AvroResolution, TimesKeepTheirInstant) {
  auto time = [](std::string_view type, std::string_view name) {
    return fmt::format(R"({{"type":"{}","logicalType":"{}"}})", type, name);
  };
  EXPECT_EQ(
      field(time("long", "timestamp-millis"), time("long", "timestamp-micros"), Bytes().number(1)),
      "\"1970-01-01T00:00:00.001000Z\"");
  EXPECT_EQ(field(time("int", "time-millis"), time("long", "time-micros"), Bytes().number(1)),
            "\"00:00:00.001000\"");
  EXPECT_EQ(field(R"("long")", time("long", "timestamp-micros"), Bytes().number(1)),
            "\"1970-01-01T00:00:00.000001Z\"");
  EXPECT_EQ(field(time("long", "timestamp-micros"), R"("long")", Bytes().number(1)), "1");
  EXPECT_EQ(error(time("int", "date"), time("long", "timestamp-micros")),
            "/f: the reader expects long (timestamp-micros), the writer has int (date)");
}

TEST(AvroResolution, DecimalsKeepTheirScale) {
  auto decimal = [](int precision, int scale) {
    return fmt::format(R"({{"type":"bytes","logicalType":"decimal","precision":{},"scale":{}}})",
                       precision, scale);
  };
  EXPECT_EQ(error(decimal(6, 2), decimal(6, 3)),
            "/f: the reader expects a decimal with 3 digits behind the point, the writer has 2");
  EXPECT_EQ(field(decimal(6, 2), decimal(4, 2), Bytes().text("\x7f")), "1.27");
  EXPECT_THAT(field(decimal(6, 2), decimal(4, 2), Bytes().text("\x7f\x7f")),
              testing::StartsWith("out_of_range /f: a decimal"));
}

TEST(AvroResolution, AUnionAtTheRoot) {
  const std::string record = fields(R"({"name":"a","type":"int"})");
  const std::string writer = fmt::format("[\"null\",{}]", record);
  EXPECT_EQ(read_avro(writer, record, Bytes().number(1).number(5).bytes), R"({"a":5})");
  EXPECT_EQ(read_avro(writer, record, Bytes().number(0).bytes),
            "schema_mismatch the reader expects r, the writer has null");
  EXPECT_EQ(read_avro(writer, writer, Bytes().number(1).number(5).bytes), R"({"value":{"a":5}})");
  EXPECT_EQ(read_avro(R"("int")", R"("long")", Bytes().number(5).bytes), R"({"value":5})");
}

}  // namespace
}  // namespace leat::codec::avro_resolution_test
