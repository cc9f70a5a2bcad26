// The bytes of Avro's integers. Private to codec/.
//
//   int, long  = zigzag, then 7 bits a byte, the lowest first; the top bit says that another byte follows
//
// Source: Apache Avro 1.12 specification, "Binary encoding".
#pragma once

#include <cstdint>
#include <string>

namespace leat::codec {

constexpr size_t kAvroLongBytes = 10;  // at most

/// Writes at most kAvroLongBytes at `into`; the end.
inline char* write_avro_long(char* into, int64_t value) {
  uint64_t bits = (static_cast<uint64_t>(value) << 1) ^ static_cast<uint64_t>(value >> 63);
  for (; bits >= 0x80; bits >>= 7) *into++ = static_cast<char>(bits | 0x80);
  *into++ = static_cast<char>(bits);
  return into;
}
inline void append_avro_long(int64_t value, std::string& out) {
  char bytes[kAvroLongBytes];
  out.append(bytes, write_avro_long(bytes, value));
}

/// Reads a long from [at, end); where it ends, or nullptr when it is cut off or longer than a long can be.
inline const char* read_avro_long(const char* at, const char* end, int64_t& value) {
  uint64_t bits = 0;
  for (unsigned shift = 0; at != end && shift < 70; shift += 7) {
    const auto byte = static_cast<uint8_t>(*at++);
    if (shift == 63 && byte > 1) return nullptr;
    bits |= static_cast<uint64_t>(byte & 0x7F) << shift;
    if (byte < 0x80) {
      value = static_cast<int64_t>(bits >> 1) ^ -static_cast<int64_t>(bits & 1);
      return at;
    }
  }
  return nullptr;
}

}  // namespace leat::codec
