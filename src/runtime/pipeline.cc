#include "runtime/pipeline.h"

#include <spdlog/spdlog.h>

#include <algorithm>

#include "runtime/cursor.h"
#include "types/json_schema.h"
#include "types/temporal.h"

namespace leat::runtime {
namespace {

constexpr size_t kSampleRecords = 500;

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

std::string instant_text(int64_t ms) {
  char text[types::kMaxText];
  return {text, types::write_timestamp_tz(text, ms * 1000)};
}

int64_t backoff_ms(const config::RestartDecl& restart, int failures, io::Random& random) {
  const int64_t bound = std::min(restart.first_ms << std::min(failures, 20), restart.max_ms);
  return static_cast<int64_t>(random.below(static_cast<uint64_t>(bound) + 1));
}

}  // namespace

void SchemaBoard::expect(const std::string& topic) {
  MutexLock lock(mutex_);
  ++expected_[topic];
}

void SchemaBoard::give_up(const std::string& topic) {
  MutexLock lock(mutex_);
  --expected_[topic];
  published_.notify_all();
}

void SchemaBoard::publish(const std::string& topic, types::Schema schema) {
  MutexLock lock(mutex_);
  schemas_.insert_or_assign(topic, std::move(schema));
  published_.notify_all();
}

std::optional<types::Schema> SchemaBoard::wait(const std::string& topic, std::stop_token stop) {
  MutexLock lock(mutex_);
  published_.wait(mutex_, stop, [&]() NO_THREAD_SAFETY_ANALYSIS {
    return schemas_.contains(topic) || expected_[topic] <= 0;
  });
  auto it = schemas_.find(topic);
  return it == schemas_.end() ? std::nullopt : std::optional(it->second);
}

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
  for (const SinkPlan& sink : plan_.sinks) {
    if (sink.kind == SinkPlan::Kind::kTopic) board_.publish(sink.topic, query->output());
  }
  return true;
}

Result<std::optional<types::Schema>> Pipeline::find_schema(std::stop_token stop) {
  auto found = [&](types::Schema schema, std::string origin) {
    MutexLock lock(mutex_);
    schema_origin_ = std::move(origin);
    return std::optional(std::move(schema));
  };
  if (plan_.input_schema) return found(*plan_.input_schema, "file");
  if (const std::string* topic = plan_.input_topic(); topic && !project_.writers(*topic).empty()) {
    ASSIGN(std::optional<types::Schema> schema, upstream_schema(*topic, stop));
    if (schema) return found(std::move(*schema), "upstream");
  }
  const std::string key = schema_state_key(project_.project, plan_.name);
  ASSIGN(std::optional<std::string> stored, services_.log.state(key));
  if (stored) {
    ASSIGN(types::Schema schema, types::schema_from_json(*stored));
    return found(std::move(schema), "an earlier sample");
  }
  ASSIGN(std::optional<types::Schema> sample, sample_schema(stop));
  if (!sample) return sample;
  types::Schema schema = std::move(*sample);
  ASSIGN(auto transaction, services_.log.begin(project_.project + "." + plan_.name + ".schema"));
  TRY(transaction->put_state(key, types::schema_to_json(schema)));
  TRY(transaction->commit());
  spdlog::info(
      "pipeline {}: no `source.schema:`, so its types come from a sample; `leat schema infer {}` "
      "writes "
      "them down",
      plan_.name, plan_.name);
  return found(std::move(schema), "sample");
}

/// Of a topic that a pipeline of the project writes: from its writer's files when they tell, from the writer itself
/// when it runs, else from its latest sample.
Result<std::optional<types::Schema>> Pipeline::upstream_schema(const std::string& topic,
                                                               std::stop_token stop) {
  const auto known = [&](stream::Log* log) -> Result<std::optional<types::Schema>> {
    auto schema = known_input(project_, plan_, log);
    if (schema) return schema;
    return std::move(schema).error().context(
        fmt::format("the pipeline that writes topic {} does not compile", topic));
  };
  ASSIGN(std::optional<types::Schema> offline, known(nullptr));
  if (offline) return offline;
  if (auto schema = board_.wait(topic, stop)) return schema;
  if (stop.stop_requested())
    return Error(ErrorCode::kCancelled, "stopped while waiting for the schema of " + topic);
  return known(&services_.log);
}

void Pipeline::tell_trouble(std::string trouble) {
  MutexLock lock(mutex_);
  if (trouble == trouble_) return;
  if (!trouble.empty()) spdlog::warn("pipeline {}: {}", plan_.name, trouble);
  trouble_ = std::move(trouble);
}

