// Topic to store, end to end, beside its two halves alone: reading and transforming with nothing behind, and writing
// what was transformed before. The three take turns on the same records; figures are medians over the rounds.
//   bench_pipeline_bench [RECORDS, default 300000]
// Goal: end to end at >= 0.6 x the rate of the slower half, on 2 cores.
#include <fmt/core.h>

#include <algorithm>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "components/sink_duckdb_store.h"
#include "io/clock.h"
#include "io/random.h"
#include "log/embedded_log.h"
#include "runtime/compile.h"
#include "runtime/lane.h"
#include "testing/temp_dir.h"

namespace leat {
namespace {

constexpr int kRounds = 5;
constexpr size_t kProduced = 5000;  // records of one transaction

template <typename T>
T need(Result<T> result) {
  if (!result) {
    fmt::print(stderr, "{}\n", result.error().to_string());
    std::exit(1);
  }
  return std::move(result).value();
}
void need(Result<void> result) {
  if (result) return;
  fmt::print(stderr, "{}\n", result.error().to_string());
  std::exit(1);
}

/// Keeps what it is given instead of delivering it.
class Keep final : public runtime::Delivery {
 public:
  explicit Keep(std::vector<std::pair<runtime::Outcome, stream::Progress>>* kept) : kept_(kept) {}
  Result<std::vector<stream::Progress>> open() override { return std::vector<stream::Progress>(); }
  Result<void> write(runtime::Outcome& outcome, stream::Progress& progress) override {
    if (kept_) {
      kept_->emplace_back(std::move(outcome), progress);
      outcome.decoded.reset();
    }
    return {};
  }

 private:
  std::vector<std::pair<runtime::Outcome, stream::Progress>>* kept_;
};

class Bench {
 public:
  explicit Bench(int64_t records) : records_(records) {
    log_ = need(log::EmbeddedLog::open(dir_ / "log", {}));
    store_ = need(components::DuckdbStore::open(dir_ / std::string(components::kDuckdbFile), {}));
    plan_.name = "store";
    plan_.source = runtime::TopicSource{.topic = "users", .from = {}, .schema = {}, .format = {}};
    plan_.steps = {
        {"SELECT id::UUID AS id, first_name, last_name, email, address, dob::TIMESTAMPTZ AS dob "
         "FROM input"}};
    plan_.rules = {{"email_shape", "email LIKE '%_@_%._%'", runtime::OnFail::kWarn}};
    for (const char* name : {"id", "first_name", "last_name", "email", "address", "dob"}) {
      schema_.fields.push_back({name, types::Kind::kVarchar, true});
    }
    engine_ = need(runtime::open_engine(plan_));
    stream::TopicSpec spec;
    spec.name = "users";
    topic_ = need(log_->topics().ensure(spec));
    spec.name = "bench.store.dlq";
    letters_ = need(log_->topics().ensure(spec));
    produce();
  }

  void run() {
    std::vector<double> read, write, both, ratios;
    for (int round = 0; round < kRounds; ++round) {
      std::vector<std::pair<runtime::Outcome, stream::Progress>> kept;
      read.push_back(lane_rate(std::make_unique<Keep>(nullptr), "discard"));
      lane_rate(std::make_unique<Keep>(&kept), "keep");
      write.push_back(write_rate(kept, fmt::format("half_{}", round)));
      kept.clear();
      const std::string table = fmt::format("whole_{}", round);
      both.push_back(lane_rate(delivery(table), "serving." + table));
      ratios.push_back(both.back() / std::min(read.back(), write.back()));
    }
    const double ratio = median(ratios);
    fmt::print("{} records, {} rounds\n", records_, kRounds);
    fmt::print("read and transform alone   {:>9.0f} records/s\n", median(read));
    fmt::print("write alone                {:>9.0f} records/s\n", median(write));
    fmt::print("topic to store             {:>9.0f} records/s\n", median(both));
    fmt::print(
        "goal: topic to store | {:.0f} records/s | {:.0f} slower half | {:.2f} x | >= 0.60 x | "
        "{}\n",
        median(both), std::min(median(read), median(write)), ratio,
        ratio >= 0.6 ? "met" : "not met");
  }

