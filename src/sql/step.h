// Compiles one step of a transform: from its admitted parse to the text of a SELECT over the step
// before, in which no record can make its neighbours fail and every row knows which of its columns
// failed.
//
// The form (hidden names begin with _leat):
//   SELECT _leat_ord, <meta>, _leat_c0 AS "id", (_leat_c1).v AS "born", <bits> AS _leat_f0
//   FROM (SELECT input._leat_ord, <meta>, input._leat_f0, input.id AS _leat_c0,
//                TRY({'v': CAST(input.born AS DATE)}) AS _leat_c1
//         FROM <step before> AS input LEFT JOIN ... WHERE ...)
// An expression that can fail is TRY({'v': e}): a NULL struct is a failure, {'v': NULL} a legal
// NULL. Each output column that can be failed has a bit in _leat_f0, _leat_f1 ...; it is set when
// its own expression failed or a column it reads had its bit set. Conditions (WHERE, ON) have bits
// that stay with the row.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "sql/admission.h"
#include "sql/ast.h"
#include "sql/scope.h"

namespace leat::sql {

/// A condition whose failure makes the row a reject, whatever is selected later.
struct RowFailure {
  int bit = 0;
  std::string origin;
};

/// What a step reads and what it makes: columns (types are set by the caller, who binds) and
/// failures.
struct StepShape {
  std::vector<Column> columns;
  std::vector<RowFailure> row_failures;
  size_t bits = 0;
  size_t words() const { return (bits + kBitsPerWord - 1) / kBitsPerWord; }
  static constexpr size_t kBitsPerWord = 62;  // of a BIGINT, sign and a spare apart
};

/// A lookup table as the step sees it.
struct LookupTable {
  std::string name;
  std::vector<Column> columns;
};

struct CompiledStep {
  std::string sql;  // SELECT ... FROM <from>
  StepShape shape;
  std::vector<Reference> reads;  // columns and struct paths of input
};

struct StepContext {
  Parser& parser;
  Connection& connection;  // holds temp table "input" with the step's input columns, for what
                           // DuckDB must say
  const StepShape& input;
  const std::set<Meta>& metas;                       // that travel through the query
  const std::map<std::string, LookupTable>& tables;  // by lower-case name
  std::string from;  // the text that reads the step before: a CTE's name or a call
};

/// Compiles an admitted node. `problem` is set for what only shows here (a name that means nothing,
/// two columns of one name, a join on incompatible types).
Result<CompiledStep> compile_step(const Json& node, const std::vector<FromItem>& from,
                                  StepContext& context, std::optional<Problem>& problem);

}  // namespace leat::sql
