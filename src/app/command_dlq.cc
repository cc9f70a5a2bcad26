// leat dlq ls | show | redrive | purge: what was rejected, and what becomes of it.
#include <algorithm>

#include "app/commands.h"
#include "app/console.h"
#include "app/session.h"

namespace leat::app {
namespace {

struct DlqArgs {
  std::string pipeline, where;
  int64_t limit = 20;
  bool dry_run = false, yes = false;
};

std::string letters_path(const std::string& pipeline) {
  return fmt::format("/api/v1/pipelines/{}/dead-letters", segment(pipeline));
}

int64_t number(const Json& json, const char* name) {
  auto it = json.find(name);
  return it != json.end() && it->is_number_integer() ? it->get<int64_t>() : 0;
}

Result<Json> letters(Session& session, const DlqArgs& args, int64_t limit) {
  net::QueryParams query = {{"limit", std::to_string(limit)}};
  if (!args.where.empty()) query.emplace_back("where", args.where);
  return session.api.get(target(letters_path(args.pipeline), query));
}

Result<int> list(const GlobalOptions& options, const DlqArgs& args) {
  ASSIGN(Session session, open_session(options, false));
  Json groups;
  if (args.pipeline.empty()) {
    if (!args.where.empty()) {
      return Error(ErrorCode::kInvalidArgument, "--where needs a pipeline")
          .with_hint("leat dlq ls PIPELINE --where …");
    }
    ASSIGN(groups, session.api.get("/api/v1/dead-letters"));
  } else {
    ASSIGN(Json found, letters(session, args, 0));
    groups = std::move(found["groups"]);
  }
  Table table({"pipeline", "sink", "stage", "reason", "rule", "count", "first", "last", "example"});
  for (const Json& group : groups) {
    std::vector<Cell> cells;
    for (const std::string& column : table.columns())
      cells.push_back(Cell::of(group.value(column, Json())));
    table.add(std::move(cells));
  }
  if (options.format() == Format::kTable && table.rows() == 0) {
    TRY(print("no dead letters\n"));
    return 0;
  }
  TRY(print(table.render(options.format(), terminal_width())));
  return 0;
}

std::string block(const Json& letter) {
  auto text = [&](const char* name) {
    auto it = letter.find(name);
    if (it == letter.end() || it->is_null()) return std::string("-");
    return printable(it->is_string() ? it->get<std::string>() : server::dump(*it), false);
  };
  std::string out = fmt::format("{}[{}]@{}  sink {}  {}\n", text("topic"), text("partition"),
                                text("offset"), text("sink"), text("time"));
  out += fmt::format("  {} {}{}: {}\n", text("stage"), text("reason"),
                     letter.value("rule", Json()).is_null() ? "" : " " + text("rule"),
                     text("message"));
  for (const char* name :
       {"key", "key_text", "key_base64", "value", "value_text", "value_base64"}) {
    if (letter.contains(name) && !letter[name].is_null())
      out +=
          fmt::format("  {:<6} {}\n",
                      std::string_view(name).substr(0, 5) == "value" ? "value" : "key", text(name));
  }
  if (!letter.value("whole", true)) {
    out += fmt::format("  cut: {} bytes, sha256 {}\n", text("length"), text("sha256"));
  }
  return out;
}

Result<int> show(const GlobalOptions& options, const DlqArgs& args) {
  ASSIGN(Session session, open_session(options, false));
  ASSIGN(Json found, letters(session, args, args.limit));
  const Json& all = found["letters"];
  if (options.format() == Format::kTable) {
    for (const Json& letter : all) TRY(print(block(letter) + "\n"));
    if (number(found, "matched") > static_cast<int64_t>(all.size())) {
      fmt::print(stderr, "{} of {} shown; --limit shows more\n", all.size(),
                 number(found, "matched"));
    }
    return 0;
  }
  if (options.format() == Format::kJson) {
    TRY(print(all.dump(2, ' ', false, Json::error_handler_t::replace) + "\n"));
    return 0;
  }
  Table table({"sink", "topic", "partition", "offset", "stage", "reason", "rule", "message", "time",
               "key", "value"});
  for (const Json& letter : all) {
    std::vector<Cell> cells;
    for (const std::string& column : table.columns()) {
      Json value = letter.value(column, Json());
      for (const char* suffix : {"_text", "_base64"}) {
        if (value.is_null()) value = letter.value(column + suffix, Json());
      }
      cells.push_back(Cell::of(value));
    }
    table.add(std::move(cells));
  }
  TRY(print(table.render(Format::kCsv, 0)));
  return 0;
}

Json body_of(const DlqArgs& args, bool dry_run) {
  Json body = {{"dry_run", dry_run}};
  if (!args.where.empty()) body["where"] = args.where;
  return body;
}

Result<int> redrive(const GlobalOptions& options, const DlqArgs& args) {
  ASSIGN(Session session, open_session(options, !args.dry_run));
  ASSIGN(Json report,
         session.api.post(letters_path(args.pipeline) + "/redrive", body_of(args, args.dry_run)));
  if (options.format() == Format::kJson) {
    TRY(print(server::dump(report) + "\n"));
    return 0;
  }
  std::string text =
      fmt::format("{} of {} dead letters {} given to {} once more\n", number(report, "moved"),
                  number(report, "matched"), args.dry_run ? "would be" : "are", args.pipeline);
  if (int64_t n = number(report, "waiting")) {
    text += fmt::format("{} wait: their sink has not passed them yet; try again later\n", n);
  }
  if (int64_t n = number(report, "truncated")) {
    text += fmt::format("{} are left: their bytes were cut, so they cannot be run again\n", n);
  }
  const bool running = report.value("running", false);
  if (!args.dry_run && !running && number(report, "moved") > 0)
    text += "`leat run` delivers them\n";
  TRY(print(text));
  return 0;
}

Result<int> purge(const GlobalOptions& options, const DlqArgs& args) {
  ASSIGN(Session session, open_session(options, !args.dry_run));
  const std::string path = letters_path(args.pipeline) + "/purge";
  ASSIGN(Json plan, session.api.post(path, body_of(args, true)));
  const int64_t count = number(plan, "purged");
  if (args.dry_run || count == 0) {
    TRY(print(fmt::format("{} dead letters would be erased\n", count)));
    return 0;
  }
  ASSIGN(bool sure,
         confirm(fmt::format("Erase {} dead letters of {} for good?", count, args.pipeline),
                 args.yes));
  if (!sure) return 1;
  ASSIGN(Json done, session.api.post(path, body_of(args, false)));
  TRY(print(fmt::format("{} dead letters erased\n", number(done, "purged"))));
  return 0;
}

void add_where(Command app, DlqArgs& args) {
  app.add_option("--where", args.where,
                 "An SQL condition over sink, topic, partition, \"offset\", stage, reason, rule, "
                 "message, time, key, value")
      .type_name("SQL");
}

}  // namespace

void add_dlq(Cli& cli) {
  Command group = cli.add_group("dlq", "Dead letters: list, show, give once more, erase");
  auto args = std::make_shared<DlqArgs>();

  Command ls = cli.add(group, "ls", "Count dead letters by pipeline, sink, stage and reason",
                       "leat dlq ls\nleat dlq ls users_store --where \"reason = 'rule_failed'\"",
                       [&cli, args] { return list(cli.options(), *args); });
  ls.add_option("pipeline", args->pipeline, "One pipeline only").type_name("PIPELINE");
  add_where(ls, *args);

  Command view =
      cli.add(group, "show", "Show dead letters with their bytes and the reason",
              "leat dlq show users_store --limit 3\nleat dlq show users_store --output json",
              [&cli, args] { return show(cli.options(), *args); });
  view.add_option("pipeline", args->pipeline, "The pipeline").type_name("PIPELINE").required();
  view.add_option("--limit", args->limit, "At most so many")
      .type_name("N")
      .whole_number(1)
      .show_default();
  add_where(view, *args);

  Command again =
      cli.add(group, "redrive", "Give dead letters to the pipeline once more, exactly once",
              "leat dlq redrive users_store --dry-run\n"
              "leat dlq redrive users_store --where \"rule = 'email_shape'\"",
              [&cli, args] { return redrive(cli.options(), *args); });
  again.add_option("pipeline", args->pipeline, "The pipeline").type_name("PIPELINE").required();
  again.add_flag("--dry-run", args->dry_run, "Count only");
  add_where(again, *args);

  Command away = cli.add(group, "purge", "Erase dead letters for good",
                         "leat dlq purge users_store --where \"reason = 'malformed'\" --yes",
                         [&cli, args] { return purge(cli.options(), *args); });
  away.add_option("pipeline", args->pipeline, "The pipeline").type_name("PIPELINE").required();
  away.add_flag("--dry-run", args->dry_run, "Count only");
  away.add_flag("--yes", args->yes, "Do not ask");
  add_where(away, *args);
}

}  // namespace leat::app
