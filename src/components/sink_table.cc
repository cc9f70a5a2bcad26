#include "components/sink_table.h"

#include <fmt/core.h>

namespace leat::components {

Error refused_table(std::string message, std::string hint) {
  return Error(ErrorCode::kInvalidArgument, std::move(message))
      .with_blame(Blame::kUser)
      .with_hint(std::move(hint));
}

Result<std::vector<size_t>> check_table(const stream::SinkTable& table) {
  if (table.schema.fields.empty())
    return refused_table("a table needs at least one column", "select one in the SQL");
  for (const types::Field& field : table.schema.fields) {
    if (field.name.starts_with("_leat_"))
      return refused_table(
          fmt::format("column {}: names that begin with _leat_ are leat's own", field.name),
          "rename it in the SQL");
    if (field.type.kind() == types::Kind::kSqlNull)
      return refused_table(fmt::format("column {} has no type: it is always NULL", field.name),
                           fmt::format("write CAST(NULL AS VARCHAR) AS {}", field.name));
  }
  std::vector<size_t> key;
  for (const std::string& name : table.key) {
    auto at = table.schema.find(name);
    if (!at)
      return refused_table(fmt::format("key {} is no column of the pipeline's output", name),
                           "select it in the SQL");
    const types::Field& field = table.schema.fields[*at];
    if (field.type.is_nested())
      return refused_table(
          fmt::format("key {} is a {}: only plain values can be keys", name, field.type.to_sql()),
          "select the part that identifies the row");
    key.push_back(*at);
  }
  return key;
}

}  // namespace leat::components
