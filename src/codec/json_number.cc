#include "codec/json_number.h"

#include <charconv>
#include <cmath>
#include <cstdlib>
#include <string>
#include <system_error>
#include <type_traits>

#include "codec/json_index.h"
#include "types/temporal.h"

namespace leat::codec {
namespace {

using types::Int128;
using types::Kind;
using types::VectorBuffer;

/// Of a text that is no integer.
NumberFit judge(std::string_view text) {
  return number_shape(text) == NumberShape::kNone ? NumberFit::kNoNumber : NumberFit::kNotInteger;
}

template <typename T>
NumberFit integer(std::string_view text, VectorBuffer& column) {
  T parsed = 0;
  const char* end = text.data() + text.size();
  bool negative = text[0] == '-';
  const char* digits = text.data() + negative;
  // "-0" and "-5" of an unsigned type are integers: 0, and out of range.
  auto [at, error] = std::from_chars(std::is_unsigned_v<T> ? digits : text.data(), end, parsed);
  bool zero_led = digits + 1 < end && digits[0] == '0';
  if (at != end || zero_led || error == std::errc::invalid_argument) [[unlikely]]
    return judge(text);
  if (error != std::errc() || (std::is_unsigned_v<T> && negative && parsed != 0))
    return NumberFit::kOutOfRange;
  column.append(parsed);
  return NumberFit::kFits;
}

NumberFit int128(std::string_view text, VectorBuffer& column) {
  Int128 wide;
  switch (types::parse_int128(text, wide)) {
    case types::NumberError::kNone:
      column.append(wide);
      return NumberFit::kFits;
    case types::NumberError::kRange:
      return NumberFit::kOutOfRange;
    default:
      return judge(text);
  }
}

template <typename T>
NumberFit real(std::string_view text, VectorBuffer& column) {
  if (number_shape(text) == NumberShape::kNone) return NumberFit::kNoNumber;
  T parsed = 0;
  auto [at, error] = std::from_chars(text.data(), text.data() + text.size(), parsed);
  if (error == std::errc::result_out_of_range || std::isinf(parsed)) [[unlikely]] {
    // Both an overflow and an underflow: the C library tells which. strtod is that of the C locale
    // here.
    const std::string copy(text);
    parsed = sizeof(T) == sizeof(float) ? static_cast<T>(std::strtof(copy.c_str(), nullptr))
                                        : static_cast<T>(std::strtod(copy.c_str(), nullptr));
    if (std::isinf(parsed)) return NumberFit::kOutOfRange;
  }
  column.append(parsed);
  return NumberFit::kFits;
}

NumberFit decimal(const types::Type& type, std::string_view text, VectorBuffer& column) {
  Int128 wide;
  switch (types::parse_decimal(text, type.width(), type.scale(), wide)) {
    case types::NumberError::kNone:
      break;
    case types::NumberError::kGrammar:
      return NumberFit::kNoNumber;
    default:
      return NumberFit::kOutOfRange;
  }
  auto narrow = static_cast<int64_t>(wide.lower);
  switch (type.value_size()) {
    case 2:
      column.append(static_cast<int16_t>(narrow));
      break;
    case 4:
      column.append(static_cast<int32_t>(narrow));
      break;
    case 8:
      column.append(narrow);
      break;
    default:
      column.append(wide);
  }
  return NumberFit::kFits;
}

}  // namespace

NumberFit append_number(const types::Type& type, std::string_view text, VectorBuffer& column) {
  switch (type.kind()) {
    case Kind::kInt64:
      return integer<int64_t>(text, column);
    case Kind::kInt32:
      return integer<int32_t>(text, column);
    case Kind::kInt16:
      return integer<int16_t>(text, column);
    case Kind::kInt8:
      return integer<int8_t>(text, column);
    case Kind::kUint64:
      return integer<uint64_t>(text, column);
    case Kind::kUint32:
      return integer<uint32_t>(text, column);
    case Kind::kUint16:
      return integer<uint16_t>(text, column);
    case Kind::kUint8:
      return integer<uint8_t>(text, column);
    case Kind::kInt128:
      return int128(text, column);
    case Kind::kFloat:
      return real<float>(text, column);
    case Kind::kDouble:
      return real<double>(text, column);
    default:
      return decimal(type, text, column);
  }
}

}  // namespace leat::codec
