#include "runtime/pipeline.h"

#include <spdlog/spdlog.h>

#include <algorithm>

namespace leat::runtime {
namespace {

constexpr int64_t kStandbyMs = 100;

/// True when trying again cannot help: a person has to change something first.
bool is_final(const Error& error, const config::RestartDecl& restart) {
  if (!restart.enabled) return true;
  // The state of a disk is unknown: only a new process, which reads it anew, may go on.
  if (error.retry() == Retry::kFatal) return true;
  switch (error.code()) {
    case ErrorCode::kInvalidArgument:
    case ErrorCode::kIncompatible:
    case ErrorCode::kDataLost:
    case ErrorCode::kRuleFailed:
    case ErrorCode::kCorrupt:
    case ErrorCode::kNotFound:
      return true;
    default:
      return false;
  }
}

int64_t backoff_ms(const config::RestartDecl& restart, int failures, io::Random& random) {
  const int64_t bound = std::min(restart.first_ms << std::min(failures, 20), restart.max_ms);
  return static_cast<int64_t>(random.below(static_cast<uint64_t>(bound) + 1));
}

}  // namespace

Pipeline::Pipeline(const ProjectPlan& project, const PipelinePlan& plan, Services& services,
                   SchemaBoard& board, CrashGuard& guard)
    : project_(project), plan_(plan), services_(services), board_(board), guard_(guard) {
  std::vector<std::string> rules;
  for (const RulePlan& rule : plan_.rules) rules.push_back(rule.name);
  for (LanePlan& lane : plan_.lanes()) {
    auto slot = std::make_unique<LaneSlot>();
    slot->name = {project_.project, plan_.name, std::move(lane.id)};
    slot->sinks = std::move(lane.sinks);
    slot->metrics =
        std::make_unique<LaneMetrics>(services_.metrics, plan_.name, slot->name.sink, rules);
    slots_.push_back(std::move(slot));
  }
  for (const SinkPlan& sink : plan_.sinks) {
    if (sink.kind == SinkPlan::Kind::kTopic) board_.expect(sink.topic);
  }
}

Pipeline::~Pipeline() = default;

void Pipeline::fail(Error error) {
  spdlog::error("pipeline {}: {}", plan_.name, error.to_string());
  MutexLock lock(mutex_);
  if (!failure_) failure_ = std::move(error);
}

std::optional<Error> Pipeline::failure() const {
  MutexLock lock(mutex_);
  return failure_;
}

void Pipeline::drain() {
  drain_.store(true);
  MutexLock lock(mutex_);
  for (auto& slot : slots_) {
    if (slot->lane) slot->lane->drain();
  }
}

void Pipeline::pause(const std::string& sink, bool on) {
  MutexLock lock(mutex_);
  for (auto& slot : slots_) {
    if (!sink.empty() && slot->name.sink != sink) continue;
    slot->paused = on;
    if (slot->lane) slot->lane->pause(on);
  }
}

void Pipeline::run(std::stop_token stop) {
  io::Random random(services_.seed ^ std::hash<std::string>{}(plan_.name));
  for (int failures = 0; !stop.stop_requested(); ++failures) {
    auto ready = prepare(stop);
    if (ready && *ready) {
      MutexLock lock(mutex_);
      trouble_.clear();
      break;
    }
    if (ready || is_final(ready.error(), plan_.restart) || stop.stop_requested()) {
      if (!ready && !stop.stop_requested()) fail(std::move(ready).error());
      return finish();
    }
    int64_t ms = backoff_ms(plan_.restart, failures, random);
    spdlog::warn("pipeline {}: cannot start: {}; trying again in {} ms", plan_.name,
                 ready.error().to_string(), ms);
    {
      MutexLock lock(mutex_);
      trouble_ = ready.error().to_string();
    }
    services_.clock.sleep_ms(ms, stop);
  }
  {
    std::vector<std::jthread> threads;
    for (auto& slot : slots_) threads.emplace_back([this, &slot, stop] { run_lane(*slot, stop); });
  }
  finish();
}

void Pipeline::finish() {
  for (const SinkPlan& sink : plan_.sinks) {
    if (sink.kind == SinkPlan::Kind::kTopic) board_.give_up(sink.topic);
  }
  finished_.store(true);
}

Result<bool> Pipeline::prepare(std::stop_token stop) {
  ASSIGN(engine_, open_engine(plan_));
  ASSIGN(std::optional<types::Schema> schema, find_schema(stop));
  if (!schema) {
    MutexLock lock(mutex_);
    note_ = "no record to read, and none to learn the input's types from";
    for (auto& slot : slots_) slot->state = LaneState::kEnded;
    return false;
  }
  input_schema_ = std::move(*schema);
  if (stop.stop_requested()) return Error(ErrorCode::kCancelled, "stopped before it had started");
  ASSIGN(auto query, compile(*engine_->engine, plan_, input_schema_));
  hash_ = pipeline_hash(plan_, *engine_, *query);
  TRY(register_schemas());
  for (const SinkPlan& sink : plan_.sinks) {
    if (sink.kind == SinkPlan::Kind::kTopic)
      board_.publish(sink.topic, sink.schema ? sink.schema->columns : query->output());
  }
  return true;
}

void Pipeline::run_lane(LaneSlot& slot, std::stop_token stop) {
  io::Random random(services_.seed ^ std::hash<std::string>{}(slot.name.owner()));
  int failures = 0;
  while (!stop.stop_requested()) {
    bool progressed = false;
    auto lived = live(slot, stop, progressed);
    if (progressed) failures = 0;
    if (lived && !*lived) continue;
    if (lived || (lived.error().code() == ErrorCode::kCancelled && stop.stop_requested())) break;
    Error error = std::move(lived).error();
    {
      MutexLock lock(mutex_);
      slot.error = error.to_string();
      slot.state = is_final(error, plan_.restart) ? LaneState::kFailed : LaneState::kBackingOff;
      ++slot.restarts;
    }
    if (is_final(error, plan_.restart)) {
      fail(std::move(error).at("sink " + slot.name.sink));
      break;
    }
    guard_.end_turn(slot.name.owner());  // its back-off is nobody else's
    slot.metrics->restarted();
    const int64_t ms = backoff_ms(plan_.restart, failures++, random);
    spdlog::warn("pipeline {}: sink {}: {}; starting again in {} ms", plan_.name, slot.name.sink,
                 error.to_string(), ms);
    services_.clock.sleep_ms(ms, stop);
  }
  slot.membership.reset();
  release(slot, std::exchange(slot.partitions, {}));
  release(slot, std::exchange(slot.retry_partitions, {}));
  forget_start(slot);
}

Result<bool> Pipeline::live(LaneSlot& slot, std::stop_token stop, bool& progressed) {
  if (!slot.membership) {
    ASSIGN(slot.membership, join(slot));
  }
  ASSIGN(std::vector<int32_t> ours, slot.membership->assignment(stop));
  release(slot, std::exchange(slot.partitions, std::move(ours)));
  release(slot, std::exchange(slot.retry_partitions, {}));
  std::stop_source over;
  std::stop_callback on_stop(stop, [&] { over.request_stop(); });
  std::stop_callback on_change(slot.membership->changing(), [&] { over.request_stop(); });
  if (slot.partitions.empty()) return stand_by(slot, over.get_token()) || stop.stop_requested();
  ASSIGN(auto made, make_lane(slot));
  Lane* lane = made.get();
  {
    MutexLock lock(mutex_);
    slot.lane = std::move(made);
    slot.error.clear();
    if (drain_.load()) lane->drain();
    lane->pause(slot.paused);
  }
  const int64_t before = lane->snapshot().ledger.in;
  auto ran = lane->run(over.get_token());
  const bool ended = lane->ended();
  MutexLock lock(mutex_);
  slot.last = lane->snapshot();
  slot.lane.reset();
  slot.state = slot.last.state;
  progressed = slot.last.ledger.in != before;
  TRY(std::move(ran));
  return ended || stop.stop_requested();
}

/// Of the partitions that the lane had before, those that are not its process's now.
void Pipeline::release(const LaneSlot& slot, const std::vector<int32_t>& before) {
  for (int32_t partition : before) {
    if (std::find(slot.partitions.begin(), slot.partitions.end(), partition) ==
        slot.partitions.end())
      services_.log.release(slot.name.owner(partition));
  }
}

bool Pipeline::stand_by(LaneSlot& slot, const std::stop_token& over) {
  {
    MutexLock lock(mutex_);
    slot.state = LaneState::kStandby;
    slot.last = {};
    slot.error.clear();
  }
  while (!over.stop_requested()) {
    if (drain_.load()) {
      MutexLock lock(mutex_);
      slot.state = LaneState::kEnded;
      return true;
    }
    services_.clock.sleep_ms(kStandbyMs, over);
  }
  return false;
}

/// A source has one reader among all processes: whoever has the one partition of its retry topic.
Result<std::unique_ptr<stream::Membership>> Pipeline::join(const LaneSlot& slot) {
  stream::TopicInfo topic;
  if (const std::string* name = plan_.input_topic()) {
    ASSIGN(topic, services_.log.topics().ensure(project_.topic_spec(*name)));
    // The embedded store is this process's alone: it gets every record.
    const SinkPlan& sink = plan_.sinks[slot.sinks.front()];
    if (sink.kind == SinkPlan::Kind::kStore && !services_.stores.is_remote(sink.store))
      return stream::sole_member(topic);
  } else {
    ASSIGN(topic, ensure_retry_topic(services_.log, project_.retry_topic(plan_.name), 1));
  }
  return services_.log.join(slot.name.group(), topic);
}

void Pipeline::forget_start(LaneSlot& slot) {
  if (!slot.counted) return;
  if (auto done = guard_.forget(slot.name.owner()); !done) {
    spdlog::warn("pipeline {}: sink {}: the start counter was not reset: {}", plan_.name,
                 slot.name.sink, done.error().to_string());
  }
}

PipelineSnapshot Pipeline::snapshot() const {
  PipelineSnapshot s;
  s.name = plan_.name;
  MutexLock lock(mutex_);
  s.note = note_;
  s.schema_origin = schema_origin_;
  s.error = failure_ ? failure_->to_string() : trouble_;
  bool all_ended = !slots_.empty();
  for (const auto& slot : slots_) {
    LaneSnapshot lane = slot->lane ? slot->lane->snapshot() : slot->last;
    lane.name = slot->name;
    if (!slot->lane)
      lane.state =
          failure_ && slot->state == LaneState::kStarting ? LaneState::kFailed : slot->state;
    if (!slot->error.empty() && lane.error.empty()) lane.error = slot->error;
    lane.restarts = slot->restarts;
    all_ended &= lane.state == LaneState::kEnded;
    if (s.state == LaneState::kStarting || lane.state > s.state) s.state = lane.state;
    s.lanes.push_back(std::move(lane));
  }
  if (all_ended) s.state = LaneState::kEnded;
  if (failure_) s.state = LaneState::kFailed;
  return s;
}

}  // namespace leat::runtime
