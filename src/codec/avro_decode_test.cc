#include "codec/avro_decode.h"

#include <gmock/gmock.h>

#include <cmath>
#include <limits>

#include "base/limits.h"
#include "codec/avro_fixture.h"
#include "types/temporal.h"

namespace leat::codec {
namespace {

using Bytes = AvroBytes;

/// What the one field reads, or the reject.
std::string field(std::string_view type, const Bytes& record) {
  const std::string row = read_avro(record_of(type), record);
  return row.starts_with("{\"f\":") ? row.substr(5, row.size() - 6) : row;
}
std::string logical(std::string_view type, std::string_view name, const Bytes& record,
                    std::string_view rest = "") {
  return field(fmt::format(R"({{"type":"{}","logicalType":"{}"{}}})", type, name, rest), record);
}

TEST(AvroDecode, Primitives) {
  EXPECT_EQ(field(R"("null")", Bytes()), "null");
  EXPECT_EQ(field(R"("boolean")", Bytes().raw("\1")), "true");
  EXPECT_EQ(field(R"("boolean")", Bytes().raw({"\0", 1})), "false");
  EXPECT_EQ(field(R"("string")", Bytes().text("Zoë")), "\"Zoë\"");
  EXPECT_EQ(field(R"("string")", Bytes().text("")), "\"\"");
  EXPECT_EQ(field(R"("string")", Bytes().text("exactly12byt")), "\"exactly12byt\"");
  EXPECT_EQ(field(R"("string")", Bytes().text("more than twelve bytes")),
            "\"more than twelve bytes\"");
  EXPECT_EQ(field(R"("bytes")", Bytes().text({"\0\1\xFF", 3})), "\"AAH/\"");
  EXPECT_EQ(field(R"({"type":"fixed","name":"x","size":2})", Bytes().raw("\1\2")), "\"AQI=\"");
  EXPECT_EQ(field(R"({"type":"enum","name":"e","symbols":["A","LONGER_THAN_TWELVE"]})",
                  Bytes().number(1)),
            "\"LONGER_THAN_TWELVE\"");
}

TEST(AvroDecode, IntegersAreExact) {
  for (int64_t value :
       {int64_t{0}, int64_t{-1}, int64_t{63}, int64_t{64}, int64_t{-65}, (int64_t{1} << 53) + 1,
        std::numeric_limits<int64_t>::max(), std::numeric_limits<int64_t>::min()})
    EXPECT_EQ(field(R"("long")", Bytes().number(value)), std::to_string(value));
  EXPECT_EQ(field(R"("int")", Bytes().number(INT32_MIN)), "-2147483648");
  EXPECT_EQ(field(R"("int")", Bytes().number(INT32_MAX)), "2147483647");
  EXPECT_EQ(field(R"("int")", Bytes().number(INT32_MAX + 1LL)),
            "malformed /f: an int has more than 32 bits: 2147483648");
  // As the specification's table has them.
  EXPECT_EQ(Bytes().number(-64).bytes, "\x7f");
  EXPECT_EQ(Bytes().number(64).bytes, "\x80\x01");
  // Longer than need be, and longer than can be.
  EXPECT_EQ(field(R"("long")", Bytes().raw({"\x82\x80\x00", 3})), "1");
  EXPECT_EQ(field(R"("long")", Bytes().raw("\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x02")),
            "malformed /f: a long has more than 64 bits");
}

TEST(AvroDecode, RealsKeepEveryBit) {
  const auto schema = avro(R"({"type":"record","name":"r","fields":[
      {"name":"f","type":"float"},{"name":"d","type":"double"}]})");
  const auto columns = avro_columns(schema).value();
  for (double value : {0.0, -0.0, 1.5, std::numeric_limits<double>::denorm_min(),
                       std::numeric_limits<double>::infinity(), std::nan("")}) {
    const std::string record = Bytes().fixed(static_cast<float>(value)).fixed(value).bytes;
    auto decoder = make_avro_decoder(schema, schema, columns).value();
    stream::RecordBatch batch;
    batch.records.emplace_back().value = record;
    types::BatchBuffer out(columns);
    std::vector<uint32_t> rows;
    std::vector<stream::Reject> rejects;
    decoder->decode(batch, out, rows, rejects);
    const types::Batch view = out.view();
    EXPECT_EQ(encode_avro(schema, columns, view).values[0], record) << value;
  }
}

