#include "config/project.h"

#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>

#include "config/writer.h"

namespace leat::config::project_test {
namespace {

struct Http {
  std::string url;
  std::vector<std::pair<std::string, std::string>> params;
};
struct Cassandra {
  std::vector<std::string> contact_points;
  Secret password;
};

const Components& components() {
  static const auto http = [] {
    Spec<Http> s("http", "An API.");
    s.field("url", &Http::url).required();
    s.field("params", &Http::params);
    return s;
  }();
  static const auto cassandra = [] {
    Spec<Cassandra> s("cassandra", "Cassandra.");
    s.field("contact_points", &Cassandra::contact_points).required();
    s.field("password", &Cassandra::password);
    return s;
  }();
  static const Components all = [] {
    Components out;
    out.sources["http"] = {&http, false, [](const Node& node, Diagnostics& diagnostics) {
                             if (node.find("url")->text == "ftp://x")
                               diagnostics.error(node.find("url")->mark, "source.http.url",
                                                 "not http");
                           }};
    out.stores["cassandra"] = {&cassandra, true, nullptr};
    return out;
  }();
  return all;
}

constexpr const char* kLeat = R"(project: users
profiles:
  local: {}
  cluster:
    stores:
      serving: {cassandra: {contact_points: ["${CASSANDRA_HOST:-127.0.0.1}"], password: "${CASSANDRA_PASSWORD}"}}
topics:
  users_created: {partitions: 4, retention: forever, retention_bytes: 1GiB}
)";
constexpr const char* kCapture = R"(pipeline: users_capture
source:
  http:
    url: "${USERS_API:-https://randomuser.me/api/}"
    params: {results: 500, seed: leat}
transform:
  - sql: |
      SELECT login.uuid::UUID AS id
      FROM input
quality:
  - {rule: id_present, expect: "id IS NOT NULL", on_fail: warn}
sinks:
  - topic: users_created
    key: id
batch: {records: 500, bytes: 1MiB, delay: 50ms}
restart: {first: 2s}
dead_letter: {retention: 3d}
)";
constexpr const char* kStore = R"(pipeline: users_store
source: {topic: users_created, from: 2024-01-31T10:00:00+02:00, validate: all}
sinks:
  - {store: serving, table: created_users, key: {partition: [country], clustering: id}}
)";

struct Loaded {
  std::optional<ProjectFiles> project;
  std::vector<TestFile> tests;
  Diagnostics diagnostics;
};

Loaded load(std::map<std::string, std::string> files, const std::string& profile = "",
            std::map<std::string, std::string> variables = {},
            Environment::Missing missing = Environment::Missing::kFail,
            const std::string& dir = ".") {
  FileAccess access;
  access.exists = [&](const std::string& path) { return files.contains(path); };
  access.read = [&](const std::string& path, size_t) -> Result<std::string> {
    auto at = files.find(path);
    if (at == files.end()) return Error(ErrorCode::kNotFound, path);
    return at->second;
  };
  access.list = [&](const std::string& path) -> Result<std::vector<std::string>> {
    std::vector<std::string> names;
    for (const auto& [name, text] : files)
      if (name.starts_with(path + "/")) names.push_back(name.substr(path.size() + 1));
    if (names.empty()) return Error(ErrorCode::kNotFound, path);
    return names;
  };
  Loaded out;
  auto environment = Environment::of_map(std::move(variables), missing);
  out.project = load_project(dir, profile, environment, components(), access, out.diagnostics);
  if (out.project) out.tests = load_tests(*out.project, environment, access, out.diagnostics);
  return out;
}

const std::map<std::string, std::string> kUsers = {{"leat.yaml", kLeat},
                                                   {"pipelines/a.yaml", kCapture},
                                                   {"pipelines/b.yml", kStore},
                                                   {"pipelines/.hidden.yaml", "x"},
                                                   {"pipelines/README.md", "x"}};

