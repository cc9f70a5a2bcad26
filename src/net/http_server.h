// HttpServer: HTTP/1.1 on loopback TCP and on a Unix domain socket, over a Router.
//
// Threads: one does all input and output and owns every connection; kHttpHandlerThreads run the
// handlers; each stream has a thread of its own, kMaxHttpStreams at most. Every wait has a deadline
// and every buffer a bound (base/limits.h). Over TCP the Guard stands before every route; the Unix
// socket, mode 0600, is trusted.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/limits.h"
#include "base/result.h"
#include "net/router.h"

namespace leat::net {

struct HttpServerOptions {
  bool tcp = true;
  std::string address = "127.0.0.1";  // loopback only: there is no TLS here
  bool any_address = false;     // the handlers ask for a login: any address and any Host will do
  int port = 0;                 // 0: a free one
  bool next_free_port = false;  // when `port` is taken: the next of the 32 that follow
  std::string unix_socket;  // path; empty: none. A socket left there by a dead process is replaced
  std::vector<std::string> hosts;  // Guard::hosts
  std::string token;               // Guard::token
  int64_t header_ms = limits::kRequestHeaderMs;
  int64_t body_ms = limits::kRequestBodyMs;
  int64_t keep_alive_ms = limits::kKeepAliveMs;
  int64_t write_ms = limits::kResponseWriteMs;
  int64_t stop_ms = limits::kServerStopMs;
  size_t max_connections = limits::kMaxHttpConnections;  // over TCP, and as many over the socket
};

/// Serves from start() until stop() or destruction. All functions from one thread.
class HttpServer {
 public:
  /// Binds and starts. `router` outlives the server. kInvalidArgument: an address that is none,
  /// or is not loopback and has to be, or too long a path; kAlreadyExists: the port or socket is in use; kIo: the system
  /// refuses.
  static Result<std::unique_ptr<HttpServer>> start(const Router& router, HttpServerOptions options);
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  /// 0 without TCP.
  int port() const;
  /// "http://127.0.0.1:8680".
  std::string url() const;
  /// Takes no more connections, lets requests under way end within stop_ms, asks streams to stop,
  /// closes.
  void stop();

 private:
  class Impl;
  explicit HttpServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace leat::net
