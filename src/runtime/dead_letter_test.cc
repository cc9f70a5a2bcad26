#include "runtime/dead_letter.h"

#include <gtest/gtest.h>

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
