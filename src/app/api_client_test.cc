// The client, in process and over a socket: the same answers, the same errors.
#include "app/api_client.h"

#include <gtest/gtest.h>

#include "io/file.h"
#include "net/http_server.h"
#include "testing/temp_dir.h"

namespace leat::app {
namespace {

/// A router with an echo, an error with all its parts, and a stream of lines in odd pieces.
class ApiClientTest : public ::testing::Test {
 protected:
  void SetUp() override {
    add("GET", "/healthz",
        [](const net::Request&) -> Result<net::Response> { return net::Response::json("{}"); });
    add("POST", "/echo", [](const net::Request& request) -> Result<net::Response> {
      return net::Response::json(request.body);
    });
    add("GET", "/fail", [](const net::Request&) -> Result<net::Response> {
      return Error(ErrorCode::kDataLost, "it is gone").at("topic t").with_hint("start over");
    });
    add("GET", "/lines", [](const net::Request&) -> Result<net::Response> {
      net::Response response;
      response.stream = [](net::StreamWriter& out, std::stop_token) -> Result<void> {
        for (const char* piece : {"a", "b\nc", "d\n\n", "e\n"}) TRY(out.write(piece));
        return {};
      };
      return response;
    });
    net::HttpServerOptions options;
    options.tcp = false;
    options.unix_socket = server::socket_path(dir_.path());
    auto started = net::HttpServer::start(router_, options);
    ASSERT_TRUE(started) << started.error().to_string();
    http_ = std::move(*started);
  }
  void add(std::string method, std::string pattern, net::Handler handler) {
    net::Route route;
    route.method = std::move(method);
    route.pattern = std::move(pattern);
    route.handler = std::move(handler);
    router_.add(std::move(route));
  }
  std::vector<ApiClient> both() {
    std::vector<ApiClient> clients;
    clients.push_back(ApiClient::in_process(nullptr, router_));
    clients.push_back(ApiClient::over_socket(server::socket_path(dir_.path())));
    return clients;
  }

  testing::TempDir dir_;
  net::Router router_;
  std::unique_ptr<net::HttpServer> http_;
};

TEST_F(ApiClientTest, AnswersAreTheSameBothWays) {
  for (ApiClient& client : both()) {
    const Json body = {{"a", 1}, {"b", "ü"}};
    auto echoed = client.post("/echo", body);
    ASSERT_TRUE(echoed) << echoed.error().to_string();
    EXPECT_EQ(*echoed, body);
  }
}

TEST_F(ApiClientTest, ErrorsKeepCodeWhereAndHint) {
  for (ApiClient& client : both()) {
    auto failed = client.get("/fail");
    ASSERT_FALSE(failed);
    EXPECT_EQ(failed.error().code(), ErrorCode::kDataLost);
    EXPECT_EQ(failed.error().to_string(), "topic t: it is gone; start over");
    auto absent = client.get("/absent");
    ASSERT_FALSE(absent);
    EXPECT_EQ(absent.error().code(), ErrorCode::kNotFound);
    EXPECT_FALSE(client.lines("/fail", [](std::string_view) -> Result<void> { return {}; }));
  }
}

TEST_F(ApiClientTest, LinesAreWholeHoweverTheyCome) {
  for (ApiClient& client : both()) {
    std::vector<std::string> lines;
    auto done = client.lines("/lines", [&](std::string_view line) -> Result<void> {
      lines.emplace_back(line);
      return {};
    });
    ASSERT_TRUE(done) << done.error().to_string();
    EXPECT_EQ(lines, (std::vector<std::string>{"ab", "cd", "", "e"}));
    auto ended = client.lines("/lines", [&](std::string_view) -> Result<void> {
      return Error(ErrorCode::kNoSpace, "enough");
    });
    ASSERT_FALSE(ended);
    EXPECT_EQ(ended.error().code(), ErrorCode::kNoSpace);
  }
}

TEST_F(ApiClientTest, ARunningProcessIsFoundAndADeadOneIsNot) {
  auto nobody = connect_running(dir_.path());
  ASSERT_TRUE(nobody);
  EXPECT_FALSE(nobody->has_value()) << "no run.json";
  ASSERT_TRUE(server::write_run_file(
      dir_.path(), {1, 1, "", server::socket_path(dir_.path()), "token", "once"}));
  auto running = connect_running(dir_.path());
  ASSERT_TRUE(running && running->has_value());
  EXPECT_TRUE((*running)->running());
  http_->stop();
  auto dead = connect_running(dir_.path());
  ASSERT_TRUE(dead) << dead.error().to_string();
  EXPECT_FALSE(dead->has_value()) << "run.json of a process that was killed";
}

TEST(Target, EscapesNamesAndValues) {
  EXPECT_EQ(segment("a/b c"), "a%2Fb%20c");
  EXPECT_EQ(target("/x", {{"where", "a = 'b&c'"}}), "/x?where=a%20%3D%20%27b%26c%27");
}

}  // namespace
}  // namespace leat::app
