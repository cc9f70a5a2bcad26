// JSON Schema: texts, errors, references, what refuses and what does not, bombs.
#include "schema/json_schema.h"

#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/limits.h"

namespace leat::schema::json_schema_test {
namespace {

std::shared_ptr<const ParsedSchema> parsed(std::string_view text,
                                           const std::vector<Resolved>& references = {}) {
  return parse(Format::kJson, text, references).value();
}

std::string refused(std::string_view text, const std::vector<Resolved>& references = {}) {
  auto result = parse(Format::kJson, text, references);
  return result ? "taken: " + (*result)->canonical() : result.error().to_string();
}

/// What stands in the way of `after` reading what `before` wrote: "RULE path", joined by commas.
std::string rules(std::string_view before, std::string_view after) {
  std::string found;
  for (const Difference& one : parsed(after)->differences(*parsed(before))) {
    EXPECT_FALSE(one.message.empty());
    found += (found.empty() ? "" : ", ") + one.rule + " " + one.path;
  }
  return found;
}

TEST(JsonSchema, TextsKeepTheirOrderAndNormalizedOnesHaveNone) {
  auto schema =
      parsed(R"({ "type": "object", "title": "Order", "properties": {"b": {}, "a": true} })");
  EXPECT_EQ(schema->canonical(),
            R"({"type":"object","title":"Order","properties":{"b":{},"a":true}})");
  EXPECT_EQ(schema->normalized(),
            R"({"properties":{"a":true,"b":{}},"title":"Order","type":"object"})");
  EXPECT_EQ(schema->record_name(), "Order");
  EXPECT_EQ(parsed("true")->canonical(), "true");
  EXPECT_EQ(
      parsed(R"({"default":{"$ref":"#/nowhere"},"enum":[{"$ref":"#/nowhere"}]})")->record_name(),
      "");
}

TEST(JsonSchema, RefusesWhatIsNoSchemaAndSaysWhere) {
  const std::pair<std::string, std::string> cases[] = {
      {"{\n \"a\":}", "line 2, column 6: no JSON"},
      {"[]", "#/: a schema is an object, true or false, not []"},
      {R"({"type":"strin"})", "#/: no type 'strin'; did you mean 'string'?"},
      {R"({"type":[]})", "#/: \"type\" is a name or an array of names"},
      {R"({"properties":{"a/b":{"type":3}}})", "#/properties/a~1b: \"type\" is a name"},
      {R"({"properties":[]})", "#/properties: \"properties\" is an object of schemas"},
      {R"({"allOf":{}})", "#/allOf: \"allOf\" is an array of schemas"},
      {R"({"items":3})", "#/items: a schema is an object, true or false, not 3"},
      {R"({"required":"a"})", "#/: \"required\" is an array of names"},
      {R"({"type":"string","maxLength":"3"})", "#/: \"maxLength\" is a number"},
      {R"({"enum":"a"})", "#/: \"enum\" is an array"},
      {R"({"items":{"$ref":"#/definitions/x"}})", "#/items/$ref: nothing is at '#/definitions/x'"},
      {R"({"items":{"$ref":"other.json"}})", "#/items/$ref: nothing is at 'other.json'"},
      {R"({"$ref":"#"})", "#/$ref: '#' only leads back to itself"},
      {R"({"definitions":{"a":{"$ref":"#/definitions/b"},"b":{"$ref":"#/definitions/a"}}})",
       "#/definitions/a/$ref: '#/definitions/b' only leads back"},
  };
  for (const auto& [text, expected] : cases) {
    EXPECT_THAT(refused(text), testing::HasSubstr(expected)) << text;
  }
}

TEST(JsonSchema, ReferencesAreFollowed) {
  auto type = [](std::string_view name) {
    return std::vector<Resolved>{
        {{"types.json", "types", 1},
         fmt::format(R"({{"$id":"http://x.org/s/types.json","definitions":{{"a b":{{"type":"{}"}},
                         "same":{{"$ref":"#/definitions/a%20b"}},"far":{{"$anchor":"far","type":"null"}}}}}})",
                     name)}};
  };
  for (auto text :
       {R"({"$ref":"types.json#/definitions/a%20b"})", R"({"$ref":"types.json#/definitions/same"})",
        R"({"$id":"http://x.org/s/main.json","$ref":"types.json#/definitions/a b"})",
        R"({"$ref":"http://x.org/s/types.json#/definitions/same"})"}) {
    auto before = parsed(text, type("string")), after = parsed(text, type("number"));
    EXPECT_EQ(after->differences(*after).size(), 0U);
    ASSERT_EQ(after->differences(*before).size(), 1U) << text;
    EXPECT_EQ(after->differences(*before)[0].rule, "TYPE_CHANGED");
  }
  EXPECT_THAT(refused(R"({"$ref":"types.json#far"})", type("null")), testing::StartsWith("taken"));
  EXPECT_THAT(refused(R"({"$ref":"http://json-schema.org/draft-07/schema#"})"),
              testing::StartsWith("taken"));
  EXPECT_THAT(refused("{}", {{{"bad.json", "s", 1}, R"({"type":"x"})"}}),
              testing::StartsWith("reference bad.json: #/: no type 'x'"));
}

TEST(JsonSchemaCompatibility, Bounds) {
  EXPECT_EQ(rules(R"({"type":"string"})", R"({"type":"string","maxLength":9})"),
            "MAX_LENGTH_ADDED #/maxLength");
  EXPECT_EQ(rules(R"({"type":"string","maxLength":9,"pattern":"a"})",
                  R"({"type":"string","maxLength":10})"),
            "");
  EXPECT_EQ(rules(R"({"type":"string","pattern":"a"})", R"({"type":"string","pattern":"b"})"),
            "PATTERN_CHANGED #/pattern");
  EXPECT_EQ(rules(R"({"type":"number","minimum":1,"exclusiveMaximum":9})",
                  R"({"type":"number","minimum":1.5,"exclusiveMaximum":8})"),
            "MINIMUM_INCREASED #/minimum, EXCLUSIVE_MAXIMUM_DECREASED #/exclusiveMaximum");
  EXPECT_EQ(rules(R"({"type":"number","multipleOf":0.3})", R"({"type":"number","multipleOf":0.1})"),
            "");
  EXPECT_EQ(rules(R"({"type":"number","multipleOf":0.1})", R"({"type":"number","multipleOf":0.3})"),
            "MULTIPLE_OF_EXPANDED #/multipleOf");
  EXPECT_EQ(rules(R"({"type":"integer"})", R"({"type":"number"})"), "");
  EXPECT_EQ(rules(R"({"type":"number"})", R"({"type":"integer"})"), "TYPE_NARROWED #/");
  EXPECT_EQ(rules(R"({"enum":["a","b"]})", R"({"enum":["b"]})"), "ENUM_ARRAY_NARROWED #/enum");
  EXPECT_EQ(rules(R"({"enum":["a"]})", R"({"enum":["b","a"]})"), "");
  EXPECT_EQ(rules(R"({"const":{"x":1,"y":2}})", R"({"const":{"y":2,"x":1}})"), "");
}

TEST(JsonSchemaCompatibility, PropertiesByContentModel) {
  constexpr std::string_view kOpen = R"({"properties":{"a":{"type":"string"}}})";
  constexpr std::string_view kClosed =
      R"({"properties":{"a":{"type":"string"}},"additionalProperties":false})";
  EXPECT_EQ(rules(kOpen, R"({"properties":{"a":{"type":"string"},"b":{"type":"null"}}})"),
            "OPTIONAL_PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL #/properties/b");
  EXPECT_EQ(rules(kOpen, R"({"properties":{"a":{"type":"string"},"b":{}}})"), "");
  EXPECT_EQ(rules(kClosed, R"({"properties":{"a":{"type":"string"},"b":{"type":"null"}},
                               "additionalProperties":false})"),
            "");
  EXPECT_EQ(
      rules(kClosed, R"({"properties":{"a":{"type":"string"},"b":{"type":"null"}},"required":["b"],
                               "additionalProperties":false})"),
      "REQUIRED_PROPERTY_ADDED_TO_UNOPEN_CONTENT_MODEL #/properties/b");
  EXPECT_EQ(rules(kClosed, R"({"properties":{},"additionalProperties":false})"),
            "PROPERTY_REMOVED_FROM_CLOSED_CONTENT_MODEL #/properties/a");
  EXPECT_EQ(rules(kClosed, R"({"properties":{},"additionalProperties":{"type":"number"}})"),
            "PROPERTY_REMOVED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL #/properties/a, "
            "TYPE_CHANGED #/properties/a");
  EXPECT_EQ(
      rules(kClosed,
            R"({"patternProperties":{"^a$":{"type":"string"}},"additionalProperties":false})"),
      "");
  EXPECT_EQ(rules(kOpen, R"({"properties":{"a":{"type":"string"}},"required":["a"]})"),
            "REQUIRED_ATTRIBUTE_ADDED #/required/a");
  EXPECT_EQ(rules(kOpen, R"({"properties":{"a":{"type":"string","default":""}},"required":["a"]})"),
            "");
  EXPECT_EQ(rules(kOpen, kClosed), "ADDITIONAL_PROPERTIES_REMOVED #/additionalProperties");
  EXPECT_EQ(rules(R"({"properties":{"x":{"properties":{"y":{"type":"string"}}}}})",
                  R"({"properties":{"x":{"properties":{"y":{"type":"null"}}}}})"),
            "TYPE_CHANGED #/properties/x/properties/y");
}

TEST(JsonSchemaCompatibility, ItemsAndCombinations) {
  EXPECT_EQ(rules(R"({"type":"array"})",
                  R"({"type":"array","items":{"type":"null"},"uniqueItems":true})"),
            "SCHEMA_ADDED #/items, UNIQUE_ITEMS_ADDED #/uniqueItems");
  EXPECT_EQ(
      rules(
          R"({"$schema":"https://json-schema.org/draft/2020-12/schema","prefixItems":[{"type":"null"}]})",
          R"({"$schema":"https://json-schema.org/draft/2020-12/schema","prefixItems":[{"type":"string"}]})"),
      "TYPE_CHANGED #/items/0");
  EXPECT_EQ(
      rules(R"({"oneOf":[{"type":"null"},{"type":"string"}]})", R"({"oneOf":[{"type":"string"}]})"),
      "SUM_TYPE_NARROWED #/");
  EXPECT_EQ(rules(R"({"type":["null","string"]})", R"({"type":["string","null","number"]})"), "");
  EXPECT_EQ(rules(R"({"anyOf":[{"type":"null"},{"type":"string"}]})",
                  R"({"oneOf":[{"type":"null"},{"type":"string"}]})"),
            "COMBINED_TYPE_CHANGED #/");
  EXPECT_EQ(rules(R"({"type":"null"})", R"({"anyOf":[{"type":"string"},{"type":"null"}]})"), "");
  EXPECT_EQ(rules(R"({"not":{"type":"number"}})", R"({"not":{"type":"integer"}})"), "");
  EXPECT_EQ(rules(R"({"not":{"type":"integer"}})", R"({"not":{"type":"number"}})"),
            "NOT_TYPE_EXTENDED #/not");
  // One schema of the reader may not serve two of the writer's.
  EXPECT_EQ(rules(R"({"oneOf":[{"type":"integer","minimum":1},{"type":"integer","minimum":5}]})",
                  R"({"oneOf":[{"type":"number"},{"type":"string"}]})"),
            "COMBINED_TYPE_SUBSCHEMAS_CHANGED #/");
}

TEST(JsonSchemaCompatibility, RecursionEndsAndFindsWhatIsDeepInside) {
  auto tree = [](std::string_view value) {
    return fmt::format(
        R"({{"properties":{{"left":{{"oneOf":[{{"type":"null"}},{{"$ref":"#"}}]}},"value":{{"type":"{}"}}}},
             "additionalProperties":false}})",
        value);
  };
  EXPECT_EQ(rules(tree("integer"), tree("number")), "");
  EXPECT_EQ(rules(tree("number"), tree("integer")),
            "COMBINED_TYPE_SUBSCHEMAS_CHANGED #/properties/left, TYPE_NARROWED #/properties/value");
}

