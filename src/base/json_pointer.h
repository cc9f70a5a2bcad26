// JSON Pointer (RFC 6901): how a place in a document is named.
#pragma once

#include <string>
#include <string_view>

namespace leat {

/// "/" and the key, with "~" and "/" in it as "~0" and "~1": one step of a pointer.
inline std::string pointer_token(std::string_view key) {
  std::string token = "/";
  for (char c : key) {
    if (c == '~')
      token += "~0";
    else if (c == '/')
      token += "~1";
    else
      token += c;
  }
  return token;
}

}  // namespace leat
