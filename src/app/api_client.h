// ApiClient: how a command asks. The same requests go through the socket of a running `leat run`,
// or straight to the same handlers in this process when nothing runs. One thread.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/result.h"
#include "net/http_client.h"
#include "net/router.h"
#include "server/json.h"
#include "server/run_file.h"

namespace leat::app {

using server::Json;

class ApiClient {
 public:
  /// Speaks to the socket of a running process.
  static ApiClient over_socket(std::string socket);
  /// Calls the handlers of `router`; `owner` keeps all that they need alive.
  static ApiClient in_process(std::shared_ptr<const void> owner, const net::Router& router);

  /// The answer's JSON, or the Error that the other side reports, code and hint included.
  Result<Json> get(const std::string& target, std::stop_token stop = {});
  Result<Json> post(const std::string& target, const Json& body, std::stop_token stop = {});
  Result<Json> remove(const std::string& target, std::stop_token stop = {});
  /// The answer's text as it is: numbers stay exact.
  Result<std::string> text(const std::string& method, const std::string& target, std::string body,
                           std::stop_token stop = {});
  /// Gives each line of a streamed answer to `line` as it comes; an Error from it ends the stream
  /// and is returned.
  Result<void> lines(const std::string& target,
                     const std::function<Result<void>(std::string_view)>& line,
                     std::stop_token stop = {});

  /// True when a `leat run` answers.
  bool running() const { return !socket_.empty(); }

 private:
  ApiClient() = default;
  Result<net::HttpResponse> fetch(const std::string& method, const std::string& target,
                                  std::string body, net::ByteSink on_data,
                                  const std::stop_token& stop);

  std::string socket_;
  std::unique_ptr<net::HttpClient> http_;
  std::shared_ptr<const void> owner_;
  const net::Router* router_ = nullptr;
};

/// A client of the `leat run` that holds the data directory; nullopt when none does. kUnavailable
/// names the process when it does not answer within limits::kProcessAnswerMs.
Result<std::optional<ApiClient>> connect_running(const std::string& data_dir);

/// "/api/v1/topics/…" with its query; values are escaped.
std::string target(std::string_view path, const net::QueryParams& query = {});

/// `name` as one segment of a path.
std::string segment(std::string_view name);

}  // namespace leat::app
