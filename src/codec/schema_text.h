// Records of a registered schema as JSON, for people: `leat tap`, dead letters, samples.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "schema/parsed_schema.h"

namespace leat::codec {

/// One thread.
class SchemaText {
 public:
  virtual ~SchemaText() = default;
  /// The record's JSON, one line; NaN and infinities are strings. nullopt: these are no bytes of the schema.
  virtual std::optional<std::string> of(std::string_view record) = 0;
};

/// kInvalidArgument for a schema whose records cannot be read. `indexes`: as FramedBytes has them.
Result<std::unique_ptr<SchemaText>> make_schema_text(const schema::ParsedSchema& schema,
                                                     std::string_view indexes = {});

}  // namespace leat::codec
