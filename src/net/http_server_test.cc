#include "net/http_server.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <latch>
#include <thread>

#include "base/mutex.h"
#include "net/http_client.h"
#include "testing/temp_dir.h"

namespace leat::net {
namespace {

/// A server with a few routes, and a client for it.
class HttpServerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    router_.add({"GET", "/hello", Access::kOpen, 0, [](const Request& request) -> Result<Response> {
                   return Response::text(
                       "hello " + std::string(request.query_param("name").value_or("nobody")));
                 }});
    router_.add(
        {"POST", "/echo", Access::kToken, 100'000,
         [](const Request& request) -> Result<Response> { return Response::text(request.body); }});
    router_.add({"GET", "/large", Access::kOpen, 0, [](const Request&) -> Result<Response> {
                   return Response::text(std::string(8'000'000, 'x'));
                 }});
    router_.add(
        {"GET", "/fault/{kind}", Access::kOpen, 0, [](const Request& request) -> Result<Response> {
           auto response = Response::text(std::string(100'000, 'x'));
           using Kind = WireFault::Kind;
           const auto& kind = request.param("kind");
           response.fault.kind = kind == "truncate" ? Kind::kTruncate
                                 : kind == "reset"  ? Kind::kReset
                                                    : Kind::kTrickle;
           response.fault.after_bytes = 1000;
           response.fault.piece_bytes = 20'000;
           response.fault.pause_ms = 1;
           return response;
         }});
    router_.add(
        {"GET", "/stream/{kind}", Access::kOpen, 0,
         [this](const Request& request) -> Result<Response> {
           Response response;
           response.headers.add("Content-Type", "application/x-ndjson");
           const std::string& kind = request.param("kind");
           response.stream = [this, kind](StreamWriter& out, std::stop_token stop) -> Result<void> {
             for (int i = 0; kind == "endless" ? !stop.stop_requested() : i < 3; ++i) {
               auto wrote = out.write(fmt::format(
                   "{{\"n\":{}}}\n{}", i, kind == "endless" ? std::string(100'000, ' ') : ""));
               if (!wrote) {
                 endless_ended_.count_down();
                 return wrote;
               }
             }
             if (kind == "endless") endless_ended_.count_down();
             if (kind == "broken") return Error(ErrorCode::kInternal, "it broke");
             return {};
           };
           return response;
         }});
    options_.token = "t0ken";
    options_.unix_socket = dir_.path() + "/s.sock";
  }
  void start() {
    auto server = HttpServer::start(router_, options_);
    ASSERT_TRUE(server) << server.error().to_string();
    server_ = std::move(*server);
  }
  HttpRequest request(std::string_view target, std::string method = "GET") {
    HttpRequest request;
    request.method = std::move(method);
    request.url = *Url::parse(server_->url() + std::string(target));
    return request;
  }
  /// Sends bytes as they are and returns all that comes back until the server closes.
  std::string raw(std::string_view bytes, bool half_close = false) {
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<uint16_t>(server_->port()));
    EXPECT_EQ(connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(bytes.size()));
    if (half_close) shutdown(fd, SHUT_WR);
    std::string all;
    char buffer[4096];
    for (ssize_t got; (got = recv(fd, buffer, sizeof buffer, 0)) > 0;)
      all.append(buffer, static_cast<size_t>(got));
    close(fd);
    return all;
  }

  testing::TempDir dir_;
  Router router_;
  HttpServerOptions options_;
  std::latch endless_ended_{1};
  std::unique_ptr<HttpServer> server_;
  HttpClient client_;
};

TEST_F(HttpServerTest, AnswersOverTcpAndUnixSocket) {
  start();
  auto response = client_.fetch(request("/hello?name=a%20b"));
  ASSERT_TRUE(response) << response.error().to_string();
  EXPECT_EQ(response->status, 200);
  EXPECT_EQ(response->body, "hello a b");
  EXPECT_EQ(response->headers.get("X-Content-Type-Options"), "nosniff");

  auto local = request("/echo", "POST");
  local.unix_socket = options_.unix_socket;
  local.body = "no token needed";
  auto echoed = client_.fetch(local);
  ASSERT_TRUE(echoed) << echoed.error().to_string();
  EXPECT_EQ(echoed->body, "no token needed");
  struct stat status {};
  ASSERT_EQ(stat(options_.unix_socket.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
}

TEST_F(HttpServerTest, AnExceptionOfALibraryEndsTheRequestOnly) {
  router_.add({"GET", "/throws", Access::kOpen, 0,
               [](const Request&) -> Result<Response> { throw std::bad_alloc(); }});
  start();
  auto failed = client_.fetch(request("/throws"));
  ASSERT_TRUE(failed) << failed.error().to_string();
  EXPECT_EQ(failed->status, 500);
  EXPECT_EQ(client_.fetch(request("/hello"))->body, "hello nobody");
}

TEST_F(HttpServerTest, TheGuardStandsBeforeTcp) {
  start();
  auto post = request("/echo", "POST");
  post.body = "x";
  EXPECT_EQ(client_.fetch(post)->status, 401);
  post.headers.add("Authorization", "Bearer t0ken");
  EXPECT_EQ(client_.fetch(post)->status, 200);
  post.headers.set("Host", "rebound.example");
  EXPECT_EQ(client_.fetch(post)->status, 421);
}

TEST_F(HttpServerTest, BodiesAreCapped) {
  start();
  auto post = request("/echo", "POST");
  post.headers.add("Authorization", "Bearer t0ken");
  post.body = std::string(100'000, 'b');
  EXPECT_EQ(client_.fetch(post)->body, post.body);
  post.body += "b";
  EXPECT_EQ(client_.fetch(post)->status, 413);
  auto answer =
      raw("POST /echo HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer "
          "t0ken\r\nTransfer-Encoding: chunked\r\n\r\n"
          "fffff\r\n" +
          std::string(200'000, 'c'));
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 413 ")) << answer.substr(0, 200);
}

TEST_F(HttpServerTest, LargeAnswersComeWhole) {
  start();
  auto response = client_.fetch(request("/large"));
  ASSERT_TRUE(response);
  EXPECT_EQ(response->body.size(), 8'000'000u);
}

TEST_F(HttpServerTest, HeadHasNoBody) {
  start();
  auto answer = raw("HEAD /hello HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
  EXPECT_NE(answer.find("Content-Length: 12\r\n"), std::string::npos) << answer;
  EXPECT_TRUE(answer.ends_with("\r\n\r\n"));
}

TEST_F(HttpServerTest, ManyRequestsOnOneConnection) {
  start();
  auto answer =
      raw("GET /hello?name=1 HTTP/1.1\r\nHost: localhost\r\n\r\nGET /hello?name=2 "
          "HTTP/1.1\r\nHost: localhost\r\n"
          "Connection: close\r\n\r\n");
  EXPECT_NE(answer.find("hello 1"), std::string::npos);
  EXPECT_NE(answer.find("hello 2"), std::string::npos);
}

TEST_F(HttpServerTest, WhatIsNotHttpIsRefused) {
  options_.header_ms = 200;
  start();
  EXPECT_TRUE(raw("\x16\x03\x01 hello\r\n\r\n").starts_with("HTTP/1.1 400 "));
  EXPECT_TRUE(
      raw("GET / HTTP/1.1\r\nHost: localhost\r\nX: " + std::string(100'000, 'y') + "\r\n\r\n")
          .starts_with("HTTP/1.1 431 "));
  EXPECT_EQ(raw("GET /hello HTTP/1.1\r\nHost: loc"), "") << "the header's deadline";
  EXPECT_EQ(raw("", true), "");
}

TEST_F(HttpServerTest, FaultsOfTheWire) {
  start();
  auto truncated = client_.fetch(request("/fault/truncate"));
  ASSERT_FALSE(truncated);
  EXPECT_EQ(truncated.error().code(), ErrorCode::kCorrupt);
  auto reset = client_.fetch(request("/fault/reset"));
  ASSERT_FALSE(reset);
  EXPECT_EQ(reset.error().code(), ErrorCode::kUnavailable) << reset.error().to_string();
  auto slow = client_.fetch(request("/fault/trickle"));
  ASSERT_TRUE(slow);
  EXPECT_EQ(slow->body.size(), 100'000u);
}

TEST_F(HttpServerTest, StreamsArriveInPieces) {
  start();
  auto whole = client_.fetch(request("/stream/three"));
  ASSERT_TRUE(whole) << whole.error().to_string();
  EXPECT_EQ(whole->body, "{\"n\":0}\n{\"n\":1}\n{\"n\":2}\n");
  EXPECT_FALSE(client_.fetch(request("/stream/broken")))
      << "a stream that failed does not look finished";
  EXPECT_TRUE(client_.fetch(request("/hello")));
}

TEST_F(HttpServerTest, AStreamEndsWhenItsReaderGoes) {
  start();
  auto endless = request("/stream/endless");
  endless.timeouts.total_ms = 0;
  size_t seen = 0;
  endless.on_data = [&](std::string_view piece) -> Result<void> {
    seen += piece.size();
    if (seen > 1'000'000) return Error(ErrorCode::kCancelled, "enough");
    return {};
  };
  EXPECT_FALSE(client_.fetch(endless));
  endless_ended_.wait();
  SUCCEED();
}

TEST_F(HttpServerTest, AHandlerLearnsThatItsClientHasGone) {
  std::latch stopped(1);
  router_.add({"GET", "/wait", Access::kOpen, 0, [&](const Request& request) -> Result<Response> {
                 Mutex mutex;
                 CondVar cv;
                 MutexLock lock(mutex);
                 cv.wait_for(mutex, request.stop, std::chrono::seconds(60), [] { return false; });
                 if (request.stop.stop_requested()) stopped.count_down();
                 return Response::text(request.stop.stop_requested() ? "stopped" : "waited");
               }});
  start();
  const std::string answer = raw("GET /wait HTTP/1.1\r\nHost: localhost\r\n\r\n", true);
  EXPECT_TRUE(answer.ends_with("stopped")) << answer;
  stopped.wait();
  EXPECT_TRUE(client_.fetch(request("/hello")));
}

TEST_F(HttpServerTest, StopEndsStreamsAndLetsRequestsFinish) {
  std::latch entered(1);
  router_.add({"GET", "/slow", Access::kOpen, 0, [&](const Request& request) -> Result<Response> {
                 entered.count_down();
                 Mutex mutex;
                 CondVar cv;
                 MutexLock lock(mutex);
                 cv.wait_for(mutex, request.stop, std::chrono::seconds(60), [] { return false; });
                 return Response::text("finished");
               }});
  start();
  auto slow = request("/slow");
  Result<HttpResponse> answer = Error(ErrorCode::kInternal, "none");
  std::jthread asking([&] {
    HttpClient own;
    answer = own.fetch(slow);
  });
  entered.wait();
  server_->stop();
  asking.join();
  ASSERT_TRUE(answer) << answer.error().to_string();
  EXPECT_EQ(answer->body, "finished");
  EXPECT_FALSE(client_.fetch(slow));
}

TEST_F(HttpServerTest, StopWithAnEndlessStream) {
  start();
  std::latch flowing(1);
  auto endless = request("/stream/endless");
  endless.timeouts.total_ms = 0;
  std::atomic<bool> told{false};
  endless.on_data = [&](std::string_view) -> Result<void> {
    if (!told.exchange(true)) flowing.count_down();
    return {};
  };
  std::jthread asking([&] {
    HttpClient own;
    (void)own.fetch(endless);
  });
  flowing.wait();
  server_->stop();
  asking.join();
  endless_ended_.wait();
}

TEST_F(HttpServerTest, OnlyLoopbackAndNoDoubleUse) {
  options_.address = "0.0.0.0";
  auto open = HttpServer::start(router_, options_);
  ASSERT_FALSE(open);
  EXPECT_EQ(open.error().code(), ErrorCode::kInvalidArgument);
  options_.address = "127.0.0.1";
  start();
  auto again = options_;
  again.unix_socket.clear();
  again.port = server_->port();
  auto taken = HttpServer::start(router_, again);
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error().code(), ErrorCode::kAlreadyExists);
  again.next_free_port = true;
  auto next = HttpServer::start(router_, again);
  ASSERT_TRUE(next);
  EXPECT_NE((*next)->port(), server_->port());
  auto same_socket = options_;
  same_socket.port = 0;
  EXPECT_FALSE(HttpServer::start(router_, same_socket)) << "a living server keeps its socket";
}

TEST_F(HttpServerTest, ASocketLeftBehindIsReplaced) {
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  options_.unix_socket.copy(address.sun_path, sizeof address.sun_path - 1);
  ASSERT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  close(fd);
  start();
  auto local = request("/hello");
  local.unix_socket = options_.unix_socket;
  EXPECT_TRUE(client_.fetch(local));
}

TEST_F(HttpServerTest, ConnectionsAreCapped) {
  options_.max_connections = 1;
  start();
  ASSERT_TRUE(client_.fetch(request("/hello")));  // and stays connected
  EXPECT_EQ(raw("GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n"), "");
  auto local = request("/hello");
  local.unix_socket = options_.unix_socket;
  EXPECT_TRUE(HttpClient().fetch(local)) << "the port's connections do not count for the socket";
}

TEST_F(HttpServerTest, AHeaderThatTricklesIsCutOff) {
  options_.header_ms = 100;
  start();
  EXPECT_EQ(raw("GET /hello HTTP/1.1\r\nHost: local"), "");
}

TEST_F(HttpServerTest, UnknownTransferCodingsAreRefused) {
  start();
  for (const char* coding : {"xchunked", "chunked, identity", "gzip"}) {
    auto answer =
        raw(fmt::format("POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: {}\r\n\r\n"
                        "GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n",
                        coding));
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 501 ") || answer.starts_with("HTTP/1.1 400 "))
        << answer;
    EXPECT_EQ(answer.find("HTTP/1.1", 1), std::string::npos) << "one answer: " << answer;
  }
}

TEST_F(HttpServerTest, ABodyThatTricklesIsCutOff) {
  options_.body_ms = 100;
  start();
  EXPECT_EQ(raw("POST /echo HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer t0ken\r\n"
                "Content-Length: 5\r\n\r\nab"),
            "");
}

}  // namespace
}  // namespace leat::net
