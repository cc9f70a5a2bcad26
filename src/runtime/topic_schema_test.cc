// What records name their schema by: the id that the registry gives, or the GUID in a header.
#include "runtime/topic_schema.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "testing/result.h"

namespace leat::runtime {
namespace {

using namespace std::string_literals;
using ::testing::HasSubstr;

/// A registry that gives every schema the id 7.
class OneSchema final : public schema::Catalog {
 public:
  std::string guid;  // empty: it has none, as those before Confluent's 8.0

  std::string name() const override { return "http://registry"; }
  Result<std::shared_ptr<const schema::SchemaText>> schema(int32_t, const std::string&) override {
    return Error(ErrorCode::kNotFound, "40403");
  }
  Result<std::shared_ptr<const schema::SchemaText>> schema(const std::string&) override {
    return Error(ErrorCode::kNotFound, "40403");
  }
  Result<schema::SchemaVersion> version(const std::string&, int32_t) override {
    return Error(ErrorCode::kNotFound, "40401");
  }
  Result<int32_t> add(const std::string&, const schema::SchemaText&, bool) override { return 7; }
  Result<schema::SchemaVersion> find(const std::string& subject,
                                     const schema::SchemaText& schema) override {
    return schema::SchemaVersion{subject, 1, 7, schema, guid};
  }
};

constexpr char kGuid[] = "00010203-0405-0607-0809-0a0b0c0d0e0f";
const std::string kGuidFrame = "\1\0\1\2\3\4\5\6\7\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f"s;

TopicSchema proto(config::SchemaIdIn id_in) {
  TopicSchema schema = read_topic_schema(schema::Format::kProtobuf,
                                         "syntax = \"proto3\"; message M { int32 a = 1; }")
                           .value();
  schema.file = "m.proto";
  schema.id_in = id_in;
  return schema;
}

TEST(TopicSchemaId, InFrontOfTheValueItIsTheId) {
  OneSchema registry;
  const TopicSchema schema = proto(config::SchemaIdIn::kPayload);
  const auto id = register_schema(registry, schema, "t");
  ASSERT_OK(id);
  EXPECT_EQ(*id, codec::SchemaId(int32_t{7}));
  EXPECT_EQ(schema_header(schema, *id).value(), "");
}

TEST(TopicSchemaId, InAHeaderItIsTheGuidAndProtobufsIndexes) {
  OneSchema registry;
  registry.guid = kGuid;
  const TopicSchema schema = proto(config::SchemaIdIn::kHeader);
  const auto id = register_schema(registry, schema, "t");
  ASSERT_OK(id);
  EXPECT_EQ(schema_header(schema, *id).value(), kGuidFrame + "\0"s);
  TopicSchema avro = read_topic_schema(schema::Format::kAvro, "\"int\"").value();
  avro.id_in = config::SchemaIdIn::kHeader;
  EXPECT_EQ(schema_header(avro, *id).value(), kGuidFrame);
}

TEST(TopicSchemaId, ARegistryWithoutGuidsIsNamedWithTheWayOut) {
  OneSchema registry;
  for (const char* guid : {"", "no-guid"}) {
    registry.guid = guid;
    const auto id = register_schema(registry, proto(config::SchemaIdIn::kHeader), "t");
    ASSERT_FALSE(id);
    EXPECT_EQ(id.error().code(), ErrorCode::kIncompatible);
    EXPECT_THAT(id.error().message(), HasSubstr("http://registry gives no GUID of m.proto"));
    EXPECT_THAT(id.error().hint(), HasSubstr("leave `id_in` out"));
  }
}

}  // namespace
}  // namespace leat::runtime
