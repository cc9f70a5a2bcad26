#include "net/http_client.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "testing/raw_server.h"

namespace leat::net {
namespace {

using testing::http_answer;
using testing::RawServer;
using Then = RawServer::Answer::Then;

RawServer::Script always(std::string bytes, Then then = Then::kNext) {
  return [=](const std::string&, int) { return RawServer::Answer{bytes, then}; };
}

Result<HttpResponse> get(const RawServer& server, std::string_view path = "/",
                         std::function<void(HttpRequest&)> change = {}) {
  HttpClient client;
  HttpRequest request;
  request.url = *Url::parse(server.url(path));
  if (change) change(request);
  return client.fetch(request);
}

TEST(HttpClient, FetchesWithHeadersAndPadding) {
  RawServer server(
      always(http_answer("[1,2]", "X-One: a\r\nx-one: b\r\nContent-Type: application/json\r\n")));
  auto response = get(server, "/p?q=1", [](HttpRequest& r) { r.headers.add("X-Mine", "yes"); });
  ASSERT_TRUE(response) << response.error().to_string();
  EXPECT_EQ(response->status, 200);
  EXPECT_EQ(response->body, "[1,2]");
  EXPECT_GE(response->body.capacity() - response->body.size(), limits::kHttpBodyPadding);
  EXPECT_EQ(response->headers.get("content-TYPE"), "application/json");
  EXPECT_EQ(response->headers.all("X-One").size(), 2u);
  auto request = server.requests().at(0);
  EXPECT_TRUE(request.starts_with("GET /p?q=1 HTTP/1.1\r\n")) << request;
  EXPECT_NE(request.find("X-Mine: yes\r\n"), std::string::npos);
  EXPECT_NE(request.find("Accept-Encoding: gzip, deflate, zstd\r\n"), std::string::npos);
  EXPECT_NE(request.find("User-Agent: leat/"), std::string::npos);
}

TEST(HttpClient, KeepsItsConnection) {
  RawServer server(always(http_answer("x")));
  HttpClient client;
  HttpRequest request;
  request.url = *Url::parse(server.url());
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(client.fetch(request));
  EXPECT_EQ(server.connections(), 1);
}

TEST(HttpClient, SendsBodiesAndVerbs) {
  RawServer server(always(http_answer("{}")));
  ASSERT_TRUE(get(server, "/", [](HttpRequest& r) { r.method = "POST", r.body = "{\"a\":1}"; }));
  ASSERT_TRUE(get(server, "/", [](HttpRequest& r) { r.method = "DELETE"; }));
  auto requests = server.requests();
  EXPECT_TRUE(requests[0].starts_with("POST / ") && requests[0].ends_with("\r\n\r\n{\"a\":1}"))
      << requests[0];
  EXPECT_EQ(requests[0].find("Expect"), std::string::npos);
  EXPECT_TRUE(requests[1].starts_with("DELETE / "));
}

TEST(HttpClient, AnyStatusIsAnAnswer) {
  for (auto status : {"404 Not Found", "429 Too Many Requests", "500 Oops", "599 X"}) {
    RawServer server(always(http_answer("why", {}, status)));
    auto response = get(server);
    ASSERT_TRUE(response);
    EXPECT_EQ(response->status, std::atoi(status));
    EXPECT_EQ(response->body, "why");
  }
}

TEST(HttpClient, DecodesAndCountsDecodedBytes) {
  std::string zeros(8 << 20, ' ');
  RawServer server(always(http_answer(gzip(zeros, 9), "Content-Encoding: gzip\r\n")));
  auto whole = get(server);
  ASSERT_TRUE(whole);
  EXPECT_EQ(whole->body.size(), zeros.size());
  auto capped = get(server, "/", [](HttpRequest& r) { r.max_body_bytes = 1 << 20; });
  ASSERT_FALSE(capped);
  EXPECT_EQ(capped.error().code(), ErrorCode::kLimit);
}

TEST(HttpClient, EveryWayToEndEarlyIsAnError) {
  std::string gz = gzip(std::string(100'000, 'x') + "end", 6);
  struct Case {
    std::string name, bytes;
    Then then;
  };
  for (const auto& c : std::vector<Case>{
           {"content-length", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort", Then::kClose},
           {"reset in the body", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort",
            Then::kReset},
           {"chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
            Then::kClose},
           {"in a chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nhello",
            Then::kClose},
           {"gzip, no length",
            "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Encoding: gzip\r\n\r\n" +
                gz.substr(0, gz.size() / 2),
            Then::kClose},
           {"header", "HTTP/1.1 200 OK\r\nContent-", Then::kReset},
           {"nothing", "", Then::kClose},
           {"reset at once", "", Then::kReset},
           {"bad chunk size",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n0\r\n\r\n",
            Then::kClose},
           {"not HTTP", "SSH-2.0-OpenSSH\r\n\r\n", Then::kClose},
           {"not gzip", http_answer("<html>", "Content-Encoding: gzip\r\n"), Then::kClose},
           {"unknown coding", http_answer("abc", "Content-Encoding: br\r\n"), Then::kClose}}) {
    SCOPED_TRACE(c.name);
    RawServer server(always(c.bytes, c.then));
    auto response = get(server);
    ASSERT_FALSE(response) << response->status << " " << response->body;
    EXPECT_EQ(response.error().retry(), Retry::kBackoff) << response.error().to_string();
    EXPECT_NE(response.error().to_string().find("127.0.0.1"), std::string::npos);
  }
}

TEST(HttpClient, AHeaderWithoutEndIsRefused) {
  RawServer server(always(
      "HTTP/1.1 200 OK\r\n" +
          [] {
            std::string fields;
            for (int i = 0; i < 5000; ++i)
              fields += fmt::format("X-{}: {}\r\n", i, std::string(50, 'x'));
            return fields;
          }(),
      Then::kClose));
  auto response = get(server);
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code(), ErrorCode::kLimit);
}

TEST(HttpClient, NobodyThereIsUnavailable) {
  int port = 0;
  {
    RawServer server(always(""));
    port = server.port();
  }
  HttpClient client;
  HttpRequest request;
  request.url = *Url::parse(fmt::format("http://127.0.0.1:{}/", port));
  auto response = client.fetch(request);
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code(), ErrorCode::kUnavailable);
}

TEST(HttpClient, HasATotalDeadline) {
  RawServer server(always("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nsome", Then::kHold));
  auto response = get(server, "/", [](HttpRequest& r) { r.timeouts.total_ms = 100; });
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code(), ErrorCode::kTimeout);
}

TEST(HttpClient, AConnectionThatIsNotMadeIsGivenUp) {
  // Its backlog is full: the system answers no further SYN.
  int listener = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* plain = reinterpret_cast<sockaddr*>(&address);
  ASSERT_EQ(bind(listener, plain, size), 0);
  ASSERT_EQ(listen(listener, 0), 0);
  ASSERT_EQ(getsockname(listener, plain, &size), 0);
  std::vector<int> waiting;
  for (int i = 0; i < 4; ++i) {
    waiting.push_back(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
    (void)connect(waiting.back(), plain, size);
  }
  HttpClient client;
  HttpRequest request;
  request.url = *Url::parse(fmt::format("http://127.0.0.1:{}/", ntohs(address.sin_port)));
  request.timeouts.connect_ms = 200;
  int64_t start = io::system_clock().steady_ms();
  auto response = client.fetch(request);
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code(), ErrorCode::kTimeout) << response.error().to_string();
  EXPECT_LT(io::system_clock().steady_ms() - start, 20'000);
  for (int fd : waiting) close(fd);
  close(listener);
}

TEST(HttpClient, AnAnswerThatTricklesIsGivenUp) {
  RawServer server(always("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\nsome", Then::kHold));
  auto response = get(server, "/", [](HttpRequest& r) {
    r.timeouts.total_ms = 60'000;
    r.timeouts.min_bytes_per_s = 1000;
    r.timeouts.min_rate_window_ms = 1000;
  });
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code(), ErrorCode::kTimeout) << response.error().to_string();
  EXPECT_NE(response.error().to_string().find("1000 bytes/sec"), std::string::npos)
      << response.error().to_string();
}

TEST(HttpClient, AnEndlessBodyIsCutAtTheCap) {
  std::string chunks = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
  const std::string chunk = "10000\r\n" + std::string(0x10000, 'x') + "\r\n";
  for (int i = 0; i < 64; ++i) chunks += chunk;  // 4 MiB, and no end
  RawServer server(always(chunks, Then::kHold));
  auto response = get(server, "/", [](HttpRequest& r) { r.max_body_bytes = 1 << 20; });
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code(), ErrorCode::kLimit) << response.error().to_string();
}

TEST(HttpClient, StopEndsATransferAtOnce) {
  RawServer server(always("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nsome", Then::kHold));
  HttpClient client;
  HttpRequest request;
  request.url = *Url::parse(server.url());
  request.timeouts.total_ms = 60'000;
  std::stop_source stop;
  request.on_data = [&](std::string_view) -> Result<void> {
    return stop.request_stop(), Result<void>();
  };
  int64_t start = io::system_clock().steady_ms();
  auto response = client.fetch(request, stop.get_token());
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code(), ErrorCode::kCancelled);
  EXPECT_LT(io::system_clock().steady_ms() - start, 5000);
}

