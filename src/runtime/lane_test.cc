// A whole lane on a log in memory: topic -> SQL and rules -> topic, stepped by hand in any order, dropped
// between steps as a kill would, and started again from what was committed.
#include "runtime/lane.h"

#include <gtest/gtest.h>

#include <thread>

#include "log/embedded_log.h"
#include "runtime/compile.h"
#include "testing/manual_clock.h"

namespace leat::runtime {
namespace {

using std::chrono::milliseconds;

class LaneTest : public ::testing::Test {
 protected:
  void SetUp() override {
    log::Options options;
    options.in_memory = true;
    options.clock = &clock_;
    log_ = log::EmbeddedLog::open("", options).value();
    in_ = topic("in"), out_ = topic("out"), dlq_ = topic("p.lines.dlq");
    plan_.name = "lines";
    plan_.source = TopicSource{"in", {}, nullptr, {}};
    plan_.steps = {{"SELECT k, n::INTEGER AS n FROM input WHERE k <> 'skip'"}};
    plan_.rules = {{"positive", "n > 0", OnFail::kQuarantine}, {"small", "n < 100", OnFail::kDrop}};
    SinkPlan sink;
    sink.kind = SinkPlan::Kind::kTopic;
    sink.id = sink.topic = "out";
    sink.key = {"k"};
    plan_.sinks = {sink};
    schema_.fields = {{"k", types::Kind::kVarchar, true}, {"n", types::Kind::kVarchar}};
    engine_ = open_engine(plan_).value();
    metrics_ = std::make_unique<LaneMetrics>(registry_, "lines", "out",
                                             std::vector<std::string>{"positive", "small"});
  }

  stream::TopicInfo topic(const std::string& name) {
    stream::TopicSpec spec;
    spec.name = name;
    return log_->topics().ensure(spec).value();
  }

  void produce(std::vector<std::string> values) {
    std::vector<stream::OutRecord> records(values.size());
    for (size_t i = 0; i < values.size(); ++i) records[i].value = values[i];
    auto transaction = log_->begin("producer").value();
    ASSERT_TRUE(transaction->append(in_, 0, records));
    ASSERT_TRUE(transaction->commit());
  }

  std::unique_ptr<Lane> make_lane(size_t batch_records = 2) {
    auto query = compile(*engine_->engine, plan_, schema_).value();
    std::vector<TopicTarget> targets(1);
    targets[0].topic = out_;
    targets[0].encoder = make_encoder(query->output(), plan_.sinks[0]).value();
    auto decoder = make_decoder(plan_, *query, schema_).value();
    auto transformer = std::make_unique<Transformer>(plan_, std::move(query), std::move(decoder),
                                                     std::move(targets), false);
    LaneName name{"p", "lines", "out"};
    auto delivery = make_topic_delivery(*log_, name, {dlq_, "hash"}, {{out_, schema_header_}});
    ProgressMap committed;
    StartPositions positions;
    auto rows = delivery->open().value();
    for (auto& row : rows)
      committed[row.input] = row, positions[row.input] = {row.next, row.v_prev};
    auto input = make_topic_input(*log_, in_, positions, {batch_records, 1 << 20}, "").value();
    LaneOptions options;
    options.name = name;
    options.pipeline_hash = "hash";
    options.rules = {"positive", "small"};
    options.input = schema_;
    options.gather = gather_;
    return std::make_unique<Lane>(options, clock_, std::move(input), std::move(transformer),
                                  std::move(delivery), std::move(committed), *metrics_);
  }

  /// Of the records written: names and values of the headers.
  std::vector<std::string> headers_out() {
    std::vector<std::string> headers;
    auto reader = log_->reader(out_).value();
    EXPECT_TRUE(reader->seek(0, 0));
    stream::RecordBatch batch;
    while (reader->poll(batch, {}, {}, milliseconds(0)).value()) {
      for (auto& record : batch.records) {
        std::string& all = headers.emplace_back();
        for (auto& [name, value] : record.headers) all += fmt::format("{}={};", name, value);
      }
      batch.clear();
    }
    return headers;
  }

