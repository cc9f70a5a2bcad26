// StoreAccess: the embedded store as the API uses it: questions, exports, copies, what it holds.
#pragma once

#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "server/json.h"
#include "stream/record.h"
#include "stream/store.h"

namespace leat::components {
class DuckdbStore;
}

namespace leat::server {

using stream::StoreAnswer;
using stream::StoreQuery;

/// Empty functions: there is no store yet. Any thread.
struct StoreAccess {
  std::function<Result<StoreAnswer>(const StoreQuery&)> query;
  /// An array of tables with store, name, columns, key, rows.
  std::function<Result<Json>()> tables;
  /// `what`: a table or a SELECT; `file` ends in .parquet or .csv. Returns the rows written.
  std::function<Result<int64_t>(const std::string& what, const std::string& file, std::stop_token)>
      export_to;
  /// A consistent copy of the database into an existing directory.
  std::function<Result<void>(const std::string& directory, std::stop_token)> backup;
  /// Progress rows of a pipeline's sinks that live in the store.
  std::function<Result<std::vector<stream::Progress>>(const std::string& project,
                                                      const std::string& pipeline)>
      progress;
};

/// Every function over `store`, which it shares.
StoreAccess access_to(std::shared_ptr<components::DuckdbStore> store);

}  // namespace leat::server
