// Store: an open database that sinks write to, and what it answers when somebody asks.
#pragma once

#include <cstdint>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/limits.h"
#include "base/result.h"
#include "stream/ports.h"

namespace leat::stream {

/// One question to a store.
struct StoreQuery {
  std::string sql;
  int64_t max_rows = limits::kSqlRows;
  int64_t deadline_ms = limits::kSqlDeadlineMs;
  std::stop_token stop;
};

struct StoreAnswer {
  std::vector<std::pair<std::string, std::string>> columns;  // name, type as the store calls it
  std::string rows =
      "[]";  // JSON: an array of arrays; numbers are exact literals, so never parse them as doubles
  int64_t row_count = 0;
  bool truncated = false;  // there were more than max_rows
};

/// An open store, shared by the sinks of one process. Any thread; each sink belongs to one.
class Store {
 public:
  virtual ~Store() = default;
  /// Refuses a table that the store cannot have, and does not connect.
  virtual Result<std::unique_ptr<Sink>> make_sink(const SinkTable& table) = 0;
  /// Committed progress rows of the project's sinks in this store; connects when it must. None when no sink has ever
  /// been opened.
  virtual Result<std::vector<Progress>> progress(const std::string& project) = 0;
  /// Called every few hundred ms from a thread of the runtime's: folds, checkpoints. True: call
  /// again soon.
  virtual Result<bool> maintain() = 0;
  /// Asks a store that is a server, in its own language (leat sql --store): one statement that only reads.
  virtual Result<StoreAnswer> ask(const StoreQuery&) {
    return Error(ErrorCode::kInternal, "this store is no server");
  }
};

}  // namespace leat::stream
