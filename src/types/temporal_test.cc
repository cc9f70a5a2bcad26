#include "types/temporal.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

namespace leat::types {
namespace {

template <typename Write, typename... Args>
std::string text(Write write, Args... args) {
  char buffer[kMaxText];
  return {buffer, write(buffer, args...)};
}

TEST(Temporal, CanonicalText) {
  EXPECT_EQ(text(write_timestamp_tz, int64_t{1'253'032'518'363'000}),
            "2009-09-15T16:35:18.363000Z");
  EXPECT_EQ(text(write_timestamp, int64_t{-1}), "1969-12-31T23:59:59.999999");
  EXPECT_EQ(text(write_date, 0), "1970-01-01");
  EXPECT_EQ(text(write_date, 11'016), "2000-02-29");
  EXPECT_EQ(text(write_date, -719'528), "0000-01-01");
  EXPECT_EQ(text(write_date, -719'529), "-000001-12-31");
  EXPECT_EQ(text(write_date, 2'932'897), "+010000-01-01");
  EXPECT_EQ(text(write_date, kDateInfinity), "infinity");
  EXPECT_EQ(text(write_timestamp_tz, -kTimestampInfinity), "-infinity");
  EXPECT_EQ(text(write_time, int64_t{86'400'000'000}), "24:00:00.000000");
  EXPECT_EQ(text(write_interval, Interval{14, -3, 3'723'000'001}), "P1Y2M-3DT1H2M3.000001S");
  EXPECT_EQ(text(write_interval, Interval{0, 0, 0}), "PT0S");
  EXPECT_EQ(text(write_interval, Interval{0, 0, -500'000}), "PT-0.500000S");
}

TEST(Temporal, ParsesItsOwnTextBack) {
  std::mt19937_64 random(7);
  for (int i = 0; i < 20'000; ++i) {
    // All magnitudes, negative ones too.
    auto bits = static_cast<int64_t>(random()) >> (random() % 64);
    int64_t micros = bits == INT64_MIN ? 0 : bits;
    ASSERT_EQ(parse_timestamp(text(write_timestamp, micros)), micros)
        << text(write_timestamp, micros);
    ASSERT_EQ(parse_timestamp_tz(text(write_timestamp_tz, micros)), micros);
    auto days = static_cast<int32_t>(random()) >> (random() % 32);
    if (days == INT32_MIN) days = 0;
    ASSERT_EQ(parse_date(text(write_date, days)), days) << text(write_date, days);
    int64_t time = static_cast<int64_t>(random() % 86'400'000'001);
    ASSERT_EQ(parse_time(text(write_time, time)), time);
    Int128 wide{random() >> (random() % 64), static_cast<int64_t>(random()) >> (random() % 64)};
    ASSERT_EQ(parse_uuid(text(write_uuid, wide)), wide);
    Int128 back;
    ASSERT_EQ(parse_int128(text(write_int128, wide), back), NumberError::kNone);
    ASSERT_EQ(back, wide) << text(write_int128, wide);
    Interval interval{static_cast<int32_t>(random()) >> (random() % 32),
                      static_cast<int32_t>(random()), bits};
    auto parsed = parse_interval(text(write_interval, interval));
    ASSERT_TRUE(parsed) << text(write_interval, interval);
    ASSERT_EQ(parsed->months, interval.months);
    ASSERT_EQ(parsed->days, interval.days);
    ASSERT_EQ(parsed->micros, interval.micros);
  }
  for (Int128 edge :
       {Int128{0, INT64_MIN}, Int128{~uint64_t{0}, INT64_MAX}, Int128{~uint64_t{0}, -1}}) {
    Int128 back;
    ASSERT_EQ(parse_int128(text(write_int128, edge), back), NumberError::kNone);
    ASSERT_EQ(back, edge);
  }
  EXPECT_EQ(text(write_int128, Int128{0, INT64_MIN}), "-170141183460469231731687303715884105728");
}

TEST(Temporal, EveryDayOfFourHundredYearsFollowsTheOneBefore) {
  std::string before = text(write_date, -1);
  for (int32_t day = 0; day < 146'097; ++day) {
    std::string now = text(write_date, day);
    ASSERT_LT(before, now);
    ASSERT_EQ(parse_date(now), day);
    before = now;
  }
  EXPECT_EQ(before, "2369-12-31");
}

TEST(Temporal, ForeignSpellings) {
  int64_t expected = 1'253'032'518'363'000;
  for (auto spelling : {"2009-09-15T16:35:18.363Z", "2009-09-15 16:35:18.363+00:00",
                        "2009-09-15T18:35:18.363+02:00", "2009-09-15T18:35:18.363000000+0200",
                        "2009-09-15T08:35:18.363-08", "+2009-09-15T16:35:18.363z"}) {
    EXPECT_EQ(parse_timestamp_tz(spelling), expected) << spelling;
  }
  EXPECT_EQ(parse_timestamp("2009-09-15T16:35"), 1'253'032'500'000'000);
  EXPECT_EQ(parse_interval("P2W")->days, 14);
}

TEST(Temporal, RefusesEverythingElse) {
  for (auto bad : {"",
                   "2009",
                   "2009-09-15",
                   "2009-02-29T00:00:00Z",
                   "2009-13-01T00:00:00Z",
                   "2009-00-01T00:00:00Z",
                   "2009-01-00T00:00:00Z",
                   "2009-09-15T24:00:01Z",
                   "2009-09-15T10:60:00Z",
                   "2009-09-15T10:00:60Z",
                   "2009-09-15T10:00:00.Z",
                   "2009-09-15T10:00:00.1234567Z",
                   "2009-09-15T10:00:00",
                   " 2009-09-15T10:00:00Z",
                   "2009-09-15T10:00:00Z ",
                   "2009-09-15T10:00:00+1",
                   "2009-09-15T10:00:00+19:00",
                   "99999999-01-01T00:00:00Z",
                   "+294248-01-01T00:00:00Z",
                   "Infinity",
                   "--infinity",
                   "1990-1-1T00:00:00Z",
                   "09-09-15T10:00:00Z"}) {
    EXPECT_EQ(parse_timestamp_tz(bad), std::nullopt) << bad;
  }
  EXPECT_EQ(parse_timestamp("2009-09-15T10:00:00Z"), std::nullopt);
  for (auto bad : {"", "P", "PT", "P1", "1D", "P1DT", "P1H", "P1D1Y", "P1D1D", "P1.5D",
                   "P99999999999Y", "PT1H1.5M"}) {
    EXPECT_EQ(parse_interval(bad), std::nullopt) << bad;
  }
  for (auto bad :
       {"", "d830554e-b128-4f9f-af4e-0658b4173d5", "d830554e-b128-4f9f-af4e-0658b4173d5g",
        "d830554eb-128-4f9f-af4e-0658b4173d52", "d830554e-b128-4f9f-af4e-0658b4173d522"}) {
    EXPECT_EQ(parse_uuid(bad), std::nullopt) << bad;
  }
}

TEST(Uuid, IsStoredAsDuckDbDoes) {
  Int128 value = *parse_uuid("D830554E-b128-4f9f-af4e-0658b4173d52");
  EXPECT_EQ(static_cast<uint64_t>(value.upper), 0x5830554eb1284f9fULL);  // top bit flipped
  EXPECT_EQ(value.lower, 0xaf4e0658b4173d52ULL);
  EXPECT_EQ(text(write_uuid, value), "d830554e-b128-4f9f-af4e-0658b4173d52");
}

TEST(Decimal, IsExact) {
  auto parse = [](std::string_view literal, uint8_t width, uint8_t scale) -> std::string {
    Int128 value;
    switch (parse_decimal(literal, width, scale, value)) {
      case NumberError::kGrammar:
        return "grammar";
      case NumberError::kRange:
        return "range";
      case NumberError::kScale:
        return "scale";
      case NumberError::kNone:
        break;
    }
    char buffer[kMaxText];
    return {buffer, write_decimal(buffer, value, scale)};
  };
  EXPECT_EQ(parse("1.5", 4, 2), "1.50");
  EXPECT_EQ(parse("-0.05", 4, 2), "-0.05");
  EXPECT_EQ(parse("99.99", 4, 2), "99.99");
  EXPECT_EQ(parse("100", 4, 2), "range");
  EXPECT_EQ(parse("1.005", 4, 2), "scale");
  EXPECT_EQ(parse("1.500", 4, 2), "1.50");
  EXPECT_EQ(parse("1.5e1", 4, 2), "15.00");
  EXPECT_EQ(parse("1234e-2", 4, 2), "12.34");
  EXPECT_EQ(parse("0.00000e99999999999999999999", 4, 2), "0.00");
  EXPECT_EQ(parse("1e-99999999999999999999", 4, 2), "scale");
  EXPECT_EQ(parse("1e99999999999999999999", 4, 2), "range");
  EXPECT_EQ(parse("99999999999999999999999999999999999999", 38, 0),
            "99999999999999999999999999999999999999");
  EXPECT_EQ(parse("-0.99999999999999999999999999999999999999", 38, 38),
            "-0.99999999999999999999999999999999999999");
  EXPECT_EQ(parse("1", 38, 38), "range");
  for (auto bad : {"", "-", ".5", "5.", "01", "1e", "1e+", "+1", "1.2.3", "0x1", "1 ", "NaN"}) {
    EXPECT_EQ(parse(bad, 18, 3), "grammar") << bad;
  }
}

}  // namespace
}  // namespace leat::types
