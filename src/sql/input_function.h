// The table function through which a batch enters the compiled query, and the slot that says which
// rows.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "sql/duckdb_raii.h"
#include "sql/scope.h"
#include "stream/record.h"
#include "types/batch.h"
#include "types/type.h"

namespace leat::sql {

/// What one compiled query reads. The query fills `batch` to `to` before each execution; the table
/// function reads them while it runs, on the same thread.
struct InputSlot {
  types::Schema schema;
  std::vector<Meta> metas;

  const types::Batch* batch = nullptr;
  std::span<const uint32_t> rows;
  const stream::RecordBatch* records = nullptr;
  size_t from = 0, to = 0;  // of the batch's rows; the ordinal is the row's number in the batch
};

/// Registers `name()`: the slot's columns, then _leat_ord UINTEGER, then the metas. DuckDB keeps
/// the function as long as the database, so `slot` must live that long.
Result<void> register_input(Connection& connection, const std::string& name, InputSlot* slot);

}  // namespace leat::sql
