#include "runtime/planner.h"

#include <algorithm>
#include <set>

#include "base/limits.h"
#include "io/file.h"
#include "types/json_schema.h"

namespace leat::runtime {
namespace {

class Planner {
 public:
  Planner(const config::ProjectFiles& files, config::Diagnostics& diagnostics)
      : files_(files), diagnostics_(diagnostics) {}

  ProjectPlan plan() {
    ProjectPlan plan;
    plan.project = files_.project.project.value;
    plan.profile = files_.profile_name;
    plan.directory = io::absolute_path(files_.dir);
    directory_ = plan.directory;
    for (const auto& [name, topic] : files_.project.topics)
      plan.topics[name] = topic_spec(name, topic);
    plan.log = files_.profile.log;
    for (const auto& [name, store] : files_.profile.stores) plan.stores[name] = store;
    plan.registry = files_.profile.registry;
    std::vector<PipelinePlan> pipelines;
    for (const config::PipelineFile& file : files_.pipelines) pipelines.push_back(pipeline(file));
    plan.pipelines = upstream_first(std::move(pipelines));
    check_writers(plan);
    for (const config::PipelineFile& file : files_.pipelines) check_reader(file, plan);
    join_schemas(plan);
    return plan;
  }

 private:
  std::string path(const std::string& relative) const {
    return relative.starts_with('/') ? relative : directory_ + "/" + relative;
  }

  stream::TopicSpec topic_spec(const std::string& name, const config::TopicDecl& topic) {
    stream::TopicSpec spec;
    spec.name = name;
    spec.partitions = topic.partitions;
    spec.retention_ms = topic.retention_ms;
    spec.retention_bytes = topic.retention_bytes;
    spec.compact = topic.cleanup.value == "compact";
    spec.declared = true;
    if (topic.cleanup.value == "compact" && !files_.profile.log) {
      diagnostics_.error(
          topic.cleanup.mark, "topics." + name + ".cleanup",
          "the embedded log keeps topics by time and bytes and does not compact them",
          "leave `cleanup` out, or use a profile whose log is Kafka");
    }
    return spec;
  }

  PipelinePlan pipeline(const config::PipelineFile& file) {
    PipelinePlan plan;
    plan.name = file.name.value;
    plan.file = file.file;
    if (file.source.is_topic()) {
      plan.source = TopicSource{file.source.topic.value, file.source.from, nullptr,
                                file.source.format.value == "json" ? "" : file.source.format.value,
                                file.source.key_format};
    } else if (!file.source.components.empty()) {
      plan.source = ComponentSource{file.source.component(), file.source.component_node()};
    }
    plan.validate_all = file.source.validate == config::Validate::kAll;
    read_schema(file, plan);
    for (const config::StepDecl& step : file.transform) {
      plan.steps.push_back({step.sql.text});
      plan.step_nodes.push_back(step.sql);
    }
    for (const config::RuleDecl& rule : file.quality) {
      plan.rules.push_back({rule.name.value, rule.expect.text, rule.on_fail});
      plan.rule_nodes.push_back(rule.expect);
    }
    for (const auto& [name, table] : file.tables) {
      TablePlan out{name, "store", table.store + "." + table.table};
      if (!table.csv.empty()) out = {name, "csv", path(table.csv)};
      if (!table.parquet.empty()) out = {name, "parquet", path(table.parquet)};
      if (out.kind != "store" && !io::exists(out.value)) {
        diagnostics_.error(table.mark, "tables." + name,
                           fmt::format("there is no file {}", out.value));
      }
      plan.tables.push_back(std::move(out));
    }
    for (const config::SinkDecl& sink : file.sinks) {
      plan.sinks.push_back(sink_plan(sink));
      if (sink.schema) plan.sinks.back().schema = sink_schema(file, sink, *sink.schema, "schema");
      if (!sink.key_schema) continue;
      plan.sinks.back().key_schema = sink_schema(file, sink, *sink.key_schema, "key_schema");
    }
    if (file.batch.records) plan.page_records = static_cast<size_t>(*file.batch.records);
    if (file.batch.bytes) plan.page_bytes = static_cast<size_t>(*file.batch.bytes);
    plan.batch = {plan.page_records.value_or(limits::kDefaultBatchRecords),
                  plan.page_bytes.value_or(limits::kDefaultBatchBytes)};
    plan.batch_delay_ms = file.batch.delay_ms;
    plan.restart = file.restart;
    plan.dead_letter_retention_ms = file.dead_letter.retention_ms;
    return plan;
  }

