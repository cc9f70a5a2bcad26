#include "net/router.h"

#include <gtest/gtest.h>

namespace leat::net {
namespace {

Handler echo(std::string name) {
  return [name](const Request& request) -> Result<Response> {
    std::string text = name;
    for (const auto& [key, value] : request.params) text += " " + key + "=" + value;
    return Response::text(text);
  };
}

Router sample_router() {
  Router router;
  router.add({"GET", "/", Access::kOpen, 0, echo("root")});
  router.add({"GET", "/topics", Access::kToken, 0, echo("list")});
  router.add({"GET", "/topics/{topic}", Access::kToken, 0, echo("one")});
  router.add({"GET", "/topics/new", Access::kToken, 0, echo("new")});
  router.add({"DELETE", "/topics/{topic}", Access::kToken, 0, echo("drop")});
  router.add({"GET", "/topics/{topic}/records/{offset}", Access::kToken, 0, echo("record")});
  router.add({"GET", "/files/{path*}", Access::kToken, 0, echo("file")});
  router.add(
      {"GET", "/fails", Access::kToken, 0, [](const Request&) -> Result<Response> {
         return Error(ErrorCode::kNotFound, "no such thing \xff").with_hint("look elsewhere");
       }});
  return router;
}

TEST(Router, FindsTheNearestRoute) {
  auto router = sample_router();
  auto body = [&](std::string_view target) { return router.call("GET", target).body; };
  EXPECT_EQ(body("/"), "root");
  EXPECT_EQ(body("/topics"), "list");
  EXPECT_EQ(body("/topics/users?from=start"), "one topic=users");
  EXPECT_EQ(body("/topics/new"), "new");
  EXPECT_EQ(body("/topics/a%2Fb/records/7"), "record topic=a/b offset=7");
  EXPECT_EQ(body("/files/a/b/c.txt"), "file path=a/b/c.txt");
  EXPECT_EQ(router.call("DELETE", "/topics/x").body, "drop topic=x");
  EXPECT_EQ(router.call("HEAD", "/topics").status, 200);
}

TEST(Router, UnknownPathsAndMethodsSaySo) {
  auto router = sample_router();
  for (auto path : {"/nope", "/topics/", "/topics/x/y", "", "topics", "//", "/topics//records/1"})
    EXPECT_EQ(router.call("GET", path).status, 404) << path;
  auto response = router.call("POST", "/topics/x");
  EXPECT_EQ(response.status, 405);
  EXPECT_EQ(response.headers.get("Allow"), "GET, DELETE");
}

TEST(Router, AnErrorBecomesItsAnswer) {
  auto response = sample_router().call("GET", "/fails");
  EXPECT_EQ(response.status, 404);
  EXPECT_NE(response.body.find("\"code\":\"not_found\""), std::string::npos);
  EXPECT_NE(response.body.find("\"hint\":\"look elsewhere\""), std::string::npos);
}

TEST(Request, NumbersOfTheQueryAreChecked) {
  Request request;
  request.query = parse_query("limit=10&bad=x&big=999999999999999999999");
  EXPECT_EQ(*request.query_number("limit", 5, 1, 100), 10);
  EXPECT_EQ(*request.query_number("none", 5, 1, 100), 5);
  EXPECT_FALSE(request.query_number("limit", 5, 1, 9));
  EXPECT_FALSE(request.query_number("bad", 5, 1, 9));
  EXPECT_FALSE(request.query_number("big", 5, 1, 9));
}

int guarded(Headers headers, std::string method = "GET", Access access = Access::kOpen,
            bool trusted = false) {
  Guard guard{{"leat.example"}, 8680, "secret-token"};
  Request request;
  request.method = std::move(method);
  request.headers = std::move(headers);
  request.trusted = trusted;
  auto refusal = guard.refuse(request, access);
  return refusal ? refusal->status : 200;
}

TEST(Guard, OnlyItsOwnNamesAreServed) {
  for (auto host :
       {"127.0.0.1:8680", "localhost:8680", "LOCALHOST", "[::1]:8680", "leat.example:8680"})
    EXPECT_EQ(guarded({{"Host", host}}), 200) << host;
  for (auto host : {"evil.example", "127.0.0.1:80", "127.0.0.1.evil.example:8680", "",
                    "localhost:8680x", "localhost.evil"})
    EXPECT_EQ(guarded({{"Host", host}}), 421) << host;
  EXPECT_EQ(guarded({}), 421);
  EXPECT_EQ(guarded({{"Host", "localhost"}, {"Host", "localhost"}}), 421);
  EXPECT_EQ(guarded({}, "GET", Access::kToken, true), 200) << "the Unix socket is trusted";
}

TEST(Guard, APageOfAnotherOriginChangesNothing) {
  auto post = [](Headers more) {
    more.add("Host", "localhost:8680");
    return guarded(more, "POST");
  };
  EXPECT_EQ(post({}), 200);
  EXPECT_EQ(post({{"Origin", "http://localhost:8680"}}), 200);
  EXPECT_EQ(post({{"Origin", "http://evil.example"}}), 403);
  EXPECT_EQ(post({{"Origin", "https://localhost:8680"}}), 403);
  EXPECT_EQ(post({{"Origin", "null"}}), 403);
  EXPECT_EQ(post({{"Sec-Fetch-Site", "cross-site"}}), 403);
  EXPECT_EQ(guarded({{"Host", "localhost"}, {"Origin", "http://evil.example"}}), 200)
      << "reading is for CORS to refuse";
}

TEST(Guard, WithALoginAnyHostIsServedButNoForeignPageChangesAnything) {
  Guard open{{}, 8680, ""};
  open.any_host = true;
  auto post = [&](Headers headers) {
    Request request;
    request.method = "POST";
    request.headers = std::move(headers);
    auto refusal = open.refuse(request, Access::kOpen);
    return refusal ? refusal->status : 200;
  };
  EXPECT_EQ(post({{"Host", "registry.example:8081"}}), 200);
  EXPECT_EQ(post({{"Host", "a.example:8081"}, {"Origin", "http://a.example:8081"}}), 200);
  EXPECT_EQ(post({{"Host", "a.example:8081"}, {"Origin", "http://evil.example"}}), 403);
  EXPECT_EQ(post({{"Host", "127.0.0.1:8081"}, {"Origin", "http://127.0.0.1"}}), 403);
  EXPECT_EQ(post({}), 421);
}

TEST(Guard, ARouteWithATokenAsksForIt) {
  auto with = [](std::string value) {
    return guarded({{"Host", "localhost"}, {"Authorization", std::move(value)}}, "GET",
                   Access::kToken);
  };
  EXPECT_EQ(with("Bearer secret-token"), 200);
  EXPECT_EQ(with("bearer secret-token"), 200);
  for (auto value : {"", "Bearer ", "Bearer wrong", "Bearer secret-toke", "Bearer secret-token2",
                     "Basic secret-token", "secret-token"})
    EXPECT_EQ(with(value), 401) << value;
  Guard none{{}, 8680, ""};
  Request request;
  request.method = "GET";
  request.headers = {{"Host", "localhost"}, {"Authorization", "Bearer "}};
  EXPECT_EQ(none.refuse(request, Access::kToken)->status, 401) << "no token set: nobody has it";
}

}  // namespace
}  // namespace leat::net
