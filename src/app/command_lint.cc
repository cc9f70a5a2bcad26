// leat lint: everything that can be said about the files without running or connecting.
#include "app/commands.h"
#include "app/console.h"
#include "app/project_env.h"
#include "runtime/compile.h"
#include "runtime/services.h"

namespace leat::app {
namespace {

/// What servers are known to refuse of a table. One whose settings are not whole here, a secret that is not set, is
/// not asked.
void check_tables(const runtime::ProjectPlan& project, const runtime::PipelinePlan& plan,
                  const types::Schema& output, runtime::StoreSet& stores,
                  config::Diagnostics& diagnostics) {
  for (size_t i = 0; i < plan.sinks.size(); ++i) {
    const runtime::SinkPlan& sink = plan.sinks[i];
    if (sink.kind != runtime::SinkPlan::Kind::kStore || !stores.is_remote(sink.store)) continue;
    auto store = stores.open(sink.store);
    if (!store) continue;
    auto made = (*store)->make_sink(runtime::sink_table(project, plan, sink, output));
    if (!made)
      diagnostics.error(sink.key_mark, fmt::format("sinks[{}]", i), made.error().message(),
                        made.error().hint());
  }
}

/// Compiles what can be compiled offline: types from schema files and from upstream pipelines.
void check_sql(const runtime::ProjectPlan& project, runtime::StoreSet& stores,
               config::Diagnostics& diagnostics) {
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
    auto query = runtime::compile(*(*engine)->engine, plan, **input, diagnostics);
    if (query && diagnostics.ok())
      check_tables(project, plan, query->output(), stores, diagnostics);
  }
}

Result<int> lint(const GlobalOptions& options) {
  LoadedProject loaded = load_project_env(options, config::Environment::Missing::kWarn);
  config::Diagnostics& diagnostics = loaded.diagnostics;
  if (diagnostics.ok() && loaded.env) {
    ProjectEnv& env = *loaded.env;
    runtime::StoreSet stores(env.plan, env.components,
                             store_context(env.plan, env.data_dir, env.environment, env.metrics));
    check_sql(env.plan, stores, diagnostics);
  }
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
