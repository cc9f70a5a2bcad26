// The bytes of one Avro record, read from front to back with every bound checked, and why one was refused. Private to
// codec/.
#pragma once

#include <fmt/core.h>

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "base/limits.h"
#include "base/strings.h"
#include "codec/avro_bytes.h"
#include "codec/avro_skip.h"
#include "stream/record.h"

namespace leat::codec {

/// Methods that return bool are false when the record is refused: then reason(), message() and path() say why.
class AvroInput {
 public:
  using Reason = stream::Reason;

  void start(std::string_view bytes) {
    at_ = bytes.data();
    end_ = at_ + bytes.size();
    path_.clear();
  }
  /// Where it is; go() comes back to it, in the same bytes or after start().
  struct Place {
    const char *at, *end;
  };
  Place place() const { return {at_, end_}; }
  void go(Place place) { at_ = place.at, end_ = place.end; }
  size_t left() const { return static_cast<size_t>(end_ - at_); }
  const char* at() const { return at_; }

  bool read_long(int64_t& value, const char* what) {
    if (at_ != end_ && static_cast<uint8_t>(*at_) < 0x80) [[likely]] {
      const auto bits = static_cast<uint8_t>(*at_++);
      value = static_cast<int64_t>(bits >> 1) ^ -static_cast<int64_t>(bits & 1);
      return true;
    }
    return read_more(value, what);
  }
  /// As read_long(), of at most 32 bits.
  bool read_int(int64_t& value, const char* what) {
    if (!read_long(value, what)) return false;
    if (value == static_cast<int32_t>(value)) [[likely]]
      return true;
    return refuse(Reason::kMalformed, fmt::format("{} has more than 32 bits: {}", what, value));
  }
  /// A number below `end`.
  bool read_index(size_t& index, size_t end, const char* what) {
    int64_t value = 0;
    if (!read_long(value, what)) return false;
    index = static_cast<size_t>(value);
    if (index < end) [[likely]]
      return true;
    return refuse(Reason::kMalformed, fmt::format("{} of {} expected, found {}", what, end, value));
  }
  template <typename T>
  bool read_fixed(T& value, const char* what) {
    if (left() < sizeof value) [[unlikely]]
      return too_short(sizeof value, what);
    std::memcpy(&value, at_, sizeof value);
    at_ += sizeof value;
    return true;
  }
  bool take(uint64_t size, std::string_view& bytes, const char* what) {
    if (size > left()) [[unlikely]]
      return too_short(size, what);
    bytes = {at_, static_cast<size_t>(size)};
    at_ += size;
    return true;
  }
  /// Bytes behind their length.
  bool read_bytes(std::string_view& bytes, const char* what) {
    int64_t size = 0;
    if (!read_long(size, "a length")) return false;
    if (size < 0) [[unlikely]]
      return refuse(Reason::kMalformed, fmt::format("{} of {} bytes", what, size));
    return take(static_cast<uint64_t>(size), bytes, what);
  }
  /// The head of a block: how many items, and with how many bytes (-1: not told). No items: the end.
  bool read_block(uint64_t& count, int64_t& bytes);
  bool skip(const AvroSkip& skip, size_t depth = 0);

  /// Refuses the record; false.
  bool refuse(Reason reason, std::string message) {
    reason_ = reason;
    message_ = std::move(message);
    return false;
  }
  /// Puts `name` in front of the path of what was refused; false.
  bool at_child(std::string_view name) {
    path_.insert(0, "/" + std::string(shown(name)));
    return false;
  }
  bool at_child(uint64_t index) { return at_child(std::to_string(index)); }

  Reason reason() const { return reason_; }
  std::string message() const { return path_.empty() ? message_ : path_ + ": " + message_; }

 private:
  bool read_more(int64_t& value, const char* what);
  bool too_short(uint64_t size, const char* what);
  bool skip_items(const AvroSkip& skip, size_t depth);

  const char* at_ = nullptr;
  const char* end_ = nullptr;
  Reason reason_ = Reason::kMalformed;
  std::string message_, path_;
};

}  // namespace leat::codec
