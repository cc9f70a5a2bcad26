#include "codec/proto_decode.h"

#include <gmock/gmock.h>

#include "base/limits.h"
#include "codec/proto_fixture.h"
#include "codec/proto_shape.h"

namespace leat::codec::proto_decode_test {
namespace {

using Bytes = ProtoText;

constexpr std::string_view kRest =
    "enum E { A = 0; LONG_NAME_OF_B = 5; } message N { int32 x = 1; string s = 2; repeated int32 l "
    "= 3; }"
    "message None {}";

/// The value of one field of number 1 as JSON, or "reason message".
std::string field(std::string_view type, const Bytes& message) {
  std::string row = read_proto(proto_m(fmt::format("{} f = 1;", type), kRest), message);
  if (row.starts_with("{\"f\":")) row = row.substr(5, row.size() - 6);
  return row;
}

TEST(ProtoDecode, Scalars) {
  EXPECT_EQ(field("bool", Bytes().number(1, 2)), "true");
  EXPECT_EQ(field("int32", Bytes().number(1, ~uint64_t{0})), "-1");
  EXPECT_EQ(field("int32", Bytes().number(1, uint64_t{1} << 32 | 7)), "7");
  EXPECT_EQ(field("sint32", Bytes().number(1, 1)), "-1");
  EXPECT_EQ(field("uint64", Bytes().number(1, ~uint64_t{0})), "18446744073709551615");
  EXPECT_EQ(field("sfixed32", Bytes().fixed(1, int32_t{-5})), "-5");
  EXPECT_EQ(field("double", Bytes().fixed(1, 0.5)), "0.5");
  EXPECT_EQ(field("float", Bytes().fixed(1, 0.25F)), "0.25");
  EXPECT_EQ(field("string", Bytes().text(1, "Zoë, and a longer one")), "\"Zoë, and a longer one\"");
  EXPECT_EQ(field("bytes", Bytes().text(1, "\xFF")), "\"/w==\"");
  EXPECT_EQ(field("E", Bytes().number(1, 5)), "\"LONG_NAME_OF_B\"");
  EXPECT_EQ(field("E", Bytes().number(1, static_cast<uint64_t>(int64_t{-2147483648}))),
            "\"-2147483648\"");
}

TEST(ProtoDecode, WhatIsAbsent) {
  EXPECT_EQ(field("int64", Bytes()), "0");
  EXPECT_EQ(field("string", Bytes()), "\"\"");
  EXPECT_EQ(field("E", Bytes()), "\"A\"");
  EXPECT_EQ(field("optional int64", Bytes()), "null");
  EXPECT_EQ(field("N", Bytes()), "null");
  EXPECT_EQ(field("N", Bytes().text(1, "")), R"({"x":0,"s":"","l":[]})");
  EXPECT_EQ(field("None", Bytes()), "null");
  EXPECT_EQ(field("None", Bytes().text(1, "")), "true");
  EXPECT_EQ(field("repeated int32", Bytes()), "[]");
  EXPECT_EQ(field("map<int32, N>", Bytes()), "{}");
  EXPECT_EQ(field("map<int32, N>", Bytes().text(1, "")), R"({"0":{"x":0,"s":"","l":[]}})");
}

TEST(ProtoDecode, OfSeveralTheLastOneOrTheMergedOne) {
  EXPECT_EQ(field("int32", Bytes().number(1, 1).number(1, 2)), "2");
  EXPECT_EQ(field("string", Bytes().text(1, "a").text(1, "b")), "\"b\"");
  EXPECT_EQ(field("N", Bytes()
                           .message(1, Bytes().number(1, 7).text(2, "a").number(3, 1))
                           .message(1, Bytes().text(2, "b").number(3, 2))),
            R"({"x":7,"s":"b","l":[1,2]})");
  EXPECT_EQ(field("map<string, N>",
                  Bytes()
                      .message(1, Bytes().text(1, "k").message(2, Bytes().number(1, 7)))
                      .message(1, Bytes().text(1, "j"))
                      .message(1, Bytes().text(1, "k").message(2, Bytes().text(2, "b")))),
            R"({"j":{"x":0,"s":"","l":[]},"k":{"x":0,"s":"b","l":[]}})");
}

TEST(ProtoDecode, ListsPackedOrNot) {
  EXPECT_EQ(field("repeated int32", Bytes().number(1, 1).text(1, "\2\3").number(1, 4)),
            "[1,2,3,4]");
  EXPECT_EQ(field("repeated fixed32", Bytes().fixed(1, uint32_t{7}).text(1, "abcd").text(1, "")),
            "[7,1684234849]");
  EXPECT_EQ(field("repeated fixed32", Bytes().text(1, "abcde")),
            "malformed /f/1: 4 bytes of a number expected, 1 left");
}

TEST(ProtoDecode, AOneofHasItsLastMember) {
  const auto file = proto_m("oneof o { int32 a = 1; N n = 2; string s = 3; E e = 4; }", kRest);
  auto read = [&](const Bytes& bytes) { return read_proto(file, bytes); };
  EXPECT_EQ(read(Bytes().number(1, 0)), R"({"a":0,"n":null,"s":null,"e":null})");
  EXPECT_EQ(read(Bytes().number(1, 1).text(3, "x").number(1, 2)),
            R"({"a":2,"n":null,"s":null,"e":null})");
  EXPECT_EQ(read(Bytes()
                     .message(2, Bytes().number(1, 7))
                     .number(1, 1)
                     .message(2, Bytes().text(2, "s"))
                     .message(2, Bytes().number(3, 1))),
            R"({"a":null,"n":{"x":0,"s":"s","l":[1]},"s":null,"e":null})");
  // A member that nobody reads puts an end to one that is read.
  types::Schema columns;
  columns.fields = {{"a", types::Kind::kInt32}};
  EXPECT_EQ(
      one_row(decode_proto(file, file, "", columns, {Bytes().number(1, 1).text(3, "x").record()})),
      R"({"a":null})");
}

TEST(ProtoDecode, Proto2) {
  const auto file = proto2(
      "enum E { A = 0; B = 2; } message M { required int32 r = 1; optional string d = 2 [default = "
      "\"a default of some length\"]; optional E e = 3; repeated E l = 4; map<int32, E> m = 5;"
      "optional E f = 6 [default = B]; optional group G = 7 { optional int32 x = 1; } }");
  EXPECT_EQ(read_proto(file, Bytes()), "missing_field /r: required, but absent");
  EXPECT_EQ(read_proto(file, Bytes().number(1, 1)),
            R"({"r":1,"d":"a default of some length","e":null,"l":[],"m":{},"f":"B"})");
  // Numbers without a name are not there.
  EXPECT_EQ(
      read_proto(file, Bytes()
                           .number(1, 1)
                           .number(3, 2)
                           .number(3, 9)
                           .number(4, 9)
                           .text(4, std::string_view("\2\x09\0", 3))
                           .message(5, Bytes().number(1, 1).number(2, 9))
                           .message(5, Bytes().number(1, 2).number(2, 0))
                           .number(6, 9)
                           .tag(7, ProtoWire::kGroup)
                           .number(1, 5)
                           .tag(7, ProtoWire::kGroupEnd)),
      R"({"r":1,"d":"a default of some length","e":"B","l":["B","A"],"m":{"2":"A"},"f":"B"})");
}

TEST(ProtoDecode, TimesOfTheLibrary) {
  auto time = [](std::string_view type, uint64_t seconds, uint64_t nanos) {
    return field(type, Bytes().message(1, Bytes().number(1, seconds).number(2, nanos)));
  };
  constexpr std::string_view kTimestamp = "google.protobuf.Timestamp";
  constexpr std::string_view kDuration = "google.protobuf.Duration";
  EXPECT_EQ(time(kTimestamp, 0, 1000), "\"1970-01-01T00:00:00.000001Z\"");
  EXPECT_EQ(time(kTimestamp, ~uint64_t{0}, 999'999'000), "\"1969-12-31T23:59:59.999999Z\"");
  EXPECT_EQ(time(kTimestamp, 0, 1),
            "out_of_range /f: 1 ns is no whole microsecond, of which TIMESTAMP WITH TIME ZONE is "
            "made; read it as the STRUCT of its fields");
  EXPECT_EQ(time(kTimestamp, 0, 1'000'000'000),
            "out_of_range /f: 0 s and 1000000000 ns do not fit TIMESTAMP WITH TIME ZONE");
  EXPECT_EQ(time(kTimestamp, INT64_MAX, 0),
            "out_of_range /f: 9223372036854775807 s and 0 ns do not fit TIMESTAMP WITH TIME ZONE");
  EXPECT_EQ(time(kDuration, 3661, 500'000'000), "\"PT1H1M1.500000S\"");
  EXPECT_EQ(time(kDuration, 0, static_cast<uint64_t>(int64_t{-1000})), "\"PT-0.000001S\"");
  const auto file = proto_m("google.protobuf.Timestamp f = 1;");
  types::Schema columns;
  columns.fields = {{"f", types::parse_type("STRUCT(seconds BIGINT, nanos INTEGER)").value()}};
  EXPECT_EQ(one_row(decode_proto(file, file, "", columns,
                                 {Bytes().message(1, Bytes().number(2, 1)).record()})),
            R"({"f":{"seconds":0,"nanos":1}})");
}

TEST(ProtoDecode, DatesTimesOfDayAndDecimals) {
  EXPECT_EQ(field("google.type.Date",
                  Bytes().message(1, Bytes().number(1, 2024).number(2, 2).number(3, 29))),
            "\"2024-02-29\"");
  EXPECT_EQ(field("google.type.Date",
                  Bytes().message(1, Bytes().number(1, 2023).number(2, 2).number(3, 29))),
            "out_of_range /f: year 2023, month 2, day 29 are no date");
  EXPECT_EQ(field("google.type.TimeOfDay", Bytes().message(1, Bytes().number(1, 24))),
            "\"24:00:00.000000\"");
  EXPECT_EQ(field("google.type.TimeOfDay", Bytes().message(1, Bytes().number(1, 24).number(4, 1))),
            "out_of_range /f: 24 h, 0 min, 0 s and 1 ns are no time of a day");
  auto decimal = [](std::string_view bytes, uint64_t scale) {
    return field("confluent.type.Decimal",
                 Bytes().message(1, Bytes().text(1, bytes).number(2, 5).number(3, scale)));
  };
  EXPECT_EQ(decimal("\x04\xd2", 2), "12.340000000");
  EXPECT_EQ(decimal("\xff", 0), "-1.000000000");
  EXPECT_EQ(decimal("\x0a", 10), "0.000000001");
  EXPECT_EQ(decimal("\x0b", 10),
            "out_of_range /f: a decimal of 1 bytes, scale 10, has more digits than DECIMAL(38,9)");
  EXPECT_EQ(decimal("\x01", static_cast<uint64_t>(int64_t{INT32_MIN})),
            "out_of_range /f: a decimal of 1 bytes, scale -2147483648, has more digits than "
            "DECIMAL(38,9)");
}

TEST(ProtoDecode, WrappersAndJson) {
  EXPECT_EQ(field("google.protobuf.Int64Value", Bytes()), "null");
  EXPECT_EQ(field("google.protobuf.Int64Value", Bytes().text(1, "")), "0");
  EXPECT_EQ(field("google.protobuf.StringValue", Bytes().message(1, Bytes().text(1, "x"))),
            "\"x\"");
  const Bytes list = std::move(Bytes()
                                   .message(1, Bytes().number(1, 0))
                                   .message(1, Bytes().fixed(2, 1.5))
                                   .message(1, Bytes().text(3, "\"\n"))
                                   .message(1, Bytes().number(4, 1))
                                   .message(1, Bytes().text(5, ""))
                                   .message(1, Bytes()));
  EXPECT_EQ(field("google.protobuf.ListValue", Bytes().message(1, list)),
            R"([null,1.5,"\"\n",true,{},null])");
  auto entry = [](std::string_view key, const Bytes& value) {
    return std::move(Bytes().text(1, key).message(2, value));
  };
  EXPECT_EQ(field("google.protobuf.Struct",
                  Bytes()
                      .message(1, Bytes().message(1, entry("a", Bytes().number(4, 0))))
                      .message(1, Bytes()
                                      .message(1, entry("b", Bytes().message(6, list)))
                                      .message(1, entry("a", Bytes().fixed(2, 3.0))))),
            R"({"b":[null,1.5,"\"\n",true,{},null],"a":3})");
  EXPECT_EQ(field("google.protobuf.Value",
                  Bytes().message(1, Bytes().fixed(2, std::bit_cast<double>(0x7ff0000000000000)))),
            "out_of_range /f: JSON has no number inf");
  std::string deep;
  for (int i = 0; i < 100; ++i)
    deep = std::string(Bytes().message(6, Bytes().text(1, deep)).bytes.view());
  EXPECT_THAT(field("google.protobuf.Value", Bytes().text(1, deep)),
              testing::EndsWith("JSON inside JSON beyond 64"));
}

