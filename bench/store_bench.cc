// The embedded store: appends beside the raw appender, keyed batches into a large table, and how long a record
// waits to be visible at 1,000 records/s across folds and checkpoints.
//   bench_store_bench [ROWS of the keyed table, default 5000000] [SECONDS of the last part, default 60]
// Goal: append-to-visible p99 <= 20 ms with 5 M rows.
#include <fmt/core.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "components/sink_duckdb_store.h"
#include "io/clock.h"
#include "io/file.h"
#include "sql/duckdb_raii.h"
#include "sql/vectors.h"
#include "testing/temp_dir.h"

namespace leat {
namespace {

using components::DuckdbOptions;
using components::DuckdbStore;

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

double ms_since(int64_t start_ns) {
  return static_cast<double>(io::system_clock().steady_ns() - start_ns) / 1e6;
}

/// Milliseconds, and what they were.
struct Times {
  std::vector<double> ms;
  void print(const std::string& what) {
    if (ms.empty()) return fmt::print("{:<44} none\n", what);
    std::sort(ms.begin(), ms.end());
    const auto at = [&](double p) {
      return ms[static_cast<size_t>(p * static_cast<double>(ms.size() - 1))];
    };
    fmt::print("{:<44} n {:>6}  p50 {:8.2f}  p99 {:8.2f}  max {:8.2f} ms\n", what, ms.size(),
               at(0.5), at(0.99), at(1));
  }
};

stream::SinkTable table_of(const std::string& name, bool keyed) {
  stream::SinkTable table;
  table.project = "bench", table.pipeline = "store", table.sink = "serving." + name,
  table.table = name;
  const auto add = [&](const char* column, types::Kind kind) {
    types::Field field;
    field.name = column, field.type = kind;
    table.schema.fields.push_back(std::move(field));
  };
  add("id", types::Kind::kUuid), add("first_name", types::Kind::kVarchar),
      add("email", types::Kind::kVarchar);
  add("address", types::Kind::kVarchar), add("dob", types::Kind::kTimestampTz),
      add("age", types::Kind::kInt32);
  if (keyed) table.key = {"id"};
  return table;
}

/// A sink with made-up users and its position.
class Feed {
 public:
  Feed(DuckdbStore& store, const std::string& name, bool keyed)
      : table_(table_of(name, keyed)),
        sink_(need(store.make_sink("serving", table_))),
        buffer_(table_.schema) {
    need(sink_->open());
  }
  /// Makes `rows` rows with keys from `first` on, below `keys`.
  const types::Batch& fill(int64_t first, int64_t rows, int64_t keys) {
    buffer_.reset();
    versions_.clear();
    for (int64_t i = 0; i < rows; ++i) {
      const auto key = static_cast<uint64_t>((first + i) % keys);
      buffer_.column(0).append(
          types::Int128{key * 0x9E3779B97F4A7C15, static_cast<int64_t>(key * 0xD1B54A32D192ED03)});
      for (size_t c = 1; c < 4; ++c) {
        char text[64];
        const auto end = fmt::format_to_n(text, sizeof text, "value {} of user {}", c, key).size;
        buffer_.column(c).append(types::StringRef(buffer_.arena().copy({text, end})));
      }
      buffer_.column(4).append(1'700'000'000'000'000 + first + i);
      buffer_.column(5).append(static_cast<int32_t>(key % 90));
      versions_.push_back(++version_);
    }
    view_ = buffer_.view();
    return view_;
  }
  void write() {
    stream::SinkBatch batch;
    batch.chunks.push_back(view_);
    batch.versions.emplace_back(versions_);
    batch.progress.project = table_.project, batch.progress.pipeline = table_.pipeline,
    batch.progress.sink = table_.sink;
    batch.progress.input.topic = "users", batch.progress.expected_next = next_;
    batch.progress.next = std::max<int64_t>(next_, 0) + static_cast<int64_t>(view_.rows);
    need(sink_->write(batch));
    next_ = batch.progress.next;
  }
  const stream::SinkTable& table() const { return table_; }

 private:
  const stream::SinkTable table_;
  std::unique_ptr<stream::Sink> sink_;
  types::BatchBuffer buffer_;
  types::Batch view_;
  std::vector<int64_t> versions_;
  int64_t next_ = -1, version_ = 0;
};

void appends(DuckdbStore& store, const std::string& directory) {
  constexpr int64_t kRows = 500'000;
  Feed feed(store, "log", false);
  const auto rate = [&](int64_t ns) {
    return static_cast<double>(kRows) / static_cast<double>(ns) * 1e9;
  };
  // The ceiling: the same rows through DuckDB's appender into one transaction, nothing else.
  auto database = need(sql::Database::open(directory + "/raw.duckdb", {}));
  auto connection = need(sql::Connection::open(database));
  std::string columns;
  std::vector<sql::LogicalType> owned;
  std::vector<duckdb_logical_type> raw;
  for (const types::Field& field : feed.table().schema.fields) {
    columns += (columns.empty() ? "" : ", ") + field.name + " " + field.type.to_sql();
    raw.push_back(owned.emplace_back(sql::to_duckdb(field.type)).get());
  }
  need(connection.run("CREATE TABLE log (" + columns + "); BEGIN"));
  sql::Chunk chunk(duckdb_create_data_chunk(raw.data(), raw.size()));
  duckdb_appender appender = nullptr;
  duckdb_appender_create(connection.get(), nullptr, "log", &appender);
  int64_t ns = 0;
  constexpr int64_t kBatch = 5000;
  for (int64_t at = 0; at < kRows; at += kBatch) {
    const types::Batch& batch = feed.fill(at, kBatch, kRows);
    const int64_t start = io::system_clock().steady_ns();
    for (size_t row = 0; row < batch.rows; row += duckdb_vector_size()) {
      duckdb_data_chunk_reset(chunk.get());
      sql::copy_into(batch, row, std::min<size_t>(duckdb_vector_size(), batch.rows - row),
                     chunk.get());
      duckdb_append_data_chunk(appender, chunk.get());
    }
    ns += io::system_clock().steady_ns() - start;
  }
  int64_t start = io::system_clock().steady_ns();
  duckdb_appender_destroy(&appender);
  need(connection.run("COMMIT"));
  ns += io::system_clock().steady_ns() - start;
  fmt::print("raw appender, one transaction                {:>10.0f} rows/s (ceiling)\n", rate(ns));
  for (int64_t size : {500, 5000, 50'000}) {
    ns = 0;
    for (int64_t at = 0; at < kRows; at += size) {
      feed.fill(at, size, kRows);
      start = io::system_clock().steady_ns();
      feed.write();
      ns += io::system_clock().steady_ns() - start;
    }
    fmt::print("append sink, batches of {:<6}               {:>10.0f} rows/s\n", size, rate(ns));
  }
}

void keyed(DuckdbStore& store, int64_t rows, int64_t seconds) {
  Feed feed(store, "users", true);
  int64_t start = io::system_clock().steady_ns();
  for (int64_t at = 0; at < rows; at += 100'000) {
    feed.fill(at, std::min<int64_t>(100'000, rows - at), rows);
    feed.write();
    need(store.maintain());
  }
  need(store.settle());
  fmt::print("loaded {} keyed rows in {:.1f} s\n", rows, ms_since(start) / 1000);
  const auto batches = [&](int64_t size, int count) {
    Times times;
    for (int i = 0; i < count; ++i) {
      feed.fill(i * 7919 * size, size, rows);
      start = io::system_clock().steady_ns();
      feed.write();
      times.ms.push_back(ms_since(start));
    }
    times.print(fmt::format("keyed batch of {} + commit", size));
  };
  batches(500, 200);
  batches(5000, 8);
  Times scans, folds, checkpoints, visible, commits;
  for (int i = 0; i < 5; ++i) {
    start = io::system_clock().steady_ns();
    need(store.query("SELECT count(*), max(length(email)) FROM users", {}));
    scans.ms.push_back(ms_since(start));
  }
  scans.print("scan of the view");

  // The tail is filled so far that a fold of its whole size comes in the middle of what follows.
  need(store.settle());
  const int64_t fold_at =
      std::max<int64_t>(limits::kStoreTailRows, rows / 100 * limits::kStoreTailPercent);
  for (int64_t tail = fold_at - seconds * 1000 / 2; tail > 0; tail -= 5000) {
    feed.fill(tail * 13, std::min<int64_t>(tail, 5000), rows);
    feed.write();
  }
  // 1,000 records/s in a batch every 5 ms; latency counts from when the batch's first record came.
  constexpr int64_t kTickMs = 5;
  const auto checkpointed = [&] {
    int64_t sum = 0;
    for (const stream::Progress& row : store.checkpointed()) sum += row.next;
    return sum;
  };
  std::jthread keeper([&](std::stop_token stop) {
    while (io::system_clock().sleep_ms(200, stop)) {
      const int64_t began = io::system_clock().steady_ns();
      const int64_t before = checkpointed();
      need(store.maintain());
      const double ms = ms_since(began);
      if (ms > 5) (checkpointed() == before ? folds : checkpoints).ms.push_back(ms);
    }
  });
  const int64_t begin = io::system_clock().steady_ns();
  for (int64_t tick = 1; tick * kTickMs < seconds * 1000; ++tick) {
    const double due = static_cast<double>(tick * kTickMs), now = ms_since(begin);
    if (now < due) io::system_clock().sleep_ms(static_cast<int64_t>(due - now) + 1, {});
    feed.fill(tick * 104'729, kTickMs, rows);
    start = io::system_clock().steady_ns();
    feed.write();
    commits.ms.push_back(ms_since(start));
    visible.ms.push_back(ms_since(begin) - due + kTickMs);
  }
  keeper.request_stop();
  keeper.join();
  visible.print("append to visible at 1,000 records/s");
  commits.print("a commit of it");
  folds.print("maintain() with a fold");
  checkpoints.print("maintain() with a checkpoint");
  const double p99 = visible.ms[visible.ms.size() * 99 / 100];
  fmt::print("goal: append to visible, p99 | {:.1f} ms | {:.1f} ms p50 | - | <= 20 ms | {}\n", p99,
             visible.ms[visible.ms.size() / 2],
             p99 <= 20
                 ? "met"
                 : fmt::format("not met: the longest commit took {:.0f} ms", commits.ms.back()));
}

}  // namespace
}  // namespace leat

int main(int argc, char** argv) {
  using namespace leat;
  const int64_t rows = argc > 1 ? std::atoll(argv[1]) : 5'000'000,
                seconds = argc > 2 ? std::atoll(argv[2]) : 60;
  testing::TempDir dir;
  {
    auto store = need(components::DuckdbStore::open(dir / "appends.duckdb", {}));
    appends(*store, dir.path());
  }
  auto store = need(components::DuckdbStore::open(dir / "keyed.duckdb", {}));
  keyed(*store, rows, seconds);
  const std::string statm = need(io::read_file("/proc/self/statm", 4096));
  const long pages = std::strtol(statm.c_str() + statm.find(' '), nullptr, 10);
  fmt::print("resident memory at the end                   {:>10} MiB\n", pages * 4096 / (1 << 20));
  return 0;
}
