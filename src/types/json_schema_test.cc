#include "types/json_schema.h"

#include <gtest/gtest.h>

namespace leat::types {
namespace {

Schema read(std::string_view document) {
  auto schema = schema_from_json(document);
  EXPECT_TRUE(schema.has_value()) << (schema ? "" : schema.error().to_string());
  return schema ? schema.value() : Schema();
}
std::string sql(const Schema& schema) {
  std::string text;
  for (const Field& field : schema.fields) {
    text += field.name + (field.required ? "! " : " ") + field.type.to_sql();
    if (field.type.scalars()) text += "<" + std::to_string(field.type.scalars()) + ">";
    text += "; ";
  }
  return text;
}
Schema infer(std::vector<std::string_view> records) {
  auto schema = infer_schema(records);
  EXPECT_TRUE(schema.has_value()) << (schema ? "" : schema.error().to_string());
  return schema ? schema.value() : Schema();
}

TEST(JsonSchema, ReadsTheTypes) {
  Schema schema = read(R"json({
    "type": "object", "required": ["id", "postcode", "name", "maybe"],
    "properties": {
      "id": {"type": "string", "format": "uuid", "description": "of the user"},
      "postcode": {"type": ["integer", "string"]},
      "name": {"type": "object", "properties": {"first": {"type": "string"}}, "required": ["first"]},
      "maybe": {"type": ["integer", "null"]},
      "mixed": {"type": ["integer", "number"]}, "flag": {"type": "boolean"},
      "tags": {"type": "array", "items": {"type": "string"}},
      "anything": {}, "bag": {"type": "object"}, "list": {"type": "array"},
      "odd": {"type": ["object", "string"]},
      "counts": {"type": "object", "additionalProperties": {"type": "integer"}},
      "gone": {"type": "null"},
      "price": {"type": "number", "x-leat-type": "decimal(9, 2)"},
      "home": {"$ref": "#/$defs/a~1b"}
    },
    "$defs": {"a/b": {"type": "object", "properties": {"zip": {"type": "string"}}}}
  })json");
  EXPECT_EQ(sql(schema),
            "id! VARCHAR; postcode! VARCHAR<3>; name! STRUCT(\"first\" VARCHAR); maybe BIGINT; "
            "mixed DOUBLE; "
            "flag BOOLEAN; tags VARCHAR[]; anything JSON; bag JSON; list JSON; odd JSON; counts "
            "MAP(VARCHAR, BIGINT); "
            "gone VARCHAR; price DECIMAL(9,2); home STRUCT(\"zip\" VARCHAR); ");
  EXPECT_TRUE(schema.fields[2].type.fields()[0].required);
  EXPECT_EQ(schema.fields[0].doc, "of the user");
  EXPECT_FALSE(schema.root_value);
}

TEST(JsonSchema, TuplesAreRaw) {
  EXPECT_EQ(sql(read(R"({"properties":{
              "pair":{"type":"array","items":[{"type":"string"},{"type":"integer"}]},
              "none":{"type":"array","items":false},"any":{"type":"array","items":true}}})")),
            "pair JSON; none JSON; any JSON[]; ");
}

