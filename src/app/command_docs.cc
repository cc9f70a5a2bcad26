// leat docs: what the code knows of itself, written down: JSON Schemas, OpenAPI, metrics and errors under
// contract/, the manual's reference under docs/reference/. Deterministic, so that `--check` can compare.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <map>

#include "app/commands.h"
#include "app/console.h"
#include "app/project_env.h"
#include "app/project_registry.h"
#include "components/all.h"
#include "config/writer.h"
#include "config/yaml.h"
#include "io/file.h"
#include "runtime/lane_metrics.h"
#include "server/backend.h"
#include "server/registry_reference.h"
#include "server/registry_users.h"

namespace leat::app {
namespace {

constexpr size_t kMaxFileBytes = 16 * limits::kMiB;  // of a file that is compared
constexpr std::string_view kMade = "<!-- Written by `leat docs`; do not edit. -->\n\n";

/// Path below the output folder, and content.
using Files = std::map<std::string, std::string>;

/// Text within a cell of a Markdown table.
std::string cell(std::string_view text) {
  std::string out;
  for (char c : text) {
    if (c == '|')
      out += "\\|";
    else if (c == '<')
      out += "&lt;";
    else
      out += c == '\n' ? ' ' : c;
  }
  return out;
}

Result<std::string> metrics_json(const stream::Registry& components) {
  metrics::Registry registry;
  const runtime::LaneMetrics lane(registry, "pipeline", "sink", {"rule"});
  const config::Environment environment = config::Environment::of_process(
      [](const std::string& path) { return io::read_file(path, limits::kMaxSecretBytes); },
      config::Environment::Missing::kWarn);
  // Components make theirs when they are made.
  for (const stream::SourceType* type : components.sources()) {
    config::Diagnostics diagnostics;
    auto node = config::parse_yaml(type->example_yaml, type->name, diagnostics);
    if (!node) return diagnostics.to_error();
    stream::SourceContext context;
    context.project = "project";
    context.pipeline = "pipeline";
    context.project_dir = ".";
    context.clock = &io::system_clock();
    context.environment = &environment;
    context.metrics = &registry;
    if (type->hosts) context.allowed_hosts = type->hosts(*node);
    auto made = type->make(*node, context);
    if (!made) return std::move(made).error().at("the example of source " + type->name);
  }
  server::Json all = server::Json::array();
  for (const metrics::Descriptor& metric : registry.descriptors()) {
    all.push_back({{"name", metric.name},
                   {"kind", metrics::to_string(metric.kind)},
                   {"unit", metrics::to_string(metric.unit)},
                   {"labels", metric.labels},
                   {"help", metric.help}});
  }
  return all.dump(2) + "\n";
}

std::string openapi_json() {
  const runtime::ProjectPlan plan;
  server::Backend backend;
  backend.plan = &plan;
  backend.clock = &io::system_clock();
  server::Api api;
  server::add_all(api, backend);
  std::string text = api.openapi();
  if (!text.ends_with('\n')) text += '\n';
  return text;
}

std::string errors_markdown() {
  std::string out = "# Errors\n\n" + std::string(kMade) +
                    "What can go wrong, by name. Names are the contract: programs decide by them, "
                    "never by the text.\n\n"
                    "## Codes\n\nOf commands (exit code) and of the HTTP API (`error.code`).\n\n"
                    "| code | exit code | again? |\n|---|---|---|\n";
  auto retry = [](Retry how) {
    switch (how) {
      case Retry::kNever:
        return "no: something must be changed first";
      case Retry::kBackoff:
        return "yes, after a while";
      case Retry::kReconnect:
        return "yes, after reconnecting";
      case Retry::kFatal:
        return "no: the process must be started anew";
    }
    return "";
  };
  for (int code = 0; code <= static_cast<int>(ErrorCode::kInternal); ++code) {
    const Error error(static_cast<ErrorCode>(code), "");
    out += fmt::format("| `{}` | {} | {} |\n", to_string(error.code()), exit_code(error),
                       retry(error.retry()));
  }
  out +=
      "\nExit codes: 0 done, 1 failed at run time, 2 the user's files or arguments are wrong, 3 "
      "something outside "
      "could not be reached.\n\n## Stages\n\nWhere a record was rejected.\n\n";
  for (int stage = 0; stage <= static_cast<int>(stream::Stage::kSink); ++stage) {
    out += fmt::format("- `{}`\n", to_string(static_cast<stream::Stage>(stage)));
  }
  out += "\n## Reasons\n\nWhy a record was rejected.\n\n";
  for (int reason = 0; reason <= static_cast<int>(stream::Reason::kSinkRefused); ++reason) {
    out += fmt::format("- `{}`\n", to_string(static_cast<stream::Reason>(reason)));
  }
  return out;
}

/// One component: what it promises, an example, its keys.
template <typename Type>
std::string component(const Type& type, const std::string& where) {
  std::string out =
      fmt::format("## {}\n\n{}\n\n**Guarantee.** {}\n\n```yaml\n{}:\n  {}:", type.name,
                  type.summary, type.guarantee, where, type.name);
  const std::string& example = type.example_yaml;
  const bool block = example.find('\n') != std::string::npos || !example.starts_with('{');
  out += block ? "\n" : " ";
  for (size_t at = 0; at < example.size();) {
    const size_t end = std::min(example.find('\n', at), example.size());
    out += (block && end > at ? "    " : "") + example.substr(at, end - at) + "\n";
    at = end + 1;
  }
  return out + "```\n\n" + config::markdown(*type.spec, 3) + "\n";
}

std::string default_of(const CLI::Option& option) {
  const std::string text = option.get_default_str();
  return text.empty() ? "" : fmt::format(" (default: `{}`)", text);
}

std::string option_table(const CLI::App& app) {
  std::string positionals, options;
  for (const CLI::Option* option : app.get_options()) {
    if (option->get_lnames().empty() && option->get_snames().empty()) {
      positionals +=
          fmt::format("| `{}` | {}{} |\n", cell(option->get_type_name()),
                      cell(option->get_description()), option->get_required() ? "" : " (optional)");
      continue;
    }
    std::string names;
    for (const std::string& name : option->get_snames())
      names += (names.empty() ? "-" : ", -") + name;
    for (const std::string& name : option->get_lnames())
      names += (names.empty() ? "--" : ", --") + name;
    const bool value = option->get_items_expected_max() > 0;
    if (value && !option->get_type_name().empty()) names += " " + option->get_type_name();
    if (option->check_lname("help")) continue;
    options += fmt::format("| `{}` | {}{} |\n", cell(names), cell(option->get_description()),
                           cell(default_of(*option)));
  }
  const std::string rows = positionals + options;
  return rows.empty() ? "" : "| argument | what it is |\n|---|---|\n" + rows + "\n";
}

void command(const CLI::App& app, const std::string& path, std::string& out) {
  const auto subs = app.get_subcommands({});
  out += fmt::format("## {}\n\n{}.\n\n", path, app.get_description());
  out += option_table(app);
  const std::string footer = app.get_footer();
  const size_t from = footer.find("  leat");
  const size_t to = footer.rfind("\nOptions of every");
  if (from != std::string::npos && to != std::string::npos && to > from) {
    out += "```sh\n";
    for (size_t at = from; at < to;) {
      const size_t end = std::min(footer.find('\n', at), to);
      std::string line = footer.substr(at, end - at);
      line.erase(0, std::min<size_t>(line.find_first_not_of(' '), line.size()));
      if (!line.empty()) out += line + "\n";
      at = end + 1;
    }
    out += "```\n\n";
  }
  for (const CLI::App* sub : subs) command(*sub, path + " " + sub->get_name(), out);
}

std::string cli_markdown(const CLI::App& root) {
  std::string out = "# Command line\n\n" + std::string(kMade) + root.get_description() +
                    "\n\n## Options of every command\n\n" + option_table(root);
  for (const CLI::App* sub : root.get_subcommands({}))
    command(*sub, "leat " + sub->get_name(), out);
  return out;
}

Result<Files> make_files(const CLI::App& root) {
  stream::Registry components;
  components::register_all(components, std::make_shared<components::DuckdbHub>());
  const config::Components described = components.components();
  Files files;
  files["contract/leat.schema.json"] = config::project_json_schema(described);
  files["contract/pipeline.schema.json"] = config::pipeline_json_schema(described);
  files["contract/openapi.json"] = openapi_json();
  ASSIGN(files["contract/metrics.json"], metrics_json(components));
  files["contract/errors.md"] = errors_markdown();

  std::string sources = "# Sources\n\n" + std::string(kMade) +
                        "What `source:` of a pipeline may name besides `topic`.\n\n";
  for (const stream::SourceType* type : components.sources()) sources += component(*type, "source");
  files["docs/reference/sources.md"] = std::move(sources);
  std::string stores = "# Stores\n\n" + std::string(kMade) +
                       "What `stores: {NAME: {KIND: {…}}}` of a profile may name.\n\n";
  for (const stream::StoreType* type : components.stores()) stores += component(*type, "serving");
  files["docs/reference/stores.md"] = std::move(stores);
  std::string logs =
      "# Logs\n\n" + std::string(kMade) +
      "What `log: {KIND: {…}}` of a profile may name. Without it the log is embedded, "
      "below the data directory.\n\n";
  for (const stream::LogType* type : components.logs()) logs += component(*type, "log");
  files["docs/reference/logs.md"] = std::move(logs);
  files["docs/reference/files.md"] =
      "# Files of a project\n\n" + std::string(kMade) + "## leat.yaml\n\n" +
      config::markdown(config::project_spec(), 3) + "\n## pipelines/NAME.yaml\n\n" +
      config::markdown(config::pipeline_spec(), 3) + "\n## tests/NAME.yaml\n\n" +
      config::markdown(config::test_spec(), 3) + "\n## Users of a schema registry\n\n" +
      "`leat registry --users FILE`, or `users` of a profile's `registry`.\n\n" +
      config::markdown(server::registry_users_spec(), 3);
  files["docs/reference/cli.md"] = cli_markdown(root);
  ASSIGN(const auto registry, ProjectRegistry::open({}, nullptr, ""));
  files["docs/reference/registry.md"] =
      "# REST of the schema registry\n\n" + std::string(kMade) +
      server::registry_reference(server::RegistryApi(*registry->embedded()));
  for (auto& [path, content] : files) {
    while (content.ends_with("\n\n")) content.pop_back();
    if (!content.ends_with('\n')) content += '\n';
  }
  return files;
}

Result<int> docs(const CLI::App& root, const std::string& directory, bool check) {
  ASSIGN(Files files, make_files(root));
  size_t differ = 0;
  for (const auto& [name, content] : files) {
    const std::string path = directory + "/" + name;
    auto there = io::read_file(path, kMaxFileBytes);
    if (there && *there == content) continue;
    if (check) {
      TRY(print(fmt::format("{}: {}\n", path, there ? "differs" : there.error().message())));
      ++differ;
      continue;
    }
    TRY(io::make_directories(path.substr(0, path.rfind('/'))));
    TRY(io::write_file_atomic(path, content));
    TRY(print(path + "\n"));
  }
  if (differ == 0) return 0;
  fmt::print(stderr,
             "leat: {} of {} files are not what the program says; `leat docs` writes them\n",
             differ, files.size());
  return 1;
}

}  // namespace

void add_docs(Cli& cli) {
  struct Args {
    std::string directory = ".";
    bool check = false;
  };
  auto args = std::make_shared<Args>();
  Command app =
      cli.add("docs", "Write the JSON Schemas, the OpenAPI document and the reference manual",
              "leat docs --out manual\nleat docs --check",
              [&cli, args] { return docs(cli.root(), args->directory, args->check); });
  app.add_option("--out", args->directory, "Folder that gets contract/ and docs/reference/")
      .type_name("DIR")
      .show_default();
  app.add_flag("--check", args->check, "Write nothing; exit 1 and name the files that differ");
}

}  // namespace leat::app
