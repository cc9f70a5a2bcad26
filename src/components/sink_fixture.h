// For the tests of sinks: deterministic tables, rows and batches.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "stream/ports.h"
#include "testing/result.h"
#include "types/batch.h"

namespace leat::components::testing {

inline types::Field column(std::string name, types::Type type) {
  types::Field field;
  field.name = std::move(name);
  field.type = std::move(type);
  return field;
}

/// id BIGINT, name VARCHAR.
inline stream::SinkTable users(std::vector<std::string> key = {"id"}, std::string table = "users") {
  stream::SinkTable made;
  made.project = "p", made.pipeline = "store", made.sink = "serving." + table, made.table = table;
  made.schema.fields = {column("id", types::Kind::kInt64), column("name", types::Kind::kVarchar)};
  made.key = std::move(key);
  return made;
}

struct Row {
  std::optional<int64_t> id;
  std::optional<std::string> name;
  int64_t version = 0;
};

/// A SinkBatch and the bytes behind it.
struct OwnedBatch {
  explicit OwnedBatch(const stream::SinkTable& table) : buffer(table.schema) {}
  OwnedBatch(OwnedBatch&&) = delete;
  types::BatchBuffer buffer;
  std::vector<int64_t> versions, offsets;
  stream::SinkBatch batch;
};

inline stream::Progress progress(const stream::SinkTable& table, int64_t expected, int64_t next) {
  stream::Progress p;
  p.project = table.project, p.pipeline = table.pipeline, p.sink = table.sink;
  p.input.topic = "users_created", p.input.topic_id = {1, 2}, p.input.partition = 0;
  p.expected_next = expected, p.next = next, p.v_prev = next, p.pipeline_hash = "h";
  p.ledger.in = p.ledger.delivered = p.ledger.rows = next;
  return p;
}

inline std::unique_ptr<OwnedBatch> batch_of(const stream::SinkTable& table,
                                            const std::vector<Row>& rows, int64_t expected,
                                            int64_t next) {
  auto made = std::make_unique<OwnedBatch>(table);
  for (const Row& row : rows) {
    if (row.id)
      made->buffer.column(0).append(*row.id);
    else
      made->buffer.column(0).append_null();
    if (row.name)
      made->buffer.column(1).append(types::StringRef(made->buffer.arena().copy(*row.name)));
    else
      made->buffer.column(1).append_null();
    for (size_t c = 2; c < made->buffer.column_count(); ++c) made->buffer.column(c).append_null();
    made->versions.push_back(row.version);
    made->offsets.push_back(expected + static_cast<int64_t>(made->offsets.size()));
  }
  if (!rows.empty()) {
    made->batch.chunks.push_back(made->buffer.view());
    made->batch.versions.emplace_back(made->versions);
    made->batch.offsets.emplace_back(made->offsets);
  }
  made->batch.progress = progress(table, expected, next);
  return made;
}

/// Writes and expects success; returns the refused rows.
inline std::vector<stream::RefusedRow> put(stream::Sink& sink, const stream::SinkTable& table,
                                           const std::vector<Row>& rows, int64_t expected,
                                           int64_t next) {
  auto owned = batch_of(table, rows, expected, next);
  auto refused = sink.write(owned->batch);
  EXPECT_TRUE(refused.has_value()) << refused.error().to_string();
  return refused ? *refused : std::vector<stream::RefusedRow>();
}

/// A key whose row is deleted at a version.
struct Gone {
  int64_t id = 0, version = 0;
};

/// The same with keys of rows to delete, in the same batch.
inline std::vector<stream::RefusedRow> put_and_delete(stream::Sink& sink,
                                                      const stream::SinkTable& table,
                                                      const std::vector<Row>& rows,
                                                      const std::vector<Gone>& gone,
                                                      int64_t expected, int64_t next) {
  std::vector<Row> keys;
  for (const Gone& each : gone) keys.push_back({each.id, std::nullopt, each.version});
  auto owned = batch_of(table, rows, expected, next);
  auto deletes = batch_of(table, keys, expected, next);
  stream::SinkBatch& batch = owned->batch;
  batch.first_delete = batch.chunks.size();
  for (const types::Batch& chunk : deletes->batch.chunks) batch.chunks.push_back(chunk);
  for (const auto& each : deletes->batch.versions) batch.versions.push_back(each);
  for (const auto& each : deletes->batch.offsets) batch.offsets.push_back(each);
  auto refused = sink.write(batch);
  EXPECT_TRUE(refused.has_value()) << refused.error().to_string();
  return refused ? *refused : std::vector<stream::RefusedRow>();
}

/// What every store owes a table whose rows are deleted. `name_of` gives the name in the row of an id, "" when there is
/// none; `settle` does what the store does by itself from time to time.
inline void check_deletes(
    stream::Sink& sink, const stream::SinkTable& table,
    const std::function<std::string(int64_t)>& name_of,
    const std::function<void()>& settle = [] {}) {
  // In one batch the highest version of a key counts, whatever it is.
  put_and_delete(sink, table, {{1, "one", 10}, {2, "two", 11}, {1, "uno", 14}, {3, "three", 15}},
                 {{1, 12}, {2, 13}, {4, 16}}, -1, 7);
  EXPECT_EQ(name_of(1), "uno");
  EXPECT_EQ(name_of(2), "");
  EXPECT_EQ(name_of(3), "three");
  for (int round = 0; round < 2; ++round) {
    // Nothing older comes back, also of a key that had no row, and again after the store has tidied up.
    put(sink, table, {{2, "late", 11}, {4, "late", 5}}, 7 + 4 * round, 9 + 4 * round);
    EXPECT_EQ(name_of(2), "") << round;
    EXPECT_EQ(name_of(4), "") << round;
    // An older delete takes nothing away, the same one again neither.
    put_and_delete(sink, table, {}, {{1, 13}, {3, 14}, {2, 13}}, 9 + 4 * round, 11 + 4 * round);
    EXPECT_EQ(name_of(1), "uno") << round;
    EXPECT_EQ(name_of(3), "three") << round;
    settle();
  }
  put_and_delete(sink, table, {{2, "back", 20}, {4, "four", 22}}, {{3, 21}}, 15, 18);
  EXPECT_EQ(name_of(2), "back");
  EXPECT_EQ(name_of(3), "");
  EXPECT_EQ(name_of(4), "four");
  settle();
  put_and_delete(sink, table, {{3, "three again", 24}}, {{2, 23}}, 18, 20);
  EXPECT_EQ(name_of(2), "");
  EXPECT_EQ(name_of(3), "three again");
  settle();
  EXPECT_EQ(name_of(1), "uno");
  EXPECT_EQ(name_of(2), "");
  EXPECT_EQ(name_of(3), "three again");
}

}  // namespace leat::components::testing
