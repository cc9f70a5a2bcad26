#include "app/project_env.h"

#include <spdlog/spdlog.h>

#include "app/local_api.h"
#include "base/strings.h"
#include "components/all.h"
#include "io/clock.h"
#include "io/file.h"
#include "runtime/planner.h"

namespace leat::app {

stream::StoreContext store_context(const runtime::ProjectPlan& plan, const std::string& data_dir,
                                   const config::Environment& environment,
                                   metrics::Registry& metrics) {
  stream::StoreContext context;
  context.project = plan.project;
  context.project_dir = plan.directory;
  context.data_dir = data_dir;
  context.clock = &io::system_clock();
  context.environment = &environment;
  context.metrics = &metrics;
  return context;
}

stream::LogContext log_context(const runtime::ProjectPlan& plan,
                               const config::Environment& environment) {
  stream::LogContext context;
  context.project = plan.project;
  context.project_dir = plan.directory;
  context.clock = &io::system_clock();
  context.environment = &environment;
  return context;
}

LoadedProject load_project_env(const GlobalOptions& options, config::Environment::Missing missing) {
  LoadedProject loaded;
  auto env = std::make_unique<ProjectEnv>();
  env->hub = std::make_shared<components::DuckdbHub>();
  components::register_all(env->components, env->hub);
  env->environment = stream::process_environment(options.project, missing);
  auto files =
      config::load_project(options.project, options.profile, env->environment,
                           env->components.components(), stream::file_access(), loaded.diagnostics);
  if (!files) return loaded;
  env->files = std::move(*files);
  if (loaded.diagnostics.ok()) {
    env->plan = runtime::make_plan(env->files, loaded.diagnostics);
    loaded.diagnostics.sort();
  }
  env->data_dir =
      options.data.empty()
          ? fmt::format("{}/.leat/{}", io::absolute_path(env->files.dir), env->files.profile_name)
          : io::absolute_path(options.data);
  loaded.env = std::move(env);
  return loaded;
}

Result<std::unique_ptr<ProjectEnv>> open_project(const GlobalOptions& options,
                                                 config::Environment::Missing missing) {
  LoadedProject loaded = load_project_env(options, missing);
  if (!loaded.diagnostics.ok()) {
    return loaded.diagnostics.to_error().with_hint("`leat lint` shows everything that is wrong");
  }
  for (const config::Diagnostic& warning : loaded.diagnostics.all())
    spdlog::debug("{}", warning.to_string());
  CHECK(loaded.env != nullptr);
  return std::move(loaded.env);
}

Result<ApiClient> connect(ProjectEnv& env, bool write) {
  ASSIGN(std::optional<ApiClient> running, connect_running(env.data_dir));
  if (running) return std::move(*running);
  return open_local_api(
      {env.plan, env.components, env.environment, env.metrics, *env.hub, env.data_dir}, write);
}

Result<void> check_names(const runtime::ProjectPlan& plan, const std::vector<std::string>& names) {
  std::vector<std::string_view> known;
  for (const auto& pipeline : plan.pipelines) known.push_back(pipeline.name);
  for (const std::string& name : names) {
    if (plan.find(name)) continue;
    Error error(ErrorCode::kNotFound,
                fmt::format("no pipeline `{}` in project {}", name, plan.project));
    if (auto near = nearest(name, known))
      return std::move(error).with_hint(fmt::format("did you mean `{}`?", *near));
    return error;
  }
  if (plan.pipelines.empty()) {
    return Error(ErrorCode::kNotFound, fmt::format("project {} has no pipelines", plan.project))
        .with_hint("add one as pipelines/NAME.yaml");
  }
  return {};
}

}  // namespace leat::app
