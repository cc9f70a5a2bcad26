// Numbers as the wire formats of databases have them: two's complement, the highest byte first. Called for each value by
// the stores' rows (components/sink_*_rows.cc), on the lane's write thread.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <string>
#include <type_traits>

#include "types/batch.h"

namespace leat::codec::big_endian {

/// Writes an integer's bytes at `at`, which has room for them.
template <typename T>
void write(char* at, T value) {
  auto bits = static_cast<std::make_unsigned_t<T>>(value);
  for (size_t i = sizeof(T); i-- > 0; bits = static_cast<decltype(bits)>(uint64_t{bits} >> 8))
    at[i] = static_cast<char>(bits & 0xFF);
}

/// Appends an integer's bytes.
template <typename T>
void put(std::string& out, T value) {
  char bytes[sizeof(T)];
  write(bytes, value);
  out.append(bytes, sizeof(T));
}

/// Appends an IEEE 754 number's bytes; -0 as 0, which SQL takes for equal.
inline void put(std::string& out, float value) {
  put(out, std::bit_cast<uint32_t>(value == 0 ? 0.0F : value));
}
inline void put(std::string& out, double value) {
  put(out, std::bit_cast<uint64_t>(value == 0 ? 0.0 : value));
}

/// Appends the 16 bytes of RFC 4122 of a UUID, which batches hold with its first bit turned, so that it sorts as a number.
inline void put_uuid(std::string& out, const types::Int128& value) {
  put(out, static_cast<uint64_t>(value.upper) ^ (uint64_t{1} << 63));
  put(out, value.lower);
}

/// The unscaled number of a DECIMAL, which a batch keeps in 2, 4, 8 or 16 bytes by its width.
inline types::Int128 unscaled_decimal(const types::Vector& vector, size_t row) {
  const auto widened = [](int64_t value) {
    return types::Int128{static_cast<uint64_t>(value), value < 0 ? -1 : 0};
  };
  switch (vector.type.value_size()) {
    case sizeof(int16_t):
      return widened(vector.at<int16_t>(row));
    case sizeof(int32_t):
      return widened(vector.at<int32_t>(row));
    case sizeof(int64_t):
      return widened(vector.at<int64_t>(row));
    default:
      return vector.at<types::Int128>(row);
  }
}

}  // namespace leat::codec::big_endian
