// Schema <-> JSON Schema (draft 2020-12): how a source's schema is committed, read and inferred.
//
//   BOOLEAN "boolean" | BIGINT "integer" | DOUBLE "number" | VARCHAR "string" | STRUCT "object" with "properties"
//   LIST "array" with "items" | MAP(VARCHAR, T) "object" with "additionalProperties" | JSON: untyped
//   VARCHAR of several scalars: ["integer", "string"], kept in Type::scalars()
//
// Every other type carries `"x-leat-type": "DECIMAL(18,3)"`, DuckDB's spelling, which goes before "type".
// A field is required when `required` names it and its type has no "null". Called at start and by
// `leat schema infer`, never per record. Any thread.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "types/type.h"

namespace leat::types {

/// A document that others refer to: by this name, by its `$id`, or by a URI that ends with "/" and this name.
struct JsonDocument {
  std::string name, text;
};

/// Reads a document. An Error's where() is the JSON Pointer of the place ("#/properties/dob/type"). References by JSON
/// Pointer (`$ref: "#/$defs/..."`) are followed, into `references`, too; `format` is no type: uuid and date-time stay VARCHAR, for the
/// SQL to cast. A root without a type or other than an object gives Schema::root_value.
Result<Schema> schema_from_json(std::string_view document,
                                std::span<const JsonDocument> references = {});

/// Writes the document, indented by 2, with a newline at its end. schema_from_json() gives the same Schema back.
std::string schema_to_json(const Schema& schema);

/// The narrowest schema that takes every record of a sample of JSON texts:
///   integers and others -> DOUBLE; several scalars -> VARCHAR of them; null only -> VARCHAR, optional;
///   missing or null in some -> optional; object and anything else -> JSON; all roots no objects -> root_value.
/// Records that are no JSON (or no object, when others are) are left out; kNotFound when none is left.
Result<Schema> infer_schema(std::span<const std::string_view> records);

}  // namespace leat::types
