// leat explain: what a pipeline is compiled to: columns read, types, query, target DDL, guarantees.
#include <algorithm>

#include "app/commands.h"
#include "app/console.h"
#include "app/local_api.h"
#include "app/project_env.h"
#include "io/file.h"
#include "log/embedded_log.h"
#include "runtime/compile.h"

namespace leat::app {
namespace {

server::Json columns(const types::Schema& schema) {
  server::Json out = server::Json::array();
  for (const auto& field : schema.fields) {
    out.push_back(
        {{"name", field.name}, {"type", field.type.to_sql()}, {"required", field.required}});
  }
  return out;
}

std::string guarantee(const runtime::PipelinePlan& plan, const runtime::SinkPlan& sink,
                      const runtime::StoreSet& stores) {
  using Kind = runtime::SinkPlan::Kind;
  if (sink.kind == Kind::kDiscard)
    return "rows are counted and thrown away; the position moves in the log";
  if (sink.kind == Kind::kTopic) {
    return plan.reads_topic()
               ? "effectively once: rows, dead letters and position in one log transaction"
               : "each record the source gives is committed once, with the source's cursor, in one "
                 "log transaction";
  }
  const stream::StoreType* type = stores.type(sink.store);
  return fmt::format("{}{}{}", type ? type->promise : "",
                     sink.upsert ? "; the highest version of a key wins" : "",
                     sink.deletes ? "; a null value deletes its key's row" : "");
}

Result<server::Json> explain_one(ProjectEnv& env, const runtime::PipelinePlan& plan,
                                 stream::Log* log, runtime::StoreSet& stores) {
  server::Json out = {{"pipeline", plan.name}, {"file", plan.file}};
  ASSIGN(std::optional<types::Schema> input, runtime::known_input(env.plan, plan, log));
  if (!input) {
    out["note"] = fmt::format(
        "the input's types are not known before a first record; `leat schema infer {}` writes them "
        "down",
        plan.name);
    return out;
  }
  ASSIGN(auto engine, runtime::open_engine(plan));
  ASSIGN(auto query, runtime::compile(*engine->engine, plan, *input));
  out["reads"] = columns(query->read_schema());
  out["output"] = columns(query->output());
  out["query"] = query->text();
  out["hash"] = runtime::pipeline_hash(plan, *engine, *query);
  out["sinks"] = server::Json::array();
  for (const runtime::SinkPlan& sink : plan.sinks) {
    server::Json entry = {
        {"sink", sink.id}, {"guarantee", guarantee(plan, sink, stores)}, {"key", sink.key}};
    if (sink.schema) {
      entry["schema"] = {{"file", sink.schema->file},
                         {"subject", runtime::subject_of(*sink.schema, sink.topic)},
                         {"format", runtime::topic_format(*sink.schema)}};
    }
    if (sink.kind == runtime::SinkPlan::Kind::kStore) {
      auto store = stores.open(sink.store);
      if (store) {
        auto made = (*store)->make_sink(runtime::sink_table(env.plan, plan, sink, query->output()));
        if (!made) return std::move(made).error().at("sink " + sink.id);
        ASSIGN(std::string ddl, (*made)->ddl());
        entry["ddl"] = ddl;
      } else {
        entry["note"] = "its table is not shown: " + store.error().to_string();
      }
    }
    out["sinks"].push_back(std::move(entry));
  }
  return out;
}

std::string text_of(const server::Json& json) {
  std::string text = fmt::format("pipeline {} ({})\n", json["pipeline"].get<std::string>(),
                                 json["file"].get<std::string>());
  if (json.contains("note")) return text + "  " + json["note"].get<std::string>() + "\n";
  auto list = [&](const char* title, const server::Json& fields) {
    text += fmt::format("\n{}\n", title);
    for (const auto& field : fields) {
      text += fmt::format("  {:<24} {}{}\n", field["name"].get<std::string>(),
                          field["type"].get<std::string>(),
                          field["required"].get<bool>() ? "  required" : "");
    }
  };
  list("reads", json["reads"]);
  list("output", json["output"]);
  text += "\ncompiled query\n" + json["query"].get<std::string>() + "\n";
  for (const auto& sink : json["sinks"]) {
    text += fmt::format("\nsink {}\n  {}\n", sink["sink"].get<std::string>(),
                        sink["guarantee"].get<std::string>());
    if (sink.contains("schema"))
      text += fmt::format("  {}, registered as {}\n", sink["schema"]["file"].get<std::string>(),
                          sink["schema"]["subject"].get<std::string>());
    if (sink.contains("ddl")) text += sink["ddl"].get<std::string>() + "\n";
    if (sink.contains("note")) text += "  " + sink["note"].get<std::string>() + "\n";
  }
  return text + fmt::format("\nhash {}\n", json["hash"].get<std::string>());
}

Result<int> explain(const GlobalOptions& options, const std::vector<std::string>& names) {
  ASSIGN(auto env, open_project(options));
  TRY(check_names(env->plan, names));
  std::unique_ptr<log::EmbeddedLog> log;
  log::Options read_only;
  read_only.read_only = true;
  if (io::is_directory(log_directory(env->data_dir))) {
    auto opened = log::EmbeddedLog::open(log_directory(env->data_dir), read_only);
    if (opened) log = std::move(*opened);  // held by a run: explained without its samples
  }
  runtime::StoreSet stores(env->plan, env->components,
                           store_context(env->plan, env->data_dir, env->environment, env->metrics));
  server::Json all = server::Json::array();
  for (const runtime::PipelinePlan& plan : env->plan.pipelines) {
    if (!names.empty() && std::find(names.begin(), names.end(), plan.name) == names.end()) continue;
    auto one = explain_one(*env, plan, log.get(), stores);
    if (!one) return std::move(one).error().at("pipeline " + plan.name);
    if (options.format() != Format::kJson) TRY(print(text_of(*one)));
    all.push_back(std::move(*one));
  }
  if (options.format() == Format::kJson) TRY(print(all.dump(2) + "\n"));
  return 0;
}

}  // namespace

void add_explain(Cli& cli) {
  auto names = std::make_shared<std::vector<std::string>>();
  cli.add("explain", "Show what pipelines compile to: columns read, types, query, DDL, guarantees",
          "leat explain users_capture\nleat explain --output json",
          [&cli, names] { return explain(cli.options(), *names); })
      .add_option("pipeline", *names, "Pipelines; all when none is named")
      .type_name("PIPELINE");
}

}  // namespace leat::app
