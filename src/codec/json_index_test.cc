#include "codec/json_index.h"

#include <gtest/gtest.h>

#include "base/limits.h"

namespace leat::codec {
namespace {

/// What we rely on of simdjson's first stage: one entry for every bracket, colon, comma, string and other scalar, at
/// its first byte; room for three more; no byte read behind the text (see JsonDecode.NeedsNoPadding).
TEST(JsonIndex, TokensAreWhereTheyBegin) {
  std::string text = " {\"a\\\"b\" : [1.5e3,true] ,\"\":\"{,}\"}\n";
  JsonIndex index;
  ASSERT_TRUE(index.build(text)) << index.fault_message();
  std::string kinds;
  for (uint32_t i = 0; i < index.count(); ++i) kinds += index.kind(i);
  EXPECT_EQ(kinds, "{\":[1,t],\":\"}");
  EXPECT_EQ(index.scalar(1), "\"a\\\"b\"");
  EXPECT_EQ(index.scalar(4), "1.5e3");
  EXPECT_EQ(index.scalar(6), "true");
  EXPECT_EQ(index.scalar(9), "\"\"");
  EXPECT_EQ(index.scalar(11), "\"{,}\"");
  EXPECT_EQ(index.value(3, index.skip(3, 1, true)), "[1.5e3,true]");
  EXPECT_EQ(index.skip(0, 0, true), index.count());
  // Past the end: safe, and nothing that a grammar wants there.
  for (uint32_t i = index.count(); i < index.count() + 2; ++i) EXPECT_EQ(index.kind(i), '{');
  EXPECT_EQ(index.scalar(index.count()), "");
}

TEST(JsonIndex, AScalarBehindAScalarIsAToken) {
  JsonIndex index;
  for (auto text : {"{\"a\":\"x\"y}", "{\"a\":\"x\"\"y\"}", "{\"a\":1\"y\"}", "{\"a\":1 2}",
                    "{\"a\":truefalse}"}) {
    EXPECT_FALSE(index.build(text) && index.check(true)) << text;
  }
}

TEST(JsonIndex, ChecksTheGrammar) {
  JsonIndex index;
  for (std::string text :
       {"{}", "[]", "1", "\"x\"", " null ", "[[],{}]", "{\"a\":{\"b\":[{}]},\"c\":[1,[2]]}",
        "-0.5e-7", "[\"\\ud83d\\ude00\"]"}) {
    EXPECT_TRUE(index.build(text) && index.check(true)) << text << index.fault_message();
  }
  for (std::string text :
       {"",       "{",         "[",     "{]",      "[}",          "[1,]",
        "[,]",    "{,}",       "{1:2}", "{\"a\"}", "{\"a\":}",    "{\"a\":1,}",
        "[1]]",   "1 2",       ":",     ",",       "]",           "[\"\\ud83d\"]",
        "[01]",   "[1.]",      "[-]",   "[nul]",   "[\"\\u12\"]", "[\"\\a\"]",
        "\x0b[]", "[\xC2\xA0]"}) {
    EXPECT_FALSE(index.build(text) && index.check(true)) << text;
    EXPECT_EQ(index.fault(), JsonFault::kMalformed) << text;
    EXPECT_NE(index.fault_message(), "") << text;
  }
}

TEST(JsonIndex, BuildsLargerAndSmallerTextsInTurn) {
  JsonIndex index;
  for (size_t elements : {1u, 100'000u, 3u, 300'000u, 0u, 50u}) {
    std::string text = "[";
    for (size_t i = 0; i < elements; ++i) text += i ? ",1" : "1";
    text += "]";
    ASSERT_TRUE(index.build(text) && index.check(true));
    EXPECT_EQ(index.count(), elements == 0 ? 2 : 2 * elements + 1);
  }
}

TEST(JsonIndex, DepthIsBoundedUnlessLenient) {
  JsonIndex index;
  for (size_t depth : {1u, 63u, 64u, 65u, 128u, 129u, 1000u, 100'000u}) {
    std::string text;
    for (size_t i = 0; i < depth; ++i) text += i % 2 ? "{\"k\":" : "[";
    std::string open = text;
    text += "1";
    for (size_t i = depth; i-- > 0;) text += i % 2 ? "}" : "]";
    ASSERT_TRUE(index.build(text));
    EXPECT_EQ(index.check(true), depth <= limits::kMaxJsonDepth) << depth;
    EXPECT_EQ(index.fault(),
              depth <= limits::kMaxJsonDepth ? JsonFault::kNone : JsonFault::kTooDeep);
    ASSERT_TRUE(index.build(text, /*lenient=*/true));
    EXPECT_TRUE(index.check(true)) << depth;
    ASSERT_TRUE(index.build(open, true));
    EXPECT_FALSE(index.check(true));
    char& closing = text[text.size() - 1 - depth / 2];
    closing = closing == ']' ? '}' : ']';
    ASSERT_TRUE(index.build(text, true));
    EXPECT_FALSE(index.check(true)) << "the wrong bracket at depth " << depth;
  }
}

TEST(NumberShape, IsRfc8259) {
  for (auto integer : {"0", "-0", "7", "-12", "123456789012345678901234567890"}) {
    EXPECT_EQ(number_shape(integer), NumberShape::kInteger) << integer;
  }
  for (auto real : {"0.0", "1e5", "1E+5", "-1.5e-10", "0e0"})
    EXPECT_EQ(number_shape(real), NumberShape::kReal) << real;
  for (auto bad : {"", "-", "00", "01", "1.", ".1", "1e", "1e+", "1.e5", "+1", "1x", "0x1", "1e5.5",
                   "--1", " 1", "Infinity"}) {
    EXPECT_EQ(number_shape(bad), NumberShape::kNone) << bad;
  }
}

}  // namespace
}  // namespace leat::codec
