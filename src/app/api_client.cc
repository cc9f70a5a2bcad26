#include "app/api_client.h"

#include <array>

#include "base/limits.h"
#include "net/url.h"

namespace leat::app {
namespace {

constexpr size_t kMaxAnswerBytes = 1024 * limits::kMiB;  // of a peer that is ourselves

ErrorCode parse_code(std::string_view text) {
  for (int i = 0; i <= static_cast<int>(ErrorCode::kInternal); ++i) {
    if (to_string(static_cast<ErrorCode>(i)) == text) return static_cast<ErrorCode>(i);
  }
  return ErrorCode::kInternal;
}

/// The Error that an answer carries.
Error error_of(int status, const std::string& body) {
  Json json = Json::parse(body, nullptr, false);
  auto field = [&](const char* name) -> std::string {
    if (!json.is_object() || !json.contains("error") || !json["error"].is_object()) return {};
    auto it = json["error"].find(name);
    return it != json["error"].end() && it->is_string() ? it->get<std::string>() : std::string();
  };
  std::string message = field("message");
  if (message.empty()) message = fmt::format("the answer is HTTP {} and names no reason", status);
  Error error = Error(parse_code(field("code")), std::move(message)).with_hint(field("hint"));
  std::string where = field("where");
  return where.empty() ? error : std::move(error).at(where);
}

/// Cuts a stream of bytes into lines.
class LineSplitter {
 public:
  explicit LineSplitter(const std::function<Result<void>(std::string_view)>& line) : line_(line) {}

  Result<void> write(std::string_view bytes) {
    while (true) {
      size_t end = bytes.find('\n');
      if (end == std::string_view::npos) break;
      if (begun_.empty()) {
        TRY(line_(bytes.substr(0, end)));
      } else {
        begun_ += bytes.substr(0, end);
        std::string whole = std::exchange(begun_, {});
        TRY(line_(whole));
      }
      bytes.remove_prefix(end + 1);
    }
    begun_ += bytes;
    if (begun_.size() > 4 * limits::kMaxRecordBytes) {
      return Error(ErrorCode::kLimit, "a line of the answer is longer than any record can be");
    }
    return {};
  }

 private:
  const std::function<Result<void>(std::string_view)>& line_;
  std::string begun_;
};

class LocalStream final : public net::StreamWriter {
 public:
  explicit LocalStream(LineSplitter& lines) : lines_(lines) {}
  Result<void> write(std::string_view bytes) override { return lines_.write(bytes); }

 private:
  LineSplitter& lines_;
};

Result<Json> to_json(Result<std::string> text) {
  if (!text) return std::move(text).error();
  Json json = Json::parse(*text, nullptr, false);
  if (json.is_discarded()) return Error(ErrorCode::kInternal, "the answer is no JSON");
  return json;
}

}  // namespace

ApiClient ApiClient::over_socket(std::string socket) {
  ApiClient client;
  client.socket_ = std::move(socket);
  client.http_ = std::make_unique<net::HttpClient>();
  return client;
}

ApiClient ApiClient::in_process(std::shared_ptr<const void> owner, const net::Router& router) {
  ApiClient client;
  client.owner_ = std::move(owner);
  client.router_ = &router;
  return client;
}

Result<net::HttpResponse> ApiClient::fetch(const std::string& method, const std::string& target,
                                           std::string body, net::ByteSink on_data,
                                           const std::stop_token& stop) {
  net::HttpRequest request;
  request.method = method;
  ASSIGN(request.url, net::Url::parse("http://localhost" + target));
  request.unix_socket = socket_;
  request.body = std::move(body);
  if (!request.body.empty()) request.headers.add("Content-Type", "application/json");
  request.timeouts.connect_ms = limits::kProcessAnswerMs;
  request.timeouts.total_ms = 0;  // a query has a deadline of its own, a tail has none
  request.max_body_bytes = kMaxAnswerBytes;
  request.max_redirects = 0;
  request.on_data = std::move(on_data);
  return http_->fetch(request, stop);
}

Result<std::string> ApiClient::text(const std::string& method, const std::string& target,
                                    std::string body, std::stop_token stop) {
  if (router_) {
    net::Response response = router_->call(method, target, std::move(body), stop);
    if (response.status >= 300) return error_of(response.status, response.body);
    return std::move(response.body);
  }
  ASSIGN(net::HttpResponse response, fetch(method, target, std::move(body), {}, stop));
  if (!response.ok()) return error_of(response.status, response.body);
  return std::move(response.body);
}

Result<Json> ApiClient::get(const std::string& target, std::stop_token stop) {
  return to_json(text("GET", target, {}, std::move(stop)));
}

Result<Json> ApiClient::post(const std::string& target, const Json& body, std::stop_token stop) {
  return to_json(text("POST", target, server::dump(body), std::move(stop)));
}

Result<Json> ApiClient::remove(const std::string& target, std::stop_token stop) {
  return to_json(text("DELETE", target, {}, std::move(stop)));
}

Result<void> ApiClient::lines(const std::string& target,
                              const std::function<Result<void>(std::string_view)>& line,
                              std::stop_token stop) {
  LineSplitter splitter(line);
  if (router_) {
    net::Response response = router_->call("GET", target, {}, stop);
    if (response.status >= 300) return error_of(response.status, response.body);
    if (!response.stream) return splitter.write(response.body);
    LocalStream stream(splitter);
    return response.stream(stream, std::move(stop));
  }
  ASSIGN(
      net::HttpResponse response,
      fetch(
          "GET", target, {}, [&](std::string_view bytes) { return splitter.write(bytes); }, stop));
  if (!response.ok()) return error_of(response.status, response.body);
  return {};
}

Result<std::optional<ApiClient>> connect_running(const std::string& data_dir) {
  ASSIGN(std::optional<server::RunFile> run, server::read_run_file(data_dir));
  if (!run) return std::optional<ApiClient>();
  net::HttpRequest probe;
  ASSIGN(probe.url, net::Url::parse("http://localhost/healthz"));
  probe.unix_socket = run->socket;
  probe.timeouts.connect_ms = limits::kProcessAnswerMs;
  probe.timeouts.total_ms = limits::kProcessAnswerMs;
  net::HttpClient http;
  auto answer = http.fetch(probe);
  if (answer) return std::optional(ApiClient::over_socket(run->socket));
  if (answer.error().code() == ErrorCode::kTimeout) {
    return Error(ErrorCode::kUnavailable,
                 fmt::format("process {} holds {} and does not answer within {} ms", run->pid,
                             data_dir, limits::kProcessAnswerMs))
        .with_hint(fmt::format("see what it does, or end it: kill {}", run->pid));
  }
  // Nobody listens: run.json was left by a process that was killed. Should one hold the log all the
  // same (it is just starting or ending), opening the log says so and names it.
  return std::optional<ApiClient>();
}

std::string target(std::string_view path, const net::QueryParams& query) {
  std::string out(path);
  if (!query.empty()) out += "?" + net::build_query(query);
  return out;
}

std::string segment(std::string_view name) { return net::percent_encode(name); }

}  // namespace leat::app
