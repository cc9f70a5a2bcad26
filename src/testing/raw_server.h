// RawServer: a TCP server on loopback that answers with the exact bytes a test gives it. For
// hostile peers.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/mutex.h"

namespace leat::testing {

/// Serves each connection on a thread of its own; the script runs for one request at a time.
class RawServer {
 public:
  struct Answer {
    std::string bytes;
    enum class Then {
      kClose,
      kReset,
      kHold,
      kNext
    } then = Then::kClose;  // kNext: keep the connection
  };
  /// From the request's text (header and the body that came with it) to the answer.
  using Script = std::function<Answer(const std::string& request, int number)>;

  explicit RawServer(Script script);
  ~RawServer();
  RawServer(const RawServer&) = delete;
  RawServer& operator=(const RawServer&) = delete;

  int port() const { return port_; }
  /// "http://127.0.0.1:PORT" + path.
  std::string url(std::string_view path = "/") const;
  /// What was asked so far.
  std::vector<std::string> requests();
  int connections();

 private:
  void run(const std::stop_token& stop);
  void serve(int peer, const std::stop_token& stop);

  int listener_ = -1, port_ = 0;
  Mutex mutex_;
  std::vector<std::string> requests_ GUARDED_BY(mutex_);
  int connections_ GUARDED_BY(mutex_) = 0;
  Mutex script_mutex_;
  const Script script_ GUARDED_BY(script_mutex_);
  std::jthread thread_;
};

/// "HTTP/1.1 200 OK", fields, Content-Length and body.
std::string http_answer(std::string_view body, std::string_view fields = {},
                        std::string_view status = "200 OK");

}  // namespace leat::testing
