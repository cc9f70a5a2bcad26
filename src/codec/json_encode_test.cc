#include "codec/json_encode.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

#include "codec/json_decode.h"
#include "codec/json_index.h"
#include "codec/text.h"
#include "types/temporal.h"

namespace leat::codec {
namespace {

using stream::Reason;
using types::Field;
using types::Int128;
using types::Kind;
using types::Schema;
using types::StringRef;
using types::Type;
using types::VectorBuffer;

struct Encoded {
  std::vector<std::string> keys, values;  // "-": none
  std::vector<stream::Encoder::Failure> failed;
};

Encoded encode(const Schema& schema, const types::Batch& batch, std::vector<size_t> key) {
  auto encoder = make_json_encoder(schema, std::move(key));
  EXPECT_TRUE(encoder.has_value());
  stream::EncodedRows out;
  Encoded result;
  encoder.value()->encode(batch, out, result.failed);
  EXPECT_EQ(out.keys.size(), batch.rows);
  EXPECT_EQ(out.values.size(), batch.rows);
  for (const auto& one : out.keys) result.keys.emplace_back(one ? std::string(*one) : "-");
  for (const auto& one : out.values) result.values.emplace_back(one ? std::string(*one) : "-");
  return result;
}

TEST(JsonEncode, TheFixedTable) {
  Schema schema;
  auto add = [&](std::string_view type) {
    schema.fields.push_back({.name = fmt::format("c{}", schema.fields.size()),
                             .type = types::parse_type(type).value()});
  };
  for (auto type : {"BIGINT", "DECIMAL(9,2)", "DOUBLE", "VARCHAR", "BOOLEAN", "UUID", "TIMESTAMPTZ",
                    "TIMESTAMP", "DATE", "TIME", "BLOB", "JSON", "STRUCT(a INTEGER, b VARCHAR)",
                    "TINYINT[]", "MAP(INTEGER, VARCHAR)", "INTERVAL", "HUGEINT", "\"NULL\""}) {
    add(type);
  }
  types::BatchBuffer rows(schema);
  size_t column = 0;
  auto next = [&]() -> VectorBuffer& { return rows.column(column++); };
  next().append(int64_t{-5});
  next().append(int32_t{1250});
  next().append(1e21);
  next().append(StringRef("a \"q\" \\ \n \x01 \xC3\xA9"));
  next().append(uint8_t{1});
  next().append(*types::parse_uuid("d830554e-b128-4f9f-af4e-0658b4173d52"));
  next().append(int64_t{1'253'032'518'363'000});
  next().append(int64_t{1'253'032'518'363'000});
  next().append(int32_t{0});
  next().append(int64_t{1});
  next().append(StringRef(std::string_view("\0\1\2\xFF", 4)));
  next().append(StringRef("{\"x\": [1]}"));
  VectorBuffer& structure = next();
  structure.child(0).append(int32_t{7});
  structure.child(1).append_null();
  structure.append_struct();
  VectorBuffer& list = next();
  list.child(0).append(int8_t{1}), list.child(0).append_null();
  list.append_list(0);
  VectorBuffer& map = next();
  map.child(0).child(0).append(int32_t{3});
  map.child(0).child(1).append(StringRef("v"));
  map.child(0).append_struct();
  map.append_list(0);
  next().append(types::Interval{1, 2, 3'000'000});
  next().append(Int128{0, 1});
  next().append_null();
  Encoded encoded = encode(schema, rows.view(), {});
  ASSERT_TRUE(encoded.failed.empty());
  EXPECT_EQ(
      encoded.values[0],
      "{\"c0\":-5,\"c1\":12.50,\"c2\":1e+21,\"c3\":\"a \\\"q\\\" \\\\ \\n \\u0001 "
      "\xC3\xA9\",\"c4\":true,"
      "\"c5\":\"d830554e-b128-4f9f-af4e-0658b4173d52\",\"c6\":\"2009-09-15T16:35:18.363000Z\","
      "\"c7\":\"2009-09-15T16:35:18.363000\",\"c8\":\"1970-01-01\",\"c9\":\"00:00:00.000001\","
      "\"c10\":\"AAEC/w==\","
      "\"c11\":{\"x\": [1]},\"c12\":{\"a\":7,\"b\":null},\"c13\":[1,null],\"c14\":{\"3\":\"v\"},"
      "\"c15\":\"P1M2DT3S\",\"c16\":18446744073709551616,\"c17\":null}");
  EXPECT_EQ(encoded.keys[0], "-");
  // What is written, the decoder reads back.
  auto text = [&](size_t i) {
    std::string out;
    append_text(rows.view().columns[i], 0, out);
    return out;
  };
  EXPECT_EQ(text(3), "a \"q\" \\ \n \x01 \xC3\xA9");
  EXPECT_EQ(text(5), "d830554e-b128-4f9f-af4e-0658b4173d52");
  EXPECT_EQ(text(12), R"({"a":7,"b":null})");
  EXPECT_EQ(text(17), "");
}

TEST(JsonEncode, KeysAreCanonicalText) {
  Schema schema{{{.name = "s", .type = Kind::kVarchar},
                 {.name = "u", .type = Kind::kUuid},
                 {.name = "t", .type = Kind::kTimestampTz},
                 {.name = "i", .type = Kind::kInt64}}};
  types::BatchBuffer rows(schema);
  rows.column(0).append(StringRef("CH \"x\""));
  rows.column(1).append(*types::parse_uuid("D830554E-B128-4F9F-AF4E-0658B4173D52"));
  rows.column(2).append(int64_t{0});
  rows.column(3).append(int64_t{58});
  EXPECT_EQ(encode(schema, rows.view(), {0}).keys[0], "CH \"x\"");
  EXPECT_EQ(encode(schema, rows.view(), {1}).keys[0], "d830554e-b128-4f9f-af4e-0658b4173d52");
  EXPECT_EQ(encode(schema, rows.view(), {2}).keys[0], "1970-01-01T00:00:00.000000Z");
  EXPECT_EQ(encode(schema, rows.view(), {3}).keys[0], "58");
  EXPECT_EQ(encode(schema, rows.view(), {0, 3}).keys[0], R"(["CH \"x\"",58])");
  EXPECT_EQ(encode(schema, rows.view(), {3, 1}).keys[0],
            R"([58,"d830554e-b128-4f9f-af4e-0658b4173d52"])");
  EXPECT_EQ(make_json_encoder(schema, {4}).error().code(), ErrorCode::kInvalidArgument);
}

TEST(JsonEncode, RefusesRowsOneByOne) {
  Schema schema{
      {{.name = "id", .type = Kind::kInt64},
       {.name = "d", .type = Type::structure({{.name = "x", .type = Type::list(Kind::kDouble)}})},
       {.name = "j", .type = Kind::kJson}}};
  types::BatchBuffer rows(schema);
  auto row = [&](std::optional<int64_t> id, double number, std::string_view json) {
    id ? rows.column(0).append(*id) : rows.column(0).append_null();
    VectorBuffer& list = rows.column(1).child(0);
    size_t start = list.child(0).size();
    list.child(0).append(1.0), list.child(0).append(number);
    list.append_list(start);
    rows.column(1).append_struct();
    rows.column(2).append(StringRef(json));
  };
  row(1, 1.5, "[]");
  row(2, NAN, "[]");
  row(std::nullopt, 1.5, "[]");
  row(4, -INFINITY, "[]");
  row(5, 1.5, "[1");
  row(6, 1.5, "{} {}");
  row(7, 1.5, "[01]");
  row(8, 2.5, "\"s\"");
  Encoded encoded = encode(schema, rows.view(), {0});
  EXPECT_EQ(encoded.values,
            (std::vector<std::string>{R"({"id":1,"d":{"x":[1,1.5]},"j":[]})", "", "", "", "", "",
                                      "", R"({"id":8,"d":{"x":[1,2.5]},"j":"s"})"}));
  EXPECT_EQ(encoded.keys, (std::vector<std::string>{"1", "-", "-", "-", "-", "-", "-", "8"}));
  ASSERT_EQ(encoded.failed.size(), 6u);
  EXPECT_EQ(encoded.failed[0].row, 1u);
  EXPECT_EQ(encoded.failed[0].reason, Reason::kEncodeFailed);
  EXPECT_EQ(encoded.failed[0].message, "/d/x/1: JSON has no number nan");
  EXPECT_EQ(encoded.failed[1].reason, Reason::kNullKey);
  EXPECT_EQ(encoded.failed[1].message, "/id: the key is null");
  EXPECT_EQ(encoded.failed[2].message, "/d/x/1: JSON has no number -inf");
  EXPECT_TRUE(
      encoded.failed[3].message.starts_with("/j: the text of a JSON value is broken: at byte 2"))
      << encoded.failed[3].message;
  // For people, everything has a text.
  std::string text;
  append_json(rows.view().columns[1], 1, text);
  EXPECT_EQ(text, R"({"x":[1,"nan"]})");
}

TEST(JsonEncode, ManyAndLargeRowsKeepTheirBytes) {
  Schema schema{{{.name = "s", .type = Kind::kVarchar}}};
  types::BatchBuffer rows(schema);
  std::vector<std::string> texts;
  for (size_t i = 0; i < 3000; ++i)
    texts.push_back(std::string(i * 7 % 5000, static_cast<char>('a' + i % 26)));
  texts.push_back(std::string(300'000, '\x01'));
  texts.push_back(std::string(1'000'000, 'z'));
  texts.emplace_back("after");
  for (const std::string& text : texts) rows.column(0).append(StringRef(text));
  auto encoder = make_json_encoder(schema, {0}).value();
  stream::EncodedRows out;
  std::vector<stream::Encoder::Failure> failed;
  for (int round = 0; round < 2; ++round) {
    out.clear();
    encoder->encode(rows.view(), out, failed);
    encoder->encode(rows.view(), out, failed);  // appends: the first views stay
    ASSERT_EQ(out.values.size(), 2 * texts.size());
    for (size_t i = 0; i < out.values.size(); ++i) {
      const std::string& text = texts[i % texts.size()];
      ASSERT_EQ(*out.keys[i], text);
      std::string expected = "{\"s\":";
      append_json_string(text, expected);
      ASSERT_EQ(*out.values[i], expected + "}");
    }
  }
}

/// Every byte at every place of a word.
TEST(JsonString, EscapesWhatJsonWants) {
  for (int byte = 0; byte < 128; ++byte) {
    for (size_t at = 0; at < 20; ++at) {
      std::string text(20, 'x');
      text[at] = static_cast<char>(byte);
      std::string json;
      append_json_string(text, json);
      bool plain = byte >= 0x20 && byte != '"' && byte != '\\';
      EXPECT_EQ(json.size() == 22, plain) << byte;
      std::string back(json.size(), '\0');
      char* end = unescape(std::string_view(json).substr(1, json.size() - 2), back.data());
      ASSERT_NE(end, nullptr);
      EXPECT_EQ(back.substr(0, static_cast<size_t>(end - back.data())), text);
    }
  }
}

// ---- round trip

class RandomValues {
 public:
  explicit RandomValues(unsigned seed) : random_(seed) {}

  Type type(int depth) {
    static const char* kScalars[] = {
        "BOOLEAN",        "TINYINT",   "SMALLINT",     "INTEGER",      "BIGINT",
        "UTINYINT",       "USMALLINT", "UINTEGER",     "UBIGINT",      "HUGEINT",
        "FLOAT",          "DOUBLE",    "DECIMAL(4,2)", "DECIMAL(9,0)", "DECIMAL(18,18)",
        "DECIMAL(38,10)", "VARCHAR",   "JSON",         "BLOB",         "UUID",
        "DATE",           "TIME",      "TIMESTAMP",    "TIMESTAMPTZ",  "INTERVAL"};
    switch (depth > 0 ? random_() % 6 : 5) {
      case 0:
        return Type::list(type(depth - 1));
      case 1:
      case 2: {
        std::vector<Field> fields;
        for (size_t i = 0, count = 1 + random_() % 4; i < count; ++i) {
          fields.push_back({.name = fmt::format("f\"{}", i), .type = type(depth - 1)});
        }
        return Type::structure(std::move(fields));
      }
      case 3: {
        Type key;
        do key = types::parse_type(kScalars[random_() % std::size(kScalars)]).value();
        while (key.kind() == Kind::kJson || key.kind() == Kind::kFloat ||
               key.kind() == Kind::kDouble);
        return Type::map(key, type(depth - 1));
      }
      default:
        return types::parse_type(kScalars[random_() % std::size(kScalars)]).value();
    }
  }

  void value(VectorBuffer& column, types::Arena& arena, bool nulls) {
    const Type& type = column.type();
    if (nulls && random_() % 5 == 0) return column.append_null();
    switch (type.kind()) {
      case Kind::kBoolean:
        return column.append(static_cast<uint8_t>(random_() % 2));
      case Kind::kInt8:
      case Kind::kUint8:
        return column.append(bits<uint8_t>());
      case Kind::kInt16:
      case Kind::kUint16:
        return column.append(bits<uint16_t>());
      case Kind::kInt32:
      case Kind::kUint32:
        return column.append(bits<uint32_t>());
      case Kind::kInt64:
      case Kind::kUint64:
        return column.append(bits<uint64_t>());
      case Kind::kInt128:
      case Kind::kUuid:
        return column.append(Int128{bits<uint64_t>(), bits<int64_t>()});
      case Kind::kFloat:
        return column.append(finite<float, uint32_t>());
      case Kind::kDouble:
        return column.append(finite<double, uint64_t>());
      case Kind::kDecimal:
        return decimal(column);
      case Kind::kVarchar:
        return column.append(StringRef(arena.copy(text())));
      case Kind::kJson: {
        std::string json;
        append_json_string(text(), json);
        return column.append(StringRef(arena.copy("[1, " + json + "]")));
      }
      case Kind::kBlob: {
        std::string bytes(random_() % 40, '\0');
        for (char& c : bytes) c = static_cast<char>(random_());
        return column.append(StringRef(arena.copy(bytes)));
      }
      case Kind::kDate: {
        auto days = bits<int32_t>();
        return column.append(days == INT32_MIN ? types::kDateInfinity : days);
      }
      case Kind::kTime:
        return column.append(static_cast<int64_t>(random_() % 86'400'000'001));
      case Kind::kTimestamp:
      case Kind::kTimestampTz: {
        auto micros = bits<int64_t>();
        return column.append(micros == INT64_MIN ? -types::kTimestampInfinity : micros);
      }
      case Kind::kInterval: {
        auto micros = bits<int64_t>();
        return column.append(types::Interval{bits<int32_t>(), bits<int32_t>(), micros});
      }
      case Kind::kList: {
        size_t start = column.child(0).size();
        for (uint64_t i = random_() % 4; i > 0; --i) value(column.child(0), arena, true);
        return column.append_list(start);
      }
      case Kind::kMap:
        return map(column, arena);
      case Kind::kStruct:
        for (size_t i = 0; i < column.child_count(); ++i) value(column.child(i), arena, true);
        return column.append_struct();
      case Kind::kSqlNull:
        return column.append_null();
    }
  }

 private:
  template <typename T>
  T bits() {
    return static_cast<T>(static_cast<int64_t>(random_()) >> (random_() % 64));
  }
  template <typename T, typename Bits>
  T finite() {
    while (true) {
      auto raw = static_cast<Bits>(random_());
      T value;
      std::memcpy(&value, &raw, sizeof value);
      if (std::isfinite(value))
        return random_() % 3 ? value : static_cast<T>(static_cast<int>(random_() % 1000));
    }
  }
  void decimal(VectorBuffer& column) {
    const Type& type = column.type();
    Int128 value;
    std::string digits = random_() % 2 ? "-" : "";
    int whole = type.width() - type.scale();
    digits += whole == 0 ? "0" : std::string(1, static_cast<char>('1' + random_() % 9));
    for (int i = 1; i < whole; ++i) digits += static_cast<char>('0' + random_() % 10);
    if (type.scale() > 0) digits += '.';
    for (int i = 0; i < type.scale(); ++i) digits += static_cast<char>('0' + random_() % 10);
    ASSERT_EQ(types::parse_decimal(digits, type.width(), type.scale(), value),
              types::NumberError::kNone)
        << digits;
    switch (type.value_size()) {
      case 2:
        return column.append(static_cast<int16_t>(value.lower));
      case 4:
        return column.append(static_cast<int32_t>(value.lower));
      case 8:
        return column.append(static_cast<int64_t>(value.lower));
      default:
        return column.append(value);
    }
  }
  std::string text() {
    static const std::string_view kPieces[] = {
        "a", "\"", "\\",  "\n", "\x01", "\xC3\xA9", "\xF0\x9F\x98\x80", "long piece of text ",
        "/", "{",  "\x7F"};
    std::string text;
    for (uint64_t i = random_() % 12; i > 0; --i) text += kPieces[random_() % std::size(kPieces)];
    return text;
  }
  void map(VectorBuffer& column, types::Arena& arena) {
    VectorBuffer& entries = column.child(0);
    size_t start = entries.size();
    std::vector<std::string> keys;
    for (uint64_t i = random_() % 4; i > 0; --i) {
      value(entries.child(0), arena, false);
      std::string key;
      append_text(entries.child(0).view(), entries.child(0).size() - 1, key);
      if (std::ranges::find(keys, key) != keys.end()) {  // keys are distinct
        entries.child(0).truncate(entries.child(0).size() - 1);
        continue;
      }
      keys.push_back(key);
      value(entries.child(1), arena, true);
      entries.append_struct();
    }
    column.append_list(start);
  }

  std::mt19937_64 random_;
};

TEST(JsonRoundTrip, EveryTypeComesBackAsItWas) {
  for (unsigned seed = 0; seed < 300; ++seed) {
    RandomValues values(seed);
    Schema schema;
    for (size_t i = 0; i < 1 + seed % 6; ++i) {
      schema.fields.push_back({.name = fmt::format("column {}", i), .type = values.type(3)});
    }
    types::BatchBuffer rows(schema);
    for (int row = 0; row < 20; ++row) {
      for (size_t i = 0; i < rows.column_count(); ++i)
        values.value(rows.column(i), rows.arena(), true);
    }
    auto encoder = make_json_encoder(schema, {});
    ASSERT_TRUE(encoder.has_value());
    stream::EncodedRows encoded;
    std::vector<stream::Encoder::Failure> failed;
    encoder.value()->encode(rows.view(), encoded, failed);
    ASSERT_TRUE(failed.empty()) << failed[0].message;

    stream::RecordBatch batch;
    for (const auto& value : encoded.values) batch.records.emplace_back().value = value;
    auto decoder = make_json_decoder(schema);
    ASSERT_TRUE(decoder.has_value());
    types::BatchBuffer back(schema);
    std::vector<uint32_t> indices;
    std::vector<stream::Reject> rejects;
    decoder.value()->decode(batch, back, indices, rejects);
    ASSERT_TRUE(rejects.empty()) << "seed " << seed << ": " << rejects[0].message << ' '
                                 << *encoded.values[rejects[0].record];

    // Compared by bits where text could hide a difference, and by text throughout.
    stream::EncodedRows again;
    encoder.value()->encode(back.view(), again, failed);
    ASSERT_EQ(again.values, encoded.values) << "seed " << seed;
    types::Batch before = rows.view(), after = back.view();
    for (size_t i = 0; i < before.columns.size(); ++i) {
      const types::Vector &a = before.columns[i], &b = after.columns[i];
      if (a.type.is_nested() || a.type.is_string() || a.type.kind() == Kind::kBlob) continue;
      size_t width = a.type.value_size();
      for (size_t row = 0; row < a.size; ++row) {
        ASSERT_EQ(a.valid(row), b.valid(row));
        if (!a.valid(row)) continue;
        ASSERT_EQ(std::memcmp(static_cast<const char*>(a.data) + row * width,
                              static_cast<const char*>(b.data) + row * width, width),
                  0)
            << a.type.to_sql() << ' ' << *encoded.values[row];
      }
    }
  }
}

}  // namespace
}  // namespace leat::codec
