#include "components/sink_cassandra.h"

#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "clients/cassandra.h"
#include "components/sink_cassandra_rows.h"
#include "components/sink_fixture.h"
#include "config/yaml.h"
#include "io/clock.h"
#include "testing/cassandra.h"
#include "types/temporal.h"

namespace leat::components::testing::sink_cassandra_test {
namespace {

using ::testing::HasSubstr;
using types::Kind;

constexpr char kKeyspace[] = "leat_test";

class CassandraSinkTest : public ::testing::Test {
 protected:
  void SetUp() override {
    LEAT_NEEDS_CASSANDRA();
    register_sink_cassandra(registry_);
    clients::CassandraOptions options;
    options.contact_points = {leat::testing::cassandra_host()};
    options.username = "cassandra";
    options.password = config::Secret("cassandra");
    auto made = clients::CassandraSession::open(options);
    ASSERT_OK(made);
    admin_ = std::move(*made);
    open_store();
  }
  void TearDown() override {
    sinks_.clear();
    for (const std::string& name : tables_)
      (void)admin_->change(fmt::format("DROP TABLE IF EXISTS {}.{}", kKeyspace, name)).has_value();
  }
  void open_store(const std::string& more = "", const std::string& password = "cassandra") {
    const std::string yaml = fmt::format(
        "{{contact_points: [\"{}\"], keyspace: {}, username: cassandra, password: {}{}}}",
        leat::testing::cassandra_host(), kKeyspace, password, more);
    config::Diagnostics diagnostics;
    auto node = config::parse_yaml(yaml, "test.yaml", diagnostics);
    ASSERT_TRUE(node.has_value());
    stream::StoreContext context;
    context.store = "serving", context.clock = clock_;
    auto opened = registry_.store("cassandra")->open(*node, context);
    ASSERT_OK(opened);
    sinks_.clear();
    store_ = std::move(*opened);
  }
  /// Names of its own for each test, whose positions are beside those of others in one table.
  stream::SinkTable table(std::vector<std::string> key = {"id"},
                          const std::string& name = "users") {
    auto made = users(std::move(key), fmt::format("{}_{}", name, ::getpid()));
    made.project = project_;
    if (std::find(tables_.begin(), tables_.end(), made.table) == tables_.end())
      tables_.push_back(made.table);
    return made;
  }
  stream::Sink& sink(const stream::SinkTable& table) {
    auto made = store_->make_sink(table);
    CHECK(made.has_value(), "{}", made.error().to_string());
    sinks_.push_back(std::move(*made));
    return *sinks_.back();
  }
  /// The first column of each row, a text, with | between.
  std::string ask(const std::string& cql) {
    auto statement = admin_->prepare(cql);
    if (!statement) return statement.error().to_string();
    std::string text;
    auto done = admin_->select(*statement, "", [&](auto row) {
      text += (text.empty() ? "" : "|") + std::string(row[0].value_or("NULL"));
      return true;
    });
    return done ? text : done.error().to_string();
  }
  std::string of(const stream::SinkTable& table) const {
    return fmt::format("{}.{}", kKeyspace, table.table);
  }
  std::string name_of(const stream::SinkTable& table, int64_t id) {
    return ask(fmt::format("SELECT name FROM {} WHERE id = {}", of(table), id));
  }
  void run(const std::string& cql) { ASSERT_OK(admin_->change(cql)); }

