#include "app/cli.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>

#include "app/console.h"
#include "app/logging.h"
#include "base/strings.h"
#include "base/version.h"

namespace leat::app {
namespace {

constexpr int kWrongArguments = 2;

/// Long and short names of an app's options, as typed.
void collect_options(const CLI::App& app, std::vector<std::string>& names) {
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
    for (const std::string& name : option->get_snames()) names.push_back("-" + name);
  }
}

std::string did_you_mean(std::string_view name, const std::vector<std::string>& names) {
  std::vector<std::string_view> views(names.begin(), names.end());
  auto near = nearest(name, views);
  return near ? fmt::format("; did you mean `{}`?", *near) : std::string();
}

/// "leat topics show".
std::string full_name(const CLI::App& app) {
  const CLI::App* parent = app.get_parent();
  return parent ? full_name(*parent) + " " + app.get_name() : app.get_name();
}

}  // namespace

Format GlobalOptions::format() const {
  if (output == "json") return Format::kJson;
  return output == "csv" ? Format::kCsv : Format::kTable;
}

Option Option::type_name(std::string name) {
  option_->type_name(std::move(name));
  return *this;
}

Option Option::required() {
  option_->required();
  return *this;
}

Option Option::group(const std::string& name) {
  option_->group(name);
  return *this;
}

Option Option::show_default() {
  option_->capture_default_str();
  return *this;
}

Option Option::one_of(std::vector<std::string> values) {
  option_->check(CLI::IsMember(std::move(values)));
  return *this;
}

Option Option::whole_number(int64_t least, int64_t most) {
  option_->check(CLI::Validator(
      [least, most](const std::string& text) -> std::string {
        int64_t value = 0;
        const char* end = text.data() + text.size();
        auto [at, error] = std::from_chars(text.data(), end, value);
        if (error == std::errc() && at == end && value >= least && value <= most) return {};
        return fmt::format("expected a whole number {}, found `{}`",
                           most == INT64_MAX ? fmt::format("of at least {}", least)
                                             : fmt::format("from {} to {}", least, most),
                           text);
      },
      most == INT64_MAX ? std::string() : fmt::format("{}..{}", least, most)));
  return *this;
}

Option Command::add_option(std::string names, std::string& value, std::string what) {
  return Option(*app_->add_option(std::move(names), value, std::move(what)));
}

Option Command::add_option(std::string names, std::vector<std::string>& value, std::string what) {
  const bool by_place = !names.starts_with('-');
  CLI::Option* option = app_->add_option(std::move(names), value, std::move(what));
  return Option(*option->allow_extra_args(by_place));
}

Option Command::add_option(std::string names, int& value, std::string what) {
  return Option(*app_->add_option(std::move(names), value, std::move(what)));
}

Option Command::add_option(std::string names, int64_t& value, std::string what) {
  return Option(*app_->add_option(std::move(names), value, std::move(what)));
}

Option Command::add_option(std::string names, uint64_t& value, std::string what) {
  return Option(*app_->add_option(std::move(names), value, std::move(what)));
}

Option Command::add_flag(std::string names, bool& value, std::string what) {
  return Option(*app_->add_flag(std::move(names), value, std::move(what)));
}

Cli::Cli()
    : root_(std::make_unique<CLI::App>(
          "Real-time data pipelines in one program: capture, validate, transform, store.",
          "leat")) {
  root_->set_version_flag("--version", "leat " + std::string(version()));
  root_->require_subcommand(1);
  root_->get_formatter()->column_width(34);
  Command root(*root_);
  auto add_option = [&root](const char* name, std::string& into, const char* what) {
    return root.add_option(name, into, what).group("Global options");
  };
  add_option("--project", options_.project, "Directory of leat.yaml")
      .type_name("DIR")
      .show_default();
  add_option("--profile", options_.profile, "Profile of leat.yaml (default: local)")
      .type_name("NAME");
  add_option("--data", options_.data, "Where data is kept (default: .leat/PROFILE in the project)")
      .type_name("DIR");
  add_option("--output", options_.output, "How lists and results are written")
      .one_of({"table", "json", "csv"})
      .type_name("table|json|csv")
      .show_default();
  add_option("--log-level", options_.log_level,
             "Least level that is logged (default: info in run, else warn)")
      .one_of({"trace", "debug", "info", "warn", "error", "off"})
      .type_name("trace|debug|info|warn|error|off");
  add_option("--log-format", options_.log_format, "How log lines are written")
      .one_of({"text", "json"})
      .type_name("text|json")
      .show_default();
  add_option("--log-file", options_.log_file, "Log there, not on stderr").type_name("FILE");
  root.add_flag("--no-color", options_.no_color, "No colours on a terminal")
      .group("Global options");
}

