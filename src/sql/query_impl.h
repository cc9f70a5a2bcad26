// What a compiled query holds; between compile.cc, which makes it, and query.cc, which runs it.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "sql/duckdb_raii.h"
#include "sql/engine.h"
#include "sql/engine_impl.h"
#include "sql/input_function.h"
#include "sql/memory.h"
#include "sql/step.h"

namespace leat::sql {

/// A rules' word holds two bits a rule: its expression is not TRUE, its expression failed.
constexpr size_t kRulesPerWord = 32;

struct Query::Impl {
  // What hangs on a database; renew() makes it anew.
  std::shared_ptr<Generation> generation;
  Mutex changing;         // connection against interrupt()
  Connection connection;  // changed with `changing` held
  // DuckDB forgets an interrupt that comes between two executions, and a connection made anew never had it.
  std::atomic<bool> interrupted{false};
  Statement statement;        // output columns, _leat_ord, failure words, rules' words
  InputSlot* slot = nullptr;  // owned by the generation

  Engine::Impl* engine = nullptr;
  CompileInput source;
  types::Schema output;
  std::vector<types::Type> types;  // of the output, for views
  std::string text;
  StepShape shape;  // of the last step: whose failures the words tell
  std::vector<Rule> rules;

  /// After an internal error of DuckDB, which answers nothing more: the same query over the engine's next database.
  Result<void> renew();
};

}  // namespace leat::sql
