// For the tests of sink_duckdb*: what of any sink's tests, and questions to the store.
#pragma once

#include <string>

#include "components/sink_duckdb_store.h"
#include "components/sink_fixture.h"

namespace leat::components::testing {

/// The values of a one-column query as text, joined by "|"; "ERROR code: text" when it fails.
inline std::string ask(DuckdbStore& store, const std::string& sql) {
  auto rows = store.query(sql, QueryLimits{});
  if (!rows)
    return "ERROR " + std::string(to_string(rows.error().code())) + ": " + rows.error().to_string();
  std::string text;
  for (const types::Batch& batch : rows->batches) {
    for (size_t r = 0; r < batch.rows; ++r) {
      const types::Vector& v = batch.columns[0];
      if (!text.empty()) text += "|";
      if (!v.valid(r))
        text += "NULL";
      else if (v.type.is_string())
        text += v.text(r);
      else if (v.type.kind() == types::Kind::kInt64)
        text += std::to_string(v.at<int64_t>(r));
      else
        text += "?" + v.type.to_sql();
    }
  }
  return text;
}

}  // namespace leat::components::testing
