#include "components/sink_postgres.h"

#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "clients/postgres.h"
#include "codec/text_out.h"
#include "components/sink_fixture.h"
#include "components/sink_postgres_rows.h"
#include "config/yaml.h"
#include "testing/postgres.h"
#include "types/temporal.h"

namespace leat::components::testing::sink_postgres_test {
namespace {

using ::testing::HasSubstr;
using types::Kind;

class PostgresSinkTest : public ::testing::Test {
 protected:
  void SetUp() override {
    LEAT_NEEDS_POSTGRES();
    static int count = 0;
    schema_ = fmt::format("t{}_{}", ::getpid(), count++);
    register_sink_postgres(registry_);
    clients::PostgresOptions options;
    options.dsn = config::Secret(leat::testing::postgres_dsn());
    auto made = clients::PostgresConnection::open(options, io::system_clock());
    ASSERT_OK(made);
    admin_.emplace(std::move(*made));
    open_store();
  }
  void TearDown() override {
    sinks_.clear();
    if (admin_) (void)admin_->run("DROP SCHEMA IF EXISTS " + schema_ + " CASCADE").has_value();
  }
  void open_store(const std::string& more = "") {
    const std::string yaml =
        fmt::format("{{dsn: \"{}\", schema: {}{}}}", leat::testing::postgres_dsn(), schema_, more);
    config::Diagnostics diagnostics;
    auto node = config::parse_yaml(yaml, "test.yaml", diagnostics);
    ASSERT_TRUE(node.has_value());
    stream::StoreContext context;
    context.store = "warehouse", context.clock = &io::system_clock();
    auto opened = registry_.store("postgres")->open(*node, context);
    ASSERT_OK(opened);
    store_ = std::move(*opened);
  }
  stream::Sink& sink(const stream::SinkTable& table) {
    auto made = store_->make_sink(table);
    CHECK(made.has_value(), "{}", made.error().to_string());
    sinks_.push_back(std::move(*made));
    return *sinks_.back();
  }
  std::string ask(const std::string& sql) {
    auto rows = admin_->query(sql);
    if (!rows) return rows.error().to_string();
    std::string text;
    for (const auto& row : *rows) text += (text.empty() ? "" : "|") + row[0].value_or("NULL");
    return text;
  }
  std::string in_schema(const std::string& name) const { return schema_ + "." + name; }
  void run(const std::string& sql) { ASSERT_OK(admin_->run(sql)); }

