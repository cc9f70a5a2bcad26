#include "clients/schema_registry.h"

#include <gmock/gmock.h>

#include <atomic>

#include "testing/raw_server.h"
#include "testing/result.h"

namespace leat::clients {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::http_answer;
using testing::RawServer;
using Then = RawServer::Answer::Then;

RawServer::Answer answer(std::string_view body, std::string_view status = "200 OK") {
  return {http_answer(body, {}, status), Then::kNext};
}

SchemaRegistryOptions at(const RawServer& server) {
  SchemaRegistryOptions options;
  options.urls = {net::Url::parse(server.url()).value()};
  options.timeout_ms = 3'000;
  return options;
}

TEST(SchemaRegistryClient, WhatHasAnIdIsAskedOnce) {
  RawServer server([](const std::string&, int) {
    return answer(
        R"({"schema":"\"string\"","references":[{"name":"a.B","subject":"b","version":2}]})");
  });
  SchemaRegistry registry(at(server));
  for (int i = 0; i < 3; ++i) {
    auto schema = registry.schema(7, "users-value");
    ASSERT_OK(schema);
    EXPECT_EQ((*schema)->format, schema::Format::kAvro);
    EXPECT_EQ((*schema)->text, "\"string\"");
    EXPECT_THAT((*schema)->references, ElementsAre(schema::Reference{"a.B", "b", 2}));
  }
  ASSERT_OK(registry.schema(7, ":.other:users-value"));  // ids are a context's own
  const auto requests = server.requests();
  ASSERT_EQ(requests.size(), 2u);
  EXPECT_TRUE(requests[0].starts_with("GET /schemas/ids/7?subject=users-value HTTP/1.1\r\n"));
  EXPECT_TRUE(requests[1].starts_with("GET /schemas/ids/7?subject=%3A.other%3Ausers-value "));
}

TEST(SchemaRegistryClient, RegistersWithTypeReferencesAndLogin) {
  RawServer server([](const std::string&, int) { return answer(R"({"id":12})"); });
  auto options = at(server);
  options.username = "leat", options.password = config::Secret("pass");
  SchemaRegistry registry(options);
  const SchemaText schema = {schema::Format::kProtobuf, "syntax = \"proto3\";", {{"a", "b/c", 1}}};
  auto id = registry.add("x y", schema, true);
  ASSERT_OK(id);
  EXPECT_EQ(*id, 12);
  const std::string request = server.requests().at(0);
  EXPECT_TRUE(request.starts_with("POST /subjects/x%20y/versions?normalize=true HTTP/1.1\r\n"));
  EXPECT_THAT(request, HasSubstr("Authorization: Basic bGVhdDpwYXNz\r\n"));
  EXPECT_THAT(request, HasSubstr("Content-Type: application/vnd.schemaregistry.v1+json\r\n"));
  EXPECT_THAT(request, HasSubstr(R"("schemaType":"PROTOBUF")"));
  EXPECT_THAT(request, HasSubstr(R"("references":[{"name":"a","subject":"b/c","version":1}])"));
}

TEST(SchemaRegistryClient, APasswordGoesOverTheNetworkInTheClearOnlyWhenTold) {
  RawServer server([](const std::string&, int) { return answer("[]"); });
  auto options = at(server);
  options.urls[0].host = "0.0.0.0";  // this machine, and no address of loopback
  ASSERT_OK(SchemaRegistry(options).subjects());
  options.username = "leat", options.password = config::Secret("pass");
  const auto refused = SchemaRegistry(options).subjects();
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().to_string(), HasSubstr("in the clear"));
  EXPECT_EQ(server.requests().size(), 1u);
  options.allow_plaintext = true;
  ASSERT_OK(SchemaRegistry(options).subjects());
}

TEST(SchemaRegistryClient, RefusalsSayTheContractsNumber) {
  std::string status = "404 Not Found",
              body = R"({"error_code":40401,"message":"Subject 'u' not found."})";
  RawServer server([&](const std::string&, int) { return answer(body, status); });
  SchemaRegistry registry(at(server));
  auto missing = registry.version("u", SchemaRegistry::kLatest);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code(), ErrorCode::kNotFound);
  EXPECT_THAT(missing.error().to_string(), HasSubstr("Subject 'u' not found. (40401)"));
  EXPECT_THAT(missing.error().to_string(), HasSubstr("schema registry http://127.0.0.1"));
  status = "409 Conflict", body = R"({"error_code":40901,"message":"incompatible"})";
  EXPECT_EQ(registry.add("u", {}, false).error().code(), ErrorCode::kIncompatible);
  status = "422 Unprocessable Entity", body = R"({"error_code":42201,"message":"no schema"})";
  EXPECT_EQ(registry.add("u", {}, false).error().code(), ErrorCode::kInvalidArgument);
  status = "401 Unauthorized", body = "go away";
  EXPECT_EQ(registry.subjects().error().code(), ErrorCode::kPermission);
  EXPECT_EQ(server.requests().size(), 4u) << "none of them is asked again";
}