TEST(JsonSchema, WritesBackWhatItRead) {
  Schema schema;
  const char* types[] = {"BOOLEAN",
                         "TINYINT",
                         "SMALLINT",
                         "INTEGER",
                         "BIGINT",
                         "UTINYINT",
                         "USMALLINT",
                         "UINTEGER",
                         "UBIGINT",
                         "HUGEINT",
                         "FLOAT",
                         "DOUBLE",
                         "DECIMAL(18,3)",
                         "VARCHAR",
                         "BLOB",
                         "UUID",
                         "DATE",
                         "TIME",
                         "TIMESTAMP",
                         "TIMESTAMPTZ",
                         "INTERVAL",
                         "VARCHAR[]",
                         "UUID[][]",
                         "MAP(VARCHAR, DATE)",
                         "MAP(INTEGER, STRUCT(a INTEGER))",
                         "STRUCT(a JSON, b MAP(VARCHAR, VARCHAR[]))",
                         "\"NULL\""};
  for (const char* type : types) {
    std::string name = "c" + std::to_string(schema.fields.size());
    schema.fields.push_back({.name = name,
                             .type = parse_type(type).value(),
                             .required = schema.fields.size() % 2 == 0,
                             .doc = name + " \"doc\""});
  }
  schema.fields.back().required = false;
  schema.fields.push_back({.name = "any/thing~", .type = Kind::kJson});
  schema.fields.push_back({.name = "post code",
                           .type = Type::varchar_of(kScalarInteger | kScalarString),
                           .required = true});
  schema.fields.push_back(
      {.name = "u", .type = Type::varchar_of(kScalarBoolean | kScalarNumber | kScalarString)});
  std::string document = schema_to_json(schema);
  Schema back = read(document);
  EXPECT_EQ(back, schema) << document << sql(back);
  ASSERT_EQ(back.fields.size(), schema.fields.size());
  for (size_t i = 0; i < schema.fields.size(); ++i) {
    EXPECT_EQ(back.fields[i].type.scalars(), schema.fields[i].type.scalars());
    EXPECT_EQ(back.fields[i].doc, schema.fields[i].doc);
  }
  EXPECT_EQ(schema_to_json(back), document);
}

