#include "codec/json_decode.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <random>

#include "base/limits.h"
#include "codec/text.h"

namespace leat::codec {
namespace {

using stream::Reason;
using types::Kind;
using types::Schema;
using types::Type;

/// "a!: BIGINT; b: STRUCT(c VARCHAR)": `!` is required; RAW is VARCHAR of any scalar.
Schema schema_of(std::string_view text) {
  Schema schema;
  while (!text.empty()) {
    size_t end = std::min(text.find(';'), text.size()), colon = text.find(':');
    std::string name(text.substr(0, colon));
    bool required = name.ends_with('!');
    if (required) name.pop_back();
    std::string_view type = text.substr(colon + 2, end - colon - 2);
    schema.fields.push_back(
        {.name = name,
         .type = type == "RAW" ? Type::varchar_of(15) : types::parse_type(type).value(),
         .required = required});
    text.remove_prefix(std::min(end + 2, text.size()));
  }
  return schema;
}

struct Decoded {
  std::vector<std::string> rows;  // as JSON
  std::vector<uint32_t> indices;
  std::vector<stream::Reject> rejects;
};

Decoded decode(const Schema& schema, const std::vector<std::optional<std::string_view>>& records,
               JsonDecodeOptions options = {}) {
  auto decoder = make_json_decoder(schema, std::move(options));
  EXPECT_TRUE(decoder.has_value()) << (decoder ? "" : decoder.error().to_string());
  stream::RecordBatch batch;
  for (const auto& value : records) batch.records.emplace_back().value = value;
  types::BatchBuffer out(schema);
  Decoded result;
  decoder.value()->decode(batch, out, result.indices, result.rejects);
  types::Batch view = out.view();
  EXPECT_EQ(view.rows, result.indices.size());
  for (const types::Vector& column : view.columns) EXPECT_EQ(column.size, view.rows);
  for (size_t row = 0; row < view.rows; ++row)
    append_json_row(schema, view, row, result.rows.emplace_back());
  return result;
}

/// The row as JSON, or "reason message".
std::string one(std::string_view schema, std::optional<std::string_view> record,
                JsonDecodeOptions options = {}) {
  Decoded decoded = decode(schema_of(schema), {record}, std::move(options));
  EXPECT_EQ(decoded.rows.size() + decoded.rejects.size(), 1u);
  if (!decoded.rejects.empty()) {
    EXPECT_EQ(decoded.rejects[0].stage, stream::Stage::kDecode);
    return fmt::format("{} {}", stream::to_string(decoded.rejects[0].reason),
                       decoded.rejects[0].message);
  }
  return decoded.rows[0];
}

TEST(JsonDecode, TakesWhatTheSchemaNamesInAnyOrder) {
  constexpr std::string_view kSchema =
      "id!: BIGINT; name: VARCHAR; dob: STRUCT(date VARCHAR, age INTEGER)";
  std::string expected = R"({"id":7,"name":"Ana","dob":{"date":"1968","age":58}})";
  EXPECT_EQ(one(kSchema, R"({"id":7,"name":"Ana","dob":{"date":"1968","age":58}})"), expected);
  EXPECT_EQ(
      one(kSchema,
          R"({"dob":{"x":[1,{"y":2}],"age":58,"date":"1968"},"z":null,"name":"Ana","id":7,"w":"q"})"),
      expected);
  EXPECT_EQ(one(kSchema,
                " {\n \"id\" : 7 ,\t\"name\" : \"Ana\" , \"dob\" : { \"date\":\"1968\" , \"age\" : "
                "58 } } \r\n"),
            expected);
  EXPECT_EQ(one(kSchema, R"({"id":7})"), R"({"id":7,"name":null,"dob":null})");
  EXPECT_EQ(one(kSchema, R"({"id":7,"name":null,"dob":{}})"),
            R"({"id":7,"name":null,"dob":{"date":null,"age":null}})");
  EXPECT_EQ(one("a: VARCHAR", "{}"), R"({"a":null})");
}

TEST(JsonDecode, KeysAreComparedExactly) {
  // Prefixes, escapes, other case, and keys around the 16 bytes that the prediction compares.
  EXPECT_EQ(one("na: BIGINT", R"({"n":1,"nam":2,"NA":3,"na ":4,"na":5})"), R"({"na":5})");
  EXPECT_EQ(one("name: BIGINT", R"({"n\u0061me":5})"), R"({"name":5})");
  EXPECT_EQ(one("abcdefghijklmno: BIGINT; abcdefghijklmnop: BIGINT; abcdefghijklmnopq: BIGINT",
                R"({"abcdefghijklmnop":2,"abcdefghijklmno":1,"abcdefghijklmnopq":3})"),
            R"({"abcdefghijklmno":1,"abcdefghijklmnop":2,"abcdefghijklmnopq":3})");
  EXPECT_EQ(one("é: BIGINT", R"({"é":5})"), R"({"é":5})");
}

TEST(JsonDecode, PredictionNeverChangesTheAnswer) {
  Schema schema = schema_of("a: BIGINT; bb: BIGINT; c!: BIGINT");
  std::vector<std::optional<std::string_view>> records = {R"({"a":1,"bb":2,"c":3,"skipped":4})",
                                                          R"({"a":1,"bb":2,"c":3,"skipped":4})",
                                                          R"({"c":3,"a":1})",
                                                          R"({"skipped":1,"a":1,"bb":2,"c":3})",
                                                          R"({"a":1,"b":9,"c":3})",
                                                          R"({"a":1,"bb":2,"c":3})"};
  Decoded together = decode(schema, records);
  ASSERT_EQ(together.rows.size(), records.size());
  for (size_t i = 0; i < records.size(); ++i)
    EXPECT_EQ(decode(schema, {records[i]}).rows[0], together.rows[i]) << i;
  EXPECT_EQ(together.rows[4], R"({"a":1,"bb":null,"c":3})");
}

TEST(JsonDecode, Strings) {
  auto text = [](std::string_view json) {
    return one("s: VARCHAR", fmt::format("{{\"s\":{}}}", json));
  };
  EXPECT_EQ(text(R"("")"), R"({"s":""})");
  EXPECT_EQ(text(R"("0123456789ab")"), R"({"s":"0123456789ab"})");
  EXPECT_EQ(text(R"("0123456789abc")"), R"({"s":"0123456789abc"})");
  EXPECT_EQ(text(R"("a\"\\\/\b\f\n\r\t\u00e9\uD83D\uDE00 tail that is long")"),
            "{\"s\":\"a\\\"\\\\/\\b\\f\\n\\r\\t\xC3\xA9\xF0\x9F\x98\x80 tail that is long\"}");
  EXPECT_EQ(text(R"("\u0000")"), R"({"s":"\u0000"})");
  for (auto bad : {R"("\x")", R"("\u12")", R"("\u12G4")", R"("\uD83D")", R"("\uD83Dx")",
                   R"("\uD83D\u0041")", R"("\uDE00")", R"("\uD83D\uD83D")"}) {
    EXPECT_TRUE(text(bad).starts_with("malformed at byte 5: expected a string with legal escapes"))
        << bad << text(bad);
  }
}

TEST(JsonDecode, EscapesAreSeenOnlyWhereTheyAre) {
  // A backslash before, in, and behind the strings that are read.
  EXPECT_EQ(
      one("a: VARCHAR; b: VARCHAR; c: VARCHAR",
          R"({"x":"\\","a":"plain text one","y":"\n","b":"with \u0041","z":"\t","c":"plain text two","w":"\""})"),
      R"({"a":"plain text one","b":"with A","c":"plain text two"})");
}

TEST(JsonDecode, Integers) {
  auto value = [](std::string_view type, std::string_view json) {
    return one(fmt::format("i: {}", type), fmt::format("{{\"i\":{}}}", json));
  };
  EXPECT_EQ(value("BIGINT", "-9223372036854775808"), R"({"i":-9223372036854775808})");
  EXPECT_EQ(value("BIGINT", "9223372036854775807"), R"({"i":9223372036854775807})");
  EXPECT_EQ(value("BIGINT", "9223372036854775808"),
            "out_of_range /i: 9223372036854775808 does not fit BIGINT");
  EXPECT_EQ(value("BIGINT", "-0"), R"({"i":0})");
  EXPECT_EQ(value("UTINYINT", "-0"), R"({"i":0})");
  EXPECT_EQ(value("UTINYINT", "255"), R"({"i":255})");
  EXPECT_EQ(value("UTINYINT", "256"), "out_of_range /i: 256 does not fit UTINYINT");
  EXPECT_EQ(value("UBIGINT", "-1"), "out_of_range /i: -1 does not fit UBIGINT");
  EXPECT_EQ(value("UBIGINT", "18446744073709551615"), R"({"i":18446744073709551615})");
  EXPECT_EQ(value("TINYINT", "-129"), "out_of_range /i: -129 does not fit TINYINT");
  EXPECT_EQ(value("HUGEINT", "170141183460469231731687303715884105727"),
            R"({"i":170141183460469231731687303715884105727})");
  EXPECT_TRUE(
      value("HUGEINT", "170141183460469231731687303715884105728").starts_with("out_of_range"));
  EXPECT_EQ(value("BIGINT", "1.0"), "wrong_type /i: expected an integer, found the number 1.0");
  EXPECT_EQ(value("BIGINT", "1e3"), "wrong_type /i: expected an integer, found the number 1e3");
  EXPECT_EQ(value("HUGEINT", "1.5"), "wrong_type /i: expected an integer, found the number 1.5");
  EXPECT_EQ(value("BIGINT", "\"1\""), "wrong_type /i: expected an integer, found a string");
  for (auto bad : {"01", "-", "1x", "0x1", "--1", "+1", "1.", ".5", "1e", "-01", "1 2", "1_000",
                   "Infinity", "NaN"}) {
    for (auto type : {"BIGINT", "UTINYINT", "HUGEINT", "DOUBLE", "DECIMAL(9,2)", "VARCHAR"}) {
      EXPECT_TRUE(value(type, bad).starts_with("malformed "))
          << type << ' ' << bad << ": " << value(type, bad);
    }
  }
}

TEST(JsonDecode, RealsAndDecimals) {
  auto value = [](std::string_view type, std::string_view json) {
    return one(fmt::format("d: {}", type), fmt::format("{{\"d\":{}}}", json));
  };
  EXPECT_EQ(value("DOUBLE", "5"), R"({"d":5})");
  EXPECT_EQ(value("DOUBLE", "-1.25e-3"), R"({"d":-0.00125})");
  EXPECT_EQ(value("DOUBLE", "0.1000000000000000055511151231257827"), R"({"d":0.1})");
  EXPECT_EQ(value("DOUBLE", "1e400"), "out_of_range /d: 1e400 does not fit DOUBLE");
  EXPECT_EQ(value("DOUBLE", "-1e400"), "out_of_range /d: -1e400 does not fit DOUBLE");
  EXPECT_EQ(value("DOUBLE", "1e-400"), R"({"d":0})");
  EXPECT_EQ(value("DOUBLE", "5e-324"), R"({"d":5e-324})");
  EXPECT_EQ(value("FLOAT", "1e39"), "out_of_range /d: 1e39 does not fit FLOAT");
  EXPECT_EQ(value("FLOAT", "0.1"), R"({"d":0.1})");
  EXPECT_EQ(value("DECIMAL(9,2)", "12.5e1"), R"({"d":125.00})");
  EXPECT_EQ(value("DECIMAL(4,2)", "-0.05"), R"({"d":-0.05})");
  EXPECT_EQ(value("DECIMAL(38,0)", "99999999999999999999999999999999999999"),
            R"({"d":99999999999999999999999999999999999999})");
  EXPECT_EQ(value("DECIMAL(9,2)", "1.005"), "out_of_range /d: 1.005 does not fit DECIMAL(9,2)");
  EXPECT_EQ(value("DOUBLE", "true"), "wrong_type /d: expected a number, found a boolean");
}

TEST(JsonDecode, SeveralScalarsAreRawText) {
  auto value = [](std::string_view json) {
    return one("p: RAW", fmt::format("{{\"p\":{}}}", json));
  };
  EXPECT_EQ(value("1234"), R"({"p":"1234"})");
  EXPECT_EQ(value(R"("AB1")"), R"({"p":"AB1"})");
  EXPECT_EQ(value("1.50"), R"({"p":"1.50"})");
  EXPECT_EQ(value("true"), R"({"p":"true"})");
  EXPECT_EQ(value("123456789012345678901234567890"), R"({"p":"123456789012345678901234567890"})");
  EXPECT_EQ(value("[1]"), "wrong_type /p: expected a scalar, found an array");
  EXPECT_TRUE(value("tru").starts_with("malformed"));
  Schema schema;
  schema.fields.push_back(
      {.name = "p", .type = Type::varchar_of(types::kScalarInteger | types::kScalarString)});
  EXPECT_EQ(decode(schema, {R"({"p":1.5})"}).rejects[0].message,
            "/p: expected one of the schema's scalars, found the number 1.5");
  schema.fields[0].type = Type::varchar_of(types::kScalarInteger | types::kScalarBoolean);
  EXPECT_EQ(decode(schema, {R"({"p":"x"})"}).rejects[0].reason, Reason::kWrongType);
  EXPECT_EQ(one("s: VARCHAR", R"({"s":5})"),
            "wrong_type /s: expected a string, found the number 5");
}

TEST(JsonDecode, TextsOfTheFixedTable) {
  auto value = [](std::string_view type, std::string_view text) {
    return one(fmt::format("v: {}", type), fmt::format("{{\"v\":\"{}\"}}", text));
  };
  EXPECT_EQ(value("UUID", "D830554E-b128-4f9f-af4e-0658b4173d52"),
            R"({"v":"d830554e-b128-4f9f-af4e-0658b4173d52"})");
  EXPECT_EQ(value("TIMESTAMPTZ", "2009-09-15T16:35:18.363Z"),
            R"({"v":"2009-09-15T16:35:18.363000Z"})");
  EXPECT_EQ(value("TIMESTAMP", "2009-09-15T16:35:18.363Z").substr(0, 10), "wrong_type");
  EXPECT_EQ(value("DATE", "2009-02-29"),
            "wrong_type /v: expected a string that is a date (2009-09-15), found \"2009-02-29\"");
  EXPECT_EQ(value("BLOB", "AAEC/w=="), R"({"v":"AAEC/w=="})");
  for (auto bad :
       {"AAEC/w=", "AAEC/w", "AAEC/x==", "A===", "=AAA", "AA=A", "AAEC/w==AAEC", "AA-_"}) {
    EXPECT_EQ(value("BLOB", bad).substr(0, 10), "wrong_type") << bad;
  }
  EXPECT_EQ(one("v: \"NULL\"", R"({"v":null})"), R"({"v":null})");
  EXPECT_EQ(one("v: \"NULL\"", R"({"v":1})"), "wrong_type /v: expected null, found the number 1");
  EXPECT_EQ(one("v: BOOLEAN", R"({"v":false})"), R"({"v":false})");
  EXPECT_TRUE(one("v: BOOLEAN", R"({"v":fals})").starts_with("malformed"));
  EXPECT_TRUE(one("v: BOOLEAN", R"({"v":nul})").starts_with("malformed"));
}

TEST(JsonDecode, NestedValues) {
  EXPECT_EQ(one("l: BIGINT[][]", R"({"l":[[1,2],[],null,[3]]})"), R"({"l":[[1,2],[],null,[3]]})");
  EXPECT_EQ(one("l: BIGINT[]", R"({"l":[]})"), R"({"l":[]})");
  EXPECT_EQ(one("l: BIGINT[]", R"({"l":[1,"x"]})"),
            "wrong_type /l/1: expected an integer, found a string");
  EXPECT_EQ(one("l: STRUCT(a BIGINT, b VARCHAR)[]", R"({"l":[{"a":1},{"b":"x","a":null},null]})"),
            R"({"l":[{"a":1,"b":null},{"a":null,"b":"x"},null]})");
  EXPECT_EQ(one("l: STRUCT(a BIGINT)[]", R"({"l":[{"a":1},{"a":"x"}]})"),
            "wrong_type /l/1/a: expected an integer, found a string");
  EXPECT_EQ(
      one("m: MAP(VARCHAR, BIGINT)", R"({"m":{"x":1,"a long key, longer than inline":2,"":null}})"),
      R"({"m":{"x":1,"a long key, longer than inline":2,"":null}})");
  EXPECT_EQ(one("m: MAP(INTEGER, MAP(VARCHAR, DATE))", R"({"m":{"-5":{"d":"2000-01-01"},"6":{}}})"),
            R"({"m":{"-5":{"d":"2000-01-01"},"6":{}}})");
  EXPECT_EQ(one("m: MAP(INTEGER, BIGINT)", R"({"m":{"1.5":1}})"),
            "wrong_type /m/1.5: expected an integer, found \"1.5\"");
  EXPECT_EQ(one("m: MAP(VARCHAR, BIGINT)", R"({"m":{"a":1,"b":2,"\u0061":3}})"),
            "duplicate_key /m/a: the key comes twice");
  EXPECT_EQ(one("m: MAP(VARCHAR, BIGINT)", R"({"m":[]})"),
            "wrong_type /m: expected an object, found an array");
  EXPECT_EQ(one("j: JSON", R"({"j": {"a" : [1, "x\n", null]} })"),
            R"({"j":{"a" : [1, "x\n", null]}})");
  EXPECT_EQ(one("j: JSON", R"({"j":"x","k":1})"), R"({"j":"x"})");
  EXPECT_EQ(one("j: JSON", R"({"j":null})"), R"({"j":null})");
  EXPECT_TRUE(one("j: JSON", R"({"j":[01]})").starts_with("malformed at byte 6"));
}

TEST(JsonDecode, ClosedReasons) {
  constexpr std::string_view kSchema = "id!: BIGINT; dob: STRUCT(date VARCHAR)";
  EXPECT_EQ(one(kSchema, std::nullopt), "null_value the record has no value");
  EXPECT_EQ(one(kSchema, R"({"dob":{}})"), "missing_field /id: required, but absent");
  EXPECT_EQ(one(kSchema, R"({"id":null})"), "missing_field /id: required, but null");
  EXPECT_EQ(one(kSchema, R"({"id":1,"dob":{"date":5}})"),
            "wrong_type /dob/date: expected a string, found the number 5");
  EXPECT_EQ(one(kSchema, R"({"id":1,"dob":[]})"),
            "wrong_type /dob: expected an object, found an array");
  EXPECT_EQ(one(kSchema, R"({"id":1,"x":2,"id":1})"), "duplicate_key /id: the key comes twice");
  EXPECT_EQ(one(kSchema, R"({"id":1,"i\u0064":1})"), "duplicate_key /id: the key comes twice");
  EXPECT_EQ(one(kSchema, "[1]"), "not_object expected an object, found an array");
  EXPECT_EQ(one(kSchema, "null"), "not_object expected an object, found null");
  EXPECT_EQ(one(kSchema, " 12 "), "not_object expected an object, found a number");
  EXPECT_EQ(one(kSchema, "\"x\""), "not_object expected an object, found a string");
  std::string large(limits::kMaxRecordBytes + 1, ' ');
  EXPECT_EQ(one(kSchema, large).substr(0, 9), "too_large");
  EXPECT_EQ(one(kSchema, "{\"id\":1,\"x\":\"\xC3\x28\"}"), "invalid_utf8 the bytes are not UTF-8");
  EXPECT_EQ(one(kSchema, "\xFF"), "invalid_utf8 the bytes are not UTF-8");
  // A surrogate, an overlong form.
  EXPECT_EQ(one(kSchema, "{\"id\":1,\"x\":\"\xED\xA0\x80\"}").substr(0, 12), "invalid_utf8");
  EXPECT_EQ(one(kSchema, "{\"id\":1,\"x\":\"\xC0\xAF\"}").substr(0, 12), "invalid_utf8");
}

TEST(JsonDecode, Depth) {
  auto nested = [](size_t depth, bool array) {
    std::string text = "{\"x\":";
    for (size_t i = 1; i < depth; ++i) text += array ? "[" : "{\"x\":";
    text += "1";
    for (size_t i = 1; i < depth; ++i) text += array ? "]" : "}";
    return text + "}";
  };
  for (bool array : {false, true}) {
    for (auto schema : {"id: BIGINT", "x: JSON"}) {
      EXPECT_EQ(one(schema, nested(limits::kMaxJsonDepth, array)).substr(0, 1), "{") << schema;
      EXPECT_EQ(one(schema, nested(limits::kMaxJsonDepth + 1, array)).substr(0, 8), "too_deep")
          << schema;
      EXPECT_EQ(one(schema, nested(100'000, array)).substr(0, 8), "too_deep") << schema;
    }
  }
  EXPECT_EQ(one("id: BIGINT", std::string(100'000, '[')).substr(0, 8), "too_deep");
  std::string opened;
  for (int i = 0; i < 64; ++i) opened += "{\"x\":";
  EXPECT_EQ(one("id: BIGINT", opened).substr(0, 9), "malformed");
}

TEST(JsonDecode, BrokenJsonIsMalformedWhereverItIs) {
  constexpr std::string_view kWhole =
      R"({"id":1,"skip":{"a":[1,2,{"b":null}],"c":"x"},"dob":{"date":"d"},"l":[1,2],"m":{"k":1}})";
  constexpr std::string_view kSchema =
      "id!: BIGINT; dob: STRUCT(date VARCHAR); l: BIGINT[]; m: MAP(VARCHAR, BIGINT)";
  ASSERT_EQ(one(kSchema, kWhole).substr(0, 1), "{");
  for (size_t length = 0; length < kWhole.size(); ++length) {
    EXPECT_EQ(one(kSchema, kWhole.substr(0, length)).substr(0, 9), "malformed")
        << kWhole.substr(0, length);
  }
  // One structural character dropped, doubled or exchanged.
  for (size_t i = 0; i < kWhole.size(); ++i) {
    if (std::string_view("{}[]:,\"").find(kWhole[i]) == std::string_view::npos) continue;
    for (std::string_view instead :
         {"", "{", "}", "[", "]", ":", ",", "\"", "]]", "}}", ",,", "::"}) {
      if (instead == kWhole.substr(i, 1)) continue;
      if (kWhole.substr(i, 2) == ",2" && instead.empty()) continue;  // 1,2 becomes 12
      std::string broken = std::string(kWhole.substr(0, i)) + std::string(instead) +
                           std::string(kWhole.substr(i + 1));
      EXPECT_EQ(one(kSchema, broken).substr(0, 9), "malformed") << broken;
    }
  }
  for (auto tail : {"{", "}", "x", "1", "\"\"", ",", "null", "[]"}) {
    EXPECT_EQ(one(kSchema, fmt::format("{}{}", kWhole, tail)).substr(0, 9), "malformed") << tail;
    EXPECT_EQ(one(kSchema, fmt::format("{} \n{}", kWhole, tail)).substr(0, 9), "malformed") << tail;
  }
  for (auto bad : {"",
                   " ",
                   "\n",
                   "{",
                   "}",
                   "{}}",
                   "{]",
                   "{,}",
                   "{\"id\"}",
                   "{\"id\":}",
                   "{\"id\":1,}",
                   "{id:1}",
                   "{'id':1}",
                   "{\"id\":1 \"x\":2}",
                   "hello",
                   "{\"id\":1}x",
                   "{1:2}",
                   "{\"id\":1,\"x\":[1 2]}",
                   "{\"id\":1,\"x\":[1,]}",
                   "{\"id\":1,\"x\":[,1]}",
                   "{\"id\":1,\"x\":\"a\nb\"}",
                   "{\"id\":1,\"x\":\"a\tb\"}",
                   "{\"id\":1,\"x\":\"\\\"}",
                   "{\"id\":1,\"x\":\"abc}",
                   "{\"id\":1}\\",
                   "// c\n{\"id\":1}",
                   "{\"id\":1,\"x\":y}",
                   "[1,",
                   "tru",
                   "{\"id\":1,\"id2\":\"a\"\"b\"}"}) {
    EXPECT_EQ(one(kSchema, bad).substr(0, 9), "malformed") << bad;
  }
  EXPECT_EQ(one(kSchema, std::string_view("{\"id\":1}\0", 9)).substr(0, 9), "malformed");
  EXPECT_EQ(one(kSchema, std::string_view("{\"id\":1\0}", 9)).substr(0, 9), "malformed");
}

TEST(JsonDecode, BrokenJsonGoesBeforeOtherReasons) {
  EXPECT_EQ(one("id!: BIGINT", R"({"id":"x","y":[1,2})").substr(0, 9), "malformed");
  EXPECT_EQ(one("id!: BIGINT", R"({"id":"x")").substr(0, 9), "malformed");
  EXPECT_EQ(one("id!: BIGINT", R"({"id":1,"id":2} x)").substr(0, 9), "malformed");
  EXPECT_EQ(one("id!: BIGINT", R"({"id":tru})"),
            "malformed at byte 6: expected a number, true, false or null, found 't'");
  EXPECT_EQ(one("id!: BIGINT", R"({"id":1)"),
            "malformed at byte 7: expected ',' or '}', found the end");
}

TEST(JsonDecode, LenientOutsideWhatIsReadUnlessValidateAll) {
  Schema narrow = schema_of("id!: BIGINT; s: STRUCT(a BIGINT)");
  Schema whole =
      schema_of("id!: BIGINT; s: STRUCT(a BIGINT, b BOOLEAN); t!: VARCHAR; l: STRUCT(x BIGINT)[]");
  auto fate = [&](std::string_view record, bool all) {
    JsonDecodeOptions options;
    if (all) options.validate_all = whole;
    Decoded decoded = decode(narrow, {record}, options);
    return decoded.rejects.empty()
               ? decoded.rows[0]
               : fmt::format("{} {}", stream::to_string(decoded.rejects[0].reason),
                             decoded.rejects[0].message);
  };
  struct Case {
    std::string_view record, strict;
  };
  for (const Case& c : {
           Case{R"({"id":1,"s":{"a":2},"t":"x","u":01})", "malformed"},
           {R"({"id":1,"s":{"a":2},"t":"x","u":truu})", "malformed"},
           {R"({"id":1,"s":{"a":2},"t":"x","u":"\q"})", "malformed"},
           {R"({"id":1,"s":{"a":2},"t":"x","\q":1})", "malformed"},
           {R"({"id":1,"s":{"a":2},"t":5})", "wrong_type /t: expected a string"},
           {R"({"id":1,"s":{"a":2}})", "missing_field /t: required, but absent"},
           {R"({"id":1,"s":{"a":2,"b":3},"t":"x"})", "wrong_type /s/b: expected a boolean"},
           {R"({"id":1,"s":{"a":2},"t":"x","l":[{"x":1},{"x":"y"}]})",
            "wrong_type /l/1/x: expected an integer"},
           {R"({"id":1,"s":{"a":2},"t":"x","t":"y"})", "duplicate_key /t"},
       }) {
    EXPECT_EQ(fate(c.record, false), R"({"id":1,"s":{"a":2}})") << c.record;
    EXPECT_TRUE(fate(c.record, true).starts_with(c.strict)) << c.record << fate(c.record, true);
  }
  EXPECT_EQ(fate(R"({"id":1,"s":{"a":2,"b":true},"t":"x","l":[{"x":1}]})", true),
            R"({"id":1,"s":{"a":2}})");
  EXPECT_EQ(fate(R"({"id":1,"s":null,"t":"x","l":[]})", true), R"({"id":1,"s":null})");
  JsonDecodeOptions lacking;
  lacking.validate_all = schema_of("id!: BIGINT");
  EXPECT_EQ(make_json_decoder(narrow, lacking).error().code(), ErrorCode::kInvalidArgument);
}

TEST(JsonDecode, RootValueTakesAnyRoot) {
  Schema schema = schema_of("value: JSON");
  EXPECT_EQ(one("value: JSON", "[1]").substr(0, 10), "not_object");
  EXPECT_EQ(one("value: JSON", R"({"value":[1]})"), R"({"value":[1]})");
  schema.root_value = true;
  Decoded decoded = decode(schema, {" [1, 2]\n", "5", "null", R"({"value":1})", "\"x\"", "[1",
                                    "[01]", "", R"("\q")", "{}{}"});
  EXPECT_EQ(decoded.rows,
            (std::vector<std::string>{R"({"value":[1, 2]})", R"({"value":5})", R"({"value":null})",
                                      R"({"value":{"value":1}})", R"({"value":"x"})"}));
  ASSERT_EQ(decoded.rejects.size(), 5u);
  for (const auto& reject : decoded.rejects)
    EXPECT_EQ(reject.reason, Reason::kMalformed) << reject.message;
  Schema unread;
  unread.root_value = true;
  EXPECT_TRUE(make_json_decoder(unread).has_value());
  schema.fields.push_back({.name = "x", .type = Kind::kJson});
  EXPECT_FALSE(make_json_decoder(schema).has_value());
}

TEST(JsonDecode, RejectsLeaveNoTraceInTheColumns) {
  Schema schema = schema_of(
      "a!: BIGINT; l: STRUCT(x VARCHAR, y BIGINT[])[]; m: MAP(VARCHAR, BIGINT); z!: VARCHAR");
  std::string_view good =
      R"({"a":1,"l":[{"x":"long enough to be outside","y":[1,2]}],"m":{"k":1},"z":"q"})";
  std::vector<std::optional<std::string_view>> records;
  std::vector<std::string_view> bad = {
      R"({"a":1,"l":[{"x":"q","y":[1,2,"x"]}],"m":{"k":1},"z":"q"})",
      R"({"a":1,"l":[{"x":"q"}],"m":{"k":1,"j":"x"}})",
      R"({"z":"q","m":{"k":1},"l":[{"y":[5],"x":1}]})",
      R"({"a":1,"l":[],"m":{"k":1,"k":1},"z":"q"})",
      R"({"a":1,"l":[)",
      R"({"a":1,"l":null,"m":null})",
      R"({"a":1,"m":{"k":1,"j":{)"};
  for (int round = 0; round < 3; ++round) {
    for (std::string_view record : bad) records.push_back(good), records.push_back(record);
  }
  Decoded decoded = decode(schema, records);
  ASSERT_EQ(decoded.rows.size(), bad.size() * 3);
  ASSERT_EQ(decoded.rejects.size(), bad.size() * 3);
  for (const std::string& row : decoded.rows) EXPECT_EQ(row, good);
  for (size_t i = 0; i < bad.size(); ++i) {
    EXPECT_EQ(decoded.indices[i], 2 * i);
    EXPECT_EQ(decoded.rejects[i].record, 2 * i + 1);
    // The same alone as among others.
    stream::Reject alone = decode(schema, {bad[i]}).rejects[0];
    EXPECT_EQ(decoded.rejects[i].message, alone.message);
    EXPECT_EQ(decoded.rejects[i].reason, alone.reason);
    EXPECT_EQ(decoded.rejects[i + bad.size()].message, alone.message);
  }
}

TEST(JsonDecode, ManyFields) {
  std::string schema, record = "{", twice;
  for (int i = 0; i < 300; ++i) {
    schema += fmt::format("{}f{}!: BIGINT", i ? "; " : "", i);
    record += fmt::format("{}\"f{}\":{}", i ? "," : "", 299 - i, i);
  }
  EXPECT_EQ(one(schema, record + "}").substr(0, 20), R"({"f0":299,"f1":298,")");
  EXPECT_EQ(one(schema, record + ",\"f200\":1}"), "duplicate_key /f200: the key comes twice");
  record.replace(record.find("\"f250\""), 6, "\"g250\"");
  EXPECT_EQ(one(schema, record + "}"), "missing_field /f250: required, but absent");
}

TEST(JsonDecode, WithoutColumnsCountsRows) {
  Schema none;
  auto decoder = make_json_decoder(none).value();
  stream::RecordBatch batch;
  for (std::string_view value : {"{}", "{\"a\":1}", "{", "[]"})
    batch.records.emplace_back().value = value;
  types::BatchBuffer out(none);
  std::vector<uint32_t> rows;
  std::vector<stream::Reject> rejects;
  decoder->decode(batch, out, rows, rejects);
  EXPECT_EQ(out.view().rows, 2u);
  EXPECT_EQ(rejects.size(), 2u);
}

TEST(JsonDecode, BorrowPointsIntoTheRecord) {
  Schema schema = schema_of("s: VARCHAR");
  JsonDecodeOptions borrow;
  borrow.borrow = true;
  std::string record = R"({"s":"a string longer than twelve"})";
  for (bool borrowed : {true, false}) {
    auto decoder = make_json_decoder(schema, borrowed ? borrow : JsonDecodeOptions()).value();
    stream::RecordBatch batch;
    batch.records.emplace_back().value = record;
    types::BatchBuffer out(schema);
    std::vector<uint32_t> rows;
    std::vector<stream::Reject> rejects;
    decoder->decode(batch, out, rows, rejects);
    const char* at = out.view().columns[0].text(0).data();
    EXPECT_EQ(at == record.data() + 6, borrowed);
  }
}

TEST(JsonDecode, RefusesAMapWithNestedKeys) {
  Schema schema;
  schema.fields.push_back({.name = "m", .type = Type::map(Type::list(Kind::kInt64), Kind::kInt64)});
  EXPECT_EQ(make_json_decoder(schema).error().code(), ErrorCode::kInvalidArgument);
}

/// A record right before a page that may not be touched: nothing may be read past its end.
TEST(JsonDecode, NeedsNoPadding) {
  auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  char* memory = static_cast<char*>(
      mmap(nullptr, 3 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  ASSERT_NE(memory, MAP_FAILED);
  ASSERT_EQ(mprotect(memory + 2 * page, page, PROT_NONE), 0);
  constexpr std::string_view kSchema = "id: BIGINT; s: VARCHAR; d: DOUBLE; j: JSON; l: VARCHAR[]";
  std::string whole = R"({"id":1,"s":"text \u0041","j":{"a":[1,2]},"l":["a","b"],"d":1.5})";
  for (size_t pad = 0; pad < 200; ++pad) {
    std::string record = R"({"pad":")" + std::string(pad, 'p') + "\"," + whole.substr(1);
    for (size_t cut : {size_t{0}, size_t{1}, size_t{2}, size_t{5}}) {
      std::string_view text = std::string_view(record).substr(0, record.size() - cut);
      char* at = memory + 2 * page - text.size();
      std::memcpy(at, text.data(), text.size());
      EXPECT_EQ(one(kSchema, std::string_view(at, text.size())).substr(0, 1), cut == 0 ? "{" : "m");
    }
  }
  munmap(memory, 3 * page);
}

/// Random edits of a record: never a crash, and always the same fate alone, among others, and again.
TEST(JsonDecode, FateDependsOnItsBytesAlone) {
  Schema schema = schema_of(
      "id!: BIGINT; s: VARCHAR; r: RAW; n: STRUCT(a BIGINT, b VARCHAR); l: DOUBLE[]; m: "
      "MAP(VARCHAR, BIGINT); j: JSON");
  const std::string base =
      R"({"id":12,"s":"x\u00e9 y","r":1.5,"skip":{"q":[true,null]},"n":{"a":1,"b":"bb"},"l":[1,2.5e3],"m":{"k":9},"j":[{}]})";
  constexpr std::string_view kBytes = "{}[]:,\"\\ \n0129.eE+-truefalsn\xC3\xA9\xFF\x01u";
  std::mt19937 random(11);
  std::vector<std::string> texts;
  for (int i = 0; i < 4000; ++i) {
    std::string text = base;
    for (unsigned edits = random() % 4; edits > 0; --edits) {
      size_t at = random() % text.size();
      switch (random() % 4) {
        case 0:
          text.erase(at, 1 + random() % 5);
          break;
        case 1:
          text.insert(at, 1, kBytes[random() % kBytes.size()]);
          break;
        case 2:
          text[at] = kBytes[random() % kBytes.size()];
          break;
        default:
          text = text.substr(0, at) + text.substr(random() % text.size());
      }
      if (text.empty()) text = "{";
    }
    texts.push_back(std::move(text));
  }
  std::vector<std::optional<std::string_view>> records(texts.begin(), texts.end());
  Decoded together = decode(schema, records);
  size_t row = 0, rejected = 0;
  for (size_t i = 0; i < texts.size(); ++i) {
    Decoded alone = decode(schema, {records[i]});
    if (alone.rejects.empty()) {
      ASSERT_EQ(together.indices[row], i);
      ASSERT_EQ(together.rows[row++], alone.rows[0]) << texts[i];
    } else {
      ASSERT_EQ(together.rejects[rejected].record, i);
      ASSERT_EQ(together.rejects[rejected].message, alone.rejects[0].message) << texts[i];
      ASSERT_EQ(together.rejects[rejected++].reason, alone.rejects[0].reason) << texts[i];
    }
  }
  EXPECT_GT(row, 500u);
  EXPECT_GT(rejected, 500u);
}

}  // namespace
}  // namespace leat::codec
