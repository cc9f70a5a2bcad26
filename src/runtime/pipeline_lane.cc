// Pipeline: the making of a lane: its query, its delivery, and where in its input it goes on.
#include <spdlog/spdlog.h>

#include <algorithm>

#include "runtime/cursor.h"
#include "runtime/pipeline.h"
#include "types/temporal.h"

namespace leat::runtime {
namespace {

bool holds(const std::vector<int32_t>& partitions, int32_t partition) {
  return std::find(partitions.begin(), partitions.end(), partition) != partitions.end();
}

std::string instant_text(int64_t ms) {
  char text[types::kMaxText];
  return {text, types::write_timestamp_tz(text, ms * 1000)};
}

}  // namespace

bool Pipeline::is_ours(const LaneSlot& slot, const stream::TopicPartition& input) const {
  const bool retry = input.topic == project_.retry_topic(plan_.name);
  return holds(retry ? slot.retry_partitions : slot.partitions, input.partition);
}

Result<stream::TopicInfo> Pipeline::share_retry(LaneSlot& slot) {
  int32_t partitions = 1;
  if (const std::string* name = plan_.input_topic()) {
    ASSIGN(stream::TopicInfo topic, services_.log.topics().ensure(project_.topic_spec(*name)));
    partitions = topic.spec.partitions;
  }
  ASSIGN(stream::TopicInfo retry,
         ensure_retry_topic(services_.log, project_.retry_topic(plan_.name), partitions));
  // It may have more than the input has: the pipeline read another topic when it was made.
  slot.retry_partitions.clear();
  for (int32_t p = 0; p < retry.spec.partitions; ++p)
    if (holds(slot.partitions, p % partitions)) slot.retry_partitions.push_back(p);
  return retry;
}

Result<std::unique_ptr<Lane>> Pipeline::make_lane(LaneSlot& slot) {
  stream::TopicSpec dead_letters;
  dead_letters.name = project_.dead_letter_topic(plan_.name);
  dead_letters.retention_ms = plan_.dead_letter_retention_ms;
  dead_letters.compact = dead_letters.declared = true;
  DeadLetterTarget target;
  ASSIGN(target.topic, services_.log.topics().ensure(dead_letters));
  target.pipeline_hash = hash_;

  std::vector<DeliveredTopic> topics;
  ASSIGN(auto transformer, make_transformer(slot, topics));
  ASSIGN(stream::TopicInfo retry, share_retry(slot));
  std::unique_ptr<Delivery> delivery;
  const SinkPlan& first = plan_.sinks[slot.sinks.front()];
  if (first.kind == SinkPlan::Kind::kStore) {
    ASSIGN(stream::Store * store, services_.stores.open(first.store));
    ASSIGN(auto sink, store->make_sink(sink_table(project_, plan_, first, transformer->output())));
    delivery = make_store_delivery(services_.log, slot.name, target, std::move(sink));
  } else {
    std::vector<int32_t> owned = slot.partitions;
    for (int32_t p : slot.retry_partitions)
      if (!holds(owned, p)) owned.push_back(p);
    delivery = make_topic_delivery(services_.log, slot.name, target, topics, std::move(owned));
  }

  ProgressMap committed;
  ASSIGN(auto input, make_input(slot, *delivery, retry, committed));
  if (!slot.counted) {
    ASSIGN(CrashGuard::Waiting behind, waiting(slot, committed));
    const size_t in_flight =
        (2 * limits::kLaneQueueItems + 3) * plan_.batch.max_records;  // two queues, three stages
    TRY(guard_.count(slot.name.owner(), behind, static_cast<int64_t>(in_flight)));
    slot.counted = true;
  }
  LaneOptions options;
  options.guard = &guard_;
  options.input = input_schema_;
  options.drift = !reader_;
  options.name = slot.name;
  options.sinks = slot.sinks.size();
  options.pipeline_hash = hash_;
  if (plan_.reads_topic())
    options.gather = plan_.batch.max_records;
  else
    options.run_id = services_.run_id;
  for (const RulePlan& rule : plan_.rules) options.rules.push_back(rule.name);
  options.jitter_seed = services_.seed;
  if (const std::string* topic = plan_.input_topic()) {
    options.report = [topic = *topic, member = slot.membership.get()](const auto& read,
                                                                      int64_t next) {
      if (read.topic == topic) member->report(read.partition, next);
    };
  }
  return std::make_unique<Lane>(std::move(options), services_.clock, std::move(input),
                                std::move(transformer), std::move(delivery), std::move(committed),
                                *slot.metrics);
}

Result<std::unique_ptr<Transformer>> Pipeline::make_transformer(
    LaneSlot& slot, std::vector<DeliveredTopic>& topics) {
  ASSIGN(auto query, compile(*engine_->engine, plan_, input_schema_));
  std::vector<TopicTarget> targets;
  for (size_t i : slot.sinks) {
    const SinkPlan& sink = plan_.sinks[i];
    if (sink.kind != SinkPlan::Kind::kTopic) continue;
    TopicTarget target;
    ASSIGN(target.topic, services_.log.topics().ensure(project_.topic_spec(sink.topic)));
    const auto id = schema_ids_.find(i);
    DeliveredTopic delivered{target.topic, {}};
    if (id == schema_ids_.end()) {
      ASSIGN(target.encoder, make_encoder(query->output(), sink));
    } else {
      const auto& [value, key] = id->second;
      ASSIGN(target.encoder, make_encoder(query->output(), sink, value, key));
      ASSIGN(delivered.schema_header, schema_header(*sink.schema, value));
      if (sink.key_schema) {
        ASSIGN(delivered.key_header, schema_header(*sink.key_schema, key));
      }
    }
    topics.push_back(std::move(delivered));
    targets.push_back(std::move(target));
  }
  std::unique_ptr<stream::Decoder> decoder;
  if (reader_) {
    slot.writers = std::make_shared<WriterSchemas>(*services_.schemas, services_.clock,
                                                   subject_of(*reader_, *plan_.input_topic()));
    if (std::get<TopicSource>(plan_.source).registered_keys())
      slot.keys = std::make_shared<WriterSchemas>(*services_.schemas, services_.clock,
                                                  *plan_.input_topic() + "-key", RecordPart::kKey);
    decoder = make_framed_decoder(*query, reader_, slot.writers);
  } else {
    ASSIGN(decoder, make_decoder(plan_, *query, input_schema_));
  }
  const SinkPlan& first = plan_.sinks[slot.sinks.front()];
  ASSIGN(auto tombstones, make_tombstones(query->output(), first));
  return std::make_unique<Transformer>(plan_, std::move(query), std::move(decoder),
                                       std::move(targets), first.kind == SinkPlan::Kind::kStore,
                                       std::move(tombstones));
}

Result<std::unique_ptr<LaneInput>> Pipeline::make_input(LaneSlot& slot, Delivery& delivery,
                                                        const stream::TopicInfo& retry,
                                                        ProgressMap& committed) {
  ASSIGN(std::vector<stream::Progress> rows, delivery.open());
  for (stream::Progress& row : rows) committed.emplace(row.input, row);
  std::vector<std::unique_ptr<LaneInput>> inputs;
  stream::TopicId read;
  if (const std::string* name = plan_.input_topic()) {
    ASSIGN(stream::TopicInfo topic, services_.log.topics().ensure(project_.topic_spec(*name)));
    read = topic.id;
    ASSIGN(StartPositions positions, topic_positions(slot, topic, delivery, committed));
    ASSIGN(auto input, make_topic_input(services_.log, topic, positions, plan_.batch, "",
                                        {&services_.clock, plan_.batch_delay_ms}, slot.partitions));
    inputs.push_back(std::move(input));
  } else {
    ASSIGN(auto input, make_source(committed));
    inputs.push_back(std::move(input));
  }
  StartPositions positions;
  for (auto& [input, row] : committed) positions[input] = {row.next, row.v_prev};
  ASSIGN(auto input, make_topic_input(services_.log, retry, positions, plan_.batch, slot.name.sink,
                                      {}, slot.retry_partitions));
  inputs.push_back(std::move(input));
  // The rows of other processes' partitions grow old here. Those of topics that were read before are nobody's.
  std::erase_if(committed, [&](const auto& row) {
    return (row.first.topic_id == retry.id || row.first.topic_id == read) &&
           !is_ours(slot, row.first);
  });
  auto joined = join_inputs(std::move(inputs));
  if (!slot.writers) return joined;
  return make_schema_input(std::move(joined), services_.clock, slot.writers, slot.keys);
}

Result<CrashGuard::Waiting> Pipeline::waiting(const LaneSlot& slot, const ProgressMap& committed) {
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
      if (!is_ours(slot, input)) continue;
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
    if (!is_ours(slot, input)) continue;
    ASSIGN(stream::PartitionBounds bounds, services_.log.topics().bounds(topic, p));
    auto it = committed.find(input);
    if (it != committed.end()) {
      StartAt at{it->second.next, std::max(it->second.v_prev, inherited)};
      // Another query: its corrected rows win over all that the old one has written, also over what it wrote beyond its
      // position (to a store without transactions). Stored first, so that a query before it comes behind it, too.
      if (it->second.pipeline_hash != hash_) {
        const int64_t beyond = std::max<int64_t>(0, bounds.end - at.next);
        at.v_prev = std::max(at.v_prev + beyond, 1000 * bounds.last_timestamp_ms);
        stream::Progress row = it->second;
        row.expected_next = row.next;
        row.v_prev = at.v_prev;
        row.pipeline_hash = hash_;
        TRY(store_row(slot, row, delivery, committed));
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
  return store_row(slot, row, delivery, committed);
}

Result<void> Pipeline::store_row(const LaneSlot& slot, stream::Progress& row, Delivery& delivery,
                                 ProgressMap& committed) {
  Outcome nothing;
  nothing.topics.resize(slot.sinks.size());
  nothing.input.records.origin = row.input;
  TRY(delivery.write(nothing, row));
  committed[row.input] = row;
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

}  // namespace leat::runtime