  std::vector<std::string> read_out() {
    std::vector<std::string> values;
    auto reader = log_->reader(out_).value();
    EXPECT_TRUE(reader->seek(0, 0));
    stream::RecordBatch batch;
    while (reader->poll(batch, {}, {}, milliseconds(0)).value()) {
      for (auto& record : batch.records) values.emplace_back(record.value.value_or(""));
      batch.clear();
    }
    return values;
  }

  void finish(Lane& lane) {
    lane.drain();
    while (!lane.ended()) {
      auto read = lane.step_read({}, milliseconds(0)).value();
      if (!read) continue;
      ASSERT_TRUE(lane.step_transform({}).value());
      ASSERT_TRUE(lane.step_write({}).value());
    }
  }

  std::string schema_header_;
  testing::ManualClock clock_{testing::ManualClock::Sleep::kWaits};
  std::unique_ptr<log::EmbeddedLog> log_;
  stream::TopicInfo in_, out_, dlq_;
  PipelinePlan plan_;
  types::Schema schema_;
  std::unique_ptr<LoadedEngine> engine_;
  metrics::Registry registry_;
  std::unique_ptr<LaneMetrics> metrics_;
  size_t gather_ = 0;
};

const std::vector<std::string> kRecords = {R"({"k":"a","n":"1"})",    R"({"k":"b","n":"x"})",
                                           R"({"k":"skip","n":"1"})", R"({"k":"c","n":"-1"})",
                                           R"({"k":"d","n":"500"})",  R"({"n":"1"})",
                                           R"({"k":"e","n":"2"})"};
const std::vector<std::string> kRows = {R"({"k":"a","n":1})", R"({"k":"e","n":2})"};

TEST_F(LaneTest, EveryRecordHasOneFateAndTheLedgerBalances) {
  produce(kRecords);
  auto lane = make_lane();
  finish(*lane);
  EXPECT_EQ(read_out(), kRows);
  LaneSnapshot snapshot = lane->snapshot();
  EXPECT_EQ(snapshot.ledger.in, 7);
  EXPECT_EQ(snapshot.ledger.delivered, 2);
  EXPECT_EQ(snapshot.ledger.rejected, 3);  // b: cast, c: rule positive, the one without k: missing
  EXPECT_EQ(snapshot.ledger.dropped, 1);   // d
  EXPECT_EQ(snapshot.ledger.filtered, 1);  // skip
  EXPECT_TRUE(snapshot.ledger.balanced());
  EXPECT_EQ(snapshot.in_flight, 0);
  EXPECT_EQ(snapshot.rule_hits,
            (std::vector<std::pair<std::string, int64_t>>{{"positive", 1}, {"small", 1}}));
  auto letters = read_dead_letters(*log_, dlq_.spec.name).value();
  ASSERT_EQ(letters.size(), 3u);
  EXPECT_EQ(letters[0].reason, stream::Reason::kExpressionFailed);
  EXPECT_EQ(letters[1].rule, "positive");
  EXPECT_EQ(letters[2].reason, stream::Reason::kMissingField);
  EXPECT_EQ(letters[2].id.offset, 5);
}

TEST_F(LaneTest, TheHeaderOfASchemaIsWrittenAndDoesNotDisplaceACarriedVersion) {
  schema_header_ = "id";
  const std::string version = std::to_string(1'700'000'000'000'000);
  const stream::Header carried{"leat-version", version};
  std::vector<stream::OutRecord> records(2);
  records[0].value = R"({"k":"a","n":"1"})";
  records[1].value = R"({"k":"b","n":"2"})", records[1].headers = {&carried, 1};
  auto transaction = log_->begin("producer").value();
  ASSERT_TRUE(transaction->append(in_, 0, records));
  ASSERT_TRUE(transaction->commit());
  finish(*make_lane());
  EXPECT_EQ(headers_out(),
            (std::vector<std::string>{"__value_schema_id=id;",
                                      "leat-version=" + version + ";__value_schema_id=id;"}));
}

TEST_F(LaneTest, ABatchThatMakesTooMuchForOneTransactionIsDeliveredInHalves) {
  plan_.rules.clear();
  plan_.steps = {{"SELECT k, unnest(range(40000)) AS n, repeat('x', 1300) AS pad FROM input"}};
  produce({R"({"k":"a"})", R"({"k":"b"})"});
  auto lane = make_lane();
  ASSERT_TRUE(lane->step_read({}, milliseconds(0)).value());
  // The first half fills the queue: the second waits for its delivery.
  std::jthread transform([&] { EXPECT_TRUE(lane->step_transform({}).value()); });
  ASSERT_TRUE(lane->step_write({}).value());
  EXPECT_EQ(lane->snapshot().ledger.in, 1);
  EXPECT_EQ(lane->snapshot().progress.front().next, 1);
  ASSERT_TRUE(lane->step_write({}).value());
  transform.join();
  EXPECT_EQ(lane->snapshot().ledger.in, 2);
  EXPECT_EQ(lane->snapshot().in_flight, 0);
  EXPECT_EQ(log_->topics().bounds(out_, 0)->end, 80'000);
}

// What frames a row in the log is more than the row itself here.
TEST_F(LaneTest, ManySmallRowsAreDeliveredInHalves) {
  plan_.rules.clear();
  plan_.steps = {{"SELECT k, unnest(range(100000)) AS n FROM input"}};
  std::vector<std::string> records(40, R"({"k":"a"})");
  produce(records);
  auto lane = make_lane(40);
  std::jthread write([&] {
    for (int64_t in = 0; in < 40; in = lane->snapshot().ledger.in)
      ASSERT_TRUE(lane->step_write({}).value());
  });
  ASSERT_TRUE(lane->step_read({}, milliseconds(0)).value());
  ASSERT_TRUE(lane->step_transform({}).value());
  write.join();
  EXPECT_EQ(log_->topics().bounds(out_, 0)->end, 4'000'000);
  EXPECT_GT(log_->progress("p", "lines").value().at(0).next, 0);
}

TEST_F(LaneTest, ARecordThatAloneMakesTooMuchIsRejected) {
  plan_.rules.clear();
  plan_.steps = {{"SELECT k, unnest(range(n::INTEGER)) AS n, repeat('x', 1300) AS pad FROM input"}};
  produce({R"({"k":"a","n":"60000"})", R"({"k":"b","n":"3"})"});
  auto lane = make_lane();
  finish(*lane);
  auto letters = read_dead_letters(*log_, dlq_.spec.name).value();
  ASSERT_EQ(letters.size(), 1u);
  EXPECT_EQ(letters[0].reason, stream::Reason::kTooLarge);
  EXPECT_EQ(log_->topics().bounds(out_, 0)->end, 3);
}

TEST_F(LaneTest, TheAgeOfAnAppendedRecordAtItsCommitIsMeasured) {
  produce(kRecords);
  auto lane = make_lane();
  lane->drain();
  ASSERT_TRUE(lane->step_read({}, milliseconds(0)).value());
  clock_.advance_ms(700);
  ASSERT_TRUE(lane->step_transform({}).value());
  ASSERT_TRUE(lane->step_write({}).value());
  const auto ages = registry_.histogram("leat_append_to_commit_seconds", "", {"pipeline", "sink"})
                        .with({"lines", "out"})
                        .snapshot();
  EXPECT_EQ(ages.count, 1u);
  EXPECT_NEAR(ages.sum_seconds, 0.7, 0.001);
}

TEST_F(LaneTest, LessThanABatchGathersWhileAnotherIsOnItsWay) {
  gather_ = 2;
  auto lane = make_lane();
  const auto read = [&] { return lane->step_read({}, milliseconds(0)).value(); };
  produce({kRecords[0]});
  EXPECT_TRUE(read());  // nothing is on its way: at once
  produce({kRecords[6]});
  EXPECT_FALSE(read());
  EXPECT_EQ(lane->snapshot().waiting, 1);
  EXPECT_EQ(lane->snapshot().in_flight, 1);
  ASSERT_TRUE(lane->step_transform({}).value());
  EXPECT_FALSE(read());
  ASSERT_TRUE(lane->step_write({}).value());
  EXPECT_TRUE(read());
  produce({kRecords[2], kRecords[2]});  // a whole batch
  EXPECT_TRUE(read());
  EXPECT_EQ(lane->snapshot().in_flight, 3);
  for (int batch = 0; batch < 2; ++batch) {
    ASSERT_TRUE(lane->step_transform({}).value());
    ASSERT_TRUE(lane->step_write({}).value());
  }
  EXPECT_EQ(read_out(), kRows);
}

TEST_F(LaneTest, DroppedBetweenAnyTwoStepsNothingIsLostOrDoubled) {
  produce(kRecords);
  for (int steps = 0; steps < 3; ++steps) {
    auto lane = make_lane();
    if (steps > 0) {
      ASSERT_TRUE(lane->step_read({}, milliseconds(0)).value());
    }
    if (steps > 1) {
      ASSERT_TRUE(lane->step_transform({}).value());
    }
    // The lane is gone with what it had read: as after a kill.
  }
  auto lane = make_lane();
  ASSERT_TRUE(lane->step_read({}, milliseconds(0)).value());
  ASSERT_TRUE(lane->step_transform({}).value());
  ASSERT_TRUE(lane->step_write({}).value());  // two records are committed
  lane = make_lane();
  EXPECT_EQ(lane->snapshot().ledger.in, 2);
  finish(*lane);
  EXPECT_EQ(read_out(), kRows);
  EXPECT_EQ(lane->snapshot().ledger.in, 7);
  EXPECT_EQ(read_dead_letters(*log_, dlq_.spec.name)->size(), 3u);
}

TEST_F(LaneTest, ASecondLaneThatWakesUpLateIsFenced) {
  produce(kRecords);
  auto zombie = make_lane();
  ASSERT_TRUE(zombie->step_read({}, milliseconds(0)).value());
  ASSERT_TRUE(zombie->step_transform({}).value());
  auto lane = make_lane();
  finish(*lane);
  auto late = zombie->step_write({});
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code(), ErrorCode::kConflict);
  EXPECT_EQ(read_out(), kRows);
}

TEST_F(LaneTest, ARuleThatFailsThePipelineCommitsNothingOfItsBatch) {
  plan_.rules[0].on_fail = OnFail::kFail;
  produce({kRecords[0], kRecords[3]});
  auto lane = make_lane();
  ASSERT_TRUE(lane->step_read({}, milliseconds(0)).value());
  auto failed = lane->step_transform({});
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code(), ErrorCode::kRuleFailed);
  EXPECT_EQ(failed.error().retry(), Retry::kNever);
  EXPECT_NE(failed.error().message().find("in[0]@1"), std::string::npos)
      << failed.error().message();
  EXPECT_TRUE(read_out().empty());
}

TEST_F(LaneTest, RunsToTheEndOfADrainOnItsThreads) {
  std::vector<std::string> many;
  for (int i = 0; i < 500; ++i)
    many.push_back(fmt::format(R"({{"k":"k{}","n":"{}"}})", i, i % 50 + 1));
  produce(many);
  auto lane = make_lane();
  lane->drain();
  ASSERT_TRUE(lane->run({}));
  EXPECT_EQ(lane->snapshot().state, LaneState::kEnded);
  EXPECT_EQ(lane->snapshot().ledger.delivered, 500);
  EXPECT_EQ(read_out().size(), 500u);
}

TEST_F(LaneTest, AStopWhileABatchWaitsForRoomLeavesItToTheNextStart) {
  produce(std::vector<std::string>(20, R"({"k":"a","n":"1"})"));
  auto lane = make_lane();
  std::stop_source stop;
  {
    std::jthread read([&] {
      while (lane->step_read(stop.get_token(), milliseconds(0)).value()) {
      }
    });
    // Nobody takes batches out: one more than there is room for has been read.
    while (lane->snapshot().in_flight < 6) std::this_thread::yield();
    stop.request_stop();
  }
  ASSERT_TRUE(lane->run(stop.get_token()));
  EXPECT_EQ(read_out().size(), 4u);
  lane = make_lane();
  finish(*lane);
  EXPECT_EQ(read_out().size(), 20u);
  EXPECT_EQ(lane->snapshot().ledger.in, 20);
}

TEST_F(LaneTest, AStopDeliversWhatWasRead) {
  produce(kRecords);
  auto lane = make_lane();
  ASSERT_TRUE(lane->step_read({}, milliseconds(0)).value());
  std::stop_source stop;
  stop.request_stop();
  ASSERT_TRUE(lane->run(stop.get_token()));
  EXPECT_EQ(lane->snapshot().state, LaneState::kStopped);
  EXPECT_EQ(lane->snapshot().ledger.in, 2);
  EXPECT_EQ(lane->snapshot().in_flight, 0);
}

}  // namespace
}  // namespace leat::runtime