  /// The schema of a topic's values by its file; null, with a diagnostic, when it is none.
  std::shared_ptr<TopicSchema> topic_schema(const config::Located<std::string>& file,
                                            const std::string& path) {
    const auto refuse = [&](std::string message, std::string hint = {}) {
      diagnostics_.error(file.mark, path, std::move(message), std::move(hint));
      return nullptr;
    };
    const auto format = schema_file_format(file.value);
    if (!format)
      return refuse(
          fmt::format("found `{}`", file.value),
          "name a schema of Avro (FILE.avsc), Protobuf (FILE.proto) or JSON Schema (FILE.json)");
    auto text = io::read_file(this->path(file.value), limits::kMaxSchemaBytes);
    if (!text) return refuse(text.error().message(), text.error().hint());
    auto read = read_topic_schema(*format, std::move(*text));
    if (!read) return refuse(fmt::format("{}: {}", file.value, read.error().to_string()));
    read->file = file.value;
    read->mark = file.mark;
    return std::make_shared<TopicSchema>(std::move(*read));
  }

  /// Processes that share a log must share the registry.
  bool check_registry(const config::Mark& mark, const std::string& path) {
    if (!files_.profile.log || (files_.profile.registry && !files_.profile.registry->urls.empty()))
      return true;
    diagnostics_.error(mark, path,
                       fmt::format("profile `{}` names no schema registry, and processes that "
                                   "share a log must share one",
                                   files_.profile_name),
                       "add `registry: {url: http://HOST:8081}` to the profile");
    return false;
  }

  TopicSchemaPointer sink_schema(const config::PipelineFile& file, const config::SinkDecl& sink,
                                 const config::SchemaDecl& declared, std::string_view name) {
    const std::string path = fmt::format("sinks[{}].{}", &sink - file.sinks.data(), name);
    if (!check_registry(declared.file.mark, path)) return nullptr;
    auto schema = topic_schema(declared.file, path);
    if (!schema) return nullptr;
    schema->strategy = declared.strategy;
    schema->policy = declared.policy;
    schema->id_in = declared.id_in;
    schema->of_keys = name == "key_schema";
    if (schema->strategy != config::SubjectStrategy::kTopic &&
        schema->parsed->record_name().empty())
      diagnostics_.error(declared.file.mark, path,
                         fmt::format("{} has no record to name a subject by", declared.file.value),
                         fmt::format("leave `subject_strategy` out: the subject is TOPIC-{} then",
                                     schema->of_keys ? "key" : "value"));
    return schema;
  }

  /// How two who write a topic give its keys other bytes, though both have a schema; null: they do not.
  static const char* key_difference(const SinkPlan& sink, const SinkPlan& other) {
    if (!sink.key_schema || !other.key_schema) return nullptr;
    const TopicSchema &one = *sink.key_schema, &two = *other.key_schema;
    if (one.id_in != two.id_in) return "name their schema in another place (`id_in`)";
    const bool same = one.parsed->format() == two.parsed->format() &&
                      one.parsed->normalized() == two.parsed->normalized();
    return same ? nullptr : "have another schema";
  }

  /// A topic has a schema for all who write it, or for none.
  void check_writers(const ProjectPlan& plan) {
    std::map<std::string, std::pair<const PipelinePlan*, const SinkPlan*>> first;
    for (const PipelinePlan& pipeline : plan.pipelines) {
      for (const SinkPlan& sink : pipeline.sinks) {
        if (sink.kind != SinkPlan::Kind::kTopic) continue;
        const auto [other, fresh] = first.emplace(sink.topic, std::pair(&pipeline, &sink));
        if (!fresh && !other->second.second->key_schema != !sink.key_schema)
          diagnostics_.error(
              sink.key_mark, fmt::format("sinks[{}].key_schema", &sink - pipeline.sinks.data()),
              fmt::format("keys of topic {} have {} schema here, and {} in pipeline `{}`",
                          sink.topic, sink.key_schema ? "a" : "no",
                          sink.key_schema ? "none" : "one", other->second.first->name),
              "all who write a topic give its keys the same schema, or none does");
        if (const char* difference = key_difference(sink, *other->second.second))
          diagnostics_.error(sink.key_schema->mark,
                             fmt::format("sinks[{}].key_schema", &sink - pipeline.sinks.data()),
                             fmt::format("keys of topic {} {} here than in pipeline `{}`",
                                         sink.topic, difference, other->second.first->name),
                             "give both the same `key_schema`: the same key must have the same "
                             "bytes, whoever writes it");
        if (fresh || !other->second.second->schema == !sink.schema) continue;
        diagnostics_.error(
            sink.key_mark, fmt::format("sinks[{}]", &sink - pipeline.sinks.data()),
            fmt::format("topic {} {} here, and {} in pipeline `{}`", sink.topic,
                        sink.schema ? "has a schema" : "has none",
                        sink.schema ? "has none" : "has one", other->second.first->name),
            "all who write a topic give it a schema, or none does");
      }
    }
  }

