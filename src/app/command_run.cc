// leat run: runs the project's pipelines.
#include <unistd.h>

#include <algorithm>

#include <spdlog/spdlog.h>
#include "app/commands.h"
#include "app/console.h"
#include "app/interrupt.h"
#include "app/preview.h"
#include "app/run_process.h"
#include "app/run_view.h"
#include "base/strings.h"

namespace leat::app {
namespace {

struct RunArgs {
  std::vector<std::string> pipelines;
  bool drain = false;
  std::string run_id = "once", timeout, skip_page;
  int64_t preview = 0;
};

Result<int> run(const GlobalOptions& global, const RunArgs& args) {
  ASSIGN(auto env, open_project(global, config::Environment::Missing::kFail));
  TRY(check_names(env->plan, args.pipelines));
  if (!args.skip_page.empty()) TRY(check_names(env->plan, {args.skip_page}));
  Interrupt interrupt;
  if (args.preview > 0)
    return preview(*env, args.pipelines, args.preview, global.format(), interrupt.token());

  RunProcessOptions options;
  options.run.pipelines = args.pipelines;
  options.run.drain = args.drain;
  options.run_id = args.run_id;
  options.skip_page = args.skip_page;
  if (!args.timeout.empty()) {
    auto ms = parse_duration_ms(args.timeout);
    if (!ms)
      return Error(
          ErrorCode::kInvalidArgument,
          fmt::format("--timeout: expected a duration such as `5m`, found `{}`", args.timeout));
    options.run.timeout_ms = *ms;
  }
  ASSIGN(auto process, RunProcess::open(*env, std::move(options)));
  if (!process->url().empty())
    spdlog::info("project {}: {} (data in {})", env->plan.project, process->url(), env->data_dir);
  const bool live = ::isatty(STDERR_FILENO) != 0 && global.log_file.empty();
  RunView view(live);
  auto done = process->run(interrupt.token(),
                           [&](const runtime::RunSnapshot& snapshot) { view.show(snapshot); });
  view.clear();
  TRY(print(ledger_text(process->snapshot())));
  if (!done) return std::move(done).error();
  return 0;
}

}  // namespace

void add_run(Cli& cli) {
  auto args = std::make_shared<RunArgs>();
  Command app =
      cli.add("run", "Run the project's pipelines, or those named, until stopped",
              "leat run\nleat run --drain users_capture users_store\nleat run --profile cluster\n"
              "leat run --preview 10 users_capture",
              [&cli, args] { return run(cli.options(), *args); });
  app.add_option("pipeline", args->pipelines, "Pipelines to run; all when none is named")
      .type_name("PIPELINE");
  app.add_flag(
      "--drain", args->drain,
      "End with exit 0 once every bounded source is exhausted and every topic read is drained");
  app.add_option("--timeout", args->timeout, "With --drain: exit 3 when it takes longer")
      .type_name("5m");
  app.add_option("--run-id", args->run_id,
                 "Identity of this run of bounded sources: the same id resumes")
      .type_name("ID")
      .show_default();
  app.add_option("--skip-page", args->skip_page,
                 "Let this pipeline's source step over the one page that cannot be decoded, which "
                 "is then lost")
      .type_name("PIPELINE");
  app.add_option("--preview", args->preview,
                 "Show N rows of each pipeline with the sinks off, and end")
      .type_name("N")
      .whole_number(1, 10'000);
}

}  // namespace leat::app
