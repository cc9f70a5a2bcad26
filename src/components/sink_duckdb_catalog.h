// What the catalog of a DuckDB store says about the table of a sink. One thread per connection.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "components/sink_duckdb_table.h"
#include "sql/duckdb_raii.h"

namespace leat::components {

/// The first value of the first row as text; empty: no row.
Result<std::string> one_text(sql::Connection& c, const std::string& sql);

/// The kind of the thing named `name` in the plan's schema: "table", "view" or nothing.
Result<std::string> kind_of(sql::Connection& c, const TablePlan& plan, const std::string& name);

/// The columns of `table`, quoted as SQL wants it.
Result<std::vector<types::Field>> columns_of(sql::Connection& c, const std::string& table);

/// The plan's table as it stands; nothing: it is to be made. kIncompatible for what leat did not
/// make and must not touch.
Result<std::optional<StoredTable>> find_table(sql::Connection& c, const TablePlan& plan);

}  // namespace leat::components
