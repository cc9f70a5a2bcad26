// SchemaStore: where the registry's rows lie. The port; log_schema_store.h keeps them in the embedded log.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"

namespace leat::schema {

/// A key with its value; nullopt: the key goes.
struct Row {
  std::string key;
  std::optional<std::string> value;
};

/// One thread at a time.
class SchemaStore {
 public:
  virtual ~SchemaStore() = default;
  /// All rows, sorted by key.
  virtual Result<std::vector<Row>> scan() = 0;
  /// All of `rows` or none, durable when it returns. After an error it is unknown which: the same rows are to be written
  /// again before any others. But nothing was written when the error has a code of the contract (registry_error.h).
  virtual Result<void> write(std::span<const Row> rows) = 0;
};

}  // namespace leat::schema