Result<std::optional<types::Schema>> Pipeline::sample_schema(std::stop_token stop) {
  std::vector<std::string_view> texts;
  InputBatch batch;
  std::unique_ptr<LaneInput> input;
  if (const std::string* name = plan_.input_topic()) {
    stream::ReadLimits limits{kSampleRecords, limits::kDefaultBatchBytes};
    while (!input) {
      auto topic = services_.log.topics().find(*name);
      if (topic) {
        ASSIGN(input, make_topic_input(services_.log, *topic, {}, limits, ""));
      } else if (topic.error().code() != ErrorCode::kNotFound) {
        return std::move(topic).error();
      } else if (drain_.load()) {
        return std::optional<types::Schema>();
      } else if (!services_.clock.sleep_ms(100, stop)) {
        return Error(ErrorCode::kCancelled, "stopped while waiting for topic " + *name);
      }
    }
  } else {
    ASSIGN(auto source, open_source(project_, plan_, services_));
    ASSIGN(input, make_source_input(std::move(source), services_.clock, IdWindow(), {}));
  }
  for (;;) {
    ASSIGN(bool some, input->next(batch, stop, std::chrono::milliseconds(200)));
    tell_trouble(input->trouble());
    if (some && !batch.records.records.empty()) break;
    if (stop.stop_requested())
      return Error(ErrorCode::kCancelled, "stopped while waiting for a first record");
    // A pipeline that drains and has no record at all has nothing to learn from, and nothing to do.
    if (drain_.load()) {
      TRY(input->fix_end());
      ASSIGN(bool done, input->at_end());
      if (done) return std::optional<types::Schema>();
    }
  }
  for (const stream::Record& record : batch.records.records) {
    if (record.value && texts.size() < kSampleRecords) texts.push_back(*record.value);
  }
  ASSIGN(types::Schema schema, types::infer_schema(texts));
  return std::optional(std::move(schema));
}

void Pipeline::run_lane(LaneSlot& slot, std::stop_token stop) {
  io::Random random(services_.seed ^ std::hash<std::string>{}(slot.name.owner()));
  int failures = 0;
  while (!stop.stop_requested()) {
    auto made = make_lane(slot);
    std::optional<Error> error;
    if (!made) {
      error = std::move(made).error();
    } else {
      Lane* lane = made->get();
      {
        MutexLock lock(mutex_);
        slot.lane = std::move(*made);
        slot.error.clear();
        if (drain_.load()) lane->drain();
        lane->pause(slot.paused);
      }
      const int64_t before = lane->snapshot().ledger.in;
      auto ran = lane->run(stop);
      MutexLock lock(mutex_);
      slot.last = lane->snapshot();
      slot.lane.reset();
      slot.state = slot.last.state;
      if (slot.last.ledger.in != before) failures = 0;
      if (!ran) error = std::move(ran).error();
    }
    if (!error || (error->code() == ErrorCode::kCancelled && stop.stop_requested()))
      return forget_start(slot);
    {
      MutexLock lock(mutex_);
      slot.error = error->to_string();
      slot.state = is_final(*error, plan_.restart) ? LaneState::kFailed : LaneState::kBackingOff;
      ++slot.restarts;
    }
    if (is_final(*error, plan_.restart)) {
      forget_start(slot);
      return fail(std::move(*error).at("sink " + slot.name.sink));
    }
    guard_.end_turn(slot.name.owner());  // its back-off is nobody else's
    slot.metrics->restarted();
    const int64_t ms = backoff_ms(plan_.restart, failures++, random);
    spdlog::warn("pipeline {}: sink {}: {}; starting again in {} ms", plan_.name, slot.name.sink,
                 error->to_string(), ms);
    services_.clock.sleep_ms(ms, stop);
  }
  forget_start(slot);
}

void Pipeline::forget_start(LaneSlot& slot) {
  if (!slot.counted) return;
  if (auto done = guard_.forget(slot.name.owner()); !done) {
    spdlog::warn("pipeline {}: sink {}: the start counter was not reset: {}", plan_.name,
                 slot.name.sink, done.error().to_string());
  }
}

