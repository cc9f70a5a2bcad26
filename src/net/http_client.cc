#include "net/http_client.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <charconv>

#include "base/check.h"
#include "base/version.h"

namespace leat::net {
namespace {

void start_curl() {
  static const CURLcode code = curl_global_init(CURL_GLOBAL_DEFAULT);
  CHECK(code == CURLE_OK, "curl_global_init: {}", static_cast<int>(code));
}

/// What the callbacks of one transfer share. Lives on fetch_once's stack.
struct Transfer {
  const HttpRequest& request;
  CURL* easy;
  HttpResponse& response;
  std::unique_ptr<BodyDecoder> decoder{};
  ByteSink sink{};
  std::optional<Error> error{};
  size_t header_bytes = 0;
  bool address_refused = false;
};

bool is_2xx(CURL* easy) {
  long status = 0;
  curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
  return status >= 200 && status < 300;
}

Error header_too_large() {
  return Error(ErrorCode::kLimit, fmt::format("the answer's header is larger than {} bytes",
                                              limits::kMaxHttpHeaderBytes))
      .with_blame(Blame::kExternal);
}

/// One line of the header, as it came. A status line starts anew: an interim answer (1xx) came
/// before.
size_t on_header(char* data, size_t size, size_t count, void* user) {
  auto& transfer = *static_cast<Transfer*>(user);
  std::string_view line(data, size * count);
  transfer.header_bytes += line.size();
  if (transfer.header_bytes > limits::kMaxHttpHeaderBytes) {
    transfer.error = header_too_large();
    return 0;
  }
  while (!line.empty() && (line.back() == '\n' || line.back() == '\r')) line.remove_suffix(1);
  if (line.starts_with("HTTP/")) {
    transfer.response.headers.clear();
    return size * count;
  }
  size_t colon = line.find(':');
  if (colon == std::string_view::npos) return size * count;
  auto name = line.substr(0, colon), value = line.substr(colon + 1);
  while (!value.empty() && (value.front() == ' ' || value.front() == '\t')) value.remove_prefix(1);
  while (!value.empty() && (value.back() == ' ' || value.back() == '\t')) value.remove_suffix(1);
  transfer.response.headers.add(std::string(name), std::string(value));
  return size * count;
}

Result<void> take(Transfer& transfer, std::string_view piece) {
  if (!transfer.decoder) {
    bool stream = transfer.request.on_data && is_2xx(transfer.easy);
    auto coding = transfer.response.headers.get("content-encoding").value_or("");
    size_t cap = stream ? std::numeric_limits<size_t>::max() : transfer.request.max_body_bytes;
    ASSIGN(transfer.decoder, BodyDecoder::make(coding, cap));
    std::string& body = transfer.response.body;
    if (stream)
      transfer.sink = transfer.request.on_data;
    else
      transfer.sink = [&body](std::string_view bytes) -> Result<void> {
        return body.append(bytes), Result<void>();
      };
  }
  return transfer.decoder->feed(piece, transfer.sink);
}

size_t on_body(char* data, size_t size, size_t count, void* user) {
  auto& transfer = *static_cast<Transfer*>(user);
  auto taken = take(transfer, std::string_view(data, size * count));
  if (taken) return size * count;
  transfer.error = std::move(taken).error();
  return size * count == 0 ? 1 : 0;  // anything but the size aborts
}

/// Link-local, multicast, broadcast and unspecified addresses: cloud metadata services live there.
bool is_forbidden(const sockaddr* address) {
  if (address->sa_family == AF_INET) {
    uint32_t ip = ntohl(reinterpret_cast<const sockaddr_in*>(address)->sin_addr.s_addr);
    return (ip >> 16) == 0xa9fe || ip >> 28 >= 0xe || ip >> 24 == 0;
  }
  if (address->sa_family == AF_INET6) {
    const auto& ip = reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr;
    if (IN6_IS_ADDR_V4MAPPED(&ip)) {
      sockaddr_in inner{};
      inner.sin_family = AF_INET;
      std::copy_n(ip.s6_addr + 12, 4, reinterpret_cast<unsigned char*>(&inner.sin_addr));
      return is_forbidden(reinterpret_cast<const sockaddr*>(&inner));
    }
    return IN6_IS_ADDR_LINKLOCAL(&ip) || IN6_IS_ADDR_MULTICAST(&ip) || IN6_IS_ADDR_UNSPECIFIED(&ip);
  }
  return false;
}

bool names_an_address(std::string_view host) {
  return host.front() == '[' || host.find_first_not_of("0123456789.") == std::string_view::npos;
}

curl_socket_t on_open_socket(void* user, curlsocktype, curl_sockaddr* address) {
  auto& transfer = *static_cast<Transfer*>(user);
  if (!names_an_address(transfer.request.url.host) && is_forbidden(&address->addr)) {
    transfer.address_refused = true;
    return CURL_SOCKET_BAD;
  }
  return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

std::string message_of(CURLcode code, const char* detail) {
  std::string_view text = detail[0] != '\0' ? detail : curl_easy_strerror(code);
  return std::string(text);
}

Error transfer_error(CURLcode code, const char* detail) {
  std::string text = message_of(code, detail);
  switch (code) {
    case CURLE_OPERATION_TIMEDOUT:
      return Error(ErrorCode::kTimeout, std::move(text));
    case CURLE_PARTIAL_FILE:
    case CURLE_UNSUPPORTED_PROTOCOL:  // HTTP/0.9: the URL's own scheme was checked before
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_BAD_CONTENT_ENCODING:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
      return Error(ErrorCode::kCorrupt, fmt::format("the answer is not whole: {}", text))
          .with_retry(Retry::kBackoff);
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_ISSUER_ERROR:
      return Error(ErrorCode::kPermission,
                   fmt::format("the server's certificate is refused: {}", text))
          .with_blame(Blame::kExternal)
          .with_retry(Retry::kBackoff)
          .with_hint(
              "renew the certificate, or trust its authority: `ca_file:` of the source, or the "
              "system's "
              "trusted ones");
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_URL_MALFORMAT:
      return Error(ErrorCode::kInvalidArgument, std::move(text));
    case CURLE_OUT_OF_MEMORY:
    case CURLE_FAILED_INIT:
      return Error(ErrorCode::kInternal, std::move(text));
    default:
      return Error(ErrorCode::kUnavailable, std::move(text));
  }
}

bool is_redirect(const HttpResponse& response) {
  switch (response.status) {
    case 301:
    case 302:
    case 303:
    case 307:
    case 308:
      return response.headers.has("location");
    default:
      return false;
  }
}

/// RFC 9110 section 15.4: what the next hop asks.
void turn_into_hop(HttpRequest& request, int status, Url to) {
  bool becomes_get = (status == 303 && request.method != "HEAD") ||
                     ((status == 301 || status == 302) && request.method == "POST");
  if (becomes_get) {
    request.method = "GET";
    request.body.clear();
    request.headers.erase("content-type");
  }
  // Any header may hold a secret, whatever its name; what the answer should look like is none.
  if (to.origin() != request.url.origin()) {
    auto accept = request.headers.get("accept");
    request.headers = accept ? Headers{{"Accept", std::string(*accept)}} : Headers{};
  }
  request.url = std::move(to);
}

}  // namespace

class HttpClient::State {
 public:
  explicit State(HttpClientOptions options) : options_(std::move(options)) {
    start_curl();
    multi_ = curl_multi_init();
    easy_ = curl_easy_init();
    CHECK(multi_ != nullptr && easy_ != nullptr);
    curl_multi_setopt(multi_, CURLMOPT_MAXCONNECTS, 4L);
    if (options_.user_agent.empty()) options_.user_agent = fmt::format("leat/{}", version());
  }
  ~State() {
    curl_easy_cleanup(easy_);
    curl_multi_cleanup(multi_);
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  io::Clock& clock() { return options_.clock != nullptr ? *options_.clock : io::system_clock(); }

  Result<HttpResponse> fetch_once(const HttpRequest& request, int64_t total_ms,
                                  const std::stop_token& stop);

 private:
  Result<void> set_up(Transfer& transfer, int64_t total_ms, curl_slist** fields);
  CURLcode perform(const std::stop_token& stop, bool& stopped);

  HttpClientOptions options_;
  CURLM* multi_;
  CURL* easy_;
  char detail_[CURL_ERROR_SIZE] = {};
};

Result<void> HttpClient::State::set_up(Transfer& transfer, int64_t total_ms, curl_slist** fields) {
  const HttpRequest& request = transfer.request;
  auto set = [&](CURLoption option, auto value) {
    CURLcode code = curl_easy_setopt(easy_, option, value);
    CHECK(code == CURLE_OK, "option {}: {}", static_cast<int>(option), curl_easy_strerror(code));
  };
  curl_easy_reset(easy_);
  detail_[0] = '\0';
  set(CURLOPT_ERRORBUFFER, detail_);
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_URL, request.url.to_string().c_str());
  set(CURLOPT_PATH_AS_IS, 1L);
  set(CURLOPT_PROTOCOLS_STR, "http,https");
  set(CURLOPT_FOLLOWLOCATION, 0L);
  set(CURLOPT_SSL_VERIFYPEER, 1L);
  set(CURLOPT_SSL_VERIFYHOST, 2L);
  if (!options_.ca_file.empty()) set(CURLOPT_CAINFO, options_.ca_file.c_str());
  set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(request.timeouts.connect_ms));
  set(CURLOPT_TIMEOUT_MS, static_cast<long>(total_ms));
  if (request.timeouts.min_bytes_per_s > 0) {
    set(CURLOPT_LOW_SPEED_LIMIT, static_cast<long>(request.timeouts.min_bytes_per_s));
    set(CURLOPT_LOW_SPEED_TIME,
        static_cast<long>(std::max<int64_t>(1, request.timeouts.min_rate_window_ms / 1000)));
  }
  set(CURLOPT_HEADERFUNCTION, &on_header);
  set(CURLOPT_HEADERDATA, &transfer);
  set(CURLOPT_WRITEFUNCTION, &on_body);
  set(CURLOPT_WRITEDATA, &transfer);
  if (!request.unix_socket.empty()) {
    if (request.unix_socket.size() >= sizeof(sockaddr_un::sun_path))
      return Error(ErrorCode::kInvalidArgument,
                   fmt::format("the socket's path is longer than {} bytes: {}",
                               sizeof(sockaddr_un::sun_path) - 1, request.unix_socket));
    set(CURLOPT_UNIX_SOCKET_PATH, request.unix_socket.c_str());
  } else {
    set(CURLOPT_OPENSOCKETFUNCTION, &on_open_socket);
    set(CURLOPT_OPENSOCKETDATA, &transfer);
  }
  if (!request.unix_socket.empty() || request.url.is_loopback()) set(CURLOPT_NOPROXY, "*");

