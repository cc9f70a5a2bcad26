// Topics, their bounds, retention, and readers that meet what topics and retention do.
#include <rocksdb/db.h>

#include <gmock/gmock.h>
#include <filesystem>
#include <thread>

#include "log/keys.h"
#include "log/log_fixture.h"
#include "log/store.h"

namespace leat::log {
namespace {

using ::testing::HasSubstr;
constexpr std::chrono::milliseconds kAtOnce{0}, kLong{60'000};

const RetentionFloor kNobodyNeedsAny = [](const stream::TopicInfo&, int32_t) { return INT64_MAX; };

class TopicsTest : public LogTest {
 protected:
  Result<stream::TopicInfo> ensure(stream::TopicSpec spec) { return log_->topics().ensure(spec); }
  static stream::TopicSpec spec(std::string name, int32_t partitions = 1) {
    stream::TopicSpec s;
    s.name = std::move(name);
    s.partitions = partitions;
    return s;
  }
};

TEST_F(TopicsTest, EnsureCreatesOnceAndRefusesOtherPartitionsOrFormats) {
  open();
  auto users = ensure(spec("users", 3)).value();
  EXPECT_EQ(users.created_ms, clock_.now_ms());
  clock_.advance_ms(1000);
  auto again = ensure(spec("users", 3)).value();
  EXPECT_EQ(again.id, users.id);
  EXPECT_EQ(again.created_ms, users.created_ms);
  auto wider = ensure(spec("users", 4));
  EXPECT_EQ(wider.error().code(), ErrorCode::kIncompatible);
  EXPECT_THAT(wider.error().message(), HasSubstr("has 3 partitions, 4 are declared"));
  auto avro = spec("users", 3);
  avro.format = "avro";
  EXPECT_EQ(ensure(avro)->spec.format, "avro");  // it holds no record yet
  EXPECT_EQ(ensure(avro)->id, users.id);
  ASSERT_TRUE(append(users, 2, {"one"}));
  EXPECT_EQ(ensure(spec("users", 3)).error().code(), ErrorCode::kIncompatible);
  open();
  EXPECT_EQ(log_->topics().find("users")->spec.format, "avro");
  EXPECT_NE(ensure(spec("users2"))->id, users.id);
}

TEST_F(TopicsTest, EnsureTakesOverADeclaredRetention) {
  open();
  auto users = ensure(spec("users")).value();
  auto shorter = spec("users");
  shorter.retention_ms = 5000;
  shorter.retention_bytes = 100;
  EXPECT_EQ(ensure(shorter)->id, users.id);
  open();
  auto found = log_->topics().find("users").value();
  EXPECT_EQ(found.spec.retention_ms, 5000);
  EXPECT_EQ(found.spec.retention_bytes, 100);
}

TEST_F(TopicsTest, NamesAndPartitionsAreChecked) {
  open();
  EXPECT_EQ(ensure(spec("a/b")).error().code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(ensure(spec("")).error().code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(ensure(spec("a", 0)).error().code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(ensure(spec("a", limits::kMaxPartitions + 1)).error().code(),
            ErrorCode::kInvalidArgument);
  EXPECT_TRUE(ensure(spec("a", limits::kMaxPartitions)));
}

TEST_F(TopicsTest, ListIsSorted) {
  open();
  for (const char* name : {"c", "a", "b"}) ASSERT_TRUE(ensure(spec(name)));
  auto all = log_->topics().list().value();
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(all[0].spec.name, "a");
  EXPECT_EQ(all[2].spec.name, "c");
}

TEST_F(TopicsTest, ARecreatedTopicIsNotContinued) {
  open();
  auto users = topic("users", 2), other = topic("other");
  ASSERT_TRUE(append(users, 0, numbered(5)));
  ASSERT_TRUE(append(other, 0, {"kept"}));
  auto reader = log_->reader(users).value();
  ASSERT_TRUE(reader->seek(0, 2));
  auto open_tx = log_->begin("late").value();
  ASSERT_TRUE(put(*open_tx, users, 0, {"late"}));

  ASSERT_TRUE(log_->topics().remove("users"));
  EXPECT_EQ(log_->topics().find("users").error().code(), ErrorCode::kNotFound);
  EXPECT_EQ(log_->topics().remove("users").error().code(), ErrorCode::kNotFound);
  auto fresh = topic("users", 2);
  EXPECT_NE(fresh.id, users.id);
  EXPECT_EQ(log_->topics().bounds(fresh, 0)->end, 0);

  stream::RecordBatch batch;
  auto polled = reader->poll(batch, {}, {}, kAtOnce);
  ASSERT_FALSE(polled);
  EXPECT_EQ(polled.error().code(), ErrorCode::kDataLost);
  EXPECT_THAT(polled.error().message(), HasSubstr("deleted or recreated"));
  EXPECT_EQ(reader->seek(0, 0).error().code(), ErrorCode::kDataLost);
  EXPECT_EQ(open_tx->commit().error().code(), ErrorCode::kDataLost);
  EXPECT_EQ(log_->topics().bounds(users, 0).error().code(), ErrorCode::kDataLost);
  open();
  EXPECT_TRUE(read(fresh, 0)->empty());
  EXPECT_EQ(values(read(other, 0).value()), std::vector<std::string>{"kept"});
}

TEST_F(TopicsTest, OffsetForTimeIsTheFirstAtOrAfter) {
  open();
  auto users = topic("users");
  EXPECT_EQ(log_->topics().offset_for_time(users, 0, 5).value(), 0);
  for (int i = 1; i <= 20; ++i) {
    clock_.set_wall_ms(i * 1000);
    ASSERT_TRUE(append(users, 0, numbered(3)));
  }
  auto at = [&](int64_t ms) { return log_->topics().offset_for_time(users, 0, ms).value(); };
  EXPECT_EQ(at(0), 0);
  EXPECT_EQ(at(1000), 0);
  EXPECT_EQ(at(1001), 3);
  for (int i = 1; i <= 20; ++i) EXPECT_EQ(at(i * 1000), (i - 1) * 3);
  EXPECT_EQ(at(20'001), 60);
  EXPECT_EQ(log_->topics().bounds(users, 0)->last_timestamp_ms, 20'000);
}

TEST_F(TopicsTest, RetentionByTimeKeepsOffsetsAndNamesTheGap) {
  open();
  auto s = spec("users", 2);
  s.retention_ms = 10'000;
  auto users = ensure(s).value();
  clock_.set_wall_ms(100'000);
  ASSERT_TRUE(append(users, 0, numbered(5)));
  ASSERT_TRUE(append(users, 1, numbered(5)));
  clock_.set_wall_ms(105'000);
  ASSERT_TRUE(append(users, 0, numbered(5, 5)));
  EXPECT_TRUE(
      log_->enforce_retention(110'000, kNobodyNeedsAny)->empty());  // none is older than 10 s

  auto retired = log_->enforce_retention(110'001, kNobodyNeedsAny).value();
  ASSERT_EQ(retired.size(), 2u);
  EXPECT_EQ(retired[0].topic, "users");
  EXPECT_EQ(retired[0].from, 0);
  EXPECT_EQ(retired[0].to, 5);
  EXPECT_GT(retired[0].bytes, 0);
  auto lost = read(users, 0, 2);
  EXPECT_EQ(lost.error().code(), ErrorCode::kDataLost);
  EXPECT_THAT(lost.error().message(), HasSubstr("users[0] from offset 2 to 4 were deleted"));
  EXPECT_EQ(values(read(users, 0, 5).value()), numbered(5, 5));
  for (bool reopened : {false, true}) {
    if (reopened) open();
    auto bounds = log_->topics().bounds(users, 1).value();  // all of it is gone, its end is not
    EXPECT_EQ(bounds.start, 5);
    EXPECT_EQ(bounds.end, 5);
    EXPECT_EQ(bounds.bytes, 0);
    EXPECT_EQ(bounds.last_timestamp_ms, 100'000);
    EXPECT_EQ(log_->topics().bounds(users, 0)->start, 5);
    EXPECT_EQ(log_->topics().offset_for_time(users, 0, 0).value(), 5);
  }
  clock_.set_wall_ms(50'000);
  ASSERT_TRUE(append(users, 1, {"next"}));
  auto seen = read(users, 1, 5).value();
  EXPECT_EQ(seen.at(0).offset, 5);
  EXPECT_EQ(seen.at(0).timestamp_ms, 100'000);  // times go on too
}

TEST_F(TopicsTest, RetentionByBytesKeepsTheNewest) {
  Options o = options();
  o.codec = Codec::kNone;
  open(o);
  auto s = spec("users");
  s.retention_ms = -1;
  auto users = ensure(s).value();
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(append(users, 0, {std::string(1000, 'x')}));
  int64_t all = log_->topics().bounds(users, 0)->bytes;
  EXPECT_GT(all, 10'000);
  EXPECT_TRUE(log_->enforce_retention(INT64_MAX / 2, kNobodyNeedsAny)->empty());
  s.retention_bytes = all / 10 * 4;
  ASSERT_TRUE(ensure(s));
  auto retired = log_->enforce_retention(0, kNobodyNeedsAny).value();
  ASSERT_EQ(retired.size(), 1u);
  EXPECT_EQ(retired[0].to, 6);
  EXPECT_EQ(log_->topics().bounds(users, 0)->bytes, all / 10 * 4);
  EXPECT_EQ(retired[0].bytes, all - all / 10 * 4);
}

TEST_F(TopicsTest, RetentionStopsAtTheFloor) {
  open();
  auto s = spec("users");
  s.retention_ms = 0;
  auto users = ensure(s).value();
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(append(users, 0, numbered(10)));
  auto floor = [](int64_t offset) {
    return [offset](const stream::TopicInfo&, int32_t) { return offset; };
  };
  int64_t later = clock_.now_ms() + 1000;
  EXPECT_TRUE(log_->enforce_retention(later, floor(9))->empty());  // batches are deleted whole
  EXPECT_EQ(log_->enforce_retention(later, floor(25))->at(0).to, 20);
  EXPECT_EQ(read(users, 0, 20)->size(), 20u);
}

TEST_F(TopicsTest, AReaderThatRetentionOvertakesIsTold) {
  open();
  auto s = spec("users");
  s.retention_ms = 0;
  auto users = ensure(s).value();
  ASSERT_TRUE(append(users, 0, numbered(10)));
  ASSERT_TRUE(append(users, 0, numbered(10)));
  auto reader = log_->reader(users).value();
  ASSERT_TRUE(reader->seek(0, 0));
  stream::RecordBatch batch;
  ASSERT_TRUE(reader->poll(batch, {3, 1000}, {}, kAtOnce).value());
  ASSERT_TRUE(log_->enforce_retention(clock_.now_ms() + 1, kNobodyNeedsAny));
  auto polled = reader->poll(batch, {3, 1000}, {}, kAtOnce);
  ASSERT_FALSE(polled);
  EXPECT_EQ(polled.error().code(), ErrorCode::kDataLost);
  EXPECT_THAT(polled.error().message(), HasSubstr("from offset 3 to 19"));
}

TEST_F(TopicsTest, SpaceIsGivenBack) {
  Options o = options();
  o.codec = Codec::kNone;
  open(o);
  auto s = spec("users");
  s.retention_ms = 0;
  auto users = ensure(s).value();
  for (int i = 0; i < 40; ++i) ASSERT_TRUE(append(users, 0, {std::string(1 << 20, 'x')}));
  ASSERT_TRUE(log_->enforce_retention(clock_.now_ms() + 1, kNobodyNeedsAny));
  open(o);
  uintmax_t bytes = 0;
  for (const auto& file : std::filesystem::directory_iterator(dir())) bytes += file.file_size();
  EXPECT_LT(bytes, 4u << 20);
}

TEST_F(TopicsTest, PollIsFairAmongPartitions) {
  open();
  auto users = topic("users", 3);
  for (int p = 0; p < 3; ++p) ASSERT_TRUE(append(users, p, numbered(10)));
  auto reader = log_->reader(users).value();
  for (int p = 0; p < 3; ++p) ASSERT_TRUE(reader->seek(p, 0));
  std::vector<int32_t> order;
  stream::RecordBatch batch;
  for (int i = 0; i < 6; ++i) {
    ASSERT_TRUE(reader->poll(batch, {5, 1000}, {}, kAtOnce).value());
    EXPECT_EQ(batch.records.size(), 5u);
    EXPECT_EQ(batch.origin.topic_id, users.id);
    EXPECT_EQ(batch.next_offset, batch.records.back().offset + 1);
    order.push_back(batch.origin.partition);
  }
  EXPECT_EQ(order, (std::vector<int32_t>{0, 1, 2, 0, 1, 2}));
  EXPECT_FALSE(reader->poll(batch, {}, {}, kAtOnce).value());
}

TEST_F(TopicsTest, PollJoinsBatchesUpToItsLimits) {
  open();
  auto users = topic("users");
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(append(users, 0, {std::string(100, 'x')}));
  auto reader = log_->reader(users).value();
  ASSERT_TRUE(reader->seek(0, 0));
  stream::RecordBatch batch;
  ASSERT_TRUE(reader->poll(batch, {7, 10'000}, {}, kAtOnce).value());
  EXPECT_EQ(batch.records.size(), 7u);
  EXPECT_EQ(batch.bytes, 700u);
  ASSERT_TRUE(reader->seek(0, 0));
  ASSERT_TRUE(reader->poll(batch, {1000, 250}, {}, kAtOnce).value());
  EXPECT_EQ(batch.records.size(), 2u);
  ASSERT_TRUE(reader->poll(batch, {1000, 1}, {}, kAtOnce).value());  // one at least
  EXPECT_EQ(batch.records.size(), 1u);
  EXPECT_EQ(batch.records[0].offset, 2);
}

TEST_F(TopicsTest, RecordsOutliveTheirReader) {
  open();
  auto users = topic("users");
  ASSERT_TRUE(append(users, 0, numbered(10)));
  stream::RecordBatch batch;
  {
    auto reader = log_->reader(users).value();
    ASSERT_TRUE(reader->seek(0, 4));
    ASSERT_TRUE(reader->poll(batch, {2, 1000}, {}, kAtOnce).value());
  }
  EXPECT_EQ(batch.records.at(1).value, "value 5");
}

TEST_F(TopicsTest, PollWakesForNewRecordsAndForStop) {
  open();
  auto users = topic("users");
  auto reader = log_->reader(users).value();
  ASSERT_TRUE(reader->seek(0, 0));
  std::jthread writer([&] { ASSERT_TRUE(append(users, 0, {"a"})); });
  stream::RecordBatch batch;
  EXPECT_TRUE(reader->poll(batch, {}, {}, kLong).value());
  EXPECT_EQ(batch.records.at(0).value, "a");
  std::stop_source stop;
  std::jthread stopper([&] { stop.request_stop(); });
  EXPECT_FALSE(reader->poll(batch, {}, stop.get_token(), kLong).value());
  EXPECT_TRUE(batch.records.empty());
}

TEST_F(TopicsTest, SeekBeyondTheEndIsALoss) {
  open();
  auto users = topic("users");
  ASSERT_TRUE(append(users, 0, numbered(3)));
  auto reader = log_->reader(users).value();
  EXPECT_TRUE(reader->seek(0, 3));
  auto beyond = reader->seek(0, 7);
  EXPECT_EQ(beyond.error().code(), ErrorCode::kDataLost);
  EXPECT_THAT(beyond.error().message(),
              HasSubstr("ends at offset 3, but offset 7 was read before"));
  EXPECT_EQ(reader->seek(1, 0).error().code(), ErrorCode::kInvalidArgument);
}

/// Opens the RocksDB below a closed log, as damage would.
void damage(const std::string& dir, const std::function<void(Store::Database&)>& how) {
  Options o;
  auto store = Store::open(dir, o).value();
  auto at = store->access().value();
  how(*at.operator->());
}

TEST_F(TopicsTest, ACorruptBatchIsNamedAndCanBePassed) {
  open();
  auto users = topic("users");
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(append(users, 0, numbered(10, 10 * i)));
  log_.reset();
  damage(dir(), [&](Store::Database& d) {
    std::string key = log_key(users.id, 0, 10), value;
    ASSERT_TRUE(d.db->Get({}, d.log, key, &value).ok());
    value[value.size() / 2] = static_cast<char>(value[value.size() / 2] ^ 4);
    ASSERT_TRUE(d.db->Put({}, d.log, key, value).ok());
  });
  open();
  auto reader = log_->reader(users).value();
  ASSERT_TRUE(reader->seek(0, 0));
  stream::RecordBatch batch;
  ASSERT_TRUE(reader->poll(batch, {}, {}, kAtOnce).value());  // what is before it comes first
  EXPECT_EQ(batch.next_offset, 10);
  for (int i = 0; i < 2; ++i) {
    auto polled = reader->poll(batch, {}, {}, kAtOnce);
    ASSERT_FALSE(polled);
    EXPECT_EQ(polled.error().code(), ErrorCode::kCorrupt);
    EXPECT_THAT(polled.error().message(), HasSubstr("users[0] from offset 10 to 19"));
  }
  ASSERT_TRUE(reader->seek(0, 20));
  ASSERT_TRUE(reader->poll(batch, {}, {}, kAtOnce).value());
  EXPECT_EQ(batch.records.at(0).value, "value 20");
}

TEST_F(TopicsTest, AMissingBatchIsNamed) {
  open();
  auto users = topic("users");
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(append(users, 0, numbered(10, 10 * i)));
  log_.reset();
  damage(dir(), [&](Store::Database& d) {
    ASSERT_TRUE(d.db->Delete({}, d.log, log_key(users.id, 0, 10)).ok());
  });
  open();
  auto polled = read(users, 0, 0);
  ASSERT_FALSE(polled);
  EXPECT_EQ(polled.error().code(), ErrorCode::kCorrupt);
  EXPECT_THAT(polled.error().message(), HasSubstr("no batch is there"));
}

TEST_F(TopicsTest, ANewerFormatIsRefused) {
  open();
  log_.reset();
  damage(dir(), [](Store::Database& d) {
    std::string newer;
    put_fixed(newer, kFormat + 1);
    ASSERT_TRUE(d.db->Put({}, d.meta, "format", newer).ok());
  });
  auto opened = EmbeddedLog::open(dir(), options());
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code(), ErrorCode::kIncompatible);
  EXPECT_THAT(opened.error().message(), HasSubstr("has format 2, this leat knows up to 1"));
}

TEST_F(TopicsTest, ManyFlushesAndCompactionsKeepEveryRecord) {
  Options o = options();
  o.codec = Codec::kNone;
  open(o);
  auto users = topic("users", 2);
  constexpr int kAppends = 150;
  for (int i = 0; i < kAppends; ++i) {
    std::string value(600'000, static_cast<char>('a' + i % 26));
    ASSERT_TRUE(append(users, i % 2, {fmt::format("{}", i), value}));
  }
  for (bool reopened : {false, true}) {
    if (reopened) open(o);
    for (int p = 0; p < 2; ++p) {
      auto all = read(users, p).value();
      ASSERT_EQ(all.size(), static_cast<size_t>(kAppends));
      for (size_t i = 0; i < all.size(); i += 2) {
        int n = static_cast<int>(i) + p;
        EXPECT_EQ(all[i].value, fmt::format("{}", n));
        EXPECT_EQ(all[i + 1].value, std::string(600'000, static_cast<char>('a' + n % 26)));
      }
    }
  }
}

}  // namespace
}  // namespace leat::log
