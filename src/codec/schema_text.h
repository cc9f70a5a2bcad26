// Records of a registered schema as JSON, for people: `leat tap`, dead letters, samples. Keys of one as the text that keys
// without a schema are, for everybody who reads keys.
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

/// The same of keys, with the text that row_key.h writes: of a schema that is one value, or a record of one field, that
/// value's canonical text; of several fields a JSON array of them, in the schema's order. nullopt for a NULL, too.
Result<std::unique_ptr<SchemaText>> make_key_text(const schema::ParsedSchema& schema,
                                                  std::string_view indexes = {});

}  // namespace leat::codec
