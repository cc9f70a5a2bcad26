#include "components/sink_cassandra_table.h"

#include <fmt/core.h>

#include <algorithm>

#include "base/strings.h"
#include "components/sink_cassandra_rows.h"
#include "components/sink_table.h"

namespace leat::components {
namespace {

constexpr size_t kMaxName = 48;
constexpr int64_t kDefaultGrace = 10 * 24 * 3600;             // Cassandra's gc_grace_seconds
constexpr int64_t kMaxGrace = int64_t{20} * 365 * 24 * 3600;  // as much as a TTL may be

/// An ascii column may be the user's: the server then refuses what is not, row by row.
bool takes(std::string_view stored, std::string_view ours) {
  return stored == ours || (ours == "text" && stored == "ascii");
}

}  // namespace

Result<CassandraTable> CassandraTable::make(const std::string& keyspace,
                                            const stream::SinkTable& table, bool ttl) {
  CassandraTable made;
  made.keyspace_ = keyspace;
  made.name_ = table.table;
  made.schema_ = table.schema;
  made.ttl_ = ttl;
  if (table.deletes)
    made.grace_s_ = table.deletes_kept_ms < 0
                        ? kMaxGrace
                        : std::clamp(table.deletes_kept_ms / 1000, kDefaultGrace, kMaxGrace);
  if (table.table.size() > kMaxName)
    return refused_table(fmt::format("table {}: Cassandra's names have at most {} characters",
                                     table.table, kMaxName),
                         "choose a shorter name");
  if (table.table.starts_with("leat_") || table.table.starts_with("_leat_"))
    return refused_table(
        fmt::format("table {}: names that begin with leat_ are leat's own", table.table),
        "choose another name");
  ASSIGN(made.key_, check_table(table));
  if (made.key_.empty())
    return refused_table(fmt::format("table {}: Cassandra's tables need a key", table.table),
                         "name what identifies a row with `key:`");
  for (size_t key : made.key_) {
    const types::Field& field = table.schema.fields[key];
    if (field.type.kind() == types::Kind::kInterval)
      return refused_table(fmt::format("key {}: Cassandra takes no duration as a key", field.name),
                           "select something else that identifies the row");
  }
  made.partition_columns_ =
      table.partition_columns == 0 ? made.key_.size() : table.partition_columns;
  return made;
}

std::string CassandraTable::table() const {
  return quote_identifier(keyspace_) + "." + quote_identifier(name_);
}

std::string CassandraTable::create() const {
  std::string columns, partition, clustering;
  for (const types::Field& field : schema_.fields)
    fmt::format_to(std::back_inserter(columns), "{} {}, ", quote_identifier(field.name),
                   cassandra_type(field.type));
  for (size_t i = 0; i < key_.size(); ++i) {
    const std::string name = quote_identifier(schema_.fields[key_[i]].name);
    if (i < partition_columns_)
      partition += (i == 0 ? "" : ", ") + name;
    else
      clustering += ", " + name;
  }
  const std::string with =
      grace_s_ ? fmt::format(" WITH gc_grace_seconds = {}", *grace_s_) : std::string();
  return fmt::format("CREATE TABLE IF NOT EXISTS {} ({}PRIMARY KEY (({}){})){}", table(), columns,
                     partition, clustering, with);
}

Result<std::string> CassandraTable::evolve(const std::vector<StoredCassandraColumn>& stored,
                                           const std::vector<std::string>& dropped) const {
  std::string differences, added;
  const auto differ = [&](std::string text) {
    differences += (differences.empty() ? "" : "; ") + std::move(text);
  };
  for (const types::Field& field : schema_.fields) {
    const std::string type = cassandra_type(field.type);
    auto it = std::find_if(stored.begin(), stored.end(),
                           [&](auto& column) { return column.name == field.name; });
    if (it == stored.end() &&
        std::find(dropped.begin(), dropped.end(), field.name) != dropped.end())
      differ(
          fmt::format("column {}: the table had one and it was dropped; Cassandra would hide what "
                      "is older than that",
                      field.name));
    else if (it == stored.end())
      fmt::format_to(std::back_inserter(added), "{}{} {}", added.empty() ? "" : ", ",
                     quote_identifier(field.name), type);
    else if (!takes(it->type, type))
      differ(fmt::format("column {}: the table has {}, the pipeline gives {}", field.name, it->type,
                         type));
    else if (it->kind == "static")
      differ(fmt::format("column {}: it is static, one value for a whole partition", field.name));
  }
  const auto key_text = [](const std::vector<std::string>& partition,
                           const std::vector<std::string>& clustering) {
    const auto list = [](const std::vector<std::string>& names) {
      std::string text;
      for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
      return text;
    };
    return fmt::format("(({}){}{})", list(partition), clustering.empty() ? "" : ", ",
                       list(clustering));
  };
  std::vector<std::string> ours[2], theirs[2];
  for (size_t i = 0; i < key_.size(); ++i)
    ours[i < partition_columns_ ? 0 : 1].push_back(schema_.fields[key_[i]].name);
  std::vector<const StoredCassandraColumn*> ordered;
  for (const auto& column : stored) ordered.push_back(&column);
  std::sort(ordered.begin(), ordered.end(),
            [](auto* a, auto* b) { return a->position < b->position; });
  for (const auto* column : ordered) {
    if (column->kind == "partition_key") theirs[0].push_back(column->name);
    if (column->kind == "clustering") theirs[1].push_back(column->name);
  }
  if (ours[0] != theirs[0] || ours[1] != theirs[1])
    differ(fmt::format("key: the table has {}, the pipeline gives {}",
                       key_text(theirs[0], theirs[1]), key_text(ours[0], ours[1])));
  if (differences.empty())
    return added.empty() ? added : fmt::format("ALTER TABLE {} ADD ({})", table(), added);
  return Error(ErrorCode::kIncompatible,
               fmt::format("table {} does not fit the pipeline: {}", table(), differences))
      .with_blame(Blame::kUser)
      .with_hint(
          "cast or select the column as it was, change the table, or write to another one; `leat "
          "explain` shows the table a pipeline wants");
}

std::string CassandraTable::insert() const {
  std::string columns, values;
  for (const types::Field& field : schema_.fields) {
    columns += (columns.empty() ? "" : ", ") + quote_identifier(field.name);
    values += values.empty() ? "?" : ", ?";
  }
  return fmt::format("INSERT INTO {} ({}) VALUES ({}) USING TIMESTAMP ?{}", table(), columns,
                     values, ttl_ ? " AND TTL ?" : "");
}

std::string CassandraTable::remove() const {
  std::string where;
  for (size_t key : key_)
    where += (where.empty() ? "" : " AND ") + quote_identifier(schema_.fields[key].name) + " = ?";
  return fmt::format("DELETE FROM {} USING TIMESTAMP ? WHERE {}", table(), where);
}

}  // namespace leat::components
