// Admission: which statements may be a step of a transform, and which expressions a rule. An
// allow-list over DuckDB's parse; a refusal names the place and the way to do it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "sql/ast.h"
#include "sql/functions.h"

namespace leat::sql {

/// A table of a step's FROM, in order of writing. The first one is `input`.
struct FromItem {
  std::string table, alias;
  bool inner = false;  // how it is joined: INNER, else LEFT; of no meaning for the first
  Json condition;      // ON, or null
  std::vector<std::string> columns;  // USING
  size_t offset = 0;
};

/// Judges a SELECT node as a step over `input` and the lookup `tables`; fills `from` when it
/// passes.
std::optional<Problem> admit_step(const Json& node, const FunctionCatalog& functions,
                                  const std::vector<std::string>& tables,
                                  std::vector<FromItem>& from);

/// Judges `SELECT <rule>`'s node as a rule: one expression over the row, without unnest and stars.
std::optional<Problem> admit_rule(const Json& node, const FunctionCatalog& functions);

/// True for a call of unnest.
bool is_unnest(const Json& expression);

}  // namespace leat::sql
