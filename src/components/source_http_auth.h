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

/// Every secret of a source: its credentials, and values of `params:`, `headers:` and `body:` that
/// came from the environment.
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

 private:
  Result<void> fetch_token(const OAuth2Auth& auth, std::stop_token stop);

  const Config& config_;
  net::HttpClient& client_;
  io::Clock& clock_;
  std::string token_;
  int64_t token_until_ms_ = 0;  // steady
};

}  // namespace leat::components::http