  std::string schema_;
  stream::Registry registry_;
  std::optional<clients::PostgresConnection> admin_;
  std::unique_ptr<stream::Store> store_;
  std::vector<std::unique_ptr<stream::Sink>> sinks_;
};

TEST_F(PostgresSinkTest, AppendKeepsEveryRowAndTheProgress) {
  auto table = users({});
  stream::Sink& s = sink(table);
  auto rows = s.open();
  ASSERT_OK(rows);
  EXPECT_TRUE(rows->empty());
  put(s, table, {{1, "a", 10}, {1, "", 11}, {2, std::nullopt, 12}}, -1, 3);
  put(s, table, {}, 3, 9);
  EXPECT_EQ(ask("SELECT name FROM " + in_schema("users") + " ORDER BY id, name DESC"), "a||NULL");
  rows = sink(table).open();
  ASSERT_OK(rows);
  ASSERT_EQ(rows->size(), 1u);
  EXPECT_EQ((*rows)[0].next, 9);
  EXPECT_EQ((*rows)[0].expected_next, 9);
  EXPECT_EQ((*rows)[0].input, progress(table, 0, 0).input);
  EXPECT_EQ((*rows)[0].ledger, progress(table, 0, 9).ledger);
  EXPECT_EQ((*rows)[0].pipeline_hash, "h");
}

TEST_F(PostgresSinkTest, KeyedShowsTheHighestVersion) {
  auto table = users();
  stream::Sink& s = sink(table);
  ASSERT_OK(s.open());
  put(s, table, {{1, "one", 10}, {2, "two", 11}, {1, "uno", 12}, {1, "old", 5}}, -1, 4);
  const std::string query =
      "SELECT name || _leat_version FROM " + in_schema("users") + " ORDER BY id";
  EXPECT_EQ(ask(query), "uno12|two11");
  put(s, table, {{2, "older", 3}, {3, "three", 21}}, 4, 6);
  EXPECT_EQ(ask(query), "uno12|two11|three21");
  put(s, table, {{2, "due", 11}}, 6, 7);  // a corrected replay of the same version
  EXPECT_EQ(ask(query), "uno12|due11|three21");
}

TEST_F(PostgresSinkTest, ARowThatCannotBeStoredIsNamedAndTheOthersGoIn) {
  run("CREATE SCHEMA " + schema_ + "; CREATE TABLE " + in_schema("users") +
      " (id bigint PRIMARY KEY, name varchar(5) CHECK (name <> 'bad'), made timestamptz DEFAULT "
      "now())");
  auto table = users({});
  stream::Sink& s = sink(table);
  ASSERT_OK(s.open());
  std::vector<Row> rows;
  for (int64_t i = 0; i < 100; ++i) rows.push_back({i, "n", i});
  rows[7].name = "bad";
  rows[50].name = "too long";
  rows[93].id = 92;  // the key's second row: the first has gone in by then
  auto refused = put(s, table, rows, -1, 100);
  std::string places;
  for (auto& row : refused) places += fmt::format("{}: {}\n", row.row, row.message);
  ASSERT_EQ(refused.size(), 3u) << places;
  EXPECT_EQ(refused[0].row, 7u);
  EXPECT_THAT(refused[0].message, HasSubstr("violates check constraint"));
  EXPECT_EQ(refused[1].row, 50u);
  EXPECT_THAT(refused[1].message, HasSubstr("value too long"));
  EXPECT_EQ(refused[2].row, 93u);
  EXPECT_THAT(refused[2].message, HasSubstr("duplicate key"));
  EXPECT_EQ(ask("SELECT count(*) FROM " + in_schema("users")), "0");  // nothing was written
  rows.erase(rows.begin() + 93), rows.erase(rows.begin() + 50), rows.erase(rows.begin() + 7);
  EXPECT_TRUE(put(s, table, rows, -1, 100).empty());
  EXPECT_EQ(ask("SELECT count(*) FROM " + in_schema("users")), "97");
}

TEST_F(PostgresSinkTest, TextsAndKeysThatPostgresHasNotAreNamed) {
  auto table = users();
  stream::Sink& s = sink(table);
  ASSERT_OK(s.open());
  auto refused =
      put(s, table, {{std::nullopt, "a", 1}, {2, "b", 2}, {3, std::string("c\0d", 3), 3}}, -1, 3);
  ASSERT_EQ(refused.size(), 1u);
  EXPECT_THAT(refused[0].message, HasSubstr("id is NULL"));
  refused = put(s, table, {{2, "b", 2}, {3, std::string("c\0d", 3), 3}}, -1, 3);
  ASSERT_EQ(refused.size(), 1u);
  EXPECT_EQ(refused[0].row, 1u);
  EXPECT_THAT(refused[0].message, HasSubstr("zero byte"));
}

TEST_F(PostgresSinkTest, APositionThatSomebodyElseMovedStopsTheWrite) {
  auto table = users({});
  stream::Sink &zombie = sink(table), &owner = sink(table);
  ASSERT_OK(zombie.open());
  ASSERT_OK(owner.open());
  put(owner, table, {{1, "a", 1}}, -1, 1);
  for (int64_t expected : {int64_t{-1}, int64_t{0}}) {
    auto owned = batch_of(table, {{1, "a", 1}}, expected, 1);
    auto written = zombie.write(owned->batch);
    ASSERT_FALSE(written.has_value());
    EXPECT_EQ(written.error().code(), ErrorCode::kConflict);
  }
  EXPECT_EQ(ask("SELECT count(*) FROM " + in_schema("users")), "1");
}

TEST_F(PostgresSinkTest, ALostSessionIsToldAndOpenGoesOn) {
  auto table = users({}, "lost");  // a name that no test beside it has
  stream::Sink& s = sink(table);
  ASSERT_OK(s.open());
  put(s, table, {{1, "a", 1}}, -1, 1);
  run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'leat "
      "store/serving.lost'");
  auto owned = batch_of(table, {{2, "b", 2}}, 1, 2);
  auto written = s.write(owned->batch);
  ASSERT_FALSE(written.has_value());
  EXPECT_EQ(written.error().retry(), Retry::kReconnect);
  auto rows = s.open();
  ASSERT_OK(rows);
  EXPECT_EQ((*rows)[0].next, 1);
  put(s, table, {{2, "b", 2}}, 1, 2);
  EXPECT_EQ(ask("SELECT name FROM " + in_schema("lost") + " ORDER BY id"), "a|b");
}

TEST_F(PostgresSinkTest, ATableEvolvesByColumnsAndRefusesTheRest) {
  auto table = users();
  ASSERT_OK(sink(table).open());
  table.schema.fields.push_back(column("age", Kind::kInt32));
  stream::Sink& s = sink(table);
  ASSERT_OK(s.open());
  put(s, table, {{1, "a", 1}}, -1, 1);
  table.schema.fields[1].type = Kind::kInt64;
  table.schema.fields.erase(table.schema.fields.begin() + 2);
  auto refused = sink(table).open();
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code(), ErrorCode::kIncompatible);
  EXPECT_THAT(refused.error().to_string(),
              HasSubstr("column name: the table has text, the pipeline gives bigint"));
  run("CREATE TABLE " + in_schema("made") + " (id bigint, name text, more int NOT NULL)");
  refused = sink(users({"id"}, "made")).open();
  EXPECT_THAT(refused.error().to_string(),
              HasSubstr("column more integer: NOT NULL without a default"));
  EXPECT_THAT(refused.error().to_string(), HasSubstr("no unique index over"));
  run("CREATE VIEW " + in_schema("seen") + " AS SELECT 1 AS id");
  EXPECT_THAT(sink(users({}, "seen")).open().error().to_string(), HasSubstr("is no table"));
}

