// Digests: SHA-256 of bytes, for identity of configurations and of capped dead letters; MD5 where others ask for it.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace leat::io {

/// Lower-case hexadecimal SHA-256.
std::string sha256_hex(std::string_view bytes);
/// The first 128 bits of the SHA-256.
std::array<uint8_t, 16> digest128(std::string_view bytes);
/// Lower-case hexadecimal MD5: a fingerprint that Avro and Confluent's registry name things by, no protection.
std::string md5_hex(std::string_view bytes);

}  // namespace leat::io
