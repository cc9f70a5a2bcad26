#include "stream/record.h"

#include <gtest/gtest.h>

#include <set>

namespace leat::stream {
namespace {

// The vectors of Kafka's own UtilsTest.testMurmur2.
TEST(Murmur2, HasKafkasVectors) {
  EXPECT_EQ(murmur2("21"), -973932308);
  EXPECT_EQ(murmur2("foobar"), -790332482);
  EXPECT_EQ(murmur2("a-little-bit-long-string"), -985981536);
  EXPECT_EQ(murmur2("a-little-bit-longer-string"), -1486304829);
  EXPECT_EQ(murmur2("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8"), -58897971);
  EXPECT_EQ(murmur2("abc"), 479470107);
}

TEST(PartitionOf, DropsTheSign) {
  EXPECT_EQ(partition_of("abc", 10), 479470107 % 10);
  EXPECT_EQ(partition_of("21", 7), static_cast<int32_t>((-973932308 & 0x7fffffff) % 7));
  EXPECT_EQ(partition_of("", 1), 0);
  std::set<int32_t> seen;
  for (int i = 0; i < 1000; ++i) seen.insert(partition_of(std::to_string(i), 16));
  EXPECT_EQ(seen.size(), 16u);
  EXPECT_EQ(*seen.rbegin(), 15);
}

TEST(PartitionOf, TakesBytesBeyondAscii) {
  EXPECT_EQ(murmur2("\xff\xff\xff\xff"), murmur2(std::string(4, '\xff')));
  EXPECT_NE(murmur2("\xff"), murmur2("\x7f"));
}

TEST(TopicId, IsWrittenAsHex) {
  TopicId id{0x0123456789abcdef, 0xff};
  EXPECT_EQ(id.to_string(), "0123456789abcdef00000000000000ff");
  EXPECT_EQ(TopicId::parse(id.to_string()), id);
  for (std::string_view text :
       {"", "0123456789abcdef", "0123456789abcdef00000000000000fg",
        "0123456789abcdef00000000000000ff0", "-123456789abcdef00000000000000ff"}) {
    EXPECT_EQ(TopicId::parse(text), std::nullopt) << text;
  }
}

TEST(RecordId, IsWrittenForPeople) {
  RecordId id{{"users_created", {1, 2}, 3}, 1234};
  EXPECT_EQ(id.to_string(), "users_created[3]@1234");
}

TEST(Names, OfStagesAndReasonsAreTheContract) {
  EXPECT_EQ(to_string(Stage::kQuality), "quality");
  EXPECT_EQ(to_string(Reason::kInvalidUtf8), "invalid_utf8");
  EXPECT_EQ(to_string(Reason::kSinkRefused), "sink_refused");
  for (int i = 0; i <= static_cast<int>(Stage::kSink); ++i) {
    EXPECT_EQ(parse_stage(to_string(static_cast<Stage>(i))), static_cast<Stage>(i));
  }
  std::set<std::string_view> seen;
  for (int i = 0; i <= static_cast<int>(Reason::kSinkRefused); ++i) {
    auto reason = static_cast<Reason>(i);
    EXPECT_EQ(parse_reason(to_string(reason)), reason);
    seen.insert(to_string(reason));
  }
  EXPECT_EQ(seen.size(), 17u);
  EXPECT_EQ(parse_stage("store"), std::nullopt);
  EXPECT_EQ(parse_reason(""), std::nullopt);
}

TEST(NextVersion, FollowsTheRecordTimeAndNeverGoesBack) {
  constexpr int64_t kMs = 1'767'225'600'000;
  EXPECT_EQ(next_version(0, kMs), kMs * 1000);
  EXPECT_EQ(next_version(kMs * 1000, kMs), kMs * 1000 + 1);
  EXPECT_EQ(next_version(kMs * 1000 + 5000, kMs), kMs * 1000 + 5001);
  EXPECT_EQ(next_version(41, 0), 42);
  EXPECT_EQ(next_version(41, -5), 42);
  EXPECT_EQ(next_version(41, 946'684'799'999), 42);
  EXPECT_EQ(next_version(41, 946'684'800'000), 946'684'800'000'000);
  EXPECT_EQ(next_version(41, 4'102'444'800'000), 42);
  EXPECT_EQ(next_version(41, INT64_MAX), 42);
}

TEST(Ledger, AddsUpAndBalances) {
  Ledger sum{10, 4, 1, 2, 1, 1, 1, 5};
  EXPECT_TRUE(sum.balanced());
  sum += Ledger{1, 0, 0, 0, 0, 0, 0, 0};
  EXPECT_FALSE(sum.balanced());
  sum += Ledger{0, 1, 0, 0, 0, 0, 0, 2};
  EXPECT_TRUE(sum.balanced());
  EXPECT_EQ(sum, (Ledger{11, 5, 1, 2, 1, 1, 1, 7}));
}

}  // namespace
}  // namespace leat::stream
