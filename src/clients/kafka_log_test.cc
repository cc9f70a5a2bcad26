#include "clients/kafka_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

#include <atomic>
#include <sstream>
#include <thread>

#include "clients/kafka_admin.h"
#include "clients/kafka_rows.h"
#include "io/clock.h"
#include "io/random.h"
#include "testing/kafka.h"
#include "testing/result.h"

namespace leat::clients {
namespace {

using std::chrono::milliseconds;
using stream::Header;
using stream::OutRecord;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

KafkaOptions options() {
  KafkaOptions o;
  o.brokers = testing::kafka_brokers();
  o.transaction_ms = 6'000;
  o.session_ms = 6'000;
  return o;
}

/// Topics of its own in the one cluster.
class KafkaLogTest : public ::testing::Test {
 protected:
  void SetUp() override {
    NEEDS_KAFKA();
    static std::atomic<int> number{0};
    name_ = fmt::format("unit-{}-{}", io::system_clock().now_us(), number++);
    log_ = KafkaLog::open(options()).value();
  }
  void TearDown() override {
    if (!log_) return;
    auto all = log_->topics().list();
    for (const auto& topic : all.value())
      if (topic.spec.name.starts_with(name_)) ASSERT_OK(log_->topics().remove(topic.spec.name));
  }

