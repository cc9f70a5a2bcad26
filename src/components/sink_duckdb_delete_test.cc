// Rows that are deleted in the embedded store: before and after folds, and until their deletion is forgotten.
#include <fmt/core.h>
#include <gtest/gtest.h>

#include "components/sink_duckdb.h"
#include "components/sink_duckdb_fixture.h"
#include "testing/manual_clock.h"
#include "testing/temp_dir.h"

namespace leat::components::testing {
namespace {

class DuckdbDeleteTest : public ::testing::Test {
 protected:
  void SetUp() override { open_store(&io::system_clock()); }
  void open_store(io::Clock* clock) {
    sinks_.clear();
    store_.reset();
    DuckdbOptions options;
    options.clock = clock;
    auto opened = DuckdbStore::open(dir_ / std::string(kDuckdbFile), options);
    ASSERT_OK(opened);
    store_ = *opened;
  }
  stream::Sink& opened(const stream::SinkTable& table) {
    auto made = store_->make_sink("serving", table);
    CHECK(made.has_value(), "{}", made.error().to_string());
    sinks_.push_back(std::move(*made));
    EXPECT_TRUE(sinks_.back()->open().has_value());
    return *sinks_.back();
  }
  std::string ask(const std::string& sql) { return testing::ask(*store_, sql); }

  leat::testing::TempDir dir_;
  std::shared_ptr<DuckdbStore> store_;
  std::vector<std::unique_ptr<stream::Sink>> sinks_;
};

TEST_F(DuckdbDeleteTest, ADeletedRowStaysAwayUntilANewerOneComes) {
  auto table = users();
  table.deletes = true;
  stream::Sink& s = opened(table);
  const auto name_of = [&](int64_t id) {
    return ask(fmt::format("SELECT name FROM users WHERE id = {}", id));
  };
  check_deletes(s, table, name_of, [&] { ASSERT_OK(store_->settle()); });
  EXPECT_TRUE(ask("SELECT _leat_deleted FROM users").starts_with("ERROR"));
}

TEST_F(DuckdbDeleteTest, ATableThatIsThereGetsItsFirstDeletes) {
  auto table = users();
  put(opened(table), table, {{1, "one", 10}, {2, "two", 11}}, -1, 2);
  ASSERT_OK(store_->settle());
  table.deletes = true;
  put_and_delete(opened(table), table, {}, {{1, 12}}, 2, 3);
  EXPECT_EQ(ask("SELECT name FROM users"), "two");
  // Without deletes again, those that there were still hold.
  table.deletes = false;
  put(opened(table), table, {{1, "late", 9}, {3, "three", 13}}, 3, 5);
  ASSERT_OK(store_->settle());
  EXPECT_EQ(ask("SELECT name FROM users ORDER BY id"), "two|three");
}

TEST_F(DuckdbDeleteTest, DeletionsAreForgottenWhenNoDeadLetterIsOlder) {
  leat::testing::ManualClock clock;
  open_store(&clock);
  auto table = users();
  table.deletes = true, table.deletes_kept_ms = 1000;
  stream::Sink& s = opened(table);
  put_and_delete(s, table, {{2, "two", 11}}, {{1, 10}}, -1, 2);
  ASSERT_OK(store_->settle());
  EXPECT_EQ(ask("SELECT count(*) FROM serving.users__base"), "2");
  clock.advance_ms(1000);
  put(s, table, {{3, "three", 12}}, 2, 3);
  ASSERT_OK(store_->settle());
  EXPECT_EQ(ask("SELECT id FROM serving.users__base ORDER BY id"), "2|3");
}

}  // namespace
}  // namespace leat::components::testing
