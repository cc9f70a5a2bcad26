// A JSON Schema as a tree of what it asserts, for comparing: draft 7, 2019-09, 2020-12.
//
// One JSON object can assert several things (a type, an enum, oneOf...): it becomes an "all of" its parts, as the
// contract's comparison sees it. Keywords that assert nothing (title, examples...) are not here.
//
// Sources: https://json-schema.org/draft-07/json-schema-validation, https://json-schema.org/draft/2020-12/schema
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "schema/json_text.h"
#include "schema/parsed_schema.h"

namespace leat::schema::json {

enum class Kind : uint8_t {
  kAny,    // {} and true
  kNever,  // false
  kBoolean,
  kNull,
  kString,
  kNumber,
  kArray,
  kObject,
  kEnum,  // const as well
  kNot,
  kConditional,
  kAllOf,
  kAnyOf,
  kOneOf,
  kReference
};

struct Node {
  Kind kind = Kind::kAny;
  const Json* json = nullptr;  // where its plain keywords are, such as "minLength"
  std::vector<const Node*>
      parts;  // of the combined kinds; what a kNot must not be; an array's first items
  const Node* target = nullptr;  // of a reference
  bool is_integer = false;       // of a kNumber
  std::map<std::string, const Node*> properties, patterns, dependencies;
  const Node* others = nullptr;       // additionalProperties, additionalItems; nullptr: any
  const Node* items = nullptr;        // of an array, all alike; nullptr: any
  const Node* unevaluated = nullptr;  // nullptr: any
  bool is_combined() const {
    return kind == Kind::kAllOf || kind == Kind::kAnyOf || kind == Kind::kOneOf;
  }
};

/// Owns its nodes and the texts behind them. Immutable once read; any thread.
class Tree {
 public:
  const Node& root() const { return *root_; }
  const Json& text() const { return *documents_.front(); }

 private:
  friend class Reader;
  std::vector<std::unique_ptr<Json>> documents_;  // the schema's own first
  std::deque<Node> nodes_;
  const Node* root_ = nullptr;
};

/// kInvalidArgument with the JSON Pointer of the place. A $ref to what neither the schema nor its references hold is
/// refused; one to a meta-schema of JSON Schema stands for anything.
Result<Tree> read_tree(std::string_view text, const std::vector<Resolved>& references);

/// What stands in the way of reading `writer`'s data as `reader`: rules of the contract (Confluent's names), places as
/// "#/properties/x". What the contract does not look at: if/then/else, contains, propertyNames, format, and required
/// names that are no properties. Terminates on recursive schemas; bounded by limits::kSchemaPairs.
std::vector<Difference> tree_differences(const Tree& reader, const Tree& writer);

}  // namespace leat::schema::json