TEST(ProtoDecode, IndexesSayWhichMessageItIs) {
  const auto file = proto3(
      "package p; message M { int32 a = 1; message N { int32 b = 1; } }"
      "message O { int32 a = 1; message N { message X { int32 b = 1; } } }");
  auto read = [&](std::string_view message, std::string_view record) {
    return one_row(
        decode_proto(file, file, message, proto_columns(file, message).value(), {record}));
  };
  constexpr std::string_view kZero("\0\x08\5", 3), kLong("\2\0\x08\5", 4);
  EXPECT_EQ(read("p.M", kZero), R"({"a":5})");
  EXPECT_EQ(read("p.M", kLong), R"({"a":5})");
  EXPECT_EQ(read("p.O", "\2\2\x08\5"), R"({"a":5})");
  EXPECT_EQ(read("p.M.N", std::string_view("\4\0\0\x08\5", 5)), R"({"b":5})");
  EXPECT_EQ(read("p.O.N.X", std::string_view("\6\2\0\0\x08\5", 6)), R"({"b":5})");
  EXPECT_EQ(read("p.O", kZero), "schema_mismatch the record is a p.M, where p.O is expected");
  EXPECT_EQ(read("p.M", "\2\4"),
            "schema_mismatch the message indexes [2] name no message of the writer's schema");
  EXPECT_EQ(read("p.M", "\4\2\1"),
            "schema_mismatch the message indexes [1, -1] name no message of the writer's schema");
  EXPECT_EQ(read("p.M", "\1"), "malformed -1 message indexes: no bytes of Confluent's serializer");
  EXPECT_EQ(read("p.M", "\xff\xff\xff\x0f"),
            "malformed -16777216 message indexes: no bytes of Confluent's serializer");
  EXPECT_EQ(read("p.M", ""), "malformed a message index expected, 0 bytes left");
  EXPECT_EQ(read("p.M", "\4\2"), "malformed a message index expected, 0 bytes left");
  // Of another file, where the message stands elsewhere.
  const auto writer =
      proto3("package p; message First { int32 a = 2; } message M { int64 b = 1; }");
  EXPECT_EQ(one_row(decode_proto(writer, file, "p.M", proto_columns(file, "p.M").value(),
                                 {"\2\2\x08\5"})),
            R"({"a":5})");
}

