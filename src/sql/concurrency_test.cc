// Lanes of one pipeline share an engine: they compile at the same time and run beside each other.
#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "sql/engine.h"

namespace leat::sql {
namespace {

TEST(EngineConcurrency, LanesCompileAndLetGoAtTheSameTime) {
  auto engine = Engine::open({}).value();
  CompileInput input;
  input.input.fields = {{"id", types::Kind::kVarchar}, {"n", types::Kind::kVarchar}};
  input.steps = {{"SELECT id::UUID AS id, n::INTEGER AS n FROM input"}};
  input.rules = {{"positive", "n > 0"}};
  std::vector<std::thread> lanes;
  std::atomic<int> compiled{0};
  for (int lane = 0; lane < 4; ++lane) {
    lanes.emplace_back([&] {
      for (int round = 0; round < 8; ++round) {
        auto made = engine->compile(input);
        if (made && made->query && made->query->output().fields.size() == 2) ++compiled;
      }
    });
  }
  for (auto& lane : lanes) lane.join();
  EXPECT_EQ(compiled.load(), 32);
}

}  // namespace
}  // namespace leat::sql
