// CassandraSession: a cluster of Apache Cassandra, through the driver in native/.
//
// The driver keeps connections to all nodes, finds those that hold a row, and connects anew by itself; a session is
// opened again only for another password or when none of its nodes can be reached. Certificates are checked against
// the address of the node, or against names of the configuration.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "config/secret.h"

namespace leat::clients {

struct CassandraTls {
  std::string ca_file, certificate_file, key_file;  // empty: the host's authorities; no certificate
  std::vector<std::string> names;  // that a certificate may have besides its node's address
};

struct CassandraOptions {
  std::vector<std::string> contact_points;  // HOST:PORT
  std::string username;                     // empty: no login
  config::Secret password;
  std::string datacenter;      // empty: the only one
  bool loopback_only = false;  // leave all other nodes alone
  std::optional<CassandraTls> tls;
  int64_t connect_ms = 10'000;
  int64_t request_ms = 30'000;
  uint16_t consistency = 6;  // CQL's number: 6 is LOCAL_QUORUM
};

/// A prepared statement. Any thread, also after its session.
class CassandraStatement {
 public:
  explicit CassandraStatement(void* made);

 private:
  friend class CassandraSession;
  std::shared_ptr<void> handle_;
};

/// Rows of a write, each the statement's parameters one after the other in CQL's encoding.
struct CassandraRowBytes {
  std::string_view bytes;
  std::span<const uint64_t> ends;    // of each row, in bytes
  std::span<const uint64_t> groups;  // of each request, in rows; several rows only of one partition
  uint32_t concurrency = 256;        // requests in flight, at most
};

/// Any thread. Errors: kUnavailable with Retry::kReconnect when no node answers, kPermission, kTimeout and
/// kUnavailable with Retry::kBackoff (overloaded, too few replicas), else kIncompatible.
class CassandraSession {
 public:
  static Result<std::shared_ptr<CassandraSession>> open(const CassandraOptions& options);
  CassandraSession(const CassandraSession&) = delete;
  CassandraSession& operator=(const CassandraSession&) = delete;
  ~CassandraSession();

  size_t nodes() const;
  /// A change of the schema; returns when the nodes agree on it.
  Result<void> change(const std::string& cql);
  /// Returns when the nodes agree on the schema.
  Result<void> settle();
  /// Names without a keyspace mean this one from now on.
  Result<void> use(const std::string& keyspace);
  Result<CassandraStatement> prepare(const std::string& cql);
  /// Gives each row to `row`: values in CQL's encoding, which live until it returns. It returns false to stop.
  using OnRow = std::function<bool(std::span<const std::optional<std::string_view>>)>;
  Result<void> select(const CassandraStatement& statement, std::string_view parameters,
                      const OnRow& row, uint32_t page_rows = 5'000);
  /// Returns when each row is acknowledged, or was given to `refused` because the server calls it invalid.
  using OnRefused = std::function<void(size_t row, std::string message)>;
  Result<void> write(const CassandraStatement& statement, const CassandraRowBytes& rows,
                     const OnRefused& refused);

 private:
  explicit CassandraSession(void* handle) : handle_(handle) {}
  void* handle_;
};

}  // namespace leat::clients
