// HttpClient: one request after another over kept connections, with every bound that a hostile peer
// calls for.
//
// What it guarantees: certificates are always verified; the body is decoded by us (gzip, deflate,
// zstd) and counted while it is; a body that ends early is an error, never a short success;
// redirects are followed by us, each hop checked against the allow-list, headers left behind at
// another origin, a body never sent to one; link-local, multicast and unspecified addresses are refused unless the URL itself
// names them; a stop request ends a transfer at once. An answer of any status is a HttpResponse; an
// Error means that there was no whole answer.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/limits.h"
#include "base/result.h"
#include "io/clock.h"
#include "net/content_coding.h"
#include "net/headers.h"
#include "net/url.h"

namespace leat::net {

struct HttpTimeouts {
  int64_t connect_ms = 10'000;
  int64_t total_ms = 60'000;    // with redirects; 0: none (a stream that goes on)
  int64_t min_bytes_per_s = 0;  // 0: any rate; else slower than this over the window is kTimeout
  int64_t min_rate_window_ms = 10'000;
};

struct HttpRequest {
  std::string method = "GET";
  Url url;
  Headers headers;                         // of these only Accept goes along to another origin
  std::vector<std::string> secret_params;  // query parameters left out of messages
  std::string body;
  HttpTimeouts timeouts;
  size_t max_body_bytes = limits::kMaxHttpBodyBytes;  // decoded
  int max_redirects = limits::kMaxRedirects;
  /// Where requests may go. Null: the URL's own origin only.
  const OriginAllowList* allow = nullptr;
  /// Speak to this Unix domain socket instead of the URL's host.
  std::string unix_socket;
  /// Takes the decoded body of a 2xx answer as it arrives; then HttpResponse::body stays empty and
  /// the cap does not count. An Error ends the transfer and is returned.
  ByteSink on_data;
};

struct HttpResponse {
  int status = 0;
  Headers headers;
  std::string body;  // with limits::kHttpBodyPadding bytes of spare capacity
  Url url;           // the last hop
  bool ok() const { return status >= 200 && status < 300; }
};

struct HttpClientOptions {
  std::string user_agent;      // empty: leat/VERSION
  std::string ca_file;         // more trusted certificates; empty: the system's
  io::Clock* clock = nullptr;  // null: the system's
};

/// One thread at a time. Connections are kept between calls and closed by the destructor.
class HttpClient {
 public:
  explicit HttpClient(HttpClientOptions options = {});
  ~HttpClient();
  HttpClient(HttpClient&&) noexcept;

  /// kTimeout, kUnavailable: nobody answered, or not in time. kCorrupt: the answer is damaged
  /// (retry: backoff). kLimit: larger than allowed. kPermission: a certificate that cannot be
  /// trusted, a hop that is not allowed, or one that would take the body to another origin. kCancelled: stop. Messages name the URL without its
  /// secrets.
  Result<HttpResponse> fetch(const HttpRequest& request, std::stop_token stop = {});

 private:
  class State;
  std::unique_ptr<State> state_;
};

}  // namespace leat::net
