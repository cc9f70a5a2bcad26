#include "schema/log_schema_store.h"

namespace leat::schema {
namespace {

constexpr std::string_view kPrefix = "registry/";

}  // namespace

Result<std::vector<Row>> LogSchemaStore::scan() {
  ASSIGN(auto states, log_.states(kPrefix));
  std::vector<Row> rows;
  rows.reserve(states.size());
  for (auto& [key, value] : states) rows.push_back({key.substr(kPrefix.size()), std::move(value)});
  return rows;
}

Result<void> LogSchemaStore::write(std::span<const Row> rows) {
  ASSIGN(auto transaction, log_.begin("registry"));
  for (const Row& row : rows) {
    std::optional<std::string_view> value;
    if (row.value) value = *row.value;
    TRY(transaction->put_state(std::string(kPrefix) + row.key, value));
  }
  return transaction->commit();
}

}  // namespace leat::schema