TEST(HttpClient, FollowsRedirectsWithinTheAllowList) {
  RawServer other(always(http_answer("there")));
  RawServer server([&](const std::string& request, int) {
    if (request.starts_with("GET /here"))
      return RawServer::Answer{http_answer("", "Location: next?x=1\r\n", "302 Found"), Then::kNext};
    if (request.starts_with("GET /next?x=1"))
      return RawServer::Answer{http_answer("home"), Then::kNext};
    return RawServer::Answer{http_answer("", "Location: " + other.url("/away") + "\r\n", "307 X"),
                             Then::kNext};
  });
  auto home = get(server, "/here");
  ASSERT_TRUE(home) << home.error().to_string();
  EXPECT_EQ(home->body, "home");
  EXPECT_EQ(home->url.target(), "/next?x=1");

  auto refused = get(server, "/away");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::kPermission);
  EXPECT_TRUE(other.requests().empty()) << "the other host was not even asked";

  OriginAllowList allow;
  allow.add(*Url::parse(server.url()));
  allow.add(*Url::parse(other.url()));
  auto there = get(server, "/away", [&](HttpRequest& r) {
    r.allow = &allow;
    r.headers.add("Authorization", "Bearer t");
    r.headers.add("X-Api-Key", "k");
    r.headers.add("Accept", "text/x");
  });
  ASSERT_TRUE(there) << there.error().to_string();
  EXPECT_EQ(there->body, "there");
  auto asked = other.requests().at(0);
  EXPECT_EQ(asked.find("Authorization"), std::string::npos);
  EXPECT_EQ(asked.find("X-Api-Key"), std::string::npos) << "any header may be a secret";
  EXPECT_NE(asked.find("Accept: text/x"), std::string::npos);
}

