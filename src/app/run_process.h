// RunProcess: what `leat run` is made of: log, stores, supervisor, API server, run.json. One per process.
//
// Life: open() takes the data directory, run() works until stop or the end of a drain, the destructor lets go of
// everything in the right order.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "app/project_env.h"
#include "app/project_registry.h"
#include "app/registry_server.h"
#include "log/embedded_log.h"
#include "net/http_server.h"
#include "runtime/supervisor.h"
#include "server/backend.h"
#include "server/store_access.h"

namespace leat::app {

struct RunProcessOptions {
  runtime::RunOptions run;
  std::string run_id = "once";
  std::string skip_page = {};  // a pipeline
  bool serve = true;           // the API: leat.sock, and TCP as leat.yaml says
};

class RunProcess {
 public:
  /// kConflict (exit 3) names the process that holds the directory.
  static Result<std::unique_ptr<RunProcess>> open(ProjectEnv& env, RunProcessOptions options);
  ~RunProcess();
  RunProcess(const RunProcess&) = delete;
  RunProcess& operator=(const RunProcess&) = delete;

  /// Blocks. `watch` is called a few times a second with what to show.
  Result<void> run(std::stop_token stop,
                   const std::function<void(const runtime::RunSnapshot&)>& watch);
  runtime::RunSnapshot snapshot() const { return supervisor_->snapshot(); }
  /// "http://127.0.0.1:8680", or empty.
  std::string url() const {
    return http_ && env_.files.project.api.enabled ? http_->url() : std::string();
  }

 private:
  RunProcess(ProjectEnv& env, RunProcessOptions options)
      : env_(env), options_(std::move(options)) {}
  Result<void> start();
  Result<void> serve();
  Result<void> serve_registry();
  void retain();

  ProjectEnv& env_;
  RunProcessOptions options_;
  std::unique_ptr<log::EmbeddedLog>
      local_;  // the directory's lock; the log itself, unless the profile names one
  std::unique_ptr<stream::Log> remote_;
  std::unique_ptr<ProjectRegistry> registry_;
  std::unique_ptr<runtime::StoreSet> stores_;
  std::unique_ptr<runtime::Services> services_;
  std::unique_ptr<runtime::Supervisor> supervisor_;
  std::shared_ptr<components::DuckdbStore> store_;
  server::Backend backend_;
  server::Api api_;
  std::unique_ptr<net::HttpServer> http_;
  std::unique_ptr<RegistryServer> registry_server_;  // when the profile's registry listens
};

}  // namespace leat::app