TEST(JsonSchema, ErrorsNameThePlace) {
  struct Case {
    const char *document, *where, *words;
  };
  for (const Case& bad : std::initializer_list<Case>{
           {"{", "", "not JSON"},
           {"3", "#", "expected an object"},
           {R"({"type":"object"})", "#", "at least one field"},
           {R"({"properties":{"a":{"type":"strin"}}})", "#/properties/a/type",
            "did you mean 'string'"},
           {R"({"properties":{"a/b":{"type":5}}})", "#/properties/a~1b/type", "name of a type"},
           {R"({"properties":{"a":{"type":["string",1]}}})", "#/properties/a/type/1",
            "name of a type"},
           {R"({"properties":{"a":{"type":"array","items":{"type":"x"}}}})",
            "#/properties/a/items/type", "unknown type"},
           {R"({"properties":{"a":{}},"required":["b"]})", "#/required/0", "not in `properties`"},
           {R"({"properties":{"name":{}},"required":["nmae"]})", "#/required/0",
            "did you mean 'name'"},
           {R"({"properties":{"a":{},"A":{}}})", "#/properties", "differ only in case"},
           {R"({"properties":{"a":{"$ref":"#/$defs/x"}}})", "#/properties/a/$ref",
            "not in this document"},
           {R"({"properties":{"a":{"$ref":"http://x/"}}})", "#/properties/a/$ref", "cannot follow"},
           {R"({"properties":{"a":{"$ref":"#/properties/a"}}})", "#/properties/a", "deeper than"},
           {R"({"properties":{"a":{"x-leat-type":"FOO"}}})", "#/properties/a/x-leat-type", "FOO"},
           {R"({"properties":{"a":false}})", "#/properties/a", "allows no value"},
       }) {
    auto schema = schema_from_json(bad.document);
    ASSERT_FALSE(schema.has_value()) << bad.document;
    EXPECT_EQ(schema.error().where(), bad.where) << bad.document;
    EXPECT_NE(schema.error().message().find(bad.words), std::string::npos)
        << schema.error().to_string();
    EXPECT_EQ(schema.error().blame(), Blame::kUser);
  }
}

TEST(JsonSchema, FollowsReferencesIntoOtherDocuments) {
  const std::vector<JsonDocument> others = {
      {"money.json", R"({"$defs":{"cents":{"type":"integer"}},"type":"object","properties":
                        {"amount":{"$ref":"#/$defs/cents"},"paid":{"$ref":"sub/day.json#/of"}}})"},
      {"day.json", R"({"$id":"https://x.org/day","of":{"type":"boolean"}})"}};
  auto schema = schema_from_json(R"({"properties":{"price":{"$ref":"money.json"},
                    "cents":{"$ref":"money.json#/$defs/cents"},"day":{"$ref":"https://x.org/day#/of"}}})",
                                 others);
  ASSERT_TRUE(schema.has_value()) << schema.error().to_string();
  EXPECT_EQ(sql(*schema),
            R"(price STRUCT("amount" BIGINT, "paid" BOOLEAN); cents BIGINT; day BOOLEAN; )");
  EXPECT_FALSE(schema_from_json(R"({"properties":{"a":{"$ref":"money.json#cents"}}})", others));
  EXPECT_FALSE(schema_from_json(R"({"properties":{"a":{"$ref":"other.json"}}})", others));
}

TEST(JsonSchema, ColumnsThatMultiplyAreRefused) {
  std::string schema = R"({"$ref":"#/$defs/d0","$defs":{)";
  for (int level = 0; level < 25; ++level)
    schema += fmt::format(
        R"("d{}":{{"properties":{{"a":{{"$ref":"#/$defs/d{}"}},"b":{{"$ref":"#/$defs/d{}"}}}}}},)",
        level, level + 1, level + 1);
  auto refused = schema_from_json(schema + R"("d25":{"type":"integer"}}})");
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code(), ErrorCode::kLimit);
  EXPECT_NE(refused.error().message().find("columns, nested ones included"), std::string::npos);
}

TEST(JsonSchema, OtherRootsAreOneColumn) {
  for (auto document : {"{}", "true", R"({"type":"array"})", R"({"type":["string","null"]})"}) {
    Schema schema = read(document);
    EXPECT_TRUE(schema.root_value) << document;
    EXPECT_EQ(sql(schema), "value! JSON; ");
    EXPECT_EQ(read(schema_to_json(schema)), schema);
  }
}

TEST(Infer, MergesTypes) {
  Schema schema = infer({
      R"({"i":1,"d":1,"s":"x","p":1234,"n":null,"o":{"a":1},"l":[1,null],"m":{"x":1},"e":[],"b":true,"sometimes":1,"w":18446744073709551615,"nn":1})",
      R"({"i":-2,"d":2.5,"s":"y","p":"AB1","n":null,"o":{"a":2,"z":"q"},"l":[2.5],"m":7,"e":[],"b":false,"w":1,"nn":null})",
  });
  EXPECT_EQ(
      sql(schema),
      "i! BIGINT; d! DOUBLE; s! VARCHAR; p! VARCHAR<3>; n VARCHAR; o! STRUCT(\"a\" BIGINT, \"z\" "
      "VARCHAR); "
      "l! DOUBLE[]; m JSON; e! JSON[]; b! BOOLEAN; sometimes BIGINT; w! HUGEINT; nn BIGINT; ");
  EXPECT_TRUE(schema.fields[5].type.fields()[0].required);
  EXPECT_FALSE(schema.fields[5].type.fields()[1].required);
  EXPECT_EQ(read(schema_to_json(schema)), schema) << schema_to_json(schema);
}

TEST(Infer, LeavesOutWhatIsNoRecord) {
  EXPECT_EQ(sql(infer({"{", R"({"a":1})", "[1]", "\xff"})), "a! BIGINT; ");
  EXPECT_TRUE(infer({"[1]", "2"}).root_value);
  std::vector<std::string_view> none = {"{", ""};
  EXPECT_EQ(infer_schema(none).error().code(), ErrorCode::kNotFound);
  std::vector<std::string_view> clash = {R"({"a":1,"A":2})"};
  EXPECT_EQ(infer_schema(clash).error().code(), ErrorCode::kInvalidArgument);
  // The same inside an object is no column of its own: raw JSON.
  EXPECT_EQ(sql(infer({R"({"o":{"a":1,"A":2}})"})), "o JSON; ");
}

TEST(Infer, IsBoundedInFieldsAndDepth) {
  std::string wide = "{\"o\":{";
  for (int i = 0; i < 5000; ++i) wide += (i ? ",\"k" : "\"k") + std::to_string(i) + "\":1";
  wide += "}}";
  EXPECT_EQ(sql(infer({wide})), "o JSON; ");
  std::string deep = "{\"o\":";
  for (int i = 0; i < 10'000; ++i) deep += "[";
  for (int i = 0; i < 10'000; ++i) deep += "]";
  EXPECT_FALSE(infer({deep + "}"}).fields.empty());
}

}  // namespace
}  // namespace leat::types
