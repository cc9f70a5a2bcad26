#include "log/embedded_log.h"

#include <sys/wait.h>
#include <unistd.h>

#include <gmock/gmock.h>
#include <thread>

#include "io/file.h"
#include "log/keys.h"
#include "log/log_fixture.h"

namespace leat::log {
namespace {

using ::testing::HasSubstr;
using Values = std::vector<std::string>;

TEST_F(LogTest, ReadsBackWhatWasCommitted) {
  open();
  auto users = topic("users", 2);
  ASSERT_TRUE(append(users, 0, {"a", "b"}));
  ASSERT_TRUE(append(users, 1, {"x"}));
  ASSERT_TRUE(append(users, 0, {"c"}));
  auto first = read(users, 0).value();
  EXPECT_EQ(values(first), (Values{"a", "b", "c"}));
  EXPECT_EQ(first[0].offset, 0);
  EXPECT_EQ(first[2].offset, 2);
  EXPECT_EQ(values(read(users, 1).value()), Values{"x"});
  EXPECT_EQ(values(read(users, 0, 1).value()), (Values{"b", "c"}));
  EXPECT_TRUE(read(users, 0, 3).value().empty());
}

TEST_F(LogTest, KeepsNullsKeysAndHeaders) {
  open();
  auto users = topic("users");
  const stream::Header headers[] = {{"trace", "1"}, {"", std::string_view("\0x", 2)}};
  stream::OutRecord records[4];
  records[0].key = "k";
  records[0].value = "v";
  records[0].headers = headers;
  records[1].key = "";  // empty is not null
  records[1].value = std::nullopt;
  records[2].value = "";
  records[3].headers = std::span(headers, 1);
  auto tx = log_->begin("test").value();
  ASSERT_TRUE(tx->append(users, 0, records));
  ASSERT_TRUE(tx->commit());
  auto seen = read(users, 0).value();
  ASSERT_EQ(seen.size(), 4u);
  EXPECT_EQ(seen[0].key, "k");
  EXPECT_EQ(seen[0].headers, (std::vector<std::pair<std::string, std::string>>{
                                 {"trace", "1"}, {"", std::string("\0x", 2)}}));
  EXPECT_EQ(seen[1].key, "");
  EXPECT_EQ(seen[1].value, std::nullopt);
  EXPECT_TRUE(seen[1].headers.empty());
  EXPECT_EQ(seen[2].key, std::nullopt);
  EXPECT_EQ(seen[2].value, "");
  EXPECT_EQ(seen[3].headers.size(), 1u);
}

TEST_F(LogTest, SurvivesReopening) {
  open();
  auto users = topic("users", 3);
  ASSERT_TRUE(append(users, 2, numbered(10)));
  uint64_t epoch = log_->epoch();
  open();
  EXPECT_EQ(log_->epoch(), epoch + 1);
  auto found = log_->topics().find("users").value();
  EXPECT_EQ(found.id, users.id);
  EXPECT_EQ(found.spec.partitions, 3);
  EXPECT_EQ(values(read(users, 2).value()), numbered(10));
  ASSERT_TRUE(append(users, 2, numbered(5, 10)));
  EXPECT_EQ(values(read(users, 2).value()), numbered(15));
  EXPECT_EQ(log_->topics().bounds(users, 2)->end, 15);
}

TEST_F(LogTest, WithoutCommitNothingHappens) {
  open();
  auto users = topic("users");
  {
    auto tx = log_->begin("test").value();
    ASSERT_TRUE(put(*tx, users, 0, {"a"}));
    ASSERT_TRUE(tx->put_progress(progress(-1, 1)));
    ASSERT_TRUE(tx->put_state("k", "v"));
  }
  EXPECT_TRUE(read(users, 0).value().empty());
  EXPECT_TRUE(log_->progress("users", "").value().empty());
  EXPECT_EQ(log_->state("k").value(), std::nullopt);
}

TEST_F(LogTest, CommitsRecordsProgressAndStateTogether) {
  open();
  auto users = topic("users"), dead = topic("users.store.dlq");
  auto tx = log_->begin("test").value();
  ASSERT_TRUE(put(*tx, users, 0, {"a"}));
  ASSERT_TRUE(put(*tx, dead, 0, {"bad"}));
  auto row = progress(-1, 7);
  row.v_prev = 1'700'000'000'000'000;
  row.pipeline_hash = "abc";
  row.cursor = R"({"page":3})";
  row.ledger = {7, 1, 1, 1, 2, 1, 1, 3};
  ASSERT_TRUE(tx->put_progress(row));
  ASSERT_TRUE(tx->put_state("start/users", "1"));
  ASSERT_TRUE(tx->commit());
  open();
  EXPECT_EQ(values(read(dead, 0).value()), Values{"bad"});
  auto rows = log_->progress("users", "store").value();
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].project, "users");
  EXPECT_EQ(rows[0].sink, "serving.users");
  EXPECT_EQ(rows[0].input, row.input);
  EXPECT_EQ(rows[0].next, 7);
  EXPECT_EQ(rows[0].expected_next, 7);
  EXPECT_EQ(rows[0].v_prev, row.v_prev);
  EXPECT_EQ(rows[0].pipeline_hash, "abc");
  EXPECT_EQ(rows[0].cursor, row.cursor);
  EXPECT_EQ(rows[0].ledger, row.ledger);
  EXPECT_EQ(log_->state("start/users").value(), "1");
}

