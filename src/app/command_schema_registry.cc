// leat schema ls | show | register | compat: what a schema registry has, asked over HTTP.
#include "app/commands.h"
#include "app/console.h"
#include "app/schema_request.h"
#include "schema/registry_types.h"
#include "server/json.h"

namespace leat::app {
namespace {

using server::Json;

Result<int> list(const GlobalOptions& options, const SchemaArgs& args) {
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

Result<int> show(const GlobalOptions& options, const SchemaArgs& args) {
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

Result<int> add(const GlobalOptions& options, const SchemaArgs& args) {
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

Result<int> compat(const GlobalOptions& options, const SchemaArgs& args) {
  ASSIGN(auto registry, open_registry(options, args));
  if (!args.level.empty()) TRY(registry->set_level(args.subject, args.level));
  ASSIGN(const std::string level, registry->level(args.subject));
  TRY(print(level + "\n"));
  return 0;
}

}  // namespace

void add_schema_registry(Cli& cli, Command group) {
  auto args = std::make_shared<SchemaArgs>();
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
  Command levels = cli.add(group, "compat", "Show or set the compatibility level of a subject",
                           "leat schema compat users_created-value\nleat schema compat "
                           "users_created-value FULL_TRANSITIVE\nleat schema compat",
                           [&cli, args] { return advised(compat(cli.options(), *args)); });
  levels.add_option("subject", args->subject, "The subject; without it, the registry's own level");
  levels.add_option("level", args->level, "NONE, BACKWARD, FORWARD, FULL, or one with _TRANSITIVE");
  for (Command* command : {&ls, &shown, &added, &levels}) add_registry_options(*command, *args);
}

}  // namespace leat::app
