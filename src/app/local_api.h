// LocalApi: the API over a data directory that no `leat run` holds, in this process: the log and
// the store as the command needs them, the same handlers, no socket. For reading nothing is created
// and several may be at it; for writing the log's lock keeps others out for the command's time.
#pragma once

#include <string>

#include "app/api_client.h"
#include "components/sink_duckdb_store.h"
#include "config/environment.h"
#include "metrics/metrics.h"
#include "runtime/plan.h"
#include "stream/registry.h"

namespace leat::app {

/// What the project's files gave; all outlive the client.
struct LocalParts {
  const runtime::ProjectPlan& plan;
  const stream::Registry& components;
  const config::Environment& environment;
  metrics::Registry& metrics;
  components::DuckdbHub& hub;  // the one that the registry's store type was registered with
  std::string data_dir;
};

/// Where the log lies in a data directory.
std::string log_directory(const std::string& data_dir);

/// kConflict names the process that holds the log or the store. `write` creates what is missing.
Result<ApiClient> open_local_api(const LocalParts& parts, bool write);

}  // namespace leat::app