  /// Who reads a topic of the project in another format than it is written in would reject every record.
  void check_reader(const config::PipelineFile& file, const ProjectPlan& plan) {
    const PipelinePlan* reader = plan.find(file.name.value);
    const auto* source = reader ? std::get_if<TopicSource>(&reader->source) : nullptr;
    if (!source) return;
    if (source->registered_keys() && source->format.empty())
      diagnostics_.error(file.source.topic.mark, "source.key_format",
                         fmt::format("keys of topic {} are of registered schemas, and its values "
                                     "are not",
                                     source->topic),
                         "say what the values are, `format: avro`, or leave `key_format` out");
    const bool says =
        !source->format.empty() || reader->input_schema || file.source.format.value == "json";
    if (!source->format.empty() && !check_registry(file.source.topic.mark, "source.topic")) return;
    for (const PipelinePlan* writer : plan.writers(source->topic)) {
      for (const SinkPlan& sink : writer->sinks) {
        if (sink.topic != source->topic || !says) continue;
        const std::string written = sink.schema ? std::string(topic_format(*sink.schema)) : "json";
        const std::string read = source->format.empty() ? "json" : source->format;
        if (written == read) continue;
        diagnostics_.error(file.source.topic.mark, "source.topic",
                           fmt::format("topic {} is read as {} here, and pipeline `{}` writes {}",
                                       source->topic, read, writer->name, written),
                           sink.schema
                               ? "leave `format` and `schema` out: what the writer says is taken"
                               : "give the writer's sink the schema, or read JSON");
        return;
      }
    }
  }

  /// What a pipeline reads is what the project's own writer of the topic says, unless its file says otherwise.
  static void join_schemas(ProjectPlan& plan) {
    for (PipelinePlan& pipeline : plan.pipelines) {
      auto* source = std::get_if<TopicSource>(&pipeline.source);
      if (!source || pipeline.input_schema) continue;
      for (const PipelinePlan* writer : plan.writers(source->topic)) {
        for (const SinkPlan& sink : writer->sinks) {
          if (sink.topic != source->topic || !sink.schema) continue;
          if (sink.key_schema && !source->keys) source->keys = config::KeyFormat::kRegistered;
          if (source->schema) continue;
          source->schema = sink.schema;
          source->format = topic_format(*sink.schema);
        }
      }
    }
  }

  void read_schema(const config::PipelineFile& file, PipelinePlan& plan) {
    const auto& [relative, mark] = file.source.schema;
    if (relative.empty()) return;
    auto* source = std::get_if<TopicSource>(&plan.source);
    // A JSON Schema is of a topic's records when they are said to name one, and else of plain JSON.
    const auto format = schema_file_format(relative);
    if (format && (*format != schema::Format::kJson || file.source.format.value == "json_schema")) {
      if (!source || file.source.format.value == "json") {
        diagnostics_.error(mark, "source.schema",
                           source
                               ? fmt::format("{} beside `format: json`", relative)
                               : fmt::format("{}: only topics have registered schemas", relative),
                           "name a JSON Schema, as `leat schema infer` writes it");
        return;
      }
      source->schema = topic_schema(file.source.schema, "source.schema");
      if (source->schema) source->format = topic_format(*source->schema);
      return;
    }
    if (source && !source->format.empty()) {
      diagnostics_.error(
          mark, "source.schema", fmt::format("{} beside `format: {}`", relative, source->format),
          "name FILE.avsc, FILE.proto or FILE.json, or leave it out: the newest one that the "
          "registry has for the topic is taken");
      return;
    }
    auto text = io::read_file(path(relative), limits::kMaxSchemaBytes);
    if (!text) {
      diagnostics_.error(mark, "source.schema", text.error().message(),
                         fmt::format("`leat schema infer {}` writes one from a sample", plan.name));
      return;
    }
    auto schema = types::schema_from_json(*text);
    if (!schema) {
      diagnostics_.error(mark, "source.schema",
                         fmt::format("{}: {}", relative, schema.error().to_string()));
      return;
    }
    plan.input_schema = std::move(*schema);
  }

