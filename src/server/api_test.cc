// The table of endpoints: checking of arguments, hostile requests, OpenAPI.
#include "server/api.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <set>

#include "server/fixture.h"

namespace leat::server {
namespace {

TEST_F(ApiTest, UnknownArgumentsNameTheNearest) {
  Json answer = ask("GET", "/api/v1/pipelines/users_store/dead-letters?limt=3", nullptr, 400);
  EXPECT_EQ(answer["error"]["code"], "invalid_argument");
  EXPECT_EQ(answer["error"]["hint"], "did you mean `limit`?");
  answer = ask("POST", "/api/v1/topics", {{"topic", "a"}, {"partition", 2}}, 400);
  EXPECT_EQ(answer["error"]["hint"], "did you mean `partitions`?");
}

TEST_F(ApiTest, ArgumentsHaveTypesAndRanges) {
  ask("GET", "/api/v1/pipelines/users_store/dead-letters?limit=x", nullptr, 400);
  ask("GET", "/api/v1/pipelines/users_store/dead-letters?limit=-1", nullptr, 400);
  ask("GET", "/api/v1/pipelines/users_store/dead-letters?limit=1&limit=2", nullptr, 400);
  ask("POST", "/api/v1/topics", {{"topic", 7}}, 400);
  ask("POST", "/api/v1/topics", {{"topic", "a"}, {"partitions", "2"}}, 400);
  ask("POST", "/api/v1/topics", {{"topic", "a"}, {"partitions", 1.5}}, 400);
  ask("POST", "/api/v1/topics", {{"topic", "a"}, {"partitions", 18446744073709551615ull}}, 400);
  Json missing = ask("POST", "/api/v1/topics", Json::object(), 400);
  EXPECT_EQ(missing["error"]["message"], "argument topic is missing");
}

TEST_F(ApiTest, HostileBodiesAreRefusedWithoutHarm) {
  const std::vector<std::string> bodies = {"[",
                                           "[]",
                                           "null",
                                           "\"x\"",
                                           "{\"topic\":",
                                           std::string("\0", 1),
                                           "\xff\xfe",
                                           "{\"topic\":{\"a\":1}}",
                                           "{\"topic\":[[[[]]]]}",
                                           std::string(100'000, '['),
                                           "{\"a\":" + std::string(100'000, '[')};
  for (const std::string& body : bodies) {
    net::Response response = call("POST", "/api/v1/topics", body);
    EXPECT_EQ(response.status, 400) << body.substr(0, 20);
    EXPECT_TRUE(Json::accept(response.body)) << response.body;
  }
}

TEST_F(ApiTest, HostileNamesAreRefusedWithoutHarm) {
  for (const char* name : {"..%2F..%2Fetc", "%00", "%ff%fe", "a%0d%0aX:1", "%22%7d", "%2e%2e"}) {
    const std::string topic = fmt::format("/api/v1/topics/{}", name);
    for (const std::string& target : {topic, topic + "/records"}) {
      net::Response response = call("GET", target);
      EXPECT_GE(response.status, 400) << target;
      EXPECT_LT(response.status, 500) << target;
      EXPECT_TRUE(Json::accept(response.body)) << response.body;
    }
    net::Response response = call("POST", fmt::format("/api/v1/pipelines/{}/pause", name));
    EXPECT_EQ(response.status, 404) << name;
    EXPECT_TRUE(Json::accept(response.body)) << response.body;
  }
  EXPECT_EQ(call("GET", "/api/v1/nothing").status, 404);
  EXPECT_EQ(call("PUT", "/api/v1/topics").status, 405);
}

TEST_F(ApiTest, OnlyHealthAndMetricsAreOpen) {
  for (const net::Route& route : api_.router().routes()) {
    const bool open =
        route.pattern == "/healthz" || route.pattern == "/readyz" || route.pattern == "/metrics";
    EXPECT_EQ(route.access == net::Access::kOpen, open) << route.pattern;
  }
}

TEST_F(ApiTest, OpenApiDescribesEveryEndpoint) {
  Json document = ask("GET", "/api/v1/openapi.json");
  EXPECT_EQ(document["openapi"], "3.1.0");
  std::set<std::string> ids;
  for (const Endpoint& endpoint : api_.endpoints()) {
    std::string method = endpoint.method;
    std::transform(method.begin(), method.end(), method.begin(),
                   [](unsigned char c) { return std::tolower(c); });
    const Json& operation = document["paths"][endpoint.path][method];
    ASSERT_TRUE(operation.is_object()) << endpoint.method << " " << endpoint.path;
    EXPECT_TRUE(ids.insert(operation["operationId"].get<std::string>()).second)
        << operation["operationId"];
    EXPECT_FALSE(endpoint.summary.empty()) << endpoint.path;
    EXPECT_FALSE(endpoint.response.empty()) << endpoint.path;
    ASSERT_TRUE(operation["tags"].is_array());
    for (const Argument& argument : endpoint.arguments)
      EXPECT_FALSE(argument.description.empty()) << argument.name;
  }
  const Json& security = document["paths"]["/metrics"]["get"]["security"];
  EXPECT_TRUE(security.is_array() && security.empty());
  const Json& create = document["paths"]["/api/v1/topics"]["post"]["requestBody"];
  EXPECT_EQ(create["content"]["application/json"]["schema"]["required"], Json::array({"topic"}));
  EXPECT_EQ(document["servers"][0]["url"], "http://127.0.0.1:8680");
  EXPECT_EQ(api_.openapi(), api_.openapi());
}

TEST_F(ApiTest, HealthWithoutARun) {
  EXPECT_EQ(ask("GET", "/healthz"), (Json{{"status", "ok"}}));
  Json ready = ask("GET", "/readyz", nullptr, 503);
  EXPECT_EQ(ready["ready"], false);
  metrics_.counter("leat_test_total", "A count").with().add(3);
  EXPECT_NE(call("GET", "/metrics").body.find("leat_test_total 3"), std::string::npos);
}

TEST(JsonText, BytesKeepWhatTheyAre) {
  auto shown = [](std::string_view bytes) {
    std::string out = "{\"x\":0";
    append_bytes(out, "value", bytes);
    return out + "}";
  };
  EXPECT_EQ(shown("{\"n\":12345678901234567890.10}"),
            "{\"x\":0,\"value\":{\"n\":12345678901234567890.10}}");
  EXPECT_EQ(shown("{\n\"a\":1}"), "{\"x\":0,\"value\":{ \"a\":1}}");
  EXPECT_EQ(shown("plain \"text\"\n"), "{\"x\":0,\"value_text\":\"plain \\\"text\\\"\\n\"}");
  EXPECT_EQ(shown("\xff\x00"), "{\"x\":0,\"value_base64\":\"/w==\"}");
  EXPECT_EQ(shown(""), "{\"x\":0,\"value_text\":\"\"}");
  EXPECT_EQ(time_json(1'767'225'600'123), "2026-01-01T00:00:00.123Z");
  EXPECT_TRUE(time_json(0).is_null());
}

}  // namespace
}  // namespace leat::server
