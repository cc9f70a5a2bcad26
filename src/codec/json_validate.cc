#include "codec/json_validate.h"

#include <fmt/core.h>
#include <leat_json_schema.h>

#include "base/limits.h"

namespace leat::codec {
namespace {

std::string message_of(const ljs_error& error) {
  std::string message(error.message, error.message_size);
  if (error.keyword_size == 0) return message;
  return fmt::format("{} (schema: {})", message,
                     std::string_view(error.keyword, error.keyword_size));
}

JsonViolation::Kind kind_of(int code) {
  switch (code) {
    case LJS_VIOLATION:
      return JsonViolation::Kind::kSchema;
    case LJS_NOT_JSON:
      return JsonViolation::Kind::kNotJson;
    case LJS_TOO_DEEP:
      return JsonViolation::Kind::kTooDeep;
    default:
      return JsonViolation::Kind::kFailed;
  }
}

}  // namespace

JsonValidator::JsonValidator(void* made)
    : handle_(made, [](void* each) { ljs_close(static_cast<ljs_validator*>(each)); }) {}

Result<std::unique_ptr<JsonValidator>> JsonValidator::make(
    std::string_view schema, const std::vector<JsonSchemaReference>& references, JsonDraft draft) {
  std::vector<ljs_reference> given;
  given.reserve(references.size());
  for (const JsonSchemaReference& each : references)
    given.push_back({each.name.data(), each.text.data(), each.name.size(), each.text.size()});
  ljs_options options{};
  options.schema = schema.data();
  options.schema_size = schema.size();
  options.references = given.data();
  options.n_references = given.size();
  options.default_draft = static_cast<uint32_t>(draft);
  options.max_depth = limits::kMaxJsonDepth;
  ljs_validator* made = nullptr;
  ljs_error error;
  if (ljs_open(&options, &made, &error) == LJS_OK)
    return std::unique_ptr<JsonValidator>(new JsonValidator(made));
  return Error(ErrorCode::kInvalidArgument, message_of(error))
      .at("#" + std::string(error.path, error.path_size))
      .context("no JSON Schema to validate by");
}

std::optional<JsonViolation> JsonValidator::check(std::string_view json) {
  ljs_error error;  // written only when there is one
  const int code = ljs_check(static_cast<ljs_validator*>(handle_.get()),
                             reinterpret_cast<const uint8_t*>(json.data()), json.size(), &error);
  if (code == LJS_OK) [[likely]]
    return std::nullopt;
  return JsonViolation{kind_of(code), std::string(error.path, error.path_size), message_of(error)};
}

}  // namespace leat::codec
