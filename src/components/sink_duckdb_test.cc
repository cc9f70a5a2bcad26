#include "components/sink_duckdb.h"

#include <fmt/core.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <thread>

#include "base/strings.h"
#include "components/sink_duckdb_catalog.h"
#include "components/sink_duckdb_fixture.h"
#include "io/file.h"
#include "io/random.h"
#include "testing/temp_dir.h"

namespace leat::components::testing {
namespace {

class DuckdbSinkTest : public ::testing::Test {
 protected:
  void SetUp() override { reopen(); }
  void reopen(DuckdbOptions options = {}) {
    sinks_.clear();
    store_.reset();
    auto opened = DuckdbStore::open(path(), options);
    ASSERT_TRUE(opened.has_value()) << opened.error().to_string();
    store_ = *opened;
  }
  std::string path() const { return dir_ / std::string(kDuckdbFile); }
  stream::Sink& sink(const stream::SinkTable& table, const std::string& name = "serving") {
    auto made = store_->make_sink(name, table);
    CHECK(made.has_value(), "{}", made.error().to_string());
    sinks_.push_back(std::move(*made));
    return *sinks_.back();
  }
  static ErrorCode write_error(stream::Sink& sink, const stream::SinkTable& table,
                               const std::vector<Row>& rows, int64_t expected, int64_t next) {
    auto owned = batch_of(table, rows, expected, next);
    auto refused = sink.write(owned->batch);
    EXPECT_FALSE(refused.has_value());
    return refused ? ErrorCode::kInternal : refused.error().code();
  }
  std::string ask(const std::string& sql) { return testing::ask(*store_, sql); }

