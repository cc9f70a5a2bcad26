#include "components/sink_duckdb_catalog.h"

#include <fmt/core.h>

#include <utility>

#include "base/strings.h"
#include "sql/vectors.h"

namespace leat::components {
namespace {

Error taken(const TablePlan& plan, const std::string& what) {
  return Error(ErrorCode::kIncompatible,
               fmt::format("{}.{} is {}", plan.store(), plan.name(), what))
      .with_blame(Blame::kUser)
      .with_hint("rename it or name another table in the pipeline");
}

/// The columns of the key that the table was made with, in their order.
Result<std::vector<std::string>> key_of(sql::Connection& c, const TablePlan& plan) {
  std::vector<std::string> key;
  ASSIGN(sql::QueryResult keys,
         c.query(fmt::format("SELECT unnest(\"key\") FROM leat.leat_tables WHERE store = {} "
                             "AND lower(name) = lower({})",
                             quote_literal(plan.store()), quote_literal(plan.name()))));
  const std::vector<types::Type> text = {types::Type(types::Kind::kVarchar)};
  for (;;) {
    ASSIGN(std::optional<sql::Chunk> chunk, keys.next());
    if (!chunk) break;
    const types::Batch batch = sql::view_of(chunk->get(), text);
    for (size_t r = 0; r < batch.rows; ++r) key.emplace_back(batch.columns[0].text(r));
  }
  return key;
}

/// Refuses a table or view that leat did not make and cannot append to.
Result<void> check_foreign(sql::Connection& c, const TablePlan& plan, const std::string& kind) {
  if (plan.keyed())
    return taken(plan,
                 fmt::format("a {} that leat did not make; a keyed sink makes its own", kind));
  if (kind == "view") return taken(plan, "a view; rows cannot be appended to it");
  ASSIGN(
      std::string unique,
      one_text(c, fmt::format("SELECT any_value(constraint_type) FROM duckdb_constraints() WHERE "
                              "schema_name = {} AND table_name = {} AND constraint_type IN "
                              "('PRIMARY KEY', 'UNIQUE')",
                              quote_literal(plan.store()), quote_literal(plan.name()))));
  if (!unique.empty())
    return taken(plan,
                 fmt::format("a table with a {}; declare `key:` in the pipeline instead", unique));
  return {};
}

}  // namespace

Result<std::string> one_text(sql::Connection& c, const std::string& sql) {
  ASSIGN(sql::QueryResult result, c.query(sql));
  return result.first_text();
}

Result<std::string> kind_of(sql::Connection& c, const TablePlan& plan, const std::string& name) {
  return one_text(
      c, fmt::format(
             "SELECT k FROM (SELECT 'table' k, schema_name s, table_name t FROM duckdb_tables() "
             "UNION ALL SELECT 'view', schema_name, view_name FROM duckdb_views()) "
             "WHERE lower(s) = lower({}) AND lower(t) = lower({})",
             quote_literal(plan.store()), quote_literal(name)));
}

Result<std::vector<types::Field>> columns_of(sql::Connection& c, const std::string& table) {
  ASSIGN(sql::Statement select, c.prepare("SELECT * FROM " + table));
  std::vector<types::Field> columns;
  for (size_t i = 0; i < select.columns(); ++i) {
    types::Field field;
    field.name = select.column_name(i).get();
    sql::LogicalType type = select.column_type(i);
    auto ours = sql::from_duckdb(type.get());
    if (!ours) return std::move(ours).error().at(fmt::format("{} column {}", table, field.name));
    field.type = std::move(*ours);
    columns.push_back(std::move(field));
  }
  return columns;
}

Result<std::optional<StoredTable>> find_table(sql::Connection& c, const TablePlan& plan) {
  ASSIGN(
      std::string mark,
      one_text(c, fmt::format("SELECT 'k' || coalesce(nullif(len(\"key\"), 0)::VARCHAR, '') FROM "
                              "leat.leat_tables WHERE store = {} AND lower(name) = lower({})",
                              quote_literal(plan.store()), quote_literal(plan.name()))));
  StoredTable stored;
  stored.ours = !mark.empty();
  ASSIGN(std::string kind, kind_of(c, plan, plan.name()));
  ASSIGN(std::string base, kind_of(c, plan, plan.name() + "__base"));
  const bool was_keyed = mark.size() > 1;
  if (was_keyed && base.empty() && kind.empty())
    return std::optional<StoredTable>();  // dropped by hand
  if (!stored.ours) {
    if (kind.empty()) return std::optional<StoredTable>();
    TRY(check_foreign(c, plan, kind));
  } else if (!was_keyed && kind.empty()) {
    return std::optional<StoredTable>();
  }
  if (was_keyed) {
    ASSIGN(stored.key, key_of(c, plan));
  }
  ASSIGN(stored.columns, columns_of(c, was_keyed ? plan.base() : plan.table()));
  if (!was_keyed) return std::optional<StoredTable>(std::move(stored));
  std::erase_if(stored.columns, [](const types::Field& f) { return f.name == kVersionColumn; });
  stored.marked = std::erase_if(stored.columns,
                                [](const types::Field& f) { return f.name == kDeletedColumn; }) > 0;
  return std::optional<StoredTable>(std::move(stored));
}

}  // namespace leat::components
