// ProjectEnv: a project as a command sees it: its files read and planned, its data directory named. Opens
// neither log nor store; connect() (api_client.h, local_api.h) and the running process do.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "app/api_client.h"
#include "app/cli.h"
#include "components/sink_duckdb_store.h"
#include "config/diagnostic.h"
#include "config/environment.h"
#include "config/project.h"
#include "metrics/metrics.h"
#include "runtime/plan.h"
#include "stream/registry.h"

namespace leat::app {

struct ProjectEnv {
  config::Environment environment;
  stream::Registry components;
  std::shared_ptr<components::DuckdbHub> hub;
  metrics::Registry metrics;
  config::ProjectFiles files;
  runtime::ProjectPlan plan;
  std::string data_dir;
};

/// What lint sees: the project as far as it can be read, and all that is wrong with it.
struct LoadedProject {
  std::unique_ptr<ProjectEnv> env;  // null without a readable leat.yaml
  config::Diagnostics diagnostics;
};

/// Reads and plans the files. `missing`: what an unset ${VAR} is.
LoadedProject load_project_env(const GlobalOptions& options, config::Environment::Missing missing);
/// The same, for commands that need a right project; warnings go to the log.
Result<std::unique_ptr<ProjectEnv>> open_project(
    const GlobalOptions& options,
    config::Environment::Missing missing = config::Environment::Missing::kWarn);

/// What the stores of a project are opened with. The arguments outlive them.
stream::StoreContext store_context(const runtime::ProjectPlan& plan, const std::string& data_dir,
                                   const config::Environment& environment,
                                   metrics::Registry& metrics);

/// What the log of a project's profile is opened with. The arguments outlive it.
stream::LogContext log_context(const runtime::ProjectPlan& plan,
                               const config::Environment& environment);

/// The running process by its socket, else the directory opened in this process.
Result<ApiClient> connect(ProjectEnv& env, bool write);

/// kNotFound when one of `names` is no pipeline of the project (with the nearest one), or it has none at all.
Result<void> check_names(const runtime::ProjectPlan& plan, const std::vector<std::string>& names);

}  // namespace leat::app
