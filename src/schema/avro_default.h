// Default values of Avro fields: does each fit its type? Specification, "Complex Types", table of field default values.
// Called by the parser only.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "schema/avro_schema.h"

namespace leat::schema::avro {

struct Default {
  const Field* field;
  std::string path;  // JSON Pointer of the value
};

/// kInvalidArgument for the first default that its type does not take, or that would contain itself. Types must be
/// complete.
Result<void> check_defaults(const std::vector<Default>& defaults);

}  // namespace leat::schema::avro
