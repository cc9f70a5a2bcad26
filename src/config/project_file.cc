#include "config/project_file.h"

#include <array>
#include <charconv>
#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "config/syntax.h"

namespace leat::config {

namespace {

// HOST:PORT
bool is_address(std::string_view text) {
  size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0) return false;
  uint16_t port = 0;
  const char* end = text.data() + text.size();
  auto [at, error] = std::from_chars(text.data() + colon + 1, end, port);
  return error == std::errc() && at == end;
}

bool is_loopback_host(std::string_view host) {
  return host == "localhost" || host == "[::1]" ||
         (host.starts_with("127.") && host.find_first_not_of("0123456789.") == host.npos);
}

bool is_loopback(std::string_view text) {
  return is_address(text) && is_loopback_host(text.substr(0, text.rfind(':')));
}

/// Whether what is sent there can be read on its way.
bool is_plaintext(std::string_view url) {
  constexpr std::string_view kHttp = "http://";
  if (!url.starts_with(kHttp)) return false;
  const std::string_view authority =
      url.substr(kHttp.size(), url.find('/', kHttp.size()) - kHttp.size());
  return !is_loopback_host(is_address(authority) ? authority.substr(0, authority.rfind(':'))
                                                 : authority);
}

bool is_http_url(std::string_view text) {
  for (std::string_view scheme : {"http://", "https://"})
    if (text.starts_with(scheme)) return text.size() > scheme.size();
  return false;
}

const Spec<RegistryDecl>& registry_spec() {
  static const auto spec = [] {
    Spec<RegistryDecl> s("registry",
                         "The schema registry: `url` of another one, or `listen`: the embedded one "
                         "is served to other programs, too.");
    s.field("url", &RegistryDecl::urls)
        .one_or_list()
        .syntax("a URL such as http://127.0.0.1:8081", is_http_url)
        .doc("Of a registry that speaks Confluent's contract; several of one are tried in turn.")
        .example("http://127.0.0.1:8081");
    s.field("listen", &RegistryDecl::listen)
        .syntax("HOST:PORT", is_address)
        .doc(
            "Where `leat run` serves the embedded registry. Without `users` loopback only: it "
            "asks for no password.")
        .example("127.0.0.1:8081");
    s.field("users", &RegistryDecl::users)
        .syntax("a path", not_empty)
        .doc("Who may log in at `listen`, and what for: a YAML file, relative to the project.");
    s.field("username", &RegistryDecl::username).doc("As whom to log in at `url`.");
    s.field("password", &RegistryDecl::password).doc("Its password.");
    s.field("allow_plaintext", &RegistryDecl::allow_plaintext)
        .doc(
            "Log in over `http://` away from loopback: the password crosses the network in the "
            "clear.");
    s.field("ca_file", &RegistryDecl::ca_file)
        .doc("Authorities that sign its certificate (PEM), besides the host's.");
    s.field("timeout", &RegistryDecl::timeout_ms)
        .unit(Unit::kDuration)
        .range(100, 600'000)
        .doc("Until a question has failed, tries included.");
    s.exactly_one({"url", "listen"});
    s.mark(&RegistryDecl::mark);
    s.check([](const RegistryDecl& registry, const Node& node, Reading& reading) {
      const Entry* url = node.entry("url");
      if (url && registry.urls.empty()) reading.error(url->value.mark, "no URL", "at least one");
      for (const char* key : {"username", "password", "allow_plaintext", "ca_file", "timeout"})
        if (const Entry* entry = node.entry(key); entry && !url)
          reading.error(entry->key_mark, fmt::format("`{}` without `url`", key), {}, {},
                        "leave it out: the embedded registry is in this process");
      const Entry* listen = node.entry("listen");
      if (const Entry* users = node.entry("users"); users && !listen)
        reading.error(users->key_mark, "`users` without `listen`", {}, {},
                      "leave it out: the registry at `url` knows its own");
      if (listen && !listen->value.unresolved && !node.entry("users") &&
          !is_loopback(registry.listen))
        reading.error(listen->value.mark,
                      fmt::format("`{}` without `users`: the network would need no password",
                                  registry.listen),
                      {}, {}, "a file of `users`, or an address of loopback");
      if (node.entry("password") && !node.entry("username"))
        reading.error(node.entry("password")->key_mark, "a `password` without `username`",
                      "the name to log in as");
      if (!registry.username.empty() && !registry.allow_plaintext &&
          std::any_of(registry.urls.begin(), registry.urls.end(), is_plaintext))
        reading.error(node.find("username")->mark,
                      "a login over http:// would cross the network in the clear",
                      "a `url` with https://, or `allow_plaintext: true` in a network that nobody "
                      "else hears");
    });
    return s;
  }();
  return spec;
}

const Spec<ProfileDecl>& profile_spec() {
  static const auto spec = [] {
    Spec<ProfileDecl> s("profiles.NAME",
                        "Where things are; `{}` is everything embedded under `.leat/NAME/`.");
    s.field("log", &ProfileDecl::log)
        .of(log_decl_spec())
        .doc("The durable log; without it, embedded.");
    s.field("registry", &ProfileDecl::registry)
        .of(registry_spec())
        .doc("The schema registry; without it, embedded and for this process alone.");
    s.field("stores", &ProfileDecl::stores)
        .of(store_decl_spec())
        .doc(
            "The stores by name; without any, every name is a schema of the embedded DuckDB file.");
    s.mark(&ProfileDecl::mark);
    return s;
  }();
  return spec;
}

const Spec<TopicDecl>& topic_spec() {
  static const auto spec = [] {
    Spec<TopicDecl> s("topics.NAME", "How a topic is created when it is first used.");
    s.field("partitions", &TopicDecl::partitions).range(1, double{limits::kMaxPartitions});
    s.field("retention", &TopicDecl::retention_ms)
        .unit(Unit::kDuration)
        .at_least(1)
        .word("forever", -1)
        .doc("How long records are kept.");
    s.field("retention_bytes", &TopicDecl::retention_bytes)
        .unit(Unit::kBytes)
        .at_least(1)
        .word("unbounded", -1)
        .doc("How much of a partition is kept.");
    s.field("cleanup", &TopicDecl::cleanup)
        .choices({{"delete", "delete"}, {"compact", "compact"}})
        .doc("The embedded log deletes by time and bytes only.");
    s.mark(&TopicDecl::mark);
    return s;
  }();
  return spec;
}

const Spec<ApiDecl>& api_spec() {
  static const auto spec = [] {
    Spec<ApiDecl> s("api", "The HTTP API of a running process.");
    s.field("listen", &ApiDecl::listen)
        .syntax("HOST:PORT", is_address)
        .doc("Without it 127.0.0.1:8680 or the next free port.")
        .example("127.0.0.1:8680");
    s.field("enabled", &ApiDecl::enabled);
    return s;
  }();
  return spec;
}

const Spec<LoggingDecl>& logging_spec() {
  static const auto spec = [] {
    using Level = LoggingDecl::Level;
    using Format = LoggingDecl::Format;
    Spec<LoggingDecl> s("logging", "What the process says about itself.");
    s.field("level", &LoggingDecl::level)
        .choices({{"debug", Level::kDebug},
                  {"info", Level::kInfo},
                  {"warn", Level::kWarn},
                  {"error", Level::kError}});
    s.field("format", &LoggingDecl::format)
        .choices({{"auto", Format::kAuto}, {"text", Format::kText}, {"json", Format::kJson}})
        .doc("`auto` is a progress display on a terminal and text else.");
    s.field("file", &LoggingDecl::file).syntax("a path", not_empty).doc("Instead of stderr.");
    return s;
  }();
  return spec;
}

const Spec<ExpectedReject>& reject_spec() {
  static const auto spec = [] {
    Spec<ExpectedReject> s("rejects[]", "A record that must be rejected.");
    s.field("index", &ExpectedReject::index)
        .required()
        .at_least(0)
        .doc("Of the record in the input, from 0.");
    s.field("stage", &ExpectedReject::stage)
        .choices({{"decode", "decode"},
                  {"transform", "transform"},
                  {"quality", "quality"},
                  {"encode", "encode"},
                  {"sink", "sink"}});
    s.field("rule", &ExpectedReject::rule).syntax(kIdentifier, is_identifier);
    s.field("code", &ExpectedReject::code).doc("The reason.").example("wrong_type");
    s.mark(&ExpectedReject::mark);
    return s;
  }();
  return spec;
}

const Spec<TestCase>& case_spec() {
  static const auto spec = [] {
    Spec<TestCase> s("cases[]", "Records in, rows out.");
    s.field("name", &TestCase::name).required().syntax("a text", not_empty);
    s.field("input", &TestCase::input)
        .doc("Records: maps, or texts that are the bytes themselves.");
    s.field("input_file", &TestCase::input_file)
        .syntax("a path", not_empty)
        .doc("Or a file, a record a line.");
    s.field("expect", &TestCase::expect)
        .doc("The rows, in order; without it they are not compared.");
    s.field("rejects", &TestCase::rejects)
        .of(reject_spec())
        .doc("The records that must be rejected, all of them.");
    s.exactly_one({"input", "input_file"});
    s.mark(&TestCase::mark);
    return s;
  }();
  return spec;
}

nlohmann::ordered_json json_of(const Node& node) {
  using Json = nlohmann::ordered_json;
  switch (node.kind) {
    case Node::Kind::kNull:
      return nullptr;
    case Node::Kind::kSequence: {
      Json out = Json::array();
      for (const Node& item : node.items) out.push_back(json_of(item));
      return out;
    }
    case Node::Kind::kMap: {
      Json out = Json::object();
      for (const Entry& entry : node.entries) out[entry.key] = json_of(entry.value);
      return out;
    }
    case Node::Kind::kScalar:
      break;
  }
  if (node.style != Node::Style::kPlain) return node.text;
  if (node.text == "true" || node.text == "false") return node.text == "true";
  const char* begin = node.text.data();
  const char* end = begin + node.text.size();
  const char last = node.text.empty() ? ' ' : node.text.back();
  const char first =
      node.text.empty() ? ' ' : node.text[node.text[0] == '-' && node.text.size() > 1 ? 1 : 0];
  if (first < '0' || first > '9' || last == '.') return node.text;  // "inf", ".5", "1." stay text
  const bool leading_zero = first == '0' && end - begin > 1 &&
                            node.text.find_first_not_of("-0123456789") == node.text.npos;
  if (leading_zero && node.text != "-0") return node.text;
  int64_t integer = 0;
  if (auto [at, error] = std::from_chars(begin, end, integer); error == std::errc() && at == end)
    return integer;
  double real = 0;
  if (auto [at, error] = std::from_chars(begin, end, real); error == std::errc() && at == end)
    return real;
  return node.text;
}

}  // namespace

const Spec<ComponentDecl>& log_decl_spec() {
  static const auto spec = [] {
    Spec<ComponentDecl> s("log", "The durable log by its kind.");
    s.rest(&ComponentDecl::components, "the kind of log, with its own keys");
    s.mark(&ComponentDecl::mark);
    return s;
  }();
  return spec;
}

const Spec<ComponentDecl>& store_decl_spec() {
  static const auto spec = [] {
    Spec<ComponentDecl> s("stores.NAME", "A store by its kind.");
    s.rest(&ComponentDecl::components, "the kind of store, with its own keys");
    s.mark(&ComponentDecl::mark);
    return s;
  }();
  return spec;
}

const Spec<ProjectFile>& project_spec() {
  static const auto spec = [] {
    Spec<ProjectFile> s("leat", "A project: where things are, one profile for each environment.");
    s.field("project", &ProjectFile::project)
        .required()
        .syntax(kIdentifier, is_identifier)
        .doc("Its name; consumer groups and dead letter topics begin with it.")
        .example("users");
    s.field("profiles", &ProjectFile::profiles)
        .of(profile_spec())
        .doc("Environments by name; `local` is the default.");
    s.field("topics", &ProjectFile::topics)
        .of(topic_spec())
        .doc("Topics that are not to have the defaults.");
    s.field("api", &ProjectFile::api).of(api_spec());
    s.field("logging", &ProjectFile::logging).of(logging_spec());
    s.mark(&ProjectFile::mark);
    s.check([](const ProjectFile& file, const Node& node, Reading& reading) {
      const Node* profiles = node.find("profiles");
      const Node* topics = node.find("topics");
      for (const auto& [name, profile] : file.profiles) {
        Reading::Scope scope(reading, "profiles");
        if (!is_identifier(name))
          reading.error(profiles->entry(name)->key_mark, "found `" + name + "`", kIdentifier);
        const Node* stores = profiles->find(name)->find("stores");
        for (const auto& [store, decl] : profile.stores)
          if (!is_identifier(store))
            reading.error(stores->entry(store)->key_mark, "found `" + store + "`", kIdentifier);
      }
      for (const auto& [name, topic] : file.topics) {
        Reading::Scope scope(reading, "topics");
        if (!is_topic_name(name))
          reading.error(topics->entry(name)->key_mark, "found `" + name + "`",
                        "a topic name: letters, digits, `.`, `_`, `-`, at most 249");
      }
    });
    return s;
  }();
  return spec;
}

const Spec<TestFile>& test_spec() {
  static const auto spec = [] {
    Spec<TestFile> s("test", "Tests of one pipeline, run by `leat test` in memory.");
    s.field("pipeline", &TestFile::pipeline).required().syntax(kIdentifier, is_identifier);
    s.field("cases", &TestFile::cases).required().of(case_spec());
    return s;
  }();
  return spec;
}

std::string to_json(const Node& node) {
  return json_of(node).dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace leat::config