TEST(AvroDecode, LogicalTypes) {
  EXPECT_EQ(logical("string", "uuid", Bytes().text("D830554E-b128-4f9f-af4e-0658b4173d52")),
            "\"d830554e-b128-4f9f-af4e-0658b4173d52\"");
  EXPECT_EQ(logical("fixed", "uuid",
                    Bytes().raw("\xd8\x30\x55\x4e\xb1\x28\x4f\x9f\xaf\x4e\x06\x58\xb4\x17\x3d\x52"),
                    R"(,"name":"x","size":16)"),
            "\"d830554e-b128-4f9f-af4e-0658b4173d52\"");
  EXPECT_EQ(logical("int", "date", Bytes().number(-1)), "\"1969-12-31\"");
  EXPECT_EQ(logical("int", "time-millis", Bytes().number(1)), "\"00:00:00.001000\"");
  EXPECT_EQ(logical("long", "time-micros", Bytes().number(86'400'000'000)), "\"24:00:00.000000\"");
  EXPECT_EQ(logical("long", "timestamp-millis", Bytes().number(-1)),
            "\"1969-12-31T23:59:59.999000Z\"");
  EXPECT_EQ(logical("long", "timestamp-micros", Bytes().number(1)),
            "\"1970-01-01T00:00:00.000001Z\"");
  EXPECT_EQ(logical("long", "timestamp-nanos", Bytes().number(-1000)),
            "\"1969-12-31T23:59:59.999999Z\"");
  EXPECT_EQ(logical("long", "local-timestamp-millis", Bytes().number(0)),
            "\"1970-01-01T00:00:00.000000\"");
  EXPECT_EQ(logical("fixed", "duration",
                    Bytes().fixed(uint32_t{14}).fixed(uint32_t{3}).fixed(uint32_t{4500}),
                    R"(,"name":"x","size":12)"),
            "\"P1Y2M3DT4.500000S\"");
  EXPECT_EQ(logical("string", "uuid", Bytes().text("no")),
            "wrong_type /f: expected a string that is a UUID, found \"no\"");
}

TEST(AvroDecode, TimesAtTheEdges) {
  constexpr int64_t kMost = std::numeric_limits<int64_t>::max();
  EXPECT_EQ(logical("long", "timestamp-micros", Bytes().number(kMost - 1)),
            "\"+294247-01-10T04:00:54.775806Z\"");
  // The last one is DuckDB's infinity, and no instant.
  EXPECT_EQ(logical("long", "timestamp-micros", Bytes().number(kMost)),
            "out_of_range /f: 9223372036854775807 does not fit TIMESTAMP WITH TIME ZONE");
  EXPECT_EQ(logical("long", "timestamp-micros", Bytes().number(-kMost - 1)),
            "out_of_range /f: -9223372036854775808 does not fit TIMESTAMP WITH TIME ZONE");
  EXPECT_EQ(logical("long", "timestamp-millis", Bytes().number(kMost / 1000)),
            "\"+294247-01-10T04:00:54.775000Z\"");
  EXPECT_EQ(logical("long", "timestamp-millis", Bytes().number(kMost / 1000 + 1)),
            "out_of_range /f: 9223372036854776 does not fit TIMESTAMP WITH TIME ZONE");
  EXPECT_EQ(logical("long", "timestamp-nanos", Bytes().number(1)),
            "out_of_range /f: 1 ns is no whole microsecond, of which TIMESTAMP WITH TIME ZONE is "
            "made; read it as BIGINT");
  EXPECT_EQ(logical("long", "time-micros", Bytes().number(-1)),
            "out_of_range /f: -1 does not fit TIME");
  EXPECT_EQ(logical("int", "time-millis", Bytes().number(86'400'001)),
            "out_of_range /f: 86400001 does not fit TIME");
  EXPECT_EQ(logical("int", "date", Bytes().number(INT32_MAX)),
            "out_of_range /f: 2147483647 does not fit DATE");
  EXPECT_EQ(logical("fixed", "duration",
                    Bytes().fixed(uint32_t{1} << 31).fixed(uint32_t{0}).fixed(UINT32_MAX),
                    R"(,"name":"x","size":12)"),
            "out_of_range /f: 2147483648 months and 0 days do not fit INTERVAL");
}

TEST(AvroDecode, Decimals) {
  auto decimal = [](std::string_view bytes, int precision, int scale) {
    return logical("bytes", "decimal", Bytes().text(bytes),
                   fmt::format(R"(,"precision":{},"scale":{})", precision, scale));
  };
  EXPECT_EQ(decimal({"\0", 1}, 4, 2), "0.00");
  EXPECT_EQ(decimal("\x7f", 4, 2), "1.27");
  EXPECT_EQ(decimal("\x80", 4, 2), "-1.28");
  EXPECT_EQ(decimal("\x27\x0f", 4, 0), "9999");
  EXPECT_EQ(decimal("\x27\x10", 4, 0),
            "out_of_range /f: a decimal of 2 bytes with more digits than DECIMAL(4,0)");
  EXPECT_EQ(decimal("\xd8\xf1", 4, 0), "-9999");
  // 10^38 - 1, and with more bytes of sign than it needs.
  constexpr std::string_view kMost =
      "\x4b\x3b\x4c\xa8\x5a\x86\xc4\x7a\x09\x8a\x22\x3f\xff\xff\xff\xff";
  EXPECT_EQ(decimal(kMost, 38, 0), "99999999999999999999999999999999999999");
  EXPECT_EQ(decimal(std::string(4, '\0') + std::string(kMost), 38, 38),
            "0.99999999999999999999999999999999999999");
  EXPECT_EQ(decimal(std::string(20, '\xFF'), 38, 0), "-1");
  EXPECT_EQ(decimal("\1" + std::string(16, '\0'), 38, 0),
            "out_of_range /f: a decimal of 17 bytes with more digits than DECIMAL(38,0)");
  EXPECT_EQ(decimal("", 4, 2), "malformed /f: a decimal of 0 bytes");
  EXPECT_EQ(logical("fixed", "decimal", Bytes().raw("\xFF\xFF\x80"),
                    R"(,"name":"x","size":3,"precision":5,"scale":1)"),
            "-12.8");
}

TEST(AvroDecode, ArraysAndMapsInBlocks) {
  constexpr std::string_view kArray = R"({"type":"array","items":"int"})";
  EXPECT_EQ(field(kArray, Bytes().number(0)), "[]");
  EXPECT_EQ(field(kArray, Bytes().number(2).number(7).number(8).number(1).number(9).number(0)),
            "[7,8,9]");
  EXPECT_EQ(field(kArray, Bytes().number(-2).number(2).number(7).number(8).number(0)), "[7,8]");
  EXPECT_EQ(field(kArray, Bytes().number(-2).number(1).number(7).number(8).number(0)),
            "malformed /f: a block says that it has 1 bytes, and has 2");
  EXPECT_EQ(field(kArray, Bytes().number(-2).number(9).number(7).number(8).number(0)),
            "malformed /f: a block of 9 bytes expected, 3 left");
  constexpr std::string_view kMap = R"({"type":"map","values":["null","int"]})";
  EXPECT_EQ(
      field(kMap, Bytes().number(2).text("a").number(1).number(7).text("b").number(0).number(0)),
      R"({"a":7,"b":null})");
  EXPECT_EQ(field(kMap, Bytes().number(2).text("a").number(0).text("a").number(0).number(0)),
            "duplicate_key /f/a: the key comes twice");
  EXPECT_EQ(field(R"({"type":"array","items":{"type":"map","values":"string"}})",
                  Bytes().number(1).number(1).text("k").text("v").number(0).number(0)),
            R"([{"k":"v"}])");
}

TEST(AvroDecode, UnionsOfSeveralAreStructs) {
  constexpr std::string_view kUnion = R"(["null","long",{"type":"array","items":"string"}])";
  EXPECT_EQ(field(kUnion, Bytes().number(0)), "null");
  EXPECT_EQ(field(kUnion, Bytes().number(1).number(7)), R"({"long":7,"array":null})");
  EXPECT_EQ(field(kUnion, Bytes().number(2).number(1).text("x").number(0)),
            R"({"long":null,"array":["x"]})");
  EXPECT_EQ(field(kUnion, Bytes().number(3)),
            "malformed /f: a branch of a union of 3 expected, found 3");
  EXPECT_EQ(field(kUnion, Bytes().number(-1)),
            "malformed /f: a branch of a union of 3 expected, found -1");
}

constexpr std::string_view kPerson = R"({"type":"record","name":"p","fields":[
    {"name":"id","type":"long"},
    {"name":"address","type":{"type":"record","name":"a","fields":[
        {"name":"zip","type":"string"},{"name":"lines","type":{"type":"array","items":"string"}}]}},
    {"name":"tags","type":{"type":"map","values":"double"}},
    {"name":"note","type":["null","string"]}]})";

