// Services: what the process lends to every pipeline. Made once by app/, outlives all pipelines.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "base/mutex.h"
#include "config/environment.h"
#include "io/clock.h"
#include "metrics/metrics.h"
#include "runtime/plan.h"
#include "schema/catalog.h"
#include "stream/log.h"
#include "stream/registry.h"

namespace leat::runtime {

/// The stores of a profile, opened at first use and shared by the process's sinks. Any thread.
class StoreSet {
 public:
  StoreSet(const ProjectPlan& plan, const stream::Registry& components,
           stream::StoreContext context)
      : plan_(plan), components_(components), context_(std::move(context)) {}
  /// The store by its name in the profile (`local`: any name, the embedded one).
  Result<stream::Store*> open(const std::string& name);
  /// Why a store could not be asked, by its name.
  using Unreachable = std::map<std::string, Error>;
  /// Committed rows of `pipeline` (empty: of every one) in the stores that are servers. One that cannot be reached is an
  /// error, or, with `unreachable`, left out and told there.
  Result<std::vector<stream::Progress>> remote_progress(const std::string& pipeline,
                                                        Unreachable* unreachable = nullptr);
  /// Its kind; null: unknown.
  const stream::StoreType* type(const std::string& name) const;
  /// True for a store that is a server of its own.
  bool is_remote(const std::string& name) const;
  /// Folds and checkpoints, one round over the open stores; true: call again soon.
  Result<bool> maintain();

 private:
  const ProjectPlan& plan_;
  const stream::Registry& components_;
  const stream::StoreContext context_;
  Mutex mutex_;
  std::map<std::string, std::unique_ptr<stream::Store>> stores_ GUARDED_BY(mutex_);
};

/// The log of the profile when it is a server of its own; null: it is the embedded one.
Result<std::unique_ptr<stream::Log>> open_remote_log(const ProjectPlan& plan,
                                                     const stream::Registry& components,
                                                     const stream::LogContext& context);

struct Services {
  io::Clock& clock;
  stream::Log& log;
  const stream::Registry& components;
  StoreSet& stores;
  metrics::Registry& metrics;
  const config::Environment& environment;
  std::string run_id = "once";
  uint64_t seed = 0;
  std::string skip_page =
      {};  // the pipeline whose source steps over one undecodable page (leat run --skip-page)
  schema::Catalog* schemas = nullptr;  // null: no pipeline names a schema
  stream::Log* local =
      nullptr;  // what is this process's alone: counters of its starts; null: `log`
};

}  // namespace leat::runtime
