// How deep a JSON text nests, seen before a tree is made of it: trees are written and destroyed by recursion.
#pragma once

#include <cstddef>
#include <string_view>

namespace leat {

/// True when arrays and objects stand more than `most` deep inside each other. Any text; any thread.
inline bool is_deeper_than(std::string_view json, size_t most) {
  size_t depth = 0;
  bool in_string = false;
  for (size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    if (in_string) {
      if (c == '\\')
        ++i;
      else if (c == '"')
        in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '[' || c == '{') {
      if (++depth > most) return true;
    } else if ((c == ']' || c == '}') && depth > 0) {
      --depth;
    }
  }
  return false;
}

}  // namespace leat
