#include "base/strings.h"

#include <gtest/gtest.h>

#include <limits>

#include "base/limits.h"

namespace leat {
namespace {

std::optional<std::string_view> near(std::string_view name) {
  static constexpr std::string_view kKeys[] = {"source",     "sinks", "topic",
                                               "rate_limit", "id",    "pagination"};
  return nearest(name, kKeys);
}

TEST(Nearest, FindsASlip) {
  EXPECT_EQ(near("sorce"), "source");
  EXPECT_EQ(near("suorce"), "source");  // two neighbours swapped count once
  EXPECT_EQ(near("sink"), "sinks");
  EXPECT_EQ(near("rate-limit"), "rate_limit");
  EXPECT_EQ(near("TOPIC"), "topic");
  EXPECT_EQ(near("paginatoin"), "pagination");
}

TEST(Nearest, SaysNothingWhenNothingIsNear) {
  EXPECT_EQ(near("window"), std::nullopt);
  EXPECT_EQ(near("xy"), std::nullopt);
  EXPECT_EQ(near(""), std::nullopt);
  EXPECT_EQ(near(std::string(limits::kMaxSuggestedName + 1, 's')), std::nullopt);
  EXPECT_EQ(nearest("a", {}), std::nullopt);
}

TEST(Nearest, PrefersTheSmallerDistance) {
  constexpr std::string_view kKeys[] = {"created_user", "created_users"};
  EXPECT_EQ(nearest("createdusers", kKeys), "created_users");
}

TEST(Join, PutsTheSeparatorBetween) {
  EXPECT_EQ(join({}, ", "), "");
  const std::string one[] = {"a"};
  EXPECT_EQ(join(one, ", "), "a");
  const std::string three[] = {"a", "", "c"};
  EXPECT_EQ(join(three, ", "), "a, , c");
}

TEST(Quote, DoublesInnerQuotes) {
  EXPECT_EQ(quote_identifier("created users"), "\"created users\"");
  EXPECT_EQ(quote_identifier("a\"b"), "\"a\"\"b\"");
  EXPECT_EQ(quote_literal("it's"), "'it''s'");
  EXPECT_EQ(quote_literal(""), "''");
}

TEST(Hex, WritesEveryByte) {
  EXPECT_EQ(hex(std::string_view("\x00\x7f\xff", 3)), "007fff");
  EXPECT_EQ(hex(""), "");
}

// The vectors of RFC 4648, section 10.
TEST(Base64, HasTheVectorsOfTheRfc) {
  const std::pair<std::string, std::string> kVectors[] = {{"", ""},
                                                          {"f", "Zg=="},
                                                          {"fo", "Zm8="},
                                                          {"foo", "Zm9v"},
                                                          {"foob", "Zm9vYg=="},
                                                          {"fooba", "Zm9vYmE="},
                                                          {"foobar", "Zm9vYmFy"}};
  for (const auto& [plain, encoded] : kVectors) {
    EXPECT_EQ(base64(plain), encoded);
    EXPECT_EQ(from_base64(encoded), plain);
  }
  std::string all;
  for (int i = 0; i < 256; ++i) all += static_cast<char>(i);
  EXPECT_EQ(from_base64(base64(all)), all);
}

TEST(Base64, RefusesWhatIsNone) {
  for (std::string_view text :
       {"Zg", "Zg=", "Zg===", "Z===", "Zm9v\n", "Z!==", "Zh==", "Zm9=", "=Zm9", "Zg==Zg=="}) {
    EXPECT_EQ(from_base64(text), std::nullopt) << text;
  }
}

TEST(Duration, ReadsEveryUnit) {
  EXPECT_EQ(parse_duration_ms("250ms"), 250);
  EXPECT_EQ(parse_duration_ms("10s"), 10'000);
  EXPECT_EQ(parse_duration_ms("5m"), 300'000);
  EXPECT_EQ(parse_duration_ms("2h"), 7'200'000);
  EXPECT_EQ(parse_duration_ms("14d"), limits::kDeadLetterRetentionMs);
  EXPECT_EQ(parse_duration_ms("0s"), 0);
}

TEST(Duration, RefusesWhatIsNone) {
  for (std::string_view text : {"", "10", "s", "-1s", "1.5s", " 1s", "1s ", "1 s", "+1s", "1S",
                                "1w", "9223372036854775807s", "99999999999999999999ms", "-0s"}) {
    EXPECT_EQ(parse_duration_ms(text), std::nullopt) << text;
  }
}

TEST(Duration, IsWrittenInItsLargestWholeUnit) {
  EXPECT_EQ(format_duration_ms(60'000), "1m");
  EXPECT_EQ(format_duration_ms(90'000), "90s");
  EXPECT_EQ(format_duration_ms(1), "1ms");
  EXPECT_EQ(format_duration_ms(0), "0ms");
  EXPECT_EQ(format_duration_ms(-2000), "-2s");
  for (int64_t ms : {1LL, 999LL, 1000LL, 3'600'000LL, 86'400'000LL, 86'400'001LL}) {
    EXPECT_EQ(parse_duration_ms(format_duration_ms(ms)), ms);
  }
}

TEST(Bytes, ReadsDecimalAndBinaryUnits) {
  EXPECT_EQ(parse_bytes("512"), 512);
  EXPECT_EQ(parse_bytes("512B"), 512);
  EXPECT_EQ(parse_bytes("64KiB"), 65'536);
  EXPECT_EQ(parse_bytes("10MB"), 10'000'000);
  EXPECT_EQ(parse_bytes("1GiB"), 1LL << 30);
  for (std::string_view text :
       {"", "KB", "1kb", "-1", "1.5MB", "1 MB", "9000000TiB", "9223372036854775808"}) {
    EXPECT_EQ(parse_bytes(text), std::nullopt) << text;
  }
}

TEST(Names, IdentifierIsLowerCaseAndShort) {
  EXPECT_TRUE(is_identifier("users_capture2"));
  EXPECT_TRUE(is_identifier(std::string(48, 'a')));
  for (std::string_view name :
       {"", "2users", "_users", "Users", "users-capture", "users.capture", "ü"}) {
    EXPECT_FALSE(is_identifier(name)) << name;
  }
  EXPECT_FALSE(is_identifier(std::string(49, 'a')));
}

TEST(Names, TopicIsAsKafkaAllows) {
  EXPECT_TRUE(is_topic_name("users.users_store.dlq"));
  EXPECT_TRUE(is_topic_name("A-1_b..."));
  EXPECT_TRUE(is_topic_name(std::string(249, 't')));
  for (std::string_view name : {"", ".", "..", "a/b", "a b", "a:b", "ü"}) {
    EXPECT_FALSE(is_topic_name(name)) << name;
  }
  EXPECT_FALSE(is_topic_name(std::string(250, 't')));
}

TEST(Utf8, AcceptsTheWholeRange) {
  for (std::string_view text :
       {"", "plain", "grüße", "\u0800", "\uFFFD", "日本語", "\xED\x9F\xBF", "\xEE\x80\x80",
        "\xF0\x90\x80\x80", "\xF4\x8F\xBF\xBF", "12345678ü12345678"}) {
    EXPECT_TRUE(is_utf8(text)) << hex(text);
  }
  EXPECT_TRUE(is_utf8(std::string_view("\0", 1)));
}

TEST(Utf8, RefusesWhatTheStandardDoes) {
  for (std::string_view text :
       {"\x80", "\xBF", "\xC0\x80", "\xC1\xBF", "\xC2", "\xC2\x41", "\xE0\x9F\xBF", "\xED\xA0\x80",
        "\xED\xBF\xBF", "\xE2\x82", "\xE2\x28\xA1", "\xF0\x8F\xBF\xBF", "\xF4\x90\x80\x80",
        "\xF5\x80\x80\x80", "\xFF", "\xF0\x9F\x98", "\xF0\x9F\x98\x41", "12345678\xC3"}) {
    EXPECT_FALSE(is_utf8(text)) << hex(text);
  }
}

}  // namespace
}  // namespace leat
