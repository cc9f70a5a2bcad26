// The registry's REST contract, over a router without sockets. Schemas are those of schema/registry_fixture.h.
#include <gmock/gmock.h>

#include "schema/registry_fixture.h"
#include "server/registry_reference.h"

namespace leat::server {
namespace {

using ::testing::HasSubstr;

class RegistryRest : public ::testing::Test {
 protected:
  Json ask(const std::string& method, const std::string& target, const Json& body = nullptr,
           int status = 200) {
    const net::Response response =
        api_.router().call(method, target, body.is_null() ? "" : dump(body));
    EXPECT_EQ(response.status, status) << method << " " << target << ": " << response.body;
    EXPECT_EQ(response.headers.get("content-type"), "application/vnd.schemaregistry.v1+json");
    return Json::parse(response.body, nullptr, false);
  }
  Json add(const std::string& subject, const std::string& text) {
    return ask("POST", "/subjects/" + subject + "/versions", {{"schema", text}});
  }
  int refused(const std::string& method, const std::string& target, const Json& body, int status) {
    const Json error = ask(method, target, body, status);
    EXPECT_TRUE(error.contains("message")) << error;
    const int code = error.value("error_code", 0);
    if (const auto* operation = api_.find(method, target.substr(0, target.find('?')))) {
      EXPECT_TRUE(operation->may_answer(static_cast<schema::Code>(code)))
          << method << " " << target << " is answered with " << code << ", which it does not name";
    }
    return code;
  }

