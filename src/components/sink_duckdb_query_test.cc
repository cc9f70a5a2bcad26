#include <fmt/core.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <thread>

#include "components/sink_duckdb_fixture.h"
#include "io/file.h"
#include "sql/duckdb_raii.h"
#include "sql/memory.h"
#include "testing/temp_dir.h"

namespace leat::components::testing {
namespace {

class DuckdbQueryTest : public ::testing::Test {
 protected:
  void SetUp() override {
    open({});
    auto table = users();
    sink_ = *store_->make_sink("serving", table);
    ASSERT_OK(sink_->open());
    ASSERT_OK(sink_->write(
        batch_of(table, {{1, "ann", 1}, {2, "bob, \"b\"", 2}, {3, std::nullopt, 3}}, -1, 3)
            ->batch));
  }
  void open(DuckdbOptions options) {
    sink_.reset();
    store_.reset();
    auto opened = DuckdbStore::open(path(), options);
    ASSERT_TRUE(opened.has_value()) << opened.error().to_string();
    store_ = *opened;
  }
  std::string path() const { return dir_ / std::string(kDuckdbFile); }
  ErrorCode refused(const std::string& sql, QueryLimits limits = {}) {
    auto rows = store_->query(sql, limits);
    EXPECT_FALSE(rows.has_value()) << sql;
    return rows ? ErrorCode::kInternal : rows.error().code();
  }
  std::string ask(const std::string& sql) { return testing::ask(*store_, sql); }

