#include "base/error.h"

#include "base/check.h"

namespace leat {
namespace {

Blame default_blame(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument:
    case ErrorCode::kNotFound:
    case ErrorCode::kAlreadyExists:
    case ErrorCode::kIncompatible:
    case ErrorCode::kPermission:
      return Blame::kUser;
    case ErrorCode::kInternal:
    case ErrorCode::kRuleFailed:
    case ErrorCode::kLimit:
      return Blame::kInternal;
    default:
      return Blame::kExternal;
  }
}

Retry default_retry(ErrorCode code) {
  switch (code) {
    case ErrorCode::kUnavailable:
    case ErrorCode::kTimeout:
    case ErrorCode::kNoSpace:
      return Retry::kBackoff;
    case ErrorCode::kIo:
      return Retry::kReconnect;
    default:
      return Retry::kNever;
  }
}

}  // namespace

std::string_view to_string(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument:
      return "invalid_argument";
    case ErrorCode::kNotFound:
      return "not_found";
    case ErrorCode::kAlreadyExists:
      return "already_exists";
    case ErrorCode::kConflict:
      return "conflict";
    case ErrorCode::kIncompatible:
      return "incompatible";
    case ErrorCode::kCorrupt:
      return "corrupt";
    case ErrorCode::kIo:
      return "io";
    case ErrorCode::kNoSpace:
      return "no_space";
    case ErrorCode::kUnavailable:
      return "unavailable";
    case ErrorCode::kTimeout:
      return "timeout";
    case ErrorCode::kCancelled:
      return "cancelled";
    case ErrorCode::kLimit:
      return "limit";
    case ErrorCode::kDataLost:
      return "data_lost";
    case ErrorCode::kPermission:
      return "permission";
    case ErrorCode::kRuleFailed:
      return "rule_failed";
    case ErrorCode::kInternal:
      return "internal";
  }
  CHECK(false, "code {}", static_cast<int>(code));
}

Error::Error(ErrorCode code, std::string message)
    : code_(code),
      blame_(default_blame(code)),
      retry_(default_retry(code)),
      message_(std::move(message)) {}

Error&& Error::at(std::string_view where) && {
  where_ = where_.empty() ? std::string(where) : fmt::format("{}: {}", where, where_);
  return std::move(*this);
}

Error&& Error::context(std::string_view what) && {
  message_ = fmt::format("{}: {}", what, message_);
  return std::move(*this);
}

std::string Error::to_string() const {
  std::string text = where_.empty() ? message_ : fmt::format("{}: {}", where_, message_);
  if (!hint_.empty()) text += "; " + hint_;
  return text;
}

int exit_code(const Error& error) {
  switch (error.blame()) {
    case Blame::kUser:
      return 2;
    case Blame::kExternal:
      return error.code() == ErrorCode::kCancelled ? 1 : 3;
    case Blame::kInternal:
      return 1;
  }
  return 1;
}

}  // namespace leat
