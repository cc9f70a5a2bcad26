#include "runtime/input.h"

#include <gtest/gtest.h>

#include <deque>

#include "log/embedded_log.h"
#include "runtime/dead_letter.h"
#include "testing/manual_clock.h"

namespace leat::runtime {
namespace {

using std::chrono::milliseconds;

/// Gives what the test has put there, in order.
class ScriptedSource final : public stream::Source {
 public:
  std::deque<Result<stream::SourcePage>> script;
  std::string opened_at;
  std::vector<std::string>* opens = nullptr;  // every cursor it was opened at
  bool by_cursor = false;

  Result<void> open(std::string_view cursor) override {
    opened_at = cursor;
    if (opens != nullptr) opens->emplace_back(cursor);
    return {};
  }
  Result<stream::SourcePage> read(std::stop_token) override {
    if (script.empty()) return Error(ErrorCode::kInternal, "the script is over");
    auto next = std::move(script.front());
    script.pop_front();
    return next;
  }
  bool rereadable() const override { return by_cursor; }
  bool bounded() const override { return true; }
};

stream::SourcePage page(std::vector<std::string> values, std::vector<std::string> ids,
                        bool last = false) {
  stream::SourcePage out;
  for (std::string& value : values) {
    auto bytes = std::make_shared<const std::string>(std::move(value));
    stream::Record record;
    record.value = *bytes;
    out.records.push_back(record);
    out.storage.push_back(bytes);
  }
  out.ids = std::move(ids);
  out.cursor = "after";
  out.exhausted = last;
  return out;
}

class InputTest : public ::testing::Test {
 protected:
  void SetUp() override {
    log::Options options;
    options.in_memory = true;
    options.clock = &clock_;
    log_ = log::EmbeddedLog::open("", options).value();
  }
  std::unique_ptr<LaneInput> source_input(std::unique_ptr<ScriptedSource> source,
                                          StartAt start = {}) {
    SourceInputOptions options;
    options.origin = {"http:users", {}, 0};
    options.start = start;
    options.jitter_seed = 1;
    auto ids = IdWindow::load(*log_, "ids/p/users/").value();
    return make_source_input(std::move(source), clock_, std::move(ids), std::move(options)).value();
  }
  testing::ManualClock clock_;
  std::unique_ptr<log::EmbeddedLog> log_;
};

TEST_F(InputTest, MintsConsecutiveNumbersFromTheCommittedPosition) {
  auto source = std::make_unique<ScriptedSource>();
  source->script.push_back(page({"a", "b"}, {}));
  source->script.push_back(page({"c"}, {}, true));
  auto input = source_input(std::move(source), {7, 100});
  InputBatch batch;
  ASSERT_TRUE(input->next(batch, {}, milliseconds(10)).value());
  EXPECT_EQ(batch.records.records[0].offset, 7);
  EXPECT_EQ(batch.records.records[1].offset, 8);
  EXPECT_EQ(batch.records.next_offset, 9);
  EXPECT_GT(batch.records.versions[1], batch.records.versions[0]);
  EXPECT_FALSE(batch.pass_ended);
  ASSERT_TRUE(input->next(batch, {}, milliseconds(10)).value());
  EXPECT_EQ(batch.records.records[0].offset, 9);
  EXPECT_TRUE(batch.pass_ended);
  EXPECT_TRUE(input->at_end().value());
  EXPECT_FALSE(input->next(batch, {}, milliseconds(10)).value());
}

TEST_F(InputTest, MarksIdsSeenBeforeAndRemembersThemOverARestart) {
  auto source = std::make_unique<ScriptedSource>();
  source->script.push_back(page({"a", "b", "a2"}, {"1", "2", "1"}));
  auto input = source_input(std::move(source));
  InputBatch batch;
  ASSERT_TRUE(input->next(batch, {}, milliseconds(10)).value());
  EXPECT_EQ(batch.duplicate, (std::vector<bool>{false, false, true}));
  auto transaction = log_->begin("test").value();
  ASSERT_TRUE(transaction->put_state(batch.id_key, batch.id_page));
  ASSERT_TRUE(transaction->commit());

  auto again = std::make_unique<ScriptedSource>();
  again->script.push_back(page({"b", "c"}, {"2", "3"}));
  auto restarted = source_input(std::move(again), {3, 0});
  ASSERT_TRUE(restarted->next(batch, {}, milliseconds(10)).value());
  EXPECT_EQ(batch.duplicate, (std::vector<bool>{true, false}));
}

TEST_F(InputTest, IdsThatWereNotCommittedAreNew) {
  for (int round = 0; round < 2; ++round) {
    auto source = std::make_unique<ScriptedSource>();
    source->script.push_back(page({"a"}, {"1"}));
    auto input = source_input(std::move(source));
    InputBatch batch;
    ASSERT_TRUE(input->next(batch, {}, milliseconds(10)).value());
    EXPECT_FALSE(batch.duplicate[0]) << round;
  }
}

TEST_F(InputTest, RidesOutWhatATryLaterMendsAndSaysSo) {
  auto source = std::make_unique<ScriptedSource>();
  source->script.push_back(Error(ErrorCode::kUnavailable, "connection refused"));
  source->script.push_back(Error(ErrorCode::kUnavailable, "connection refused"));
  source->script.push_back(page({"a"}, {}, true));
  auto input = source_input(std::move(source));
  InputBatch batch;
  EXPECT_FALSE(input->next(batch, {}, milliseconds(10)).value());
  EXPECT_NE(input->trouble().find("connection refused"), std::string::npos);
  int tries = 0;
  while (!input->next(batch, {}, milliseconds(10)).value()) ASSERT_LT(++tries, 1000);
  EXPECT_EQ(batch.records.records.size(), 1u);
  EXPECT_EQ(input->trouble(), "");
}

// A file's read may have taken records before it failed; without going back they would be lost.
TEST_F(InputTest, AFailedReadGoesBackToTheEndOfTheLastPage) {
  auto source = std::make_unique<ScriptedSource>();
  std::vector<std::string> opens;
  source->opens = &opens;
  source->by_cursor = true;
  source->script.push_back(page({"a"}, {}));
  source->script.push_back(Error(ErrorCode::kIo, "read error").with_retry(Retry::kReconnect));
  source->script.push_back(page({"b"}, {}, true));
  auto input = source_input(std::move(source));
  InputBatch batch;
  ASSERT_TRUE(input->next(batch, {}, milliseconds(10)).value());
  EXPECT_FALSE(input->next(batch, {}, milliseconds(10)).value());
  int tries = 0;
  while (!input->next(batch, {}, milliseconds(10)).value()) ASSERT_LT(++tries, 1000);
  EXPECT_EQ(opens, (std::vector<std::string>{"", "after"}));
}

TEST_F(InputTest, AFinalErrorIsNotRiddenOut) {
  auto source = std::make_unique<ScriptedSource>();
  source->script.push_back(Error(ErrorCode::kInvalidArgument, "no such page"));
  auto input = source_input(std::move(source));
  InputBatch batch;
  EXPECT_FALSE(input->next(batch, {}, milliseconds(10)));
}

TEST_F(InputTest, ABatchWaitsForItsRecordsUpToItsDelay) {
  stream::TopicSpec spec;
  spec.name = "events";
  auto topic = log_->topics().ensure(spec).value();
  auto put = [&](size_t n) {
    std::vector<stream::OutRecord> records(n);
    for (auto& record : records) record.value = "x";
    auto transaction = log_->begin("test").value();
    ASSERT_TRUE(transaction->append(topic, 0, records));
    ASSERT_TRUE(transaction->commit());
  };
  auto input = make_topic_input(*log_, topic, {}, {3, 1 << 20}, "", {&clock_, 50}).value();
  InputBatch batch;
  EXPECT_FALSE(input->next(batch, {}, milliseconds(10)).value()) << "nothing is there";
  put(3);
  ASSERT_TRUE(input->next(batch, {}, milliseconds(10)).value()) << "a full batch does not wait";
  EXPECT_EQ(batch.records.records.size(), 3u);
  put(1);
  const int64_t before = clock_.steady_ms();
  EXPECT_FALSE(input->next(batch, {}, milliseconds(10)).value());
  put(1);
  while (!input->next(batch, {}, milliseconds(10)).value())
    ASSERT_LE(clock_.steady_ms() - before, 50);
  EXPECT_EQ(clock_.steady_ms() - before, 50);
  EXPECT_EQ(batch.records.records.size(), 2u) << "what came meanwhile goes along";
  put(1);
  ASSERT_TRUE(input->fix_end());
  EXPECT_TRUE(input->next(batch, {}, milliseconds(10)).value()) << "a drain waits for nothing";
}

TEST_F(InputTest, ARetryTopicGivesEachSinkItsOwnRecordsWithTheirOldIdentity) {
  stream::TopicSpec spec;
  spec.name = "p.users.retry";
  auto topic = log_->topics().ensure(spec).value();
  auto put = [&](std::string_view sink, std::string_view offset) {
    std::vector<stream::Header> headers = {{"leat-sink", sink},
                                           {"leat-topic", "users"},
                                           {"leat-partition", "2"},
                                           {"leat-offset", offset},
                                           {"leat-version", "1234"}};
    stream::OutRecord record;
    record.value = "x";
    record.headers = headers;
    auto transaction = log_->begin("test").value();
    ASSERT_TRUE(transaction->append(topic, 0, {&record, 1}));
    ASSERT_TRUE(transaction->commit());
  };
  put("serving.users", "5");
  put("warehouse.users", "5");
  put("serving.users", "9");
  auto input = make_topic_input(*log_, topic, {}, {}, "serving.users").value();
  std::vector<int64_t> offsets;
  InputBatch batch;
  while (input->next(batch, {}, milliseconds(0)).value()) {
    for (size_t i = 0; i < batch.records.records.size(); ++i) {
      offsets.push_back(batch.identity(i).offset);
      EXPECT_EQ(batch.identity(i).origin.topic, "users");
      EXPECT_EQ(batch.records.versions[i], 1234);
    }
  }
  EXPECT_EQ(offsets, (std::vector<int64_t>{5, 9}));
}

// The SQL reads _key, _offset and _timestamp, and a null value has a meaning of its own.
TEST_F(InputTest, ARedrivenRecordIsAsItWasReadFirst) {
  stream::TopicSpec spec;
  spec.name = "p.users.retry";
  auto topic = log_->topics().ensure(spec).value();
  DeadLetterWriter writer("serving.users", "hash");
  stream::Record record;
  record.key = "k5";
  const std::vector<stream::Header> headers = {{"trace", "1"}, {"__value_schema_id", "guid"}};
  record.headers = headers;
  record.timestamp_ms = 1'700'000'000'123;
  writer.add({{"users", {1, 2}, 0}, 5}, record, 77,
             {0, stream::Stage::kDecode, stream::Reason::kNullValue, {}, "null"});
  auto transaction = log_->begin("test").value();
  ASSERT_TRUE(transaction->append(topic, 0, writer.records()));
  ASSERT_TRUE(transaction->commit());
  auto input = make_topic_input(*log_, topic, {}, {}, "serving.users").value();
  InputBatch batch;
  ASSERT_TRUE(input->next(batch, {}, milliseconds(0)).value());
  ASSERT_EQ(batch.records.records.size(), 1u);
  const stream::Record& again = batch.records.records[0];
  EXPECT_EQ(again.key, "k5");
  EXPECT_EQ(again.value, std::nullopt);
  EXPECT_EQ(again.offset, 5);
  EXPECT_EQ(again.timestamp_ms, 1'700'000'000'123);
  ASSERT_EQ(again.headers.size(), 2u);
  EXPECT_EQ(again.headers[0].key, "trace");
  EXPECT_EQ(again.headers[1].key, "__value_schema_id");
  EXPECT_EQ(again.headers[1].value, "guid");
  EXPECT_EQ(batch.retry_offsets, std::vector<int64_t>{0});
  EXPECT_EQ(batch.records.next_offset, 1);
}

TEST_F(InputTest, AVersionOfNoPossibleTimeIsNotCarried) {
  auto carried = [](std::string_view text) {
    const stream::Header header{"leat-version", text};
    stream::Record record;
    record.headers = {&header, 1};
    return carried_version(record);
  };
  EXPECT_EQ(carried("1700000000000000"), 1'700'000'000'000'000);
  EXPECT_EQ(carried("9223372036854775807"), 0) << "would keep its key as it is for ever";
  EXPECT_EQ(carried("99999999999999999999"), 0);
  EXPECT_EQ(carried("-1"), 0);
  EXPECT_EQ(carried("12x"), 0);
  EXPECT_EQ(carried(""), 0);
}

TEST_F(InputTest, HalvesOfABatchAreTwoBatches) {
  stream::TopicSpec spec;
  spec.name = "in";
  auto topic = log_->topics().ensure(spec).value();
  const stream::Header header{"h", "v"};
  std::vector<stream::OutRecord> records(3);
  for (auto& record : records) record.value = "x", record.headers = {&header, 1};
  auto transaction = log_->begin("test").value();
  ASSERT_TRUE(transaction->append(topic, 0, records));
  ASSERT_TRUE(transaction->commit());
  auto input = make_topic_input(*log_, topic, {}, {}, "").value();
  InputBatch first, rest;
  ASSERT_TRUE(input->next(first, {}, milliseconds(0)).value());
  const std::vector<int64_t> versions = first.records.versions;
  ASSERT_EQ(versions.size(), 3u);
  const int64_t v_last = first.v_last;
  first.refused = {{2, {}, {}, {}, "c"}, {0, {}, {}, {}, "a"}};
  first.split(rest);
  ASSERT_EQ(first.refused.size(), 1u);
  EXPECT_EQ(first.refused[0].message, "a");
  ASSERT_EQ(rest.refused.size(), 1u);
  EXPECT_EQ(rest.refused[0].record, 1u);
  EXPECT_EQ(rest.refused[0].message, "c");
  EXPECT_EQ(first.records.records.size(), 1u);
  EXPECT_EQ(first.records.next_offset, 1);
  EXPECT_EQ(first.v_last, versions[0]) << "killed between the halves, the second gets the same";
  EXPECT_EQ(rest.records.records.size(), 2u);
  EXPECT_EQ(rest.records.next_offset, 3);
  EXPECT_EQ(rest.records.versions, std::vector<int64_t>(versions.begin() + 1, versions.end()));
  EXPECT_EQ(rest.v_last, v_last);
  first.records.clear();
  EXPECT_EQ(rest.records.records[1].headers[0].value, "v");
}

}  // namespace
}  // namespace leat::runtime
