// Protobuf: texts, errors, imports, what refuses and what does not, bombs.
#include "schema/protobuf.h"

#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/limits.h"

namespace leat::schema::protobuf_test {
namespace {

std::string proto3(std::string_view body) { return fmt::format("syntax = \"proto3\";\n{}", body); }

std::shared_ptr<const ParsedSchema> parsed(std::string_view text,
                                           const std::vector<Resolved>& references = {}) {
  return parse(Format::kProtobuf, text, references).value();
}

std::string refused(std::string_view text, const std::vector<Resolved>& references = {}) {
  auto result = parse(Format::kProtobuf, text, references);
  return result ? "taken: " + (*result)->canonical() : result.error().to_string();
}

std::string rules(const ParsedSchema& before, const ParsedSchema& after) {
  std::string found;
  for (const Difference& one : after.differences(before)) {
    EXPECT_FALSE(one.message.empty());
    found += (found.empty() ? "" : ", ") + one.rule + " " + one.path;
  }
  return found;
}

std::string rules(std::string_view before, std::string_view after) {
  return rules(*parsed(proto3(before)), *parsed(proto3(after)));
}

/// A message M with these fields.
std::string m(std::string_view fields) { return fmt::format("message M {{ {} }}", fields); }

TEST(Protobuf, ASerializedFileIsASchemaToo) {
  const std::string text =
      proto3("package a; import \"b.proto\"; message M { b.B b = 1; repeated int64 n = 2; }");
  const std::vector<Resolved> references = {
      {{"b.proto", "b", 1}, proto3("package b; message B {}")}};
  const auto schema = parsed(text, references);
  const std::string bytes = schema->form("serialized").value();
  const auto again = parsed(bytes, references);
  EXPECT_EQ(again->record_name(), "a.M");
  EXPECT_EQ(again->normalized(), schema->normalized());
  EXPECT_EQ(again->canonical(), schema->normalized());  // kept as a text
  EXPECT_EQ(rules(*schema, *again), "");
  EXPECT_EQ(again->form("serialized"), bytes);
  EXPECT_NE(refused(bytes).find("import"), std::string::npos);
  EXPECT_NE(refused("AAAA").find("no .proto text"), std::string::npos);
}

TEST(Protobuf, TextStaysAndNormalizedTextDoesNotDependOnHowItWasWritten) {
  const std::string text =
      proto3("package a.b; // why\nmessage M{int32  x=1; N n = 2;} message N{}");
  EXPECT_EQ(parsed(text)->canonical(), text);
  EXPECT_EQ(parsed(text)->record_name(), "a.b.M");
  EXPECT_EQ(
      parsed(text)->normalized(),
      parsed(proto3("package a.b;\nmessage M {\n  int32 x = 1;\n  .a.b.N n = 2;\n}\nmessage N {}"))
          ->normalized());
  EXPECT_EQ(parsed(parsed(text)->normalized())->normalized(), parsed(text)->normalized());
}

TEST(Protobuf, RefusesWhatIsNoFileAndSaysWhere) {
  EXPECT_THAT(refused(proto3("message M {\n  int32 = 1;\n}")),
              testing::StartsWith("line 3, column 9: no .proto text: Expected field name"));
  EXPECT_THAT(refused(proto3("message M { Nope n = 1; }")),
              testing::StartsWith("M.n: \"Nope\" is not defined"));
  EXPECT_THAT(refused(proto3("message M { int32 a = 1; int32 b = 1; }")),
              testing::StartsWith("M.b: "));
  EXPECT_THAT(refused("{}"), testing::StartsWith("line 1, column 1"));
  EXPECT_THAT(refused(proto3("import \"x.proto\"; message M {}")),
              testing::StartsWith("import \"x.proto\" is not among the references"));
}

TEST(Protobuf, ImportsComeFromReferencesAndTheLibrary) {
  EXPECT_THAT(refused(proto3("import \"google/protobuf/timestamp.proto\"; message M { "
                             "google.protobuf.Timestamp t = 1; }")),
              testing::StartsWith("taken"));
  auto inner = [](std::string_view type, int version) {
    return std::vector<Resolved>{
        {{"inner.proto", "inner", version},
         proto3(fmt::format("package far; message I {{ {} x = 1; }}", type))}};
  };
  const std::string outer =
      proto3("package near; import \"inner.proto\"; message M { far.I i = 1; }");
  EXPECT_EQ(rules(*parsed(outer, inner("int32", 1)), *parsed(outer, inner("int64", 2))), "");
  EXPECT_EQ(rules(*parsed(outer, inner("int32", 1)), *parsed(outer, inner("string", 2))),
            "FIELD_SCALAR_KIND_CHANGED #/I/1");
  EXPECT_THAT(refused(outer, {{{"inner.proto", "inner", 1}, "message {"}}),
              testing::StartsWith("reference inner.proto: line 1"));
}

TEST(ProtobufCompatibility, Fields) {
  EXPECT_EQ(rules(m("int32 x = 1;"), m("int64 renamed = 1; string more = 2;")), "");
  EXPECT_EQ(rules(m("int32 x = 1; string y = 2;"), m("int32 x = 1;")), "");
  EXPECT_EQ(rules(m("string x = 1;"), m("bytes x = 1;")), "");
  EXPECT_EQ(rules(m("string x = 1;"), m("repeated string x = 1;")), "");
  EXPECT_EQ(rules(m("int32 x = 1;"), m("repeated int32 x = 1;")),
            "FIELD_NUMERIC_LABEL_CHANGED #/M/1");
  EXPECT_EQ(rules(m("int32 x = 1;"), m("sint32 x = 1;")), "FIELD_SCALAR_KIND_CHANGED #/M/1");
  EXPECT_EQ(rules(m("enum E { A = 0; } E x = 1;"), m("int32 x = 1;")), "");
  EXPECT_EQ(rules(m("int32 x = 1;"), m("message N {} N x = 1;")), "FIELD_KIND_CHANGED #/M/1");
  EXPECT_EQ(rules(m("map<string, int32> x = 1;"), m("map<string, float> x = 1;")),
            "FIELD_SCALAR_KIND_CHANGED #/M/1");
  EXPECT_EQ(rules(m("message N {} N x = 1;"), m("message N {} message O {} O x = 1;")),
            "FIELD_NAMED_TYPE_CHANGED #/M/1");
  auto two = [](std::string_view fields) {
    return parsed(fmt::format("syntax=\"proto2\"; message M {{ {} }}", fields));
  };
  EXPECT_EQ(rules(*two(""), *two("required int32 x = 1;")), "REQUIRED_FIELD_ADDED #/M/1");
  EXPECT_EQ(rules(*two("required int32 x = 1;"), *two("")), "REQUIRED_FIELD_REMOVED #/M/1");
}

TEST(ProtobufCompatibility, MessagesAndPackages) {
  EXPECT_EQ(rules("package a; message M {}", "package b; message M {}"), "PACKAGE_CHANGED #/");
  EXPECT_EQ(rules("message M {} message N {}", "message N {} message O {}"), "MESSAGE_REMOVED #/M");
  EXPECT_EQ(rules(m("message N { int32 x = 1; }"), m("message N { float x = 1; }")),
            "FIELD_SCALAR_KIND_CHANGED #/M/N/1");
  EXPECT_EQ(rules(m("M next = 1; int32 x = 2;"), m("M next = 1; string x = 2;")),
            "FIELD_SCALAR_KIND_CHANGED #/M/2");
}

TEST(ProtobufCompatibility, OneofsExclude) {
  EXPECT_EQ(rules(m("int32 a = 1;"), m("oneof o { int32 a = 1; int32 b = 2; }")), "");
  EXPECT_EQ(rules(m("int32 a = 1; int32 b = 2;"), m("oneof o { int32 a = 1; int32 b = 2; }")),
            "MULTIPLE_FIELDS_MOVED_TO_ONEOF #/M/o");
  EXPECT_EQ(
      rules(m("oneof o { int32 a = 1; } int32 b = 2;"), m("oneof o { int32 a = 1; int32 b = 2; }")),
      "FIELD_MOVED_TO_EXISTING_ONEOF #/M/o");
  EXPECT_EQ(rules(m("oneof o { int32 a = 1; int32 b = 2; }"), m("oneof o { int32 a = 1; }")),
            "ONEOF_FIELD_REMOVED #/M/o/2");
  EXPECT_EQ(rules(m("oneof o { int32 a = 1; int32 b = 2; }"), m("int32 a = 1; int32 b = 2;")), "");
  EXPECT_EQ(rules(m("optional int32 a = 1; optional int32 b = 2;"), m("optional int32 a = 1;")),
            "");
}

TEST(ProtobufBombs, AreRefusedOrLookedAtOnce) {
  std::string deep;
  for (int i = 0; i < 60'000; ++i) deep += "message M{";
  EXPECT_THAT(refused(deep), testing::HasSubstr("256 deep"));
  std::string aggregates = "option (a) = ";
  for (int i = 0; i < 100'000; ++i) aggregates += "{a:";
  EXPECT_THAT(refused(aggregates), testing::HasSubstr("256 deep"));
  EXPECT_THAT(refused("message " + std::string(10 << 20, 'a') + "{}"),
              testing::HasSubstr("at most 1048576"));
  EXPECT_LT(refused("message M { " + std::string(1 << 19, 'a') + " x = 1; }").size(), 2000U);
  auto doubling = [](std::string_view bottom) {
    std::string text = proto3(fmt::format("message R0 {{ {} x = 1; }}\n", bottom));
    for (int i = 1; i < 2000; ++i)
      text += fmt::format("message R{0} {{ R{1} a = 1; R{1} b = 2; }}\n", i, i - 1);
    return parsed(text);
  };
  EXPECT_EQ(rules(*doubling("int32"), *doubling("int64")), "");
  EXPECT_EQ(rules(*doubling("int32"), *doubling("float")), "FIELD_SCALAR_KIND_CHANGED #/R0/1");
}

}  // namespace
}  // namespace leat::schema::protobuf_test