std::string person(int64_t id) {
  return Bytes()
      .number(id)
      .text("AB1")
      .number(1)
      .text("a line that is long")
      .number(0)
      .number(1)
      .text("t")
      .fixed(0.5)
      .number(0)
      .number(1)
      .text("note")
      .bytes;
}

TEST(AvroDecode, RejectsSayPathAndReason) {
  EXPECT_EQ(read_avro(kPerson, Bytes().number(1).number(3).raw("A")),
            "malformed /address/zip: 3 bytes of string expected, 1 left");
  EXPECT_EQ(read_avro(kPerson, Bytes().number(1).number(-3)),
            "malformed /address/zip: string of -3 bytes");
  EXPECT_EQ(read_avro(kPerson, Bytes()), "malformed /id: a long expected, 0 bytes left");
  EXPECT_EQ(read_avro(kPerson, Bytes().raw("\x80")),
            "malformed /id: a long is cut off after 1 bytes");
  EXPECT_EQ(read_avro(kPerson, Bytes().number(1).text("z").number(2).text("a").text("\xFF")),
            "invalid_utf8 /address/lines/1: a string that is not UTF-8");
  EXPECT_EQ(
      read_avro(kPerson, Bytes().raw(person(1)).raw("xyz")),
      "malformed 3 bytes behind the record's end: another schema wrote it, or something else");
  const auto schema = avro(kPerson);
  EXPECT_EQ(one_row(decode_avro(schema, schema, avro_columns(schema).value(), {std::nullopt})),
            "null_value the record has no value");
}

