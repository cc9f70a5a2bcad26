#include "components/sink_postgres_table.h"

#include <fmt/core.h>

#include <algorithm>

#include "base/strings.h"
#include "components/sink_postgres_rows.h"
#include "components/sink_table.h"

namespace leat::components {
namespace {

constexpr size_t kMaxName = 63;  // PostgreSQL cuts longer ones without a word
constexpr std::string_view kVersion = "_leat_version";
constexpr std::string_view kDeleted = "_leat_deleted";
constexpr std::string_view kStage = "pg_temp.leat_stage";

/// A text column may be a varchar of the user's: the server then refuses what is too long, row by row.
bool takes(std::string_view stored, std::string_view ours) {
  return stored == ours || (ours == "text" && stored.starts_with("character varying"));
}

}  // namespace

Result<PostgresTable> PostgresTable::make(const std::string& schema,
                                          const stream::SinkTable& table) {
  PostgresTable made;
  made.namespace_ = schema;
  made.name_ = table.table;
  made.schema_ = table.schema;
  made.deletes_ = table.deletes;
  made.deletes_kept_ms_ = table.deletes_kept_ms;
  if (table.table.size() > kMaxName)
    return refused_table(
        fmt::format("table {}: PostgreSQL's names have at most {} bytes", table.table, kMaxName),
        "choose a shorter name");
  if (table.table.starts_with("leat_") || table.table.starts_with("_leat_"))
    return refused_table(
        fmt::format("table {}: names that begin with leat_ are leat's own", table.table),
        "choose another name");
  for (const types::Field& field : table.schema.fields) {
    if (field.name.size() > kMaxName)
      return refused_table(
          fmt::format("column {}: PostgreSQL's names have at most {} bytes", field.name, kMaxName),
          "rename it in the SQL");
  }
  ASSIGN(made.key_, check_table(table));
  for (size_t key : made.key_) {
    if (table.schema.fields[key].type.kind() == types::Kind::kJson)
      return refused_table(fmt::format("key {} is a JSON: jsonb cannot be a key here",
                                       table.schema.fields[key].name),
                           "select the part that identifies the row");
  }
  return made;
}

std::string PostgresTable::table() const {
  return quote_identifier(namespace_) + "." + quote_identifier(name_);
}

std::string PostgresTable::deletions() const {
  return quote_identifier(namespace_) + "." + quote_identifier("leat_deleted_" + name_);
}

std::string PostgresTable::same_key(std::string_view a, std::string_view b) const {
  std::string text;
  for (size_t key : key_)
    fmt::format_to(std::back_inserter(text), "{0}{1}.{3} = {2}.{3}", text.empty() ? "" : " AND ", a,
                   b, quote_identifier(schema_.fields[key].name));
  return text;
}

std::string PostgresTable::columns() const {
  std::string text;
  for (const types::Field& field : schema_.fields)
    text += (text.empty() ? "" : ", ") + quote_identifier(field.name);
  return keyed() ? text + ", " + std::string(kVersion) : text;
}

std::string PostgresTable::definitions() const {
  std::string text;
  for (const types::Field& field : schema_.fields)
    fmt::format_to(std::back_inserter(text), "{}{} {}", text.empty() ? "" : ", ",
                   quote_identifier(field.name), postgres_type(field.type));
  return text;
}

std::string PostgresTable::keys() const {
  std::string text;
  for (size_t key : key_)
    text += (text.empty() ? "" : ", ") + quote_identifier(schema_.fields[key].name);
  return text;
}

std::string PostgresTable::create() const {
  if (!keyed()) return fmt::format("CREATE TABLE {} ({})", table(), definitions());
  return fmt::format("CREATE TABLE {} ({}, {} bigint NOT NULL DEFAULT 0, PRIMARY KEY ({}))",
                     table(), definitions(), kVersion, keys());
}

std::string PostgresTable::create_deletions() const {
  std::string columns;
  for (size_t key : key_)
    fmt::format_to(std::back_inserter(columns), "{} {}, ",
                   quote_identifier(schema_.fields[key].name),
                   postgres_type(schema_.fields[key].type));
  return fmt::format(
      "CREATE TABLE {} ({}{} bigint NOT NULL, {} timestamp with time zone NOT NULL DEFAULT now(), "
      "PRIMARY KEY ({}))",
      deletions(), columns, kVersion, kDeleted, keys());
}

std::string PostgresTable::forget() const {
  if (deletes_kept_ms_ < 0) return "";
  return fmt::format("DELETE FROM {} WHERE {} <= now() - {} * interval '1 millisecond'",
                     deletions(), kDeleted, deletes_kept_ms_);
}

Result<std::string> PostgresTable::evolve(const StoredPostgresTable& stored) const {
  std::string differences, sql;
  const auto differ = [&](std::string text) {
    differences += (differences.empty() ? "" : "; ") + std::move(text);
  };
  const auto find = [&](std::string_view name) {
    return std::find_if(stored.columns.begin(), stored.columns.end(),
                        [&](auto& c) { return c.name == name; });
  };
  for (const types::Field& field : schema_.fields) {
    const std::string type = postgres_type(field.type);
    auto it = find(field.name);
    if (it == stored.columns.end()) {
      fmt::format_to(std::back_inserter(sql), "ALTER TABLE {} ADD COLUMN {} {};\n", table(),
                     quote_identifier(field.name), type);
    } else if (it->generated) {
      differ(fmt::format("column {}: the server generates it", field.name));
    } else if (!takes(it->type, type)) {
      differ(fmt::format("column {}: the table has {}, the pipeline gives {}", field.name, it->type,
                         type));
    }
  }
  for (const auto& column : stored.columns) {
    const bool ours = column.name == kVersion ||
                      std::any_of(schema_.fields.begin(), schema_.fields.end(),
                                  [&](auto& field) { return field.name == column.name; });
    if (!ours && column.must_be_given)
      differ(
          fmt::format("column {} {}: NOT NULL without a default, and not in the pipeline's output",
                      column.name, column.type));
  }
  if (keyed()) {
    std::vector<std::string> wanted;
    for (size_t key : key_) wanted.push_back(schema_.fields[key].name);
    std::sort(wanted.begin(), wanted.end());
    const bool unique = std::any_of(stored.unique.begin(), stored.unique.end(),
                                    [&](std::vector<std::string> index) {
                                      std::sort(index.begin(), index.end());
                                      return index == wanted;
                                    });
    if (!unique) differ(fmt::format("key: the table has no unique index over ({})", keys()));
    auto version = find(kVersion);
    if (version == stored.columns.end())
      fmt::format_to(std::back_inserter(sql),
                     "ALTER TABLE {} ADD COLUMN {} bigint NOT NULL DEFAULT 0;\n", table(),
                     kVersion);
    else if (version->type != "bigint")
      differ(
          fmt::format("column {}: the table has {}, leat needs bigint", kVersion, version->type));
  }
  if (differences.empty()) return sql;
  return Error(ErrorCode::kIncompatible,
               fmt::format("table {} does not fit the pipeline: {}", table(), differences))
      .with_blame(Blame::kUser)
      .with_hint(
          "cast or select the column as it was, change the table, or write to another one; `leat "
          "explain` shows the "
          "table a pipeline wants");
}

std::string PostgresTable::stage() const {
  return fmt::format(
      "DROP TABLE IF EXISTS {}; CREATE TEMPORARY TABLE leat_stage ({}, {} bigint{}) ON COMMIT "
      "DELETE ROWS",
      kStage, definitions(), kVersion, deletes_ ? fmt::format(", {} boolean", kDeleted) : "");
}

std::string PostgresTable::empty_stage() const { return fmt::format("DELETE FROM {}", kStage); }

std::string PostgresTable::copy() const {
  return fmt::format("COPY {} ({}{}) FROM STDIN (FORMAT binary)",
                     keyed() ? std::string(kStage) : table(), columns(),
                     deletes_ ? fmt::format(", {}", kDeleted) : "");
}

std::string PostgresTable::upsert() const {
  std::string set;
  for (size_t i = 0; i < schema_.fields.size(); ++i) {
    if (std::find(key_.begin(), key_.end(), i) != key_.end()) continue;
    const std::string name = quote_identifier(schema_.fields[i].name);
    fmt::format_to(std::back_inserter(set), "{0} = EXCLUDED.{0}, ", name);
  }
  // What is older than a deletion of its key comes too late, whether there is a row or not.
  const std::string alive =
      deletes_ ? fmt::format(
                     " s WHERE NOT s.{0} AND NOT EXISTS (SELECT FROM {1} d WHERE {2} AND "
                     "d.{3} >= s.{3})",
                     kDeleted, deletions(), same_key("d", "s"), kVersion)
               : std::string();
  return remove() +
         fmt::format(
             "INSERT INTO {0} AS t ({1}) SELECT {1} FROM {2}{6} ON CONFLICT ({3}) DO UPDATE "
             "SET {4}{5} = EXCLUDED.{5} WHERE t.{5} <= EXCLUDED.{5}",
             table(), columns(), kStage, keys(), set, kVersion, alive);
}

/// Notes the deletions of the temporary table, and takes out the rows that are not newer.
std::string PostgresTable::remove() const {
  if (!deletes_) return "";
  return fmt::format(
      "INSERT INTO {0} AS d ({1}, {2}) SELECT {1}, {2} FROM {3} WHERE {4} ON CONFLICT ({1}) DO "
      "UPDATE SET {2} = EXCLUDED.{2}, {4} = EXCLUDED.{4} WHERE d.{2} < EXCLUDED.{2};\n"
      "DELETE FROM {5} t USING {3} s WHERE s.{4} AND {6} AND t.{2} <= s.{2};\n",
      deletions(), keys(), kVersion, kStage, kDeleted, table(), same_key("t", "s"));
}

}  // namespace leat::components