TEST_F(LogTest, ProgressIsFoundByPipelineAndProject) {
  open();
  auto tx = log_->begin("test").value();
  auto other = progress(-1, 1);
  other.pipeline = "store2";
  auto foreign = progress(-1, 1);
  foreign.project = "users2";
  for (const auto& row : {progress(-1, 1), progress(-1, 2, "b"), other, foreign}) {
    ASSERT_TRUE(tx->put_progress(row));
  }
  ASSERT_TRUE(tx->commit());
  EXPECT_EQ(log_->progress("users", "store")->size(), 2u);
  EXPECT_EQ(log_->progress("users", "")->size(), 3u);
  EXPECT_EQ(log_->progress("users", "stor")->size(), 0u);
}

TEST_F(LogTest, ProgressIsComparedAndSet) {
  open();
  auto users = topic("users");
  auto move = [&](int64_t expected, int64_t next) {
    auto tx = log_->begin("test").value();
    EXPECT_TRUE(put(*tx, users, 0, {"a"}));
    EXPECT_TRUE(tx->put_progress(progress(expected, next)));
    return tx->commit();
  };
  ASSERT_TRUE(move(-1, 10));
  auto twice = move(-1, 10);
  ASSERT_FALSE(twice);
  EXPECT_EQ(twice.error().code(), ErrorCode::kConflict);
  EXPECT_THAT(twice.error().message(), HasSubstr("is 10, expected none"));
  EXPECT_THAT(move(9, 20).error().message(), HasSubstr("is 10, expected 9"));
  ASSERT_TRUE(move(10, 20));
  EXPECT_EQ(read(users, 0)->size(), 2u);  // what was refused left no record
}

TEST_F(LogTest, OneTransactionMayMoveARowTwice) {
  open();
  auto tx = log_->begin("test").value();
  ASSERT_TRUE(tx->put_progress(progress(-1, 5)));
  ASSERT_TRUE(tx->put_progress(progress(5, 8)));
  ASSERT_TRUE(tx->commit());
  EXPECT_EQ(log_->progress("users", "store")->at(0).next, 8);
}

TEST_F(LogTest, StateIsSetErasedAndListed) {
  open();
  auto set = [&](std::string_view key, std::optional<std::string_view> value) {
    auto tx = log_->begin("test").value();
    ASSERT_TRUE(tx->put_state(key, value));
    ASSERT_TRUE(tx->commit());
  };
  set("a/2", "two");
  set("a/1", "one");
  set("b", "");
  set("a/3", "three");
  set("a/3", std::nullopt);
  using Rows = std::vector<std::pair<std::string, std::string>>;
  EXPECT_EQ(log_->states("a/").value(), (Rows{{"a/1", "one"}, {"a/2", "two"}}));
  EXPECT_EQ(log_->states("")->size(), 3u);
  EXPECT_EQ(log_->state("b").value(), "");
  EXPECT_EQ(log_->state("a/3").value(), std::nullopt);
}

TEST_F(LogTest, ANewerTransactionFencesTheOlder) {
  open();
  auto users = topic("users");
  auto zombie = log_->begin("lane").value();
  ASSERT_TRUE(put(*zombie, users, 0, {"late"}));
  auto other = log_->begin("other").value();
  auto fresh = log_->begin("lane").value();
  ASSERT_TRUE(put(*fresh, users, 0, {"a"}));
  EXPECT_EQ(zombie->commit().error().code(), ErrorCode::kConflict);
  EXPECT_TRUE(fresh->commit());
  ASSERT_TRUE(put(*other, users, 0, {"b"}));
  EXPECT_TRUE(other->commit());
  EXPECT_EQ(values(read(users, 0).value()), (Values{"a", "b"}));
}

