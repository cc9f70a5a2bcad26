// What the engine holds; between engine.cc, which opens and loads, and compile.cc.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "sql/duckdb_raii.h"
#include "sql/engine.h"
#include "sql/functions.h"
#include "sql/input_function.h"
#include "sql/step.h"

namespace leat::sql {

struct Engine::Impl {
  Database database;
  Connection connection;  // for lookup tables
  FunctionCatalog functions;
  Mutex compiling;                            // held by compile(): one at a time
  std::map<std::string, LookupTable> tables;  // by lower-case name
  std::vector<std::unique_ptr<InputSlot>>
      slots;  // one per compiled query, for as long as the database
};

/// A session with what a replay depends on pinned: UTC, and errors that name their place when
/// `compiling`.
Result<Connection> open_session(const Database& database, bool compiling);

}  // namespace leat::sql
