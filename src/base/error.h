// Error: what went wrong, answerable without reading its text.
//
// Three kinds are never mixed: a programmer's error is CHECK, an operating error is an Error inside a
// Result<T>, and a bad record is a stream::Reject that travels beside the good rows.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace leat {

/// What happened. Closed: extend it here, never invent codes elsewhere. Decisions read this, never the text.
enum class ErrorCode {
  kInvalidArgument,  // a command line, a file of the user's, a request
  kNotFound,         // a topic, table, file, pipeline that is not there
  kAlreadyExists,
  kConflict,      // a fence: somebody else moved the position, or holds the directory
  kIncompatible,  // a table, topic or format that does not fit and is not changed silently
  kCorrupt,       // bytes that fail their checksum or grammar
  kIo,            // the operating system refused: EIO, EACCES, ...
  kNoSpace,       // ENOSPC, quota
  kUnavailable,   // a peer or a store that cannot be reached now
  kTimeout,       // a deadline passed
  kCancelled,     // stop was asked for
  kLimit,         // a named limit would be passed
  kDataLost,      // an offset that retention has deleted, a recreated topic
  kPermission,    // credentials refused
  kRuleFailed,    // a rule with on_fail: fail
  kInternal,      // a bug of ours, or a library's that we did not foresee
};

/// Who can mend it: the user's files or arguments, something outside, or leat itself.
enum class Blame { kUser, kExternal, kInternal };

/// What a caller may do: nothing, wait and call again, reconnect first, or stop (state unknown).
enum class Retry { kNever, kBackoff, kReconnect, kFatal };

std::string_view to_string(ErrorCode code);

/// One error. Cheap to move; built only on failure.
class Error {
 public:
  Error(ErrorCode code, std::string message);

  ErrorCode code() const { return code_; }
  Blame blame() const { return blame_; }
  Retry retry() const { return retry_; }
  /// What happened, and what was expected.
  const std::string& message() const { return message_; }
  /// Where: a component, key path, file:line:column or record identity. Outermost first; may be empty.
  const std::string& where() const { return where_; }
  /// What to do next; may be empty.
  const std::string& hint() const { return hint_; }
  /// The number that a foreign contract has for it, such as the schema registry's error_code; 0: none.
  int contract_code() const { return contract_code_; }

  Error&& with_blame(Blame blame) && {
    blame_ = blame;
    return std::move(*this);
  }
  Error&& with_retry(Retry retry) && {
    retry_ = retry;
    return std::move(*this);
  }
  Error&& with_hint(std::string hint) && {
    hint_ = std::move(hint);
    return std::move(*this);
  }
  Error&& with_contract_code(int code) && {
    contract_code_ = code;
    return std::move(*this);
  }
  /// The same error with `rewrite(std::string_view) -> std::string` applied to every text in it.
  template <typename Rewrite>
  Error&& with_texts(const Rewrite& rewrite) && {
    message_ = rewrite(message_), where_ = rewrite(where_), hint_ = rewrite(hint_);
    return std::move(*this);
  }
  /// Prepends a place on the way up: "pipeline users_store: sink serving.created_users: ...".
  Error&& at(std::string_view where) &&;
  /// Puts words before the message: "cannot open X: <message>".
  Error&& context(std::string_view what) &&;

  /// "where: message; hint" in one line.
  std::string to_string() const;

 private:
  ErrorCode code_;
  Blame blame_;
  Retry retry_;
  int contract_code_ = 0;
  std::string message_, where_, hint_;
};

/// The exit code of the program for this error: 1 failed, 2 the user's files or arguments, 3 outside.
int exit_code(const Error& error);

}  // namespace leat
