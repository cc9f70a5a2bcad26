#include "app/schema_request.h"

#include <algorithm>

#include "app/console.h"
#include "app/project_env.h"
#include "app/project_registry.h"
#include "base/limits.h"
#include "io/file.h"

namespace leat::app {
namespace {

constexpr size_t kMaxSchemaFile = 16u << 20;

/// Where this host reaches what listens there.
std::string reached_at(const std::string& listen) {
  for (const auto& [any, loopback] : {std::pair{"0.0.0.0:", "127.0.0.1:"}, {"[::]:", "[::1]:"}})
    if (listen.starts_with(any)) return loopback + listen.substr(std::string_view(any).size());
  return listen;
}

/// What the project's profile says, when there is a project.
Result<std::unique_ptr<SchemaRegistry>> of_project(const GlobalOptions& options,
                                                   const SchemaArgs& args) {
  if (!io::exists(options.project + "/leat.yaml")) return std::unique_ptr<SchemaRegistry>();
  const LoadedProject loaded = load_project_env(options, config::Environment::Missing::kIgnore);
  if (!loaded.env || !loaded.env->files.profile.registry) return std::unique_ptr<SchemaRegistry>();
  config::RegistryDecl declared = *loaded.env->files.profile.registry;
  if (!declared.listen.empty()) declared.urls = {"http://" + reached_at(declared.listen)};
  ASSIGN(clients::SchemaRegistryOptions asked, registry_options(declared));
  asked.allow_plaintext = asked.allow_plaintext || args.allow_plaintext;
  if (!args.username.empty()) {
    asked.username = args.username;
    asked.password =
        config::Secret(loaded.env->environment.get("SCHEMA_REGISTRY_PASSWORD").value_or(""));
  }
  return std::make_unique<SchemaRegistry>(std::move(asked));
}

Result<schema::Format> format_of(const SchemaArgs& args) {
  std::string name = args.type;
  std::transform(name.begin(), name.end(), name.begin(), [](char c) {
    return static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  });
  if (name.empty())
    name = args.file.ends_with(".proto")  ? "PROTOBUF"
           : args.file.ends_with(".json") ? "JSON"
                                          : "AVRO";
  if (auto format = schema::format_named(name)) return *format;
  return Error(ErrorCode::kInvalidArgument, fmt::format("--type: unknown type `{}`", args.type))
      .with_blame(Blame::kUser)
      .with_hint("avro, json or protobuf");
}

}  // namespace

Result<std::unique_ptr<SchemaRegistry>> open_registry(const GlobalOptions& global,
                                                      const SchemaArgs& args) {
  const auto environment =
      config::Environment::of_process({}, config::Environment::Missing::kIgnore);
  std::string urls = args.registry;
  if (urls.empty()) urls = environment.get("SCHEMA_REGISTRY_URL").value_or("");
  if (urls.empty()) {
    ASSIGN(auto named, of_project(global, args));
    if (named) return named;
  }
  if (urls.empty()) urls = fmt::format("http://127.0.0.1:{}", limits::kDefaultRegistryPort);
  clients::SchemaRegistryOptions options;
  for (size_t at = 0; at <= urls.size();) {
    const size_t end = std::min(urls.find(',', at), urls.size());
    auto url = net::Url::parse(urls.substr(at, end - at));
    if (!url) return std::move(url).error().with_blame(Blame::kUser).at("--registry");
    options.urls.push_back(std::move(*url));
    at = end + 1;
  }
  options.username = args.username;
  options.allow_plaintext = args.allow_plaintext;
  if (!options.username.empty())
    options.password = config::Secret(environment.get("SCHEMA_REGISTRY_PASSWORD").value_or(""));
  return std::make_unique<SchemaRegistry>(std::move(options));
}

Result<SchemaText> read_schema(const SchemaArgs& args) {
  SchemaText schema;
  ASSIGN(schema.format, format_of(args));
  ASSIGN(schema.text, io::read_file(args.file, kMaxSchemaFile));
  for (const std::string& text : args.references) {
    auto reference = schema::read_reference(text);
    if (!reference) return std::move(reference).error().at("--reference");
    schema.references.push_back(std::move(*reference));
  }
  return schema;
}

Result<int32_t> version_of(const std::string& text) {
  if (text.empty() || text == "latest") return SchemaRegistry::kLatest;
  if (text.size() < 10 && text.find_first_not_of("0123456789") == text.npos) {
    if (const int number = std::stoi(text); number > 0) return number;
  }
  return Error(ErrorCode::kInvalidArgument,
               fmt::format("--version: expected a number or `latest`, found `{}`", text))
      .with_blame(Blame::kUser);
}

Result<Parsed> parsed(SchemaRegistry& registry, const SchemaText& text) {
  ASSIGN(const auto references, schema::resolve(registry, text.references));
  return schema::parse(text.format, text.text, references);
}

bool Comparison::fits(schema::Level level) const {
  using schema::Level;
  const bool back = level == Level::kBackward || level == Level::kBackwardTransitive ||
                    level == Level::kFull || level == Level::kFullTransitive;
  const bool forth = level == Level::kForward || level == Level::kForwardTransitive ||
                     level == Level::kFull || level == Level::kFullTransitive;
  return !(back && !backward.empty()) && !(forth && !forward.empty());
}

std::string Comparison::reasons() const {
  std::string out;
  const auto put = [&](const char* what, const std::vector<schema::Difference>& differences) {
    for (const schema::Difference& each : differences)
      out += fmt::format("  {} {}: {} at {}: {}\n", what, with, each.rule,
                         each.path.empty() ? "/" : each.path, each.message);
  };
  put("reading records of", backward);
  put("being read by", forward);
  return out;
}

Comparison compare(std::string with, const schema::ParsedSchema& old,
                   const schema::ParsedSchema& fresh) {
  return {std::move(with), fresh.differences(old), old.differences(fresh)};
}

Result<int> advised(Result<int> done) {
  if (done || done.error().code() != ErrorCode::kUnavailable || !done.error().hint().empty())
    return done;
  return std::move(done).error().with_hint(
      "`leat registry` serves one, and so does `leat run` of a profile with `registry: {listen: "
      "127.0.0.1:8081}`; --registry URL names another");
}

void add_registry_options(Command& command, SchemaArgs& args) {
  command
      .add_option("--registry", args.registry,
                  "The registry's URLs, with commas between (default: $SCHEMA_REGISTRY_URL, else "
                  "what the project's profile says, else http://127.0.0.1:8081)")
      .type_name("URL");
  command
      .add_option("--username", args.username,
                  "As whom to log in; the password is in $SCHEMA_REGISTRY_PASSWORD")
      .type_name("NAME");
  command.add_flag("--allow-plaintext", args.allow_plaintext,
                   "Log in over http:// away from loopback, too: the password crosses the network "
                   "in the clear");
}

void add_file_options(Command& command, SchemaArgs& args) {
  command.add_option("subject", args.subject, "The subject: TOPIC-value, TOPIC-key").required();
  command.add_option("file", args.file, "The schema: .avsc, .json or .proto")
      .type_name("FILE")
      .required();
  add_type_options(command, args);
}

void add_type_options(Command& command, SchemaArgs& args) {
  command.add_option("--type", args.type, "When the file's name does not tell")
      .type_name("avro|json|protobuf");
  command
      .add_option("--reference", args.references, "What the schema refers to; as often as needed")
      .type_name("NAME=SUBJECT:VERSION");
}

}  // namespace leat::app
