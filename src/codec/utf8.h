// Text in records whose bytes are not JSON: is it UTF-8, and how it is shown. Private to codec/.
#pragma once

#include <simdjson.h>

#include <cstdint>
#include <cstring>
#include <string_view>

#include "base/limits.h"
#include "base/strings.h"

namespace leat::codec {

/// Most texts are short and ASCII; for those a call costs more than the look.
inline bool is_valid_utf8(std::string_view text) {
  constexpr size_t kShort = 32;
  if (text.size() <= kShort) {
    uint64_t bits = 0, word = 0;
    size_t i = 0;
    for (; i + 8 <= text.size(); i += 8) {
      std::memcpy(&word, text.data() + i, 8);
      bits |= word;
    }
    for (; i < text.size(); ++i) bits |= static_cast<uint8_t>(text[i]);
    if ((bits & 0x8080808080808080) == 0) return true;
  }
  return simdjson::validate_utf8(text.data(), text.size());
}

}  // namespace leat::codec
