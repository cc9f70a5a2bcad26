#include "runtime/dead_letter.h"

#include <gtest/gtest.h>

#include "base/limits.h"
#include "log/embedded_log.h"

namespace leat::runtime {
namespace {

class RedriveTest : public ::testing::Test {
 protected:
  void SetUp() override {
    log::Options options;
    options.in_memory = true;
    log_ = log::EmbeddedLog::open("", options).value();
    stream::TopicSpec spec;
    spec.name = "p.store.dlq";
    dlq_ = log_->topics().ensure(spec).value();
    spec.name = "in";
    const stream::TopicInfo in = log_->topics().ensure(spec).value();
    input_ = {in.spec.name, in.id, 0};
  }

  /// The sink rejects record 5 of the input; `retry`: read from the retry topic this time.
  void reject(std::optional<RetryPlace> retry) {
    DeadLetterWriter writer("s.t", "hash");
    stream::Record record;
    record.value = "{}";
    writer.add({input_, 5}, record, 17,
               {0, stream::Stage::kQuality, stream::Reason::kRuleFailed, "r", "no"}, retry);
    auto transaction = log_->begin("p.store.s.t").value();
    ASSERT_TRUE(transaction->append(dlq_, 0, writer.records()));
    ASSERT_TRUE(transaction->commit());
  }
  /// The position of the sink in an input.
  static stream::Progress at(const stream::TopicPartition& input, int64_t next,
                             std::string sink = "s.t") {
    stream::Progress row;
    row.sink = std::move(sink);
    row.input = input;
    row.next = next;
    return row;
  }
  RedriveReport redrive(const std::vector<stream::Progress>& rows) {
    return runtime::redrive(
               *log_, "p", "store", 1, rows, [](auto&) { return true; }, false)
        .value();
  }

  std::unique_ptr<log::EmbeddedLog> log_;
  stream::TopicInfo dlq_;
  stream::TopicPartition input_;
  const stream::TopicPartition retry_{"p.store.retry", {3, 4}, 0};
};

// Whatever a record brings, its letter is a legal record of the log.
TEST_F(RedriveTest, KeyHeadersAndMessageAreCutAndSaidToBe) {
  const std::string huge(limits::kMaxRecordBytes, 'k'), message(100'000, 'm');
  const std::vector<stream::Header> headers(limits::kMaxHeaders, stream::Header{"name", "value"});
  DeadLetterWriter writer("s.t", "hash");
  stream::Record record;
  record.key = huge;
  record.value = "{}";
  record.headers = headers;
  writer.add({input_, 5}, record, 17,
             {0, stream::Stage::kDecode, stream::Reason::kMalformed, {}, message});
  auto transaction = log_->begin("p.store.s.t").value();
  ASSERT_TRUE(transaction->append(dlq_, 0, writer.records()));
  ASSERT_TRUE(transaction->commit());
  const DeadLetter letter = read_dead_letters(*log_, dlq_.spec.name).value().at(0);
  EXPECT_EQ(letter.key->size(), limits::kDeadLetterBytes);
  EXPECT_EQ(letter.key_length, static_cast<int64_t>(huge.size()));
  EXPECT_GT(letter.headers_cut, 0);
  EXPECT_EQ(letter.message.size(), limits::kDeadLetterMessageBytes);
  EXPECT_FALSE(letter.whole());
  EXPECT_EQ(redrive({at(input_, 6)}).truncated, 1);
}

// More than one visit shows, of which some were written twice and some erased.
TEST_F(RedriveTest, ManyLettersAreVisitedInPieces) {
  for (int round = 0; round < 2; ++round) {
    DeadLetterWriter writer("s.t", round == 0 ? "first" : "second");
    stream::Record record;
    record.value = "{}";
    for (int64_t offset = 0; offset < 2500; ++offset) {
      if (round == 1 && offset % 2 == 0) continue;
      writer.add({input_, offset}, record, 17,
                 {0, stream::Stage::kDecode, stream::Reason::kMalformed, {}, "no"});
    }
    auto transaction = log_->begin("p.store.s.t").value();
    ASSERT_TRUE(transaction->append(dlq_, 0, writer.records()));
    ASSERT_TRUE(transaction->commit());
  }
  size_t letters = 0, again = 0, visits = 0;
  ASSERT_TRUE(visit_dead_letters(*log_, dlq_.spec.name, [&](auto some) -> Result<bool> {
    ++visits;
    EXPECT_LE(some.size(), 1000u);
    letters += some.size();
    for (const DeadLetter& letter : some) again += letter.pipeline_hash == "second" ? 1 : 0;
    return true;
  }));
  EXPECT_EQ(letters, 2500u);
  EXPECT_EQ(again, 1250u);
  EXPECT_EQ(visits, 3u);
  EXPECT_EQ(redrive({at(input_, 3000)}).moved, 2500);
  EXPECT_TRUE(read_dead_letters(*log_, dlq_.spec.name)->empty());
  const stream::TopicInfo retry = log_->topics().find("p.store.retry").value();
  auto reader = log_->reader(retry).value();
  ASSERT_TRUE(reader->seek(0, 0));
  stream::RecordBatch batch;
  int64_t next = 0;
  while (reader->poll(batch, {}, {}, std::chrono::milliseconds(0)).value()) {
    for (const auto& record : batch.records) EXPECT_EQ(retry_origin(record)->id.offset, next++);
    batch.clear();
  }
  EXPECT_EQ(next, 2500);
}

TEST_F(RedriveTest, WaitsUntilTheSinkHasPassedTheRecord) {
  reject({});
  EXPECT_EQ(redrive({at(input_, 5), at(input_, 9, "s.other")}).waiting, 1);
  EXPECT_EQ(redrive({at(input_, 6)}).moved, 1);
  EXPECT_EQ(redrive({at(input_, 6)}).matched, 0) << "moved once";
}

// Nobody reads its topic again, so nobody writes the record or its letter again.
TEST_F(RedriveTest, DoesNotWaitForATopicThatIsGone) {
  reject({});
  EXPECT_EQ(redrive({}).waiting, 1);
  ASSERT_TRUE(log_->topics().remove("in"));
  EXPECT_EQ(redrive({}).moved, 1);
}

// A store lane writes the letter before its position moves. Killed in between, it reads the record again from the
// retry topic: moving the letter there meanwhile would deliver the record twice.
TEST_F(RedriveTest, WaitsUntilTheSinkHasPassedTheRecordInTheRetryTopic) {
  reject(RetryPlace{0, 3});
  EXPECT_EQ(redrive({at(input_, 6)}).waiting, 1);
  EXPECT_EQ(redrive({at(input_, 6), at(retry_, 3)}).waiting, 1);
  EXPECT_EQ(redrive({at(input_, 6), at(retry_, 4, "s.other")}).waiting, 1);
  EXPECT_EQ(redrive({at(input_, 6), at(retry_, 4)}).moved, 1);
}

}  // namespace
}  // namespace leat::runtime