TEST(AvroDecode, EveryPrefixOfARecordIsRefused) {
  const std::string whole = person(-5);
  EXPECT_EQ(read_avro(kPerson, Bytes().raw(whole)),
            R"({"id":-5,"address":{"zip":"AB1","lines":["a line that is long"]},"tags":{"t":0.5},)"
            R"("note":"note"})");
  const auto schema = avro(kPerson);
  types::Schema none;
  for (size_t size = 0; size < whole.size(); ++size) {
    const std::string_view part = std::string_view(whole).substr(0, size);
    EXPECT_EQ(decode_avro(schema, schema, avro_columns(schema).value(), {part}).rejects.size(), 1u);
    EXPECT_EQ(decode_avro(schema, schema, none, {part}).rejects.size(), 1u);
  }
}

TEST(AvroDecode, ABadRecordLeavesItsNeighboursAlone) {
  const auto schema = avro(kPerson);
  const std::string good = person(1), also = person(2);
  for (size_t size = 0; size < good.size(); ++size) {
    const auto decoded = decode_avro(schema, schema, avro_columns(schema).value(),
                                     {good, std::string_view(good).substr(0, size), also});
    ASSERT_EQ(decoded.indices, (std::vector<uint32_t>{0, 2}));
    EXPECT_EQ(decoded.rows[0], read_avro(kPerson, Bytes().raw(good)));
    EXPECT_EQ(decoded.rows[1], read_avro(kPerson, Bytes().raw(also)));
  }
}

TEST(AvroDecode, ReadsOnlyTheColumnsThatAreAskedFor) {
  const auto schema = avro(kPerson);
  types::Schema columns;
  columns.fields = {{"note", types::Kind::kVarchar},
                    {"address", types::parse_type(R"(STRUCT("lines" VARCHAR[]))").value()}};
  EXPECT_EQ(one_row(decode_avro(schema, schema, columns, {person(3)})),
            R"({"note":"note","address":{"lines":["a line that is long"]}})");
  EXPECT_EQ(decode_avro(schema, schema, types::Schema(), {person(3), person(4)}).indices.size(),
            2u);
  columns.fields = {{"nope", types::Kind::kVarchar}};
  EXPECT_EQ(make_avro_decoder(schema, schema, columns).error().to_string(),
            "/: p has no field 'nope'");
  columns.fields = {{"id", types::Kind::kVarchar}};
  EXPECT_EQ(make_avro_decoder(schema, schema, columns).error().to_string(),
            "/id: a column VARCHAR cannot hold long");
}

TEST(AvroDecode, ALogicalTypeIsReadAsWhatItIsMadeOf) {
  const auto schema = avro(record_of(R"({"type":"long","logicalType":"timestamp-nanos"})"));
  types::Schema columns;
  columns.fields = {{"f", types::Kind::kInt64}};
  EXPECT_EQ(one_row(decode_avro(schema, schema, columns, {Bytes().number(1).bytes})), R"({"f":1})");
}

TEST(AvroDecode, ARequiredColumnTakesNoNull) {
  const auto schema = avro(record_of(R"(["null","int"])"));
  types::Schema columns;
  columns.fields = {{"f", types::Kind::kInt32, true}};
  EXPECT_EQ(one_row(decode_avro(schema, schema, columns, {Bytes().number(0).bytes})),
            "missing_field /f: required, but null");
}

