// Secret: a password or token that cannot be printed by mistake; Redactor: takes known ones out of
// texts.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace leat::config {

/// Has no operator<< and no formatter, so that a log line or message with one does not compile.
class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string value) : value_(std::move(value)) {}
  /// The value itself: only to hand it to the peer it is for.
  const std::string& reveal() const { return value_; }
  bool empty() const { return value_.empty(); }

 private:
  std::string value_;
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
