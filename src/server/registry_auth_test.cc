// Logins and rights of the registry: every operation for every user, and the file of users. Over a router without
// sockets, with the schemas of schema/registry_fixture.h.
#include <gmock/gmock.h>

#include "base/strings.h"
#include "io/file.h"
#include "schema/registry_fixture.h"
#include "server/registry_api.h"
#include "testing/temp_dir.h"

namespace leat::server {
namespace {

using ::testing::HasSubstr;

constexpr const char* kUsers = R"(
users:
  - {name: root, password: root-pass, rights: [{allow: admin}]}
  - {name: writer, password: "${WRITER}", rights: [{subjects: "own-*", allow: write}]}
  - name: owner
    password: owner-pass
    rights: [{subjects: "own-*", allow: admin}, {subjects: money, allow: read}]
  - {name: tenant, password: tenant-pass, rights: [{subjects: ":.team:*", allow: admin}]}
  - {name: guest, password: guest-pass}
)";

config::Environment variables() { return config::Environment::of_map({{"WRITER", "writer-pass"}}); }

class RegistryAuth : public ::testing::Test {
 protected:
  void SetUp() override {
    write(kUsers);
    users_ = RegistryUsers::open(path_, variables()).value();
    api_ = std::make_unique<RegistryApi>(*registry_, users_.get());
    for (const char* subject : {"own-a", "money", "%3A.team%3Aown-a"})
      ASSERT_EQ(ask("root", "POST", path(subject, "/versions"), text("a")).status, 200);
  }

  void write(const std::string& content) {
    ASSERT_TRUE(io::write_file_atomic(path_, content, 0600));
  }
  static std::string path(const std::string& subject, const char* rest) {
    return "/subjects/" + subject + rest;
  }
  static std::string text(const std::string& schema) { return dump(Json{{"schema", schema}}); }

  net::Response call(const std::string& authorization, const std::string& method,
                     const std::string& target, const std::string& body = "") {
    net::Request request;
    request.method = method;
    const size_t query = std::min(target.find('?'), target.size());
    request.path = target.substr(0, query);
    if (query < target.size()) request.query = net::parse_query(target.substr(query + 1));
    request.body = body;
    if (!authorization.empty()) request.headers.add("Authorization", authorization);
    return api_->router().dispatch(request);
  }
  net::Response ask(const std::string& user, const std::string& method, const std::string& target,
                    const std::string& body = "") {
    return call("Basic " + base64(user + ":" + user + "-pass"), method, target, body);
  }
  Json list(const std::string& user, const std::string& target) {
    return Json::parse(ask(user, "GET", target).body, nullptr, false);
  }

