#include "codec/avro_number.h"

#include <array>
#include <bit>
#include <cstring>

#include "base/check.h"

namespace leat::codec {
namespace {

__extension__ using UnsignedWide = unsigned __int128;
using types::Int128;
using types::Kind;

uint64_t read_word(const char* from) {
  uint64_t word;
  std::memcpy(&word, from, sizeof word);
  return __builtin_bswap64(word);
}
void write_word(uint64_t word, char* into) {
  word = __builtin_bswap64(word);
  std::memcpy(into, &word, sizeof word);
}
static_assert(std::endian::native == std::endian::little);

Wide to_wide(const Int128& value) {
  return static_cast<Wide>(UnsignedWide{static_cast<uint64_t>(value.upper)} << 64 | value.lower);
}

constexpr uint64_t kTopBit = uint64_t{1} << 63;

}  // namespace

Int128 from_wide(Wide value) {
  const auto bits = static_cast<UnsignedWide>(value);
  return {static_cast<uint64_t>(bits), static_cast<int64_t>(static_cast<uint64_t>(bits >> 64))};
}

Wide power_of_ten(unsigned digits) {
  static constexpr std::array<Wide, 39> kPowers = [] {
    std::array<Wide, 39> powers{1};
    for (size_t i = 1; i < powers.size(); ++i) powers[i] = powers[i - 1] * 10;
    return powers;
  }();
  return kPowers.at(digits);
}

std::optional<Wide> read_avro_decimal(std::string_view bytes) {
  const bool negative = !bytes.empty() && (static_cast<uint8_t>(bytes[0]) & 0x80) != 0;
  const char sign = negative ? '\xFF' : '\0';
  while (bytes.size() > kWideBytes) {
    if (bytes[0] != sign || ((static_cast<uint8_t>(bytes[1]) & 0x80) != 0) != negative)
      return std::nullopt;
    bytes.remove_prefix(1);
  }
  char whole[kWideBytes];
  std::memset(whole, sign, sizeof whole);
  if (!bytes.empty()) std::memcpy(whole + sizeof whole - bytes.size(), bytes.data(), bytes.size());
  return static_cast<Wide>(UnsignedWide{read_word(whole)} << 64 | read_word(whole + 8));
}

size_t write_avro_decimal(Wide value, char* into) {
  const auto bits = static_cast<UnsignedWide>(value);
  write_word(static_cast<uint64_t>(bits >> 64), into);
  write_word(static_cast<uint64_t>(bits), into + 8);
  size_t size = kWideBytes;
  const char sign = value < 0 ? '\xFF' : '\0';
  // A byte of sign goes when the next one begins with the same bit.
  for (const char* at = into; size > 1 && at[0] == sign && ((at[1] ^ sign) & 0x80) == 0; ++at)
    --size;
  return size;
}

bool append_decimal(types::VectorBuffer& column, const types::Type& type, Wide value) {
  const Wide end = power_of_ten(type.width());
  if (value >= end || value <= -end) return false;
  switch (type.value_size()) {
    case 2:
      column.append(static_cast<int16_t>(value));
      return true;
    case 4:
      column.append(static_cast<int32_t>(value));
      return true;
    case 8:
      column.append(static_cast<int64_t>(value));
      return true;
    default:
      column.append(from_wide(value));
      return true;
  }
}

Wide wide_at(const types::Vector& column, size_t row) {
  switch (column.type.kind()) {
    case Kind::kUint8:
      return column.at<uint8_t>(row);
    case Kind::kUint16:
      return column.at<uint16_t>(row);
    case Kind::kUint32:
      return column.at<uint32_t>(row);
    case Kind::kUint64:
      return column.at<uint64_t>(row);
    default:
      break;
  }
  switch (column.type.value_size()) {
    case 1:
      return column.at<int8_t>(row);
    case 2:
      return column.at<int16_t>(row);
    case 4:
      return column.at<int32_t>(row);
    case 8:
      return column.at<int64_t>(row);
    default:
      return to_wide(column.at<Int128>(row));
  }
}

Int128 read_avro_uuid(std::string_view bytes) {
  CHECK(bytes.size() == 16, "a uuid of {} bytes", bytes.size());
  return {read_word(bytes.data() + 8), static_cast<int64_t>(read_word(bytes.data()) ^ kTopBit)};
}

void write_avro_uuid(const Int128& value, char* into) {
  write_word(static_cast<uint64_t>(value.upper) ^ kTopBit, into);
  write_word(value.lower, into + 8);
}

}  // namespace leat::codec
