// CRC-32C (Castagnoli, RFC 3720 appendix B.4): the checksum of stored record batches.
// The CPU's own instruction where it has one (SSE 4.2), a table elsewhere. Any thread.
#pragma once

#include <cstdint>
#include <string_view>

namespace leat::log {

/// The checksum of a text whose beginning has checksum `crc`, and which goes on with `bytes`; 0 begins.
uint32_t crc32c(uint32_t crc, std::string_view bytes);

namespace crc32c_internal {
/// The table, whatever the CPU: for tests.
uint32_t portable(uint32_t crc, std::string_view bytes);
}  // namespace crc32c_internal

}  // namespace leat::log