  testing::TempDir dir_;
  const std::string path_ = dir_.path() + "/users.yaml";
  schema::MemoryStore store_;
  std::unique_ptr<schema::Registry> registry_ =
      schema::Registry::open(store_, schema::parse_words).value();
  std::unique_ptr<RegistryUsers> users_;
  std::unique_ptr<RegistryApi> api_;
};

/// Which users an operation lets through, of a subject `own-a` and its settings.
struct Row {
  const char *method, *path, *users;
};

constexpr Row kRows[] = {
    {"GET", "/subjects/own-a/versions", "root writer owner guest"},
    {"GET", "/subjects/own-a/versions/1", "root writer owner guest"},
    {"GET", "/subjects/own-a/versions/1/schema", "root writer owner guest"},
    {"GET", "/subjects/own-a/versions/1/referencedby", "root writer owner guest"},
    {"GET", "/subjects/own-a/metadata?key=a&value=b", "root writer owner guest"},
    {"GET", "/contexts/./subjects/own-a/versions", "root writer owner guest"},
    {"POST", "/subjects/own-a", "root writer owner guest"},
    {"POST", "/compatibility/subjects/own-a/versions", "root writer owner guest"},
    {"POST", "/compatibility/subjects/own-a/versions/latest", "root writer owner guest"},
    {"GET", "/config/own-a", "root writer owner guest"},
    {"GET", "/mode/own-a", "root writer owner guest"},
    {"POST", "/subjects/own-a/versions", "root writer owner"},
    {"PUT", "/config/own-a", "root owner"},
    {"DELETE", "/config/own-a", "root owner"},
    {"PUT", "/mode/own-a", "root owner"},
    {"DELETE", "/mode/own-a", "root owner"},
    {"DELETE", "/subjects/own-a/versions/9", "root owner"},
    {"DELETE", "/subjects/own-b", "root owner"},
    {"PUT", "/config", "root"},
    {"DELETE", "/config", "root"},
    {"PUT", "/mode", "root"},
    {"DELETE", "/mode", "root"},
    {"PUT", "/contexts/.team/config", "root tenant"},
    {"PUT", "/contexts/.team/mode", "root tenant"},
    {"DELETE", "/contexts/.team", "root tenant"},
    {"GET", "/subjects/money/versions", "root owner guest"},
    {"POST", "/subjects/money/versions", "root"},
    {"GET", "/contexts/.team/subjects/own-a/versions", "root tenant guest"},
    {"GET", "/subjects/%3A.team%3Aown-a/versions", "root tenant guest"},
    {"DELETE", "/contexts/.team/subjects/own-b", "root tenant"},
    {"GET", "/config", "root writer owner tenant guest"},
    {"GET", "/mode", "root writer owner tenant guest"},
    {"GET", "/schemas/types", "root writer owner tenant guest"},
    {"GET", "/v1/metadata/version", "root writer owner tenant guest"},
    {"GET", "/schemas/ids/1?subject=:.team:", "root tenant guest"},
};

TEST_F(RegistryAuth, EachUserMayWhatTheTableSays) {
  for (const Row& row : kRows) {
    for (const std::string user : {"root", "writer", "owner", "tenant", "guest"}) {
      const net::Response response =
          ask(user, row.method, row.path, std::string_view(row.method) == "POST" ? text("a") : "");
      const bool may =
          (" " + std::string(row.users) + " ").find(" " + user + " ") != std::string::npos;
      EXPECT_EQ(response.status == 403, !may)
          << user << " " << row.method << " " << row.path << ": " << response.body;
      EXPECT_NE(response.status, 401) << user;
      if (!may) {
        EXPECT_EQ(Json::parse(response.body)["error_code"], 40301);
      }
    }
  }
}

TEST_F(RegistryAuth, EveryOperationAsksWhoIsThere) {
  for (const RegistryOperation& operation : api_->operations()) {
    std::string target;
    for (const char c : operation.path)
      if (c != '{' && c != '}') target += c;
    const net::Response response = call("", operation.method, target, text("a"));
    EXPECT_EQ(response.status, operation.path == "/" ? 200 : 401) << target;
    if (operation.path == "/") continue;
    EXPECT_EQ(response.headers.get("www-authenticate"), "Basic realm=\"schema registry\"");
    EXPECT_EQ(Json::parse(response.body)["error_code"], 40101);
  }
}

TEST_F(RegistryAuth, OnlyTheRightPasswordWillDo) {
  const auto status = [&](const std::string& header) {
    return call(header, "GET", "/subjects").status;
  };
  EXPECT_EQ(status("Basic " + base64("root:root-pass")), 200);
  EXPECT_EQ(status("basic " + base64("root:root-pass")), 200);
  for (const std::string wrong : {"root:", "root:root-pas", "root:root-pass2", "root", ":root-pass",
                                  "nobody:root-pass", "writer:${WRITER}", "Root:root-pass", ""})
    EXPECT_EQ(status("Basic " + base64(wrong)), 401) << wrong;
  for (const std::string wrong :
       {"Basic", "Basic ", "Basic %%%", "Basic cm9vdA", "Bearer root-pass"})
    EXPECT_EQ(status(wrong), 401) << wrong;
}

TEST_F(RegistryAuth, ListsShowWhatTheUserMayRead) {
  EXPECT_EQ(list("root", "/subjects"), Json({":.team:own-a", "money", "own-a"}));
  EXPECT_EQ(list("guest", "/subjects").size(), 3u);
  EXPECT_EQ(list("owner", "/subjects"), Json({"money", "own-a"}));
  EXPECT_EQ(list("writer", "/subjects"), Json({"own-a"}));
  EXPECT_EQ(list("writer", "/subjects?offset=1"), Json::array()) << "what is hidden is not counted";
  EXPECT_EQ(list("tenant", "/subjects"), Json({":.team:own-a"}));
  EXPECT_EQ(list("owner", "/schemas").size(), 2u);
  EXPECT_EQ(list("writer", "/schemas").size(), 1u);
  EXPECT_EQ(list("writer", "/contexts"), Json({"."}));
  EXPECT_EQ(list("tenant", "/contexts"), Json({".", ".team"}));
}

TEST_F(RegistryAuth, AnIdIsReadByWhoMayReadASubjectOfIt) {
  ASSERT_EQ(ask("root", "POST", "/subjects/secret/versions", text("s")).status, 200);
  for (const char* rest : {"", "/schema", "/subjects", "/versions"}) {
    EXPECT_EQ(ask("writer", "GET", fmt::format("/schemas/ids/1{}", rest)).status, 200) << rest;
    EXPECT_EQ(ask("writer", "GET", fmt::format("/schemas/ids/2{}", rest)).status, 403) << rest;
    EXPECT_EQ(ask("guest", "GET", fmt::format("/schemas/ids/2{}", rest)).status, 200) << rest;
  }
  EXPECT_EQ(list("writer", "/schemas/ids/1/subjects"), Json({"own-a"}));
  EXPECT_EQ(list("writer", "/schemas/ids/1/versions"),
            Json({{{"subject", "own-a"}, {"version", 1}}}));
  const std::string guid = list("root", "/subjects/own-a/versions/1")["guid"];
  EXPECT_EQ(list("root", "/schemas/guids/" + guid + "/ids").size(), 2u);
  EXPECT_EQ(list("writer", "/schemas/guids/" + guid + "/ids"),
            Json({{{"context", "."}, {"id", 1}}}));
  const std::string hidden = list("root", "/subjects/secret/versions/1")["guid"];
  EXPECT_EQ(ask("writer", "GET", "/schemas/guids/" + hidden).status, 403);
}

TEST_F(RegistryAuth, NeitherAliasesNorReferencesGetAroundIt) {
  ASSERT_EQ(ask("owner", "PUT", "/config/own-alias", R"({"alias": "secret"})").status, 200);
  ASSERT_EQ(ask("root", "POST", "/subjects/secret/versions", text("s")).status, 200);
  EXPECT_EQ(ask("owner", "GET", "/subjects/own-alias/versions/1").status, 403);
  EXPECT_EQ(ask("owner", "POST", "/subjects/own-alias/versions", text("s t=")).status, 403);
  const auto refers = [](const char* subject) {
    return dump(Json{{"schema", "@m"},
                     {"references", {{{"name", "m"}, {"subject", subject}, {"version", 1}}}}});
  };
  EXPECT_EQ(ask("owner", "POST", "/subjects/own-c/versions", refers("secret")).status, 403);
  EXPECT_EQ(ask("owner", "POST", "/subjects/own-c/versions", refers("money")).status, 200);
}

TEST_F(RegistryAuth, AChangedFileIsReadAgain) {
  const std::string root = "Basic " + base64("root:root-pass");
  write("users: [{name: root, password: another}]");
  EXPECT_EQ(call(root, "GET", "/subjects").status, 401);
  EXPECT_EQ(call("Basic " + base64("root:another"), "GET", "/subjects").status, 200);
  write("users: [{name: root}]");
  EXPECT_EQ(call("Basic " + base64("root:another"), "GET", "/subjects").status, 200)
      << "a wrong file leaves the users as they were";
  ASSERT_TRUE(io::remove_all(path_));
  EXPECT_EQ(call("Basic " + base64("root:another"), "GET", "/subjects").status, 200);
  write(kUsers);
  EXPECT_EQ(call(root, "GET", "/subjects").status, 200);
}

TEST_F(RegistryAuth, AWrongFileIsRefusedWithItsPlace) {
  const auto refused = [&](const std::string& content) {
    write(content);
    auto opened = RegistryUsers::open(path_, variables());
    return opened ? std::string("opened") : opened.error().to_string();
  };
  EXPECT_THAT(refused("users: []"), HasSubstr("at least one user"));
  EXPECT_THAT(refused("users: [{name: a, password: ''}]"), HasSubstr("an empty password"));
  EXPECT_THAT(refused("users: [{name: 'a:b', password: x}]"), HasSubstr("a name without `:`"));
  EXPECT_THAT(refused("users: [{name: a, password: x}, {name: a, password: y}]"),
              HasSubstr("`a` twice"));
  EXPECT_THAT(refused("users: [{name: a, password: '${MISSING}'}]"), HasSubstr("MISSING"));
  EXPECT_THAT(refused("users: [{name: a, password: x, rights: []}]"), HasSubstr("at least one"));
  EXPECT_THAT(refused("users: [{name: a, password: x, rights: [{subjects: 'a*b', allow: read}]}]"),
              HasSubstr("the beginning of one and `*`"));
  EXPECT_THAT(refused("users: [{name: a, password: x, rights: [{subjects: a}]}]"),
              HasSubstr("allow"));
  ASSERT_TRUE(io::remove_all(path_));
  EXPECT_FALSE(RegistryUsers::open(path_, variables()));
}

}  // namespace
}  // namespace leat::server