TEST(Project, TheReferenceProjectReads) {
  Loaded out = load(kUsers);
  ASSERT_TRUE(out.diagnostics.ok()) << out.diagnostics.to_string();
  const ProjectFiles& p = *out.project;
  EXPECT_EQ(p.project.project.value, "users");
  EXPECT_EQ(p.profile_name, "local");
  EXPECT_TRUE(p.embedded_stores());
  EXPECT_EQ(p.topic("users_created").partitions, 4);
  EXPECT_EQ(p.topic("users_created").retention_ms, -1);
  EXPECT_EQ(p.topic("users_created").retention_bytes, 1LL << 30);
  EXPECT_EQ(p.topic("other").partitions, 1);

  const PipelineFile& capture = *p.pipeline("users_capture");
  EXPECT_EQ(capture.file, "pipelines/a.yaml");
  EXPECT_EQ(capture.source.component(), "http");
  EXPECT_EQ(capture.source.component_node().find("url")->text, "https://randomuser.me/api/");
  EXPECT_EQ(capture.transform[0].sql.inside(2, 6).to_string(), "pipelines/a.yaml:9:12");
  EXPECT_EQ(capture.quality[0].on_fail, OnFail::kWarn);
  EXPECT_EQ(capture.quality[0].expect.inside(1, 1).to_string(), "pipelines/a.yaml:11:33");
  EXPECT_EQ(capture.sinks[0].id(), "users_created");
  EXPECT_EQ(capture.sinks[0].key->columns[0].value, "id");
  EXPECT_EQ(capture.batch.records, 500);
  EXPECT_EQ(capture.batch.bytes, 1 << 20);
  EXPECT_EQ(capture.batch.delay_ms, 50);
  EXPECT_EQ(capture.restart.first_ms, 2000);
  EXPECT_EQ(capture.dead_letter.retention_ms, 3LL * 24 * 3600 * 1000);

  const PipelineFile& store = *p.pipeline("users_store");
  EXPECT_EQ(store.source.topic.value, "users_created");
  EXPECT_EQ(store.source.from.kind, From::Kind::kTime);
  EXPECT_EQ(store.source.from.time_ms, 1706688000000);
  EXPECT_EQ(store.source.validate, Validate::kAll);
  EXPECT_EQ(store.sinks[0].id(), "serving.created_users");
  EXPECT_EQ(store.sinks[0].effective_mode(), Mode::kUpsert);
  ASSERT_EQ(store.sinks[0].key->columns.size(), 2u);
  EXPECT_EQ(store.sinks[0].key->columns[1].value, "id");
  EXPECT_EQ(store.sinks[0].key->partition[0].value, "country");
}

TEST(Project, OnlyTheChosenProfilesVariablesMustBeSet) {
  EXPECT_TRUE(load(kUsers, "local").diagnostics.ok());
  Loaded unset = load(kUsers, "cluster");
  EXPECT_EQ(
      unset.diagnostics.to_string(),
      "leat.yaml:6:89: profiles.cluster.stores.serving.cassandra.password: the variable "
      "CASSANDRA_PASSWORD is not set; set it, or give a default: ${CASSANDRA_PASSWORD:-...}\n");
  Loaded set = load(kUsers, "cluster", {{"CASSANDRA_PASSWORD", "pw"}});
  EXPECT_TRUE(set.diagnostics.ok()) << set.diagnostics.to_string();
  EXPECT_FALSE(set.project->embedded_stores());
  EXPECT_EQ(set.project->profile.stores[0].second.name(), "cassandra");
}

TEST(Project, ComponentsCheckFurther) {
  auto files = kUsers;
  Loaded out = load(files, "", {{"USERS_API", "ftp://x"}});
  EXPECT_EQ(out.diagnostics.to_string(), "pipelines/a.yaml:4:10: source.http.url: not http\n");
}

TEST(Project, NoProject) {
  Loaded out = load({}, "", {}, Environment::Missing::kFail, "sub/dir");
  EXPECT_FALSE(out.project);
  EXPECT_EQ(out.diagnostics.to_string(),
            "sub/dir/leat.yaml: there is no such file; go to the project's directory, name it with "
            "--project, "
            "or make one with `leat init NAME`\n");
}

TEST(Project, PathsAreTheUsers) {
  Loaded out = load({{"sub/leat.yaml", "project: x\n"},
                     {"sub/pipelines/p.yaml", "pipeline: p\nsource: {topic: a}\n"}},
                    "", {}, Environment::Missing::kFail, "sub/");
  EXPECT_EQ(out.diagnostics.all()[0].mark.to_string(), "sub/pipelines/p.yaml:1:1");
}

