// leat lint: everything that can be said about the files without running or connecting.
#include "app/commands.h"
#include "app/console.h"
#include "app/project_env.h"
#include "runtime/compile.h"

namespace leat::app {
namespace {

/// Compiles what can be compiled offline: types from schema files and from upstream pipelines.
void check_sql(const runtime::ProjectPlan& project, config::Diagnostics& diagnostics) {
  for (const runtime::PipelinePlan& plan : project.pipelines) {
    config::Mark mark;
    mark.file = std::make_shared<const std::string>(plan.file);
    auto input = runtime::known_input(project, plan, nullptr);
    if (!input) continue;  // the upstream pipeline's own errors are told where they are
    if (!*input) {
      diagnostics.warning(
          mark, "source.schema",
          "the input's types are not known before a first record, so the SQL is not checked",
          fmt::format("`leat schema infer {}` writes them down", plan.name));
      continue;
    }
    auto engine = runtime::open_engine(plan);
    if (!engine) {
      diagnostics.error(mark, "tables", engine.error().message(), engine.error().hint());
      continue;
    }
    runtime::compile(*(*engine)->engine, plan, **input, diagnostics);
  }
}

Result<int> lint(const GlobalOptions& options) {
  LoadedProject loaded = load_project_env(options, config::Environment::Missing::kWarn);
  config::Diagnostics& diagnostics = loaded.diagnostics;
  if (diagnostics.ok() && loaded.env) check_sql(loaded.env->plan, diagnostics);
  diagnostics.sort();
  if (options.format() == Format::kJson) {
    TRY(print(diagnostics.to_json() + "\n"));
  } else {
    TRY(print(diagnostics.to_string()));
    if (diagnostics.ok()) {
      TRY(print(fmt::format("{} pipelines, no errors, {} warnings\n",
                            loaded.env->plan.pipelines.size(), diagnostics.warnings())));
    }
  }
  return diagnostics.ok() ? 0 : 2;
}

}  // namespace

void add_lint(Cli& cli) {
  cli.add("lint", "Check every file of the project without running or connecting",
          "leat lint\nleat lint --profile cluster\nleat lint --output json",
          [&cli] { return lint(cli.options()); });
}

}  // namespace leat::app