Result<std::unique_ptr<Lane>> Pipeline::make_lane(LaneSlot& slot) {
  stream::TopicSpec dead_letters;
  dead_letters.name = project_.dead_letter_topic(plan_.name);
  dead_letters.retention_ms = plan_.dead_letter_retention_ms;
  dead_letters.compact = true;
  DeadLetterTarget target;
  ASSIGN(target.topic, services_.log.topics().ensure(dead_letters));
  target.pipeline_hash = hash_;

  std::vector<stream::TopicInfo> topics;
  ASSIGN(auto transformer, make_transformer(slot, topics));
  std::unique_ptr<Delivery> delivery;
  const SinkPlan& first = plan_.sinks[slot.sinks.front()];
  if (first.kind == SinkPlan::Kind::kStore) {
    ASSIGN(stream::Store * store, services_.stores.open(first.store));
    ASSIGN(auto sink, store->make_sink(sink_table(project_, plan_, first, transformer->output())));
    delivery = make_store_delivery(services_.log, slot.name, target, std::move(sink));
  } else {
    delivery = make_topic_delivery(services_.log, slot.name, target, topics);
  }

  ProgressMap committed;
  ASSIGN(auto input, make_input(slot, *delivery, committed));
  if (!slot.counted) {
    ASSIGN(CrashGuard::Waiting behind, waiting(committed));
    const size_t in_flight =
        (2 * limits::kLaneQueueItems + 3) * plan_.batch.max_records;  // two queues, three stages
    TRY(guard_.count(slot.name.owner(), behind, static_cast<int64_t>(in_flight)));
    slot.counted = true;
  }
  LaneOptions options;
  options.guard = &guard_;
  options.input = input_schema_;
  options.name = slot.name;
  options.pipeline_hash = hash_;
  if (!plan_.reads_topic()) options.run_id = services_.run_id;
  for (const RulePlan& rule : plan_.rules) options.rules.push_back(rule.name);
  options.jitter_seed = services_.seed;
  return std::make_unique<Lane>(std::move(options), services_.clock, std::move(input),
                                std::move(transformer), std::move(delivery), std::move(committed),
                                *slot.metrics);
}

Result<std::unique_ptr<Transformer>> Pipeline::make_transformer(
    const LaneSlot& slot, std::vector<stream::TopicInfo>& topics) {
  ASSIGN(auto query, compile(*engine_->engine, plan_, input_schema_));
  std::vector<TopicTarget> targets;
  for (size_t i : slot.sinks) {
    const SinkPlan& sink = plan_.sinks[i];
    if (sink.kind != SinkPlan::Kind::kTopic) continue;
    TopicTarget target;
    ASSIGN(target.topic, services_.log.topics().ensure(project_.topic_spec(sink.topic)));
    ASSIGN(target.encoder, make_encoder(query->output(), sink));
    topics.push_back(target.topic);
    targets.push_back(std::move(target));
  }
  ASSIGN(auto decoder, make_decoder(plan_, *query, input_schema_));
  const bool store = plan_.sinks[slot.sinks.front()].kind == SinkPlan::Kind::kStore;
  return std::make_unique<Transformer>(plan_, std::move(query), std::move(decoder),
                                       std::move(targets), store);
}

Result<std::unique_ptr<LaneInput>> Pipeline::make_input(LaneSlot& slot, Delivery& delivery,
                                                        ProgressMap& committed) {
  ASSIGN(std::vector<stream::Progress> rows, delivery.open());
  for (stream::Progress& row : rows) committed.emplace(row.input, row);
  std::vector<std::unique_ptr<LaneInput>> inputs;
  int32_t partitions = 1;
  if (const std::string* name = plan_.input_topic()) {
    ASSIGN(stream::TopicInfo topic, services_.log.topics().ensure(project_.topic_spec(*name)));
    partitions = topic.spec.partitions;
    ASSIGN(StartPositions positions, topic_positions(slot, topic, delivery, committed));
    ASSIGN(auto input, make_topic_input(services_.log, topic, positions, plan_.batch, "",
                                        {&services_.clock, plan_.batch_delay_ms}));
    inputs.push_back(std::move(input));
  } else {
    ASSIGN(auto input, make_source(committed));
    inputs.push_back(std::move(input));
  }
  ASSIGN(stream::TopicInfo retry,
         ensure_retry_topic(services_.log, project_.retry_topic(plan_.name), partitions));
  StartPositions positions;
  for (auto& [input, row] : committed) positions[input] = {row.next, row.v_prev};
  ASSIGN(auto input,
         make_topic_input(services_.log, retry, positions, plan_.batch, slot.name.sink));
  inputs.push_back(std::move(input));
  return join_inputs(std::move(inputs));
}

Result<CrashGuard::Waiting> Pipeline::waiting(const ProgressMap& committed) {
  CrashGuard::Waiting out;
  if (!plan_.reads_topic()) {
    const stream::TopicPartition origin{plan_.origin(), {}, 0};
    auto it = committed.find(origin);
    out[origin] = it == committed.end() ? 0 : it->second.next;
  }
  for (const std::string& name :
       {plan_.reads_topic() ? *plan_.input_topic() : "", project_.retry_topic(plan_.name)}) {
    if (name.empty()) continue;
    ASSIGN(stream::TopicInfo topic, services_.log.topics().find(name));
    for (int32_t p = 0; p < topic.spec.partitions; ++p) {
      const stream::TopicPartition input{name, topic.id, p};
      ASSIGN(stream::PartitionBounds bounds, services_.log.topics().bounds(topic, p));
      auto it = committed.find(input);
      const int64_t next = it == committed.end() ? bounds.start : it->second.next;
      if (next < bounds.end) out[input] = next;
    }
  }
  return out;
}

