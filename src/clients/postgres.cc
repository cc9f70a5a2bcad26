#include "clients/postgres.h"

#include <fmt/core.h>
#include <libpq-fe.h>

#include <charconv>
#include <utility>

#include "clients/postgres_dsn.h"
#include "io/socket.h"

namespace leat::clients {
namespace {

constexpr size_t kCopyPiece = size_t{256} * 1024;

using PgResult = std::unique_ptr<PGresult, void (*)(PGresult*)>;

std::string trimmed(const char* text) {
  std::string_view line = text ? text : "";
  while (line.ends_with('\n') || line.ends_with(' ')) line.remove_suffix(1);
  std::string out(line);
  for (char& c : out)
    if (c == '\n') c = ' ';
  return out;
}

/// What a SQLSTATE means for whoever waits (PostgreSQL's manual, appendix A).
Error error_of(std::string_view state, std::string message) {
  const auto is_class = [&](std::string_view prefix) { return state.starts_with(prefix); };
  const auto made = [&](ErrorCode code, Retry retry) {
    return Error(code, std::move(message)).with_blame(Blame::kExternal).with_retry(retry);
  };
  if (state == "57014" || state == "55P03") return made(ErrorCode::kTimeout, Retry::kBackoff);
  if (state == "53100") return made(ErrorCode::kNoSpace, Retry::kBackoff);
  if (is_class("08") || is_class("57P")) return made(ErrorCode::kUnavailable, Retry::kReconnect);
  if (is_class("53") || is_class("40")) return made(ErrorCode::kUnavailable, Retry::kBackoff);
  // A password may be changed on both sides one after the other: the login is tried again.
  if (is_class("28")) return made(ErrorCode::kPermission, Retry::kReconnect);
  if (state == "42501") return made(ErrorCode::kPermission, Retry::kNever);
  if (is_class("58") || is_class("XX")) return made(ErrorCode::kIo, Retry::kReconnect);
  return made(
      is_class("42") || is_class("3") ? ErrorCode::kIncompatible : ErrorCode::kInvalidArgument,
      Retry::kNever);
}

}  // namespace

struct PostgresConnection::Impl {
  Impl(PGconn* made, io::Clock& time, int64_t ms)
      : connection(made), clock(time), statement_ms(ms) {}
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;
  ~Impl() { close(); }

  void close() {
    if (connection) PQfinish(connection);
    connection = nullptr;
  }
  /// The session is over; what the server did last is unknown.
  Error lost(ErrorCode code, std::string message) {
    close();
    state.clear();
    return Error(code, std::move(message))
        .with_blame(Blame::kExternal)
        .with_retry(Retry::kReconnect);
  }
  Error broken() {
    std::string message = trimmed(PQerrorMessage(connection));
    return lost(ErrorCode::kUnavailable, message.empty() ? "the connection is closed" : message);
  }
  int64_t left(int64_t deadline) const { return deadline - clock.steady_ms(); }

  Result<void> begin() {
    state.clear();
    if (!connection) return lost(ErrorCode::kUnavailable, "not connected");
    return {};
  }
  /// Waits for the socket once; takes in what has come.
  Result<void> wait(bool for_writing, int64_t deadline) {
    const int64_t ms = left(deadline);
    if (ms <= 0) return lost(ErrorCode::kTimeout, "the server did not answer in time");
    ASSIGN(io::SocketReady ready, io::wait_socket(PQsocket(connection), for_writing, ms));
    if (ready.readable && PQconsumeInput(connection) == 0) return broken();
    return {};
  }
  Result<void> flush(int64_t deadline) {
    for (int open; (open = PQflush(connection)) != 0;) {
      if (open < 0) return broken();
      TRY(wait(true, deadline));
    }
    return {};
  }
  Result<PgResult> next_result(int64_t deadline) {
    TRY(flush(deadline));
    while (PQisBusy(connection)) TRY(wait(false, deadline));
    return PgResult(PQgetResult(connection), PQclear);
  }
  /// The error of a result, once the server has said all it has to say.
  Result<void> judge(const PGresult* result, int64_t deadline) {
    const ExecStatusType status = PQresultStatus(result);
    if (status != PGRES_FATAL_ERROR && status != PGRES_BAD_RESPONSE &&
        status != PGRES_NONFATAL_ERROR)
      return {};
    const char* code = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    std::string message = trimmed(PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY));
    if (const std::string detail = trimmed(PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL));
        !detail.empty())
      message += " (" + detail + ")";
    if (!code || PQstatus(connection) == CONNECTION_BAD) {
      return lost(ErrorCode::kUnavailable,
                  message.empty() ? trimmed(PQresultErrorMessage(result)) : message);
    }
    const std::string refused = code;
    TRY(drain(deadline));
    state = refused;
    Error error = error_of(state, std::move(message));
    if (error.retry() == Retry::kReconnect) close();
    return error;
  }
  Result<void> drain(int64_t deadline) {
    for (;;) {
      ASSIGN(PgResult more, next_result(deadline));
      if (!more) return {};
      if (PQresultStatus(more.get()) == PGRES_COPY_IN && PQputCopyEnd(connection, "given up") < 0)
        return broken();
    }
  }
  /// The last of the results; the first error among them is the error.
  Result<PgResult> finish(int64_t deadline) {
    PgResult last(nullptr, PQclear);
    for (;;) {
      ASSIGN(PgResult result, next_result(deadline));
      if (!result) return last;
      TRY(judge(result.get(), deadline));
      last = std::move(result);
    }
  }

  PGconn* connection;
  io::Clock& clock;
  int64_t statement_ms;
  std::string state;
};

