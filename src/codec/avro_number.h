// Decimals and UUIDs as the bytes Avro has of them. Private to codec/.
//
//   decimal  = two's complement, big-endian, unscaled; `bytes` as short as it can be, `fixed` with the sign in front
//   uuid     = 16 bytes, big-endian (RFC 4122)
//
// Source: Apache Avro 1.12 specification, "Logical Types".
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "types/batch.h"
#include "types/type.h"

namespace leat::codec {

__extension__ using Wide = __int128;
constexpr size_t kWideBytes = 16;

types::Int128 from_wide(Wide value);

/// 10^digits; at most 38.
Wide power_of_ten(unsigned digits);

/// nullopt: more than 128 bits.
std::optional<Wide> read_avro_decimal(std::string_view bytes);
/// Writes the kWideBytes of `value`; how many of the last ones are enough.
size_t write_avro_decimal(Wide value, char* into);

/// Appends an unscaled decimal. False when it has more digits than the column.
bool append_decimal(types::VectorBuffer& column, const types::Type& type, Wide value);
/// The unscaled decimal or the integer (of any kind) at `row`.
Wide wide_at(const types::Vector& column, size_t row);

types::Int128 read_avro_uuid(std::string_view bytes);
void write_avro_uuid(const types::Int128& value, char* into);

}  // namespace leat::codec
