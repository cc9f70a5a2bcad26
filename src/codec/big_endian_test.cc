#include "codec/big_endian.h"

#include <gtest/gtest.h>

#include <array>
#include <limits>
#include <string>
#include <vector>

namespace leat::codec::big_endian {
namespace {

using std::string_literals::operator""s;

template <typename T>
std::string bytes_of(T value) {
  std::string out;
  put(out, value);
  return out;
}

TEST(BigEndian, PutsTheHighestByteFirst) {
  EXPECT_EQ(bytes_of(int8_t{-2}), "\xfe");
  EXPECT_EQ(bytes_of(int16_t{0x0102}), "\x01\x02");
  EXPECT_EQ(bytes_of(uint32_t{0xA0B0C0D0}), "\xA0\xB0\xC0\xD0");
  EXPECT_EQ(bytes_of(int64_t{-1}), std::string(8, '\xff'));
  EXPECT_EQ(bytes_of(std::numeric_limits<int64_t>::min()), "\x80\0\0\0\0\0\0\0"s);
}

TEST(BigEndian, PutsRealNumbersWithOneZero) {
  EXPECT_EQ(bytes_of(1.0F), "\x3f\x80\0\0"s);
  EXPECT_EQ(bytes_of(-2.0), "\xc0\0\0\0\0\0\0\0"s);
  EXPECT_EQ(bytes_of(-0.0F), std::string(4, '\0'));
  EXPECT_EQ(bytes_of(-0.0), std::string(8, '\0'));
}

TEST(BigEndian, WritesALengthInPlace) {
  std::string out = "....abc";
  write(out.data(), int32_t{3});
  EXPECT_EQ(out, "\0\0\0\3abc"s);
}

TEST(BigEndian, PutsTheBytesOfAUuid) {
  std::string out;
  put_uuid(out, {0x8899'aabb'ccdd'eeff, static_cast<int64_t>(0x8011'2233'4455'6677)});
  EXPECT_EQ(out, "\x00\x11\x22\x33\x44\x55\x66\x77\x88\x99\xaa\xbb\xcc\xdd\xee\xff"s);
}

TEST(BigEndian, WidensDecimalsOfEachSize) {
  const auto unscaled = [](uint8_t width, auto value) {
    std::array values{value};
    types::Vector vector;
    vector.type = types::Type::decimal(width, 1);
    vector.data = values.data();
    return unscaled_decimal(vector, 0);
  };
  for (const int64_t value : {int64_t{-5}, int64_t{0}, int64_t{12'345}}) {
    const types::Int128 wide{static_cast<uint64_t>(value), value < 0 ? -1 : 0};
    EXPECT_EQ(unscaled(4, static_cast<int16_t>(value)), wide);
    EXPECT_EQ(unscaled(9, static_cast<int32_t>(value)), wide);
    EXPECT_EQ(unscaled(18, value), wide);
    EXPECT_EQ(unscaled(38, wide), wide);
  }
}

}  // namespace
}  // namespace leat::codec::big_endian
