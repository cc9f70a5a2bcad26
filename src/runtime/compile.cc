#include "runtime/compile.h"

#include <algorithm>

#include "base/strings.h"
#include "codec/framed_decode.h"
#include "codec/json_decode.h"
#include "codec/json_encode.h"
#include "codec/keyed_encode.h"
#include "codec/schema_codec.h"
#include "io/digest.h"

namespace leat::runtime {
namespace {

sql::CompileInput compile_input(const PipelinePlan& plan, const types::Schema& input) {
  sql::CompileInput in;
  in.input = input;
  in.steps = plan.steps;
  for (const RulePlan& rule : plan.rules) in.rules.push_back({rule.name, rule.expect});
  for (const TablePlan& table : plan.tables) in.tables.push_back(table.name);
  return in;
}

std::vector<std::string_view> names_of(const types::Schema& schema) {
  std::vector<std::string_view> names;
  for (const auto& field : schema.fields) names.push_back(field.name);
  return names;
}

}  // namespace

Result<std::unique_ptr<LoadedEngine>> open_engine(const PipelinePlan& plan) {
  auto loaded = std::make_unique<LoadedEngine>();
  ASSIGN(loaded->engine, sql::Engine::open({}));
  for (const TablePlan& table : plan.tables) {
    if (table.kind == "store") {
      return Error(ErrorCode::kInvalidArgument,
                   "a lookup table from a store is not in this version")
          .with_hint(fmt::format(
              "export it first: `leat export {} FILE.parquet`, then `parquet: FILE.parquet`",
              table.value))
          .at(fmt::format("{}: tables.{}", plan.file, table.name));
    }
    auto hash = loaded->engine->load_table(table.name, table.value);
    if (!hash)
      return std::move(hash).error().at(fmt::format("{}: tables.{}", plan.file, table.name));
    loaded->table_hashes += table.name + "=" + *hash + "\n";
  }
  return loaded;
}

void report(const PipelinePlan& plan, const sql::CompileError& error,
            config::Diagnostics& diagnostics) {
  using Part = sql::CompileError::Part;
  config::Diagnostic out;
  out.message = error.message;
  out.hint = error.hint;
  if (error.part == Part::kStep && error.index < plan.step_nodes.size()) {
    out.mark = plan.step_nodes[error.index].inside(error.line, error.column);
    out.path = fmt::format("transform[{}].sql", error.index);
  } else if (error.part == Part::kRule && error.index < plan.rule_nodes.size()) {
    out.mark = plan.rule_nodes[error.index].inside(error.line, error.column);
    out.path = fmt::format("quality[{}].expect", error.index);
  } else {
    out.mark.file = std::make_shared<const std::string>(plan.file);
  }
  diagnostics.add(std::move(out));
}

std::unique_ptr<sql::Query> compile(sql::Engine& engine, const PipelinePlan& plan,
                                    const types::Schema& input, config::Diagnostics& diagnostics) {
  auto compiled = engine.compile(compile_input(plan, input));
  if (!compiled) {
    config::Mark mark;
    mark.file = std::make_shared<const std::string>(plan.file);
    diagnostics.error(mark, "transform", compiled.error().to_string());
    return nullptr;
  }
  for (const sql::CompileError& error : compiled->errors) report(plan, error, diagnostics);
  if (compiled->query) {
    check_keys(plan, compiled->query->output(), diagnostics);
    check_schemas(plan, compiled->query->output(), diagnostics);
  }
  return std::move(compiled->query);
}

void check_keys(const PipelinePlan& plan, const types::Schema& output,
                config::Diagnostics& diagnostics) {
  for (size_t i = 0; i < plan.sinks.size(); ++i) {
    bool found = true;
    for (const std::string& key : plan.sinks[i].key) {
      if (output.find(key)) continue;
      found = false;
      config::Diagnostic out;
      out.mark = plan.sinks[i].key_mark;
      out.path = fmt::format("sinks[{}].key", i);
      out.message = fmt::format("`{}` is not a column of the pipeline's output", key);
      auto names = names_of(output);
      if (auto near = nearest(key, names)) out.nearest = std::string(*near);
      std::vector<std::string> all(names.begin(), names.end());
      out.expected = "one of: " + join(all, ", ");
      diagnostics.add(std::move(out));
    }
    if (!found) continue;
    if (auto tombstones = make_tombstones(output, plan.sinks[i]); !tombstones)
      diagnostics.error(plan.sinks[i].key_mark, fmt::format("sinks[{}].on_tombstone", i),
                        tombstones.error().message(), tombstones.error().hint());
  }
}

namespace {

Result<std::vector<size_t>> key_columns(const types::Schema& output, const SinkPlan& sink) {
  std::vector<size_t> key;
  for (const std::string& name : sink.key) {
    auto column = output.find(name);
    if (!column)
      return Error(ErrorCode::kInvalidArgument, fmt::format("the key `{}` is not a column", name));
    key.push_back(*column);
  }
  return key;
}

/// Nothing: a header tells the schema.
std::optional<std::string> frame_of(const TopicSchema& schema, const codec::SchemaId& id) {
  if (schema.id_in == config::SchemaIdIn::kHeader) return std::nullopt;
  return codec::schema_frame(id);
}

/// Of the columns of the key, which must be in the order of the schema's fields: that of the text that readers have.
Result<std::unique_ptr<stream::Encoder>> make_key_encoder(const types::Schema& output,
                                                          const std::vector<size_t>& key,
                                                          const TopicSchema& schema,
                                                          std::optional<std::string> frame) {
  if (schema.columns.root_value)
    return Error(ErrorCode::kIncompatible,
                 "a JSON Schema of one value, and keys are written as objects")
        .with_hint(
            "name an object whose properties are the key's columns, or write the schema of one "
            "value in Avro: \"string\" in FILE.avsc");
  types::Schema columns;
  for (size_t column : key) columns.fields.push_back(output.fields[column]);
  ASSIGN(auto encoder, codec::make_schema_encoder(*schema.parsed, columns, {}, std::move(frame)));
  const auto& fields = schema.columns.fields;
  const bool same = fields.size() == columns.fields.size() &&
                    (codec::is_one_value(*schema.parsed) ||
                     std::equal(fields.begin(), fields.end(), columns.fields.begin(),
                                [](const auto& a, const auto& b) { return a.name == b.name; }));
  if (same) return encoder;
  std::vector<std::string> names;
  for (const types::Field& field : fields) names.push_back(field.name);
  return Error(ErrorCode::kIncompatible,
               "the key's columns are not just the schema's fields, in their order")
      .with_hint(fmt::format("key: [{}]", join(names, ", ")));
}

}  // namespace

void check_schemas(const PipelinePlan& plan, const types::Schema& output,
                   config::Diagnostics& diagnostics) {
  for (size_t i = 0; i < plan.sinks.size(); ++i) {
    const SinkPlan& sink = plan.sinks[i];
    if (!sink.schema) continue;
    auto encoder = codec::make_schema_encoder(*sink.schema->parsed, output, {}, {});
    if (!encoder)
      diagnostics.error(sink.schema->mark, fmt::format("sinks[{}].schema", i),
                        fmt::format("{}: {}", sink.schema->file, encoder.error().to_string()));
    auto key = key_columns(output, sink);
    if (!sink.key_schema || !key) continue;  // a key without a column has been told
    if (auto keys = make_key_encoder(output, *key, *sink.key_schema, {}); !keys)
      diagnostics.error(sink.key_schema->mark, fmt::format("sinks[{}].key_schema", i),
                        fmt::format("{}: {}", sink.key_schema->file, keys.error().message()),
                        keys.error().hint());
  }
}

Result<std::unique_ptr<sql::Query>> compile(sql::Engine& engine, const PipelinePlan& plan,
                                            const types::Schema& input) {
  config::Diagnostics diagnostics;
  auto query = compile(engine, plan, input, diagnostics);
  if (!diagnostics.ok()) return diagnostics.to_error();
  CHECK(query != nullptr);
  return query;
}

std::string pipeline_hash(const PipelinePlan& plan, const LoadedEngine& engine,
                          const sql::Query& query) {
  std::string text = query.text() + "\n" + engine.table_hashes;
  for (const SinkPlan& sink : plan.sinks)
    text += sink.id + ":" + join(sink.key, ",") + (sink.deletes ? ":deletes\n" : "\n");
  for (const RulePlan& rule : plan.rules)
    text += fmt::format("{}:{}\n", rule.name, static_cast<int>(rule.on_fail));
  return io::sha256_hex(text).substr(0, 32);
}

Result<std::optional<types::Schema>> known_input(const ProjectPlan& project,
                                                 const PipelinePlan& plan, stream::Log* log) {
  if (plan.input_schema) return std::optional(*plan.input_schema);
  if (auto reader = plan.reader()) return std::optional(reader->columns);
  if (const std::string* topic = plan.input_topic()) {
    auto writers = project.writers(*topic);
    if (!writers.empty()) return known_output(project, *writers.front(), log);
  }
  if (!log) return std::optional<types::Schema>();
  if (plan.reads_framed()) {
    ASSIGN(std::optional<std::string> taken,
           log->state(reader_state_key(project.project, plan.name)));
    if (!taken) return std::optional<types::Schema>();
    ASSIGN(TopicSchema reader, read_kept(*taken));
    return std::optional(std::move(reader.columns));
  }
  ASSIGN(std::optional<std::string> stored,
         log->state(schema_state_key(project.project, plan.name)));
  if (!stored) return std::optional<types::Schema>();
  ASSIGN(types::Schema schema, types::schema_from_json(*stored));
  return std::optional(std::move(schema));
}

Result<std::optional<types::Schema>> known_output(const ProjectPlan& project,
                                                  const PipelinePlan& plan, stream::Log* log) {
  ASSIGN(std::optional<types::Schema> input, known_input(project, plan, log));
  if (!input) return std::optional<types::Schema>();
  ASSIGN(auto engine, open_engine(plan));
  ASSIGN(auto query, compile(*engine->engine, plan, *input));
  return std::optional(query->output());
}

Result<std::unique_ptr<stream::Decoder>> make_decoder(const PipelinePlan& plan,
                                                      const sql::Query& query,
                                                      const types::Schema& input) {
  codec::JsonDecodeOptions options;
  options.borrow = true;  // an Outcome holds the records as long as their rows
  if (plan.validate_all) options.validate_all = input;
  return codec::make_json_decoder(query.read_schema(), options);
}

std::unique_ptr<stream::Decoder> make_framed_decoder(const sql::Query& query,
                                                     TopicSchemaPointer reader,
                                                     std::shared_ptr<const WriterSchemas> writers) {
  return codec::make_framed_decoder(
      [columns = query.read_schema(), reader = std::move(reader), writers = std::move(writers)](
          const codec::SchemaId& id,
          std::string_view indexes) -> Result<std::unique_ptr<stream::Decoder>> {
        ASSIGN(const auto writer, writers->find(id));
        auto decoder = codec::make_schema_decoder(*writer, *reader->parsed, columns, indexes);
        if (decoder) return decoder;
        return std::move(decoder).error().context(fmt::format("schema {}", schema_id_text(id)));
      });
}

Result<std::unique_ptr<stream::Encoder>> make_encoder(const types::Schema& output,
                                                      const SinkPlan& sink,
                                                      const codec::SchemaId& schema_id,
                                                      const codec::SchemaId& key_id) {
  ASSIGN(std::vector<size_t> key, key_columns(output, sink));
  if (!sink.schema) return codec::make_json_encoder(output, std::move(key));
  if (!sink.key_schema)
    return codec::make_schema_encoder(*sink.schema->parsed, output, std::move(key),
                                      frame_of(*sink.schema, schema_id));
  ASSIGN(auto value, codec::make_schema_encoder(*sink.schema->parsed, output, {},
                                                frame_of(*sink.schema, schema_id)));
  ASSIGN(auto of_key,
         make_key_encoder(output, key, *sink.key_schema, frame_of(*sink.key_schema, key_id)));
  return codec::make_keyed_encoder(std::move(value), std::move(of_key), output, std::move(key));
}

Result<std::unique_ptr<Tombstones>> make_tombstones(const types::Schema& output,
                                                    const SinkPlan& sink) {
  if (!sink.deletes) return std::unique_ptr<Tombstones>();
  return Tombstones::make(output, sink.key);
}

const SinkPlan* deleting_sink(const PipelinePlan& plan) {
  const auto sink = std::find_if(plan.sinks.begin(), plan.sinks.end(),
                                 [](const SinkPlan& each) { return each.deletes; });
  return sink == plan.sinks.end() ? nullptr : &*sink;
}

stream::SinkTable sink_table(const ProjectPlan& project, const PipelinePlan& plan,
                             const SinkPlan& sink, const types::Schema& output) {
  stream::SinkTable table;
  table.project = project.project;
  table.pipeline = plan.name;
  table.sink = sink.id;
  table.table = sink.table;
  table.schema = output;
  table.partition_columns = sink.partition_columns;
  table.deletes = sink.deletes;
  table.deletes_kept_ms = plan.dead_letter_retention_ms;
  for (const std::string& key : sink.key) {
    // In the table's own spelling: SQL names have no case.
    auto column = output.find(key);
    table.key.push_back(column ? output.fields[*column].name : key);
  }
  return table;
}

Result<std::unique_ptr<stream::Source>> open_source(const ProjectPlan& project,
                                                    const PipelinePlan& plan, Services& services) {
  const auto& component = std::get<ComponentSource>(plan.source);
  const stream::SourceType* type = services.components.source(component.type);
  if (!type) return Error(ErrorCode::kInternal, "no source component `" + component.type + "`");
  stream::SourceContext context;
  context.project = project.project;
  context.pipeline = plan.name;
  context.project_dir = project.directory;
  context.run_id = services.run_id;
  context.clock = &services.clock;
  context.seed = services.seed;
  if (type->hosts) context.allowed_hosts = type->hosts(component.config);
  context.environment = &services.environment;
  context.metrics = &services.metrics;
  context.page_records = plan.page_records;
  context.page_bytes = plan.page_bytes;
  context.skip_page = services.skip_page == plan.name;
  return type->make(component.config, context);
}

std::string schema_state_key(const std::string& project, const std::string& pipeline) {
  return "schema/" + project + "/" + pipeline;
}
std::string reader_state_key(const std::string& project, const std::string& pipeline) {
  return "reader/" + project + "/" + pipeline;
}
std::string id_state_prefix(const std::string& project, const std::string& pipeline) {
  return "ids/" + project + "/" + pipeline + "/";
}

}  // namespace leat::runtime
