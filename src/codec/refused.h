// Errors of a schema and columns that do not go together. Private to codec/.
#pragma once

#include <string>
#include <utility>

#include "base/error.h"

namespace leat::codec {

/// Columns that no record of the schema can have, or a schema that has none.
inline Error refused(std::string message) {
  return {ErrorCode::kInvalidArgument, std::move(message)};
}
/// What one schema writes another cannot take.
inline Error incompatible(std::string message) {
  return {ErrorCode::kIncompatible, std::move(message)};
}

}  // namespace leat::codec
