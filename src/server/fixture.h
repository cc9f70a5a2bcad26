// What the API's tests share: a project of two pipelines, a log in memory, and short ways to ask.
// Tests only.
//
//   users_capture   generate -> topic users_created
//   users_store     topic users_created -> serving.users (keyed), serving.events (append)
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "config/spec.h"
#include "log/embedded_log.h"
#include "server/backend.h"
#include "stream/registry.h"
#include "testing/manual_clock.h"
#include "testing/temp_dir.h"

namespace leat::server {

/// A store that only remembers what its sinks were told.
struct FakeStore {
  std::vector<stream::Progress> rows;  // as reset() left them
  int truncated = 0;

  struct Sink final : stream::Sink {
    Sink(FakeStore& s, std::string n) : store(s), name(std::move(n)) {}
    Result<std::vector<stream::Progress>> open() override { return store.rows; }
    Result<std::vector<stream::RefusedRow>> write(const stream::SinkBatch&) override {
      return std::vector<stream::RefusedRow>();
    }
    Result<std::string> ddl() const override { return std::string(); }
    Result<void> reset(std::span<const stream::Progress> moved, bool truncate) override {
      for (const auto& row : moved) {
        std::erase_if(store.rows,
                      [&](auto& old) { return old.sink == row.sink && old.input == row.input; });
        store.rows.push_back(row);
      }
      store.truncated += truncate;
      return {};
    }
    FakeStore& store;
    std::string name;
  };
  struct Store final : stream::Store {
    explicit Store(FakeStore& s) : store(s) {}
    Result<std::unique_ptr<stream::Sink>> make_sink(const stream::SinkTable& table) override {
      return std::unique_ptr<stream::Sink>(std::make_unique<Sink>(store, table.sink));
    }
    Result<std::vector<stream::Progress>> progress(const std::string&) override {
      return std::vector<stream::Progress>();
    }
    Result<bool> maintain() override { return false; }
    FakeStore& store;
  };
};

class ApiTest : public ::testing::Test {
 protected:
  void SetUp() override {
    log::Options options;
    options.in_memory = true;
    options.clock = &clock_;
    auto opened = log::EmbeddedLog::open("", options);
    ASSERT_TRUE(opened) << opened.error().to_string();
    log_ = std::move(opened).value();
    make_plan();
    stream::StoreType type;
    type.name = "duckdb";
    type.embedded = true;
    type.spec = &spec_;
    type.open = [this](const config::Node&,
                       const stream::StoreContext&) -> Result<std::unique_ptr<stream::Store>> {
      return std::unique_ptr<stream::Store>(std::make_unique<FakeStore::Store>(store_));
    };
    components_.add(std::move(type));
    stores_ = std::make_unique<runtime::StoreSet>(plan_, components_, stream::StoreContext{});
    services_ = std::make_unique<runtime::Services>(
        runtime::Services{clock_, *log_, components_, *stores_, metrics_, environment_});
    backend_.plan = &plan_;
    backend_.clock = &clock_;
    backend_.data_dir = temp_.path();
    backend_.log = log_.get();
    backend_.services = services_.get();
    backend_.metrics = &metrics_;
    backend_.store.progress = [this](const std::string&, const std::string& pipeline) {
      auto rows = store_.rows;
      std::erase_if(rows, [&](const stream::Progress& row) { return row.pipeline != pipeline; });
      return Result<std::vector<stream::Progress>>(std::move(rows));
    };
    add_all(api_, backend_);
  }

