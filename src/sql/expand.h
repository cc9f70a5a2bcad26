// Stars in a select list, written out: *, t.*, s.* of a struct, COLUMNS(...), EXCLUDE, REPLACE,
// RENAME.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "sql/ast.h"
#include "sql/scope.h"

namespace leat::sql {

/// One column of a select list without stars: its expression (alias removed), and its name where
/// the star or an alias gives one; else empty, and DuckDB names it.
struct Item {
  Json expression;
  std::string name;
  size_t offset = 0;
  size_t source = 0;  // which item of the user's list
};

struct Expansion {
  Parser& parser;
  Connection& connection;  // knows every relation by the alias in `scope`, without hidden columns
  const Scope& scope;
  const std::vector<std::string>& merged;  // USING columns, lower case: shown once
};

/// Writes a select list out. `problem` for a star that fits nothing or takes away what is not
/// there.
Result<std::vector<Item>> expand(const Json& select_list, Expansion& context,
                                 std::optional<Problem>& problem);

/// A COLUMN_REF node.
Json column_reference(std::vector<std::string> names);

}  // namespace leat::sql
