#include "server/store_access.h"

#include "codec/text_out.h"
#include "components/sink_duckdb_store.h"

namespace leat::server {
namespace {

/// Rows as JSON, by the same fixed table of values as JSON topics.
std::string rows_json(const components::QueryRows& rows) {
  std::string text = "[";
  {
    codec::StringOut out(text);
    codec::JsonWriter writer(out, /*strict=*/false);
    bool first = true;
    for (const types::Batch& batch : rows.batches) {
      for (size_t row = 0; row < batch.rows; ++row) {
        out.put(first ? std::string_view("[") : std::string_view(",["));
        first = false;
        for (size_t c = 0; c < batch.columns.size(); ++c) {
          if (c > 0) out.put(',');
          writer.write(batch.columns[c], row);
        }
        out.put(']');
      }
    }
    out.put(']');
  }
  return text;
}

Result<StoreAnswer> ask(components::DuckdbStore& store, const StoreQuery& query) {
  components::QueryLimits limits;
  limits.deadline_ms = query.deadline_ms;
  limits.max_rows = query.max_rows;
  ASSIGN(components::QueryRows rows, store.query(query.sql, limits, query.stop));
  StoreAnswer answer;
  for (const types::Field& field : rows.schema.fields)
    answer.columns.emplace_back(field.name, field.type.to_sql());
  answer.rows = rows_json(rows);
  answer.row_count = rows.rows;
  answer.truncated = rows.truncated;
  return answer;
}

Result<Json> tables_json(components::DuckdbStore& store) {
  ASSIGN(std::vector<components::TableInfo> tables, store.tables());
  Json out = Json::array();
  for (const components::TableInfo& table : tables) {
    Json columns = Json::array();
    for (const types::Field& field : table.columns) {
      columns.push_back(
          {{"name", field.name}, {"type", field.type.to_sql()}, {"required", field.required}});
    }
    out.push_back({{"store", table.store},
                   {"table", table.name},
                   {"key", table.key},
                   {"rows", table.rows},
                   {"columns", std::move(columns)}});
  }
  return out;
}

Result<std::vector<stream::Progress>> progress_rows(components::DuckdbStore& store,
                                                    const std::string& project,
                                                    const std::string& pipeline) {
  ASSIGN(std::vector<stream::Progress> rows, store.progress(project));
  std::erase_if(rows, [&](const stream::Progress& row) { return row.pipeline != pipeline; });
  return rows;
}

}  // namespace

StoreAccess access_to(std::shared_ptr<components::DuckdbStore> store) {
  StoreAccess access;
  access.query = [store](const StoreQuery& query) { return ask(*store, query); };
  access.tables = [store] { return tables_json(*store); };
  access.export_to = [store](const std::string& what, const std::string& file,
                             std::stop_token stop) {
    return store->export_table(what, file, std::move(stop));
  };
  access.backup = [store](const std::string& directory, std::stop_token stop) {
    return store->backup(directory, std::move(stop));
  };
  access.progress = [store](const std::string& project, const std::string& pipeline) {
    return progress_rows(*store, project, pipeline);
  };
  return access;
}

}  // namespace leat::server