TEST(Project, TestsRead) {
  auto files = kUsers;
  files["tests/users.yaml"] = R"(pipeline: users_capture
cases:
  - name: good and bad
    input:
      - {login: {uuid: 7}, age: 1.5, ok: true, none: null, text: "7", zip: 0123, neg: -3, e: 1e3, v: 1.2.3}
      - '{"login": '
    expect: [{id: 7}]
    rejects: [{index: 1, stage: decode, code: malformed}]
  - {name: file, input_file: pages.ndjson}
)";
  Loaded out = load(files);
  ASSERT_TRUE(out.diagnostics.ok()) << out.diagnostics.to_string();
  ASSERT_EQ(out.tests.size(), 1u);
  const TestCase& first = out.tests[0].cases[0];
  EXPECT_EQ(
      to_json(first.input[0]),
      R"({"login":{"uuid":7},"age":1.5,"ok":true,"none":null,"text":"7","zip":"0123","neg":-3,"e":1000.0,"v":"1.2.3"})");
  EXPECT_EQ(first.input[1].text, "{\"login\": ");
  EXPECT_EQ(first.expect->size(), 1u);
  EXPECT_EQ(first.rejects[0].code, "malformed");
  EXPECT_FALSE(out.tests[0].cases[1].expect);

  files["tests/users.yaml"] =
      "pipeline: users_captur\ncases: [{name: a, input: []}, {name: a, input: []}]\n";
  EXPECT_EQ(load(files).diagnostics.to_string(),
            "tests/users.yaml:1:11: pipeline: there is no pipeline `users_captur`; did you mean "
            "`users_capture`?\n"
            "tests/users.yaml:2:38: cases: a second case `a`\n");
}

TEST(Project, SchemasNameTheComponents) {
  auto pipeline = nlohmann::json::parse(pipeline_json_schema(components()));
  auto& source = pipeline["properties"]["source"];
  auto& properties =
      source.contains("anyOf") ? source["anyOf"][0]["properties"] : source["properties"];
  EXPECT_EQ(properties["http"]["required"], nlohmann::json::array({"url"}));
  EXPECT_TRUE(properties.contains("topic"));
  std::string project = project_json_schema(components());
  EXPECT_NE(project.find("contact_points"), std::string::npos);
  EXPECT_EQ(project, project_json_schema(components()));
}

TEST(ParseInstant, KnowsTheUsualForms) {
  EXPECT_EQ(parse_instant_ms("1970-01-02"), 86'400'000);
  EXPECT_EQ(parse_instant_ms("1970-01-01T00:00:01Z"), 1000);
  EXPECT_EQ(parse_instant_ms("1970-01-01 01:00:00.25+01:00"), 250);
  EXPECT_EQ(parse_instant_ms("1969-12-31T23:00-0200"), 3'600'000);
  for (const char* wrong :
       {"", "1970", "1970-13-01", "2023-02-29", "1970-01-01T", "1970-01-01T25:00", "1970-01-01x",
        "1970-01-01T00:00:00.Z", "1970-01-01T00:00Zz", "-970-01-01", "1970-01-01T00:00+15:00"})
    EXPECT_EQ(parse_instant_ms(wrong), std::nullopt) << wrong;
}

TEST(Reference, ASchemaOfKeysIsToldByItsOwnNames) {
  const std::string page = markdown(pipeline_spec(), 3);
  const size_t from = page.find("`pipeline.sinks[].key_schema`\n");
  ASSERT_NE(from, std::string::npos);
  const std::string keys = page.substr(from, page.find("\n####", from) - from);
  EXPECT_NE(keys.find("The schema that a topic's keys have"), std::string::npos) << keys;
  EXPECT_NE(keys.find("TOPIC-key"), std::string::npos) << keys;
  EXPECT_NE(keys.find("`__key_schema_id`"), std::string::npos) << keys;
  EXPECT_EQ(keys.find("TOPIC-value"), std::string::npos) << keys;
  EXPECT_EQ(keys.find("__value_schema_id"), std::string::npos) << keys;
}

}  // namespace
}  // namespace leat::config::project_test