TEST(AvroDecode, RecursiveTypesAreSteppedOver) {
  constexpr std::string_view kNode = R"({"type":"record","name":"n","fields":[
      {"name":"next","type":["null","n"]},{"name":"id","type":"int"}]})";
  const auto schema = avro(kNode);
  types::Schema columns;
  columns.fields = {{"id", types::Kind::kInt32}};
  auto chain = [](int depth) {
    Bytes bytes;
    for (int i = 0; i < depth; ++i) bytes.number(1);
    bytes.number(0);
    for (int i = 0; i <= depth; ++i) bytes.number(i);
    return bytes.bytes;
  };
  EXPECT_EQ(one_row(decode_avro(schema, schema, columns, {chain(5)})), R"({"id":5})");
  EXPECT_EQ(one_row(decode_avro(schema, schema, columns, {chain(100'000)})),
            "too_deep /next: values inside values beyond 64");
}

TEST(AvroDecode, BombsAreRefusedInFlatMemory) {
  // 10^9 nulls in six bytes: read, stepped over, and beside nothing.
  const std::string nulls = Bytes().number(1'000'000'000).number(0).bytes;
  constexpr std::string_view kNulls = R"({"type":"array","items":"null"})";
  EXPECT_EQ(
      field(kNulls, Bytes().raw(nulls)),
      "too_large /f: 1000000000 more items: those of one record fill at most 134217728 bytes");
  const auto schema = avro(record_of(kNulls));
  EXPECT_EQ(decode_avro(schema, schema, types::Schema(), {nulls}).rows.size(), 1u);
  EXPECT_EQ(field(R"({"type":"array","items":"int"})", Bytes().raw(nulls)),
            "malformed /f: 1000000000 items expected, 1 bytes left");
  EXPECT_EQ(field(kNulls, Bytes().number(INT64_MIN).number(0).number(0)),
            "too_large /f: 9223372036854775808 more items: those of one record fill at most "
            "134217728 bytes");
  // Many blocks of what is allowed by itself.
  Bytes blocks;
  for (int i = 0; i < 10; ++i) blocks.number(20'000'000);
  EXPECT_THAT(field(kNulls, blocks.number(0)), testing::StartsWith("too_large /f: 20000000 more"));
  // A byte for an item, and a hundred columns of each.
  std::string wide;
  for (int i = 0; i < 100; ++i)
    wide += fmt::format(R"({}{{"name":"c{}","type":"double"}})", i ? "," : "", i);
  const std::string type = fmt::format(
      R"({{"type":"array","items":["null",{{"type":"record","name":"w","fields":[{}]}}]}})", wide);
  Bytes items;
  items.number(1'000'000).raw(std::string(1'000'000, '\0')).number(0);
  EXPECT_THAT(field(type, items), testing::StartsWith("too_large /f: 1000000 more items"));
  EXPECT_EQ(field(R"("string")", Bytes().number(INT64_MAX).raw("x")),
            "malformed /f: 9223372036854775807 bytes of string expected, 1 left");
}

TEST(AvroDecode, SymbolsAndDefaultsAreNoBombsEither) {
  const std::string type =
      fmt::format(R"({{"type":"array","items":{{"type":"enum","name":"e","symbols":["{}"]}}}})",
                  std::string(10'000, 'A'));
  const std::string items = Bytes().number(100'000).raw(std::string(100'000, '\0')).number(0).bytes;
  EXPECT_EQ(field(type, Bytes().raw(items)),
            "too_large /f/13261: symbols and defaults of one record fill at most 134217728 bytes");
  auto list = [](std::string_view rest) {
    return record_of(fmt::format(
        R"({{"type":"array","items":{{"type":"record","name":"s","fields":[
            {{"name":"a","type":"boolean"}}{}]}}}})",
        rest));
  };
  EXPECT_THAT(read_avro(list(""),
                        list(fmt::format(R"(,{{"name":"b","type":"string","default":"{}"}})",
                                         std::string(10'000, 'A'))),
                        items),
              testing::StartsWith("too_large /f/"));
}

TEST(AvroDecode, TooLargeARecordIsNotReadAtAll) {
  const std::string record = Bytes().text(std::string(limits::kMaxRecordBytes, 'x')).bytes;
  EXPECT_EQ(
      field(R"("string")", Bytes().raw(record)),
      fmt::format("too_large {} bytes, more than {}", record.size(), limits::kMaxRecordBytes));
}

TEST(AvroDecode, BorrowedTextPointsIntoTheRecord) {
  const auto schema = avro(kPerson);
  const auto columns = avro_columns(schema).value();
  EXPECT_EQ(decode_avro(schema, schema, columns, {person(1)}, {.borrow = true}).rows,
            decode_avro(schema, schema, columns, {person(1)}).rows);
}

}  // namespace
}  // namespace leat::codec