TEST(HttpClient, ABodyStaysAtItsOrigin) {
  RawServer other(always(http_answer("there"), Then::kNext));
  OriginAllowList allow;
  for (std::string status : {"302 X", "307 X", "308 X"}) {
    SCOPED_TRACE(status);
    RawServer server(always(http_answer("", "Location: " + other.url("/b") + "\r\n", status)));
    allow.add(*Url::parse(server.url()));
    allow.add(*Url::parse(other.url()));
    auto response = get(server, "/a", [&](HttpRequest& r) {
      r.allow = &allow;
      r.method = "POST", r.body = "hunter2";
    });
    if (status == "302 X") {
      ASSERT_TRUE(response) << response.error().to_string();
      EXPECT_TRUE(other.requests().at(0).starts_with("GET /b")) << "as a GET, without the body";
      EXPECT_EQ(other.requests().at(0).find("hunter2"), std::string::npos);
      continue;
    }
    ASSERT_FALSE(response);
    EXPECT_EQ(response.error().code(), ErrorCode::kPermission);
    EXPECT_NE(response.error().to_string().find(other.url("")), std::string::npos)
        << response.error().to_string();
    EXPECT_EQ(response.error().to_string().find("hunter2"), std::string::npos);
  }
  EXPECT_EQ(other.requests().size(), 1u);
}

TEST(HttpClient, RedirectsAreBoundedAndStayOnHttp) {
  RawServer loop(always(http_answer("", "Location: /again\r\n", "301 X")));
  auto response = get(loop);
  ASSERT_FALSE(response);
  EXPECT_EQ(loop.requests().size(), static_cast<size_t>(limits::kMaxRedirects) + 1);
  RawServer file(always(http_answer("", "Location: file:///etc/passwd\r\n", "301 X")));
  EXPECT_FALSE(get(file));
}

TEST(HttpClient, APostBecomesAGetWhereTheRfcSaysSo) {
  for (auto [status, method] :
       std::vector<std::pair<std::string, std::string>>{{"301 X", "GET"},
                                                        {"302 X", "GET"},
                                                        {"303 X", "GET"},
                                                        {"307 X", "POST"},
                                                        {"308 X", "POST"}}) {
    RawServer server([&, s = status](const std::string& request, int) {
      return RawServer::Answer{request.find(" /a ") != std::string::npos
                                   ? http_answer("", "Location: /b\r\n", s)
                                   : http_answer("ok"),
                               Then::kNext};
    });
    ASSERT_TRUE(get(server, "/a", [](HttpRequest& r) { r.method = "POST", r.body = "x"; }));
    EXPECT_TRUE(server.requests().at(1).starts_with(method + " /b")) << status;
    EXPECT_EQ(server.requests().at(1).ends_with("\r\n\r\nx"), method == "POST") << status;
  }
}

TEST(HttpClient, HeadersCannotSmuggle) {
  RawServer server(always(http_answer("x")));
  auto response = get(server, "/", [](HttpRequest& r) { r.headers.add("X", "a\r\nEvil: b"); });
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code(), ErrorCode::kInvalidArgument);
}

TEST(HttpClient, MessagesHideSecrets) {
  RawServer server(always("", Then::kReset));
  auto response = get(server, "/x?api_key=hunter2&pw=hunter3",
                      [](HttpRequest& r) { r.secret_params = {"pw"}; });
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().to_string().find("hunter"), std::string::npos)
      << response.error().to_string();
}

}  // namespace
}  // namespace leat::net
