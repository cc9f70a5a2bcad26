#include "schema/registry_error.h"

namespace leat::schema {
namespace {

ErrorCode error_code(Code code) {
  switch (http_status(code)) {
    case 404:
      return ErrorCode::kNotFound;
    case 409:
      return ErrorCode::kIncompatible;
    case 500:
      return ErrorCode::kUnavailable;
    default:
      return ErrorCode::kInvalidArgument;
  }
}

}  // namespace

Error refusal(Code code, std::string message) {
  return Error(error_code(code), std::move(message)).with_contract_code(static_cast<int>(code));
}

Code code_of(const Error& error) {
  if (error.contract_code() != 0) return static_cast<Code>(error.contract_code());
  return error.code() == ErrorCode::kInvalidArgument ? Code::kBadRequest : Code::kStore;
}

int http_status(Code code) {
  const int number = static_cast<int>(code);
  return number < 1000 ? number : number / 100;
}

}  // namespace leat::schema
