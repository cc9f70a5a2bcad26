// JSON text of a schema as a tree, bounded. Called by the parsers of Avro and JSON Schema; any thread.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "base/json_pointer.h"
#include "base/result.h"

namespace leat::schema {

using Json = nlohmann::ordered_json;  // attributes stay in the order in which they were written

/// Reads one JSON value. Of keys that stand twice the last one counts, as everywhere in this field. An Error's where()
/// is "line L, column C". Beyond limits::kSchemaBytes, kSchemaDepth or kSchemaKeys it is refused before a tree is built.
/// `comments`: as Avro's own parser, takes comments of C and C++.
Result<Json> parse_json(std::string_view text, bool comments = false);

/// The same value, the keys of its objects sorted; inside as well.
Json sorted_keys(const Json& value);

/// A value for a message, cut to limits::kShownBytes.
std::string shown_json(const Json& value);

/// Appends a token to a path for as long as it lives.
class Step {
 public:
  Step(std::string& path, std::string_view key) : path_(path), size_(path.size()) {
    path_ += pointer_token(key);
  }
  Step(std::string& path, size_t index) : Step(path, std::to_string(index)) {}
  ~Step() { path_.resize(size_); }
  Step(const Step&) = delete;
  Step& operator=(const Step&) = delete;

 private:
  std::string& path_;
  const size_t size_;
};

/// A place that is reached from others, when two schemas are compared: its path is only put together to be told.
struct Place {
  const Place* outer = nullptr;
  std::string_view step;  // from there; owned by the comparison
};
/// `root` and all steps to `place`; a long path is cut behind limits::kSchemaPathBytes.
std::string path_to(const Place& place, std::string_view root);

}  // namespace leat::schema
