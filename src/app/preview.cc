#include "app/preview.h"

#include <cstdio>

#include "app/console.h"
#include "app/local_api.h"
#include "app/project_registry.h"
#include "codec/text.h"
#include "io/file.h"
#include "log/embedded_log.h"
#include "runtime/compile.h"
#include "runtime/input.h"
#include "runtime/transformer.h"

namespace leat::app {
namespace {

/// The types of a pipeline's records, and its input from the beginning.
struct Opened {
  types::Schema schema;
  std::unique_ptr<runtime::LaneInput> input;
  // Of a topic with registered schemas.
  runtime::TopicSchemaPointer reader;
  std::shared_ptr<runtime::WriterSchemas> writers;
};

Result<Opened> open_input(ProjectEnv& env, const runtime::PipelinePlan& plan, stream::Log* log,
                          runtime::Services& services, std::stop_token stop) {
  auto input = [&]() -> Result<std::unique_ptr<runtime::LaneInput>> {
    if (const std::string* name = plan.input_topic()) {
      if (!log) {
        return Error(ErrorCode::kNotFound, fmt::format("topic {} has no records yet", *name))
            .with_hint("preview the pipeline that writes it, or `leat run` first");
      }
      ASSIGN(stream::TopicInfo topic, log->topics().find(*name));
      return runtime::make_topic_input(*log, topic, {}, plan.batch, "");
    }
    ASSIGN(auto source, runtime::open_source(env.plan, plan, services));
    runtime::SourceInputOptions options;
    options.drain = true;
    return runtime::make_source_input(std::move(source), services.clock, runtime::IdWindow(),
                                      std::move(options));
  };
  Opened opened;
  if (plan.reads_framed()) {
    opened.reader = plan.reader();
    if (!opened.reader) {
      ASSIGN(auto newest, runtime::newest_schema(*services.schemas, *plan.input_topic()));
      opened.reader = std::make_shared<const runtime::TopicSchema>(std::move(newest));
    }
    opened.schema = opened.reader->columns;
    opened.writers = std::make_shared<runtime::WriterSchemas>(*services.schemas, services.clock,
                                                              *plan.input_topic() + "-value");
    ASSIGN(auto framed, input());
    std::shared_ptr<runtime::WriterSchemas> keys;
    if (std::get<runtime::TopicSource>(plan.source).registered_keys())
      keys = std::make_shared<runtime::WriterSchemas>(*services.schemas, services.clock,
                                                      *plan.input_topic() + "-key",
                                                      runtime::RecordPart::kKey);
    opened.input = runtime::make_schema_input(std::move(framed), services.clock, opened.writers,
                                              std::move(keys));
    return opened;
  }
  ASSIGN(std::optional<types::Schema> known, runtime::known_input(env.plan, plan, log));
  if (known) {
    opened.schema = std::move(*known);
  } else {
    ASSIGN(auto sample, input());
    runtime::InputBatch batch;
    ASSIGN(bool some, sample->next(batch, stop, std::chrono::milliseconds(limits::kSqlDeadlineMs)));
    std::vector<std::string_view> texts;
    if (some) {
      for (const stream::Record& record : batch.records.records) {
        if (record.value) texts.push_back(*record.value);
      }
    }
    ASSIGN(opened.schema, types::infer_schema(texts));
  }
  ASSIGN(opened.input, input());
  return opened;
}

Result<void> show_rows(ProjectEnv& env, const runtime::PipelinePlan& plan, stream::Log* log,
                       runtime::Services& services, int64_t wanted, Format format,
                       std::stop_token stop) {
  ASSIGN(Opened opened, open_input(env, plan, log, services, stop));
  ASSIGN(auto engine, runtime::open_engine(plan));
  ASSIGN(auto query, runtime::compile(*engine->engine, plan, opened.schema));
  std::unique_ptr<stream::Decoder> decoder;
  if (opened.writers) {
    decoder = runtime::make_framed_decoder(*query, opened.reader, opened.writers);
  } else {
    ASSIGN(decoder, runtime::make_decoder(plan, *query, opened.schema));
  }
  std::vector<std::string> names;
  for (const auto& field : query->output().fields) names.push_back(field.name);
  std::unique_ptr<runtime::Tombstones> tombstones;
  if (const runtime::SinkPlan* sink = runtime::deleting_sink(plan)) {
    ASSIGN(tombstones, runtime::make_tombstones(query->output(), *sink));
  }
  runtime::Transformer transformer(plan, std::move(query), std::move(decoder), {}, true,
                                   std::move(tombstones));
  Table table(names);
  int64_t rejected = 0, rows = 0, deletes = 0;
  std::string first_reject;
  while (rows < wanted && !stop.stop_requested()) {
    runtime::Outcome outcome;
    ASSIGN(bool some, opened.input->next(outcome.input, stop, std::chrono::seconds(1)));
    if (!some) {
      std::string trouble = opened.input->trouble();
      if (!trouble.empty()) return Error(ErrorCode::kUnavailable, trouble);
      break;
    }
    TRY(transformer.run(outcome));
    rejected += outcome.delta.rejected;
    deletes += static_cast<int64_t>(outcome.deletes.rows());
    if (first_reject.empty() && !outcome.rejects.empty())
      first_reject = outcome.rejects.front().message;
    for (const types::Batch& chunk : outcome.query.chunks) {
      for (size_t row = 0; row < chunk.rows && rows < wanted; ++row, ++rows) {
        std::vector<Cell> cells;
        for (const types::Vector& column : chunk.columns) {
          std::string text;
          if (!column.valid(row)) {
            cells.emplace_back();
            continue;
          }
          codec::append_text(column, row, text);
          cells.emplace_back(std::move(text));
        }
        table.add(std::move(cells));
      }
    }
  }
  if (format == Format::kTable)
    TRY(print(fmt::format("pipeline {} ({} rows, sinks off)\n", plan.name, rows)));
  TRY(print(table.render(format, terminal_width())));
  if (deletes > 0)
    std::fputs(
        fmt::format("{} null {} a row\n", deletes, deletes == 1 ? "value deletes" : "values delete")
            .c_str(),
        stderr);
  if (rejected > 0) {
    const std::string were =
        rejected == 1 ? "1 record was" : fmt::format("{} records were", rejected);
    std::fputs(
        fmt::format("{} rejected, the first: {}\n", were, printable(first_reject, false)).c_str(),
        stderr);
  }
  return {};
}

}  // namespace

Result<int> preview(ProjectEnv& env, const std::vector<std::string>& pipelines, int64_t rows,
                    Format format, std::stop_token stop) {
  log::Options scratch;
  scratch.in_memory = true;
  ASSIGN(auto memory, log::EmbeddedLog::open("", scratch));
  std::unique_ptr<log::EmbeddedLog> log;
  if (io::is_directory(log_directory(env.data_dir))) {
    log::Options read_only;
    read_only.read_only = true;
    ASSIGN(log, log::EmbeddedLog::open(log_directory(env.data_dir), read_only));
  }
  runtime::StoreSet stores(env.plan, env.components, {});
  runtime::Services services{io::system_clock(), *memory,        env.components, stores,
                             env.metrics,        env.environment};
  ASSIGN(auto registry, ProjectRegistry::open(env.plan.registry, log.get(), env.data_dir));
  services.schemas = &registry->catalog();
  for (const runtime::PipelinePlan& plan : env.plan.pipelines) {
    const bool named = std::find(pipelines.begin(), pipelines.end(), plan.name) != pipelines.end();
    if (!pipelines.empty() && !named) continue;
    auto shown = show_rows(env, plan, log.get(), services, rows, format, stop);
    if (!shown) return std::move(shown).error().at("pipeline " + plan.name);
  }
  return 0;
}

}  // namespace leat::app
