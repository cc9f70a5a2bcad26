#include "clients/cassandra.h"

#include <fmt/core.h>
#include <leat_cql.h>

#include <utility>

#include "base/check.h"

namespace leat::clients {
namespace {

lcql_session* session_of(void* handle) { return static_cast<lcql_session*>(handle); }

/// What a code means for whoever waits (leat_cql.h; native_protocol_v4.spec, section 9).
Error error_of(const lcql_error& e) {
  const auto made = [&](ErrorCode code, Retry retry) {
    return Error(code, e.message).with_blame(Blame::kExternal).with_retry(retry);
  };
  switch (e.code) {
    case 0x0100:  // a password may be changed on both sides one after the other
      return made(ErrorCode::kPermission, Retry::kReconnect);
    case 0x2100:
      return made(ErrorCode::kPermission, Retry::kNever);
    case LCQL_CONNECT:
      return made(ErrorCode::kUnavailable, Retry::kReconnect);
    case LCQL_TIMEOUT:
    case 0x1100:
    case 0x1200:
      return made(ErrorCode::kTimeout, Retry::kBackoff);
    case LCQL_ARGUMENT:
      return Error(ErrorCode::kInvalidArgument, e.message).with_blame(Blame::kUser);
    case LCQL_STOPPED:
      return made(ErrorCode::kCancelled, Retry::kNever);
    default:
      return e.retryable ? made(ErrorCode::kUnavailable, Retry::kBackoff)
                         : made(ErrorCode::kIncompatible, Retry::kNever);
  }
}

std::string joined(const std::vector<std::string>& texts) {
  std::string all;
  for (const std::string& text : texts) all += (all.empty() ? "" : ",") + text;
  return all;
}

const char* or_null(const std::string& text) { return text.empty() ? nullptr : text.c_str(); }

}  // namespace

CassandraStatement::CassandraStatement(void* made)
    : handle_(made, [](void* each) { lcql_statement_free(static_cast<lcql_statement*>(each)); }) {}

Result<std::shared_ptr<CassandraSession>> CassandraSession::open(const CassandraOptions& options) {
  const std::string points = joined(options.contact_points);
  ASSIGN(const std::string password, options.password.current());
  const CassandraTls tls = options.tls.value_or(CassandraTls());
  const std::string names = joined(tls.names);
  lcql_options c{};
  c.contact_points = points.c_str();
  c.user = or_null(options.username);
  c.password = password.c_str();
  c.datacenter = or_null(options.datacenter);
  c.loopback_only = options.loopback_only;
  c.tls = options.tls.has_value();
  c.tls_ca_file = or_null(tls.ca_file);
  c.tls_certificate_file = or_null(tls.certificate_file);
  c.tls_key_file = or_null(tls.key_file);
  c.tls_names = or_null(names);
  c.connect_ms = static_cast<uint32_t>(options.connect_ms);
  c.request_ms = static_cast<uint32_t>(options.request_ms);
  c.consistency = options.consistency;
  lcql_session* made = nullptr;
  lcql_error error{};
  if (lcql_open(&c, &made, &error) != LCQL_OK)
    return error_of(error).context("no session with Cassandra at " + points);
  return std::shared_ptr<CassandraSession>(new CassandraSession(made));
}

CassandraSession::~CassandraSession() { lcql_close(session_of(handle_)); }

size_t CassandraSession::nodes() const { return lcql_nodes(session_of(handle_)); }

Result<void> CassandraSession::change(const std::string& cql) {
  lcql_error error{};
  if (lcql_change(session_of(handle_), cql.c_str(), &error) != LCQL_OK) return error_of(error);
  return {};
}

Result<void> CassandraSession::settle() {
  lcql_error error{};
  if (lcql_settle(session_of(handle_), &error) != LCQL_OK) return error_of(error);
  return {};
}

Result<void> CassandraSession::use(const std::string& keyspace) {
  lcql_error error{};
  if (lcql_use(session_of(handle_), keyspace.c_str(), &error) != LCQL_OK) return error_of(error);
  return {};
}

Result<CassandraStatement> CassandraSession::prepare(const std::string& cql) {
  lcql_statement* made = nullptr;
  lcql_error error{};
  if (lcql_prepare(session_of(handle_), cql.c_str(), &made, &error) != LCQL_OK)
    return error_of(error);
  return CassandraStatement(made);
}

Result<void> CassandraSession::select(const CassandraStatement& statement,
                                      std::string_view parameters, const OnRow& row,
                                      uint32_t page_rows) {
  struct Given {
    const OnRow& row;
    std::vector<std::optional<std::string_view>> values;
  } given{row, {}};
  const auto on_row = [](void* user, const lcql_value* values, uint32_t columns) {
    auto& to = *static_cast<Given*>(user);
    to.values.assign(columns, std::nullopt);
    for (uint32_t c = 0; c < columns; ++c)
      if (values[c].bytes)
        to.values[c].emplace(reinterpret_cast<const char*>(values[c].bytes), values[c].size);
    return to.row(to.values) ? 0 : 1;
  };
  lcql_error error{};
  if (lcql_select(session_of(handle_), static_cast<lcql_statement*>(statement.handle_.get()),
                  reinterpret_cast<const uint8_t*>(parameters.data()), parameters.size(), page_rows,
                  on_row, &given, &error) != LCQL_OK)
    return error_of(error);
  return {};
}

Result<void> CassandraSession::write(const CassandraStatement& statement,
                                     const CassandraRowBytes& rows, const OnRefused& refused) {
  CHECK(rows.groups.empty() ? rows.ends.empty() : rows.groups.back() == rows.ends.size(),
        "groups of {} rows", rows.ends.size());
  CHECK(rows.ends.empty() || rows.ends.back() == rows.bytes.size(), "rows of {} bytes",
        rows.bytes.size());
  lcql_rows c{};
  c.bytes = reinterpret_cast<const uint8_t*>(rows.bytes.data());
  c.ends = rows.ends.data();
  c.rows = rows.ends.size();
  c.groups = rows.groups.data();
  c.n_groups = rows.groups.size();
  c.concurrency = rows.concurrency;
  const auto on_refused = [](void* user, uint64_t row, const char* message) {
    (*static_cast<const OnRefused*>(user))(row, message);
  };
  lcql_error error{};
  if (lcql_write(session_of(handle_), static_cast<lcql_statement*>(statement.handle_.get()), &c,
                 on_refused, const_cast<OnRefused*>(&refused), &error) != LCQL_OK)
    return error_of(error);
  return {};
}

}  // namespace leat::clients
