// JSON texts against a JSON Schema (drafts 4, 6, 7, 2019-09, 2020-12), by the Rust crate behind leat_json_schema.h.
// Called for each record by json_decode.h and json_encode.h when they are given a validator.
//
// Numbers are exact, whatever their size; 1.0 is an integer. `format` is asserted by drafts 4 to 7, not by later ones.
// Patterns without look-around and back-references take linear time; others give up after a bounded number of steps, and
// the text is then no match. Nothing is fetched: all that a schema refers to is given with it.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "stream/record.h"
#include "types/json_schema.h"

namespace leat::codec {

/// What a schema refers to: its name as `$ref` says it (a URI, or relative to the schema's $id), and its text.
using JsonSchemaReference = types::JsonDocument;

/// The draft of schemas that name none, or one that nobody knows.
enum class JsonDraft : uint32_t { k4 = 4, k6 = 6, k7 = 7, k201909 = 2019, k202012 = 2020 };

/// Why a text is refused.
struct JsonViolation {
  enum class Kind : uint8_t {
    kSchema,   // it is not what the schema asks for
    kNotJson,  // no JSON at all
    kTooDeep,  // deeper than limits::kMaxJsonDepth
    kFailed    // not judged: a defect of the validator
  };
  Kind kind = Kind::kSchema;
  std::string path;     // JSON Pointer of the place, empty: the whole
  std::string message;  // what is wrong, and the keyword's place in the schema
  /// "/age: ..."
  std::string to_string() const { return path.empty() ? message : path + ": " + message; }
};

constexpr stream::Reason reason_of(JsonViolation::Kind kind) {
  if (kind == JsonViolation::Kind::kNotJson) return stream::Reason::kMalformed;
  return kind == JsonViolation::Kind::kTooDeep ? stream::Reason::kTooDeep
                                               : stream::Reason::kSchemaMismatch;
}

/// One thread at a time, any thread.
class JsonValidator {
 public:
  /// kInvalidArgument for a schema that is none, that refers to what was not given, or that is beyond a bound: 8 MiB
  /// with its references, 120 levels, 10,000 $ref, allOf and the like, 4,096 patterns, 1,000,000 looks at one value.
  static Result<std::unique_ptr<JsonValidator>> make(
      std::string_view schema, const std::vector<JsonSchemaReference>& references = {},
      JsonDraft draft = JsonDraft::k7);

  /// The first violation in a fixed order; none: `json` is good. Without a place when finding that would take too long:
  /// the schema refers to itself in many ways, and `json` is nested deep. Allocates nothing here for a good one.
  std::optional<JsonViolation> check(std::string_view json);

 private:
  explicit JsonValidator(void* made);
  std::unique_ptr<void, void (*)(void*)> handle_;
};

}  // namespace leat::codec
