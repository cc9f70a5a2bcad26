// leat reset PIPELINE[/SINK] --to PLACE: shows the plan, asks, moves the positions.
#include "app/commands.h"
#include "app/console.h"
#include "app/session.h"

namespace leat::app {
namespace {

struct ResetArgs {
  std::string pipeline, to;
  bool truncate = false, yes = false, dry_run = false;
};

std::string plan_text(const Json& plan, Format format) {
  Table table({"sink", "topic", "partition", "from", "to"});
  std::string notes;
  for (const Json& sink : plan["sinks"]) {
    for (const Json& move : sink["moves"]) {
      table.add({Cell::of(sink["sink"]), Cell::of(move["topic"]), Cell::of(move["partition"]),
                 Cell::of(move["from"]), Cell::of(move["to"])});
    }
    for (const Json& note : sink["notes"]) {
      notes += fmt::format("{}: {}\n", sink.value("sink", ""),
                           note.is_string() ? note.get<std::string>() : "");
    }
  }
  std::string text = table.render(format, terminal_width());
  return format == Format::kTable ? text + printable(notes, true) : text;
}

Result<int> reset(const GlobalOptions& options, const ResetArgs& args) {
  const size_t slash = args.pipeline.find('/');
  const std::string path =
      fmt::format("/api/v1/pipelines/{}/reset", segment(args.pipeline.substr(0, slash)));
  Json body = {{"to", args.to}, {"truncate", args.truncate}, {"dry_run", true}};
  if (slash != std::string::npos) body["sink"] = args.pipeline.substr(slash + 1);
  ASSIGN(Session session, open_session(options, !args.dry_run));
  ASSIGN(Json plan, session.api.post(path, body));
  TRY(print(plan_text(plan, options.format())));
  if (args.dry_run) return 0;
  ASSIGN(bool sure, confirm(fmt::format("Reset {} to {}{}?", args.pipeline, args.to,
                                        args.truncate ? " and EMPTY its sinks" : ""),
                            args.yes));
  if (!sure) return 1;
  body["dry_run"] = false;
  ASSIGN([[maybe_unused]] Json done, session.api.post(path, body));
  fmt::print(stderr, "reset; `leat run` goes on from there\n");
  return 0;
}

}  // namespace

void add_reset(Cli& cli) {
  auto args = std::make_shared<ResetArgs>();
  Command app = cli.add("reset", "Move the position of a pipeline that does not run",
                        "leat reset users_store --to start\n"
                        "leat reset users_store/warehouse.created_users --to 2026-11-22T10:00:00Z\n"
                        "leat reset users_store --to 0:120,1:98 --yes\n"
                        "leat reset users_capture --to start",
                        [&cli, args] { return reset(cli.options(), *args); });
  app.add_option("pipeline", args->pipeline,
                 "A pipeline, or one sink of it: PIPELINE/TOPIC, PIPELINE/STORE.TABLE")
      .type_name("PIPELINE[/SINK]")
      .required();
  app.add_option("--to", args->to,
                 "start, end, an offset, -N, a time, or offsets by partition as 0:120,1:98")
      .type_name("PLACE")
      .required();
  app.add_flag("--truncate", args->truncate,
               "Empty the sinks first: needed to go back on tables that append");
  app.add_flag("--dry-run", args->dry_run, "Show the plan only");
  app.add_flag("--yes", args->yes, "Do not ask");
}

}  // namespace leat::app