TEST_F(PostgresSinkTest, ResetRewritesThePositionAndEmptiesTheTable) {
  auto table = users({});
  stream::Sink& s = sink(table);
  ASSERT_OK(s.open());
  put(s, table, {{1, "a", 1}, {2, "b", 2}}, -1, 2);
  const std::vector<stream::Progress> rows = {progress(table, 2, 0)};
  ASSERT_OK(s.reset(rows, true));
  EXPECT_EQ(ask("SELECT count(*) FROM " + in_schema("users")), "0");
  auto opened = s.open();
  ASSERT_OK(opened);
  ASSERT_EQ(opened->size(), 1u);
  EXPECT_EQ((*opened)[0].next, 0);
  put(s, table, {{1, "a", 1}}, 0, 1);
}

/// A column of each type, and what PostgreSQL is to say of its rows.
struct Sample {
  types::Type type;
  std::function<void(types::VectorBuffer&, types::Arena&)> fill;  // one row
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
      plain(Kind::kInt128, int128("-170141183460469231731687303715884105727"),
            "-170141183460469231731687303715884105727"),
      plain(Kind::kInt128, int128("10000"), "10000"),
      plain(Kind::kInt128, int128("0"), "0"),
      plain<float>(Kind::kFloat, 1.5F, "1.5"),
      plain<double>(Kind::kDouble, -1e300, "-1e+300"),
      plain<double>(Kind::kDouble, std::numeric_limits<double>::quiet_NaN(), "NaN"),
      plain<int16_t>(types::Type::decimal(4, 2), -1234, "-12.34"),
      plain<int32_t>(types::Type::decimal(9, 0), 100000000, "100000000"),
      plain<int64_t>(types::Type::decimal(18, 3), 5, "0.005"),
      plain<int64_t>(types::Type::decimal(18, 18), -1, "-0.000000000000000001"),
      plain(types::Type::decimal(38, 10), int128("-12345678901234567890123456780000000001"),
            "-1234567890123456789012345678.0000000001"),
      words(Kind::kVarchar, "grüße\n\"x\"", "grüße\n\"x\""),
      words(Kind::kJson, R"({"a": [1, null]})", R"({"a": [1, null]})"),
      words(Kind::kBlob, std::string("\0\xff", 2), "\\x00ff"),
      plain(Kind::kUuid, *types::parse_uuid("d830554e-0c3f-4d8e-9a51-0123456789ab"),
            "d830554e-0c3f-4d8e-9a51-0123456789ab"),
      plain<int32_t>(Kind::kDate, *types::parse_date("1969-07-20"), "1969-07-20"),
      plain<int32_t>(Kind::kDate, -types::kDateInfinity, "-infinity"),
      plain<int64_t>(Kind::kTime, *types::parse_time("24:00:00"), "24:00:00"),
      plain<int64_t>(Kind::kTimestamp, *types::parse_timestamp("2026-11-27T01:02:03.000004"),
                     "2026-11-27 01:02:03.000004"),
      plain<int64_t>(Kind::kTimestampTz, micros("1600-02-29T23:59:59.999999Z"),
                     "1600-02-29 23:59:59.999999+00"),
      plain<int64_t>(Kind::kTimestampTz, types::kTimestampInfinity, "infinity"),
      plain(Kind::kInterval, types::Interval{14, -3, 1'500'000},
            "1 year 2 mons -3 days +00:00:01.5"),
  };
  all.push_back({types::Type::list(Kind::kInt32),
                 [](auto& column, auto&) {
                   const size_t start = column.child(0).size();
                   column.child(0).append(int32_t{1});
                   column.child(0).append_null();
                   column.append_list(start);
                 },
                 "{1,NULL}"});
  all.push_back({types::Type::list(Kind::kVarchar),
                 [](auto& column, auto&) { column.append_list(column.child(0).size()); }, "{}"});
  all.push_back({types::Type::structure(
                     {column("a", Kind::kInt32), column("b", types::Type::list(Kind::kDate))}),
                 [](auto& column, auto&) {
                   column.child(0).append(int32_t{7});
                   auto& list = column.child(1);
                   list.child(0).append(int32_t{0});
                   list.append_list(0);
                   column.append_struct();
                 },
                 R"({"a": 7, "b": ["1970-01-01"]})"});
  return all;
}

