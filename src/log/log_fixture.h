// What the log's tests share: a log in a directory of the test's own, and short ways to write and read.
// For tests only.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "log/embedded_log.h"
#include "testing/manual_clock.h"
#include "testing/temp_dir.h"

namespace leat::log {

/// A record read back, owning its bytes.
struct Seen {
  int64_t offset = 0, timestamp_ms = 0;
  std::optional<std::string> key, value;
  std::vector<std::pair<std::string, std::string>> headers;
};

class LogTest : public ::testing::Test {
 protected:
  Options options() {
    Options o;
    o.clock = &clock_;
    return o;
  }
  void open() { open(options()); }
  void open(const Options& o) {
    log_.reset();
    auto opened = EmbeddedLog::open(dir(), o);
    ASSERT_TRUE(opened) << opened.error().to_string();
    log_ = std::move(opened).value();
  }
  std::string dir() const { return temp_ / "log"; }

  stream::TopicInfo topic(const std::string& name, int32_t partitions = 1) {
    stream::TopicSpec spec;
    spec.name = name;
    spec.partitions = partitions;
    return log_->topics().ensure(spec).value();
  }
  /// One transaction with these values.
  Result<void> append(const stream::TopicInfo& to, int32_t partition,
                      const std::vector<std::string>& values) {
    ASSIGN(auto tx, log_->begin("test"));
    TRY(put(*tx, to, partition, values));
    return tx->commit();
  }
  static Result<void> put(stream::LogTransaction& tx, const stream::TopicInfo& to,
                          int32_t partition, const std::vector<std::string>& values) {
    std::vector<stream::OutRecord> records(values.size());
    for (size_t i = 0; i < values.size(); ++i) records[i].value = values[i];
    return tx.append(to, partition, records);
  }
  /// All records of a partition from `offset` to its present end.
  Result<std::vector<Seen>> read(const stream::TopicInfo& from, int32_t partition,
                                 int64_t offset = 0, stream::ReadLimits limits = {}) {
    ASSIGN(auto reader, log_->reader(from));
    TRY(reader->seek(partition, offset));
    std::vector<Seen> all;
    stream::RecordBatch batch;
    for (;;) {
      ASSIGN(bool some, reader->poll(batch, limits, {}, std::chrono::milliseconds(0)));
      if (!some) return all;
      for (const auto& record : batch.records) all.push_back(own(record));
    }
  }
  static Seen own(const stream::Record& record) {
    Seen seen{record.offset, record.timestamp_ms, {}, {}, {}};
    if (record.key) seen.key = std::string(*record.key);
    if (record.value) seen.value = std::string(*record.value);
    for (const auto& header : record.headers) seen.headers.emplace_back(header.key, header.value);
    return seen;
  }
  static std::vector<std::string> values(const std::vector<Seen>& records) {
    std::vector<std::string> out;
    for (const auto& record : records) out.push_back(record.value.value_or("(null)"));
    return out;
  }
  static stream::Progress progress(int64_t expected, int64_t next,
                                   const std::string& sink = "serving.users") {
    stream::Progress row;
    row.project = "users";
    row.pipeline = "store";
    row.sink = sink;
    row.input = {"users_created", {1, 2}, 0};
    row.expected_next = expected;
    row.next = next;
    return row;
  }

  testing::TempDir temp_;
  testing::ManualClock clock_;
  std::unique_ptr<EmbeddedLog> log_;
};

/// "value 0", "value 1", ...
inline std::vector<std::string> numbered(int count, int from = 0) {
  std::vector<std::string> out;
  for (int i = 0; i < count; ++i) out.push_back(fmt::format("value {}", from + i));
  return out;
}

}  // namespace leat::log
