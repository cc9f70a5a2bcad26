// Credentials of the http source: puts them on requests, fetches and renews OAuth 2 tokens. One
// thread.
#pragma once

#include <stop_token>
#include <string>
#include <vector>

#include "components/source_http_config.h"
#include "config/node.h"
#include "io/clock.h"
#include "net/http_client.h"

namespace leat::components::http {

/// What `${...}` became in a URL, in its path and query only: a host is no secret, and messages need it.
std::vector<std::string> substituted_behind_host(std::string_view written, std::string_view text);
/// Every secret of a source: its credentials, and what came from the environment into `params:`,
/// `headers:`, `body:` and behind the host of a URL.
config::Redactor secrets_of(const Config& config, const config::Node& node);

class Authenticator {
 public:
  /// All outlive it.
  Authenticator(const Config& config, net::HttpClient& client, io::Clock& clock)
      : config_(config), client_(client), clock_(clock) {}

  /// Adds the credentials to a request to the source's own origin. May fetch a token first.
  Result<void> apply(net::HttpRequest& request, std::stop_token stop);
  /// The API answered 401: forgets the token. True when another one may help.
  bool refused();
  /// `text` without the tokens that were fetched.
  std::string redact(std::string_view text) const { return tokens_.redact(text); }

 private:
  Result<void> fetch_token(const OAuth2Auth& auth, std::stop_token stop);

  const Config& config_;
  net::HttpClient& client_;
  io::Clock& clock_;
  std::string token_;
  config::Redactor tokens_;  // the last ones
  int tokens_known_ = 0;
  int64_t token_until_ms_ = 0;  // steady
};

}  // namespace leat::components::http
