// The registry in a topic: restarts, who owns it, commits of unknown fate. On the embedded log, which fences nobody between
// transactions: what a write sees by itself. tests/e2e/test_schemas_topic.py has Kafka.
#include "log/topic_schema_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <utility>

#include "log/embedded_log.h"
#include "schema/registry_fixture.h"
#include "testing/result.h"

namespace leat::log {
namespace {

using schema::Registry;
using schema::words;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// A log whose next commits fail, before or after they have happened.
class FailingLog final : public stream::Log {
 public:
  explicit FailingLog(stream::Log& log) : log_(log) {}
  stream::TopicAdmin& topics() override { return log_.topics(); }
  Result<std::unique_ptr<stream::TopicReader>> reader(const stream::TopicInfo& topic) override {
    ASSIGN(auto inner, log_.reader(topic));
    return std::unique_ptr<stream::TopicReader>(std::make_unique<Reader>(*this, std::move(inner)));
  }
  Result<std::unique_ptr<stream::Membership>> join(const std::string& group,
                                                   const stream::TopicInfo& topic) override {
    return log_.join(group, topic);
  }
  Result<std::unique_ptr<stream::LogTransaction>> begin(const std::string& owner) override {
    ASSIGN(auto inner, log_.begin(owner));
    return std::unique_ptr<stream::LogTransaction>(
        std::make_unique<Transaction>(*this, std::move(inner)));
  }
  Result<std::vector<stream::Progress>> progress(const std::string& project,
                                                 const std::string& pipeline) override {
    return log_.progress(project, pipeline);
  }
  Result<std::optional<std::string>> state(std::string_view key) override {
    return log_.state(key);
  }
  Result<std::vector<std::pair<std::string, std::string>>> states(
      std::string_view prefix) override {
    return log_.states(prefix);
  }

  int fail_before = 0, fail_after = 0;
  std::function<void()> before_poll;  // once, when the end of the topic is known already
  stream::Log& log_;

 private:
  class Reader final : public stream::TopicReader {
   public:
    Reader(FailingLog& log, std::unique_ptr<stream::TopicReader> inner)
        : log_(log), inner_(std::move(inner)) {}
    Result<void> seek(int32_t partition, int64_t offset) override {
      return inner_->seek(partition, offset);
    }
    Result<bool> poll(stream::RecordBatch& out, const stream::ReadLimits& limits,
                      std::stop_token stop, std::chrono::milliseconds timeout) override {
      if (auto hook = std::exchange(log_.before_poll, {})) hook();
      return inner_->poll(out, limits, stop, timeout);
    }
    Result<stream::PartitionBounds> bounds(int32_t partition) override {
      return inner_->bounds(partition);
    }
    int64_t end_seen(int32_t partition) override { return inner_->end_seen(partition); }

   private:
    FailingLog& log_;
    std::unique_ptr<stream::TopicReader> inner_;
  };
  class Transaction final : public stream::LogTransaction {
   public:
    Transaction(FailingLog& log, std::unique_ptr<stream::LogTransaction> inner)
        : log_(log), inner_(std::move(inner)) {}
    Result<void> append(const stream::TopicInfo& topic, int32_t partition,
                        std::span<const stream::OutRecord> records) override {
      return inner_->append(topic, partition, records);
    }
    Result<void> put_progress(const stream::Progress& progress) override {
      return inner_->put_progress(progress);
    }
    Result<void> put_state(std::string_view key, std::optional<std::string_view> value) override {
      return inner_->put_state(key, value);
    }
    Result<void> commit() override {
      if (log_.fail_before > 0 && log_.fail_before-- > 0) return lost();
      TRY(inner_->commit());
      if (log_.fail_after > 0 && log_.fail_after-- > 0) return lost();
      return {};
    }

   private:
    static Error lost() {
      return Error(ErrorCode::kUnavailable, "no answer").with_retry(Retry::kReconnect);
    }
    FailingLog& log_;
    std::unique_ptr<stream::LogTransaction> inner_;
  };
};

class TopicSchemaStoreTest : public ::testing::Test {
 protected:
  TopicSchemaStoreTest() {
    Options options;
    options.in_memory = true;
    embedded_ = EmbeddedLog::open("", options).value();
    log_ = std::make_unique<FailingLog>(*embedded_);
  }
  /// A process with the registry.
  struct Process {
    explicit Process(stream::Log& log) : store(log, "_schemas", {}) {
      registry = Registry::open(store, schema::parse_words).value();
    }
    int32_t add(const std::string& subject, const std::string& text) {
      auto added = registry->add(schema::named(subject), words(text));
      EXPECT_TRUE(added) << added.error().to_string();
      return added ? added->id : 0;
    }
    std::string refused(const std::string& subject, const std::string& text) {
      auto added = registry->add(schema::named(subject), words(text));
      return added ? "added" : added.error().message();
    }
    TopicSchemaStore store;
    std::unique_ptr<Registry> registry;
  };
  size_t records() {
    auto topic = embedded_->topics().find("_schemas").value();
    return static_cast<size_t>(embedded_->topics().bounds(topic, 0).value().end);
  }
  /// As somebody else does.
  void write(std::string_view key, std::optional<std::string_view> value) {
    auto topic = embedded_->topics().find("_schemas").value();
    stream::OutRecord record;
    record.key = key;
    record.value = value;
    auto transaction = embedded_->begin("somebody").value();
    EXPECT_OK(transaction->append(topic, 0, {&record, 1}));
    EXPECT_OK(transaction->commit());
  }