namespace {

int64_t changed(const PGresult* result) {
  const std::string_view text = result ? PQcmdTuples(const_cast<PGresult*>(result)) : "";
  int64_t rows = 0;
  std::from_chars(text.data(), text.data() + text.size(), rows);
  return rows;
}

/// Texts of parameters as libpq wants them: ended by a zero byte.
struct TextParams {
  explicit TextParams(PostgresParams params) {
    storage.reserve(params.size());
    for (const auto& param : params) {
      storage.emplace_back(param.value_or(""));
      values.push_back(param ? storage.back().c_str() : nullptr);
    }
  }
  std::vector<std::string> storage;
  std::vector<const char*> values;
};

}  // namespace

PostgresConnection::PostgresConnection(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
PostgresConnection::PostgresConnection(PostgresConnection&&) noexcept = default;
PostgresConnection& PostgresConnection::operator=(PostgresConnection&&) noexcept = default;
PostgresConnection::~PostgresConnection() = default;

Result<PostgresConnection> PostgresConnection::open(const PostgresOptions& options,
                                                    io::Clock& clock) {
  auto dsn = options.dsn.current();
  // Whoever writes the file anew may be in the middle of it.
  if (!dsn) return std::move(dsn).error().with_retry(Retry::kReconnect);
  auto read = postgres_parameters(*dsn);
  if (!read) return std::move(read).error().with_retry(Retry::kReconnect);
  std::map<std::string, std::string> parameters = std::move(read).value();
  parameters.try_emplace("application_name", options.application);
  parameters["client_encoding"] = "UTF8";
  std::vector<const char*> keys, values;
  for (const auto& [key, value] : parameters)
    keys.push_back(key.c_str()), values.push_back(value.c_str());
  keys.push_back(nullptr), values.push_back(nullptr);
  auto impl = std::make_unique<Impl>(PQconnectStartParams(keys.data(), values.data(), 0), clock,
                                     options.statement_ms);
  if (!impl->connection) return Error(ErrorCode::kInternal, "libpq has no memory");
  const int64_t deadline = clock.steady_ms() + options.connect_ms;
  for (PostgresPollingStatusType state = PGRES_POLLING_WRITING; state != PGRES_POLLING_OK;) {
    if (PQstatus(impl->connection) == CONNECTION_BAD || state == PGRES_POLLING_FAILED) {
      const bool refused = PQconnectionNeedsPassword(impl->connection) != 0 ||
                           PQconnectionUsedPassword(impl->connection) != 0;
      const std::string message = trimmed(PQerrorMessage(impl->connection));
      return impl->lost(refused && message.find("authentication") != std::string::npos
                            ? ErrorCode::kPermission
                            : ErrorCode::kUnavailable,
                        message);
    }
    const int64_t ms = deadline - clock.steady_ms();
    if (ms <= 0)
      return impl->lost(ErrorCode::kTimeout,
                        fmt::format("no connection within {} ms", options.connect_ms));
    ASSIGN(io::SocketReady ready,
           io::wait_socket(PQsocket(impl->connection), state == PGRES_POLLING_WRITING, ms));
    if (ready.readable || ready.writable) state = PQconnectPoll(impl->connection);
  }
  PQsetnonblocking(impl->connection, 1);
  // Notices ("relation exists, skipping") are no news.
  PQsetNoticeProcessor(
      impl->connection, [](void*, const char*) {}, nullptr);
  PostgresConnection connection(std::move(impl));
  // The server gives up a little before this side does, so that its session is not left behind. What a row looks like
  // must not depend on the server's settings.
  TRY(connection.run(fmt::format(
      "SET statement_timeout = {}; SET lock_timeout = {}; SET idle_in_transaction_session_timeout "
      "= {}; "
      "SET TimeZone = 'UTC'; SET DateStyle = 'ISO'; SET standard_conforming_strings = on; "
      "SET synchronous_commit = on; SET search_path = \"$user\", public",
      options.statement_ms * 9 / 10, options.statement_ms * 8 / 10, options.statement_ms)));
  return connection;
}

Result<void> PostgresConnection::run(const std::string& sql) {
  TRY(impl_->begin());
  const int64_t deadline = impl_->clock.steady_ms() + impl_->statement_ms;
  if (PQsendQuery(impl_->connection, sql.c_str()) == 0) return impl_->broken();
  ASSIGN(PgResult last, impl_->finish(deadline));
  (void)last;
  return {};
}

Result<std::vector<PostgresRow>> PostgresConnection::query(const std::string& sql,
                                                           PostgresParams params,
                                                           std::vector<PostgresColumn>* about) {
  TRY(impl_->begin());
  const int64_t deadline = impl_->clock.steady_ms() + impl_->statement_ms;
  const TextParams texts(params);
  if (PQsendQueryParams(impl_->connection, sql.c_str(), static_cast<int>(params.size()), nullptr,
                        texts.values.data(), nullptr, nullptr, 0) == 0)
    return impl_->broken();
  ASSIGN(PgResult result, impl_->finish(deadline));
  std::vector<PostgresRow> rows;
  const int columns = result ? PQnfields(result.get()) : 0;
  for (int c = 0; about && c < columns; ++c)
    about->push_back({PQfname(result.get(), c), PQftype(result.get(), c)});
  for (int r = 0; r < (result ? PQntuples(result.get()) : 0); ++r) {
    PostgresRow& row = rows.emplace_back();
    for (int c = 0; c < columns; ++c) {
      if (PQgetisnull(result.get(), r, c))
        row.emplace_back(std::nullopt);
      else
        row.emplace_back(std::string(PQgetvalue(result.get(), r, c),
                                     static_cast<size_t>(PQgetlength(result.get(), r, c))));
    }
  }
  return rows;
}

Result<void> PostgresConnection::prepare(const std::string& name, const std::string& sql) {
  TRY(impl_->begin());
  const int64_t deadline = impl_->clock.steady_ms() + impl_->statement_ms;
  if (PQsendPrepare(impl_->connection, name.c_str(), sql.c_str(), 0, nullptr) == 0)
    return impl_->broken();
  ASSIGN(PgResult last, impl_->finish(deadline));
  (void)last;
  return {};
}

Result<int64_t> PostgresConnection::execute(const std::string& name, PostgresParams params) {
  TRY(impl_->begin());
  const int64_t deadline = impl_->clock.steady_ms() + impl_->statement_ms;
  const TextParams texts(params);
  if (PQsendQueryPrepared(impl_->connection, name.c_str(), static_cast<int>(params.size()),
                          texts.values.data(), nullptr, nullptr, 0) == 0)
    return impl_->broken();
  ASSIGN(PgResult last, impl_->finish(deadline));
  return changed(last.get());
}

Result<int64_t> PostgresConnection::copy_in(const std::string& sql, std::string_view bytes) {
  TRY(impl_->begin());
  const int64_t deadline = impl_->clock.steady_ms() + impl_->statement_ms;
  PGconn* connection = impl_->connection;
  if (PQsendQuery(connection, sql.c_str()) == 0) return impl_->broken();
  ASSIGN(PgResult started, impl_->next_result(deadline));
  TRY(impl_->judge(started.get(), deadline));
  if (PQresultStatus(started.get()) != PGRES_COPY_IN) {
    TRY(impl_->drain(deadline));
    return Error(ErrorCode::kInternal, "not a COPY FROM STDIN: " + sql);
  }
  while (!bytes.empty()) {
    const std::string_view piece = bytes.substr(0, kCopyPiece);
    const int put = PQputCopyData(connection, piece.data(), static_cast<int>(piece.size()));
    if (put < 0) break;  // the server has refused a row already; its result says why
    if (put > 0) bytes.remove_prefix(piece.size());
    TRY(impl_->flush(deadline));
  }
  for (int put; (put = PQputCopyEnd(connection, nullptr)) == 0;) TRY(impl_->flush(deadline));
  ASSIGN(PgResult last, impl_->finish(deadline));
  return changed(last.get());
}

void PostgresConnection::roll_back() {
  if (alive() && PQtransactionStatus(impl_->connection) != PQTRANS_IDLE) {
    const std::string kept = impl_->state;
    (void)run("ROLLBACK")
        .has_value();  // when it fails the session is closed, and its transaction with it
    impl_->state = kept;
  }
}

bool PostgresConnection::alive() const { return impl_->connection != nullptr; }
const std::string& PostgresConnection::sqlstate() const { return impl_->state; }

bool blames_row(std::string_view sqlstate) {
  // 54000: program limit exceeded, such as a row too large for an index.
  return sqlstate.starts_with("22") || sqlstate.starts_with("23") || sqlstate == "54000" ||
         sqlstate == "P0001";  // a trigger of the user's refused it
}

}  // namespace leat::clients
