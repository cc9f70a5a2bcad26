#include "runtime/supervisor.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <set>

#include "base/strings.h"

namespace leat::runtime {
namespace {

constexpr int64_t kTickMs = 20;
constexpr int64_t kMaintainMs = 200;

/// ": users_capture: connection refused" for what a pipeline is held up by; empty when nothing is known.
std::string waits_for(const RunSnapshot& snapshot) {
  std::string text;
  for (const PipelineSnapshot& pipeline : snapshot.pipelines) {
    std::string why = pipeline.error;
    for (const LaneSnapshot& lane : pipeline.lanes) {
      if (!lane.error.empty()) why = lane.error;
      if (lane.state == LaneState::kPaused)
        why = fmt::format("paused; `leat resume {}` lets it go on", pipeline.name);
    }
    if (!why.empty()) text += fmt::format("; {}: {}", pipeline.name, why);
  }
  return text;
}

}  // namespace

bool RunSnapshot::ready() const {
  for (const PipelineSnapshot& pipeline : pipelines) {
    if (pipeline.state == LaneState::kStarting || pipeline.state == LaneState::kFailed)
      return false;
    for (const LaneSnapshot& lane : pipeline.lanes) {
      switch (lane.state) {
        case LaneState::kStandby:
        case LaneState::kRunning:
        case LaneState::kPaused:
        case LaneState::kDraining:
        case LaneState::kEnded:
          break;
        default:
          return false;
      }
    }
  }
  return true;
}

Supervisor::Supervisor(const ProjectPlan& plan, Services& services, RunOptions options)
    : plan_(plan),
      services_(services),
      options_(std::move(options)),
      guard_(services.local ? *services.local : services.log, plan.project),
      started_ms_(services.clock.now_ms()) {
  for (const PipelinePlan& pipeline : plan_.pipelines) {
    const auto& wanted = options_.pipelines;
    if (!wanted.empty() && std::find(wanted.begin(), wanted.end(), pipeline.name) == wanted.end())
      continue;
    pipelines_.push_back(std::make_unique<Pipeline>(plan_, pipeline, services_, board_, guard_));
    for (const std::string& name : options_.paused) {
      size_t slash = name.find('/');
      if (name.substr(0, slash) != pipeline.name) continue;
      pipelines_.back()->pause(slash == std::string::npos ? "" : name.substr(slash + 1), true);
    }
  }
}

Supervisor::~Supervisor() = default;

bool Supervisor::all_finished() const {
  return std::all_of(pipelines_.begin(), pipelines_.end(), [](auto& p) { return p->finished(); });
}

bool Supervisor::fatal_failure() const {
  return std::any_of(pipelines_.begin(), pipelines_.end(), [](auto& p) {
    auto failure = p->failure();
    return failure && failure->retry() == Retry::kFatal;
  });
}

void Supervisor::drain_in_order() {
  for (auto& pipeline : pipelines_) {
    const std::string* topic = pipeline->plan().input_topic();
    bool upstream_done = true;
    if (topic) {
      for (const PipelinePlan* writer : plan_.writers(*topic)) {
        for (auto& other : pipelines_) {
          if (&other->plan() == writer && !other->finished()) upstream_done = false;
        }
      }
    }
    if (upstream_done) pipeline->drain();
  }
}

Result<void> Supervisor::run(std::stop_token stop) {
  std::stop_source ending;
  std::stop_callback forward(stop, [&] { ending.request_stop(); });
  TRY(guard_.open());
  const int64_t begin = services_.clock.steady_ms();
  std::optional<Error> error;
  {
    std::vector<std::jthread> threads;
    for (auto& pipeline : pipelines_) {
      threads.emplace_back([&pipeline, token = ending.get_token()] { pipeline->run(token); });
    }
    std::jthread maintenance([&](std::stop_token over) {
      while (!over.stop_requested()) {
        auto more = services_.stores.maintain();
        if (!more) spdlog::warn("store maintenance: {}", more.error().to_string());
        if (!more || !*more) services_.clock.sleep_ms(kMaintainMs, over);
      }
    });
    while (!all_finished() && !ending.stop_requested()) {
      // A log that cannot be trusted any more ends the process: no pipeline can commit to it.
      if (fatal_failure()) break;
      if (options_.drain) drain_in_order();
      if (options_.timeout_ms > 0 && services_.clock.steady_ms() - begin > options_.timeout_ms) {
        error = Error(ErrorCode::kTimeout,
                      fmt::format("not drained within {}{}",
                                  format_duration_ms(options_.timeout_ms), waits_for(snapshot())));
        break;
      }
      services_.clock.sleep_ms(kTickMs, ending.get_token());
    }
    ending.request_stop();
  }
  for (auto& pipeline : pipelines_) {
    if (auto failure = pipeline->failure()) {
      return std::move(*failure).at("pipeline " + pipeline->plan().name);
    }
  }
  if (error) return std::move(*error);
  return {};
}

RunSnapshot Supervisor::snapshot() const {
  RunSnapshot s;
  s.project = plan_.project;
  s.profile = plan_.profile;
  s.run_id = services_.run_id;
  s.started_ms = started_ms_;
  s.draining = options_.drain;
  for (const auto& pipeline : pipelines_) s.pipelines.push_back(pipeline->snapshot());
  return s;
}

Result<void> Supervisor::pause(const std::string& pipeline, const std::string& sink, bool on) {
  std::vector<std::string_view> names;
  for (auto& p : pipelines_) {
    names.push_back(p->plan().name);
    if (p->plan().name != pipeline) continue;
    if (!sink.empty()) {
      std::vector<std::string_view> sinks;
      PipelineSnapshot snapshot = p->snapshot();
      for (auto& lane : snapshot.lanes) sinks.push_back(lane.name.sink);
      if (std::find(sinks.begin(), sinks.end(), sink) == sinks.end()) {
        Error error(ErrorCode::kNotFound,
                    fmt::format("pipeline {} has no sink `{}`", pipeline, sink));
        if (auto near = nearest(sink, sinks))
          return std::move(error).with_hint(fmt::format("did you mean `{}`?", *near));
        return error;
      }
    }
    p->pause(sink, on);
    return {};
  }
  Error error(ErrorCode::kNotFound, fmt::format("no pipeline `{}` runs here", pipeline));
  if (auto near = nearest(pipeline, names))
    return std::move(error).with_hint(fmt::format("did you mean `{}`?", *near));
  return error;
}

std::vector<stream::Progress> Supervisor::progress(const std::string& pipeline) const {
  std::vector<stream::Progress> rows;
  for (const auto& p : pipelines_) {
    if (p->plan().name != pipeline) continue;
    PipelineSnapshot snapshot = p->snapshot();
    for (auto& lane : snapshot.lanes)
      rows.insert(rows.end(), lane.progress.begin(), lane.progress.end());
  }
  return rows;
}

}  // namespace leat::runtime