  leat::testing::TempDir dir_;
  std::shared_ptr<DuckdbStore> store_;
  std::vector<std::unique_ptr<stream::Sink>> sinks_;
};

TEST_F(DuckdbSinkTest, AppendKeepsEveryRowAndTheProgress) {
  auto table = users({});
  stream::Sink& s = sink(table);
  auto rows = s.open();
  ASSERT_OK(rows);
  EXPECT_TRUE(rows->empty());
  put(s, table, {{1, "a", 10}, {1, "a much longer name than twelve", 11}, {2, std::nullopt, 12}},
      -1, 3);
  put(s, table, {}, 3, 9);
  EXPECT_EQ(ask("SELECT name FROM serving.users ORDER BY id, name"),
            "a|a much longer name than twelve|NULL");
  reopen();
  rows = sink(table).open();
  ASSERT_OK(rows);
  ASSERT_EQ(rows->size(), 1u);
  EXPECT_EQ((*rows)[0].next, 9);
  EXPECT_EQ((*rows)[0].input, progress(table, 0, 0).input);
  EXPECT_EQ((*rows)[0].ledger, progress(table, 0, 9).ledger);
  EXPECT_EQ((*rows)[0].pipeline_hash, "h");
}

TEST_F(DuckdbSinkTest, LargeBatchesOfSeveralChunksArriveWhole) {
  auto table = users({});
  stream::Sink& s = sink(table);
  ASSERT_OK(s.open());
  std::vector<Row> many;
  for (int64_t i = 0; i < 5000; ++i)
    many.push_back({i, "a name that is not inlined " + std::to_string(i), i});
  auto first = batch_of(table, many, -1, 10000), second = batch_of(table, many, -1, 10000);
  first->batch.chunks.push_back(second->batch.chunks[0]);
  first->batch.versions.push_back(second->batch.versions[0]);
  first->batch.offsets.push_back(second->batch.offsets[0]);
  ASSERT_OK(s.write(first->batch));
  EXPECT_EQ(ask("SELECT count(*) FROM users WHERE name = 'a name that is not inlined ' || id"),
            "10000");
  EXPECT_EQ(ask("SELECT count(DISTINCT id) FROM users"), "5000");
}

TEST_F(DuckdbSinkTest, KeyedShowsTheHighestVersionBeforeAndAfterAFold) {
  auto table = users();
  stream::Sink& s = sink(table);
  ASSERT_OK(s.open());
  put(s, table, {{1, "one", 10}, {2, "two", 11}, {1, "uno", 12}}, -1, 3);
  const std::string query = "SELECT name || _leat_version FROM users ORDER BY id";
  EXPECT_EQ(ask(query), "uno12|two11");
  ASSERT_OK(store_->settle());
  EXPECT_EQ(ask(query), "uno12|two11");
  EXPECT_EQ(ask("SELECT count(*) FROM serving.users__tail"), "0");
  put(s, table, {{2, "due", 20}, {3, "three", 21}}, 3, 5);
  EXPECT_EQ(ask(query), "uno12|due20|three21");
  ASSERT_OK(store_->settle());
  EXPECT_EQ(ask(query), "uno12|due20|three21");
  EXPECT_EQ(ask("SELECT count(*) FROM serving.users__base"), "3");
}

TEST_F(DuckdbSinkTest, ReplayOfTheSameVersionsChangesNothing) {
  auto table = users();
  stream::Sink& s = sink(table);
  ASSERT_OK(s.open());
  const std::vector<Row> rows = {{1, "one", 10}, {2, "two", 11}};
  const std::string query = "SELECT name || _leat_version FROM users ORDER BY id";
  put(s, table, rows, -1, 2);
  put(s, table, rows, 2, 2);
  EXPECT_EQ(ask(query), "one10|two11");
  ASSERT_OK(store_->settle());
  put(s, table, rows, 2, 2);
  EXPECT_EQ(ask(query), "one10|two11");
  ASSERT_OK(store_->settle());
  EXPECT_EQ(ask(query), "one10|two11");
  EXPECT_EQ(ask("SELECT count(*) FROM serving.users__base"), "2");
}

TEST_F(DuckdbSinkTest, AnOlderVersionNeverReplacesANewer) {
  auto table = users();
  stream::Sink& s = sink(table);
  ASSERT_OK(s.open());
  const std::string query = "SELECT name || _leat_version FROM users ORDER BY id";
  put(s, table, {{1, "new", 100}}, -1, 1);
  put(s, table, {{1, "old", 50}}, 1, 2);  // both in the tail
  EXPECT_EQ(ask(query), "new100");
  ASSERT_OK(store_->settle());
  put(s, table, {{1, "older", 60}, {2, "x", 1}}, 2, 4);  // the newer one in the base
  EXPECT_EQ(ask(query), "new100|x1");
  ASSERT_OK(store_->settle());
  EXPECT_EQ(ask(query), "new100|x1");
  put(s, table, {{1, "again", 100}}, 4, 5);  // not older: applies
  EXPECT_EQ(ask(query), "again100|x1");
  ASSERT_OK(store_->settle());
  EXPECT_EQ(ask(query), "again100|x1");
}

TEST_F(DuckdbSinkTest, SeveralKeyColumnsOfOddNames) {
  auto table = users({"id", "a \"b\""}, "odd-name");
  table.schema.fields[1].name = "a \"b\"";
  stream::Sink& s = sink(table);
  ASSERT_OK(s.open());
  put(s, table, {{1, "x", 1}, {1, "y", 2}, {1, "x", 3}}, -1, 3);
  ASSERT_OK(store_->settle());
  put(s, table, {{1, "y", 4}}, 3, 4);
  EXPECT_EQ(ask("SELECT \"a \"\"b\"\"\" || _leat_version FROM serving.\"odd-name\" ORDER BY 1"),
            "x3|y4");
}

TEST_F(DuckdbSinkTest, PositionIsComparedAndSet) {
  auto table = users({});
  stream::Sink& s = sink(table);
  stream::Sink& zombie = sink(table);
  ASSERT_OK(s.open());
  ASSERT_OK(zombie.open());
  put(s, table, {{1, "a", 1}}, -1, 5);
  EXPECT_EQ(write_error(zombie, table, {{1, "z", 1}}, -1, 5),
            ErrorCode::kConflict);  // the first row exists
  EXPECT_EQ(write_error(zombie, table, {{1, "z", 1}}, 4, 6), ErrorCode::kConflict);
  put(s, table, {{2, "b", 2}}, 5, 6);
  EXPECT_EQ(ask("SELECT name FROM users ORDER BY id"), "a|b");
}

TEST_F(DuckdbSinkTest, TwoRowsFromOnePositionMakeOne) {
  auto table = users({});
  constexpr int kRounds = 20;
  for (int round = 0; round < kRounds; ++round) {
    table.pipeline = "round" + std::to_string(round);
    stream::Sink &a = sink(table), &b = sink(table);
    ASSERT_OK(a.open());
    ASSERT_OK(b.open());
    std::atomic<int> won = 0;
    int64_t expected = -1;
    const auto race = [&](stream::Sink& s) {
      auto owned = batch_of(table, {{round, "x", 1}}, expected, expected + 2);
      if (s.write(owned->batch)) ++won;
    };
    for (expected = -1; expected < 3; expected += 2) {
      won = 0;
      std::thread one([&] { race(a); }), two([&] { race(b); });
      one.join(), two.join();
      EXPECT_EQ(won, 1) << "from " << expected;
    }
  }
  EXPECT_EQ(ask("SELECT count(*) FROM users"), std::to_string(2 * kRounds));
}

TEST_F(DuckdbSinkTest, NullKeysAreRefusedAndNothingIsWritten) {
  auto table = users({"id", "name"});
  stream::Sink& s = sink(table);
  ASSERT_OK(s.open());
  auto refused =
      put(s, table, {{1, "a", 1}, {std::nullopt, std::nullopt, 2}, {3, std::nullopt, 3}}, -1, 3);
  ASSERT_EQ(refused.size(), 2u);
  EXPECT_EQ(refused[0].row, 1u);
  EXPECT_EQ(refused[1].row, 2u);
  EXPECT_NE(refused[1].message.find("name is NULL"), std::string::npos);
  EXPECT_EQ(ask("SELECT count(*) FROM users"), "0");
  auto rows = s.open();
  ASSERT_OK(rows);
  EXPECT_TRUE(rows->empty());
}

TEST_F(DuckdbSinkTest, ADroppedTableIsMadeAgainByReset) {
  auto table = users();
  stream::Sink& s = sink(table);
  ASSERT_OK(s.open());
  put(s, table, {{1, "a", 1}}, -1, 1);
  auto changed = users();
  changed.schema.fields[1].type = types::Kind::kInt64;
  stream::Sink& other = sink(changed);
  ASSERT_FALSE(other.open().has_value());
  ASSERT_OK(other.reset({}, true));
  auto rows = other.open();
  ASSERT_OK(rows);
  EXPECT_TRUE(rows->empty());
  EXPECT_EQ(ask("SELECT count(*) FROM users"), "0");
}

TEST_F(DuckdbSinkTest, ResetRewritesProgressAndTruncates) {
  auto table = users();
  stream::Sink& s = sink(table);
  ASSERT_OK(s.open());
  put(s, table, {{1, "a", 1}}, -1, 10);
  const std::vector<stream::Progress> back = {progress(table, 0, 4)};
  ASSERT_OK(s.reset(back, false));
  EXPECT_EQ(ask("SELECT count(*) FROM users"), "1");
  put(s, table, {{2, "b", 2}}, 4, 11);
  ASSERT_OK(store_->settle());
  put(s, table, {{3, "c", 3}}, 11, 12);
  ASSERT_OK(s.reset(back, true));
  EXPECT_EQ(ask("SELECT count(*) FROM users"), "0");
  put(s, table, {{5, "e", 2}}, 4, 5);
  EXPECT_EQ(ask("SELECT name FROM users"), "e");
}

TEST_F(DuckdbSinkTest, AddedColumnsEvolveTheTable) {
  for (bool keyed : {true, false}) {
    auto table = users(keyed ? std::vector<std::string>{"id"} : std::vector<std::string>{},
                       keyed ? "k" : "a");
    stream::Sink& s = sink(table);
    ASSERT_OK(s.open());
    put(s, table, {{1, "a", 1}}, -1, 1);
    ASSERT_OK(store_->settle());
    put(s, table, {{2, "b", 2}}, 1, 2);
    auto wider = table;
    // Two added, and the order changed: names count, not places.
    wider.schema.fields = {column("id", types::Kind::kInt64), column("name", types::Kind::kVarchar),
                           column("tags", types::Type::list(types::Kind::kVarchar)),
                           column("age", types::Kind::kInt32)};
    stream::Sink& t = sink(wider);
    ASSERT_OK(t.open());
    put(t, wider, {{3, "c", 3}}, 2, 3);
    ASSERT_OK(store_->settle());
    EXPECT_EQ(ask(fmt::format("SELECT name FROM {} WHERE age IS NULL AND tags IS NULL ORDER BY id",
                              table.table)),
              "a|b|c");
    reopen();
    EXPECT_EQ(ask(fmt::format("SELECT count(*) FROM {} WHERE age IS NULL", table.table)), "3");
    std::swap(wider.schema.fields[2], wider.schema.fields[3]);
    stream::Sink& u = sink(wider);
    ASSERT_OK(u.open());
    put(u, wider, {{4, "d", 4}}, 3, 4);
    EXPECT_EQ(ask(fmt::format("SELECT count(*) FROM {} WHERE name IN ('c', 'd')", table.table)),
              "2");
  }
}

TEST_F(DuckdbSinkTest, IncompatibleChangesAreRefusedWithTheDifference) {
  auto table = users();
  ASSERT_OK(sink(table).open());
  auto changed = users();
  changed.schema.fields = {column("id", types::Kind::kVarchar),
                           column("mail", types::Kind::kVarchar)};
  changed.key = {"mail"};
  auto opened = sink(changed).open();
  ASSERT_FALSE(opened.has_value());
  EXPECT_EQ(opened.error().code(), ErrorCode::kIncompatible);
  EXPECT_EQ(exit_code(opened.error()), 2);
  const std::string text = opened.error().to_string();
  for (const char* part :
       {"column id: the table has BIGINT, the pipeline gives VARCHAR",
        "key: the table has (id), the pipeline (mail)",
        "column name VARCHAR: in the table, not in the pipeline's output", "reset"}) {
    EXPECT_NE(text.find(part), std::string::npos) << text;
  }
  EXPECT_FALSE(sink(users({})).open().has_value());  // keyed once, append now
  auto append = users({}, "plain");
  ASSERT_OK(sink(append).open());
  EXPECT_FALSE(sink(users({"id"}, "plain")).open().has_value());
}

TEST_F(DuckdbSinkTest, ImpossibleTablesAreRefusedAtOnce) {
  EXPECT_FALSE(store_->make_sink("temp", users()).has_value());
  EXPECT_FALSE(store_->make_sink("leat", users()).has_value());
  EXPECT_FALSE(store_->make_sink("serving", users({"nope"})).has_value());
  EXPECT_FALSE(store_->make_sink("serving", users({}, "t__tail")).has_value());
  auto own = users();
  own.schema.fields[1].name = "_leat_version";
  EXPECT_FALSE(store_->make_sink("serving", own).has_value());
  auto untyped = users();
  untyped.schema.fields[1].type = types::Type();
  auto made = store_->make_sink("serving", untyped);
  ASSERT_FALSE(made.has_value());
  EXPECT_NE(made.error().to_string().find("CAST(NULL AS VARCHAR)"), std::string::npos);
}

TEST_F(DuckdbSinkTest, TheUsersOwnConstraintsRefuseSingleRows) {
  {
    auto raw = sql::Database::open("", {});  // a shell of the user's, before leat runs
    ASSERT_OK(raw);
  }
  sinks_.clear();
  store_.reset();
  {
    auto database = sql::Database::open(path(), {});
    ASSERT_OK(database);
    auto c = sql::Connection::open(*database);
    ASSERT_OK(c);
    ASSERT_OK(
        c->run("CREATE SCHEMA serving; CREATE TABLE serving.users (name VARCHAR NOT NULL, id "
               "BIGINT CHECK (id < 1000))"));
    ASSERT_OK(c->run("CREATE TABLE serving.unique_users (id BIGINT PRIMARY KEY, name VARCHAR)"));
  }
  reopen();
  auto table = users({});
  stream::Sink& s = sink(table);
  ASSERT_OK(s.open());
  std::vector<Row> rows;
  for (int64_t i = 0; i < 3000; ++i)
    rows.push_back(
        {i == 2500 ? 5000 : i % 1000, i == 7 ? std::nullopt : std::optional<std::string>("n"), i});
  auto refused = put(s, table, rows, -1, 3000);
  ASSERT_EQ(refused.size(), 2u);
  EXPECT_EQ(refused[0].row, 7u);
  EXPECT_EQ(refused[1].row, 2500u);
  EXPECT_EQ(ask("SELECT count(*) FROM users"), "0");
  rows.erase(rows.begin() + 2500), rows.erase(rows.begin() + 7);
  EXPECT_TRUE(put(s, table, rows, -1, 3000).empty());
  EXPECT_EQ(ask("SELECT count(*) FROM users"), "2998");
  // What is not leat's to make anew is not emptied either when it does not fit.
  auto changed = users({});
  changed.schema.fields[0].type = types::Kind::kVarchar;
  stream::Sink& misfit = sink(changed);
  EXPECT_FALSE(misfit.open().has_value());
  EXPECT_FALSE(misfit.reset({}, true).has_value());
  EXPECT_EQ(ask("SELECT count(*) FROM users"), "2998");
  EXPECT_FALSE(sink(users({}, "unique_users")).open().has_value());
  EXPECT_FALSE(sink(users({"id"}, "unique_users")).open().has_value());
}

/// A store's file without the store around it, and a keyed table of one row (1, "a").
struct FileWithUsers {
  explicit FileWithUsers(const std::string& path)
      : file(StoreFile::open(path, {})),
        folder(**file),
        table(users()),
        sink(make_duckdb_sink(**file, folder, "serving", table)),
        session(**file),
        connection(session.connection()) {
    EXPECT_TRUE((*sink)->open().has_value());
    put(**sink, table, {{1, "a", 1}}, -1, 1);
  }
  Result<std::unique_ptr<StoreFile>> file;
  Folder folder;
  stream::SinkTable table;
  Result<std::unique_ptr<stream::Sink>> sink;
  PlainSession session;
  Result<sql::Connection*> connection;
};

// A checkpoint that is made to last a second; a reader inside keeps the second, short one away.
TEST_F(DuckdbSinkTest, WritersGoOnWhileACheckpointRuns) {
  sinks_.clear();
  store_.reset();
  FileWithUsers users_file(path());
  auto& [file, folder, table, made, session, c] = users_file;
  ASSERT_OK((*c)->run("SET debug_checkpoint_sleep_ms = 1000"));
  std::atomic<bool> done = false;
  {
    Gate::Pass reading = (*file)->readers().enter();
    const int64_t before = (*file)->wal_bytes();
    std::thread keeper([&file = file, &done] {  // clang 14 does not take bindings by [&]
      MutexLock lock((*file)->maintenance());
      auto checkpointed = (*file)->checkpoint();
      done = true;
      EXPECT_TRUE(checkpointed.has_value() && *checkpointed);
    });
    while ((*file)->wal_bytes() == before && !done) std::this_thread::yield();  // its mark
    put(**made, table, {{1, "b", 2}}, 1, 2);
    EXPECT_FALSE(done);
    keeper.join();
  }
  ASSERT_OK((*c)->run("SET debug_checkpoint_sleep_ms = 0"));
}

TEST_F(DuckdbSinkTest, AQueriesSnapshotDoesNotHoldUpACheckpoint) {
  sinks_.clear();
  store_.reset();
  FileWithUsers users_file(path());
  auto& [file, folder, table, made, session, c] = users_file;
  Gate::Pass reading = (*file)->readers().enter();
  const auto seen = [&c = c] { return one_text(**c, "SELECT min(name) FROM serving.users"); };
  ASSERT_OK((*c)->run("BEGIN"));
  EXPECT_EQ(*seen(), "a");
  put(**made, table, {{1, "b", 2}}, 1, 2);
  MutexLock lock((*file)->maintenance());
  ASSERT_OK(folder.fold(*folder.tables().at(0)));
  auto checkpointed = (*file)->checkpoint();
  ASSERT_OK(checkpointed);
  EXPECT_TRUE(*checkpointed);
  EXPECT_EQ((*file)->checkpointed().at(0).next, 2);
  EXPECT_EQ(*seen(), "a");
  ASSERT_OK((*c)->run("COMMIT"));
  EXPECT_EQ(*seen(), "b");
}

TEST_F(DuckdbSinkTest, DeletedRowsAreGivenBack) {
  constexpr int64_t kKeys = 1000, kRounds = 25;
  auto table = users();
  stream::Sink& s = sink(table);
  ASSERT_OK(s.open());
  io::Random random(15);
  int64_t next = -1, largest = 0;
  for (int64_t round = 0; round < kRounds; ++round) {
    for (int64_t part = 0; part < 4; ++part) {
      std::vector<Row> rows;
      for (int64_t i = 0; i < kKeys / 4; ++i) {
        const int64_t id = part * kKeys / 4 + i;
        if (round == 0 || random.below(3) == 0) rows.push_back({id, "n", round});
      }
      const int64_t at = round * 4 + part + 1;
      put(s, table, rows, next, at);
      next = at;
    }
    ASSERT_OK(store_->settle());
    const auto rows_of = [&](const char* of) {
      return std::stoll(ask(fmt::format("SELECT max(rowid) + 1 FROM {}", of)));
    };
    largest = std::max<int64_t>(largest, rows_of("serving.users__base"));
    EXPECT_EQ(ask("SELECT count(*) FROM users"), std::to_string(kKeys));
    EXPECT_EQ(ask("SELECT count(*) FROM serving.users__base"), std::to_string(kKeys));
    EXPECT_EQ(ask("SELECT max(rowid) + 1 FROM leat.leat_progress"), "1");
  }
  // A third of what is alive, what a fold adds, and a row group that has moved in part. Six times without moving.
  EXPECT_LE(largest, kKeys * 5 / 2);
  EXPECT_GT(largest, kKeys);
}

TEST_F(DuckdbSinkTest, FoldsBesideWritersAndReadersLoseNothing) {
  DuckdbOptions options;
  options.tail_rows = 500, options.wal_bytes = 64 * 1024;
  reopen(options);
  constexpr int64_t kBatches = 150, kRows = 20, kKeys = 37;
  std::atomic<bool> done = false;
  auto one = users(), two = users({"id"}, "others");
  const auto writer = [&](const stream::SinkTable& table, stream::Sink& s) {
    for (int64_t b = 0; b < kBatches; ++b) {
      std::vector<Row> rows;
      for (int64_t i = 0; i < kRows; ++i) {
        const int64_t n = b * kRows + i;
        rows.push_back({n % kKeys, "value " + std::to_string(n), n + 1});
      }
      put(s, table, rows, b == 0 ? -1 : b * kRows, (b + 1) * kRows);
    }
  };
  stream::Sink &s = sink(one), &t = sink(two);
  ASSERT_OK(s.open());
  ASSERT_OK(t.open());
  std::thread keeper([&] {
    while (!done) EXPECT_TRUE(store_->maintain().has_value());
  });
  std::thread reader([&] {
    while (!done) {
      // Within one snapshot: never two rows a key, and what is shown is what the position says.
      EXPECT_EQ(ask("SELECT count(*) FROM (SELECT id FROM users GROUP BY id HAVING count(*) > 1)"),
                "0");
      const std::string max =
          ask("SELECT coalesce(max(_leat_version), 0) - coalesce((SELECT max(next) FROM "
              "leat.leat_progress "
              "WHERE sink = 'serving.users'), 0) FROM users");
      EXPECT_EQ(max, "0");
    }
  });
  std::thread a([&] { writer(one, s); }), b([&] { writer(two, t); });
  a.join(), b.join();
  done = true;
  keeper.join(), reader.join();
  for (const char* name : {"users", "others"}) {
    EXPECT_EQ(ask(fmt::format("SELECT count(*) FROM {} WHERE _leat_version > {}", name,
                              kBatches * kRows - kKeys)),
              std::to_string(kKeys));
    EXPECT_EQ(ask(fmt::format(
                  "SELECT count(*) FROM {} WHERE name != 'value ' || (_leat_version - 1)", name)),
              "0");
  }
  reopen();
  EXPECT_EQ(ask("SELECT count(*) FROM users"), std::to_string(kKeys));
}

// The oracle keeps, per key, the last row that was not older; the store must agree after any mixture.
TEST_F(DuckdbSinkTest, AgreesWithASimpleModel) {
  io::Random random(7);
  auto table = users();
  stream::Sink& s = sink(table);
  ASSERT_OK(s.open());
  std::map<int64_t, std::pair<int64_t, std::string>> model;
  int64_t next = -1;
  for (int step = 0; step < 60; ++step) {
    std::vector<Row> rows;
    for (uint64_t i = 0; i < random.below(12); ++i) {
      const auto id = static_cast<int64_t>(random.below(15)),
                 version = static_cast<int64_t>(random.below(40));
      std::string name = fmt::format("{}.{}", step, i);
      rows.push_back({id, name, version});
      auto at = model.find(id);
      if (at == model.end() || at->second.first <= version) model[id] = {version, name};
    }
    put(s, table, rows, next, step);
    next = step;
    if (random.below(4) == 0) ASSERT_OK(store_->settle());
    std::string expected;
    for (auto& [id, value] : model)
      expected +=
          fmt::format("{}{}:{}:{}", expected.empty() ? "" : "|", id, value.first, value.second);
    ASSERT_EQ(ask("SELECT id || ':' || _leat_version || ':' || name FROM users ORDER BY id"),
              expected)
        << "step " << step;
  }
}

TEST_F(DuckdbSinkTest, TheRegisteredTypeSharesOneFile) {
  sinks_.clear();
  store_.reset();
  stream::Registry registry;
  auto hub = std::make_shared<DuckdbHub>();
  register_sink_duckdb(registry, hub);
  const stream::StoreType* type = registry.embedded_store();
  ASSERT_NE(type, nullptr);
  stream::StoreContext context;
  context.data_dir = dir_.path();
  context.store = "serving";
  auto one = type->open(config::Node(), context);
  ASSERT_OK(one);
  context.store = "warehouse";
  auto two = type->open(config::Node(), context);
  ASSERT_OK(two);
  auto table = users();
  for (auto* store : {&*one, &*two}) {
    auto made = (*store)->make_sink(table);
    ASSERT_OK(made);
    ASSERT_OK((*made)->open());
    ASSERT_TRUE((*store)->maintain().has_value());
    table.sink = "warehouse.users";
  }
  auto store = hub->open(path());
  ASSERT_OK(store);
  EXPECT_EQ(testing::ask(**store, "SELECT count(*) FROM warehouse.users"), "0");
  EXPECT_EQ(testing::ask(**store, "SELECT count(*) FROM serving.users"), "0");
  EXPECT_EQ(testing::ask(**store, "SELECT count(*) FROM users").substr(0, 5),
            "ERROR");  // which of the two?
}

}  // namespace
}  // namespace leat::components::testing
