// Backend: what the API's handlers work on, lent by app/: a running process's own parts, or, when
// nothing runs, what a command has opened for itself. So a command and HTTP give the same answers
// from the same code.
//
// All pointers outlive the Api. A part that is not there is null, and the handlers that need it say
// so.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "runtime/plan.h"
#include "runtime/services.h"
#include "runtime/supervisor.h"
#include "schema/catalog.h"
#include "server/api.h"
#include "server/store_access.h"

namespace leat::server {

struct Backend {
  const runtime::ProjectPlan* plan = nullptr;  // never null
  io::Clock* clock = nullptr;                  // never null
  std::string data_dir;                        // .leat/<profile>, made or not
  stream::Log* log = nullptr;                  // null: nothing has run here yet
  StoreAccess store;
  runtime::Supervisor* supervisor = nullptr;   // null: no `leat run` here
  runtime::Services* services = nullptr;       // null: opened for reading only
  runtime::StoreSet* stores = nullptr;         // for the positions in stores that are servers
  const metrics::Registry* metrics = nullptr;  // null: no metrics
  schema::Catalog* schemas = nullptr;          // null: nobody can say what wrote a record
  /// A consistent copy of the log, at the same place below `directory` as in the data directory.
  std::function<Result<void>(const std::string& directory)> backup_log;
};

/// Adds every resource: the one list. `backend` outlives `api`.
void add_all(Api& api, Backend& backend);

void add_health(Api& api, Backend& backend);
void add_metrics(Api& api, Backend& backend);
void add_status(Api& api, Backend& backend);
void add_reset(Api& api, Backend& backend);
void add_schema(Api& api, Backend& backend);
void add_schema_trial(Api& api, Backend& backend);
void add_topics(Api& api, Backend& backend);
void add_records(Api& api, Backend& backend);
void add_dead_letters(Api& api, Backend& backend);
void add_sql(Api& api, Backend& backend);
void add_openapi(Api& api, Backend& backend);

/// The plan of a pipeline; kNotFound names the nearest.
Result<const runtime::PipelinePlan*> find_pipeline(const Backend& backend, const std::string& name);
/// The log; kNotFound with a hint when nothing has run here yet.
Result<stream::Log*> need_log(const Backend& backend);
/// Refuses when the directory was opened for reading only.
Result<void> need_writable(const Backend& backend);
/// True when a `leat run` in this process has that pipeline.
bool runs(const Backend& backend, const std::string& pipeline);
/// kConflict while a process has the pipeline: this one, or another on the same log.
Result<void> need_at_rest(const Backend& backend, const runtime::PipelinePlan& plan);
/// Ids of a pipeline's lanes, in the plan's order.
std::vector<std::string> lanes_of(const runtime::PipelinePlan& plan);
/// The lane that serves `sink`, by lane id or by sink id; kNotFound names the nearest.
Result<std::string> find_lane(const runtime::PipelinePlan& plan, const std::string& sink);
/// Committed progress rows of a pipeline, whether it runs or not. A store that cannot be reached is an error, or, with
/// `unreachable`, told there.
Result<std::vector<stream::Progress>> progress_of(
    const Backend& backend, const std::string& pipeline,
    runtime::StoreSet::Unreachable* unreachable = nullptr);

}  // namespace leat::server
