// The error codes of the schema registry's contract: what a client decides by. The first three digits are the HTTP
// status.
//
// After the REST specification of the Confluent Schema Registry, section Errors.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/error.h"

namespace leat::schema {

enum class Code : int {
  kBadRequest = 400,
  kNotFound = 404,
  kMethodNotAllowed = 405,
  kUnsupportedMediaType = 415,
  kNotImplemented = 501,
  kUnauthorized = 40101,
  kForbidden = 40301,
  kSubjectNotFound = 40401,
  kVersionNotFound = 40402,
  kSchemaNotFound = 40403,
  kSubjectSoftDeleted = 40404,
  kSubjectNotSoftDeleted = 40405,
  kVersionSoftDeleted = 40406,
  kVersionNotSoftDeleted = 40407,
  kNoSubjectLevel = 40408,
  kNoSubjectMode = 40409,
  kIncompatible = 40901,
  kInvalidSchema = 42201,
  kInvalidVersion = 42202,
  kInvalidLevel = 42203,
  kInvalidMode = 42204,
  kNotPermitted = 42205,
  kReferenceExists = 42206,
  kIdMismatch = 42207,
  kInvalidSubject = 42208,
  kTooLarge = 42209,
  kInvalidRules = 42210,
  kContextNotEmpty = 42211,
  kStore = 50001,
};

struct CodeMeaning {
  Code code;
  std::string_view meaning;
};
/// Every code, for the reference.
std::span<const CodeMeaning> code_meanings();

/// An Error that carries its code: contract_code().
Error refusal(Code code, std::string message);
/// The code of any error: what no rule of the contract has refused is an argument that means nothing, or trouble of the
/// store.
Code code_of(const Error& error);
/// 404 of 40401.
int http_status(Code code);

}  // namespace leat::schema