constexpr std::string_view kPerson =
    "int64 id = 1; Address address = 2; map<string, double> tags = 3; optional string note = 4;";
constexpr std::string_view kAddress =
    "message Address { string zip = 1; repeated string lines = 2; }";

Bytes person(uint64_t id) {
  return std::move(
      Bytes()
          .number(1, id)
          .message(2, Bytes().text(1, "AB1").text(2, "a line that is long").text(2, "b"))
          .message(3, Bytes().text(1, "t").fixed(2, 0.5))
          .text(4, "note")
          .number(1000, 7));
}

TEST(ProtoDecode, RejectsSayPathAndReason) {
  const auto file = proto_m(kPerson, kAddress);
  auto read = [&](std::string_view bytes) { return read_proto(file, Bytes().raw(bytes)); };
  EXPECT_EQ(read_proto(file, Bytes().text(2, "\x0a\3A")),
            "malformed /address/zip: 3 bytes of string expected, 1 left");
  EXPECT_EQ(read_proto(file, Bytes().message(2, Bytes().text(2, "a").text(2, "\xFF"))),
            "invalid_utf8 /address/lines/1: a string that is not UTF-8");
  EXPECT_EQ(read("\x08"), "malformed /id: a number expected, 0 bytes left");
  EXPECT_EQ(read("\x08\x80"), "malformed /id: a number is cut off after 1 bytes");
  EXPECT_EQ(read("\x08" + std::string(10, '\xFF')),
            "malformed /id: a number has more than 64 bits");
  EXPECT_EQ(read("\1"), "malformed 1 is no tag of a field");
  EXPECT_EQ(read("\x0e"), "malformed a field 1 of wire type 6");
  EXPECT_EQ(read("\x0c"), "malformed the end of a group 1 that did not begin");
  EXPECT_EQ(one_row(decode_proto(file, file, "", proto_columns(file).value(), {std::nullopt})),
            "null_value the record has no value");
}