 private:
  static double median(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    return values[values.size() / 2];
  }
  double rate_since(int64_t start_ns) const {
    return static_cast<double>(records_) * 1e9 /
           static_cast<double>(io::system_clock().steady_ns() - start_ns);
  }

  void produce() {
    io::Random random(7);
    for (int64_t at = 0; at < records_; at += kProduced) {
      std::vector<std::string> values;
      for (size_t i = 0; i < kProduced; ++i) {
        values.push_back(fmt::format(
            R"({{"id":"{:08x}-0000-4000-8000-{:012x}","first_name":"First{}","last_name":"Last{}","email":"user{}@example.com",)"
            R"("address":"{} Long Street, Town, Country","dob":"19{:02}-07-15T10:11:12.123Z"}})",
            random.below(1 << 30), at + static_cast<int64_t>(i), i, i, i, i, 10 + i % 90));
      }
      std::vector<stream::OutRecord> records(kProduced);
      for (size_t i = 0; i < kProduced; ++i) records[i].value = values[i];
      auto transaction = need(log_->begin("producer"));
      need(transaction->append(topic_, 0, records));
      need(transaction->commit());
    }
  }

  std::unique_ptr<runtime::Delivery> delivery(const std::string& table) {
    auto query = need(runtime::compile(*engine_->engine, plan_, schema_));
    stream::SinkTable sink;
    sink.project = "bench", sink.pipeline = "store", sink.sink = "serving." + table,
    sink.table = table;
    sink.schema = query->output();
    sink.key = {"id"};
    return runtime::make_store_delivery(*log_, {"bench", "store", sink.sink}, {letters_, "hash"},
                                        need(store_->make_sink("serving", sink)));
  }

  /// The rate of a whole lane, its three threads, until the topic is drained.
  double lane_rate(std::unique_ptr<runtime::Delivery> delivery, const std::string& sink) {
    auto query = need(runtime::compile(*engine_->engine, plan_, schema_));
    auto decoder = need(runtime::make_decoder(plan_, *query, schema_));
    auto transformer = std::make_unique<runtime::Transformer>(
        plan_, std::move(query), std::move(decoder), std::vector<runtime::TopicTarget>(), true);
    need(delivery->open());
    runtime::LaneOptions options;
    options.name = {"bench", "store", sink};
    options.pipeline_hash = "hash";
    options.rules = {"email_shape"};
    runtime::LaneMetrics metrics(registry_, "store", sink, options.rules);
    auto input = need(runtime::make_topic_input(*log_, topic_, {}, plan_.batch, ""));
    runtime::Lane lane(options, io::system_clock(), std::move(input), std::move(transformer),
                       std::move(delivery), {}, metrics);
    lane.drain();
    const auto keeper = maintain();
    const int64_t start = io::system_clock().steady_ns();
    need(lane.run({}));
    return rate_since(start);
  }

  double write_rate(std::vector<std::pair<runtime::Outcome, stream::Progress>>& kept,
                    const std::string& table) {
    auto target = delivery(table);
    need(target->open());
    const auto keeper = maintain();
    const int64_t start = io::system_clock().steady_ns();
    for (auto& [outcome, progress] : kept) {
      progress.sink = "serving." + table;
      need(target->write(outcome, progress));
    }
    return rate_since(start);
  }

  /// Folds and checkpoints beside, as in a run.
  std::jthread maintain() {
    return std::jthread([this](std::stop_token stop) {
      while (io::system_clock().sleep_ms(200, stop)) {
        while (need(store_->maintain()) && !stop.stop_requested()) {
        }
      }
    });
  }

  const int64_t records_;
  testing::TempDir dir_;
  std::unique_ptr<log::EmbeddedLog> log_;
  std::shared_ptr<components::DuckdbStore> store_;
  runtime::PipelinePlan plan_;
  types::Schema schema_;
  std::unique_ptr<runtime::LoadedEngine> engine_;
  stream::TopicInfo topic_, letters_;
  metrics::Registry registry_;
};

}  // namespace
}  // namespace leat

int main(int argc, char** argv) { leat::Bench(argc > 1 ? std::atoll(argv[1]) : 300'000).run(); }
