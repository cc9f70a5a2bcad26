// What is asked of Avro schemas beyond Apache Avro's own data: texts, names, defaults, logical types, references, bombs.
#include "schema/avro.h"

#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "base/limits.h"
#include "io/digest.h"

namespace leat::schema::avro_test {
namespace {

using avro::Logical;

std::shared_ptr<const ParsedSchema> parsed(std::string_view text,
                                           const std::vector<Resolved>& references = {}) {
  return parse(Format::kAvro, text, references).value();
}

std::string refused(std::string_view text, const std::vector<Resolved>& references = {}) {
  auto result = parse(Format::kAvro, text, references);
  return result ? "taken: " + (*result)->canonical() : result.error().to_string();
}

/// A record R with one field f of this type and these further attributes.
std::string with_field(std::string_view type, std::string_view more = "") {
  return fmt::format(R"({{"type":"record","name":"R","fields":[{{"name":"f","type":{}{}}}]}})",
                     type, more);
}

std::vector<std::string> rules(const ParsedSchema& reader, const ParsedSchema& writer) {
  std::vector<std::string> found;
  for (const Difference& one : reader.differences(writer))
    found.push_back(one.rule + " " + one.path);
  return found;
}

TEST(Avro, TextIsCompactInAvrosOrder) {
  EXPECT_EQ(parsed(R"( {"type" : "string"} )")->canonical(), R"("string")");
  EXPECT_EQ(
      parsed(R"({"fields": [{"type": {"type": "int"}, "name": "x", "order": "ascending",
                                   "doc": "a", "mine": [1.5]}],
                       "mine": {"b": 1, "a": 2}, "aliases": ["a.R0", "b.R0"], "name": "a.R", "type": "record"})")
          ->canonical(),
      R"({"type":"record","name":"R","namespace":"a","fields":[{"name":"x","type":"int","doc":"a",)"
      R"("mine":[1.5]}],"mine":{"b":1,"a":2},"aliases":["R0","b.R0"]})");
  EXPECT_EQ(parsed(R"({"type":"string","avro.java.string":"String"})")->canonical(),
            R"({"type":"string","avro.java.string":"String"})");
  EXPECT_EQ(parsed("// for people\n\"int\"")->canonical(), R"("int")");
}

TEST(Avro, NormalizedTextDoesNotDependOnHowItWasWritten) {
  auto one =
      parsed(R"({"type":"record","name":"R","namespace":"a","z":1,"b":{"y":1,"x":2},"fields":[
                        {"name":"x","type":{"type":"enum","name":"E","symbols":["A"]}},{"name":"y","type":"E"}]})");
  auto other = parsed(R"({"b":{"x":2,"y":1},"z":1,"name":"a.R","type":"record","fields":[
                        {"name":"x","type":{"name":"a.E","type":"enum","symbols":["A"]}},{"type":"a.E","name":"y"}]})");
  EXPECT_NE(one->canonical(), other->canonical());
  EXPECT_EQ(one->normalized(), other->normalized());
  EXPECT_EQ(parsed(one->normalized())->normalized(), one->normalized());
  EXPECT_EQ(one->record_name(), "a.R");
}

TEST(Avro, NamesAreThoseOfTheirNamespace) {
  // A type of the null namespace inside one of another, and a name that only the null namespace has.
  auto schema = parsed(R"({"type":"record","name":"a.R","fields":[
      {"name":"x","type":{"type":"fixed","name":"F","namespace":"","size":2}}, {"name":"y","type":"F"}]})");
  EXPECT_EQ(
      schema->canonical(),
      R"({"type":"record","name":"R","namespace":"a","fields":[{"name":"x","type":{"type":"fixed",)"
      R"("name":"F","namespace":"","size":2}},{"name":"y","type":"F"}]})");
  EXPECT_EQ(parsed(schema->normalized())->canonical(), schema->canonical());
  EXPECT_EQ(parsed(R"(["null",{"type":"record","name":"b.S","fields":[]}])")->record_name(), "b.S");
}