TEST(ProtoDecode, AnyPrefixIsARecordOrAReject) {
  const auto file = proto_m(kPerson, kAddress);
  const auto columns = proto_columns(file).value();
  const std::string whole = person(5).record();
  const std::string row =
      R"({"id":5,"address":{"zip":"AB1","lines":["a line that is long","b"]},"tags":{"t":0.5},)"
      R"("note":"note"})";
  for (const bool borrow : {false, true}) {
    EXPECT_EQ(one_row(decode_proto(file, file, "", columns, {whole}, {.borrow = borrow})), row);
    for (size_t size = 0; size < whole.size(); ++size) {
      const std::string part = whole.substr(0, size);
      const auto alone = decode_proto(file, file, "", columns, {part}, {.borrow = borrow});
      const auto among =
          decode_proto(file, file, "", columns, {whole, part, whole}, {.borrow = borrow});
      ASSERT_EQ(alone.rows.size() + alone.rejects.size(), 1u);
      ASSERT_EQ(among.rows.size(), 2 + alone.rows.size());
      EXPECT_EQ(among.rows.front(), row);
      EXPECT_EQ(among.rows.back(), row);
      if (!alone.rows.empty()) {
        EXPECT_EQ(among.rows[1], alone.rows[0]);
      }
    }
  }
}

