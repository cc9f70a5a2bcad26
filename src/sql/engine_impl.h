// What the engine holds; between engine.cc, which opens and loads, and compile.cc.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "sql/duckdb_raii.h"
#include "sql/engine.h"
#include "sql/functions.h"
#include "sql/input_function.h"
#include "sql/step.h"

namespace leat::sql {

/// One in-memory database with what was made in it. After an internal error of DuckDB the engine opens the
/// next; the old one lives until its last query and its last output have gone.
struct Generation {
  std::vector<std::unique_ptr<InputSlot>> slots;  // one per compiled query; the database reads them
  Database database;
  Connection connection;  // for lookup tables
};

struct Engine::Impl {
  EngineOptions options;
  FunctionCatalog functions;
  std::map<std::string, LookupTable> tables;  // by lower-case name
  // Lookup tables once more, where no pipeline's SQL runs: a broken database answers nothing.
  std::optional<Database> kept;
  Mutex compiling;  // held by compile() and renew(): one at a time
  std::shared_ptr<Generation> generation;

  /// A new database with the settings, without lookup tables.
  Result<std::shared_ptr<Generation>> make() const;
  /// Takes the next generation, lookup tables included, when `broken` is still the present one.
  Result<void> renew(const std::shared_ptr<Generation>& broken);
  Result<Compiled> compile(const CompileInput& input);
};

/// A session with what a replay depends on pinned: UTC, and errors that name their place when
/// `compiling`.
Result<Connection> open_session(const Database& database, bool compiling);

}  // namespace leat::sql
