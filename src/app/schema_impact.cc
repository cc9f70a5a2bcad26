#include "app/schema_impact.h"

#include "runtime/compile.h"

namespace leat::app {
namespace {

using runtime::PipelinePlan;
using runtime::TopicSchemaPointer;

/// The plan with `changed` wherever it has a schema of the subject; false: it has none.
bool change(PipelinePlan& plan, const std::string& subject, const TopicSchemaPointer& changed) {
  bool found = false;
  const auto replace = [&](TopicSchemaPointer& schema, const std::string& topic) {
    if (!schema || runtime::subject_of(*schema, topic) != subject) return;
    auto copy = std::make_shared<runtime::TopicSchema>(*changed);
    copy->mark = schema->mark;
    copy->of_keys = schema->of_keys;
    schema = std::move(copy);
    found = true;
  };
  for (runtime::SinkPlan& sink : plan.sinks) {
    replace(sink.schema, sink.topic);
    replace(sink.key_schema, sink.topic);
  }
  if (auto* source = std::get_if<runtime::TopicSource>(&plan.source))
    replace(source->schema, source->topic);
  return found;
}

}  // namespace

Result<size_t> schema_impact(ProjectEnv& env, const std::string& subject, const std::string& file,
                             schema::Catalog& catalog, const schema::SchemaText& changed,
                             config::Diagnostics& diagnostics) {
  ASSIGN(runtime::TopicSchema read, runtime::read_topic_schema(catalog, changed));
  read.file = file;
  const auto schema = std::make_shared<const runtime::TopicSchema>(std::move(read));
  size_t pipelines = 0;
  for (const PipelinePlan& original : env.plan.pipelines) {
    PipelinePlan plan = original;
    if (!change(plan, subject, schema)) continue;
    ++pipelines;
    ASSIGN(std::optional<types::Schema> input, runtime::known_input(env.plan, plan, nullptr));
    if (!input) continue;  // a first record will tell
    ASSIGN(auto engine, runtime::open_engine(plan));
    runtime::compile(*engine->engine, plan, *input, diagnostics);
  }
  return pipelines;
}

}  // namespace leat::app