Result<StartPositions> Pipeline::topic_positions(const LaneSlot& slot,
                                                 const stream::TopicInfo& topic, Delivery& delivery,
                                                 ProgressMap& committed) {
  const config::From& from = std::get<TopicSource>(plan_.source).from;
  StartPositions positions;
  std::vector<stream::Progress> rows;
  for (auto& [input, row] : committed) rows.push_back(row);
  const int64_t inherited = inherited_version(rows, topic, project_.retry_topic(plan_.name));
  for (auto& [input, row] : committed) {
    if (input.topic != topic.spec.name || input.topic_id == topic.id) continue;
    bool known = std::any_of(committed.begin(), committed.end(), [&](auto& other) {
      return other.first.topic == topic.spec.name && other.first.topic_id == topic.id;
    });
    if (known) continue;
    return Error(ErrorCode::kDataLost,
                 fmt::format("topic {} was recreated: the position {} belongs to the topic with id "
                             "{}, now it is {}",
                             topic.spec.name, row.next, input.topic_id.to_string(),
                             topic.id.to_string()))
        .with_hint(fmt::format("`leat reset {}/{} --to start` reads the new topic from its start",
                               plan_.name, slot.name.sink));
  }
  for (int32_t p = 0; p < topic.spec.partitions; ++p) {
    stream::TopicPartition input{topic.spec.name, topic.id, p};
    ASSIGN(stream::PartitionBounds bounds, services_.log.topics().bounds(topic, p));
    auto it = committed.find(input);
    if (it != committed.end()) {
      StartAt at{it->second.next, std::max(it->second.v_prev, inherited)};
      // Another query: its corrected rows win over all that the old one has written.
      if (it->second.pipeline_hash != hash_) {
        at.v_prev = std::max(at.v_prev, 1000 * bounds.last_timestamp_ms);
      }
      positions[input] = at;
      continue;
    }
    StartAt at{bounds.start, inherited};
    if (from.kind == config::From::Kind::kEnd) at.next = bounds.end;
    if (from.kind == config::From::Kind::kTime) {
      ASSIGN(at.next, services_.log.topics().offset_for_time(topic, p, from.time_ms));
    }
    if (from.kind != config::From::Kind::kStart)
      TRY(store_start(slot, input, at, delivery, committed));
    positions[input] = at;
  }
  return positions;
}

Result<void> Pipeline::store_start(const LaneSlot& slot, const stream::TopicPartition& input,
                                   StartAt at, Delivery& delivery, ProgressMap& committed) {
  stream::Progress row;
  row.project = slot.name.project;
  row.pipeline = slot.name.pipeline;
  row.sink = slot.name.sink;
  row.input = input;
  row.next = at.next;
  row.v_prev = at.v_prev;
  row.pipeline_hash = hash_;
  Outcome nothing;
  nothing.topics.resize(slot.sinks.size());
  TRY(delivery.write(nothing, row));
  committed[input] = row;
  return {};
}

Result<std::unique_ptr<LaneInput>> Pipeline::make_source(ProgressMap& committed) {
  ASSIGN(auto source, open_source(project_, plan_, services_));
  SourceInputOptions options;
  options.origin = {plan_.origin(), {}, 0};
  options.drain = drain_.load();
  options.jitter_seed = services_.seed ^ 1;
  if (auto it = committed.find(options.origin); it != committed.end()) {
    options.start = {it->second.next, it->second.v_prev};
    ASSIGN(RunCursor cursor, RunCursor::parse(it->second.cursor));
    if (cursor.run_id == services_.run_id || !source->bounded()) options.cursor = cursor.cursor;
    auto ended_ms = source->bounded() ? cursor.ended_at(services_.run_id) : std::nullopt;
    // A file source that can be read again looks for new files and new lines in every run.
    if (ended_ms && (!source->rereadable() || cursor.run_id != services_.run_id)) {
      options.exhausted = true;
      std::string note = fmt::format(
          "run `{}` ended {}, nothing to do; --run-id ID or `leat reset {} --to start` starts over",
          services_.run_id, instant_text(*ended_ms), plan_.name);
      spdlog::info("pipeline {}: {}", plan_.name, note);
      MutexLock lock(mutex_);
      note_ = std::move(note);
    }
  }
  ASSIGN(IdWindow ids,
         IdWindow::load(services_.log, id_state_prefix(project_.project, plan_.name)));
  return make_source_input(std::move(source), services_.clock, std::move(ids), std::move(options));
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
