// Prompt: lines from a person with editing and history (libedit), or from a pipe without.
#pragma once

#include <memory>
#include <optional>
#include <string>

namespace leat::app {

/// One thread.
class Prompt {
 public:
  /// `history_file`: read now, written at the end; empty: none is kept.
  explicit Prompt(std::string history_file);
  ~Prompt();
  Prompt(const Prompt&) = delete;
  Prompt& operator=(const Prompt&) = delete;

  struct Line {
    std::string text;        // without its end
    bool abandoned = false;  // Ctrl-C: forget what was typed
  };
  /// nullopt at the end of input (Ctrl-D).
  std::optional<Line> read(const std::string& prompt);
  /// What ↑ brings back: a whole statement.
  void remember(const std::string& statement);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace leat::app
