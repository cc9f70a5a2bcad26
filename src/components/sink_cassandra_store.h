// CassandraStore: what the sinks of a store share: its session, its keyspace, its table of positions.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "clients/cassandra.h"
#include "components/sink_cassandra_table.h"
#include "io/clock.h"
#include "stream/registry.h"

namespace leat::components {

struct CassandraConfig {
  clients::CassandraOptions client;
  std::string keyspace;
  int32_t replication = 0;  // of a keyspace that is made; 0: only where one node is all there is
  int64_t ttl_s = 0;        // 0: rows stay
  uint32_t concurrency = 256;
};

/// `next` of a row that stands for no position: a reset took it away. A row that was deleted instead would hide a
/// position that comes back with an older timestamp.
inline constexpr int64_t kNoPosition = -1;

/// A position as its row has it, and the timestamp it was written with.
struct CassandraPosition {
  stream::Progress progress;
  int64_t written_us = 0;
};

/// The cluster as a store of leat's sees it. Any thread.
class CassandraCluster {
 public:
  explicit CassandraCluster(CassandraConfig config) : config_(std::move(config)) {}

  const CassandraConfig& config() const { return config_; }
  /// The session, which is opened when there is none, or when it is `broken`.
  Result<std::shared_ptr<clients::CassandraSession>> session(
      const clients::CassandraSession* broken = nullptr);
  /// Makes the keyspace and the table of positions where they are missing.
  Result<void> prepare(clients::CassandraSession& session);
  /// The columns of a table; none: there is no such table.
  Result<std::vector<StoredCassandraColumn>> columns(clients::CassandraSession& session,
                                                     const std::string& table) const;
  /// What tells a table from one of the same name before or after it; empty: there is none.
  Result<std::string> table_id(clients::CassandraSession& session, const std::string& table) const;
  /// How long a table keeps its deletions, in seconds.
  Result<int64_t> grace_s(clients::CassandraSession& session, const std::string& table) const;
  /// Columns that a table had once. Cassandra hides what is older than their removal also when they come back.
  Result<std::vector<std::string>> dropped_columns(clients::CassandraSession& session,
                                                   const std::string& table) const;
  /// Rows of `leat_progress` of a project, also those that stand for no position. None when there is no such table.
  Result<std::vector<CassandraPosition>> positions(clients::CassandraSession& session,
                                                   const std::string& project) const;

 private:
  const CassandraConfig config_;
  Mutex mutex_;
  std::shared_ptr<clients::CassandraSession> session_ GUARDED_BY(mutex_);
};

/// The statement that writes a row of `leat_progress`, and its parameters: the row at timestamp `written_us`.
std::string insert_position(const std::string& keyspace);
void put_position(std::string& out, const stream::Progress& progress, int64_t written_us);
/// Where a position stands, and the timestamp it was written with.
struct CassandraPlace {
  int64_t next = kNoPosition, written_us = 0;
  bool operator==(const CassandraPlace&) const = default;
};
/// The statement that reads where one stands, and what it finds; none: there is no such row.
std::string select_position(const std::string& keyspace);
Result<std::optional<CassandraPlace>> stored_place(clients::CassandraSession& session,
                                                   const clients::CassandraStatement& select,
                                                   const stream::Progress& progress);

}  // namespace leat::components