  void make_plan() {
    plan_.project = "users";
    plan_.profile = "local";
    runtime::PipelinePlan capture;
    capture.name = "users_capture";
    capture.source = runtime::ComponentSource{"generate", {}};
    runtime::SinkPlan topic;
    topic.kind = runtime::SinkPlan::Kind::kTopic;
    topic.id = topic.topic = "users_created";
    capture.sinks = {topic};
    runtime::PipelinePlan store;
    store.name = "users_store";
    store.source = runtime::TopicSource{"users_created", {}, nullptr, {}};
    types::Schema schema;
    schema.fields = {{"id", types::Kind::kInt64, true, {}},
                     {"name", types::Kind::kVarchar, false, {}}};
    store.input_schema = schema;
    for (const char* table : {"users", "events"}) {
      runtime::SinkPlan sink;
      sink.kind = runtime::SinkPlan::Kind::kStore;
      sink.store = "serving";
      sink.table = table;
      sink.id = std::string("serving.") + table;
      sink.upsert = sink.table == "users";
      if (sink.upsert) sink.key = {"id"};
      store.sinks.push_back(sink);
    }
    plan_.pipelines = {capture, store};
  }

  stream::TopicInfo topic(const std::string& name, int32_t partitions = 1) {
    stream::TopicSpec spec;
    spec.name = name;
    spec.partitions = partitions;
    return log_->topics().ensure(spec).value();
  }
  void append(const stream::TopicInfo& to, int32_t partition,
              const std::vector<std::string>& values, std::string_view key = {}) {
    std::vector<stream::OutRecord> records(values.size());
    for (size_t i = 0; i < values.size(); ++i) {
      records[i].value = values[i];
      if (!key.empty()) records[i].key = key;
    }
    auto transaction = log_->begin("test").value();
    ASSERT_TRUE(transaction->append(to, partition, records));
    ASSERT_TRUE(transaction->commit());
  }
  stream::Progress row(const std::string& pipeline, const std::string& sink,
                       const stream::TopicInfo& input, int32_t partition, int64_t next) {
    stream::Progress progress;
    progress.project = "users";
    progress.pipeline = pipeline;
    progress.sink = sink;
    progress.input = {input.spec.name, input.id, partition};
    progress.next = next;
    progress.v_prev = 5'000'000'000'000'000;
    progress.pipeline_hash = "hash";
    progress.ledger.in = progress.ledger.delivered = next;
    return progress;
  }
  void commit(const stream::Progress& progress) {
    auto transaction = log_->begin("test").value();
    ASSERT_TRUE(transaction->put_progress(progress));
    auto done = transaction->commit();
    ASSERT_TRUE(done) << done.error().to_string();
  }

  net::Response call(const std::string& method, const std::string& target,
                     const std::string& body = {}) {
    return api_.router().call(method, target, body);
  }
  /// The answer's JSON; the status is checked.
  Json ask(const std::string& method, const std::string& target, const Json& body = nullptr,
           int status = 200) {
    net::Response response = call(method, target, body.is_null() ? "" : dump(body));
    EXPECT_EQ(response.status, status) << method << " " << target << ": " << response.body;
    return Json::parse(response.body, nullptr, false);
  }
  /// The lines of a streamed answer.
  std::vector<std::string> lines(const std::string& target) {
    struct Collector final : net::StreamWriter {
      std::string text;
      Result<void> write(std::string_view bytes) override {
        text += bytes;
        return {};
      }
    } collector;
    net::Response response = call("GET", target);
    EXPECT_EQ(response.status, 200) << response.body;
    if (!response.stream) return {};
    auto done = response.stream(collector, {});
    EXPECT_TRUE(done) << done.error().to_string();
    std::vector<std::string> out;
    for (size_t at = 0; at < collector.text.size();) {
      size_t end = collector.text.find('\n', at);
      out.push_back(collector.text.substr(at, end - at));
      at = end + 1;
    }
    return out;
  }

  struct NoKeys {};
  const config::Spec<NoKeys> spec_{"duckdb", "A store that forgets."};
  testing::TempDir temp_;
  testing::ManualClock clock_;
  metrics::Registry metrics_;
  stream::Registry components_;
  config::Environment environment_;
  runtime::ProjectPlan plan_;
  FakeStore store_;
  std::unique_ptr<log::EmbeddedLog> log_;
  std::unique_ptr<runtime::StoreSet> stores_;
  std::unique_ptr<runtime::Services> services_;
  Backend backend_;
  Api api_;
};

}  // namespace leat::server