TEST_F(PostgresSinkTest, ValuesOfEveryTypeArriveAsTheyAre) {
  const std::vector<Sample> all = samples();
  stream::SinkTable table = users({}, "every");
  table.schema.fields.clear();
  for (size_t i = 0; i < all.size(); ++i)
    table.schema.fields.push_back(column(fmt::format("c{}", i), all[i].type));
  stream::Sink& s = sink(table);
  ASSERT_OK(s.open());
  OwnedBatch owned(table);
  for (size_t i = 0; i < all.size(); ++i) {
    all[i].fill(owned.buffer.column(i), owned.buffer.arena());
    owned.buffer.column(i).append_null();
  }
  owned.versions = {1, 2};
  owned.batch.chunks.push_back(owned.buffer.view());
  owned.batch.versions.emplace_back(owned.versions);
  owned.batch.progress = progress(table, -1, 2);
  auto refused = s.write(owned.batch);
  ASSERT_OK(refused);
  ASSERT_TRUE(refused->empty()) << refused->front().message;
  for (size_t i = 0; i < all.size(); ++i) {
    EXPECT_EQ(ask(fmt::format("SELECT c{0}::text FROM {1} WHERE c{0} IS NOT NULL", i,
                              in_schema("every"))),
              all[i].text)
        << all[i].type.to_sql();
    EXPECT_EQ(
        ask(fmt::format("SELECT count(*) FROM {1} WHERE c{0} IS NULL", i, in_schema("every"))),
        "1");
  }
  // What was made is what evolve() expects.
  ASSERT_OK(sink(table).open());
}

