#include "log/log_schema_store.h"

namespace leat::log {
namespace {

constexpr std::string_view kPrefix = "registry/";

}  // namespace

Result<std::vector<schema::Row>> LogSchemaStore::scan() {
  ASSIGN(auto states, log_.states(kPrefix));
  std::vector<schema::Row> rows;
  rows.reserve(states.size());
  for (auto& [key, value] : states) rows.push_back({key.substr(kPrefix.size()), std::move(value)});
  return rows;
}

Result<void> LogSchemaStore::write(std::span<const schema::Row> rows) {
  ASSIGN(auto transaction, log_.begin("registry"));
  for (const schema::Row& row : rows) {
    std::optional<std::string_view> value;
    if (row.value) value = *row.value;
    TRY(transaction->put_state(std::string(kPrefix) + row.key, value));
  }
  return transaction->commit();
}

}  // namespace leat::log