TEST(Avro, RefusesWhatIsNoSchemaAndSaysWhere) {
  const std::pair<std::string, std::string> cases[] = {
      {"",
       "line 1, column 1: no JSON: unexpected end of input; expected '[', '{', or a literal near "
       "''"},
      {"{\"type\":\n  nul}", "line 2, column 6: no JSON: invalid literal near '"},
      {"3", "/: a schema is a type's name, an object with \"type\" or an array of types, not 3"},
      {R"("strin")", "/: no type named 'strin'; did you mean 'string'?"},
      {R"({"name":"x"})", "/: no \"type\""},
      {R"({"type":{"type":"int"}})", "/: \"type\" of a schema is the name of a type"},
      {R"({"type":"array"})", "/: this array has no \"items\""},
      {R"({"type":"array","items":"x"})", "/items: no type named 'x'"},
      {R"(["int",["string"]])", "/1: a union directly inside a union"},
      {R"(["int","int"])", "/1: 'int' is in this union twice"},
      {R"({"type":"fixed","name":"F","size":-1})", "/: \"size\" of a fixed"},
      {R"({"type":"fixed","name":"F","size":1.5})", "/: \"size\" of a fixed"},
      {R"({"type":"enum","name":"E","symbols":["A-B"]})", "/symbols/0: \"A-B\" is no symbol"},
      {R"({"type":"enum","name":"E","symbols":["A","A"]})",
       "/symbols/1: symbol \"A\" is there twice"},
      {R"({"type":"enum","name":"E","symbols":["A"],"default":"B"})", "default \"B\" is none"},
      {R"({"type":"record","name":"1R","fields":[]})",
       "/: a record needs a right \"name\", not '1R'"},
      {R"({"type":"record","name":"R","namespace":"a..b","fields":[]})", "/: namespace 'a..b'"},
      {R"({"type":"record","name":"a.int","fields":[]})",
       "/: 'a.int' is the name of one of Avro's own"},
      {R"({"type":"record","name":"R"})", "/: this record has no \"fields\""},
      {R"({"type":"record","name":"R","fields":[{"name":"x"}]})",
       "/fields/0: field 'x' of record 'R' has no"},
      {with_field(R"({"type":"record","name":"R","fields":[]})"),
       "/fields/0/type: 'R' is already defined"},
      {with_field("\"int\"", R"(,"order":"up")"), "/fields/0: order 'up'"},
  };
  for (const auto& [text, expected] : cases) {
    EXPECT_THAT(refused(text), testing::HasSubstr(expected)) << text;
  }
}

TEST(Avro, DefaultsAreValuesOfTheirTypes) {
  const std::pair<std::string, std::string> right[] = {
      {"\"long\"", "9223372036854775807"},
      {"\"double\"", "1"},
      {"\"bytes\"", "\"\\u00ff\""},
      {R"(["null","int"])", "null"},
      {R"(["null","int"])", "7"},
      {R"({"type":"array","items":"int"})", "[]"},
      {R"({"type":"map","values":"int"})", R"({"a":1})"},
      {R"({"type":"fixed","name":"F","size":2})", "\"\\u0001\\u00ff\""},
      {R"({"type":"record","name":"S","fields":[{"name":"a","type":"int","default":1}]})", "{}"},
      {R"(["null","R"])", "null"},
  };
  for (const auto& [type, value] : right) {
    EXPECT_THAT(refused(with_field(type, ",\"default\":" + value)), testing::StartsWith("taken"))
        << type;
  }
  const std::pair<std::string, std::string> wrong[] = {
      {"\"int\"", "2147483648"},
      {"\"long\"", "9223372036854775808"},
      {"\"int\"", "1.5"},
      {"\"int\"", "\"1\""},
      {"\"string\"", "null"},
      {"\"bytes\"", "\"\\u0100\""},
      {R"(["int","string"])", "null"},
      {R"({"type":"enum","name":"E","symbols":["A"]})", "\"B\""},
      {R"({"type":"fixed","name":"F","size":2})", "\"a\""},
      {R"({"type":"record","name":"S","fields":[{"name":"a","type":"int"}]})", "{}"},
  };
  for (const auto& [type, value] : wrong) {
    EXPECT_THAT(refused(with_field(type, ",\"default\":" + value)),
                testing::StartsWith("/fields/0/default: default"))
        << type;
  }
  EXPECT_THAT(refused(with_field("\"R\"", ",\"default\":{}")),
              testing::StartsWith("/fields/0/default: the default of field 'f' contains itself"));
}