  leat::testing::TempDir dir_;
  std::shared_ptr<DuckdbStore> store_;
  std::unique_ptr<stream::Sink> sink_;
};

TEST_F(DuckdbQueryTest, ReadsShortAndFullNames) {
  EXPECT_EQ(ask("SELECT name FROM users ORDER BY id"), "ann|bob, \"b\"|NULL");
  EXPECT_EQ(ask("WITH x AS (SELECT * FROM serving.users) SELECT count(*) FROM x"), "3");
  EXPECT_EQ(ask("SHOW TABLES"), "users");
  auto rows = store_->query("SELECT id, name, id::HUGEINT AS big FROM users", {});
  ASSERT_OK(rows);
  ASSERT_EQ(rows->schema.fields.size(), 3u);
  EXPECT_EQ(rows->schema.fields[2].name, "big");
  EXPECT_EQ(rows->schema.fields[2].type.kind(), types::Kind::kInt128);
}

TEST_F(DuckdbQueryTest, AmbiguousShortNamesAreNotGuessed) {
  auto table = users();
  table.sink = "warehouse.users";
  auto other = store_->make_sink("warehouse", table);
  ASSERT_OK(other);
  ASSERT_OK((*other)->open());
  const std::string answer = ask("SELECT count(*) FROM users");
  EXPECT_NE(answer.find("serving.users"), std::string::npos) << answer;
  EXPECT_EQ(ask("SELECT count(*) FROM warehouse.users"), "0");
}

TEST_F(DuckdbQueryTest, OnlyOneSelectPasses) {
  const std::string out = dir_ / "out.csv";
  for (const std::string& sql :
       {"COPY users TO '" + out + "'", std::string("DELETE FROM serving.users__base"),
        std::string("SELECT 1; SELECT 2"), std::string("SET memory_limit='1TB'"),
        std::string("ATTACH 'x'"), std::string("SELECT * FROM read_csv('/etc/passwd')"),
        std::string("FROM '/etc/passwd'"), std::string("CREATE TABLE t (i INT)"),
        std::string("CHECKPOINT"), std::string("")}) {
    EXPECT_NE(refused(sql), ErrorCode::kInternal) << sql;
  }
  EXPECT_FALSE(io::exists(out));
  EXPECT_EQ(ask("SELECT count(*) FROM users"), "3");
}

TEST_F(DuckdbQueryTest, RowsBytesAndTimeAreCapped) {
  QueryLimits few;
  few.max_rows = 2050;
  auto rows = store_->query("SELECT range FROM range(5000)", few);
  ASSERT_OK(rows);
  EXPECT_EQ(rows->rows, 2050);
  EXPECT_TRUE(rows->truncated);
  size_t counted = 0;
  for (auto& batch : rows->batches) counted += batch.rows;
  EXPECT_EQ(counted, 2050u);
  few.max_rows = 5000;
  rows = store_->query("SELECT range FROM range(5000)", few);
  ASSERT_OK(rows);
  EXPECT_FALSE(rows->truncated);
  few.max_bytes = 1000;
  EXPECT_EQ(refused("SELECT range FROM range(5000)", few), ErrorCode::kLimit);
  QueryLimits quick;
  quick.deadline_ms = 50;
  EXPECT_EQ(refused("SELECT count(*) FROM range(1000000000) a, range(1000000000) b WHERE a.range % "
                    "3 = b.range % 7",
                    quick),
            ErrorCode::kTimeout);
  EXPECT_EQ(ask("SELECT count(*) FROM users"), "3");
}

// The worst that were found: none of them is seen by DuckDB's memory_limit. Each would take 8 GB or more.
TEST_F(DuckdbQueryTest, MemoryIsBoundedWhereDuckdbDoesNotCount) {
  if (!sql::memory_is_bounded()) GTEST_SKIP() << "this DuckDB has no jemalloc";
  for (const char* sql : {"SELECT len(range(n + 999999999)) FROM range(1) t(n)",
                          "SELECT len(list_transform(range(n + 40000), x -> range(40000))) FROM "
                          "range(1) t(n)",
                          "SELECT len(repeat([n, 2], 500000000)) FROM range(1) t(n)",
                          "SELECT max(len(range(n + 1000000))) FROM range(2000) t(n)"}) {
    EXPECT_EQ(refused(sql), ErrorCode::kLimit) << sql;
    EXPECT_EQ(ask("SELECT count(*) FROM users"), "3") << sql;
  }
#ifndef __SANITIZE_THREAD__  // whose own memory is several times that of the program
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  EXPECT_LT(static_cast<size_t>(usage.ru_maxrss) * 1024, limits::kDuckdbBytes + 512 * limits::kMiB);
#endif
}

TEST_F(DuckdbQueryTest, StopEndsAQuery) {
  std::stop_source stop;
  stop.request_stop();
  auto rows = store_->query(
      "SELECT count(*) FROM range(1000000000) a, range(1000000000) b WHERE a.range % 3 = b.range % "
      "7",
      {}, stop.get_token());
  ASSERT_FALSE(rows.has_value());
  EXPECT_EQ(rows.error().code(), ErrorCode::kCancelled);
}

TEST_F(DuckdbQueryTest, StopEndsAQueryThatIsBeingPrepared) {
  std::string joins = "SELECT count(*) FROM range(9) t0";
  for (int i = 1; i < 10; ++i)
    joins += fmt::format(" JOIN range(9) t{0} ON t{0}.range = t{1}.range", i, i / 2);
  // Were it not stopped, it would run to its deadline.
  joins += ", range(1000000000) a, range(1000000000) b WHERE a.range % 3 = b.range % 7";
  QueryLimits limits;
  limits.deadline_ms = 2000;
  std::stop_source stop;
  stop.request_stop();
  for (int i = 0; i < 10; ++i) {
    auto rows = store_->query(joins, limits, stop.get_token());
    ASSERT_FALSE(rows);
    EXPECT_EQ(rows.error().code(), ErrorCode::kCancelled) << rows.error().to_string();
  }
}

TEST_F(DuckdbQueryTest, ListsTablesWithoutTheirParts) {
  auto tables = store_->tables();
  ASSERT_OK(tables);
  ASSERT_EQ(tables->size(), 1u);
  EXPECT_EQ((*tables)[0].store, "serving");
  EXPECT_EQ((*tables)[0].name, "users");
  EXPECT_EQ((*tables)[0].rows, 3);
  EXPECT_EQ((*tables)[0].key, std::vector<std::string>{"id"});
  ASSERT_EQ((*tables)[0].columns.size(), 3u);
  EXPECT_EQ((*tables)[0].columns[2].name, "_leat_version");
}

TEST_F(DuckdbQueryTest, ExportsTablesAndQueries) {
  const std::string csv = dir_ / "users.csv", parquet = dir_ / "it's.parquet";
  auto rows = store_->export_table("SELECT id, name FROM users ORDER BY id;", csv);
  ASSERT_OK(rows);
  EXPECT_EQ(*rows, 3);
  EXPECT_EQ(*io::read_file(csv, 1000), "id,name\n1,ann\n2,\"bob, \"\"b\"\"\"\n3,\n");
  for (const char* name : {"users", "serving.users"}) {
    rows = store_->export_table(name, parquet);
    ASSERT_OK(rows);
    EXPECT_EQ(*rows, 3);
  }
  auto memory = sql::Database::open("", {});
  auto c = sql::Connection::open(*memory);
  auto count = c->query("SELECT sum(id)::VARCHAR FROM '" + dir_.path() + "/it''s.parquet'");
  ASSERT_OK(count);
  EXPECT_EQ(*count->first_text(), "6");
  EXPECT_FALSE(store_->export_table("users", dir_ / "x.txt").has_value());
  auto missing = store_->export_table("nobody", csv);
  ASSERT_FALSE(missing.has_value());
  EXPECT_NE(missing.error().to_string().find("serving.users"), std::string::npos);
  EXPECT_FALSE(store_->export_table("DROP VIEW users", csv).has_value());
  EXPECT_FALSE(store_->export_table("users", dir_ / "no/such/x.csv").has_value());
}

TEST_F(DuckdbQueryTest, ABackupIsAStoreOfItsOwn) {
  ASSERT_OK(store_->backup(dir_ / "copy"));
  EXPECT_FALSE(store_->backup(dir_ / "copy").has_value());  // it exists
  auto table = users();
  ASSERT_OK(sink_->write(batch_of(table, {{9, "later", 9}}, 3, 4)->batch));
  auto copy = DuckdbStore::open(dir_ / "copy/" + std::string(kDuckdbFile), {});
  ASSERT_OK(copy);
  EXPECT_EQ(testing::ask(**copy, "SELECT name FROM users ORDER BY id"), "ann|bob, \"b\"|NULL");
  auto sink = (*copy)->make_sink("serving", table);
  ASSERT_OK(sink);
  auto rows = (*sink)->open();
  ASSERT_OK(rows);
  ASSERT_EQ(rows->size(), 1u);
  EXPECT_EQ((*rows)[0].next, 3);
  ASSERT_OK((*sink)->write(batch_of(table, {{1, "anna", 10}}, 3, 4)->batch));
  EXPECT_EQ(testing::ask(**copy, "SELECT name FROM users WHERE id = 1"), "anna");
}

TEST_F(DuckdbQueryTest, BackupsAndQueriesBesideWritersAreConsistent) {
  auto table = users({}, "log");
  auto sink = store_->make_sink("serving", table);
  ASSERT_OK(sink);
  ASSERT_OK((*sink)->open());
  std::atomic<bool> done = false;
  std::thread writer([&] {
    for (int64_t n = 0; !done; ++n) {
      auto written =
          (*sink)->write(batch_of(table, {{n, "x", n + 1}}, n == 0 ? -1 : n, n + 1)->batch);
      ASSERT_TRUE(written.has_value()) << written.error().to_string();
    }
  });
  for (int round = 0; round < 3; ++round) {
    const std::string to = dir_ / fmt::format("copy{}", round);
    auto made = store_->backup(to);
    EXPECT_TRUE(made.has_value()) << made.error().to_string();
    DuckdbOptions options;
    options.read_only = true;
    auto copy = DuckdbStore::open(to + "/" + std::string(kDuckdbFile), options);
    EXPECT_TRUE(copy.has_value());
    EXPECT_EQ(testing::ask(**copy,
                           "SELECT count(*) - coalesce((SELECT max(next) FROM leat.leat_progress "
                           "WHERE sink = 'serving.log'), 0) "
                           "FROM log"),
              "0");
  }
  done = true;
  writer.join();
}

TEST_F(DuckdbQueryTest, ReadOnlyWhenNothingRuns) {
  DuckdbOptions options;
  options.read_only = true;
  auto held = DuckdbStore::open(path(), options);
  ASSERT_FALSE(held.has_value());
  EXPECT_EQ(held.error().code(), ErrorCode::kConflict);
  auto twice = DuckdbStore::open(path(), {});
  ASSERT_FALSE(twice.has_value());
  EXPECT_EQ(twice.error().code(), ErrorCode::kConflict);
  open(options);
  EXPECT_EQ(ask("SELECT count(*) FROM users"), "3");
  auto rows = store_->export_table("users", dir_ / "u.csv");
  ASSERT_OK(rows);
  EXPECT_EQ(*rows, 3);
  ASSERT_OK(store_->backup(dir_ / "copy"));
  auto none = DuckdbStore::open(dir_ / "nothing.duckdb", options);
  ASSERT_FALSE(none.has_value());
  EXPECT_EQ(none.error().code(), ErrorCode::kNotFound);
}

}  // namespace
}  // namespace leat::components::testing
