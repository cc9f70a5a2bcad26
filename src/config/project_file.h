// ProjectFile: what leat.yaml says, as plain values with their places; TestFile: what
// tests/NAME.yaml says. Read by load_project() (config/project.h). Names here are the user's
// contract.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/limits.h"
#include "config/node.h"
#include "config/spec.h"

namespace leat::config {

/// One component under its name: `{cassandra: {...}}`. After load_project exactly one entry.
struct ComponentDecl {
  std::vector<Entry> components;
  Mark mark;
  const std::string& name() const { return components.front().key; }
  const Node& node() const { return components.front().value; }
};

/// The schema registry: another one by its URLs, or the embedded one, served to others too.
struct RegistryDecl {
  std::string listen;  // "127.0.0.1:8081"; empty: `urls`
  std::string users;   // of `listen`: a file, relative to the project; empty: nobody logs in
  std::vector<std::string> urls;
  std::string username;  // empty: no login
  Secret password;
  bool allow_plaintext = false;  // the login over http://, away from loopback
  std::string ca_file;
  int64_t timeout_ms = 10'000;
  Mark mark;
};

/// Where things are. The empty profile is the embedded one.
struct ProfileDecl {
  std::optional<ComponentDecl> log;      // none: embedded
  std::optional<RegistryDecl> registry;  // none: the embedded one, for this process alone
  std::vector<std::pair<std::string, ComponentDecl>>
      stores;  // none: each name is an embedded schema
  Mark mark;
};

struct TopicDecl {
  int32_t partitions = 1;
  int64_t retention_ms = 7LL * 24 * 3600 * 1000;  // -1: for ever
  int64_t retention_bytes = -1;                   // of a partition; -1: no bound
  Located<std::string> cleanup{"delete", {}};     // delete | compact
  Mark mark;
};

struct ApiDecl {
  std::string listen;  // "127.0.0.1:8680"; empty: that or the next free port
  bool enabled = true;
};

struct LoggingDecl {
  enum class Level { kDebug, kInfo, kWarn, kError };
  enum class Format { kAuto, kText, kJson };
  Level level = Level::kInfo;
  Format format = Format::kAuto;
  std::string file;  // empty: stderr
};

struct ProjectFile {
  std::string file;
  Located<std::string> project;
  std::vector<std::pair<std::string, ProfileDecl>> profiles;
  std::vector<std::pair<std::string, TopicDecl>> topics;
  ApiDecl api;
  LoggingDecl logging;
  Mark mark;
};

const Spec<ProjectFile>& project_spec();
/// The parts that components add their names to.
const Spec<ComponentDecl>& log_decl_spec();
const Spec<ComponentDecl>& store_decl_spec();

/// A rejected record that a test expects.
struct ExpectedReject {
  int64_t index = 0;  // of the record in the case's input, from 0
  std::string stage, rule, code;
  Mark mark;
};

/// One case: rows in, rows out.
struct TestCase {
  Located<std::string> name;
  std::vector<Node> input;  // each a map (written as JSON) or a text (the record's bytes)
  std::string input_file;   // instead: one record a line, relative to the project
  std::optional<std::vector<Node>> expect;
  std::vector<ExpectedReject> rejects;
  Mark mark;
};

struct TestFile {
  std::string file;
  Located<std::string> pipeline;
  std::vector<TestCase> cases;
};

const Spec<TestFile>& test_spec();

/// A tree as one line of JSON: plain `1`, `1.5`, `true`, `null` are what they look like, quoted
/// ones text.
std::string to_json(const Node& node);

}  // namespace leat::config
