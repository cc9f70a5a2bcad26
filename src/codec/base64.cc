#include "codec/base64.h"

#include <array>
#include <cstdint>

namespace leat::codec {
namespace {

constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr uint8_t kNoDigit = 255;
constexpr std::array<uint8_t, 256> make_values() {
  std::array<uint8_t, 256> values{};
  values.fill(kNoDigit);
  for (size_t i = 0; i < kAlphabet.size(); ++i) {
    values[static_cast<unsigned char>(kAlphabet[i])] = static_cast<uint8_t>(i);
  }
  return values;
}
constexpr std::array<uint8_t, 256> kValues = make_values();

}  // namespace

char* write_base64(char* into, std::string_view bytes) {
  auto byte = [&](size_t i) {
    return i < bytes.size() ? static_cast<unsigned char>(bytes[i]) : 0u;
  };
  for (size_t i = 0; i < bytes.size(); i += 3) {
    unsigned group = byte(i) << 16 | byte(i + 1) << 8 | byte(i + 2);
    *into++ = kAlphabet[group >> 18];
    *into++ = kAlphabet[group >> 12 & 63];
    *into++ = i + 1 < bytes.size() ? kAlphabet[group >> 6 & 63] : '=';
    *into++ = i + 2 < bytes.size() ? kAlphabet[group & 63] : '=';
  }
  return into;
}

char* read_base64(std::string_view text, char* into) {
  if (text.size() % 4 != 0) return nullptr;
  for (size_t i = 0; i < text.size(); i += 4) {
    bool last = i + 4 == text.size();
    unsigned pad = last && text[i + 3] == '=' ? (text[i + 2] == '=' ? 2 : 1) : 0;
    unsigned group = 0;
    for (unsigned j = 0; j < 4; ++j) {
      uint8_t value = j >= 4 - pad ? uint8_t{0} : kValues[static_cast<unsigned char>(text[i + j])];
      if (value == kNoDigit) return nullptr;
      group = group << 6 | value;
    }
    *into++ = static_cast<char>(group >> 16);
    if (pad < 2) *into++ = static_cast<char>(group >> 8 & 255);
    if (pad < 1) *into++ = static_cast<char>(group & 255);
    // Bits that no byte uses must be 0, or two texts would mean the same bytes.
    if ((pad == 1 && (group & 255)) || (pad == 2 && (group & 65535))) return nullptr;
  }
  return into;
}

}  // namespace leat::codec
