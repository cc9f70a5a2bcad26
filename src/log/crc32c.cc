#include "log/crc32c.h"

#include <array>
#include <cstring>

#if defined(__x86_64__)
#include <nmmintrin.h>
#endif

namespace leat::log {
namespace {

constexpr auto kTable = [] {
  std::array<uint32_t, 256> table{};
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78u : 0u);
    table[i] = crc;
  }
  return table;
}();

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) uint32_t hardware(uint32_t crc, std::string_view bytes) {
  const char* at = bytes.data();
  size_t left = bytes.size();
  uint64_t state = ~crc;
  for (; left >= 8; at += 8, left -= 8) {
    uint64_t word;
    std::memcpy(&word, at, 8);
    state = _mm_crc32_u64(state, word);
  }
  auto tail = static_cast<uint32_t>(state);
  for (; left > 0; ++at, --left) tail = _mm_crc32_u8(tail, static_cast<unsigned char>(*at));
  return ~tail;
}
#endif

}  // namespace

uint32_t crc32c_internal::portable(uint32_t crc, std::string_view bytes) {
  crc = ~crc;
  for (char c : bytes) crc = crc >> 8 ^ kTable[(crc ^ static_cast<unsigned char>(c)) & 255];
  return ~crc;
}

uint32_t crc32c(uint32_t crc, std::string_view bytes) {
#if defined(__x86_64__)
  static const bool has_instruction = __builtin_cpu_supports("sse4.2") != 0;
  if (has_instruction) return hardware(crc, bytes);
#endif
  return crc32c_internal::portable(crc, bytes);
}

}  // namespace leat::log

#if defined(__x86_64__)
// Debian's RocksDB is built without the processor's instruction: its checksum took a quarter of an
// append. The library calls its own function through its symbol table, where the program's of the
// same name goes before; were that ever not so, nothing but speed would change.
namespace rocksdb::crc32c {
[[gnu::visibility("default"), gnu::used]] uint32_t Extend(uint32_t crc, const char* data,
                                                          size_t size) {
  return leat::log::crc32c(crc, {data, size});
}
}  // namespace rocksdb::crc32c
#endif