  if (!request.body.empty() || request.method == "POST" || request.method == "PUT" ||
      request.method == "PATCH") {
    set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
    set(CURLOPT_POSTFIELDS, request.body.c_str());
  }
  if (request.method == "HEAD")
    set(CURLOPT_NOBODY, 1L);
  else if (request.method == "GET" && request.body.empty())
    set(CURLOPT_HTTPGET, 1L);
  else
    set(CURLOPT_CUSTOMREQUEST, request.method.c_str());

  auto add = [&](const std::string& line) { *fields = curl_slist_append(*fields, line.c_str()); };
  for (const auto& [name, value] : request.headers) {
    if (!is_safe_field(name, value))
      return Error(ErrorCode::kInvalidArgument,
                   fmt::format("header \"{}\" has characters that a header may not have",
                               name.substr(0, 64)));
    add(value.empty() ? name + ";" : name + ": " + value);
  }
  auto or_default = [&](const char* name, std::string value) {
    if (!request.headers.has(name)) add(std::string(name) + ": " + value);
  };
  or_default("Accept-Encoding", std::string(kAcceptEncoding));
  or_default("User-Agent", options_.user_agent);
  if (!request.headers.has("Expect"))
    add("Expect:");  // curl's wait for "100 Continue" costs a second
  if (!request.headers.has("Content-Type") && !request.body.empty())
    add("Content-Type: application/json");
  set(CURLOPT_HTTPHEADER, *fields);
  return {};
}

/// Runs the transfer; a stop request wakes it at once.
CURLcode HttpClient::State::perform(const std::stop_token& stop, bool& stopped) {
  CHECK(curl_multi_add_handle(multi_, easy_) == CURLM_OK);
  CURLcode result = CURLE_OK;
  {
    std::stop_callback wake(stop, [this] { curl_multi_wakeup(multi_); });
    for (int running = 1; running > 0;) {
      if (stop.stop_requested()) {
        stopped = true;
        break;
      }
      CURLMcode code = curl_multi_perform(multi_, &running);
      if (code == CURLM_OK && running > 0)
        code = curl_multi_poll(multi_, nullptr, 0, 1000, nullptr);
      if (code != CURLM_OK) {
        result = CURLE_FAILED_INIT;
        break;
      }
    }
  }
  int left = 0;
  while (CURLMsg* message = curl_multi_info_read(multi_, &left))
    if (message->msg == CURLMSG_DONE) result = message->data.result;
  curl_multi_remove_handle(multi_, easy_);
  return result;
}

Result<HttpResponse> HttpClient::State::fetch_once(const HttpRequest& request, int64_t total_ms,
                                                   const std::stop_token& stop) {
  HttpResponse response;
  Transfer transfer{request, easy_, response};
  curl_slist* fields = nullptr;
  auto ready = set_up(transfer, total_ms, &fields);
  bool stopped = false;
  CURLcode code = ready ? perform(stop, stopped) : CURLE_OK;
  curl_slist_free_all(fields);
  TRY(std::move(ready));
  if (stopped) return Error(ErrorCode::kCancelled, "stopped while the request was under way");
  if (transfer.error) return std::move(*transfer.error);
  if (transfer.address_refused)
    return Error(ErrorCode::kPermission,
                 "the host's name leads to a link-local, multicast or unspecified address")
        .with_hint("name the address itself in the URL if it is meant");
  // curl has a bound of its own for one line and for all, and no name for passing it.
  if (code == CURLE_OUT_OF_MEMORY && transfer.header_bytes > 0 && !transfer.decoder)
    return header_too_large();
  if (code != CURLE_OK) return transfer_error(code, detail_);

  long status = 0;
  curl_easy_getinfo(easy_, CURLINFO_RESPONSE_CODE, &status);
  response.status = static_cast<int>(status);
  response.url = request.url;
  if (transfer.decoder) TRY(transfer.decoder->finish());
  if (response.body.capacity() - response.body.size() < limits::kHttpBodyPadding)
    response.body.reserve(response.body.size() + limits::kHttpBodyPadding);
  return response;
}

HttpClient::HttpClient(HttpClientOptions options)
    : state_(std::make_unique<State>(std::move(options))) {}
HttpClient::~HttpClient() = default;
HttpClient::HttpClient(HttpClient&&) noexcept = default;

Result<HttpResponse> HttpClient::fetch(const HttpRequest& request, std::stop_token stop) {
  OriginAllowList own;
  own.add(request.url);
  const OriginAllowList& allow = request.allow != nullptr ? *request.allow : own;
  const int64_t start = state_->clock().steady_ms();
  HttpRequest hop = request;
  for (int hops = 0;; ++hops) {
    auto where = [&] {
      return fmt::format("{} {}", hop.method, redacted(hop.url, hop.secret_params));
    };
    if (!allow.allows(hop.url))
      return Error(
                 ErrorCode::kPermission,
                 fmt::format("{} is not among the hosts that the project names", hop.url.origin()))
          .at(hops == 0 ? where()
                        : fmt::format("redirect of {}", redacted(request.url, hop.secret_params)))
          .with_hint(
              "if it is meant, name it in the project's files: `allow_hosts:` of the source");
    int64_t left = 0;
    if (request.timeouts.total_ms > 0) {
      left = request.timeouts.total_ms - (state_->clock().steady_ms() - start);
      if (left <= 0)
        return Error(ErrorCode::kTimeout,
                     fmt::format("no answer within {} ms", request.timeouts.total_ms))
            .at(where());
    }
    auto response = state_->fetch_once(hop, left, stop);
    if (!response) return std::move(response).error().at(where());
    if (!is_redirect(*response)) return response;
    if (hops >= request.max_redirects)
      return Error(ErrorCode::kUnavailable,
                   fmt::format("more than {} redirects", request.max_redirects))
          .at(where());
    auto to = resolve(hop.url, *response->headers.get("location"));
    if (!to)
      return Error(ErrorCode::kCorrupt, to.error().message())
          .with_retry(Retry::kBackoff)
          .at("redirect of " + where());
    const std::string from = where(), origin = hop.url.origin();
    turn_into_hop(hop, response->status, std::move(*to));
    if (!hop.body.empty() && hop.url.origin() != origin)
      return Error(ErrorCode::kPermission,
                   fmt::format("the answer {} leads to {}, and the request's body stays at {}",
                               response->status, hop.url.origin(), origin))
          .with_blame(Blame::kExternal)
          .at("redirect of " + from)
          .with_hint("if it is meant, ask there at once: make it the `url:`");
  }
}

}  // namespace leat::net
