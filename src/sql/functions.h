// Which functions a transform may call: DuckDB's own catalog of functions and our deny-list.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/strings.h"
#include "sql/ast.h"
#include "sql/duckdb_raii.h"

namespace leat::sql {

/// Read once from DuckDB when the engine opens; then constant, any thread.
class FunctionCatalog {
 public:
  static Result<FunctionCatalog> load(Connection& connection);
  /// Why `name` may not be called, or nullopt. A name that DuckDB does not know passes: binding
  /// says it better. `offset` is where it stands.
  std::optional<Problem> judge(std::string_view name, size_t offset) const;
  /// The same for a word that stands like a column (current_date): only the deny-list counts.
  static std::optional<Problem> judge_word(std::string_view name, size_t offset);

 private:
  std::set<std::string, std::less<>> aggregates_, unstable_, foreign_;
};

}  // namespace leat::sql
