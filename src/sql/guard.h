// The guard of `leat sql` on a store: lets pass exactly one SELECT that only reads tables of the
// database.
//
// Called by components/sink_duckdb on the thread that will run the query. It judges DuckDB's own
// parse of the text by an allow-list, so a statement of a kind that nobody thought of is refused.
#pragma once

#include <string_view>

#include "base/result.h"
#include "sql/duckdb_raii.h"

namespace leat::sql {

/// Passes exactly one SELECT over tables and views that exist in `connection`'s database, CTEs,
/// VALUES, subqueries, joins, aggregates, windows and set operations included; table functions only
/// where they make rows of their arguments (range, generate_series, unnest, json_each ...);
/// DESCRIBE and SHOW TABLES. Everything else (files, settings, attach, copy, extensions, sequences,
/// functions with effects) is an Error that blames the user and names line and column. Without
/// effect on the connection.
Result<void> admit_select(Connection& connection, std::string_view sql);

}  // namespace leat::sql
