// leat schema infer PIPELINE: writes the types of a pipeline's input down, to be committed and
// checked by lint.
#include "app/commands.h"
#include "app/console.h"
#include "app/session.h"
#include "io/file.h"

namespace leat::app {
namespace {

struct InferArgs {
  std::string pipeline, file;
  int64_t records = 500;
  bool force = false;
};

Result<int> infer(const GlobalOptions& options, const InferArgs& args) {
  // For writing: a source that is no topic is asked for a page, which a directory open for reading
  // does not allow.
  ASSIGN(Session session, open_session(options, true));
  const std::string path = fmt::format("/api/v1/pipelines/{}/schema", segment(args.pipeline));
  ASSIGN(Json answer, session.api.get(target(path, {{"records", std::to_string(args.records)}})));
  const std::string text =
      answer["schema"].dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
  if (args.file == "-") {
    TRY(print(text));
    return 0;
  }
  const std::string shown =
      args.file.empty() ? fmt::format("schemas/{}_input.json", args.pipeline) : args.file;
  // The default lies in the project, a path of the user's where he stands.
  const std::string project = options.project == "." ? "" : options.project + "/";
  const std::string file = args.file.empty() ? project + shown : shown;
  if (io::exists(file) && !args.force) {
    return Error(ErrorCode::kAlreadyExists, fmt::format("{} is there already", file))
        .with_hint("--force replaces it");
  }
  if (args.file.empty()) TRY(io::make_directories(project + "schemas"));
  TRY(io::write_file_atomic(file, text));
  TRY(print(fmt::format(
      "{}: the types of {} records; name it in the pipeline:\n\nsource:\n  schema: {}\n", file,
      server::dump(answer["records"]), shown)));
  return 0;
}

}  // namespace

void add_schema(Cli& cli) {
  Command group = cli.add_group("schema", "Schemas: what pipelines read, and what a registry has");
  auto args = std::make_shared<InferArgs>();
  Command app =
      cli.add(group, "infer", "Write the types of a pipeline's input down, from a sample of it",
              "leat schema infer users_capture\nleat schema infer users_store -o -",
              [&cli, args] { return infer(cli.options(), *args); });
  app.add_option("pipeline", args->pipeline, "The pipeline").type_name("PIPELINE").required();
  app.add_option("--records", args->records, "How many records are looked at")
      .type_name("N")
      .whole_number(1)
      .show_default();
  app.add_option("-o,--file", args->file,
                 "Where to; - is stdout (default: schemas/PIPELINE_input.json of the project)")
      .type_name("FILE");
  app.add_flag("--force", args->force, "Replace the file");
  add_schema_registry(cli, group);
  add_schema_check(cli, group);
  add_schema_diff(cli, group);
}

}  // namespace leat::app
