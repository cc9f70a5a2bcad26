// GET /healthz: the process answers. GET /readyz: every lane has its position and reaches its
// source and sink. Open to anybody who reaches the port: orchestrators ask without a token, so
// neither tells data.
#include "server/backend.h"

namespace leat::server {
namespace {

Result<net::Response> readiness(const Backend& backend) {
  Json out = {{"ready", false}, {"waiting_for", Json::array()}};
  if (!backend.supervisor) {
    out["waiting_for"].push_back({{"reason", "nothing runs"}});
    return net::Response::json(dump(out) + "\n", 503);
  }
  const runtime::RunSnapshot run = backend.supervisor->snapshot();
  const bool ready = run.ready();
  out["ready"] = ready;
  if (ready) return ok(out);
  for (const auto& pipeline : run.pipelines) {
    for (const auto& lane : pipeline.lanes) {
      switch (lane.state) {
        case runtime::LaneState::kStandby:
        case runtime::LaneState::kRunning:
        case runtime::LaneState::kPaused:
        case runtime::LaneState::kDraining:
        case runtime::LaneState::kEnded:
          continue;
        default:
          out["waiting_for"].push_back({{"pipeline", pipeline.name},
                                        {"sink", lane.name.sink},
                                        {"state", runtime::to_string(lane.state)}});
      }
    }
  }
  return net::Response::json(dump(out) + "\n", 503);
}

}  // namespace

void add_health(Api& api, Backend& backend) {
  Endpoint health;
  health.method = "GET";
  health.path = "/healthz";
  health.tag = "health";
  health.summary = "Whether the process answers";
  health.response = "Always `{\"status\": \"ok\"}`.";
  health.access = net::Access::kOpen;
  health.handler = [](const Call&) -> Result<net::Response> { return ok({{"status", "ok"}}); };
  api.add(std::move(health));

  Endpoint ready;
  ready.method = "GET";
  ready.path = "/readyz";
  ready.tag = "health";
  ready.summary = "Whether every lane has its position and reaches its source and sink";
  ready.response = "`ready` and, with status 503, the lanes that are waited for.";
  ready.access = net::Access::kOpen;
  ready.handler = [&backend](const Call&) { return readiness(backend); };
  api.add(std::move(ready));
}

}  // namespace leat::server
