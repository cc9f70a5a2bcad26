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

constexpr CodeMeaning kMeanings[] = {
    {Code::kBadRequest, "the body or a parameter of the query cannot be read"},
    {Code::kNotFound, "there is no such path"},
    {Code::kMethodNotAllowed, "the path has other methods"},
    {Code::kUnsupportedMediaType, "the body is no JSON by its `Content-Type`"},
    {Code::kNotImplemented, "this `format` of the text is not served"},
    {Code::kUnauthorized, "no login, or a wrong password"},
    {Code::kForbidden, "the user has not the right"},
    {Code::kSubjectNotFound, "no such subject; no settings of its own to delete"},
    {Code::kVersionNotFound, "the subject has no such version"},
    {Code::kSchemaNotFound, "no such schema"},
    {Code::kSubjectSoftDeleted, "the subject is deleted softly already"},
    {Code::kSubjectNotSoftDeleted, "the subject has to be deleted softly first"},
    {Code::kVersionSoftDeleted, "the version is deleted softly already"},
    {Code::kVersionNotSoftDeleted, "the version has to be deleted softly first"},
    {Code::kNoSubjectLevel, "the subject has no level of its own"},
    {Code::kNoSubjectMode, "the subject has no mode of its own"},
    {Code::kIncompatible, "the schema may not follow those of the subject at its level"},
    {Code::kInvalidSchema, "no schema of its type, or a reference that leads nowhere"},
    {Code::kInvalidVersion, "no number of a version"},
    {Code::kInvalidLevel, "no level of compatibility"},
    {Code::kInvalidMode, "no mode"},
    {Code::kNotPermitted, "the mode does not allow it"},
    {Code::kReferenceExists, "another schema refers to it"},
    {Code::kIdMismatch, "the id stands for another schema"},
    {Code::kInvalidSubject, "no name of a subject"},
    {Code::kTooLarge, "the schema is too large"},
    {Code::kInvalidRules, "the rule set is wrong"},
    {Code::kContextNotEmpty, "the context has subjects"},
    {Code::kStore, "the data directory cannot be written"},
};

}  // namespace

std::span<const CodeMeaning> code_meanings() { return kMeanings; }

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