TEST_F(PostgresSinkTest, ADeletedRowStaysAwayUntilANewerOneComes) {
  auto table = users();
  table.deletes = true;
  stream::Sink& s = sink(table);
  ASSERT_OK(s.open());
  check_deletes(s, table, [&](int64_t id) {
    return ask(fmt::format("SELECT name FROM {} WHERE id = {}", in_schema("users"), id));
  });
  EXPECT_EQ(ask(fmt::format("SELECT id || ':' || _leat_version FROM {} ORDER BY id",
                            in_schema("leat_deleted_users"))),
            "1:13|2:23|3:21|4:16");
  // An emptied table has no deletions either.
  ASSERT_OK(s.reset({}, true));
  EXPECT_EQ(ask("SELECT count(*) FROM " + in_schema("leat_deleted_users")), "0");
}

TEST_F(PostgresSinkTest, DeletionsAreForgottenWhenNoDeadLetterIsOlder) {
  auto table = users();
  table.deletes = true, table.deletes_kept_ms = 0;
  stream::Sink& s = sink(table);
  ASSERT_OK(s.open());
  put_and_delete(s, table, {}, {{1, 10}}, -1, 1);
  EXPECT_EQ(ask("SELECT count(*) FROM " + in_schema("leat_deleted_users")), "1");
  ASSERT_OK(s.open());
  EXPECT_EQ(ask("SELECT count(*) FROM " + in_schema("leat_deleted_users")), "0");
  table.deletes_kept_ms = -1;
  stream::Sink& keeps = sink(table);
  ASSERT_OK(keeps.open());
  put_and_delete(keeps, table, {}, {{1, 10}}, 1, 2);
  ASSERT_OK(keeps.open());
  EXPECT_EQ(ask("SELECT count(*) FROM " + in_schema("leat_deleted_users")), "1");
}

TEST_F(PostgresSinkTest, ADeleteThatTheDatabaseRefusesIsAPlainReject) {
  auto table = users();
  table.deletes = true;
  stream::Sink& s = sink(table);
  ASSERT_OK(s.open());
  put(s, table, {{1, "one", 10}, {2, "two", 11}}, -1, 2);
  run(fmt::format("CREATE TABLE {}.orders (of_user bigint REFERENCES {})", schema_,
                  in_schema("users")));
  run(fmt::format("INSERT INTO {}.orders VALUES (1)", schema_));
  const auto refused = put_and_delete(s, table, {{3, "three", 14}}, {{1, 12}, {2, 13}}, 2, 5);
  ASSERT_EQ(refused.size(), 1u);
  EXPECT_EQ(refused[0].chunk, 1u);
  EXPECT_EQ(refused[0].row, 0u);
  EXPECT_THAT(refused[0].message, HasSubstr("violates foreign key"));
  EXPECT_EQ(ask("SELECT count(*) FROM " + in_schema("users")), "2");
}

TEST_F(PostgresSinkTest, ALoginWithoutRightsSaysSo) {
  run("CREATE SCHEMA " + schema_);
  const std::string role = "reader_" + schema_;
  run(fmt::format("CREATE ROLE {} LOGIN PASSWORD 'x'; GRANT USAGE ON SCHEMA {} TO {}", role,
                  schema_, role));
  const std::string dsn = fmt::format("postgresql://{}:x@{}/leat", role,
                                      clients::postgres_hosts(leat::testing::postgres_dsn())[0]);
  config::Diagnostics diagnostics;
  auto node = config::parse_yaml(fmt::format("{{dsn: \"{}\", schema: {}}}", dsn, schema_),
                                 "test.yaml", diagnostics);
  stream::StoreContext context;
  context.store = "warehouse", context.clock = &io::system_clock();
  auto store = registry_.store("postgres")->open(*node, context);
  ASSERT_OK(store);
  auto made = (*store)->make_sink(users({}));
  ASSERT_OK(made);
  auto opened = (*made)->open();
  ASSERT_FALSE(opened.has_value());
  EXPECT_EQ(opened.error().code(), ErrorCode::kPermission);
  EXPECT_EQ(opened.error().retry(), Retry::kNever);
  made->reset();
  run(fmt::format("REVOKE USAGE ON SCHEMA {} FROM {}", schema_, role));
  run("DROP ROLE " + role);
}

}  // namespace
}  // namespace leat::components::testing::sink_postgres_test