TEST(ProtoDecode, ReadsOnlyTheColumnsThatAreAskedFor) {
  const auto file = proto_m(kPerson, kAddress);
  types::Schema columns;
  columns.fields = {{"note", types::Kind::kVarchar},
                    {"address", types::parse_type(R"(STRUCT("lines" VARCHAR[]))").value()}};
  EXPECT_EQ(one_row(decode_proto(file, file, "", columns, {person(3).record()})),
            R"({"note":"note","address":{"lines":["a line that is long","b"]}})");
  EXPECT_EQ(decode_proto(file, file, "", types::Schema(), {person(3).record(), person(4).record()})
                .indices.size(),
            2u);
  auto error = [&](std::string_view name, types::Type type) {
    columns.fields = {{std::string(name), std::move(type)}};
    return make_proto_decoder(file, file, "", columns).error().to_string();
  };
  EXPECT_EQ(error("nope", types::Kind::kVarchar), "/: M has no field 'nope'");
  EXPECT_EQ(error("id", types::Kind::kVarchar), "/id: a column VARCHAR cannot hold int64");
  EXPECT_EQ(error("tags", types::Kind::kVarchar), "/tags: a column VARCHAR cannot hold a map");
  columns.fields = {{"note", types::Kind::kVarchar, true}};
  EXPECT_EQ(one_row(decode_proto(file, file, "", columns, {Bytes().record()})),
            "missing_field /note: required, but absent");
}

