// LogSchemaStore: the registry's rows among the state of the embedded log, below "registry/". Each change is one
// transaction of the log, synced.
#pragma once

#include "schema/schema_store.h"
#include "stream/log.h"

namespace leat::schema {

class LogSchemaStore final : public SchemaStore {
 public:
  /// `log` outlives it.
  explicit LogSchemaStore(stream::Log& log) : log_(log) {}
  Result<std::vector<Row>> scan() override;
  Result<void> write(std::span<const Row> rows) override;

 private:
  stream::Log& log_;
};

}  // namespace leat::schema
