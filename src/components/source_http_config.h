// What a user writes under `source: {http: ...}`.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/limits.h"
#include "config/secret.h"
#include "config/spec.h"
#include "net/retry.h"

namespace leat::components::http {

// Pagination: exactly one way.
struct NoPages {};
struct PageNumbers {
  std::string param = "page";
  int64_t from = 1;
  std::optional<int64_t> to;  // last page; without it, a page without records ends the pass
};
struct Offsets {
  std::string param = "offset", limit_param = "limit";
  int64_t limit = 100;
  std::optional<int64_t> to;  // the pass ends before this offset
  std::string total;          // pointer to the number of records there are
};
struct BodyCursor {
  std::string param, pointer;  // null, absent or "": the last page
};
struct BodyUrl {
  std::string pointer;
};
struct LinkHeader {};
using Pagination = std::variant<NoPages, PageNumbers, Offsets, BodyCursor, BodyUrl, LinkHeader>;
/// "page", "offset", "cursor", "next_url", "link_header" or "none".
std::string_view name_of(const Pagination& pagination);

// Credentials: at most one way.
struct NoAuth {};
struct BasicAuth {
  std::string username;
  config::Secret password;
};
struct BearerAuth {
  config::Secret token;
};
struct ApiKeyAuth {
  std::string header, query;  // exactly one: where the key goes
  config::Secret key;
};
struct OAuth2Auth {
  std::string token_url, client_id, scope;
  config::Secret client_secret;
  bool in_body =
      false;  // client_id and client_secret as form fields instead of an Authorization header
};
using Auth = std::variant<NoAuth, BasicAuth, BearerAuth, ApiKeyAuth, OAuth2Auth>;

struct Incremental {
  std::string field, param;  // pointer within a record; query parameter
  std::string overlap;       // "5m" for times, a number for numbers
  std::string start;         // the first mark; empty: no parameter on the first pass
};

struct Config {
  std::string url, method = "GET", body, records;
  std::vector<std::pair<std::string, std::string>> params, headers;
  Pagination pagination;
  Auth auth;
  std::optional<net::Rate> rate_limit;
  int64_t timeout_ms = 30'000, connect_timeout_ms = 10'000;
  int64_t min_bytes_per_s = 100, min_rate_window_ms = 20'000;
  int64_t max_body_bytes = static_cast<int64_t>(limits::kMaxHttpBodyBytes);
  std::optional<int64_t> every_ms;
  std::vector<std::string> id;
  std::optional<Incremental> incremental;
  std::vector<std::string> allow_hosts;
  std::string ca_file;
  int32_t breaker_failures = 10;
  int64_t breaker_open_ms = 30'000;
};

const config::Spec<Config>& spec();

}  // namespace leat::components::http
