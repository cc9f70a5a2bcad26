// What the project does and how far it has come; pause and resume.
//
//   GET  /api/v1/status
//   GET  /api/v1/pipelines, /api/v1/pipelines/{pipeline}
//   POST /api/v1/pipelines/{pipeline}/pause, …/resume
//
// Of a pipeline that does not run here the committed progress rows tell as much as a lane would,
// but its rate.
#include <spdlog/spdlog.h>

#include <algorithm>
#include <map>

#include "base/mutex.h"
#include "base/version.h"
#include "runtime/cursor.h"
#include "server/backend.h"
#include "server/paused.h"

namespace leat::server {
namespace {

using runtime::LaneSnapshot;
using runtime::LaneState;
using runtime::PipelinePlan;
using runtime::PipelineSnapshot;

/// Records of the input topic behind the committed positions; -1 unknown.
int64_t waiting_of(const Backend& backend, const PipelinePlan& plan,
                   const std::vector<stream::Progress>& rows) {
  const std::string* name = plan.input_topic();
  if (!name || !backend.log) return -1;
  auto topic = backend.log->topics().find(*name);
  if (!topic) return topic.error().code() == ErrorCode::kNotFound ? 0 : -1;
  int64_t waiting = 0;
  for (int32_t p = 0; p < topic->spec.partitions; ++p) {
    auto bounds = backend.log->topics().bounds(*topic, p);
    if (!bounds) return -1;
    int64_t next = bounds->start;
    for (const stream::Progress& row : rows) {
      if (row.input.topic_id == topic->id && row.input.partition == p)
        next = std::max(next, row.next);
    }
    waiting += std::max<int64_t>(0, bounds->end - next);
  }
  return waiting;
}

/// A pipeline that nobody runs, from what it has committed.
Result<PipelineSnapshot> at_rest(const Backend& backend, const PipelinePlan& plan) {
  PipelineSnapshot out;
  out.name = plan.name;
  out.state = LaneState::kStopped;
  runtime::StoreSet::Unreachable unreachable;
  ASSIGN(std::vector<stream::Progress> rows, progress_of(backend, plan.name, &unreachable));
  for (const runtime::LanePlan& lane_plan : plan.lanes()) {
    const std::string& sink = lane_plan.id;
    LaneSnapshot lane;
    lane.name = {backend.plan->project, plan.name, sink};
    lane.state = LaneState::kStopped;
    const auto away = unreachable.find(plan.sinks[lane_plan.sinks.front()].store);
    if (away != unreachable.end()) {
      lane.error = away->second.to_string();
      lane.waiting = -1;
      out.lanes.push_back(std::move(lane));
      continue;
    }
    for (const stream::Progress& row : rows) {
      if (row.sink != sink) continue;
      lane.ledger += row.ledger;
      lane.progress.push_back(row);
      if (row.cursor.empty()) continue;
      auto cursor = runtime::RunCursor::parse(row.cursor);
      if (cursor && cursor->ended) {
        out.note = fmt::format("run {} ended {}", cursor->run_id,
                               time_json(cursor->ended_ms).get<std::string>());
      }
    }
    lane.waiting = waiting_of(backend, plan, lane.progress);
    out.lanes.push_back(std::move(lane));
  }
  return out;
}

/// Every pipeline of the project in the plan's order, running here or not.
Result<std::vector<PipelineSnapshot>> all_pipelines(const Backend& backend) {
  std::map<std::string, PipelineSnapshot> running;
  if (backend.supervisor) {
    for (auto& pipeline : backend.supervisor->snapshot().pipelines)
      running.emplace(pipeline.name, pipeline);
  }
  std::vector<PipelineSnapshot> out;
  for (const PipelinePlan& plan : backend.plan->pipelines) {
    if (auto it = running.find(plan.name); it != running.end()) {
      out.push_back(std::move(it->second));
    } else {
      ASSIGN(PipelineSnapshot snapshot, at_rest(backend, plan));
      out.push_back(std::move(snapshot));
    }
  }
  return out;
}

Json to_json(const LaneSnapshot& lane, bool paused) {
  Json rules = Json::object(), progress = Json::array();
  for (const auto& [rule, hits] : lane.rule_hits) rules[rule] = hits;
  for (const stream::Progress& row : lane.progress) progress.push_back(server::to_json(row));
  return {{"sink", lane.name.sink},
          {"state", runtime::to_string(lane.state)},
          {"paused", paused},
          {"rate", lane.rate},
          {"waiting", lane.waiting < 0 ? Json() : Json(lane.waiting)},
          {"lag_ms", lane.lag_ms},
          {"in_flight", lane.in_flight},
          {"restarts", lane.restarts},
          {"error", lane.error.empty() ? Json() : Json(lane.error)},
          {"ledger", server::to_json(lane.ledger)},
          {"rules", std::move(rules)},
          {"drift", lane.drift},
          {"progress", std::move(progress)}};
}

std::string_view name_of(config::OnFail action) {
  switch (action) {
    case config::OnFail::kFail:
      return "fail";
    case config::OnFail::kQuarantine:
      return "quarantine";
    case config::OnFail::kDrop:
      return "drop";
    case config::OnFail::kWarn:
      return "warn";
  }
  return "";
}

Json sink_json(const runtime::SinkPlan& sink) {
  Json out = {{"id", sink.id}};
  switch (sink.kind) {
    case runtime::SinkPlan::Kind::kTopic:
      out["topic"] = sink.topic;
      break;
    case runtime::SinkPlan::Kind::kStore:
      out["store"] = sink.store;
      out["table"] = sink.table;
      out["mode"] = sink.upsert ? "upsert" : "append";
      break;
    case runtime::SinkPlan::Kind::kDiscard:
      out["discard"] = true;
      break;
  }
  out["key"] = sink.key;
  return out;
}

Json to_json(const PipelinePlan& plan, const PipelineSnapshot& snapshot,
             const std::vector<std::string>& paused) {
  Json source = Json::object();
  if (const std::string* topic = plan.input_topic())
    source["topic"] = *topic;
  else
    source["component"] = std::get<runtime::ComponentSource>(plan.source).type;
  Json sinks = Json::array(), rules = Json::array(), lanes = Json::array();
  for (const auto& sink : plan.sinks) sinks.push_back(sink_json(sink));
  for (const auto& rule : plan.rules) {
    rules.push_back(
        {{"rule", rule.name}, {"expect", rule.expect}, {"on_fail", name_of(rule.on_fail)}});
  }
  for (const auto& lane : snapshot.lanes) {
    lanes.push_back(to_json(lane, is_paused(paused, plan.name, lane.name.sink)));
  }
  return {{"pipeline", plan.name},
          {"file", plan.file},
          {"state", runtime::to_string(snapshot.state)},
          {"error", snapshot.error.empty() ? Json() : Json(snapshot.error)},
          {"note", snapshot.note.empty() ? Json() : Json(snapshot.note)},
          {"schema_from", snapshot.schema_origin.empty() ? Json() : Json(snapshot.schema_origin)},
          {"source", std::move(source)},
          {"rules", std::move(rules)},
          {"sinks", std::move(sinks)},
          {"lanes", std::move(lanes)}};
}

Result<Json> pipelines_json(const Backend& backend) {
  ASSIGN(std::vector<PipelineSnapshot> snapshots, all_pipelines(backend));
  ASSIGN(std::vector<std::string> paused, read_paused(backend.data_dir));
  Json out = Json::array();
  for (size_t i = 0; i < snapshots.size(); ++i) {
    out.push_back(to_json(backend.plan->pipelines[i], snapshots[i], paused));
  }
  return out;
}

Result<net::Response> get_status(const Backend& backend) {
  Json out = {{"project", backend.plan->project},
              {"profile", backend.plan->profile},
              {"version", version()},
              {"data", backend.data_dir},
              {"running", backend.supervisor != nullptr}};
  if (backend.supervisor) {
    const runtime::RunSnapshot run = backend.supervisor->snapshot();
    out["run_id"] = run.run_id;
    out["started"] = time_json(run.started_ms);
    out["uptime_s"] = (backend.clock->now_ms() - run.started_ms) / 1000;
    out["draining"] = run.draining;
    out["ready"] = run.ready();
  }
  ASSIGN(out["pipelines"], pipelines_json(backend));
  return ok(out);
}

Result<net::Response> get_pipeline(const Backend& backend, const Call& call) {
  ASSIGN(const PipelinePlan* plan, find_pipeline(backend, call.path("pipeline")));
  ASSIGN(Json all, pipelines_json(backend));
  for (Json& pipeline : all) {
    if (pipeline["pipeline"] == plan->name) return ok(pipeline);
  }
  return Error(ErrorCode::kInternal, fmt::format("pipeline {} has no state", plan->name));
}

Result<net::Response> set_paused(const Backend& backend, Mutex& mutex, const Call& call, bool on) {
  ASSIGN(const PipelinePlan* plan, find_pipeline(backend, call.path("pipeline")));
  std::string lane;
  if (auto sink = call.text("sink")) {
    ASSIGN(lane, find_lane(*plan, *sink));
  }
  MutexLock lock(mutex);  // read, change, write is one step
  ASSIGN(std::vector<std::string> names, read_paused(backend.data_dir));
  names = change_paused(std::move(names), plan->name, lane, lanes_of(*plan), on);
  // The file first: a crash between the two leaves what the user asked for.
  TRY(write_paused(backend.data_dir, names));
  const bool running = runs(backend, plan->name);
  if (running) TRY(backend.supervisor->pause(plan->name, lane, on));
  spdlog::info("pipeline {}: {} {}", plan->name, lane.empty() ? "all sinks" : lane,
               on ? "paused" : "resumed");
  return ok({{"pipeline", plan->name},
             {"sink", lane.empty() ? Json() : Json(lane)},
             {"paused", on},
             {"running", running},
             {"all_paused", names}});
}

Endpoint steer(Backend& backend, std::shared_ptr<Mutex> mutex, bool on) {
  Endpoint endpoint;
  endpoint.method = "POST";
  endpoint.path = fmt::format("/api/v1/pipelines/{{pipeline}}/{}", on ? "pause" : "resume");
  endpoint.tag = "pipelines";
  endpoint.summary =
      on ? "Hold a pipeline, or one sink of it; kept over restarts" : "Let a paused pipeline go on";
  endpoint.arguments = {{"sink", ValueType::kString,
                         "A sink's id, `TOPIC` or `STORE.TABLE`; without it, all", false}};
  endpoint.response = "What is paused now.";
  endpoint.handler = [&backend, mutex, on](const Call& call) {
    return set_paused(backend, *mutex, call, on);
  };
  return endpoint;
}

}  // namespace

void add_status(Api& api, Backend& backend) {
  Endpoint status;
  status.method = "GET";
  status.path = "/api/v1/status";
  status.tag = "status";
  status.summary = "The project: what runs, how fast, how far, with the ledger of every sink";
  status.response = "Project, run and every pipeline with its lanes.";
  status.handler = [&backend](const Call&) { return get_status(backend); };
  api.add(std::move(status));

  Endpoint list;
  list.method = "GET";
  list.path = "/api/v1/pipelines";
  list.tag = "pipelines";
  list.summary = "All pipelines";
  list.response = "An array of pipelines: source, rules, sinks, lanes.";
  list.handler = [&backend](const Call&) -> Result<net::Response> {
    ASSIGN(Json all, pipelines_json(backend));
    return ok(all);
  };
  api.add(std::move(list));

  Endpoint one;
  one.method = "GET";
  one.path = "/api/v1/pipelines/{pipeline}";
  one.tag = "pipelines";
  one.summary = "One pipeline";
  one.response = "Source, rules, sinks, lanes.";
  one.handler = [&backend](const Call& call) { return get_pipeline(backend, call); };
  api.add(std::move(one));

  auto mutex = std::make_shared<Mutex>();
  api.add(steer(backend, mutex, true));
  api.add(steer(backend, mutex, false));
}

}  // namespace leat::server
