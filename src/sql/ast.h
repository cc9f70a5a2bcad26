// The parsed statement as JSON (DuckDB's json_serialize_sql), back to text, and places in the text.
//
// Used by the compiler and the guard of this room, on the thread that compiles. DuckDB's own parser
// makes the tree, so what we judge is exactly what it would run; a node we do not know is refused
// by whoever walks.
#pragma once

#include <cstddef>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "sql/duckdb_raii.h"

namespace leat::sql {

using Json = nlohmann::json;

/// What is wrong with a text of the user's: where (byte offset in it), what, and what to do.
struct Problem {
  size_t offset = 0;
  std::string message, hint;
};

/// Line and column of a byte offset, both from 1; the column counts characters of UTF-8, not bytes.
struct Place {
  int line = 1, column = 1;
};
Place place_of(std::string_view text, size_t offset);

/// The Error of a problem: "line 3, column 8: message; hint".
Error to_error(const Problem& problem, std::string_view text);

/// A problem from an error of DuckDB under errors_as_json: type and position are read, candidates
/// that nobody can use (lists of overloads) are cut. `fallback` is the offset when DuckDB names
/// none.
Problem to_problem(std::string_view duckdb_message, size_t fallback);

/// Turns text into trees and back. One thread; keeps two prepared statements of the connection,
/// which must outlive it.
class Parser {
 public:
  static Result<Parser> open(Connection& connection);
  /// The one SELECT of `sql` (its "node"), or what is wrong with it. More or fewer statements,
  /// another kind and parameters are problems, too. An Error: DuckDB itself failed.
  Result<Json> parse_select(std::string_view sql, std::optional<Problem>& problem);
  /// The text of one expression of a tree, alias included when it has one.
  Result<std::string> text_of(const Json& expression);

 private:
  Statement serialize_, deserialize_;
};

/// Where an expression begins: its own query_location or, since DuckDB leaves out some, the least
/// one below it. nullopt when there is none.
std::optional<size_t> location_of(const Json& node);

/// Calls `visit` for every expression node (object with "class") below and including `node`,
/// parents first; stops descending where it returns false. Does not enter subqueries' statements.
void walk_expressions(const Json& node, const std::function<bool(const Json&)>& visit);

/// "class", "type" of an expression or table reference; empty when it has none.
std::string_view class_of(const Json& node);
std::string_view type_of(const Json& node);

}  // namespace leat::sql
