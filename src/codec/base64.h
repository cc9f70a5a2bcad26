// Base64 (RFC 4648, standard alphabet, padded) without allocation.
#pragma once

#include <cstddef>
#include <string_view>

namespace leat::codec {

constexpr size_t base64_size(size_t bytes) { return (bytes + 2) / 3 * 4; }

/// Writes base64_size(bytes.size()) characters; returns the end.
char* write_base64(char* into, std::string_view bytes);

/// Decodes to `into`, which has room for text.size() / 4 * 3 bytes; returns the end, or nullptr when `text` is not
/// canonical base64.
char* read_base64(std::string_view text, char* into);

}  // namespace leat::codec