TEST(ProtoDecode, UnknownFieldsAndGroupsAreSteppedOver) {
  Bytes nested;
  for (int i = 0; i < 64; ++i) nested.tag(9, ProtoWire::kGroup);
  for (int i = 0; i < 64; ++i) nested.tag(9, ProtoWire::kGroupEnd);
  EXPECT_EQ(field("int32", nested.number(1, 5)), "5");
  Bytes deep;
  for (int i = 0; i < 100'000; ++i) deep.tag(9, ProtoWire::kGroup);
  EXPECT_EQ(field("int32", deep), "too_deep groups inside groups beyond 64");
  EXPECT_EQ(field("int32", Bytes().tag(9, ProtoWire::kGroup).tag(8, ProtoWire::kGroupEnd)),
            "malformed the end of a group 8 that did not begin");
  // Another wire type is another field.
  EXPECT_EQ(field("int32", Bytes().number(1, 5).text(1, "abc").fixed(1, 0.5).fixed(2, 1.0F)), "5");
}

TEST(ProtoDecode, BombsAreRefusedInFlatMemory) {
  EXPECT_EQ(field("string", Bytes().raw("\x0a\xff\xff\xff\xff\x07")),
            "malformed /f: 2147483647 bytes of string expected, 0 left");
  EXPECT_EQ(
      field("repeated int32", Bytes().raw(std::string_view("\x0a\x80\x94\xeb\xdc\x03\0\0", 8))),
      "malformed /f/0: 1000000000 bytes of packed values expected, 2 left");
  // Two bytes for an item, and a hundred columns of each.
  std::string wide;
  for (int i = 0; i < 100; ++i) wide += fmt::format("double c{} = {};", i, i + 1);
  const auto file = proto_m("repeated W f = 1; map<int32, W> m = 2; oneof o { W a = 3; W b = 4; }",
                            fmt::format("message W {{ {} }}", wide));
  auto many = [&](std::string_view piece) {
    Bytes bytes;
    for (int i = 0; i < 1'000'000; ++i) bytes.raw(piece);
    return read_proto(file, bytes);
  };
  EXPECT_THAT(many(std::string_view("\x0a\0", 2)), testing::StartsWith("too_large /f/"));
  EXPECT_THAT(many(std::string_view("\x12\0", 2)), testing::StartsWith("too_large /m"));
  EXPECT_THAT(many(std::string_view("\x1a\0\x22\0", 4)), testing::StartsWith("{\"f\":[]"));
  EXPECT_THAT(field("repeated E", Bytes().text(1, std::string(8'000'000, '\5'))),
              testing::StartsWith("too_large /f/"));
}

TEST(ProtoDecode, TooLargeARecordIsNotReadAtAll) {
  const std::string record = Bytes().text(1, std::string(limits::kMaxRecordBytes, 'x')).record();
  EXPECT_EQ(
      field("string", Bytes().raw(std::string_view(record).substr(1))),
      fmt::format("too_large {} bytes, more than {}", record.size(), limits::kMaxRecordBytes));
}

}  // namespace
}  // namespace leat::codec::proto_decode_test
