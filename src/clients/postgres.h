// PostgresConnection: one session with a PostgreSQL server, through libpq.
//
// Never blocks beyond its deadlines: libpq is used without blocking and waits in io/. A deadline that passes, a
// server that ends or a reply that is lost closes the connection: what the server did with the last statement is
// then unknown, and the caller reads its position again after connecting anew.
//
// A DSN is libpq's: a URI or `key=value ...`. Only keys that name a server, a login or TLS are taken (others can
// read files or change what a statement means). Away from loopback, TLS with a checked certificate and host name is
// the default (`sslmode=verify-full` with the host's authorities); a weaker mode has to be written down.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "config/secret.h"
#include "io/clock.h"

namespace leat::clients {

struct PostgresOptions {
  config::Secret dsn;
  int64_t connect_ms = 10'000;
  int64_t statement_ms = 60'000;  // of one statement, and of one copy
  std::string application = "leat";
};

/// What is wrong with a DSN, told without its secrets; does not connect. kInvalidArgument.
Result<void> check_postgres_dsn(const std::string& dsn);
/// "HOST:PORT" of a DSN that check_postgres_dsn() accepts; empty: a local socket.
std::vector<std::string> postgres_hosts(const std::string& dsn);

/// Values as text; nullopt: NULL.
using PostgresRow = std::vector<std::optional<std::string>>;
using PostgresParams = std::span<const std::optional<std::string_view>>;
/// Of a result: its name, and its type's number in pg_type.
struct PostgresColumn {
  std::string name;
  uint32_t type = 0;
};

/// One thread. Errors: kUnavailable with Retry::kReconnect when the session is gone, kTimeout, kPermission, kNoSpace
/// (each with what may be tried), else kInvalidArgument; sqlstate() of a statement the server refused.
class PostgresConnection {
 public:
  static Result<PostgresConnection> open(const PostgresOptions& options, io::Clock& clock);
  PostgresConnection(PostgresConnection&&) noexcept;
  PostgresConnection& operator=(PostgresConnection&&) noexcept;
  ~PostgresConnection();

  /// One or more statements without parameters; rows are thrown away.
  Result<void> run(const std::string& sql);
  /// One statement; what its columns are goes to `columns`.
  Result<std::vector<PostgresRow>> query(const std::string& sql, PostgresParams params = {},
                                         std::vector<PostgresColumn>* columns = nullptr);
  /// Prepares a statement under a name, for execute().
  Result<void> prepare(const std::string& name, const std::string& sql);
  /// Runs a prepared statement. Returns how many rows it changed.
  Result<int64_t> execute(const std::string& name, PostgresParams params);
  /// `COPY ... FROM STDIN`, with all its bytes. Returns how many rows went in.
  Result<int64_t> copy_in(const std::string& sql, std::string_view bytes);
  /// Ends an open transaction, if the session still stands.
  void roll_back();
  /// False after an error that closed the session.
  bool alive() const;
  /// SQLSTATE of the last statement that the server refused; empty: none was.
  const std::string& sqlstate() const;

 private:
  struct Impl;
  explicit PostgresConnection(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// True for a SQLSTATE that says: this row's values cannot be stored (data exceptions, constraints).
bool blames_row(std::string_view sqlstate);

}  // namespace leat::clients
