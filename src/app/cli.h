// Cli: the frame of the command line: global options, commands, help, errors, exit codes.
//
// Each command is one file, command_NAME.cc, with one function that adds it; commands.h is the
// list. Results go to stdout, diagnostics to stderr. Exit codes: 0 done, 1 failed at run time, 2
// the user's files or arguments are wrong, 3 something outside could not be reached. CLI11 and its
// exceptions stay in cli.cc, and with its App in the two files that list all commands: its header is
// expensive to compile.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "app/table.h"
#include "base/result.h"

namespace CLI {
class App;
class Option;
class ParseError;
}  // namespace CLI

namespace leat::app {

/// What every command takes, before or behind its name.
struct GlobalOptions {
  std::string project = ".";  // directory of leat.yaml
  std::string profile;        // empty: the first one, `local`
  std::string data;           // empty: .leat/PROFILE in the project
  std::string output = "table";
  std::string log_level;  // empty: info for `run`, else warn
  std::string log_format = "text";
  std::string log_file;  // empty: stderr
  bool no_color = false;

  Format format() const;
};

/// An option or argument of a command, to say more of. A handle: copies are the same option.
class Option {
 public:
  explicit Option(CLI::Option& option) : option_(&option) {}

  /// What stands for the value in --help: "FILE", "DIR", "a|b".
  Option type_name(std::string name);
  Option required();
  /// The heading that it stands under in --help.
  Option group(const std::string& name);
  /// --help shows the value that it has now.
  Option show_default();
  /// Only these values.
  Option one_of(std::vector<std::string> values);
  /// Only a whole number in [least, most].
  Option whole_number(int64_t least, int64_t most = INT64_MAX);

 private:
  CLI::Option* option_;
};

/// A command, to give options to. A handle: copies are the same command.
class Command {
 public:
  explicit Command(CLI::App& app) : app_(&app) {}

  /// `names`: "topic" for an argument by place, "--from" or "-o,--out" for an option. `value` is
  /// written while the command line is parsed and must live until the action has run.
  Option add_option(std::string names, std::string& value, std::string what);
  /// By place it takes all that follow; as an option one value, each time that it is given.
  Option add_option(std::string names, std::vector<std::string>& value, std::string what);
  Option add_option(std::string names, int& value, std::string what);
  Option add_option(std::string names, int64_t& value, std::string what);
  Option add_option(std::string names, uint64_t& value, std::string what);
  Option add_flag(std::string names, bool& value, std::string what);

  CLI::App& app() const { return *app_; }

 private:
  CLI::App* app_;
};

class Cli {
 public:
  /// What a command does: its exit code, or an Error that the frame prints.
  using Action = std::function<Result<int>()>;

  Cli();
  ~Cli();
  Cli(const Cli&) = delete;
  Cli& operator=(const Cli&) = delete;

  /// Read it inside actions: it is filled by then.
  const GlobalOptions& options() const { return options_; }
  CLI::App& root() { return *root_; }

  /// Adds a command. `examples`: lines of "leat …", shown by --help.
  Command add(std::string name, std::string summary, std::string examples, Action action);
  /// Adds a command that only groups others.
  Command add_group(std::string name, std::string summary);
  /// Adds a command below a group.
  Command add(Command group, std::string name, std::string summary, std::string examples,
              Action action);

  /// Parses, runs the command and prints its error; the exit code. Once.
  int run(int argc, const char* const* argv);

 private:
  int explain(const CLI::ParseError& error);
  int help(const CLI::App& app, bool asked);
  CLI::App& deepest();

  std::unique_ptr<CLI::App> root_;
  GlobalOptions options_;
  Action chosen_;
};

/// "leat: cannot …; do …" on stderr, in colour on a terminal; the exit code that belongs to it.
int report(const Error& error, bool color);

/// Everybody's commands in one visible list: commands.cc.
void add_all_commands(Cli& cli);

}  // namespace leat::app