TEST_F(LogTest, StampsTimesThatNeverGoBack) {
  open();
  auto users = topic("users", 2);
  clock_.set_wall_ms(5000);
  ASSERT_TRUE(append(users, 0, {"a"}));
  clock_.set_wall_ms(3000);  // the host's clock was set back
  ASSERT_TRUE(append(users, 0, {"b"}));
  ASSERT_TRUE(append(users, 1, {"x"}));
  open();
  ASSERT_TRUE(append(users, 0, {"c"}));
  clock_.set_wall_ms(6000);
  ASSERT_TRUE(append(users, 0, {"d"}));
  std::vector<int64_t> times;
  auto seen = read(users, 0).value();
  for (const auto& record : seen) times.push_back(record.timestamp_ms);
  EXPECT_EQ(times, (std::vector<int64_t>{5000, 5000, 5000, 6000}));
  EXPECT_EQ(read(users, 1)->at(0).timestamp_ms, 3000);
  EXPECT_EQ(log_->topics().bounds(users, 0)->last_timestamp_ms, 6000);
}

TEST_F(LogTest, CutsLargeTransactionsAndReadsFromAnywhere) {
  open();
  auto users = topic("users");
  int count = static_cast<int>(limits::kLogBatchRecords) * 2 + 100;
  ASSERT_TRUE(append(users, 0, numbered(count)));
  auto all = read(users, 0).value();
  EXPECT_EQ(values(all), numbered(count));
  for (int offset : {1, 4095, 4096, 4097, 8191, 8192, count - 1}) {
    auto rest = read(users, 0, offset, {10, 1 << 20}).value();
    ASSERT_EQ(static_cast<int>(rest.size()), count - offset);
    EXPECT_EQ(rest[0].offset, offset);
    EXPECT_EQ(rest[0].value, fmt::format("value {}", offset));
  }
}

TEST_F(LogTest, TakesARecordOfTheGreatestSizeAndNoLarger) {
  open();
  auto users = topic("users");
  std::string big(limits::kMaxRecordBytes - 100, 'x');
  ASSERT_TRUE(append(users, 0, {"a", big, "b"}));
  auto seen = read(users, 0, 0, {1000, 100}).value();
  ASSERT_EQ(seen.size(), 3u);
  EXPECT_EQ(seen[1].value, big);
  EXPECT_EQ(append(users, 0, {std::string(limits::kMaxRecordBytes + 1, 'x')}).error().code(),
            ErrorCode::kLimit);
  std::vector<stream::Header> headers(limits::kMaxHeaders + 1, {"k", "v"});
  stream::OutRecord record;
  record.headers = headers;
  auto tx = log_->begin("test").value();
  EXPECT_EQ(tx->append(users, 0, {&record, 1}).error().code(), ErrorCode::kLimit);
  EXPECT_EQ(read(users, 0)->size(), 3u);
}

TEST_F(LogTest, EveryCodecIsRead) {
  auto users = [&] { return topic("users"); };
  for (auto codec : {Codec::kNone, Codec::kLz4, Codec::kZstd}) {
    Options o = options();
    o.codec = codec;
    open(o);
    ASSERT_TRUE(append(users(), 0, numbered(1000)));
  }
  open();
  auto all = read(users(), 0).value();
  ASSERT_EQ(all.size(), 3000u);
  for (int i = 0; i < 3000; ++i)
    EXPECT_EQ(all[static_cast<size_t>(i)].value, fmt::format("value {}", i % 1000));
}

TEST_F(LogTest, CommittersAtTheSameTimeGetDenseOffsetsInOrder) {
  open();
  auto users = topic("users");
  constexpr int kThreads = 4, kCommits = 50;
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&, t] {
        for (int i = 0; i < kCommits; ++i) {
          auto tx = log_->begin(fmt::format("lane {}", t)).value();
          ASSERT_TRUE(
              put(*tx, users, 0, {fmt::format("{} {} a", t, i), fmt::format("{} {} b", t, i)}));
          ASSERT_TRUE(tx->put_progress(progress(i == 0 ? -1 : i - 1, i, fmt::format("sink{}", t))));
          ASSERT_TRUE(tx->commit());
        }
      });
    }
  }
  auto all = read(users, 0).value();
  ASSERT_EQ(all.size(), static_cast<size_t>(2 * kThreads * kCommits));
  int next[kThreads] = {};
  for (size_t i = 0; i < all.size(); i += 2) {
    EXPECT_EQ(all[i].offset, static_cast<int64_t>(i));
    int t = (*all[i].value)[0] - '0';
    EXPECT_EQ(all[i].value, fmt::format("{} {} a", t, next[t]));      // each lane's own order
    EXPECT_EQ(all[i + 1].value, fmt::format("{} {} b", t, next[t]));  // transactions do not mingle
    ++next[t];
  }
  EXPECT_EQ(log_->progress("users", "store")->size(), static_cast<size_t>(kThreads));
}