TEST(Avro, LogicalTypesHoldByTheirRulesAndAreIgnoredElse) {
  auto root = [](std::string_view text) {
    auto schema = avro::parse_schema(text, {}).value();
    return std::tuple(schema.root().logical, schema.root().precision, schema.root().scale);
  };
  EXPECT_EQ(root(R"({"type":"bytes","logicalType":"decimal","precision":9,"scale":2})"),
            std::tuple(Logical::kDecimal, 9, 2));
  EXPECT_EQ(root(R"({"type":"fixed","name":"F","size":4,"logicalType":"decimal","precision":9})"),
            std::tuple(Logical::kDecimal, 9, 0));
  EXPECT_EQ(std::get<0>(root(R"({"type":"fixed","name":"F","size":16,"logicalType":"uuid"})")),
            Logical::kUuid);
  EXPECT_EQ(std::get<0>(root(R"({"type":"long","logicalType":"local-timestamp-nanos"})")),
            Logical::kLocalTimestampNanos);
  for (auto text :
       {R"({"type":"fixed","name":"F","size":4,"logicalType":"decimal","precision":10})",
        R"({"type":"bytes","logicalType":"decimal","precision":2,"scale":3})",
        R"({"type":"bytes","logicalType":"decimal","precision":0})",
        R"({"type":"bytes","logicalType":"decimal"})",
        R"({"type":"bytes","logicalType":"decimal","precision":"9"})",
        R"({"type":"int","logicalType":"timestamp-millis"})",
        R"({"type":"fixed","name":"F","size":11,"logicalType":"duration"})",
        R"({"type":"string","logicalType":"of-tomorrow"})", R"({"type":"int","logicalType":7})"}) {
    EXPECT_EQ(std::get<0>(root(text)), Logical::kNone) << text;
    EXPECT_EQ(parsed(text)->canonical(), text) << "what is ignored is kept";
  }
}

TEST(Avro, ResolvedItNeedsNoReferences) {
  const std::vector<Resolved> references = {
      {{"a.Money", "money", 1}, R"({"type":"fixed","name":"Money","namespace":"a","size":8})"}};
  const auto schema = parsed(
      R"({"type":"record","name":"b.Order","fields":[{"name":"x","type":"a.Money"},
          {"name":"y","type":["null","a.Money"]},{"name":"again","type":["null","Order"]}]})",
      references);
  const std::string text = schema->form("resolved").value();
  EXPECT_EQ(text,
            R"({"type":"record","name":"Order","namespace":"b","fields":[{"name":"x","type":)"
            R"({"type":"fixed","name":"Money","namespace":"a","size":8}},)"
            R"({"name":"y","type":["null","a.Money"]},{"name":"again","type":["null","Order"]}]})");
  EXPECT_TRUE(parsed(text)->differences(*schema).empty());
  EXPECT_EQ(schema->form("serialized"), std::nullopt);
}

TEST(Avro, ReferencesBringNamesAndStayNames) {
  const Resolved inner{{"inner", "inner-value", 1},
                       R"({"type":"record","name":"b.I","fields":[{"name":"x","type":"int"}]})"};
  const Resolved middle{{"middle", "middle-value", 1},
                        R"({"type":"record","name":"b.M","fields":[{"name":"i","type":"I"}]})"};
  const std::string text =
      R"({"type":"record","name":"R","namespace":"b","fields":[{"name":"m","type":"M"},{"name":"i","type":"b.I"}]})";
  auto schema = parsed(text, {inner, middle, inner});
  EXPECT_EQ(
      schema->canonical(),
      R"({"type":"record","name":"R","namespace":"b","fields":[{"name":"m","type":"M"},{"name":"i","type":"I"}]})");
  EXPECT_EQ(
      avro::parsing_canonical_form(dynamic_cast<const AvroSchema&>(*schema).schema()),
      R"({"name":"b.R","type":"record","fields":[{"name":"m","type":{"name":"b.M","type":"record",)"
      R"("fields":[{"name":"i","type":{"name":"b.I","type":"record","fields":[{"name":"x","type":"int"}]}}]}},)"
      R"({"name":"i","type":"b.I"}]})");
  EXPECT_THAT(refused(text, {inner}), testing::StartsWith("/fields/0/type: no type named 'M'"));
  EXPECT_THAT(refused(text, {middle}),
              testing::StartsWith("reference middle: /fields/0/type: no type"));
  EXPECT_THAT(refused(inner.text, {inner}), testing::StartsWith("/: 'b.I' is already defined"));
}

TEST(AvroCompatibility, RecursiveTypesEnd) {
  auto list = [](std::string_view value) {
    return parsed(
        fmt::format(R"({{"type":"record","name":"L","fields":[{{"name":"next","type":["null","L"]}},
                                  {{"name":"v","type":"{}"}}]}})",
                    value));
  };
  EXPECT_EQ(rules(*list("long"), *list("int")), std::vector<std::string>{});
  EXPECT_EQ(rules(*list("int"), *list("long")),
            (std::vector<std::string>{"MISSING_UNION_BRANCH /fields/0/type/1",
                                      "TYPE_MISMATCH /fields/1/type"}));
}