TEST(SchemaRegistryClient, ABusyOneIsAskedAgainAndTheNextUrlIsTried) {
  RawServer busy([](const std::string&, int number) {
    return number < 2 ? answer("{}", "503 Service Unavailable") : answer("[3]");
  });
  SchemaRegistry patient(at(busy));
  EXPECT_THAT(patient.versions("u").value(), ElementsAre(3));
  auto options = at(busy);
  options.urls.insert(options.urls.begin(), net::Url::parse("http://127.0.0.1:1/").value());
  SchemaRegistry other(options);
  EXPECT_THAT(other.versions("u").value(), ElementsAre(3));
  options.urls.resize(1), options.timeout_ms = 300;
  SchemaRegistry nobody(options);
  EXPECT_EQ(nobody.versions("u").error().code(), ErrorCode::kUnavailable);
}

TEST(SchemaRegistryClient, WhatIsNoRegistryIsTold) {
  std::string body = "<html>";
  RawServer server([&](const std::string&, int) { return answer(body); });
  SchemaRegistry registry(at(server));
  EXPECT_THAT(registry.subjects().error().to_string(), HasSubstr("is this a schema registry?"));
  for (const char* each : {"{}", "[1]", "null", R"({"id":"x"})", R"({"id":1.5})"}) {
    body = each;
    EXPECT_EQ(registry.subjects().error().code(), ErrorCode::kCorrupt) << each;
    EXPECT_EQ(registry.add("u", {}, false).error().code(), ErrorCode::kCorrupt) << each;
    EXPECT_EQ(registry.version("u", 1).error().code(), ErrorCode::kCorrupt) << each;
  }
}

TEST(SchemaRegistryClient, AProxysOwn404IsNoAnswerAboutASchema) {
  RawServer server(
      [](const std::string&, int) { return answer("<html>not here</html>", "404 Not Found"); });
  auto options = at(server);
  options.timeout_ms = 300;
  SchemaRegistry registry(options);
  auto schema = registry.schema(7, "u");
  ASSERT_FALSE(schema);
  EXPECT_EQ(schema.error().code(), ErrorCode::kUnavailable) << "or records would be dead letters";
  EXPECT_THAT(schema.error().to_string(), HasSubstr("no answer of a schema registry"));
}

TEST(SchemaRegistryClient, APasswordThatCannotBeReadIsWaitedFor) {
  RawServer server([](const std::string&, int) { return answer("[]"); });
  auto options = at(server);
  options.username = "leat";
  options.password = config::Secret("old", []() -> Result<std::string> {
    return Error(ErrorCode::kNotFound, "cannot read /nowhere/password");
  });
  SchemaRegistry registry(options);
  auto subjects = registry.subjects();
  ASSERT_FALSE(subjects);
  EXPECT_EQ(subjects.error().code(), ErrorCode::kUnavailable);
  EXPECT_THAT(subjects.error().to_string(), HasSubstr("/nowhere/password"));
  EXPECT_TRUE(server.requests().empty());
}

TEST(SchemaRegistryClient, DifferencesAreTheRegistrysWords) {
  std::string body = R"({"is_compatible":false,"messages":["{errorType:'X'}"]})";
  RawServer server([&](const std::string&, int) { return answer(body); });
  SchemaRegistry registry(at(server));
  EXPECT_THAT(registry.differences("u", {}, std::nullopt).value(), ElementsAre("{errorType:'X'}"));
  EXPECT_THAT(registry.differences("u", {}, SchemaRegistry::kLatest).value(), ::testing::SizeIs(1));
  body = R"({"is_compatible":true})";
  EXPECT_TRUE(registry.differences("u", {}, 4).value().empty());
  body = R"({"is_compatible":false})";
  EXPECT_EQ(registry.differences("u", {}, 4)->size(), 1u);
  const auto requests = server.requests();
  EXPECT_TRUE(requests[0].starts_with("POST /compatibility/subjects/u/versions?verbose=true "));
  EXPECT_TRUE(
      requests[1].starts_with("POST /compatibility/subjects/u/versions/latest?verbose=true "));
  EXPECT_TRUE(requests[2].starts_with("POST /compatibility/subjects/u/versions/4?verbose=true "));
}

}  // namespace
}  // namespace leat::clients
