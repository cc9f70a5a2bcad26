// Environment: where `${VAR}` and `file:PATH` in a user's files get their values from.
//
//   substitution = "${" name [ ":-" default ] "}" ; name = [A-Za-z_][A-Za-z0-9_]* ; default has no
//   "}"
//   "$$" writes one "$" before "{"; any other "$" is itself.
// Used while files are read, by one thread; files of secrets are read when a Spec meets a Secret
// field.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>

#include "base/result.h"
#include "config/diagnostic.h"

namespace leat::config {

/// Variables and files, handed in so that tests and commands choose. Copyable.
class Environment {
 public:
  /// Returns the content of a file of a secret (config/ itself opens no files).
  using ReadFile = std::function<Result<std::string>(const std::string& path)>;
  using Get = std::function<std::optional<std::string>(const std::string& name)>;

  /// What a missing variable or file is. kFail: an error (run). kWarn: a warning, and the value is
  /// not checked (lint). kIgnore: nothing (profiles that were not chosen).
  enum class Missing { kFail, kWarn, kIgnore };

  Environment() = default;
  Environment(Get get, ReadFile read_file, Missing missing);
  static Environment of_map(std::map<std::string, std::string> values,
                            Missing missing = Missing::kFail);
  /// The process's variables.
  static Environment of_process(ReadFile read_file, Missing missing);

  std::optional<std::string> get(const std::string& name) const;
  Result<std::string> read_file(const std::string& path) const;
  Missing missing() const { return missing_; }
  /// The same values, another view of what is missing.
  Environment with(Missing missing) const { return Environment(get_, read_file_, missing); }

 private:
  Get get_;
  ReadFile read_file_;
  Missing missing_ = Missing::kFail;
};

/// Substitutes every scalar of the tree (not the keys). Unset variables without default are
/// reported once each place, as error or warning by `environment`.
void substitute(Node& node, const Environment& environment, Diagnostics& diagnostics);

}  // namespace leat::config