  schema::MemoryStore store_;
  std::unique_ptr<schema::Registry> registry_ =
      schema::Registry::open(store_, schema::parse_words).value();
  RegistryApi api_{*registry_};
};

TEST_F(RegistryRest, RegistersAndGivesBack) {
  const Json added = add("users", "a");
  EXPECT_EQ(added["id"], 1);
  EXPECT_EQ(added["version"], 1);
  EXPECT_EQ(ask("GET", "/schemas/ids/1"), Json({{"schema", "a"}}));  // AVRO is left out
  EXPECT_EQ(ask("GET", "/schemas/ids/1?fetchMaxId=true")["maxId"], 1);
  EXPECT_EQ(api_.router().call("GET", "/schemas/ids/1/schema").body, "a");
  EXPECT_EQ(ask("GET", "/schemas/ids/1/subjects"), Json({"users"}));
  EXPECT_EQ(ask("GET", "/schemas/ids/1/versions"), Json({{{"subject", "users"}, {"version", 1}}}));
  const std::string guid = added["guid"];
  EXPECT_EQ(ask("GET", "/schemas/guids/" + guid), Json({{"schema", "a"}}));
  EXPECT_EQ(ask("GET", "/schemas/guids/" + guid + "/ids"), Json({{{"context", "."}, {"id", 1}}}));
  EXPECT_EQ(ask("GET", "/subjects/users/versions/latest"), added);
  EXPECT_EQ(ask("GET", "/subjects/users/versions/-1"), added);
  EXPECT_EQ(api_.router().call("GET", "/subjects/users/versions/1/schema").body, "a");
  EXPECT_EQ(ask("POST", "/subjects/users", {{"schema", "a"}}), added);
  EXPECT_EQ(ask("GET", "/schemas"), Json::array({added}));
  EXPECT_EQ(ask("GET", "/schemas/types"), Json({"JSON", "PROTOBUF", "AVRO"}));
}

TEST_F(RegistryRest, NamesArePercentDecoded) {
  const std::string encoded = "a%2Fb%20%22%7Bq%7D%22%3Ax%25";
  add(encoded, "a");
  EXPECT_EQ(ask("GET", "/subjects"), Json({"a/b \"{q}\":x%"}));
  EXPECT_EQ(ask("GET", "/subjects/" + encoded + "/versions"), Json({1}));
}

TEST_F(RegistryRest, UnknownMembersOfARequestAreNoMistake) {
  const Json body = {{"schema", "a"}, {"novelty", {{"x", 1}}}, {"id", -1},
                     {"version", 0},  {"metadata", nullptr},   {"schemaTagsToAdd", Json::array()}};
  EXPECT_EQ(ask("POST", "/subjects/users/versions?novelty=1", body)["id"], 1);
}

TEST_F(RegistryRest, RefusesWithTheContractsCodes) {
  const Json none;
  EXPECT_EQ(refused("GET", "/subjects/none/versions", none, 404), 40401);
  add("users", "a");
  EXPECT_EQ(refused("GET", "/subjects/users/versions/2", none, 404), 40402);
  EXPECT_EQ(refused("GET", "/schemas/ids/2", none, 404), 40403);
  EXPECT_EQ(refused("GET", "/schemas/ids/x", none, 404), 40403);
  for (const char* version : {"0", "-2", "x", "2147483648"})
    EXPECT_EQ(refused("GET", std::string("/subjects/users/versions/") + version, none, 422), 42202);
  EXPECT_EQ(refused("GET", "/config/users", none, 404), 40408);
  EXPECT_EQ(refused("GET", "/mode/users", none, 404), 40409);
  EXPECT_EQ(refused("POST", "/subjects/users/versions", {{"schema", "a b"}}, 409), 40901);
  EXPECT_EQ(refused("POST", "/subjects/users/versions", {{"schema", "broken"}}, 422), 42201);
  EXPECT_EQ(refused("POST", "/subjects/users/versions", Json::object(), 422), 42201);
  EXPECT_EQ(
      refused("POST", "/subjects/users/versions", {{"schema", "a"}, {"schemaType", "X"}}, 422),
      42201);
  EXPECT_EQ(refused("POST", "/subjects/users/versions", {{"schema", 1}}, 400), 400);
  EXPECT_EQ(refused("POST", "/subjects/users/versions", Json::array(), 400), 400);
  EXPECT_EQ(refused("PUT", "/config", {{"compatibility", "SOME"}}, 422), 42203);
  EXPECT_EQ(refused("PUT", "/mode", {{"mode", "SOME"}}, 422), 42204);
  EXPECT_EQ(refused("PUT", "/mode", {{"mode", "IMPORT"}}, 422), 42205);
  EXPECT_EQ(refused("POST", "/subjects/__GLOBAL/versions", {{"schema", "a"}}, 422), 42208);
  EXPECT_EQ(refused("GET", "/associations/x", none, 404), 404);
  EXPECT_EQ(refused("PUT", "/subjects", none, 405), 405);
  store_.fail = schema::MemoryStore::Fail::kBefore;
  EXPECT_EQ(refused("POST", "/subjects/more/versions", {{"schema", "z"}}, 500), 50001);
}

TEST_F(RegistryRest, ChecksCompatibility) {
  const std::string latest = "/compatibility/subjects/users/versions/latest";
  EXPECT_EQ(ask("POST", latest, {{"schema", "a"}}), Json({{"is_compatible", true}}));
  add("users", "a");
  EXPECT_EQ(ask("POST", latest, {{"schema", "a b"}}), Json({{"is_compatible", false}}));
  const Json verbose = ask("POST", latest + "?verbose=True", {{"schema", "a b"}});
  EXPECT_THAT(verbose["messages"][0].get<std::string>(),
              HasSubstr("READER_FIELD_MISSING_DEFAULT_VALUE"));
  EXPECT_EQ(ask("POST", latest + "?verbose=true", {{"schema", "a"}})["messages"], Json::array());
  EXPECT_EQ(refused("POST", "/compatibility/subjects/users/versions/9", {{"schema", "a"}}, 404),
            40402);
  EXPECT_EQ(ask("POST", "/compatibility/subjects/users/versions", {{"schema", "a c="}}),
            Json({{"is_compatible", true}}));
}

TEST_F(RegistryRest, SettingsHaveTwoNamesForTheLevel) {
  EXPECT_EQ(ask("GET", "/config"), Json({{"compatibilityLevel", "BACKWARD"}}));
  const Json set = {{"compatibility", "FULL"}};
  EXPECT_EQ(ask("PUT", "/config/users", set), set);
  EXPECT_EQ(ask("GET", "/config/users"), Json({{"compatibilityLevel", "FULL"}}));
  EXPECT_EQ(ask("GET", "/config/others?defaultToGlobal=true"),
            Json({{"compatibilityLevel", "BACKWARD"}}));
  EXPECT_EQ(ask("DELETE", "/config/users"), Json({{"compatibilityLevel", "FULL"}}));
  EXPECT_EQ(refused("DELETE", "/config/users", nullptr, 404), 40401);
  EXPECT_EQ(ask("PUT", "/mode/users", {{"mode", "READONLY"}}), Json({{"mode", "READONLY"}}));
  EXPECT_EQ(ask("GET", "/mode/users"), Json({{"mode", "READONLY"}}));
  EXPECT_EQ(ask("GET", "/mode"), Json({{"mode", "READWRITE"}}));
  EXPECT_EQ(ask("DELETE", "/mode/users"), Json({{"mode", "READONLY"}}));
}

TEST_F(RegistryRest, PagesListsAndFiltersThem) {
  for (const char* name : {"a", "b", "c"}) add(name, "x");
  EXPECT_EQ(ask("GET", "/subjects?offset=1&limit=1"), Json({"b"}));
  EXPECT_EQ(ask("GET", "/subjects?offset=9"), Json::array());
  EXPECT_EQ(ask("GET", "/subjects?subjectPrefix=c"), Json({"c"}));
  EXPECT_EQ(ask("DELETE", "/subjects/b"), Json({1}));
  EXPECT_EQ(ask("GET", "/subjects"), Json({"a", "c"}));
  EXPECT_EQ(ask("GET", "/subjects?deleted=true").size(), 3u);
  EXPECT_EQ(ask("GET", "/subjects?deletedOnly=true"), Json({"b"}));
  EXPECT_EQ(ask("GET", "/subjects/b/versions/1?deleted=true")["deleted"], true);
  EXPECT_EQ(ask("DELETE", "/subjects/a/versions/latest"), Json(1));
  EXPECT_EQ(refused("DELETE", "/subjects/a/versions/1", nullptr, 404), 40406);
  EXPECT_EQ(refused("GET", "/subjects?limit=x", nullptr, 400), 400);
}

TEST_F(RegistryRest, ContextsInNamesAndPaths) {
  add("%3A.test%3Ausers", "a");
  EXPECT_EQ(ask("GET", "/contexts"), Json({".", ".test"}));
  EXPECT_EQ(ask("GET", "/contexts/.test/subjects"), Json({":.test:users"}));
  EXPECT_EQ(ask("GET", "/contexts/.test/subjects/users/versions"), Json({1}));
  EXPECT_EQ(ask("GET", "/contexts/.test/schemas/ids/1"), Json({{"schema", "a"}}));
  EXPECT_EQ(ask("GET", "/schemas/ids/1?subject=%3A.test%3A"), Json({{"schema", "a"}}));
  EXPECT_EQ(refused("GET", "/schemas/ids/1", nullptr, 404), 40403);
  EXPECT_EQ(refused("DELETE", "/contexts/.test", nullptr, 422), 42211);
  EXPECT_EQ(refused("DELETE", "/contexts/.", nullptr, 422), 42205);
}

TEST_F(RegistryRest, ABodyThatNestsTooDeepIsRefusedBeforeItIsATree) {
  const std::string deep(1'000'000, '[');
  const std::string body = R"({"schema":"a","metadata":{"a":)" + deep;
  EXPECT_EQ(api_.router().call("POST", "/subjects/x/versions", body).status, 400);
}

TEST(RegistryForms, AnAvroSchemaComesResolved) {
  schema::MemoryStore store;
  const auto registry = schema::Registry::open(store, schema::parse).value();
  const RegistryApi api(*registry);
  const auto ask = [&](const char* method, const char* target, const Json& body = nullptr) {
    return Json::parse(api.router().call(method, target, body.is_null() ? "" : dump(body)).body,
                       nullptr, false);
  };
  const std::string money = R"({"type":"fixed","name":"Money","size":8})";
  ask("POST", "/subjects/money/versions", {{"schema", money}});
  const Json refers = {{{"name", "Money"}, {"subject", "money"}, {"version", 1}}};
  ask("POST", "/subjects/prices/versions",
      {{"schema", R"({"type":"array","items":"Money"})"}, {"references", refers}});
  const Json resolved = ask("GET", "/subjects/prices/versions/1?format=resolved");
  EXPECT_EQ(resolved["schema"], R"({"type":"array","items":)" + money + "}");
  EXPECT_EQ(resolved["references"], refers);
  EXPECT_EQ(ask("GET", "/schemas/ids/2?format=resolved")["schema"], resolved["schema"]);
  EXPECT_EQ(ask("GET", "/schemas/ids/2")["schema"], R"({"type":"array","items":"Money"})");
}

TEST_F(RegistryRest, TheReferenceHasEveryOperationAndCode) {
  const std::string text = registry_reference(api_);
  const auto has_meaning = [&](schema::Code code) {
    return text.find(fmt::format("\n| {} | ", static_cast<int>(code))) != std::string::npos;
  };
  for (const RegistryOperation& operation : api_.operations()) {
    EXPECT_THAT(text, HasSubstr(fmt::format("| `{} {}` | ", operation.method, operation.path)));
    for (schema::Code code : operation.errors) EXPECT_TRUE(has_meaning(code)) << text;
  }
  for (schema::Code code : registry_common_errors()) EXPECT_TRUE(has_meaning(code));
}

TEST_F(RegistryRest, AParameterReachesOnlyWhatNamesIt) {
  add("a", "x");
  EXPECT_EQ(ask("GET", "/subjects/a/metadata?key=k&value=v&offset=x", nullptr, 404)["error_code"],
            40402);
  EXPECT_EQ(refused("GET", "/subjects?offset=x", nullptr, 400), 400);
}

TEST_F(RegistryRest, ReferencesMetadataAndRulesComeBack) {
  add("money", "a");
  const Json body = {{"schema", "@m"},
                     {"references", {{{"name", "m"}, {"subject", "money"}, {"version", 1}}}},
                     {"metadata", {{"properties", {{"owner", "x"}}}}},
                     {"ruleSet", {{"domainRules", {{{"name", "r"}, {"kind", "CONDITION"}}}}}}};
  ask("POST", "/subjects/order/versions", body);
  const Json back = ask("GET", "/schemas/ids/2");
  for (const auto& [name, value] : body.items()) EXPECT_EQ(back[name], value) << name;
  EXPECT_EQ(ask("GET", "/subjects/money/versions/1/referencedby"), Json({2}));
  EXPECT_EQ(refused("DELETE", "/subjects/money", nullptr, 422), 42206);
  EXPECT_EQ(ask("GET", "/subjects/order/metadata?key=owner&value=x")["version"], 1);
  EXPECT_EQ(refused("GET", "/schemas/ids/2?format=resolved", nullptr, 501), 501);
}

}  // namespace
}  // namespace leat::server
