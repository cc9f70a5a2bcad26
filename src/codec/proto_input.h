// The bytes of one Protobuf record, read from front to back with every bound checked, and why one was refused. Private to
// codec/.
//
//   message  = { tag value }                     tag     = varint of number << 3 | wire type
//   varint   = 7 bits a byte, the lowest first; the top bit says that another byte follows; at most 10 bytes, of which
//              the bits beyond 64 are dropped
//   0 varint | 1 8 bytes | 2 length:varint bytes | 3 group: fields up to tag 4 of its number | 5 4 bytes
//
// Source: https://protobuf.dev/programming-guides/encoding/
#pragma once

#include <fmt/core.h>

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "stream/record.h"

namespace leat::codec {

enum class ProtoWire : uint8_t {
  kVarint = 0,
  kFixed64 = 1,
  kBytes = 2,
  kGroup = 3,
  kGroupEnd = 4,
  kFixed32 = 5
};

constexpr uint32_t proto_tag(uint32_t number, ProtoWire wire) {
  return number << 3 | static_cast<uint32_t>(wire);
}
constexpr int64_t proto_unzigzag(uint64_t bits) {
  return static_cast<int64_t>(bits >> 1) ^ -static_cast<int64_t>(bits & 1);
}

/// Methods that return bool are false when the record is refused: then reason() and message() say why.
class ProtoInput {
 public:
  using Reason = stream::Reason;

  /// A record.
  void start(std::string_view bytes) {
    path_.clear();
    limit_ = bytes.data() + bytes.size();
    enter(bytes);
  }
  /// Bytes inside those of start(), or of read_aside().
  void enter(std::string_view bytes) {
    at_ = bytes.data();
    end_ = at_ + bytes.size();
  }
  /// Bytes that are not the record's own.
  void read_aside(std::string_view bytes) {
    limit_ = bytes.data() + bytes.size();
    enter(bytes);
  }
  /// Where it is; go() comes back to it.
  struct Place {
    const char *at, *end, *limit;
  };
  Place place() const { return {at_, end_, limit_}; }
  void go(Place place) { at_ = place.at, end_ = place.end, limit_ = place.limit; }
  size_t left() const { return static_cast<size_t>(end_ - at_); }
  const char* at() const { return at_; }
  /// How many bytes from `from` on may be read, whatever they mean.
  size_t readable(const char* from) const { return static_cast<size_t>(limit_ - from); }
  void pass(size_t size) { at_ += size; }
  std::string_view rest() const { return {at_, left()}; }

  bool read_varint(uint64_t& value, const char* what) {
    if (at_ != end_ && static_cast<uint8_t>(*at_) < 0x80) [[likely]] {
      value = static_cast<uint8_t>(*at_++);
      return true;
    }
    return read_more(value, what);
  }
  /// A field's tag, whose number is one.
  bool read_tag(uint32_t& tag) {
    uint64_t value = 0;
    if (!read_varint(value, "a tag")) [[unlikely]]
      return false;
    tag = static_cast<uint32_t>(value);
    if (value <= UINT32_MAX && tag >= 8) [[likely]]
      return true;
    return refuse(Reason::kMalformed, fmt::format("{} is no tag of a field", value));
  }
  template <typename T>
  bool read_fixed(T& value) {
    if (left() < sizeof value) [[unlikely]]
      return too_short(sizeof value, "a number");
    std::memcpy(&value, at_, sizeof value);
    at_ += sizeof value;
    return true;
  }
  /// Bytes behind their length.
  bool read_bytes(std::string_view& bytes, const char* what) {
    uint64_t size = 0;
    if (!read_varint(size, "a length")) [[unlikely]]
      return false;
    if (size > left()) [[unlikely]]
      return too_short(size, what);
    bytes = {at_, static_cast<size_t>(size)};
    at_ += size;
    return true;
  }
  /// Steps over what is behind `tag`.
  bool skip(uint32_t tag);

  /// Refuses the record; false.
  bool refuse(Reason reason, std::string message) {
    reason_ = reason;
    message_ = std::move(message);
    return false;
  }
  /// Puts `name` in front of the path of what was refused; false.
  bool at_child(std::string_view name);
  bool at_child(uint64_t index) { return at_child(std::string_view(std::to_string(index))); }

  Reason reason() const { return reason_; }
  std::string message() const { return path_.empty() ? message_ : path_ + ": " + message_; }

 private:
  bool read_more(uint64_t& value, const char* what);
  bool too_short(uint64_t size, const char* what);
  bool skip_value(ProtoWire wire);

  const char *at_ = nullptr, *end_ = nullptr, *limit_ = nullptr;
  Reason reason_ = Reason::kMalformed;
  std::string message_, path_;
};

}  // namespace leat::codec