TEST(AvroCompatibility, NoAnswerRestsOnAnAssumptionThatFalls) {
  // Of the union, A would take the writer's A if it did not lack z; whoever keeps what was found out on
  // the way, believes that B, which needs A, fits.
  auto schema = [](std::string_view more) {
    return parsed(fmt::format(
        R"({{"type":"record","name":"T","fields":[{{"name":"a","type":["null",{{"type":"record","name":"A",
             "fields":[{{"name":"b","type":["null",{{"type":"record","name":"B","fields":[
               {{"name":"a","type":["null","A"]}}]}}]}}{}]}}]}},{{"name":"b","type":["null","B"]}}]}})",
        more));
  };
  EXPECT_EQ(rules(*schema(R"(,{"name":"z","type":"int"})"), *schema("")),
            (std::vector<std::string>{"MISSING_UNION_BRANCH /fields/0/type/1",
                                      "MISSING_UNION_BRANCH /fields/1/type/1"}));
}

TEST(AvroCompatibility, AnotherFormatIsOneDifference) {
  class Other : public ParsedSchema {
    Format format() const override { return Format::kJson; }
    const std::string& canonical() const override { return text_; }
    std::string normalized() const override { return text_; }
    std::string record_name() const override { return ""; }
    Outline outline() const override { return {}; }
    std::vector<Difference> compare(const ParsedSchema&) const override { return {}; }
    std::string text_;
  } other;
  EXPECT_EQ(rules(*parsed("\"int\""), other), std::vector<std::string>{"FORMAT_CHANGED /"});
}

TEST(AvroFingerprint, OfTheParsingCanonicalForm) {
  // The digests that the specification's transformation gives for "int", by other programs.
  const std::string form = avro::parsing_canonical_form(avro::parse_schema("\"int\"", {}).value());
  EXPECT_EQ(io::md5_hex(form), "ef524ea1b91e73173d938ade36c1db32");
  EXPECT_EQ(io::sha256_hex(form),
            "3f2b87a9fe7cc9b13835598c3981cd45e3e355309e5090aa0933d7becb6fba45");
}

// Bombs: refused, quickly and without much memory.

std::string repeated(std::string_view text, size_t times) {
  std::string out;
  for (size_t i = 0; i < times; ++i) out += text;
  return out;
}

