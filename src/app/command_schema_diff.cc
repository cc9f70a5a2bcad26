// leat schema diff: what another version, or a file, does to a subject's fields, and which readers cope with it.
#include <algorithm>

#include "app/commands.h"
#include "app/console.h"
#include "app/schema_request.h"
#include "server/json.h"

namespace leat::app {
namespace {

using server::Json;

/// One of the two that are compared.
struct Side {
  std::string name;  // "version 2", or the file
  Parsed schema;
};

bool is_version(const std::string& text) {
  return text == "latest" ||
         (!text.empty() && text.find_first_not_of("0123456789") == std::string::npos);
}

Result<Side> side_of(SchemaRegistry& registry, SchemaArgs args, const std::string& text) {
  if (!is_version(text)) {
    args.file = text;
    ASSIGN(const SchemaText file, read_schema(args));
    auto schema = parsed(registry, file);
    if (!schema) return std::move(schema).error().with_blame(Blame::kUser).at(text);
    return Side{text, std::move(*schema)};
  }
  ASSIGN(const int32_t number, version_of(text));
  ASSIGN(const SchemaVersion version, registry.version(args.subject, number));
  const std::string name = fmt::format("version {}", version.version);
  auto schema = parsed(registry, version.schema);
  if (!schema) return std::move(schema).error().at(args.subject + ", " + name);
  return Side{name, std::move(*schema)};
}

/// What stands for what was not said: one side, a file: the latest before it; a version: the latest behind it; none: the
/// last two.
Result<std::vector<std::string>> sides_of(SchemaRegistry& registry, const SchemaArgs& args) {
  std::vector<std::string> sides = args.sides;
  if (sides.size() == 1) sides.insert(is_version(sides[0]) ? sides.end() : sides.begin(), "latest");
  if (sides.size() > 2)
    return Error(ErrorCode::kInvalidArgument,
                 fmt::format("{} schemas to compare, where two were expected", sides.size()))
        .with_blame(Blame::kUser)
        .with_hint("leat schema diff SUBJECT BEFORE AFTER, each a version or a file");
  if (!sides.empty()) return sides;
  ASSIGN(const auto versions, registry.versions(args.subject));
  if (versions.size() < 2)
    return Error(ErrorCode::kNotFound, fmt::format("subject {} has one version", args.subject))
        .with_blame(Blame::kUser)
        .with_hint(fmt::format("`leat schema diff {} FILE` compares a file with it", args.subject));
  return std::vector{std::to_string(versions[versions.size() - 2]),
                     std::to_string(versions.back())};
}

constexpr schema::Level kLevels[] = {schema::Level::kBackward, schema::Level::kForward,
                                     schema::Level::kFull};

Json json_of(const std::optional<std::string>& text) { return text ? Json(*text) : Json(); }

std::string as_json(const std::string& subject, const Side& before, const Side& after,
                    const std::vector<schema::Change>& changes, const Comparison& readers) {
  Json out = {{"subject", subject},       {"before", before.name},  {"after", after.name},
              {"changes", Json::array()}, {"keeps", Json::array()}, {"reasons", Json::array()}};
  for (const schema::Change& each : changes)
    out["changes"].push_back({{"path", each.path},
                              {"change", each.what},
                              {"before", json_of(each.before)},
                              {"after", json_of(each.after)}});
  for (schema::Level level : kLevels)
    if (readers.fits(level)) out["keeps"].push_back(schema::level_name(level));
  for (const auto* differences : {&readers.backward, &readers.forward}) {
    for (const schema::Difference& each : *differences)
      out["reasons"].push_back(
          {{"level", differences == &readers.backward ? "BACKWARD" : "FORWARD"},
           {"rule", each.rule},
           {"path", each.path},
           {"message", each.message}});
  }
  return out.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

/// "keeps BACKWARD; not FORWARD, FULL:" and why.
std::string told_levels(const Side& before, const Side& after, const Comparison& readers) {
  std::string kept, lost;
  for (schema::Level level : kLevels) {
    std::string& list = readers.fits(level) ? kept : lost;
    list += fmt::format("{}{}", list.empty() ? "" : ", ", schema::level_name(level));
  }
  return fmt::format("\nfrom {} to {}: keeps {}{}\n{}", before.name, after.name,
                     kept.empty() ? "no level" : kept, lost.empty() ? "" : "; not " + lost,
                     readers.reasons());
}

Result<int> diff(const GlobalOptions& options, const SchemaArgs& args) {
  ASSIGN(auto registry, open_registry(options, args));
  ASSIGN(const auto sides, sides_of(*registry, args));
  ASSIGN(const Side before, side_of(*registry, args, sides[0]));
  ASSIGN(const Side after, side_of(*registry, args, sides[1]));
  if (before.schema->format() != after.schema->format())
    return Error(ErrorCode::kIncompatible,
                 fmt::format("{} is a schema of type {}, {} one of type {}", before.name,
                             schema::format_name(before.schema->format()), after.name,
                             schema::format_name(after.schema->format())))
        .with_blame(Blame::kUser)
        .with_hint("--type avro|json|protobuf when the file's name does not tell");
  const auto changes = schema::changes(before.schema->outline(), after.schema->outline());
  const Comparison readers = compare(before.name, *before.schema, *after.schema);
  if (options.format() == Format::kJson) {
    TRY(print(as_json(args.subject, before, after, changes, readers)));
    return 0;
  }
  Table table({"path", "change", "before", "after"});
  const auto cell = [](const std::optional<std::string>& text) {
    return text ? Cell(*text) : Cell();
  };
  for (const schema::Change& each : changes)
    table.add({each.path, each.what, cell(each.before), cell(each.after)});
  if (options.format() == Format::kTable && changes.empty())
    TRY(print("the same types and fields\n"));
  else
    TRY(print(table.render(options.format(), terminal_width())));
  if (options.format() == Format::kTable)
    TRY(print(printable(told_levels(before, after, readers), true)));
  return 0;
}

}  // namespace

void add_schema_diff(Cli& cli, Command group) {
  auto args = std::make_shared<SchemaArgs>();
  Command app = cli.add(
      group, "diff",
      "Show what changes between two versions of a subject, or a version and a file: fields that "
      "are added, removed, renamed, of another type or default, and which levels of compatibility "
      "the change keeps",
      "leat schema diff users_created-value 1 2\n"
      "leat schema diff users_created-value schemas/user_created.avsc\n"
      "leat schema diff users_created-value",
      [&cli, args] { return advised(diff(cli.options(), *args)); });
  app.add_option("subject", args->subject, "The subject: TOPIC-value, TOPIC-key").required();
  app.add_option("schemas", args->sides,
                 "Before and after, each a version, `latest` or a file; of a file alone before is "
                 "the latest version, without any the last two are meant")
      .type_name("VERSION|FILE");
  add_type_options(app, *args);
  add_registry_options(app, *args);
}

}  // namespace leat::app
