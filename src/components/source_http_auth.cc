#include "components/source_http_auth.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/strings.h"

namespace leat::components::http {
namespace {

constexpr int64_t kTokenMarginMs = 30'000;       // renewed this long before it expires
constexpr int kTokensKnown = 16;                 // kept out of messages
constexpr int64_t kTokenLifeMs = 5 * 60 * 1000;  // of a token whose answer does not say
constexpr size_t kMaxTokenAnswer = 64 * 1024;

std::string basic(const std::string& user, const std::string& password) {
  return "Basic " + base64(user + ":" + password);
}

/// Adds a value as it is, and as it stands in a URL.
void add_secret(config::Redactor& redactor, const std::string& value) {
  redactor.add(config::Secret(value));
  redactor.add(config::Secret(net::percent_encode(value)));
}

}  // namespace

std::vector<std::string> substituted_behind_host(std::string_view written, std::string_view text) {
  std::vector<std::string> parts;
  const size_t scheme = text.find("://");
  const size_t path = scheme == std::string_view::npos ? 0 : text.find_first_of("/?", scheme + 3);
  size_t at = 0;
  for (size_t open = written.find("${"); open != std::string_view::npos;
       open = written.find("${")) {
    at += open;
    const size_t close = written.find('}', open);
    if (close == std::string_view::npos || at > text.size()) break;
    written.remove_prefix(close + 1);
    // Up to what is written next; up to the end, less what is written there, when no other one follows.
    const size_t next = written.find("${");
    const std::string_view literal = written.substr(0, next);
    size_t end = next == std::string_view::npos
                     ? text.size() - std::min(literal.size(), text.size())
                     : text.find(literal, at);
    if (end == std::string_view::npos || end < at) break;
    if (at > path) parts.emplace_back(text.substr(at, end - at));
    at = end;
  }
  return parts;
}

config::Redactor secrets_of(const Config& config, const config::Node& node) {
  config::Redactor out;
  if (auto* auth = std::get_if<BasicAuth>(&config.auth)) add_secret(out, auth->password.reveal());
  if (auto* bearer = std::get_if<BearerAuth>(&config.auth)) add_secret(out, bearer->token.reveal());
  if (auto* key = std::get_if<ApiKeyAuth>(&config.auth)) add_secret(out, key->key.reveal());
  if (auto* oauth = std::get_if<OAuth2Auth>(&config.auth))
    add_secret(out, oauth->client_secret.reveal());
  const auto add_substituted = [&](const config::Node& value) {
    if (!value.written.empty()) add_secret(out, value.text);
  };
  for (const char* map : {"params", "headers"}) {
    if (const config::Node* values = node.find(map))
      for (const config::Entry& entry : values->entries) add_substituted(entry.value);
  }
  if (const config::Node* body = node.find("body")) add_substituted(*body);
  const auto add_path = [&](const config::Node* url) {
    if (url == nullptr) return;
    for (const std::string& part : substituted_behind_host(url->written, url->text))
      add_secret(out, part);
  };
  add_path(node.find("url"));
  if (const config::Node* auth = node.find("auth"))
    if (const config::Node* oauth = auth->find("oauth2")) add_path(oauth->find("token_url"));
  return out;
}

Result<void> Authenticator::apply(net::HttpRequest& request, std::stop_token stop) {
  if (auto* auth = std::get_if<BasicAuth>(&config_.auth)) {
    request.headers.set("Authorization", basic(auth->username, auth->password.reveal()));
  } else if (auto* bearer = std::get_if<BearerAuth>(&config_.auth)) {
    request.headers.set("Authorization", "Bearer " + bearer->token.reveal());
  } else if (auto* key = std::get_if<ApiKeyAuth>(&config_.auth)) {
    if (!key->header.empty()) {
      request.headers.set(key->header, key->key.reveal());
    } else {
      net::set_query_param(request.url, key->query, key->key.reveal());
      request.secret_params.push_back(key->query);
    }
  } else if (auto* oauth = std::get_if<OAuth2Auth>(&config_.auth)) {
    if (token_.empty() || clock_.steady_ms() >= token_until_ms_)
      TRY(fetch_token(*oauth, std::move(stop)));
    request.headers.set("Authorization", "Bearer " + token_);
  }
  return {};
}

bool Authenticator::refused() {
  if (!std::holds_alternative<OAuth2Auth>(config_.auth) || token_.empty()) return false;
  token_.clear();
  return true;
}

/// RFC 6749 section 4.4.
Result<void> Authenticator::fetch_token(const OAuth2Auth& auth, std::stop_token stop) {
  token_.clear();
  net::HttpRequest request;
  request.method = "POST";
  ASSIGN(request.url, net::Url::parse(auth.token_url));
  request.headers = {{"Content-Type", "application/x-www-form-urlencoded"},
                     {"Accept", "application/json"}};
  net::QueryParams form{{"grant_type", "client_credentials"}};
  if (!auth.scope.empty()) form.emplace_back("scope", auth.scope);
  if (auth.in_body) {
    form.emplace_back("client_id", auth.client_id);
    form.emplace_back("client_secret", auth.client_secret.reveal());
  } else {
    request.headers.set("Authorization", basic(net::percent_encode(auth.client_id),
                                               net::percent_encode(auth.client_secret.reveal())));
  }
  request.body = net::build_query(form);
  request.timeouts.total_ms = config_.timeout_ms;
  request.timeouts.connect_ms = config_.connect_timeout_ms;
  request.max_body_bytes = kMaxTokenAnswer;
  // The default allow-list, the token URL's own origin: a redirect would take the secret along in the body.
  auto answer = client_.fetch(request, std::move(stop));
  if (!answer) return std::move(answer).error().at("token");
  auto json = nlohmann::json::parse(answer->body, nullptr, false);
  if (!answer->ok()) {
    // RFC 6749 section 5.2: {"error": "invalid_client"}; its text is the server's, cut short.
    std::string why = json.is_object() && json.contains("error") && json["error"].is_string()
                          ? json["error"].get<std::string>()
                          : "";
    bool ours = answer->status == 400 || answer->status == 401 || answer->status == 403;
    return Error(
               ours ? ErrorCode::kPermission : ErrorCode::kUnavailable,
               fmt::format("{} answered {} {}", auth.token_url, answer->status, why.substr(0, 100)))
        .at("token")
        .with_hint(ours ? "check client_id, client_secret and scope" : "");
  }
  if (!json.is_object() || !json.contains("access_token") || !json["access_token"].is_string() ||
      !net::is_safe_field("Authorization", json["access_token"].get_ref<const std::string&>()))
    return Error(ErrorCode::kCorrupt,
                 fmt::format("{} answered without an access_token", auth.token_url))
        .with_retry(Retry::kBackoff)
        .at("token");
  token_ = json["access_token"].get<std::string>();
  if (tokens_known_++ >= kTokensKnown) tokens_ = {}, tokens_known_ = 1;
  tokens_.add(config::Secret(token_));
  auto life = json.find("expires_in");
  int64_t life_ms = life != json.end() && life->is_number()
                        ? static_cast<int64_t>(std::clamp(life->get<double>(), 0.0, 1e9) * 1000)
                        : kTokenLifeMs;
  token_until_ms_ = clock_.steady_ms() + std::max<int64_t>(life_ms - kTokenMarginMs, life_ms / 2);
  return {};
}

}  // namespace leat::components::http
