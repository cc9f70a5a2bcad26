// leat schema ls | show | register | check | compat: what a schema registry has, asked over HTTP.
#include <algorithm>

#include "app/commands.h"
#include "app/console.h"
#include "app/project_env.h"
#include "app/project_registry.h"
#include "app/schema_impact.h"
#include "base/strings.h"
#include "clients/schema_registry.h"
#include "io/file.h"
#include "schema/registry_types.h"

namespace leat::app {
namespace {

using clients::SchemaRegistry;
using schema::SchemaText;
using schema::SchemaVersion;
using server::Json;

constexpr size_t kMaxSchemaFile = 16u << 20;

struct Args {
  std::string registry, username, subject, file, type, version, level;
  std::vector<std::string> references;
  bool normalize = false;
};

/// What the project's profile says, when there is a project.
Result<std::unique_ptr<SchemaRegistry>> of_project(const GlobalOptions& options, const Args& args) {
  if (!io::exists(options.project + "/leat.yaml")) return std::unique_ptr<SchemaRegistry>();
  const LoadedProject loaded = load_project_env(options, config::Environment::Missing::kIgnore);
  if (!loaded.env || !loaded.env->files.profile.registry) return std::unique_ptr<SchemaRegistry>();
  config::RegistryDecl declared = *loaded.env->files.profile.registry;
  if (!declared.listen.empty()) declared.urls = {"http://" + declared.listen};
  ASSIGN(clients::SchemaRegistryOptions asked, registry_options(declared));
  if (!args.username.empty()) {
    asked.username = args.username;
    asked.password =
        config::Secret(loaded.env->environment.get("SCHEMA_REGISTRY_PASSWORD").value_or(""));
  }
  return std::make_unique<SchemaRegistry>(std::move(asked));
}

/// --registry, else $SCHEMA_REGISTRY_URL, else what the project's profile says, else this host's.
Result<std::unique_ptr<SchemaRegistry>> open_registry(const GlobalOptions& global,
                                                      const Args& args) {
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
  if (!options.username.empty())
    options.password = config::Secret(environment.get("SCHEMA_REGISTRY_PASSWORD").value_or(""));
  return std::make_unique<SchemaRegistry>(std::move(options));
}

Result<schema::Format> format_of(const Args& args) {
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

/// NAME=SUBJECT:VERSION, where a subject may have colons itself.
Result<schema::Reference> reference_of(const std::string& text) {
  const size_t equals = text.find('='), colon = text.rfind(':');
  schema::Reference reference;
  if (equals != text.npos && colon != text.npos && colon > equals) {
    reference.name = text.substr(0, equals);
    reference.subject = text.substr(equals + 1, colon - equals - 1);
    const std::string digits = text.substr(colon + 1);
    if (!digits.empty() && digits.size() < 10 &&
        digits.find_first_not_of("0123456789") == digits.npos)
      reference.version = std::stoi(digits);
  }
  if (reference.version > 0 && !reference.name.empty() && !reference.subject.empty())
    return reference;
  return Error(ErrorCode::kInvalidArgument,
               fmt::format("--reference: expected NAME=SUBJECT:VERSION, found `{}`", text))
      .with_blame(Blame::kUser);
}

Result<SchemaText> read_schema(const Args& args) {
  SchemaText schema;
  ASSIGN(schema.format, format_of(args));
  ASSIGN(schema.text, io::read_file(args.file, kMaxSchemaFile));
  for (const std::string& text : args.references) {
    ASSIGN(schema::Reference reference, reference_of(text));
    schema.references.push_back(std::move(reference));
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

Result<int> list(const GlobalOptions& options, const Args& args) {
  ASSIGN(auto registry, open_registry(options, args));
  ASSIGN(const auto subjects, registry->subjects(args.subject));
  Table table({"subject", "versions", "latest", "id", "type"});
  for (const std::string& subject : subjects) {
    ASSIGN(const auto versions, registry->versions(subject));
    ASSIGN(const SchemaVersion latest, registry->version(subject, SchemaRegistry::kLatest));
    table.add({subject, static_cast<int64_t>(versions.size()), static_cast<int64_t>(latest.version),
               static_cast<int64_t>(latest.id), schema::format_name(latest.schema.format)});
  }
  TRY(print(table.render(options.format(), terminal_width())));
  return 0;
}

/// JSON with a line a field; other texts as they are.
std::string laid_out(const std::string& text) {
  const Json json = Json::parse(text, nullptr, false);
  return json.is_discarded() ? text : json.dump(2);
}

Result<int> show(const GlobalOptions& options, const Args& args) {
  ASSIGN(auto registry, open_registry(options, args));
  ASSIGN(const int32_t number, version_of(args.version));
  ASSIGN(const SchemaVersion version, registry->version(args.subject, number));
  if (options.format() == Format::kJson) {
    Json json = {{"subject", version.subject},
                 {"version", version.version},
                 {"id", version.id},
                 {"type", schema::format_name(version.schema.format)},
                 {"references", Json::array()},
                 {"schema", version.schema.text}};
    for (const auto& each : version.schema.references)
      json["references"].push_back(
          {{"name", each.name}, {"subject", each.subject}, {"version", each.version}});
    TRY(print(json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n"));
    return 0;
  }
  std::string text =
      fmt::format("subject   {}\nversion   {}\nid        {}\ntype      {}\n", version.subject,
                  version.version, version.id, schema::format_name(version.schema.format));
  for (const auto& each : version.schema.references)
    text += fmt::format("refers to {} = {}, version {}\n", each.name, each.subject, each.version);
  TRY(print(printable(text + "\n" + laid_out(version.schema.text), true) + "\n"));
  return 0;
}

Result<int> add(const GlobalOptions& options, const Args& args) {
  ASSIGN(auto registry, open_registry(options, args));
  ASSIGN(const SchemaText schema, read_schema(args));
  auto id = registry->add(args.subject, schema, args.normalize);
  if (!id && id.error().code() == ErrorCode::kIncompatible)
    return std::move(id).error().at(args.file).with_hint(fmt::format(
        "`leat schema check {} {}` tells what stands in the way", args.subject, args.file));
  if (!id) return std::move(id).error().at(args.file);
  ASSIGN(const SchemaVersion version, registry->find(args.subject, schema));
  TRY(print(fmt::format("{}: version {}, id {}\n", args.subject, version.version, *id)));
  return 0;
}

// ---- check

using Parsed = std::shared_ptr<const schema::ParsedSchema>;
Result<Parsed> parsed(SchemaRegistry& registry, const SchemaText& text) {
  ASSIGN(const auto references, schema::resolve(registry, text.references));
  return schema::parse(text.format, text.text, references);
}

/// What stands in the way, by direction: new readers of old records, old readers of new records.
struct Comparison {
  int32_t version = 0;
  std::vector<schema::Difference> backward, forward;
};

void put_reasons(std::string& out, const char* what, int32_t version,
                 const std::vector<schema::Difference>& differences) {
  for (const schema::Difference& each : differences)
    out += fmt::format("  {} {}: {} at {}: {}\n", what, version, each.rule,
                       each.path.empty() ? "/" : each.path, each.message);
}

bool fits(schema::Level level, const Comparison& with) {
  using schema::Level;
  const bool backward = level == Level::kBackward || level == Level::kBackwardTransitive ||
                        level == Level::kFull || level == Level::kFullTransitive;
  const bool forward = level == Level::kForward || level == Level::kForwardTransitive ||
                       level == Level::kFull || level == Level::kFullTransitive;
  return !(backward && !with.backward.empty()) && !(forward && !with.forward.empty());
}

/// What the schema would break in the project here. True: nothing.
Result<bool> tell_impact(const GlobalOptions& options, const Args& args, SchemaRegistry& registry,
                         const SchemaText& text) {
  LoadedProject loaded = load_project_env(options, config::Environment::Missing::kIgnore);
  if (!loaded.env || !loaded.diagnostics.ok()) return true;  // `leat lint` tells
  config::Diagnostics broken;
  ASSIGN(const size_t pipelines,
         schema_impact(*loaded.env, args.subject, args.file, registry, text, broken));
  if (pipelines == 0) return true;
  std::string out;
  if (broken.ok())
    out = fmt::format("\n{} of this project: SQL, rules and sinks take it\n",
                      pipelines == 1 ? "the pipeline" : fmt::format("the {} pipelines", pipelines));
  else
    out = "\nin this project it breaks\n";
  for (const config::Diagnostic& each : broken.all()) out += "  " + each.to_string() + "\n";
  TRY(print(printable(out, true)));
  return broken.ok();
}

Result<int> check(const GlobalOptions& options, const Args& args) {
  using schema::Level;
  ASSIGN(auto registry, open_registry(options, args));
  ASSIGN(const SchemaText text, read_schema(args));
  auto candidate = parsed(*registry, text);
  if (!candidate) return std::move(candidate).error().with_blame(Blame::kUser).at(args.file);
  std::vector<int32_t> numbers;
  if (auto found = registry->versions(args.subject))
    numbers = std::move(*found);
  else if (found.error().code() != ErrorCode::kNotFound)
    return std::move(found).error();
  std::vector<Comparison> all;  // the newest first
  for (auto number = numbers.rbegin(); number != numbers.rend(); ++number) {
    ASSIGN(const SchemaVersion version, registry->version(args.subject, *number));
    auto old = parsed(*registry, version.schema);
    if (!old)
      return std::move(old).error().at(fmt::format("{}, version {}", args.subject, *number));
    all.push_back({*number, (*candidate)->differences(**old), (*old)->differences(**candidate)});
  }
  ASSIGN(const std::string applies, registry->level(args.subject));
  Table table({"level", "fits", "applies"});
  bool good = true;
  for (Level level : {Level::kNone, Level::kBackward, Level::kBackwardTransitive, Level::kForward,
                      Level::kForwardTransitive, Level::kFull, Level::kFullTransitive}) {
    const bool transitive = level == Level::kBackwardTransitive ||
                            level == Level::kForwardTransitive || level == Level::kFullTransitive;
    const size_t count = transitive ? all.size() : std::min<size_t>(1, all.size());
    const bool fine = std::all_of(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(count),
                                  [&](const Comparison& each) { return fits(level, each); });
    const bool current = schema::level_name(level) == applies;
    if (current) good = fine;
    table.add({schema::level_name(level), Cell::literal(fine ? "true" : "false"),
               Cell::literal(current ? "true" : "false")});
  }
  TRY(print(table.render(options.format(), terminal_width())));
  std::string reasons;
  for (const Comparison& each : all) {
    put_reasons(reasons, "reading records of version", each.version, each.backward);
    put_reasons(reasons, "being read by version", each.version, each.forward);
  }
  if (options.format() == Format::kTable && !reasons.empty())
    TRY(print("\n" + printable(reasons, true)));
  if (options.format() == Format::kTable && io::exists(options.project + "/leat.yaml")) {
    ASSIGN(const bool whole, tell_impact(options, args, *registry, text));
    good &= whole;
  }
  return good ? 0 : 2;
}

Result<int> compat(const GlobalOptions& options, const Args& args) {
  ASSIGN(auto registry, open_registry(options, args));
  if (!args.level.empty()) TRY(registry->set_level(args.subject, args.level));
  ASSIGN(const std::string level, registry->level(args.subject));
  TRY(print(level + "\n"));
  return 0;
}

/// Says where registries come from when nobody answered.
Result<int> advised(Result<int> done) {
  if (done || done.error().code() != ErrorCode::kUnavailable || !done.error().hint().empty())
    return done;
  return std::move(done).error().with_hint(
      "`leat registry` serves one, and so does `leat run` of a profile with `registry: {listen: "
      "127.0.0.1:8081}`; --registry URL names another");
}

void add_registry_options(Command& command, Args& args) {
  command
      .add_option("--registry", args.registry,
                  "The registry's URLs, with commas between (default: $SCHEMA_REGISTRY_URL, else "
                  "what the project's profile says, else http://127.0.0.1:8081)")
      .type_name("URL");
  command
      .add_option("--username", args.username,
                  "As whom to log in; the password is in $SCHEMA_REGISTRY_PASSWORD")
      .type_name("NAME");
}

void add_file_options(Command& command, Args& args) {
  command.add_option("subject", args.subject, "The subject: TOPIC-value, TOPIC-key").required();
  command.add_option("file", args.file, "The schema: .avsc, .json or .proto")
      .type_name("FILE")
      .required();
  command.add_option("--type", args.type, "When the file's name does not tell")
      .type_name("avro|json|protobuf");
  command
      .add_option("--reference", args.references, "What the schema refers to; as often as needed")
      .type_name("NAME=SUBJECT:VERSION");
}

}  // namespace

void add_schema_registry(Cli& cli, Command group) {
  auto args = std::make_shared<Args>();
  Command ls = cli.add(group, "ls", "List the subjects of a schema registry",
                       "leat schema ls\nleat schema ls users --registry http://127.0.0.1:8081",
                       [&cli, args] { return advised(list(cli.options(), *args)); });
  ls.add_option("prefix", args->subject, "Only subjects that begin so").type_name("PREFIX");
  Command shown = cli.add(group, "show", "Show a version of a subject",
                          "leat schema show users_created-value\nleat schema show "
                          "users_created-value --version 1 --output json",
                          [&cli, args] { return advised(show(cli.options(), *args)); });
  shown.add_option("subject", args->subject, "The subject").required();
  shown.add_option("--version", args->version, "A number, or latest").type_name("N");
  Command added = cli.add(group, "register", "Register a schema under a subject",
                          "leat schema register users_created-value schemas/user_created.avsc",
                          [&cli, args] { return advised(add(cli.options(), *args)); });
  add_file_options(added, *args);
  added.add_flag("--normalize", args->normalize,
                 "Texts that mean the same are one schema: the registry normalises it first");
  Command checked = cli.add(
      group, "check",
      "Compare a schema with the versions of a subject, at all seven levels of compatibility; "
      "exit 2 when it does not fit at the level that applies",
      "leat schema check users_created-value schemas/user_created.avsc",
      [&cli, args] { return advised(check(cli.options(), *args)); });
  add_file_options(checked, *args);
  Command levels = cli.add(group, "compat", "Show or set the compatibility level of a subject",
                           "leat schema compat users_created-value\nleat schema compat "
                           "users_created-value FULL_TRANSITIVE\nleat schema compat",
                           [&cli, args] { return advised(compat(cli.options(), *args)); });
  levels.add_option("subject", args->subject, "The subject; without it, the registry's own level");
  levels.add_option("level", args->level, "NONE, BACKWARD, FORWARD, FULL, or one with _TRANSITIVE");
  for (Command* command : {&ls, &shown, &added, &checked, &levels})
    add_registry_options(*command, *args);
}

}  // namespace leat::app
