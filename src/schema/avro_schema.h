// An Avro schema as a tree that does not change: what the text says, names resolved.
//
// Source: Apache Avro 1.12 specification, https://avro.apache.org/docs/1.12.0/specification/
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/result.h"
#include "schema/json_text.h"
#include "schema/parsed_schema.h"

namespace leat::schema::avro {

enum class Kind : uint8_t {
  kNull,
  kBoolean,
  kInt,
  kLong,
  kFloat,
  kDouble,
  kBytes,
  kString,
  kArray,
  kMap,
  kUnion,
  kFixed,
  kEnum,
  kRecord
};
std::string_view kind_name(Kind kind);
/// Of the eight primitive types only.
std::optional<Kind> primitive_named(std::string_view name);

/// Specification, "Logical Types". One whose rules a schema breaks is ignored, and kNone.
enum class Logical : uint8_t {
  kNone,
  kDecimal,
  kBigDecimal,
  kUuid,
  kDate,
  kTimeMillis,
  kTimeMicros,
  kTimestampMillis,
  kTimestampMicros,
  kTimestampNanos,
  kLocalTimestampMillis,
  kLocalTimestampMicros,
  kLocalTimestampNanos,
  kDuration
};

/// A name of a record, an enum or a fixed. `space` is empty for the null namespace.
struct Name {
  std::string space, simple;
  std::string full() const { return space.empty() ? simple : space + "." + simple; }
  friend bool operator==(const Name&, const Name&) = default;
};

struct Node;

struct Field {
  std::string name;
  const Node* type = nullptr;
  std::optional<Json> default_value;
  std::optional<std::string> doc;
  std::string order;  // empty: ascending
  std::vector<std::string> aliases;
  Json attributes = Json::object();  // what is not Avro's own
};

/// One type. What a kind does not have is empty. Recursive types point back to themselves.
struct Node {
  Kind kind = Kind::kNull;
  Logical logical = Logical::kNone;
  int32_t precision = 0, scale = 0;  // of a decimal
  bool is_error = false;             // a record of type "error"
  bool has_name() const { return kind >= Kind::kFixed; }
  std::vector<const Node*> inner;  // an array's items, a map's values, a union's branches
  Name name;                       // of fixed, enum and record, like what follows
  std::vector<Name> aliases;
  std::optional<std::string> doc;
  int64_t size = 0;  // of a fixed, bytes
  std::vector<std::string> symbols;
  std::optional<std::string> symbol_default;
  std::vector<Field> fields;
  Json attributes = Json::object();  // what is not Avro's own, and "logicalType" with its own
};

/// Owns its nodes, those of the schemas that it refers to as well. Immutable once parsed; any thread.
class Schema {
 public:
  Schema() = default;
  Schema(Schema&&) = default;
  Schema& operator=(Schema&&) = default;
  const Node& root() const { return *root_; }
  /// True for types that are defined by one of the references.
  bool is_reference(const Node& node) const { return node.has_name() && foreign_.contains(&node); }
  const Node* find(std::string_view full_name) const {
    auto found = names_.find(std::string(full_name));
    return found == names_.end() ? nullptr : found->second;
  }

 private:
  friend class Parser;
  std::deque<Node> nodes_;
  std::unordered_map<std::string, const Node*> names_;  // full
  std::unordered_set<const Node*> foreign_;
  const Node* root_ = nullptr;
};

/// kInvalidArgument with the JSON Pointer of the place, or with line and column where the text is no JSON.
Result<Schema> parse_schema(std::string_view text, const std::vector<Resolved>& references);

enum class Text {
  kStored,      // Avro's order of attributes, names as short as their place allows
  kNormalized,  // the same, names in full, all other attributes sorted
  kResolved,    // as stored, but types of references are written out where they stand first
};
/// Compact JSON with every attribute. Types of references stay names, but for kResolved.
std::string to_text(const Schema& schema, Text kind);

/// Specification, "Transforming into Parsing Canonical Form". Types of references are written out.
std::string parsing_canonical_form(const Schema& schema);
/// CRC-64-AVRO of bytes: specification, "Schema Fingerprints".
uint64_t fingerprint64(std::string_view bytes);

/// A value of one type may be read as another of these, and they are not the same. Specification, "Schema Resolution".
bool promotes(Kind reader, Kind writer);
/// Without namespaces, as the specification asks; an alias of the reader stands for a whole name.
bool same_name(const Node& reader, const Node& writer);
/// What stands in the way of reading `writer`'s data with `reader`: specification, "Schema Resolution"; kinds and places
/// as Apache Avro's SchemaCompatibility names them. Terminates on recursive types; its cost is bounded by
/// limits::kSchemaPairs.
std::vector<Difference> resolution_differences(const Schema& reader, const Schema& writer);

}  // namespace leat::schema::avro
