// What a compiled query holds; between compile.cc, which makes it, and query.cc, which runs it.
#pragma once

#include <string>
#include <vector>

#include "sql/duckdb_raii.h"
#include "sql/engine.h"
#include "sql/input_function.h"
#include "sql/step.h"

namespace leat::sql {

/// A rules' word holds two bits a rule: its expression is not TRUE, its expression failed.
constexpr size_t kRulesPerWord = 32;

struct Query::Impl {
  Connection connection;
  Statement statement;        // output columns, _leat_ord, failure words, rules' words
  InputSlot* slot = nullptr;  // owned by the engine, since DuckDB keeps the table function
  types::Schema output;
  std::vector<types::Type> types;  // of the output, for views
  std::string text;
  StepShape shape;  // of the last step: whose failures the words tell
  std::vector<Rule> rules;
};

}  // namespace leat::sql
