// leat schema check: a schema beside the versions of a subject, beside the project, and on the topic's records.
#include <algorithm>

#include "app/api_client.h"
#include "app/commands.h"
#include "app/console.h"
#include "app/project_env.h"
#include "app/schema_impact.h"
#include "app/schema_request.h"
#include "base/strings.h"
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

/// Of whose records the subject's schemas are: --topic, else what a pipeline of the project says, else what the name says.
std::string topic_of(const ProjectEnv& env, const SchemaArgs& args) {
  if (!args.topic.empty()) return args.topic;
  for (const runtime::PipelinePlan& pipeline : env.plan.pipelines) {
    for (const runtime::SinkPlan& sink : pipeline.sinks)
      if (sink.schema && runtime::subject_of(*sink.schema, sink.topic) == args.subject)
        return sink.topic;
  }
  constexpr std::string_view kValue = "-value";
  if (!args.subject.ends_with(kValue)) return {};
  return args.subject.substr(0, args.subject.size() - kValue.size());
}

std::string told_trial(const std::string& topic, const Json& tried) {
  const auto count = [&](const char* name) { return tried.value(name, int64_t{0}); };
  std::string out = fmt::format("\nof the newest {} records of topic {} it reads {}",
                                count("records"), topic, count("fit"));
  if (count("failed") > 0) out += fmt::format(", and {} no longer", count("failed"));
  if (count("unreadable") > 0)
    out += fmt::format(", and {} are of no schema, or not of their own", count("unreadable"));
  if (count("without_value") > 0) out += fmt::format("; {} have no value", count("without_value"));
  out += tried.value("whole", true) ? "\n" : "; there was no time for more\n";
  for (const Json& each : tried.value("failures", Json::array()))
    out += fmt::format("  {}[{}]@{}: {}: {}\n", topic, each.value("partition", 0),
                       each.value("offset", int64_t{0}), each.value("reason", std::string()),
                       each.value("message", std::string()));
  if (count("failed") > static_cast<int64_t>(tried["failures"].size()))
    out += fmt::format("  and {} before\n",
                       count("failed") - static_cast<int64_t>(tried["failures"].size()));
  return out;
}

/// Tries the schema on the topic's newest records, where there are any. True: it reads all that can be read.
Result<bool> try_records(const GlobalOptions& options, const SchemaArgs& args,
                         const SchemaText& text) {
  if (args.records == 0) return true;
  const bool asked = args.records > 0 || !args.topic.empty();
  if (!asked && !io::exists(options.project + "/leat.yaml")) return true;
  // Not only of a right project: the file may be the one that its SQL does not fit yet.
  LoadedProject loaded = load_project_env(options, config::Environment::Missing::kIgnore);
  if (!loaded.env) return asked ? Result<bool>(loaded.diagnostics.to_error()) : true;
  const std::string topic = topic_of(*loaded.env, args);
  if (topic.empty() && !asked) return true;
  if (topic.empty())
    return Error(
               ErrorCode::kInvalidArgument,
               fmt::format("subject {} names no topic, whose records could be tried", args.subject))
        .with_blame(Blame::kUser)
        .with_hint("--topic TOPIC says it");
  Json body = {{"schema", text.text},
               {"type", schema::format_name(text.format)},
               {"references", join(args.references, "\n")}};
  if (args.records > 0) body["records"] = args.records;
  auto tried = [&]() -> Result<Json> {
    ASSIGN(ApiClient api, connect(*loaded.env, false));
    return api.post(fmt::format("/api/v1/topics/{}/try-schema", segment(topic)), body);
  }();
  if (!tried && !asked) {
    // Nobody asked for it: the levels are the answer.
    if (tried.error().code() != ErrorCode::kNotFound)
      fmt::print(stderr, "not tried on records of topic {}: {}\n", topic,
                 printable(tried.error().to_string(), true));
    return true;
  }
  if (!tried && tried.error().hint().empty())
    return std::move(tried).error().with_hint("`--records 0` leaves the records out");
  if (!tried) return std::move(tried).error();
  const std::string told = printable(told_trial(topic, *tried), true);
  // JSON and CSV are the levels.
  if (options.format() == Format::kTable)
    TRY(print(told));
  else
    fmt::print(stderr, "{}", told);
  return tried->value("failed", int64_t{0}) == 0;
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
  ASSIGN(const bool read, try_records(options, args, text));
  return good && read ? 0 : 2;
}

}  // namespace

void add_schema_check(Cli& cli, Command group) {
  auto args = std::make_shared<SchemaArgs>();
  Command app = cli.add(
      group, "check",
      "Compare a schema with the versions of a subject, at all seven levels of compatibility, and "
      "try it on the topic's newest records; exit 2 when it does not fit at the level that "
      "applies, or cannot read a record that could be read",
      "leat schema check users_created-value schemas/user_created.avsc\n"
      "leat schema check users_created-value schemas/user_created.avsc --records 100000",
      [&cli, args] { return advised(check(cli.options(), *args)); });
  add_file_options(app, *args);
  app.add_option("--records", args->records,
                 "Try it on so many of the topic's newest records; 0: on none (default: 1000 where "
                 "the project here has the topic)")
      .type_name("N")
      .whole_number(0, 100'000);
  app.add_option("--topic", args->topic,
                 "Whose records (default: that of the sink with this subject, else the subject "
                 "without -value)")
      .type_name("TOPIC");
  add_registry_options(app, *args);
}

}  // namespace leat::app
