// Diagnostic, Diagnostics: what is wrong in a user's files, all of it at once, each with its place.
// Filled by yaml, spec, project and by the rooms that check further (planner, SQL). One thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "config/node.h"

namespace leat::config {

enum class Severity { kError, kWarning };

/// One finding. Only mark and message are always there.
struct Diagnostic {
  Severity severity = Severity::kError;
  Mark mark;
  std::string path;      // "source.http.pagination.page.from"
  std::string message;   // "unknown key"
  std::string nearest;   // "url": the right name the user may have meant
  std::string expected;  // "a duration such as `10s`", "one of: url, method"
  std::string hint;      // what to do next
  /// `pipelines/x.yaml:12:7: source.http.urll: unknown key; did you mean `url`? expected one of:
  /// ...; hint` A warning has "warning: " behind the place.
  std::string to_string() const;
  /// One JSON object: severity, file, line, column, path, message, nearest, expected, hint.
  std::string to_json() const;
};

/// Collects findings. Bounded by limits::kMaxDiagnostics; what comes after is only counted.
class Diagnostics {
 public:
  void add(Diagnostic diagnostic);
  void error(const Mark& mark, std::string path, std::string message, std::string hint = {});
  void warning(const Mark& mark, std::string path, std::string message, std::string hint = {});

  const std::vector<Diagnostic>& all() const { return all_; }
  size_t errors() const { return errors_; }
  size_t warnings() const { return warnings_; }
  bool ok() const { return errors_ == 0; }
  /// By file, line and column; the order of equal places stays.
  void sort();
  /// A finding a line.
  std::string to_string() const;
  /// A JSON array.
  std::string to_json() const;
  /// The errors as one Error of the user's (exit code 2): the first, and how many more. CHECKs
  /// !ok().
  Error to_error() const;

 private:
  std::vector<Diagnostic> all_;
  size_t errors_ = 0, warnings_ = 0;
};

}  // namespace leat::config
