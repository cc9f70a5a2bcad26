// What a schema's text says of its types and fields, in one form for Avro, JSON Schema and Protobuf, so that two texts can
// be laid side by side. What readers can cope with is another question: ParsedSchema::differences().
// Called by `leat schema diff`; any thread.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace leat::schema {

/// What is said of a type or a field, for people: "type", "default", "doc", constraints, attributes of users.
using Attributes = std::map<std::string, std::string>;

/// A field, or a symbol of an enum.
struct OutlineField {
  std::string name;
  std::optional<int32_t> number = {};     // Protobuf knows it by this, whatever its name is
  std::vector<std::string> aliases = {};  // names that it had
  Attributes attributes = {};
};

/// A record, a message, an enum. Each is named once, wherever it is used, so that recursive ones end.
struct OutlineType {
  std::string name;  // empty: the schema itself
  std::vector<std::string> aliases = {};
  Attributes attributes = {};
  std::vector<OutlineField> fields = {};
};

/// The schema itself first.
using Outline = std::vector<OutlineType>;

/// "post_code", "Address.street"; "/": the schema itself.
struct Change {
  std::string path;
  std::string
      what;  // "added", "removed", "renamed", or what of the attributes is another: "type", "default", ...
  std::optional<std::string> before, after;
};

/// Fields meet by their numbers, else by their names, then by what the new one says it was called. In the order of `after`,
/// what is gone from a type behind what is there.
std::vector<Change> changes(const Outline& before, const Outline& after);

}  // namespace leat::schema
