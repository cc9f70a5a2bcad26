// Secret: a password or token that cannot be printed by mistake; Redactor: takes known ones out of
// texts.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace leat::config {

/// Has no operator<< and no formatter, so that a log line or message with one does not compile.
class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string value) : value_(std::move(value)) {}
  /// A value whose file may be written anew: `read` gives what it holds then. Copies share it.
  Secret(std::string value, std::function<Result<std::string>()> read)
      : value_(std::move(value)), read_(std::move(read)) {}
  /// The value itself: only to hand it to the peer it is for.
  const std::string& reveal() const { return value_; }
  /// The value that its file has now, for whoever logs in anew: a password is changed without a
  /// restart. What reveal() gives when it came from no file. Any thread.
  Result<std::string> current() const { return read_ ? read_() : Result<std::string>(value_); }
  bool empty() const { return value_.empty(); }

 private:
  std::string value_;
  std::function<Result<std::string>()> read_;
};

/// Replaces secrets in texts that come from outside (a library's error, a URL) by "***". Filled at
/// start, then read by any thread.
class Redactor {
 public:
  /// Values shorter than 4 bytes are not kept: they would eat ordinary text.
  void add(const Secret& secret);
  std::string redact(std::string_view text) const;

 private:
  std::vector<std::string> values_;  // longest first
};

}  // namespace leat::config
