// leat test [PATH]: the tests of a project, or of every project below PATH, in memory.
// (Not command_test.cc: files of that ending are unit tests.)
#include <algorithm>
#include <cstdio>

#include "app/commands.h"
#include "app/console.h"
#include "app/test_runner.h"
#include "io/file.h"
#include "server/json.h"

namespace leat::app {
namespace {

constexpr int kMaxDepth = 8;

/// Folders with a leat.yaml, sorted; what lies below one belongs to it.
Result<void> find_projects(const std::string& path, int depth, std::vector<std::string>& found) {
  if (io::exists(path + "/leat.yaml")) {
    found.push_back(path);
    return {};
  }
  if (depth == 0 || !io::is_directory(path)) return {};
  ASSIGN(std::vector<std::string> names, io::list_directory(path));
  for (const std::string& name : names) {
    if (!name.starts_with('.')) TRY(find_projects(path + "/" + name, depth - 1, found));
  }
  return {};
}

struct Totals {
  int64_t passed = 0, failed = 0;
  bool wrong_files = false;
  server::Json cases = server::Json::array();
};

/// `prefix`: which project a case is of, when there are several.
Result<void> show(const CaseResult& result, const std::string& prefix, bool color) {
  const char* green = color ? "\x1b[32m" : "";
  const char* red = color ? "\x1b[31m" : "";
  const char* plain = color ? "\x1b[0m" : "";
  const std::string name =
      fmt::format("{}{}: {}", prefix, result.pipeline, printable(result.name, false));
  if (result.passed()) return print(fmt::format("{}ok{} {}\n", green, plain, name));
  std::string text = fmt::format("{}FAILED{} {} ({})\n", red, plain, name, result.file);
  for (const std::string& line : result.differences) text += "  " + printable(line, true) + "\n";
  return print(text);
}

Result<void> run_project(GlobalOptions options, const std::string& project, bool several,
                         Totals& totals) {
  options.project = project;
  LoadedProject loaded = load_project_env(options, config::Environment::Missing::kWarn);
  config::Diagnostics& diagnostics = loaded.diagnostics;
  std::vector<config::TestFile> tests;
  if (loaded.env && diagnostics.ok()) {
    tests = config::load_tests(loaded.env->files, loaded.env->environment, stream::file_access(),
                               diagnostics);
  }
  if (!diagnostics.ok()) {
    diagnostics.sort();
    fmt::print(stderr, "{}", diagnostics.to_string());
    totals.wrong_files = true;
    return {};
  }
  if (tests.empty()) {
    fmt::print(stderr,
               "{}/tests: no tests; a file there says `pipeline: NAME` and `cases: [{{name, input, "
               "expect}}]`\n",
               project);
    totals.wrong_files = true;
    return {};
  }
  const bool json = options.format() == Format::kJson;
  const bool color = stdout_is_terminal() && use_color(options.no_color);
  for (const config::TestFile& file : tests) {
    auto results = run_test_file(*loaded.env, file);
    if (!results) {
      fmt::print(stderr, "{}: pipeline {}: {}\n", file.file, file.pipeline.value,
                 results.error().to_string());
      totals.wrong_files = true;
      continue;
    }
    for (const CaseResult& result : *results) {
      ++(result.passed() ? totals.passed : totals.failed);
      if (json) {
        totals.cases.push_back({{"project", loaded.env->plan.project},
                                {"file", result.file},
                                {"pipeline", result.pipeline},
                                {"case", result.name},
                                {"passed", result.passed()},
                                {"differences", result.differences}});
      } else {
        TRY(show(result, several ? loaded.env->plan.project + "/" : "", color));
      }
    }
  }
  return {};
}

Result<int> test(const GlobalOptions& options, const std::string& path) {
  const std::string root = path.empty() ? options.project : path;
  std::vector<std::string> projects;
  TRY(find_projects(root, kMaxDepth, projects));
  if (projects.empty()) {
    return Error(ErrorCode::kNotFound, fmt::format("{}: no leat.yaml there or below", root))
        .with_hint("name the folder of a project, or a folder of projects");
  }
  Totals totals;
  for (const std::string& project : projects)
    TRY(run_project(options, project, projects.size() > 1, totals));
  if (options.format() == Format::kJson) {
    const server::Json all = {
        {"passed", totals.passed}, {"failed", totals.failed}, {"cases", totals.cases}};
    TRY(print(all.dump(2, ' ', false, server::Json::error_handler_t::replace) + "\n"));
  } else {
    TRY(print(fmt::format("{} passed, {} failed\n", totals.passed, totals.failed)));
  }
  if (totals.wrong_files) return 2;
  return totals.failed > 0 ? 1 : 0;
}

}  // namespace

void add_test(Cli& cli) {
  auto path = std::make_shared<std::string>();
  cli.add("test", "Run the project's tests (tests/*.yaml) in memory",
          "leat test\nleat test examples/users\nleat test tests/golden",
          [&cli, path] { return test(cli.options(), *path); })
      .add_option("path", *path, "A project, or a folder of projects; the project without it")
      .type_name("PATH");
}

}  // namespace leat::app