  io::Clock* clock_ = &io::system_clock();
  static inline int count_ = 0;
  const std::string project_ = fmt::format("p{}_{}", ::getpid(), count_++);
  stream::Registry registry_;
  std::shared_ptr<clients::CassandraSession> admin_;
  std::unique_ptr<stream::Store> store_;
  std::vector<std::unique_ptr<stream::Sink>> sinks_;
  std::vector<std::string> tables_;
};

TEST_F(CassandraSinkTest, TheHighestVersionOfAKeyWinsWhoeverWritesLast) {
  const auto t = table();
  stream::Sink& s = sink(t);
  auto rows = s.open();
  ASSERT_OK(rows);
  EXPECT_TRUE(rows->empty());
  put(s, t, {{1, "one", 10}, {2, "two", 11}, {1, "uno", 12}, {1, "old", 5}}, -1, 4);
  EXPECT_EQ(name_of(t, 1), "uno");
  EXPECT_EQ(name_of(t, 2), "two");
  put(s, t, {{2, "older", 3}, {3, "three", 21}, {1, std::nullopt, 30}}, 4, 7);
  EXPECT_EQ(name_of(t, 1), "NULL");
  EXPECT_EQ(name_of(t, 2), "two");
  EXPECT_EQ(name_of(t, 3), "three");
  EXPECT_EQ(ask(fmt::format("SELECT CAST(WRITETIME(name) AS text) FROM {} WHERE id = 3", of(t))),
            "21");
}

TEST_F(CassandraSinkTest, ADeletedRowStaysAwayUntilANewerOneComes) {
  auto t = table();
  t.deletes = true;
  stream::Sink& s = sink(t);
  ASSERT_OK(s.open());
  check_deletes(s, t, [&](int64_t id) { return name_of(t, id); });
  // Cassandra forgets deletions; the table is told to keep them as long as a dead letter lives.
  EXPECT_EQ(ask(fmt::format("SELECT CAST(gc_grace_seconds AS text) FROM system_schema.tables WHERE "
                            "keyspace_name = '{}' AND table_name = '{}'",
                            kKeyspace, t.table)),
            "1209600");
}

TEST_F(CassandraSinkTest, OnlyTheRowOfTheKeyIsDeletedInAPartitionOfSeveral) {
  auto t = table({"id", "name"});
  t.deletes = true, t.partition_columns = 1;
  stream::Sink& s = sink(t);
  ASSERT_OK(s.open());
  std::vector<Row> rows;
  for (int64_t i = 0; i < 200; ++i) rows.push_back({i % 2, fmt::format("n{}", i), 10 + i});
  auto owned = batch_of(t, rows, -1, 200);
  ASSERT_OK(s.write(owned->batch));
  std::vector<Row> gone;
  for (int64_t i = 0; i < 200; i += 4) gone.push_back({i % 2, fmt::format("n{}", i), 300 + i});
  auto deletes = batch_of(t, gone, 200, 250);
  deletes->batch.first_delete = 0;
  ASSERT_OK(s.write(deletes->batch));
  EXPECT_EQ(ask(fmt::format("SELECT CAST(count(*) AS text) FROM {} WHERE id = 0", of(t))), "50");
  EXPECT_EQ(ask(fmt::format("SELECT CAST(count(*) AS text) FROM {} WHERE id = 1", of(t))), "100");
}

TEST_F(CassandraSinkTest, ThePositionComesBackAsItWasAndOfItsSinkAlone) {
  const auto t = table(), other = table({"id"}, "others");
  stream::Sink& s = sink(t);
  ASSERT_OK(s.open());
  ASSERT_OK(sink(other).open());
  put(s, t, {{1, "a", 1}}, -1, 3);
  put(s, t, {}, 3, 9);
  put(*sinks_[1], other, {{1, "a", 1}}, -1, 5);
  auto rows = sink(t).open();
  ASSERT_OK(rows);
  ASSERT_EQ(rows->size(), 1u);
  const stream::Progress& row = rows->front();
  EXPECT_EQ(row.next, 9);
  EXPECT_EQ(row.expected_next, 9);
  EXPECT_EQ(row.input, progress(t, 0, 0).input);
  EXPECT_EQ(row.ledger, progress(t, 0, 9).ledger);
  EXPECT_EQ(row.pipeline_hash, "h");
  auto all = store_->progress(t.project);
  ASSERT_OK(all);
  EXPECT_EQ(all->size(), 2u);
}

TEST_F(CassandraSinkTest, APositionThatSomebodyElseMovedStopsTheWrite) {
  const auto t = table();
  stream::Sink &zombie = sink(t), &owner = sink(t);
  ASSERT_OK(zombie.open());
  ASSERT_OK(owner.open());
  put(owner, t, {{1, "owner", 50}}, -1, 50);
  for (int64_t expected : {int64_t{-1}, int64_t{21}}) {
    auto owned = batch_of(t, {{1, "zombie", 20}, {2, "only it", 21}}, expected, 22);
    auto written = zombie.write(owned->batch);
    ASSERT_FALSE(written.has_value());
    EXPECT_EQ(written.error().code(), ErrorCode::kConflict);
  }
  EXPECT_EQ(name_of(t, 1), "owner");
  EXPECT_EQ(name_of(t, 2), "");
  EXPECT_EQ(sink(t).open()->at(0).next, 50);
  // A reset, too, stops whoever runs.
  ASSERT_OK(sink(t).reset(std::vector{progress(t, 50, 0)}, true));
  auto owned = batch_of(t, {{3, "late", 60}}, 50, 60);
  EXPECT_EQ(owner.write(owned->batch).error().code(), ErrorCode::kConflict);
  EXPECT_EQ(sink(t).open()->at(0).next, 0);
}

TEST_F(CassandraSinkTest, APositionAtTheSameVersionIsMovedAllTheSame) {
  const auto t = table();
  stream::Sink& s = sink(t);
  ASSERT_OK(s.open());
  put(s, t, {{1, "a", 7}}, -1, 7);
  auto batch = batch_of(t, {}, 7, 7);
  batch->batch.progress.pipeline_hash = "a smaller text than h";
  ASSERT_OK(s.write(batch->batch));
  auto rows = sink(t).open();
  ASSERT_OK(rows);
  EXPECT_EQ(rows->at(0).pipeline_hash, "a smaller text than h");
}

TEST_F(CassandraSinkTest, RowsOfAPartitionGoTogetherAndKeepTheirOrder) {
  auto t = table({"country", "id"}, "clustered");
  t.schema.fields.push_back(column("country", Kind::kVarchar));
  t.partition_columns = 1;
  stream::Sink& s = sink(t);
  ASSERT_OK(s.open());
  OwnedBatch owned(t);
  for (int64_t i = 0; i < 1000; ++i) {
    owned.buffer.column(0).append(i);
    owned.buffer.column(1).append(types::StringRef("n"));
    owned.buffer.column(2).append(types::StringRef(i % 3 == 0 ? "de" : i % 3 == 1 ? "fr" : "it"));
    owned.versions.push_back(100 + i);
  }
  owned.batch.chunks.push_back(owned.buffer.view());
  owned.batch.versions.emplace_back(owned.versions);
  owned.batch.progress = progress(t, -1, 1000);
  auto refused = s.write(owned.batch);
  ASSERT_OK(refused);
  EXPECT_TRUE(refused->empty());
  for (const char* country : {"de", "fr", "it"}) {
    EXPECT_EQ(ask(fmt::format("SELECT CAST(count(*) AS text) FROM {} WHERE country = '{}'", of(t),
                              country)),
              country[0] == 'd' ? "334" : "333");
  }
  EXPECT_EQ(
      ask(fmt::format("SELECT CAST(id AS text) FROM {} WHERE country = 'fr' AND id < 9", of(t))),
      "1|4|7");
  EXPECT_EQ(
      ask(fmt::format(
          "SELECT CAST(WRITETIME(name) AS text) FROM {} WHERE country = 'it' AND id = 998", of(t))),
      "1098");
}

TEST_F(CassandraSinkTest, ARowThatCannotBeStoredIsNamedAndTheOthersGoIn) {
  auto t = table({"name", "id"}, "refused");
  t.partition_columns = 1;
  stream::Sink& s = sink(t);
  ASSERT_OK(s.open());
  std::vector<Row> rows;
  for (int64_t i = 0; i < 100; ++i) rows.push_back({i, "p", i + 1});
  rows[7].name = "";                         // Cassandra: a partition key may not be empty
  rows[50].name = std::string(70'000, 'x');  // nor longer than 65535 bytes
  auto refused = put(s, t, rows, -1, 100);
  ASSERT_EQ(refused.size(), 2u);
  std::sort(refused.begin(), refused.end(), [](auto& a, auto& b) { return a.row < b.row; });
  EXPECT_EQ(refused[0].row, 7u);
  EXPECT_THAT(refused[0].message, HasSubstr("empty value"));
  EXPECT_EQ(refused[1].row, 50u);
  EXPECT_THAT(refused[1].message, HasSubstr("65535"));
  auto open = sink(t).open();
  ASSERT_OK(open);
  EXPECT_TRUE(open->empty()) << "the position moved though rows were refused";
  refused = put(s, t, {{std::nullopt, "a", 1}, {1, "b", 2}}, -1, 2);
  ASSERT_EQ(refused.size(), 1u);
  EXPECT_THAT(refused[0].message, HasSubstr("key id is NULL"));
  // The server's own refusals: of a key that is too long as a whole, all in one group.
  auto wide = table({"name", "more", "id"}, "wide");
  wide.schema.fields.push_back(column("more", Kind::kVarchar));
  wide.partition_columns = 2;
  stream::Sink& w = sink(wide);
  ASSERT_OK(w.open());
  OwnedBatch owned(wide);
  const std::string half(40'000, 'y');
  for (int64_t i = 0; i < 3; ++i) {
    owned.buffer.column(0).append(i);
    owned.buffer.column(1).append(types::StringRef(i == 1 ? std::string_view(half) : "short"));
    owned.buffer.column(2).append(types::StringRef(i == 1 ? std::string_view(half) : "short"));
    owned.versions.push_back(10 + i);
  }
  owned.batch.chunks.push_back(owned.buffer.view());
  owned.batch.versions.emplace_back(owned.versions);
  owned.batch.progress = progress(wide, -1, 3);
  auto written = w.write(owned.batch);
  ASSERT_OK(written);
  ASSERT_EQ(written->size(), 1u);
  EXPECT_EQ(written->front().row, 1u);
}

TEST_F(CassandraSinkTest, ARowTooLargeForTheServerIsRefusedByItself) {
  const auto t = table();
  stream::Sink& s = sink(t);
  ASSERT_OK(s.open());
  // Beyond what a node reads, and beyond what it writes (half a segment of this server's commit log).
  for (size_t mib : {20, 9}) {
    auto refused =
        put(s, t, {{1, "a", 1}, {2, std::string(mib << 20, 'x'), 2}, {3, "c", 3}}, -1, 3);
    ASSERT_EQ(refused.size(), 1u);
    EXPECT_EQ(refused[0].row, 1u);
    EXPECT_THAT(refused[0].message, HasSubstr(mib == 20 ? "a row of" : "oversized mutation"));
  }
  EXPECT_EQ(name_of(t, 3), "c");
}

TEST_F(CassandraSinkTest, AChangedTableIsToldInsteadOfBlamingRows) {
  const auto t = table();
  stream::Sink& s = sink(t);
  ASSERT_OK(s.open());
  put(s, t, {{1, "a", 1}}, -1, 1);
  run("DROP TABLE " + of(t));
  auto owned = batch_of(t, {{2, "b", 2}}, 1, 2);
  auto written = s.write(owned->batch);
  ASSERT_FALSE(written.has_value());
  EXPECT_EQ(written.error().retry(), Retry::kReconnect) << written.error().to_string();
  ASSERT_OK(s.open());
  put(s, t, {{2, "b", 2}}, 1, 2);
  EXPECT_EQ(name_of(t, 2), "b");
  // One of the same name with another type would take the bytes as they are.
  run("DROP TABLE " + of(t));
  run(fmt::format("CREATE TABLE {} (id bigint PRIMARY KEY, name blob)", of(t)));
  auto third = batch_of(t, {{3, "c", 3}}, 2, 3);
  written = s.write(third->batch);
  ASSERT_FALSE(written.has_value());
  EXPECT_EQ(written.error().retry(), Retry::kReconnect) << written.error().to_string();
  auto opened = s.open();
  ASSERT_FALSE(opened.has_value());
  EXPECT_EQ(opened.error().retry(), Retry::kNever);
  EXPECT_THAT(opened.error().to_string(), HasSubstr("column name: the table has blob"));
}

/// A node that is a moment behind refuses what the next one takes. Here it is a table of counters, which every node refuses.
TEST_F(CassandraSinkTest, WhatANodeRefusesAtOpenDoesNotFailThePipeline) {
  ASSERT_OK(sink(table()).open());  // makes the keyspace
  const auto t = table({"id", "name"}, "counted");
  run(fmt::format("CREATE TABLE {} (id bigint, name text, n counter, PRIMARY KEY ((id, name)))",
                  of(t)));
  auto opened = sink(t).open();
  ASSERT_FALSE(opened.has_value());
  EXPECT_THAT(opened.error().to_string(), HasSubstr("counter"));
  EXPECT_EQ(opened.error().code(), ErrorCode::kUnavailable) << opened.error().to_string();
  EXPECT_EQ(opened.error().retry(), Retry::kReconnect);
}

TEST_F(CassandraSinkTest, ATableEvolvesByColumnsAndRefusesTheRest) {
  auto t = table();
  ASSERT_OK(sink(t).open());
  t.schema.fields.push_back(column("age", Kind::kInt32));
  t.schema.fields.push_back(column("in", types::Type::list(Kind::kDate)));
  stream::Sink& s = sink(t);
  ASSERT_OK(s.open());
  put(s, t, {{1, "a", 1}}, -1, 1);
  // Another process that gains the same column at the same time finds it there.
  auto later = t;
  later.schema.fields.push_back(column("late", Kind::kInt32));
  ASSERT_OK(sink(later).open());
  ASSERT_OK(sink(later).open());
  run(fmt::format("ALTER TABLE {} DROP late", of(t)));
  auto gone = sink(later).open();
  ASSERT_FALSE(gone.has_value());
  EXPECT_THAT(gone.error().to_string(),
              HasSubstr("column late: the table had one and it was dropped"));
  t.schema.fields[1].type = Kind::kInt64;
  t.key = {"id", "name"};
  auto refused = sink(t).open();
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code(), ErrorCode::kIncompatible);
  EXPECT_THAT(refused.error().to_string(),
              HasSubstr("column name: the table has text, the pipeline gives bigint"));
  EXPECT_THAT(refused.error().to_string(),
              HasSubstr("key: the table has ((id)), the pipeline gives ((id, name))"));
}

TEST_F(CassandraSinkTest, ResetWinsOverThePositionBeforeIt) {
  const auto t = table();
  stream::Sink& s = sink(t);
  ASSERT_OK(s.open());
  put(s, t, {{1, "a", 1}, {2, "b", 2}}, -1, 2);
  for (int64_t next : {7, 0, 5, 1}) {
    auto row = progress(t, 2, next);
    row.v_prev = 2;  // a reset keeps it
    ASSERT_OK(sink(t).reset(std::vector{row}, next == 0));
    auto rows = sink(t).open();
    ASSERT_OK(rows);
    ASSERT_EQ(rows->size(), 1u);
    EXPECT_EQ(rows->at(0).next, next);
    if (next == 0) {
      EXPECT_EQ(name_of(t, 1), "");
    }
  }
  stream::Sink& again = sink(t);
  ASSERT_OK(again.open());
  put(again, t, {{1, "a", 3}}, 1, 3);
  EXPECT_EQ(sink(t).open()->at(0).next, 3);
  // A truncating reset without rows forgets the position.
  ASSERT_OK(sink(t).reset({}, true));
  EXPECT_TRUE(sink(t).open()->empty());
  EXPECT_TRUE(store_->progress(t.project)->empty());
  // ... and one that comes back is seen, though its version is older than what was there.
  stream::Sink& back = sink(t);
  ASSERT_OK(back.open());
  put(back, t, {{1, "a", 1}}, -1, 1);
  EXPECT_EQ(sink(t).open()->at(0).next, 1);
}

TEST_F(CassandraSinkTest, RowsLiveFromTheirRecordsTimeOn) {
  const int64_t now_us = io::system_clock().now_us();
  open_store(", ttl: 1h");
  const auto t = table();
  stream::Sink& s = sink(t);
  ASSERT_OK(s.open());
  const int64_t minute = 60'000'000;
  const std::vector<Row> rows = {{1, "fresh", now_us - 10 * minute},
                                 {2, "gone", now_us - 61 * minute}};
  auto refused = put(s, t, rows, -1, 2);
  ASSERT_EQ(refused.size(), 1u);
  EXPECT_EQ(refused[0].row, 1u);
  EXPECT_TRUE(refused[0].expired);
  put(s, t, {rows[0]}, -1, 2);
  const std::string left =
      ask(fmt::format("SELECT CAST(TTL(name) AS text) FROM {} WHERE id = 1", of(t)));
  EXPECT_GT(std::stoi(left), 49 * 60);
  EXPECT_LE(std::stoi(left), 50 * 60);
}

TEST_F(CassandraSinkTest, AWrongPasswordIsToldAndANewOneTaken) {
  open_store("", "wrong");
  auto opened = sink(table()).open();
  ASSERT_FALSE(opened.has_value());
  EXPECT_EQ(opened.error().code(), ErrorCode::kPermission) << opened.error().to_string();
  EXPECT_EQ(opened.error().retry(), Retry::kReconnect);
  EXPECT_THAT(opened.error().to_string(), HasSubstr("incorrect"));
  EXPECT_THAT(opened.error().to_string(), ::testing::Not(HasSubstr("wrong")));
}

TEST_F(CassandraSinkTest, AKeyMustBeOne) {
  EXPECT_THAT(store_->make_sink(table({})).error().to_string(), HasSubstr("need a key"));
  auto t = table({"span"});
  t.schema.fields.push_back(column("span", Kind::kInterval));
  EXPECT_THAT(store_->make_sink(t).error().to_string(), HasSubstr("no duration as a key"));
  auto named = users({"id"}, "leat_own");
  EXPECT_THAT(store_->make_sink(named).error().to_string(), HasSubstr("leat's own"));
}

/// A column of each type, and what Cassandra is to say of its one row, as JSON.
struct Sample {
  types::Type type;
  std::function<void(types::VectorBuffer&, types::Arena&)> fill;
  std::string text;
};

template <typename T>
Sample plain(types::Type type, T value, std::string text) {
  return {std::move(type), [value](auto& column, auto&) { column.append(value); }, std::move(text)};
}
Sample words(types::Type type, std::string value, std::string text) {
  return {
      std::move(type),
      [value](auto& column, auto& arena) { column.append(types::StringRef(arena.copy(value))); },
      std::move(text)};
}
types::Int128 int128(std::string_view digits) {
  types::Int128 value{};
  CHECK(types::parse_int128(digits, value) == types::NumberError::kNone, "{}", digits);
  return value;
}

std::vector<Sample> samples() {
  const auto micros = [](std::string_view text) { return *types::parse_timestamp_tz(text); };
  std::vector<Sample> all = {
      plain<uint8_t>(Kind::kBoolean, 1, "true"),
      plain<int8_t>(Kind::kInt8, -128, "-128"),
      plain<uint8_t>(Kind::kUint8, 255, "255"),
      plain<int16_t>(Kind::kInt16, -32768, "-32768"),
      plain<uint16_t>(Kind::kUint16, 65535, "65535"),
      plain<int32_t>(Kind::kInt32, INT32_MIN, "-2147483648"),
      plain<uint32_t>(Kind::kUint32, UINT32_MAX, "4294967295"),
      plain<int64_t>(Kind::kInt64, INT64_MIN, "-9223372036854775808"),
      plain<uint64_t>(Kind::kUint64, UINT64_MAX, "18446744073709551615"),
      plain<uint64_t>(Kind::kUint64, 128, "128"),
      plain(Kind::kInt128, int128("-170141183460469231731687303715884105727"),
            "-170141183460469231731687303715884105727"),
      plain(Kind::kInt128, int128("-128"), "-128"),
      plain(Kind::kInt128, int128("0"), "0"),
      plain<float>(Kind::kFloat, 1.5F, "1.5"),
      plain<double>(Kind::kDouble, -1e300, "-1.0E300"),
      plain<int16_t>(types::Type::decimal(4, 2), -1234, "-12.34"),
      plain<int64_t>(types::Type::decimal(18, 3), 5, "0.005"),
      plain(types::Type::decimal(38, 10), int128("-12345678901234567890123456780000000001"),
            "-1234567890123456789012345678.0000000001"),
      words(Kind::kVarchar, "grüße\n\"x\"", R"("grüße\n\"x\"")"),
      words(Kind::kVarchar, std::string("a\0b", 3), R"("a\u0000b")"),
      words(Kind::kJson, R"({"a": [1, null]})", R"("{\"a\": [1, null]}")"),
      words(Kind::kBlob, std::string("\0\xff", 2), R"("0x00ff")"),
      plain(Kind::kUuid, *types::parse_uuid("d830554e-0c3f-4d8e-9a51-0123456789ab"),
            R"("d830554e-0c3f-4d8e-9a51-0123456789ab")"),
      plain<int32_t>(Kind::kDate, *types::parse_date("1969-07-20"), R"("1969-07-20")"),
      plain<int64_t>(Kind::kTime, *types::parse_time("23:59:59.000001"), R"("23:59:59.000001000")"),
      plain<int64_t>(Kind::kTimestamp, *types::parse_timestamp("2026-11-27T01:02:03.004"),
                     R"("2026-11-27 01:02:03.004Z")"),
      plain<int64_t>(Kind::kTimestampTz, micros("1969-12-31T23:59:59.999999Z"),
                     R"("1969-12-31 23:59:59.999Z")"),
      plain(Kind::kInterval, types::Interval{14, 3, 1'500'000}, R"("1y2mo3d1s500ms")"),
      plain(Kind::kInterval, types::Interval{-1, -100, -9'000'000'000'000}, R"("-1mo100d2500h")"),
  };
  all.push_back({types::Type::list(Kind::kInt32),
                 [](auto& column, auto&) {
                   const size_t start = column.child(0).size();
                   column.child(0).append(int32_t{1});
                   column.child(0).append(int32_t{-2});
                   column.append_list(start);
                 },
                 "[1, -2]"});
  all.push_back({types::Type::structure(
                     {column("a", Kind::kInt32), column("b", types::Type::list(Kind::kDate))}),
                 [](auto& column, auto&) {
                   column.child(0).append(int32_t{7});
                   auto& list = column.child(1);
                   list.child(0).append(int32_t{0});
                   list.append_list(0);
                   column.append_struct();
                 },
                 R"("{\"a\":7,\"b\":[\"1970-01-01\"]}")"});
  all.push_back({types::Type::map(Kind::kVarchar, Kind::kInt32),
                 [](auto& column, auto& arena) {
                   auto& pairs = column.child(0);
                   pairs.child(0).append(types::StringRef(arena.copy("k")));
                   pairs.child(1).append(int32_t{5});
                   pairs.append_struct();
                   column.append_list(0);
                 },
                 R"({"k": 5})"});
  return all;
}

TEST_F(CassandraSinkTest, ValuesOfEveryTypeArriveAsTheyAre) {
  const std::vector<Sample> all = samples();
  stream::SinkTable t = table({"key"}, "every");
  t.schema.fields.clear();
  for (size_t i = 0; i < all.size(); ++i)
    t.schema.fields.push_back(column(fmt::format("c{}", i), all[i].type));
  t.schema.fields.push_back(column("key", Kind::kInt32));
  stream::Sink& s = sink(t);
  ASSERT_OK(s.open());
  OwnedBatch owned(t);
  for (size_t i = 0; i < all.size(); ++i) {
    all[i].fill(owned.buffer.column(i), owned.buffer.arena());
    owned.buffer.column(i).append_null();
  }
  for (int32_t key : {1, 2}) owned.buffer.column(all.size()).append(key);
  owned.versions = {1, 2};
  owned.batch.chunks.push_back(owned.buffer.view());
  owned.batch.versions.emplace_back(owned.versions);
  owned.batch.progress = progress(t, -1, 2);
  auto refused = s.write(owned.batch);
  ASSERT_OK(refused);
  ASSERT_TRUE(refused->empty()) << refused->front().message;
  for (size_t i = 0; i < all.size(); ++i) {
    EXPECT_EQ(ask(fmt::format("SELECT toJson(c{}) FROM {} WHERE key = 1", i, of(t))), all[i].text)
        << all[i].type.to_sql();
    EXPECT_EQ(ask(fmt::format("SELECT toJson(c{}) FROM {} WHERE key = 2", i, of(t))), "null");
  }
  // What was made is what evolve() expects.
  ASSERT_OK(sink(t).open());
}

std::optional<std::string> problem(types::Type type,
                                   const std::function<void(types::VectorBuffer&)>& fill,
                                   bool key = false) {
  types::Schema schema;
  schema.fields = {column("c", std::move(type))};
  types::BatchBuffer buffer(schema);
  fill(buffer.column(0));
  const CassandraRows rows(schema);
  std::string out;
  return key ? rows.append_key(buffer.view().columns[0], 0, out)
             : rows.append(buffer.view(), 0, 1, std::nullopt, out);
}

TEST(CassandraRowsTest, WhatCassandraCannotHoldIsTold) {
  const auto value = [](auto v) { return [v](types::VectorBuffer& column) { column.append(v); }; };
  EXPECT_EQ(problem(Kind::kDate, value(types::kDateInfinity)), "column c: an infinite date");
  EXPECT_EQ(problem(Kind::kTimestamp, value(types::kTimestampInfinity)),
            "column c: an infinite time");
  EXPECT_EQ(problem(Kind::kTime, value(int64_t{86'400'000'000})), "column c: the time 24:00:00");
  EXPECT_THAT(*problem(Kind::kInterval, value(types::Interval{1, -1, 0})),
              HasSubstr("different signs"));
  EXPECT_THAT(*problem(types::Type::list(Kind::kInt32),
                       [](types::VectorBuffer& list) {
                         list.child(0).append_null();
                         list.append_list(0);
                       }),
              HasSubstr("a NULL inside a list"));
  EXPECT_THAT(*problem(Kind::kTimestampTz, value(int64_t{1'000'001}), true),
              HasSubstr("microseconds"));
  EXPECT_EQ(problem(Kind::kTimestampTz, value(int64_t{1'000'000}), true), std::nullopt);
}

}  // namespace
}  // namespace leat::components::testing::sink_cassandra_test
