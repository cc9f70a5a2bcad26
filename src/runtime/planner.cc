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
    std::vector<PipelinePlan> pipelines;
    for (const config::PipelineFile& file : files_.pipelines) pipelines.push_back(pipeline(file));
    plan.pipelines = upstream_first(std::move(pipelines));
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
      plan.source = TopicSource{file.source.topic.value, file.source.from};
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
    for (const config::SinkDecl& sink : file.sinks) plan.sinks.push_back(sink_plan(sink));
    if (file.batch.records) plan.page_records = static_cast<size_t>(*file.batch.records);
    if (file.batch.bytes) plan.page_bytes = static_cast<size_t>(*file.batch.bytes);
    plan.batch = {plan.page_records.value_or(limits::kDefaultBatchRecords),
                  plan.page_bytes.value_or(limits::kDefaultBatchBytes)};
    plan.batch_delay_ms = file.batch.delay_ms;
    plan.restart = file.restart;
    plan.dead_letter_retention_ms = file.dead_letter.retention_ms;
    return plan;
  }

  void read_schema(const config::PipelineFile& file, PipelinePlan& plan) {
    const auto& [relative, mark] = file.source.schema;
    if (relative.empty()) return;
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

stream::TopicSpec ProjectPlan::topic_spec(const std::string& name) const {
  if (auto it = topics.find(name); it != topics.end()) return it->second;
  stream::TopicSpec spec;
  spec.name = name;
  return spec;
}

}  // namespace leat::runtime
