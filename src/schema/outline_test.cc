// What is told of two texts of one language: added, removed, renamed, another type, another default.
#include "schema/outline.h"

#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "schema/parsed_schema.h"

namespace leat::schema {
namespace {

using ::testing::ElementsAre;

std::vector<std::string> told(Format format, std::string_view before, std::string_view after) {
  std::vector<std::string> out;
  for (const Change& one : changes(parse(format, before, {}).value()->outline(),
                                   parse(format, after, {}).value()->outline()))
    out.push_back(fmt::format("{} {}: {} -> {}", one.path, one.what, one.before.value_or("-"),
                              one.after.value_or("-")));
  return out;
}

std::string record(std::string_view fields, std::string_view more = "") {
  return fmt::format(R"({{"type":"record","name":"org.x.User"{},"fields":[{}]}})", more, fields);
}

TEST(Outline, AvroFieldsMeetByNameAndByAlias) {
  EXPECT_THAT(
      told(
          Format::kAvro, record(R"({"name":"id","type":"int"},{"name":"post_code","type":"string"},
                     {"name":"note","type":"string","default":""},{"name":"gone","type":"float"})"),
          record(
              R"({"name":"zip","type":"string","aliases":["post_code"]},{"name":"id","type":"long"},
                     {"name":"note","type":"string","default":"none"},
                     {"name":"age","type":["null","int"],"default":null,"doc":"years"})")),
      ElementsAre("zip renamed: post_code -> zip", "zip aliases: - -> post_code",
                  "id type: int -> long", R"(note default: "" -> "none")",
                  "age added: - -> null | int, default null", "gone removed: float -> -"));
}

TEST(Outline, AnAvroNameGoesBeforeAnAlias) {
  // The new `a` says that it was called b once; the new `b` is still b.
  EXPECT_THAT(told(Format::kAvro, record(R"({"name":"b","type":"int"})"),
                   record(R"({"name":"a","type":"int","aliases":["b"],"default":0},
                             {"name":"b","type":"int"})")),
              ElementsAre("a added: - -> int, aliases b, default 0"));
}

TEST(Outline, AvroTypesAreToldOnceWhereverTheyAreUsed) {
  const auto user = [](std::string_view address, std::string_view state) {
    return record(fmt::format(R"(
        {{"name":"home","type":{{"type":"record","name":"Address","fields":[{}]}}}},
        {{"name":"others","type":{{"type":"array","items":"Address"}}}},
        {{"name":"friend","type":["null","User"]}},
        {{"name":"state","type":{{"type":"enum","name":"State","symbols":[{}]}}}},
        {{"name":"price","type":{{"type":"bytes","logicalType":"decimal","precision":{},"scale":2}}}})",
                              address, state, address.size()));
  };
  EXPECT_THAT(
      told(Format::kAvro, user(R"({"name":"zip","type":"int"})", R"("NEW","OLD")"),
           user(R"({"name":"zip","type":"string"})", R"("NEW","PAID")")),
      ElementsAre(
          "price type: bytes decimal (precision 27, scale 2) -> bytes decimal (precision 30, "
          "scale 2)",
          "Address.zip type: int -> string", "State.PAID added: - -> symbol",
          "State.OLD removed: symbol -> -"));
}

TEST(Outline, AnAvroSchemaThatIsNoRecordAndOneThatIsCalledOtherwise) {
  EXPECT_THAT(told(Format::kAvro, R"("int")", R"(["null","int"])"),
              ElementsAre("/ type: int -> null | int"));
  EXPECT_THAT(told(Format::kAvro, record(""), R"({"type":"record","name":"Person","fields":[]})"),
              ElementsAre("/ name: org.x.User -> Person"));
  EXPECT_THAT(told(Format::kAvro, record(""), record("")), ElementsAre());
}

TEST(Outline, ProtobufFieldsMeetByNumber) {
  EXPECT_THAT(told(Format::kProtobuf,
                   R"(syntax = "proto3"; package a;
              message M { int32 id = 1; string name = 2; N n = 3; map<string, N> by = 4; enum E { X = 0; Y = 1; } }
              message N { bool b = 1; })",
                   R"(syntax = "proto3"; package b;
              message M { int64 id = 1; string title = 2; repeated N n = 3; map<string, N> by = 4;
                          oneof way { string mail = 6; } enum E { X = 0; Z = 1; } }
              message N { })"),
              ElementsAre("/ package: a -> b", "M.id type: int32 -> int64",
                          "M.title renamed: name -> title", "M.n type: N -> repeated N",
                          "M.mail added: - -> string, number 6, oneof way", "M.E.Z renamed: Y -> Z",
                          "N.b removed: bool, number 1 -> -"));
}

TEST(Outline, JsonSchemasByTheirPlaces) {
  EXPECT_THAT(told(Format::kJson, R"({"type":"object","required":["id"],"properties":{
               "id":{"type":"integer"},"address":{"type":"object","properties":{"zip":{"type":"integer"}}},
               "tags":{"type":"array","items":{"type":"string"}},"gone":{"$ref":"#/$defs/a"}},
               "$defs":{"a":{"type":"string"}}})",
                   R"({"type":"object","additionalProperties":false,"properties":{
               "id":{"type":["integer","null"],"minimum":1},
               "address":{"type":"object","required":["zip"],"properties":{"zip":{"type":"string"}}},
               "tags":{"type":"array","items":{"type":"string","default":"x"}},"age":{"type":"integer","default":7}},
               "$defs":{"a":{"type":"string","maxLength":9}}})"),
              ElementsAre("/ additionalProperties: - -> false", "id minimum: - -> 1",
                          "id required: true -> -", "id type: integer -> integer | null",
                          "address.zip required: - -> true", "address.zip type: integer -> string",
                          R"(tags[] default: - -> "x")", "age added: - -> integer, default 7",
                          "$defs.a maxLength: - -> 9", "gone removed: $ref #/$defs/a -> -"));
  // Two places may be written alike.
  const char* alike = R"({"properties":{"a.b":{"type":"string"},
                          "a":{"properties":{"b":{"type":"integer"}}}}})";
  EXPECT_THAT(told(Format::kJson, alike, alike), ::testing::IsEmpty());
}

}  // namespace
}  // namespace leat::schema