TEST(AvroBombs, DepthSizeAndKeysAreBounded) {
  EXPECT_THAT(refused(repeated(R"({"type":"array","items":)", 40'000)),
              testing::HasSubstr("256 deep"));
  EXPECT_THAT(refused(repeated("[", 100'000)), testing::HasSubstr("256 deep"));
  EXPECT_THAT(refused(repeated(R"({"type":"array","items":)", 100'000)),
              testing::HasSubstr("at most 1048576"));
  EXPECT_THAT(refused('"' + std::string(10 << 20, 'a') + '"'),
              testing::HasSubstr("at most 1048576"));
  const std::string long_name = refused('"' + std::string(1 << 19, 'a') + '"');
  EXPECT_THAT(long_name, testing::HasSubstr("no type named"));
  EXPECT_LT(long_name.size(), 1000U);
  std::string keys = R"({"type":"int")";
  for (int i = 0; i < 5000; ++i) keys += fmt::format(",\"k{}\":1", i);
  EXPECT_THAT(refused(keys + "}"), testing::HasSubstr("more than 4096 keys"));
}

/// R0, and each further record with two fields of the one before it: 2^n ways to the bottom.
std::string doubling(size_t count, std::string_view bottom) {
  std::string fields = fmt::format(
      R"({{"name":"f","type":{{"type":"record","name":"R0","fields":[{{"name":"x","type":"{}"}}]}}}})",
      bottom);
  for (size_t i = 1; i <= count; ++i) {
    fields += fmt::format(
        R"(,{{"name":"f{0}","type":{{"type":"record","name":"R{0}","fields":[{{"name":"a","type":"R{1}"}},)"
        R"({{"name":"b","type":"R{1}"}}]}}}})",
        i, i - 1);
  }
  return R"({"type":"record","name":"Top","fields":[)" + fields + "]}";
}

TEST(AvroBombs, NamesThatDoubleAreLookedAtOnce) {
  auto reader = parsed(doubling(2000, "int")), writer = parsed(doubling(2000, "string"));
  EXPECT_LT(reader->canonical().size(), 300'000U);
  EXPECT_EQ(rules(*reader, *reader), std::vector<std::string>{});
  EXPECT_EQ(rules(*reader, *writer),
            std::vector<std::string>{"TYPE_MISMATCH /fields/0/type/fields/0/type"});
}

TEST(AvroBombs, UnionsThatMultiplyAreRefused) {
  std::string text;
  for (int i = 0; i < 8000; ++i)
    text += fmt::format(R"({}{{"type":"enum","name":"E{}","symbols":["A"]}})", i ? "," : "", i);
  auto schema = parsed("[" + text + "]");
  EXPECT_THAT(schema->differences(*schema).at(0).message,
              testing::HasSubstr("too large to compare"));
  // A default that each level of records tries with every branch of a union.
  std::string records, value = "0";
  for (int i = 0; i < 20; ++i) {
    records +=
        fmt::format(R"({}{{"type":"record","name":"S{}","fields":[{{"name":"x","type":{}}}]}})",
                    i ? "," : "", i, i == 0 ? "\"null\"" : R"("U")");
  }
  for (int i = 0; i < 60; ++i) value = R"({"x":)" + value + "}";
  std::string branches;
  for (int i = 0; i < 20; ++i) {
    branches += fmt::format(
        R"({}{{"type":"record","name":"S{}","fields":[{{"name":"x","type":["null","U"]}}]}})",
        i ? "," : "", i);
  }
  const std::string nested = fmt::format(
      R"({{"type":"record","name":"U","fields":[{{"name":"x","type":["null",{}],"default":{}}}]}})",
      branches, value);
  EXPECT_THAT(refused(nested), testing::AnyOf(testing::HasSubstr("more than 200000 steps"),
                                              testing::HasSubstr("is no value of its type")));
}

TEST(AvroBombs, ReferencesAreBoundedTogether) {
  std::vector<Resolved> references;
  for (int i = 0; i < 9; ++i) {
    references.push_back({{fmt::format("r{}", i), "s", 1},
                          fmt::format(R"({{"type":"fixed","name":"F{}","size":1,"doc":"{}"}})", i,
                                      std::string(1'000'000, 'd'))});
  }
  EXPECT_THAT(refused("\"int\"", references), testing::HasSubstr("8388608 with all of them"));
  EXPECT_THAT(refused("\"int\"", std::vector<Resolved>(2000)), testing::HasSubstr("at most 1024"));
}

/// Any schema, as text; names count upwards so that none is defined twice.
rc::Gen<std::string> any_type(int depth, std::shared_ptr<int> names) {
  return rc::gen::exec([=]() -> std::string {
    const int choice = *rc::gen::inRange(0, depth > 0 ? 7 : 3);
    auto inner = [&] { return *any_type(depth - 1, names); };
    const int name = ++*names;
    switch (choice) {
      case 0:
        return "\"" +
               std::string(avro::kind_name(static_cast<avro::Kind>(*rc::gen::inRange(0, 8)))) +
               "\"";
      case 1:
        return fmt::format(R"({{"type":"enum","name":"n{}.E{}","symbols":["A","B"]}})", name % 2,
                           name);
      case 2:
        return fmt::format(R"({{"type":"fixed","size":3,"name":"F{}","namespace":""}})", name);
      case 3:
        return fmt::format(R"({{"type":"array","items":{},"k":1}})", inner());
      case 4:
        return fmt::format(R"({{"values":{},"type":"map"}})", inner());
      case 5:
        return fmt::format(R"(["null",{{"type":"map","values":{}}}])", inner());
      default: {
        const std::string first = inner(), second = inner();
        return fmt::format(
            R"({{"type":"record","name":"R{0}","namespace":"n{1}","fields":[{{"name":"a","type":{2}}},)"
            R"({{"name":"b","type":{3}}},{{"name":"c","type":["null","R{0}"],"default":null}}]}})",
            name, name % 3, first, second);
      }
    }
  });
}

TEST(AvroProperties, TextsComeBackAndEverySchemaReadsItself) {
  EXPECT_TRUE(rc::check([] {
    const std::string text = *any_type(4, std::make_shared<int>(0));
    auto schema = parsed(text);
    auto again = parsed(schema->canonical());
    RC_ASSERT(again->canonical() == schema->canonical());
    auto normal = parsed(schema->normalized());
    RC_ASSERT(normal->normalized() == schema->normalized());
    RC_ASSERT(schema->differences(*again).empty());
    // The form has no "namespace", so a type of the null namespace changes its name when it is read again.
    if (text.find(R"("namespace":"")") != text.npos) return;
    const auto& tree = dynamic_cast<const AvroSchema&>(*schema).schema();
    auto canonical = avro::parse_schema(avro::parsing_canonical_form(tree), {}).value();
    RC_ASSERT(avro::parsing_canonical_form(canonical) == avro::parsing_canonical_form(tree));
  }));
}

}  // namespace
}  // namespace leat::schema::avro_test
