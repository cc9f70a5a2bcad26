// Pipeline: what types its input has: from a file, the pipeline upstream, or a sample.
#include <spdlog/spdlog.h>

#include "runtime/pipeline.h"
#include "types/json_schema.h"

namespace leat::runtime {
namespace {

constexpr size_t kSampleRecords = 500;

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

Result<std::optional<types::Schema>> Pipeline::find_schema(std::stop_token stop) {
  auto found = [&](types::Schema schema, std::string origin) {
    MutexLock lock(mutex_);
    schema_origin_ = std::move(origin);
    return std::optional(std::move(schema));
  };
  if (plan_.input_schema) return found(*plan_.input_schema, "file");
  reader_ = plan_.reader();
  if (reader_) return found(reader_->columns, reader_->file);
  if (plan_.reads_framed()) {
    ASSIGN(std::optional<types::Schema> schema, registered_schema());
    return found(std::move(*schema), "the registry");
  }
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
  TRY(keep_state(key, types::schema_to_json(schema)));
  spdlog::info(
      "pipeline {}: no `source.schema:`, so its types come from a sample; `leat schema infer {}` "
      "writes "
      "them down",
      plan_.name, plan_.name);
  return found(std::move(schema), "sample");
}

Result<void> Pipeline::keep_state(const std::string& key, const std::string& value) {
  const std::string owner = project_.project + "." + plan_.name + ".schema";
  {
    ASSIGN(auto transaction, services_.log.begin(owner));
    TRY(transaction->put_state(key, value));
    TRY(transaction->commit());
  }
  services_.log.release(owner);
  return {};
}

Result<std::optional<types::Schema>> Pipeline::registered_schema() {
  const std::string key = reader_state_key(project_.project, plan_.name);
  ASSIGN(std::optional<std::string> taken, services_.log.state(key));
  TopicSchema schema;
  if (taken) {
    ASSIGN(schema, read_kept(*taken));
  } else {
    ASSIGN(schema, newest_schema(*services_.schemas, *plan_.input_topic()));
    // One that refers to others is asked for anew by each start.
    if (schema.text.references.empty()) TRY(keep_state(key, kept_text(schema)));
  }
  reader_ = std::make_shared<const TopicSchema>(std::move(schema));
  return std::optional(reader_->columns);
}

Result<void> Pipeline::check_key_bytes(const SinkPlan& sink, size_t i,
                                       const stream::TopicInfo& topic) {
  auto fits = check_topic_keys(services_.log, topic, sink.key_schema.get());
  if (fits) return fits;
  const config::Mark& mark = sink.key_schema ? sink.key_schema->mark : sink.key_mark;
  return std::move(fits).error().at(
      fmt::format("{}: sinks[{}].{}", mark.to_string(), i, sink.key_schema ? "key_schema" : "key"));
}

Result<void> Pipeline::register_schemas() {
  for (size_t i = 0; i < plan_.sinks.size(); ++i) {
    const SinkPlan& sink = plan_.sinks[i];
    if (!sink.schema) continue;
    const std::string place = fmt::format("{}: sinks[{}].schema", sink.schema->mark.to_string(), i);
    auto topic = services_.log.topics().find(sink.topic);
    if (topic) {
      auto fits = check_topic_format(services_.log, *topic, topic_format(*sink.schema));
      if (!fits) return std::move(fits).error().at(place);
      if (!sink.key.empty()) TRY(check_key_bytes(sink, i, *topic));
    } else if (topic.error().code() != ErrorCode::kNotFound) {
      return std::move(topic).error();
    }
    auto id = register_schema(*services_.schemas, *sink.schema, sink.topic);
    if (!id) {
      std::string readers;
      for (const PipelinePlan* reader : project_.readers(sink.topic))
        readers += (readers.empty() ? "" : ", ") + reader->name;
      Error error = std::move(id).error().at(place);
      if (error.code() != ErrorCode::kIncompatible || readers.empty()) return error;
      return std::move(error).context(
          fmt::format("pipelines that read topic {} would break: {}", sink.topic, readers));
    }
    schema_ids_[i].value = *id;
    if (!sink.key_schema) continue;
    auto key_id = register_schema(*services_.schemas, *sink.key_schema, sink.topic);
    if (!key_id)
      return std::move(key_id).error().at(
          fmt::format("{}: sinks[{}].key_schema", sink.key_schema->mark.to_string(), i));
    schema_ids_[i].key = *key_id;
  }
  return {};
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

}  // namespace leat::runtime