  static SinkPlan sink_plan(const config::SinkDecl& sink) {
    SinkPlan plan;
    plan.id = sink.id();
    plan.key_mark = sink.mark;
    if (sink.is_topic()) {
      plan.kind = SinkPlan::Kind::kTopic;
      plan.topic = sink.topic.value;
    } else if (sink.is_store()) {
      plan.kind = SinkPlan::Kind::kStore;
      plan.store = sink.store.value;
      plan.table = sink.table.value;
      plan.upsert = sink.effective_mode() == config::Mode::kUpsert;
      plan.deletes = sink.on_tombstone.value == config::OnTombstone::kDelete;
    }
    if (sink.key) {
      plan.key_mark = sink.key->mark;
      for (const auto& column : sink.key->columns) plan.key.push_back(column.value);
      plan.partition_columns = sink.key->partition.size();
    }
    return plan;
  }

  /// Cycles have been refused by load_project, so each round places at least one pipeline.
  static std::vector<PipelinePlan> upstream_first(std::vector<PipelinePlan> waiting) {
    std::vector<PipelinePlan> ordered;
    while (!waiting.empty()) {
      std::set<std::string> to_be_written;
      for (const PipelinePlan& plan : waiting) {
        for (const SinkPlan& sink : plan.sinks) {
          if (sink.kind == SinkPlan::Kind::kTopic) to_be_written.insert(sink.topic);
        }
      }
      auto ready = std::find_if(waiting.begin(), waiting.end(), [&](const PipelinePlan& plan) {
        return !plan.input_topic() || !to_be_written.contains(*plan.input_topic());
      });
      if (ready == waiting.end()) ready = waiting.begin();
      ordered.push_back(std::move(*ready));
      waiting.erase(ready);
    }
    return ordered;
  }

  const config::ProjectFiles& files_;
  config::Diagnostics& diagnostics_;
  std::string directory_;
};

}  // namespace

ProjectPlan make_plan(const config::ProjectFiles& files, config::Diagnostics& diagnostics) {
  return Planner(files, diagnostics).plan();
}

std::vector<LanePlan> PipelinePlan::lanes() const {
  std::vector<LanePlan> out;
  LanePlan shared{LanePlan::kShared, {}};
  for (size_t i = 0; i < sinks.size(); ++i) {
    // A source that cannot be read again delivers to all its topics in one transaction.
    if (reads_topic() || sinks[i].kind == SinkPlan::Kind::kStore)
      out.push_back({sinks[i].id, {i}});
    else
      shared.sinks.push_back(i);
  }
  if (!shared.sinks.empty()) out.push_back(std::move(shared));
  return out;
}

std::string PipelinePlan::origin() const {
  const auto* component = std::get_if<ComponentSource>(&source);
  return component ? component->type + ":" + name : std::string();
}

const PipelinePlan* ProjectPlan::find(std::string_view name) const {
  for (const PipelinePlan& plan : pipelines) {
    if (plan.name == name) return &plan;
  }
  return nullptr;
}

std::vector<const PipelinePlan*> ProjectPlan::writers(std::string_view topic) const {
  std::vector<const PipelinePlan*> out;
  for (const PipelinePlan& plan : pipelines) {
    for (const SinkPlan& sink : plan.sinks) {
      if (sink.kind == SinkPlan::Kind::kTopic && sink.topic == topic) out.push_back(&plan);
    }
  }
  return out;
}

std::vector<const PipelinePlan*> ProjectPlan::readers(std::string_view topic) const {
  std::vector<const PipelinePlan*> out;
  for (const PipelinePlan& plan : pipelines)
    if (plan.input_topic() && *plan.input_topic() == topic) out.push_back(&plan);
  return out;
}

bool PipelinePlan::names_schemas() const {
  return reads_framed() || std::any_of(sinks.begin(), sinks.end(),
                                       [](const SinkPlan& sink) { return sink.schema != nullptr; });
}

bool ProjectPlan::names_schemas() const {
  return std::any_of(pipelines.begin(), pipelines.end(),
                     [](const PipelinePlan& plan) { return plan.names_schemas(); });
}

stream::TopicSpec ProjectPlan::topic_spec(const std::string& name) const {
  stream::TopicSpec spec;
  spec.name = name;
  if (auto it = topics.find(name); it != topics.end()) spec = it->second;
  const auto writing = writers(name);
  for (const PipelinePlan* writer : writing)
    for (const SinkPlan& sink : writer->sinks)
      if (sink.topic == name && sink.schema) spec.format = topic_format(*sink.schema);
  if (!writing.empty()) return spec;
  for (const PipelinePlan* reader : readers(name))
    if (reader->reads_framed()) spec.format = std::get<TopicSource>(reader->source).format;
  return spec;
}

}  // namespace leat::runtime