  stream::TopicInfo topic(int32_t partitions = 1) {
    stream::TopicSpec spec;
    spec.name = name_;
    spec.partitions = partitions;
    return log_->topics().ensure(spec).value();
  }
  static OutRecord record(std::optional<std::string_view> key,
                          std::optional<std::string_view> value) {
    OutRecord out;
    out.key = key;
    out.value = value;
    return out;
  }
  stream::Progress progress(int64_t next) const {
    stream::Progress row;
    row.project = name_;
    row.pipeline = "p";
    row.sink = "s";
    row.input = {"input", {1, 2}, 3};
    row.next = next;
    row.v_prev = 77;
    row.pipeline_hash = "hash";
    row.cursor = "{\"page\": 4}";
    row.ledger.in = row.ledger.delivered = 9;
    return row;
  }
  Result<void> put(const std::string& owner, const stream::TopicInfo& to, std::string_view value) {
    ASSIGN(auto transaction, log_->begin(owner));
    const OutRecord one = record("k", value);
    TRY(transaction->append(to, 0, {&one, 1}));
    return transaction->commit();
  }
  /// Values of partition 0 up to its end, "-" for null; `moves` counts batches without records.
  std::vector<std::string> values(const stream::TopicInfo& of, int* moves = nullptr) {
    auto reader = log_->reader(of).value();
    auto bounds = reader->bounds(0).value();
    EXPECT_OK(reader->seek(0, bounds.start));
    std::vector<std::string> out;
    stream::RecordBatch batch;
    for (int64_t next = bounds.start; next < bounds.end; next = batch.next_offset) {
      if (!reader->poll(batch, {}, {}, milliseconds(10'000)).value()) {
        ADD_FAILURE() << "nothing from " << next << " on, of " << bounds.end;
        break;
      }
      for (const auto& one : batch.records) out.emplace_back(one.value.value_or("-"));
      if (batch.records.empty() && moves) ++*moves;
    }
    return out;
  }

  std::string name_;
  std::unique_ptr<KafkaLog> log_;
};

TEST_F(KafkaLogTest, TopicsAreMadeFoundListedAndRemoved) {
  stream::TopicSpec spec;
  spec.name = name_;
  spec.partitions = 3;
  spec.retention_ms = 86'400'000;
  spec.compact = true;
  auto made = log_->topics().ensure(spec);
  ASSERT_OK(made);
  EXPECT_NE(made->id, stream::TopicId{});
  EXPECT_EQ(made->spec.partitions, 3);
  EXPECT_EQ(made->spec.retention_ms, 86'400'000);
  EXPECT_TRUE(made->spec.compact);
  EXPECT_EQ(log_->topics().ensure(spec)->id, made->id);
  EXPECT_EQ(log_->topics().find(name_)->id, made->id);
  spec.partitions = 2;  // Kafka's may have grown
  EXPECT_EQ(log_->topics().ensure(spec)->spec.partitions, 3);
  spec.partitions = 4;
  EXPECT_EQ(log_->topics().ensure(spec).error().code(), ErrorCode::kIncompatible);
  auto all = log_->topics().list().value();
  EXPECT_TRUE(std::any_of(all.begin(), all.end(), [&](auto& t) { return t.id == made->id; }));
  EXPECT_TRUE(std::none_of(all.begin(), all.end(),
                           [](auto& t) { return t.spec.name.starts_with("_leat_"); }));
  ASSERT_OK(log_->topics().remove(name_));
  // Brokers learn of it one after another.
  auto gone = log_->topics().find(name_);
  for (int i = 0; gone && i < 50; ++i) {
    io::system_clock().sleep_ms(100, {});
    gone = log_->topics().find(name_);
  }
  ASSERT_FALSE(gone);
  EXPECT_EQ(gone.error().code(), ErrorCode::kNotFound);
}

/// What is logged while it lives.
class Logged {
 public:
  Logged() : before_(spdlog::default_logger()) {
    spdlog::set_default_logger(std::make_shared<spdlog::logger>(
        "test", std::make_shared<spdlog::sinks::ostream_sink_mt>(text_)));
  }
  ~Logged() { spdlog::set_default_logger(before_); }
  std::string text() const { return text_.str(); }

 private:
  std::shared_ptr<spdlog::logger> before_;
  std::ostringstream text_;
};

TEST_F(KafkaLogTest, ATopicThatIsThereIsComparedWithTheDeclaredOne) {
  stream::TopicSpec spec;
  spec.name = name_;
  spec.retention_ms = 86'400'000;
  ASSERT_OK(log_->topics().ensure(spec));
  stream::TopicSpec declared = spec;
  declared.declared = true;
  Logged logged;
  ASSERT_OK(log_->topics().ensure(declared));
  EXPECT_THAT(logged.text(), ::testing::Not(HasSubstr(name_)));
  declared.retention_ms = 3 * 86'400'000;
  declared.retention_bytes = 1'000'000;
  declared.compact = true;
  ASSERT_OK(log_->topics().ensure(declared));
  ASSERT_OK(log_->topics().ensure(declared));
  const std::string said = logged.text();
  EXPECT_THAT(said, HasSubstr(name_ + " is there with another retention 1d, declared 3d; "
                                      "retention_bytes unbounded, declared 1000000 bytes; "
                                      "cleanup delete, declared compact"));
  EXPECT_EQ(said.find(name_), said.rfind(name_)) << "it is said once";
  spec.compact = true;  // nobody's declaration: the topic of another program
  ASSERT_OK(log_->topics().ensure(spec));
  EXPECT_EQ(logged.text(), said);
}

TEST_F(KafkaLogTest, KeysValuesHeadersComeBackAsTheyWere) {
  auto to = topic();
  ASSERT_OK_AND_ASSIGN(auto transaction, log_->begin(name_));
  const Header headers[] = {{"leat-version", "12"}, {"empty", ""}};
  OutRecord with = record("key", "value");
  with.headers = headers;
  const OutRecord all[] = {with, record(std::nullopt, "no key"), record("", ""),
                           record("gone", std::nullopt)};
  ASSERT_OK(transaction->append(to, 0, all));
  ASSERT_OK(transaction->commit());
  auto reader = log_->reader(to).value();
  ASSERT_OK(reader->seek(0, 0));
  stream::RecordBatch batch;
  ASSERT_TRUE(reader->poll(batch, {}, {}, milliseconds(10'000)).value());
  ASSERT_EQ(batch.records.size(), 4u);
  EXPECT_EQ(batch.records[0].key, "key");
  ASSERT_EQ(batch.records[0].headers.size(), 2u);
  EXPECT_EQ(batch.records[0].headers[0].key, "leat-version");
  EXPECT_EQ(batch.records[0].headers[0].value, "12");
  EXPECT_EQ(batch.records[0].headers[1].value, "");
  EXPECT_EQ(batch.records[1].key, std::nullopt);
  EXPECT_TRUE(batch.records[1].headers.empty());
  EXPECT_EQ(batch.records[2].key, "");
  EXPECT_EQ(batch.records[2].value, "");
  EXPECT_EQ(batch.records[3].value, std::nullopt);
  EXPECT_GT(batch.records[0].timestamp_ms, 1'700'000'000'000);  // the log's own time
  EXPECT_EQ(batch.origin.topic_id, to.id);
}

TEST_F(KafkaLogTest, OnlyCommittedRecordsAreReadAndTheEndIsReached) {
  auto to = topic();
  ASSERT_OK(put(name_, to, "one"));
  {
    ASSERT_OK_AND_ASSIGN(auto dropped, log_->begin(name_));
    const OutRecord lost = record("k", "never");
    ASSERT_OK(dropped->append(to, 0, {&lost, 1}));
  }
  ASSERT_OK(put(name_, to, "two"));
  int moves = 0;
  EXPECT_THAT(values(to, &moves), ElementsAre("one", "two"));
  EXPECT_LE(moves, 1);  // over the last marker
  auto bounds = log_->topics().bounds(to, 0).value();
  EXPECT_GT(bounds.end, 2);  // markers have offsets, too
  EXPECT_GT(bounds.last_timestamp_ms, 1'700'000'000'000);
}

TEST_F(KafkaLogTest, LimitsOfABatchAreKept) {
  auto to = topic();
  ASSERT_OK_AND_ASSIGN(auto transaction, log_->begin(name_));
  const std::string text(1000, 'x');
  std::vector<OutRecord> many(50, record("k", text));
  ASSERT_OK(transaction->append(to, 0, many));
  ASSERT_OK(transaction->commit());
  auto reader = log_->reader(to).value();
  ASSERT_OK(reader->seek(0, 10));
  stream::RecordBatch batch;
  ASSERT_TRUE(reader->poll(batch, {7, 1 << 20}, {}, milliseconds(10'000)).value());
  EXPECT_LE(batch.records.size(), 7u);
  EXPECT_EQ(batch.records[0].offset, 10);
  const int64_t next = batch.next_offset;
  ASSERT_TRUE(reader->poll(batch, {100, 2500}, {}, milliseconds(10'000)).value());
  EXPECT_EQ(batch.records[0].offset, next);
  EXPECT_LE(batch.records.size(), 2u);
  ASSERT_OK(reader->seek(0, 3));  // back
  ASSERT_TRUE(reader->poll(batch, {1, 1}, {}, milliseconds(10'000)).value());
  EXPECT_EQ(batch.records.size(), 1u);
  EXPECT_EQ(batch.records[0].offset, 3);
}

TEST_F(KafkaLogTest, ProgressAndStateAreOfTheTransaction) {
  auto to = topic();
  {
    ASSERT_OK_AND_ASSIGN(auto dropped, log_->begin(name_));
    ASSERT_OK(dropped->put_progress(progress(5)));
    ASSERT_OK(dropped->put_state(name_ + "/a", "never"));
  }
  EXPECT_TRUE(log_->progress(name_, "p")->empty());
  ASSERT_OK_AND_ASSIGN(auto transaction, log_->begin(name_));
  ASSERT_OK(transaction->put_progress(progress(5)));
  ASSERT_OK(transaction->put_state(name_ + "/a", std::string("b\0c", 3)));
  ASSERT_OK(transaction->put_state(name_ + "/b", "2"));
  ASSERT_OK(transaction->commit());
  auto rows = log_->progress(name_, "").value();
  ASSERT_EQ(rows.size(), 1u);
  stream::Progress expected = progress(5);
  EXPECT_EQ(rows[0].input, expected.input);
  EXPECT_EQ(rows[0].next, 5);
  EXPECT_EQ(rows[0].v_prev, 77);
  EXPECT_EQ(rows[0].cursor, expected.cursor);
  EXPECT_EQ(rows[0].ledger, expected.ledger);
  EXPECT_EQ(log_->state(name_ + "/a").value(), std::string("b\0c", 3));
  EXPECT_EQ(log_->states(name_ + "/")->size(), 2u);
  ASSERT_OK_AND_ASSIGN(auto erase, log_->begin(name_));
  ASSERT_OK(erase->put_state(name_ + "/a", std::nullopt));
  ASSERT_OK(erase->commit());
  EXPECT_EQ(log_->state(name_ + "/a").value(), std::nullopt);
  // Whoever opens the log anew sees the same.
  auto other = KafkaLog::open(options()).value();
  EXPECT_EQ(other->progress(name_, "p")->size(), 1u);
  EXPECT_EQ(other->states(name_ + "/")->size(), 1u);
}

TEST_F(KafkaLogTest, AnOwnerThatWasTakenOverCommitsNothing) {
  auto to = topic();
  ASSERT_OK_AND_ASSIGN(auto zombie, log_->begin(name_));
  const OutRecord late = record("k", "late");
  ASSERT_OK(zombie->append(to, 0, {&late, 1}));
  ASSERT_OK(zombie->put_progress(progress(9)));
  auto other = KafkaLog::open(options()).value();
  ASSERT_OK(other->begin(name_));
  EXPECT_TRUE(other->progress(name_, "p")->empty());
  auto refused = zombie->commit();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::kConflict) << refused.error().to_string();
  zombie.reset();
  EXPECT_THAT(values(to), ElementsAre());
  // In the same process, too.
  ASSERT_OK_AND_ASSIGN(auto first, other->begin(name_));
  ASSERT_OK(first->append(to, 0, {&late, 1}));
  ASSERT_OK_AND_ASSIGN(auto second, other->begin(name_));
  EXPECT_EQ(first->commit().error().code(), ErrorCode::kConflict);
  ASSERT_OK(second->append(to, 0, {&late, 1}));
  ASSERT_OK(second->commit());
  EXPECT_THAT(values(to), ElementsAre("late"));
}

TEST_F(KafkaLogTest, AReleasedOwnerIsTakenOverAnew) {
  auto to = topic();
  ASSERT_OK(put(name_, to, "one"));
  auto other = KafkaLog::open(options()).value();
  ASSERT_OK_AND_ASSIGN(auto between, other->begin(name_));
  log_->release(name_);
  ASSERT_OK(log_->begin(name_));  // the partition came back
  const OutRecord late = record("k", "late");
  ASSERT_OK(between->append(to, 0, {&late, 1}));
  EXPECT_EQ(between->commit().error().code(), ErrorCode::kConflict);
  ASSERT_OK(put(name_, to, "two"));
  EXPECT_THAT(values(to), ElementsAre("one", "two"));
}

TEST_F(KafkaLogTest, ALostOffsetIsNamed) {
  auto to = topic();
  ASSERT_OK(put(name_, to, "one"));
  auto reader = log_->reader(to).value();
  auto beyond = reader->seek(0, 100);
  ASSERT_FALSE(beyond);
  EXPECT_EQ(beyond.error().code(), ErrorCode::kDataLost);
  EXPECT_THAT(beyond.error().message(), HasSubstr("but offset 100 was read before"));
  ASSERT_OK(log_->topics().remove(name_));
  auto again = topic();
  ASSERT_NE(again.id, to.id);
  auto stale = log_->reader(to);
  ASSERT_FALSE(stale);
  EXPECT_EQ(stale.error().code(), ErrorCode::kDataLost);
  EXPECT_THAT(stale.error().message(), HasSubstr("was recreated"));
}

TEST_F(KafkaLogTest, ARecordBeyondTheLimitIsRefused) {
  auto to = topic();
  ASSERT_OK_AND_ASSIGN(auto transaction, log_->begin(name_));
  const std::string text(limits::kMaxKafkaRecordBytes + 1, 'x');
  const OutRecord one = record("k", text);
  auto refused = transaction->append(to, 0, {&one, 1});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::kLimit);
  transaction.reset();
  EXPECT_OK(put(name_, to, "small"));  // the producer goes on
}

TEST_F(KafkaLogTest, APartitionThatStandsStillIsTold) {
  KafkaOptions watchful = options();
  watchful.stalled_ms = 300;
  auto log = KafkaLog::open(watchful).value();
  auto& admin = static_cast<KafkaAdmin&>(log->topics());
  auto to = topic();
  ASSERT_OK(put(name_, to, "one"));
  ASSERT_OK_AND_ASSIGN(auto open, log_->begin(name_ + "-open"));
  const OutRecord held = record("k", "two");
  ASSERT_OK(open->append(to, 0, {&held, 1}));
  const auto until = io::system_clock().steady_ms() + 10'000;
  while (admin.extent(to, 0)->high < 3 && io::system_clock().steady_ms() < until)
    io::system_clock().sleep_ms(20, {});
  auto reader = log->reader(to).value();
  ASSERT_OK(reader->seek(0, 0));
  stream::RecordBatch batch;
  ASSERT_TRUE(reader->poll(batch, {}, {}, milliseconds(10'000)).value());
  while (reader->trouble().empty() && io::system_clock().steady_ms() < until)
    reader->poll(batch, {}, {}, milliseconds(100)).value();
  EXPECT_EQ(reader->trouble(), name_ +
                                   "[0] has stood at offset 2 for more than 300ms: records 2 to "
                                   "2 wait for a transaction to end");
  ASSERT_OK(open->commit());
  while (!reader->poll(batch, {}, {}, milliseconds(10'000)).value() || batch.records.empty())
    ASSERT_LT(io::system_clock().steady_ms(), until);
  EXPECT_EQ(batch.records[0].value, "two");
  EXPECT_EQ(reader->trouble(), "");
}

TEST_F(KafkaLogTest, BatchesAreNoLargerThanATopicTakes) {
  auto& admin = static_cast<KafkaAdmin&>(log_->topics());
  stream::TopicSpec spec;
  spec.name = name_;
  auto to = admin.ensure(spec, {{"max.message.bytes", "20000"}}).value();
  EXPECT_GT(to.max_record_bytes, 19'000);
  EXPECT_LT(to.max_record_bytes, 20'000);
  io::Random random(7);
  std::vector<std::string> texts(200);  // that no compression makes smaller
  for (std::string& text : texts)
    for (int i = 0; i < 1'000; ++i) text.push_back(static_cast<char>(random.below(256)));
  texts.emplace_back(static_cast<size_t>(to.max_record_bytes) - 1, 'x');
  for (char& one : texts.back()) one = static_cast<char>(random.below(256));
  std::vector<OutRecord> many;
  for (const std::string& text : texts) many.push_back(record("k", text));
  ASSERT_OK_AND_ASSIGN(auto transaction, log_->begin(name_));
  ASSERT_OK(transaction->append(to, 0, many));
  ASSERT_OK(transaction->commit());
  EXPECT_EQ(values(to).size(), many.size());
  // What it takes was more when it was looked at: the lane begins anew, and looks again.
  const std::string text(25'000, 'x');
  std::string noise = text;
  for (char& one : noise) one = static_cast<char>(random.below(256));
  auto refused = put(name_, to, noise);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::kUnavailable) << refused.error().to_string();
  EXPECT_EQ(refused.error().retry(), Retry::kNever);
  EXPECT_THAT(refused.error().message(), HasSubstr("write to topic " + name_));
  EXPECT_OK(put(name_, to, "small"));
}

// By the protocol of old and by KIP-848.
class KafkaGroupTest : public KafkaLogTest, public ::testing::WithParamInterface<bool> {};
INSTANTIATE_TEST_SUITE_P(Protocols, KafkaGroupTest, ::testing::Bool(), [](const auto& protocol) {
  return protocol.param ? "Consumer" : "Classic";
});

TEST_P(KafkaGroupTest, MembersShareThePartitionsOut) {
  KafkaOptions grouped = options();
  grouped.consumer_protocol = GetParam();
  auto of = topic(4);
  auto log = KafkaLog::open(grouped).value();
  auto first = log->join(name_, of).value();
  while (first->assignment({})->size() != 4) io::system_clock().sleep_ms(20, {});
  first->report(0, 0);
  std::stop_token change = first->changing();
  auto other = KafkaLog::open(grouped).value();
  auto second = other->join(name_, of).value();
  std::vector<int32_t> mine, theirs;
  const auto until = io::system_clock().steady_ms() + 30'000;
  std::jthread along([&](std::stop_token over) {
    while (!over.stop_requested() && theirs.size() != 2)
      theirs = second->assignment(over).value_or({});
  });
  // The one that has all is told before it has to give some.
  auto wait_for_change = [&] {
    while (!change.stop_requested() && io::system_clock().steady_ms() < until)
      io::system_clock().sleep_ms(20, {});
    return change.stop_requested();
  };
  while (mine.size() != 2 && wait_for_change()) {
    mine = first->assignment({}).value();
    change = first->changing();
  }
  EXPECT_EQ(mine.size(), 2u);
  along.join();
  std::vector<int32_t> all = mine;
  all.insert(all.end(), theirs.begin(), theirs.end());
  EXPECT_THAT(all, ::testing::UnorderedElementsAre(0, 1, 2, 3));
  EXPECT_FALSE(change.stop_requested());
  second.reset();  // leaves
  EXPECT_TRUE(wait_for_change());
  while (first->assignment({})->size() != 4 && io::system_clock().steady_ms() < until)
    io::system_clock().sleep_ms(20, {});
  EXPECT_EQ(first->assignment({})->size(), 4u);
}

TEST(KafkaLog, ABrokerThatIsAwayIsNamedWithTheReason) {
  KafkaOptions o;
  o.brokers = "127.0.0.1:1";
  o.connect_ms = 1'000;
  auto opened = KafkaLog::open(o);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code(), ErrorCode::kUnavailable);
  EXPECT_THAT(opened.error().message(), HasSubstr("127.0.0.1:1"));
  EXPECT_THAT(opened.error().message(), HasSubstr("refused"));
}

TEST(KafkaRows, AreReadAsTheyWereWritten) {
  stream::Progress row;
  row.project = "p";
  row.pipeline = "q";
  row.sink = "store.table";
  row.input = {"t", {0x0123456789abcdef, 7}, 2};
  row.next = INT64_MAX;
  row.cursor = "not utf-8: no; \"quoted\"\n";
  row.ledger.filtered = 3;
  auto back = parse_progress(progress_key(row), progress_value(row));
  ASSERT_OK(back);
  EXPECT_EQ(back->input, row.input);
  EXPECT_EQ(back->next, row.next);
  EXPECT_EQ(back->cursor, row.cursor);
  EXPECT_EQ(back->ledger, row.ledger);
  EXPECT_EQ(parse_progress("[]", "{}").error().code(), ErrorCode::kCorrupt);
  EXPECT_EQ(parse_progress("x", "{}").error().code(), ErrorCode::kCorrupt);
}

}  // namespace
}  // namespace leat::clients
