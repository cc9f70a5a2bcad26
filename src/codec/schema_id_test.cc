#include "codec/schema_id.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace leat::codec {
namespace {

using testing::HasSubstr;
using namespace std::string_view_literals;

constexpr SchemaGuid kGuid = {'\x89', '\x79', '\x12', '\x85', 4,  5,  6,  7,
                              8,      9,      10,     11,     12, 13, 14, 15};

TEST(SchemaId, ByIdAndByGuid) {
  EXPECT_EQ(schema_frame(int32_t{0x01020304}), "\0\1\2\3\4"sv);
  for (const SchemaId& id : {SchemaId(int32_t{1}), SchemaId(INT32_MAX), SchemaId(kGuid)}) {
    const std::string record = schema_frame(id) + "rest";
    const FramedBytes framed = read_schema_frame(record).value();
    EXPECT_EQ(framed.schema, id);
    EXPECT_EQ(framed.bytes, "rest");
  }
  EXPECT_EQ(schema_frame(kGuid), "\1" + std::string(kGuid.data(), kGuid.size()));
}

TEST(SchemaId, BytesThatAreNoFrame) {
  auto refused = [](std::string_view record) {
    return read_schema_frame(record).error().message();
  };
  EXPECT_EQ(refused(""), "0 bytes, where a schema's id was expected");
  EXPECT_EQ(refused("{\"a\":1}"),
            "the first byte is 123, not 0 (a schema's id follows) or 1 (its GUID)");
  EXPECT_EQ(refused("\0\1\2\3"sv), "4 bytes, where a schema's id alone has 5");
  EXPECT_EQ(refused("\1\2"), "2 bytes, where a schema's id alone has 17");
  EXPECT_EQ(read_schema_frame("x").error().code(), ErrorCode::kCorrupt);
}

TEST(SchemaId, AHeaderGoesBeforeTheBytes) {
  const std::string old = schema_frame(int32_t{1}), guid = schema_frame(kGuid);
  const stream::Header headers[] = {
      {"other", "x"}, {kValueSchemaHeader, old}, {kValueSchemaHeader, guid}};
  const std::string record = schema_frame(int32_t{7}) + "rest";
  auto framed = read_schema_frame(record, headers, kValueSchemaHeader).value();
  EXPECT_EQ(framed.schema, SchemaId(kGuid));
  EXPECT_EQ(framed.bytes, record);
  framed = read_schema_frame(record, headers, kKeySchemaHeader).value();
  EXPECT_EQ(framed.schema, SchemaId(int32_t{7}));
  EXPECT_EQ(framed.bytes, "rest");
  const std::string indexed = guid + "\2\4";  // as Confluent's Protobuf serializers write it
  const stream::Header behind[] = {{kValueSchemaHeader, indexed}};
  framed = read_schema_frame(record, behind, kValueSchemaHeader).value();
  EXPECT_EQ(framed.schema, SchemaId(kGuid));
  EXPECT_EQ(framed.indexes, "\2\4");
  EXPECT_EQ(framed.bytes, record);
  const std::string much = old + std::string(300, 'x');
  const stream::Header broken[] = {{kKeySchemaHeader, much}};
  EXPECT_THAT(read_schema_frame(record, broken, kKeySchemaHeader).error().message(),
              HasSubstr("header __key_schema_id: 300 bytes behind the schema's id"));
}

TEST(SchemaId, AGuidAsText) {
  EXPECT_EQ(read_guid("89791285-0405-0607-0809-0a0b0c0d0e0f"), kGuid);
  EXPECT_EQ(read_guid("897912850405060708090A0B0C0D0E0F"), kGuid);
  for (const char* wrong :
       {"", "89791285-0405-0607-0809-0a0b0c0d0e0", "89791285-0405-0607-0809-0a0b0c0d0e0f0",
        "89791285-0405-0607-0809-0a0b0c0d0eg0", "x9791285-0405-0607-0809-0a0b0c0d0e0f"})
    EXPECT_EQ(read_guid(wrong), std::nullopt) << wrong;
}

}  // namespace
}  // namespace leat::codec
