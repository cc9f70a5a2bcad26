// Numbers and strings as bytes: what every stored row of the log is made of. Header only, any thread.
//
//   fixed    little-endian in values; big-endian in keys, so that keys sort as numbers do
//   varint   7 bits a byte, lowest first, the high bit says that more follows; at most 10 bytes
//   zigzag   a signed number n as the varint of (n << 1) ^ (n >> 63)
//   string   varint length, then the bytes
#pragma once

#include <bit>
#include <concepts>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

namespace leat::log {

static_assert(std::endian::native == std::endian::little, "put_fixed copies as it lies in memory");

template <std::integral T>
void put_fixed(std::string& out, T value) {
  char bytes[sizeof(T)];
  std::memcpy(bytes, &value, sizeof(T));
  out.append(bytes, sizeof(T));
}

template <std::unsigned_integral T>
void put_big_endian(std::string& out, T value) {
  for (size_t i = sizeof(T); i-- > 0;) out += static_cast<char>(value >> (8 * i) & 255);
}

inline void put_varint(std::string& out, uint64_t value) {
  char bytes[10];
  size_t n = 0;
  for (; value >= 128; value >>= 7) bytes[n++] = static_cast<char>((value & 127) | 128);
  bytes[n++] = static_cast<char>(value);
  out.append(bytes, n);
}

inline void put_zigzag(std::string& out, int64_t value) {
  put_varint(out, static_cast<uint64_t>(value) << 1 ^ static_cast<uint64_t>(value >> 63));
}

inline void put_string(std::string& out, std::string_view text) {
  put_varint(out, text.size());
  out.append(text);
}

/// Reads untrusted bytes from front to back. The first read that does not fit makes ok() false for good;
/// reads return zeros and empty texts from then on.
class ByteReader {
 public:
  explicit ByteReader(std::string_view bytes) : at_(bytes.data()), end_(at_ + bytes.size()) {}

  bool ok() const { return ok_; }
  size_t left() const { return static_cast<size_t>(end_ - at_); }
  /// True when all was read and nothing went wrong.
  bool finished() const { return ok_ && at_ == end_; }

  template <std::integral T>
  T fixed() {
    T value{};
    if (auto bytes = take(sizeof(T)); ok_) std::memcpy(&value, bytes.data(), sizeof(T));
    return value;
  }
  template <std::unsigned_integral T>
  T big_endian() {
    T value{};
    for (char c : take(sizeof(T))) {
      value = static_cast<T>(value << 8 | static_cast<unsigned char>(c));
    }
    return value;
  }
  uint64_t varint() {
    uint64_t value = 0;
    for (int shift = 0; shift < 64 && at_ < end_; shift += 7) {
      auto byte = static_cast<unsigned char>(*at_++);
      value |= static_cast<uint64_t>(byte & 127) << shift;
      if (byte < 128) {
        if (shift == 63 && byte > 1) break;
        return value;
      }
    }
    fail();
    return 0;
  }
  int64_t zigzag() {
    uint64_t value = varint();
    return static_cast<int64_t>(value >> 1 ^ (~(value & 1) + 1));
  }
  std::string_view string() { return take(varint()); }
  std::string_view take(uint64_t size) {
    if (size > left()) {
      fail();
      return {};
    }
    std::string_view bytes(at_, size);
    at_ += size;
    return bytes;
  }

 private:
  void fail() {
    ok_ = false;
    at_ = end_;
  }
  const char* at_;
  const char* end_;
  bool ok_ = true;
};

}  // namespace leat::log
