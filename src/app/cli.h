// Cli: the frame of the command line: global options, commands, help, errors, exit codes.
//
// Each command is one file, command_NAME.cc, with one function that adds it; commands.h is the
// list. Results go to stdout, diagnostics to stderr. Exit codes: 0 done, 1 failed at run time, 2
// the user's files or arguments are wrong, 3 something outside could not be reached. CLI11 and its
// exceptions stay in this folder.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "app/table.h"
#include "base/result.h"

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

class Cli {
 public:
  /// What a command does: its exit code, or an Error that the frame prints.
  using Action = std::function<Result<int>()>;

  Cli();
  Cli(const Cli&) = delete;
  Cli& operator=(const Cli&) = delete;

  /// Read it inside actions: it is filled by then.
  const GlobalOptions& options() const { return options_; }
  CLI::App& root() { return root_; }

  /// Adds a command. `examples`: lines of "leat …", shown by --help. The returned App takes its
  /// options.
  CLI::App& add(std::string name, std::string summary, std::string examples, Action action);
  /// Adds a command that only groups others.
  CLI::App& add_group(std::string name, std::string summary);
  /// Adds a command below a group.
  CLI::App& add(CLI::App& group, std::string name, std::string summary, std::string examples,
                Action action);

  /// Parses, runs the command and prints its error; the exit code. Once.
  int run(int argc, const char* const* argv);

 private:
  int explain(const CLI::ParseError& error);
  int help(const CLI::App& app, bool asked);
  CLI::App& deepest();

  CLI::App root_;
  GlobalOptions options_;
  Action chosen_;
};

/// For the check() of an option: a whole number in [least, most].
CLI::Validator whole_number(int64_t least, int64_t most = INT64_MAX);

/// "leat: cannot …; do …" on stderr, in colour on a terminal; the exit code that belongs to it.
int report(const Error& error, bool color);

/// Everybody's commands in one visible list: commands.cc.
void add_all_commands(Cli& cli);

}  // namespace leat::app
