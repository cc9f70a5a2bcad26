#include "net/router.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "base/check.h"

namespace leat::net {
namespace {

int status_of(const Error& error) {
  switch (error.code()) {
    case ErrorCode::kInvalidArgument:
      return 400;
    case ErrorCode::kPermission:
      return 403;
    case ErrorCode::kNotFound:
      return 404;
    case ErrorCode::kAlreadyExists:
    case ErrorCode::kConflict:
    case ErrorCode::kIncompatible:
      return 409;
    case ErrorCode::kDataLost:
      return 410;
    case ErrorCode::kLimit:
      return 413;
    case ErrorCode::kTimeout:
      return 504;
    case ErrorCode::kUnavailable:
    case ErrorCode::kCancelled:
      return 503;
    case ErrorCode::kNoSpace:
      return 507;
    default:
      return 500;
  }
}

/// Text from anywhere into JSON: what is not UTF-8 is replaced, never thrown about.
std::string dump(const nlohmann::ordered_json& json) {
  return json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

/// "/a/{b}/c" against "/a/x/c": fills params. The path is still percent-encoded, so that %2F is no
/// border.
bool matches(std::string_view pattern, std::string_view path, QueryParams& params) {
  params.clear();
  while (true) {
    if (pattern.empty() || path.empty()) return pattern.empty() && path.empty();
    if (pattern.front() != '/' || path.front() != '/') return false;
    pattern.remove_prefix(1), path.remove_prefix(1);
    auto want = pattern.substr(0, pattern.find('/'));
    if (want.size() > 3 && want.front() == '{' && want.ends_with("*}")) {
      params.emplace_back(want.substr(1, want.size() - 3), percent_decode(path, false));
      return true;
    }
    auto have = path.substr(0, path.find('/'));
    if (!want.empty() && want.front() == '{') {
      if (have.empty()) return false;
      params.emplace_back(want.substr(1, want.size() - 2), percent_decode(have, false));
    } else if (want != percent_decode(have, false)) {
      return false;
    }
    pattern.remove_prefix(want.size()), path.remove_prefix(have.size());
  }
}

bool changes_something(std::string_view method) {
  return method != "GET" && method != "HEAD" && method != "OPTIONS";
}

/// "localhost:8680" to its name and port (0: none).
std::pair<std::string_view, int> split_host(std::string_view host) {
  size_t colon = host.rfind(':'), bracket = host.rfind(']');
  if (colon == std::string_view::npos || (bracket != std::string_view::npos && colon < bracket))
    return {host, 0};
  int port = -1;
  auto digits = host.substr(colon + 1);
  auto [end, code] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (code != std::errc() || end != digits.data() + digits.size()) port = -1;
  return {host.substr(0, colon), port};
}

}  // namespace

bool same_secret(std::string_view a, std::string_view b) {
  unsigned difference = a.size() == b.size() ? 0 : 1;
  for (size_t i = 0; i < a.size(); ++i)
    difference |= static_cast<unsigned char>(a[i]) ^
                  static_cast<unsigned char>(b.empty() ? 0 : b[i % b.size()]);
  return difference == 0;
}

const std::string& Request::param(std::string_view name) const {
  auto found =
      std::find_if(params.begin(), params.end(), [&](const auto& p) { return p.first == name; });
  CHECK(found != params.end(), "the pattern of {} has no {{{}}}", path, name);
  return found->second;
}

std::optional<std::string_view> Request::query_param(std::string_view name) const {
  for (const auto& [key, value] : query)
    if (key == name) return value;
  return std::nullopt;
}

Result<int64_t> Request::query_number(std::string_view name, int64_t otherwise, int64_t least,
                                      int64_t most) const {
  auto text = query_param(name);
  if (!text) return otherwise;
  int64_t value = 0;
  auto [end, code] = std::from_chars(text->data(), text->data() + text->size(), value);
  if (code != std::errc() || end != text->data() + text->size() || value < least || value > most)
    return Error(ErrorCode::kInvalidArgument,
                 fmt::format("query parameter {} is \"{}\", not a whole number from {} to {}", name,
                             text->substr(0, 64), least, most));
  return value;
}

Response Response::json(std::string body, int status) {
  Response response;
  response.status = status;
  response.headers.add("Content-Type", "application/json");
  response.body = std::move(body);
  return response;
}

Response Response::text(std::string body, int status) {
  Response response;
  response.status = status;
  response.headers.add("Content-Type", "text/plain; charset=utf-8");
  response.body = std::move(body);
  return response;
}

Response Response::error(int status, std::string_view code, std::string_view message,
                         std::string_view hint) {
  nlohmann::ordered_json json;
  json["error"]["code"] = std::string(code);
  json["error"]["message"] = std::string(message);
  if (!hint.empty()) json["error"]["hint"] = std::string(hint);
  return Response::json(dump(json) + "\n", status);
}

Response Response::error(const Error& error) {
  nlohmann::ordered_json json;
  json["error"]["code"] = std::string(to_string(error.code()));
  json["error"]["message"] = error.message();
  if (!error.where().empty()) json["error"]["where"] = error.where();
  if (!error.hint().empty()) json["error"]["hint"] = error.hint();
  return Response::json(dump(json) + "\n", status_of(error));
}

void Router::add(Route route) {
  for (const auto& other : routes_)
    CHECK(other.method != route.method || other.pattern != route.pattern, "{} {} twice",
          route.method, route.pattern);
  CHECK(route.handler != nullptr && route.pattern.starts_with('/'), "{}", route.pattern);
  routes_.push_back(std::move(route));
}

const Route* Router::find(std::string_view method, std::string_view path, QueryParams& params,
                          std::string& allowed) const {
  allowed.clear();
  if (method == "HEAD") method = "GET";
  const Route* best = nullptr;
  QueryParams captured;
  for (const auto& route : routes_) {
    if (!matches(route.pattern, path, captured)) continue;
    if (route.method != method) {
      allowed += (allowed.empty() ? "" : ", ") + route.method;
      continue;
    }
    // Fewer parameters is nearer: /topics/new before /topics/{topic}.
    if (best == nullptr || captured.size() < params.size()) best = &route, params = captured;
  }
  return best;
}

Response Router::dispatch(Request& request) const {
  std::string allowed;
  const Route* route = find(request.method, request.path, request.params, allowed);
  if (route == nullptr) {
    if (allowed.empty())
      return Response::error(404, "not_found",
                             fmt::format("no such resource: {}", request.path.substr(0, 200)));
    auto response = Response::error(
        405, "method_not_allowed",
        fmt::format("{} is not possible here; {} is", request.method.substr(0, 32), allowed));
    response.headers.add("Allow", allowed);
    return response;
  }
  auto response = route->handler(request);
  return response ? std::move(*response) : Response::error(response.error());
}

Response Router::call(std::string method, std::string_view target, std::string body,
                      std::stop_token stop) const {
  Request request;
  request.method = std::move(method);
  size_t question = std::min(target.find('?'), target.size());
  request.path = target.substr(0, question);
  if (question < target.size()) request.query = parse_query(target.substr(question + 1));
  request.body = std::move(body);
  request.trusted = true;
  request.stop = std::move(stop);
  return dispatch(request);
}

std::optional<Response> Guard::refuse(const Request& request, Access access) const {
  if (request.trusted) return std::nullopt;
  auto hosts_sent = request.headers.all("host");
  auto is_own = [&](std::string_view host_and_port) {
    if (any_host) return same_name(host_and_port, hosts_sent.front());
    auto [name, has_port] = split_host(host_and_port);
    if (has_port != 0 && has_port != port) return false;
    auto is = [name = name](std::string_view own) { return same_name(name, own); };
    return is("127.0.0.1") || is("localhost") || is("[::1]") ||
           std::any_of(hosts.begin(), hosts.end(), is);
  };
  if (hosts_sent.size() != 1 || !is_own(hosts_sent.front()))
    return Response::error(421, "permission", "the Host header does not name this server",
                           fmt::format("use http://127.0.0.1:{}/", port));
  if (changes_something(request.method)) {
    auto site = request.headers.get("sec-fetch-site");
    bool foreign = site && *site != "same-origin" && *site != "none";
    if (auto origin = request.headers.get("origin")) {
      constexpr std::string_view kHttp = "http://";
      foreign = foreign || !origin->starts_with(kHttp) || !is_own(origin->substr(kHttp.size()));
    }
    if (foreign)
      return Response::error(403, "permission",
                             "a page of another origin may not change anything here");
  }
  if (access == Access::kOpen) return std::nullopt;
  constexpr std::string_view kBearer = "Bearer ";
  auto header = request.headers.get("authorization").value_or("");
  bool known = header.size() > kBearer.size() &&
               same_name(header.substr(0, kBearer.size()), kBearer) && !token.empty() &&
               same_secret(header.substr(kBearer.size()), token);
  if (known) return std::nullopt;
  auto response =
      Response::error(401, "permission", "a token is needed: Authorization: Bearer TOKEN",
                      "the token is in run.json of the data directory");
  response.headers.add("WWW-Authenticate", "Bearer");
  return response;
}

}  // namespace leat::net
