// POST /api/v1/sql: how many queries may run at a time.
#include <gtest/gtest.h>

#include <latch>
#include <thread>
#include <vector>

#include "base/limits.h"
#include "server/fixture.h"

namespace leat::server {
namespace {

TEST_F(ApiTest, OneQueryMoreThanMayRunIsRefusedUntilOneEnds) {
  std::latch entered(limits::kMaxApiQueries), leave(1);
  backend_.store.query = [&](const StoreQuery& query) -> Result<StoreAnswer> {
    if (query.sql == "SELECT 'long'") {
      entered.count_down();
      leave.wait();
    }
    StoreAnswer answer;
    answer.rows = "[]";
    return answer;
  };
  {
    std::vector<std::jthread> running;
    for (int i = 0; i < limits::kMaxApiQueries; ++i)
      running.emplace_back([&] { ask("POST", "/api/v1/sql", {{"query", "SELECT 'long'"}}); });
    entered.wait();
    const Json refused = ask("POST", "/api/v1/sql", {{"query", "SELECT 1"}}, 503);
    EXPECT_EQ(refused["error"]["message"],
              fmt::format("{} queries are running already", limits::kMaxApiQueries));
    leave.count_down();
  }
  ask("POST", "/api/v1/sql", {{"query", "SELECT 1"}});
}

}  // namespace
}  // namespace leat::server