  std::unique_ptr<EmbeddedLog> embedded_;
  std::unique_ptr<FailingLog> log_;
};

TEST_F(TopicSchemaStoreTest, IsThereAgainAfterARestart) {
  {
    Process first(*log_);
    EXPECT_EQ(first.add("a", "x"), 1);
    EXPECT_EQ(first.add("b", "y"), 2);
  }
  Process second(*log_);
  EXPECT_THAT(second.registry->subjects(":*:", schema::Which::kLive), ElementsAre("a", "b"));
  EXPECT_EQ(second.add("c", "z"), 3);
}

TEST_F(TopicSchemaStoreTest, WhoWasReplacedWritesNoMore) {
  Process first(*log_);
  EXPECT_EQ(first.add("a", "x"), 1);
  Process second(*log_);  // writes no schema yet
  const size_t before = records();
  EXPECT_THAT(first.refused("b", "y"), HasSubstr("another process keeps the schema registry"));
  EXPECT_THAT(first.refused("b", "y"), HasSubstr("another process"));
  EXPECT_EQ(records(), before);
  EXPECT_EQ(second.add("b", "z"), 2);
}

TEST_F(TopicSchemaStoreTest, WhatIsWrittenWhileAStartReadsIsRead) {
  Process first(*log_);
  EXPECT_EQ(first.add("a", "x"), 1);
  log_->before_poll = [&] { EXPECT_EQ(first.add("b", "y"), 2); };
  Process second(*log_);
  EXPECT_THAT(second.registry->subjects(":*:", schema::Which::kLive), ElementsAre("a", "b"));
  EXPECT_EQ(second.add("c", "z"), 3);
}

TEST_F(TopicSchemaStoreTest, ATopicThatWasMadeAnewIsNotWritten) {
  Process first(*log_);
  EXPECT_EQ(first.add("a", "x"), 1);
  EXPECT_OK(embedded_->topics().remove("_schemas"));
  stream::TopicSpec spec;
  spec.name = "_schemas";
  spec.retention_ms = -1;
  spec.compact = true;
  EXPECT_OK(embedded_->topics().ensure(spec));
  EXPECT_THAT(first.refused("b", "y"), HasSubstr("was deleted and made anew"));
  EXPECT_EQ(records(), 0u);
}

TEST_F(TopicSchemaStoreTest, ACommitOfUnknownFateIsLookedFor) {
  Process process(*log_);
  EXPECT_EQ(process.add("a", "x"), 1);
  const size_t before = records();
  log_->fail_after = 1;
  EXPECT_EQ(process.add("b", "y"), 2);
  EXPECT_EQ(records(), before + 2);
  log_->fail_before = 1;
  EXPECT_EQ(process.add("c", "z"), 3);
  EXPECT_EQ(records(), before + 4);
  EXPECT_EQ(process.add("d", "w"), 4);
  Process again(*log_);
  EXPECT_THAT(again.registry->subjects(":*:", schema::Which::kLive),
              ElementsAre("a", "b", "c", "d"));
}

TEST_F(TopicSchemaStoreTest, WhatOthersWriteWithoutAChangeIsNoTakeover) {
  Process process(*log_);
  EXPECT_EQ(process.add("a", "x"), 1);
  write(R"({"keytype":"NOOP","magic":0})", std::nullopt);
  EXPECT_EQ(process.add("b", "y"), 2);
  write(R"({"keytype":"CONFIG","subject":null,"magic":0})", R"({"compatibilityLevel":"NONE"})");
  EXPECT_THAT(process.refused("c", "z"), HasSubstr("another process"));
}

TEST_F(TopicSchemaStoreTest, AStopEndsTheStart) {
  { Process(*log_).add("a", "x"); }
  std::stop_source stop;
  stop.request_stop();
  TopicSchemaStore store(*log_, "_schemas", stop.get_token());
  auto rows = store.scan();
  ASSERT_FALSE(rows);
  EXPECT_EQ(rows.error().code(), ErrorCode::kCancelled);
}

}  // namespace
}  // namespace leat::log
