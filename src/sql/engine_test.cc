#include "sql/engine.h"

#include <gtest/gtest.h>

#include <string>

#include "sql/test_pipeline.h"

namespace leat::sql {
namespace {

TEST(EngineTest, RunsOneStep) {
  TestPipeline p({{"id", "INTEGER"}, {"born", "VARCHAR"}});
  p.step("SELECT id, born::DATE AS born FROM input");
  ASSERT_EQ(p.compile(), "");
  EXPECT_EQ(p.run({"1|2000-01-02", "2|x", "3|NULL"}),
            "0: 1|2000-01-02\n"
            "2: 3|NULL\n"
            "reject 1 transform expression_failed: column born: CAST(born AS DATE) failed\n");
}

}  // namespace
}  // namespace leat::sql