TEST(JsonSchemaBombs, AreRefusedOrLookedAtOnce) {
  std::string deep;
  for (int i = 0; i < 100'000; ++i) deep += "{\"not\":";
  EXPECT_THAT(refused(deep), testing::HasSubstr("256 deep"));
  EXPECT_THAT(refused("\"" + std::string(10 << 20, 'a') + "\""),
              testing::HasSubstr("at most 1048576"));
  // Each definition holds the one before it twice: 2^n ways to the bottom.
  auto doubling = [](std::string_view bottom) {
    std::string text = fmt::format(
        R"({{"$ref":"#/definitions/d2000","definitions":{{"d0":{{"type":"{}"}})", bottom);
    for (int i = 1; i <= 2000; ++i) {
      text += fmt::format(
          R"(,"d{}":{{"properties":{{"a":{{"$ref":"#/definitions/d{}"}},"b":{{"$ref":"#/definitions/d{}"}}}}}})",
          i, i - 1, i - 1);
    }
    return text + "}}";
  };
  EXPECT_EQ(rules(doubling("integer"), doubling("number")), "");
  const auto found = parsed(doubling("integer"))->differences(*parsed(doubling("number")));
  EXPECT_FALSE(found.empty());
  EXPECT_LE(found.size(), limits::kSchemaDifferences);
  // A union against itself asks for the product of its parts.
  std::string union_of = "{\"oneOf\":[";
  for (int i = 0; i < 8000; ++i) union_of += fmt::format("{}{{\"const\":{}}}", i ? "," : "", i);
  EXPECT_THAT(rules(union_of + "]}", union_of + "]}"),
              testing::HasSubstr("COMBINED_TYPE_SUBSCHEMAS_CHANGED"));
  // A chain of references, followed once each.
  std::string chain = R"({"definitions":{"d0":{})";
  for (int i = 1; i < 4000; ++i)
    chain += fmt::format(R"(,"d{}":{{"$ref":"#/definitions/d{}"}})", i, i - 1);
  EXPECT_THAT(refused(chain + "}}"), testing::StartsWith("taken"));
}

}  // namespace
}  // namespace leat::schema::json_schema_test
