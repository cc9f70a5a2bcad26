// leat schema check: a schema beside the versions of a subject and beside the project.
#include <algorithm>

#include "app/commands.h"
#include "app/console.h"
#include "app/project_env.h"
#include "app/schema_impact.h"
#include "app/schema_request.h"
#include "io/file.h"
#include "schema/registry_types.h"

namespace leat::app {
namespace {

/// What the schema would break in the project here. True: nothing.
Result<bool> tell_impact(const GlobalOptions& options, const SchemaArgs& args,
                         SchemaRegistry& registry, const SchemaText& text) {
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

/// The candidate beside each version of the subject, the newest first.
Result<std::vector<Comparison>> compare_all(SchemaRegistry& registry, const std::string& subject,
                                            const schema::ParsedSchema& candidate) {
  std::vector<Comparison> all;
  auto numbers = registry.versions(subject);
  if (!numbers && numbers.error().code() == ErrorCode::kNotFound) return all;
  if (!numbers) return std::move(numbers).error();
  for (auto number = numbers->rbegin(); number != numbers->rend(); ++number) {
    ASSIGN(const SchemaVersion version, registry.version(subject, *number));
    auto old = parsed(registry, version.schema);
    if (!old) return std::move(old).error().at(fmt::format("{}, version {}", subject, *number));
    all.push_back(compare(fmt::format("version {}", *number), **old, candidate));
  }
  return all;
}

/// A line for each level. True: it fits at the one that `applies`.
bool put_levels(Table& table, const std::vector<Comparison>& all, const std::string& applies) {
  using schema::Level;
  bool good = true;
  for (Level level : {Level::kNone, Level::kBackward, Level::kBackwardTransitive, Level::kForward,
                      Level::kForwardTransitive, Level::kFull, Level::kFullTransitive}) {
    const bool transitive = level == Level::kBackwardTransitive ||
                            level == Level::kForwardTransitive || level == Level::kFullTransitive;
    const size_t count = transitive ? all.size() : std::min<size_t>(1, all.size());
    const bool fine = std::all_of(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(count),
                                  [&](const Comparison& each) { return each.fits(level); });
    const bool current = schema::level_name(level) == applies;
    if (current) good = fine;
    table.add({schema::level_name(level), Cell::literal(fine ? "true" : "false"),
               Cell::literal(current ? "true" : "false")});
  }
  return good;
}

Result<int> check(const GlobalOptions& options, const SchemaArgs& args) {
  ASSIGN(auto registry, open_registry(options, args));
  ASSIGN(const SchemaText text, read_schema(args));
  auto candidate = parsed(*registry, text);
  if (!candidate) return std::move(candidate).error().with_blame(Blame::kUser).at(args.file);
  ASSIGN(const auto all, compare_all(*registry, args.subject, **candidate));
  ASSIGN(const std::string applies, registry->level(args.subject));
  Table table({"level", "fits", "applies"});
  bool good = put_levels(table, all, applies);
  TRY(print(table.render(options.format(), terminal_width())));
  std::string reasons;
  for (const Comparison& each : all) reasons += each.reasons();
  if (options.format() == Format::kTable && !reasons.empty())
    TRY(print("\n" + printable(reasons, true)));
  if (options.format() == Format::kTable && io::exists(options.project + "/leat.yaml")) {
    ASSIGN(const bool whole, tell_impact(options, args, *registry, text));
    good &= whole;
  }
  return good ? 0 : 2;
}

}  // namespace

void add_schema_check(Cli& cli, Command group) {
  auto args = std::make_shared<SchemaArgs>();
  Command app = cli.add(
      group, "check",
      "Compare a schema with the versions of a subject, at all seven levels of compatibility; "
      "exit 2 when it does not fit at the level that applies",
      "leat schema check users_created-value schemas/user_created.avsc",
      [&cli, args] { return advised(check(cli.options(), *args)); });
  add_file_options(app, *args);
  add_registry_options(app, *args);
}

}  // namespace leat::app