TEST_F(LogTest, ARefusedMemberOfAGroupDoesNotHarmTheOthers) {
  open();
  auto users = topic("users");
  std::atomic<int> conflicts = 0, done = 0;
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&, t] {
        for (int i = 0; i < 25; ++i) {
          auto tx = log_->begin(fmt::format("lane {}", t)).value();
          ASSERT_TRUE(put(*tx, users, 0, {"a"}));
          ASSERT_TRUE(
              tx->put_progress(progress(t % 2 == 0 ? -1 : 99, 1, fmt::format("sink{}.{}", t, i))));
          auto committed = tx->commit();
          if (committed)
            ++done;
          else if (committed.error().code() == ErrorCode::kConflict)
            ++conflicts;
        }
      });
    }
  }
  EXPECT_EQ(conflicts, 50);
  EXPECT_EQ(done, 50);
  EXPECT_EQ(read(users, 0)->size(), 50u);
  EXPECT_EQ(log_->progress("users", "store")->size(), 50u);
}

TEST_F(LogTest, IsOpenInOneProcessOnly) {
  open();
  auto second = EmbeddedLog::open(dir(), options());
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code(), ErrorCode::kConflict);
  EXPECT_THAT(second.error().message(), HasSubstr(std::to_string(::getpid())));
  Options reading = options();
  reading.read_only = true;
  EXPECT_EQ(EmbeddedLog::open(dir(), reading).error().code(), ErrorCode::kConflict);
}

TEST_F(LogTest, ReadOnlyReadsAndChangesNothing) {
  Options reading = options();
  reading.read_only = true;
  EXPECT_EQ(EmbeddedLog::open(dir(), reading).error().code(), ErrorCode::kNotFound);
  open();
  auto users = topic("users");
  ASSERT_TRUE(append(users, 0, numbered(3)));
  uint64_t epoch = log_->epoch();
  open(reading);
  EXPECT_EQ(values(read(users, 0).value()), numbered(3));
  EXPECT_EQ(log_->epoch(), epoch);
  EXPECT_FALSE(append(users, 0, {"a"}));
  EXPECT_EQ(topic("users").id, users.id);
  stream::TopicSpec spec;
  spec.name = "new";
  EXPECT_FALSE(log_->topics().ensure(spec));
  open();
  EXPECT_EQ(log_->epoch(), epoch + 1);
  EXPECT_EQ(read(users, 0)->size(), 3u);
}

TEST_F(LogTest, LivesInMemoryAlone) {
  Options o = options();
  o.in_memory = true;
  open(o);
  auto users = topic("users");
  ASSERT_TRUE(append(users, 0, numbered(3)));
  EXPECT_EQ(values(read(users, 0).value()), numbered(3));
  EXPECT_FALSE(io::exists(dir()));
  auto second = EmbeddedLog::open(dir(), o);
  ASSERT_TRUE(second);
  EXPECT_TRUE((*second)->topics().list()->empty());
}

TEST_F(LogTest, BackupIsALogOfItsOwn) {
  open();
  auto users = topic("users");
  ASSERT_TRUE(append(users, 0, numbered(100)));
  ASSERT_TRUE(log_->backup(temp_ / "copy"));
  ASSERT_TRUE(append(users, 0, {"later"}));
  auto copy = EmbeddedLog::open(temp_ / "copy", options());
  ASSERT_TRUE(copy) << copy.error().to_string();
  EXPECT_EQ((*copy)->topics().bounds(users, 0)->end, 100);
  EXPECT_FALSE(log_->backup(temp_ / "copy"));
}

TEST_F(LogTest, AnUnknownTopicOrPartitionIsNamed) {
  open();
  auto users = topic("users_created");
  auto absent = log_->topics().find("user_created");
  EXPECT_EQ(absent.error().code(), ErrorCode::kNotFound);
  EXPECT_EQ(absent.error().hint(), "did you mean users_created?");
  EXPECT_EQ(append(users, 1, {"a"}).error().code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(append(users, -1, {"a"}).error().code(), ErrorCode::kInvalidArgument);
  auto stranger = users;
  stranger.id.low ^= 1;
  EXPECT_EQ(append(stranger, 0, {"a"}).error().code(), ErrorCode::kDataLost);
  EXPECT_EQ(log_->reader(stranger).error().code(), ErrorCode::kDataLost);
}

}  // namespace
}  // namespace leat::log
