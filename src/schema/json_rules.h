// What the contract says of one pair of JSON Schemas; what it depends on is asked of others. Called by json_compatibility.cc.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "schema/json_tree.h"

namespace leat::schema::json {

struct Pair {
  const Node* writer;
  const Node* reader;
  friend bool operator==(const Pair&, const Pair&) = default;
};

/// The node at the end of its references.
const Node& followed(const Node& node);

/// What is known of other pairs by now.
class Others {
 public:
  virtual ~Others() = default;
  virtual bool fit(const Pair& pair) = 0;
};

struct Findings {
  std::vector<Difference> differences;              // paths from the pair's own place
  std::vector<std::pair<std::string, Pair>> needs;  // pairs that must fit, and where they are
};

/// `pair` holds no references.
Findings findings(const Pair& pair, Others& others);

/// Those of strings, numbers, arrays and objects: json_rules_typed.cc.
void compare_typed(const Pair& pair, Others& others, Findings& out);

}  // namespace leat::schema::json
