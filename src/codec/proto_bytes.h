// The bytes of Protobuf messages, written from front to back. Private to codec/.
#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace leat::codec {

constexpr size_t kProtoVarintBytes = 10;  // at most

constexpr uint64_t proto_zigzag(int64_t value) {
  return (static_cast<uint64_t>(value) << 1) ^ static_cast<uint64_t>(value >> 63);
}

/// The message indexes that stand before a record, as proto_decode.h has them: 0x00 for the first message.
std::string proto_indexes(const std::vector<int32_t>& path);

/// A buffer that is filled again for every row.
class ProtoBytes {
 public:
  void clear() { size_ = 0; }
  size_t size() const { return size_; }
  std::string_view view() const { return {data_.get(), size_}; }

  void put_varint(uint64_t value) {
    reserve(kProtoVarintBytes);
    for (; value >= 0x80; value >>= 7) data_[size_++] = static_cast<char>(value | 0x80);
    data_[size_++] = static_cast<char>(value);
  }
  template <typename T>
  void put_fixed(T value) {
    reserve(sizeof value);
    std::memcpy(&data_[size_], &value, sizeof value);
    size_ += sizeof value;
  }
  void put(std::string_view bytes) {
    if (bytes.empty()) return;
    reserve(bytes.size());
    std::memcpy(&data_[size_], bytes.data(), bytes.size());
    size_ += bytes.size();
  }
  /// Bytes behind their length.
  void put_bytes(std::string_view bytes) {
    put_varint(bytes.size());
    put(bytes);
  }
  /// Leaves room for the length of what follows up to close(), which takes what this returns.
  size_t open() {
    reserve(1);
    return size_++;
  }
  void close(size_t place) {
    const size_t length = size_ - place - 1;
    if (length < 0x80) {
      data_[place] = static_cast<char>(length);
      return;
    }
    size_t more = 0;
    for (uint64_t rest = length >> 7; rest > 0; rest >>= 7) ++more;
    reserve(more);
    std::memmove(&data_[place + 1 + more], &data_[place + 1], length);
    const size_t end = size_ + more;
    size_ = place;
    put_varint(length);
    size_ = end;
  }

 private:
  void reserve(size_t more) {
    if (size_ + more <= capacity_) [[likely]]
      return;
    grow(more);
  }
  void grow(size_t more);

  std::unique_ptr<char[]> data_;
  size_t size_ = 0, capacity_ = 0;
};

}  // namespace leat::codec