Cli::~Cli() = default;

Command Cli::add(std::string name, std::string summary, std::string examples, Action action) {
  return add(Command(*root_), std::move(name), std::move(summary), std::move(examples),
             std::move(action));
}

Command Cli::add_group(std::string name, std::string summary) {
  CLI::App* app = root_->add_subcommand(std::move(name), std::move(summary));
  app->fallthrough();
  app->require_subcommand(1);
  return Command(*app);
}

Command Cli::add(Command group, std::string name, std::string summary, std::string examples,
                 Action action) {
  CLI::App* app = group.app().add_subcommand(std::move(name), std::move(summary));
  app->fallthrough();
  std::string footer = "\nExamples:\n";
  for (size_t at = 0; at < examples.size();) {
    size_t end = std::min(examples.find('\n', at), examples.size());
    footer += "  " + examples.substr(at, end - at) + "\n";
    at = end + 1;
  }
  app->footer(footer + "\nOptions of every command: leat --help");
  // Run after parsing, so that no error of ours passes through CLI11.
  app->callback([this, action = std::move(action)] { chosen_ = action; });
  return Command(*app);
}

CLI::App& Cli::deepest() {
  CLI::App* app = root_.get();
  while (!app->get_subcommands().empty()) app = app->get_subcommands().front();
  return *app;
}

int Cli::help(const CLI::App& app, bool asked) {
  const std::string text = app.help(app.get_parent() ? full_name(*app.get_parent()) : "");
  if (asked) return print(text) ? 0 : 1;
  fmt::print(stderr, "{}", text);
  return kWrongArguments;
}

int Cli::explain(const CLI::ParseError& error) {
  CLI::App& app = deepest();
  const std::vector<std::string> rest = root_->remaining(true);
  const bool color = use_color(options_.no_color);
  std::string what;
  if (rest.empty() && !app.get_subcommands({}).empty()) return help(app, false);
  if (rest.empty()) {
    what = error.what();
  } else if (rest.front().starts_with('-')) {
    std::vector<std::string> names;
    for (const CLI::App* each = &app; each; each = each->get_parent())
      collect_options(*each, names);
    std::string name = rest.front().substr(0, rest.front().find('='));
    what = fmt::format("unknown option `{}`{}", name, did_you_mean(name, names));
  } else {
    std::vector<std::string> names;
    for (const CLI::App* sub : app.get_subcommands({})) names.push_back(sub->get_name());
    what = fmt::format("{} `{}`{}", names.empty() ? "unexpected argument" : "unknown command",
                       rest.front(), did_you_mean(rest.front(), names));
  }
  return report(Error(ErrorCode::kInvalidArgument, what)
                    .with_hint(fmt::format("see `{} --help`", full_name(app))),
                color);
}

int Cli::run(int argc, const char* const* argv) {
  try {
    root_->parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    return help(deepest(), true);
  } catch (const CLI::CallForVersion&) {
    return print(fmt::format("leat {}\n", version())) ? 0 : 1;
  } catch (const CLI::ParseError& error) {
    return explain(error);
  }
  CHECK(chosen_ != nullptr, "{} has no action", full_name(deepest()));
  const bool color = use_color(options_.no_color);
  if (auto ready = start_logging(options_, deepest().get_name() == "run"); !ready)
    return report(ready.error(), color);
  auto code = chosen_();
  return code ? *code : report(code.error(), color);
}

int report(const Error& error, bool color) {
  constexpr const char *kRed = "\x1b[31m", *kPlain = "\x1b[0m";
  fmt::print(stderr, "{}leat: {}{}\n", color ? kRed : "", color ? kPlain : "",
             printable(error.to_string(), true));
  return exit_code(error);
}

}  // namespace leat::app
