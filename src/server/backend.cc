#include "server/backend.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "base/strings.h"

namespace leat::server {
namespace {

Error not_found(std::string message, std::string_view name,
                const std::vector<std::string_view>& names) {
  Error error(ErrorCode::kNotFound, std::move(message));
  if (auto near = nearest(name, names))
    return std::move(error).with_hint(fmt::format("did you mean `{}`?", *near));
  std::vector<std::string> all(names.begin(), names.end());
  if (!all.empty()) return std::move(error).with_hint("there are: " + join(all, ", "));
  return error;
}

}  // namespace

void add_all(Api& api, Backend& backend) {
  add_health(api, backend);
  add_metrics(api, backend);
  add_status(api, backend);
  add_reset(api, backend);
  add_schema(api, backend);
  add_schema_trial(api, backend);
  add_topics(api, backend);
  add_records(api, backend);
  add_dead_letters(api, backend);
  add_sql(api, backend);
  add_openapi(api, backend);
}

Result<const runtime::PipelinePlan*> find_pipeline(const Backend& backend,
                                                   const std::string& name) {
  if (const runtime::PipelinePlan* plan = backend.plan->find(name)) return plan;
  std::vector<std::string_view> names;
  for (const auto& pipeline : backend.plan->pipelines) names.push_back(pipeline.name);
  return not_found(fmt::format("no pipeline `{}` in project {}", name, backend.plan->project), name,
                   names);
}

Result<stream::Log*> need_log(const Backend& backend) {
  if (backend.log) return backend.log;
  return Error(ErrorCode::kNotFound, fmt::format("there is no data yet in {}", backend.data_dir))
      .with_hint("`leat run` makes it");
}

Result<void> need_writable(const Backend& backend) {
  if (backend.services) return {};
  return Error(ErrorCode::kPermission,
               fmt::format("{} is open for reading only", backend.data_dir));
}

bool runs(const Backend& backend, const std::string& pipeline) {
  if (!backend.supervisor) return false;
  runtime::RunSnapshot snapshot = backend.supervisor->snapshot();
  return std::any_of(snapshot.pipelines.begin(), snapshot.pipelines.end(),
                     [&](const auto& p) { return p.name == pipeline; });
}

Result<void> need_at_rest(const Backend& backend, const runtime::PipelinePlan& plan) {
  const auto refused = [&](const std::string& where, const char* hint) {
    return Error(ErrorCode::kConflict, fmt::format("pipeline {} is running{}", plan.name, where))
        .with_blame(Blame::kUser)
        .with_hint(hint);
  };
  if (runs(backend, plan.name)) return refused("", "stop `leat run` first");
  if (!backend.log) return {};
  for (const std::string& lane : lanes_of(plan)) {
    const runtime::LaneName name{backend.plan->project, plan.name, lane};
    ASSIGN(std::vector<std::string> hosts, backend.log->members(name.group()));
    if (hosts.empty()) continue;
    return refused(fmt::format(" on {}", fmt::join(std::set(hosts.begin(), hosts.end()), ", ")),
                   "stop every `leat run` of this project first; one that was killed, or has an "
                   "`instance_id`, "
                   "counts until its session has ended (`session_timeout`)");
  }
  return {};
}

std::vector<std::string> lanes_of(const runtime::PipelinePlan& plan) {
  std::vector<std::string> ids;
  for (runtime::LanePlan& lane : plan.lanes()) ids.push_back(std::move(lane.id));
  return ids;
}

Result<std::string> find_lane(const runtime::PipelinePlan& plan, const std::string& sink) {
  std::vector<std::string> lanes = lanes_of(plan);
  if (std::find(lanes.begin(), lanes.end(), sink) != lanes.end()) return sink;
  std::vector<std::string_view> names;
  for (const runtime::SinkPlan& candidate : plan.sinks) {
    if (candidate.id == sink) return std::string(runtime::LanePlan::kShared);
    names.push_back(candidate.id);
  }
  return not_found(fmt::format("pipeline {} has no sink `{}`", plan.name, sink), sink, names);
}

Result<std::vector<stream::Progress>> progress_of(const Backend& backend,
                                                  const std::string& pipeline,
                                                  runtime::StoreSet::Unreachable* unreachable) {
  if (runs(backend, pipeline)) return backend.supervisor->progress(pipeline);
  std::vector<stream::Progress> rows;
  if (backend.log) {
    ASSIGN(rows, backend.log->progress(backend.plan->project, pipeline));
  }
  if (backend.store.progress) {
    ASSIGN(auto stored, backend.store.progress(backend.plan->project, pipeline));
    rows.insert(rows.end(), stored.begin(), stored.end());
  }
  if (backend.stores) {
    ASSIGN(auto remote, backend.stores->remote_progress(pipeline, unreachable));
    rows.insert(rows.end(), remote.begin(), remote.end());
  }
  return rows;
}

}  // namespace leat::server
