#include "codec/avro_input.h"

namespace leat::codec {

bool AvroInput::read_more(int64_t& value, const char* what) {
  const char* behind = read_avro_long(at_, end_, value);
  if (behind) [[likely]] {
    at_ = behind;
    return true;
  }
  if (left() >= kAvroLongBytes)
    return refuse(Reason::kMalformed, fmt::format("{} has more than 64 bits", what));
  return refuse(Reason::kMalformed,
                left() == 0 ? fmt::format("{} expected, 0 bytes left", what)
                            : fmt::format("{} is cut off after {} bytes", what, left()));
}

bool AvroInput::too_short(uint64_t size, const char* what) {
  return refuse(Reason::kMalformed,
                fmt::format("{} bytes of {} expected, {} left", size, what, left()));
}

bool AvroInput::read_block(uint64_t& count, int64_t& bytes) {
  int64_t head = 0;
  bytes = -1;
  if (!read_long(head, "a block's count")) return false;
  count = static_cast<uint64_t>(head);
  if (head >= 0) return true;
  count = uint64_t{0} - count;
  if (!read_long(bytes, "a block's size")) return false;
  if (bytes >= 0 && static_cast<uint64_t>(bytes) <= left()) return true;
  return refuse(Reason::kMalformed,
                fmt::format("a block of {} bytes expected, {} left", bytes, left()));
}

bool AvroInput::skip_items(const AvroSkip& skip, size_t depth) {
  const bool map = skip.op == AvroSkip::Op::kMap;
  const AvroSkip& item = *skip.parts[0];
  while (true) {
    uint64_t count = 0;
    int64_t bytes = 0;
    std::string_view passed;
    if (!read_block(count, bytes)) return false;
    if (count == 0) return true;
    if (bytes >= 0) {
      if (!take(static_cast<uint64_t>(bytes), passed, "block")) return false;
      continue;
    }
    if (!map && item.op == AvroSkip::Op::kFixed) {
      if (item.size == 0) continue;
      if (count > left() / item.size) {
        return refuse(
            Reason::kMalformed,
            fmt::format("{} items of {} bytes expected, {} bytes left", count, item.size, left()));
      }
      at_ += count * item.size;
      continue;
    }
    for (uint64_t i = 0; i < count; ++i) {
      if (map && !read_bytes(passed, "key")) return at_child(i);
      if (!this->skip(item, depth + 1)) return at_child(i);
    }
  }
}

bool AvroInput::skip(const AvroSkip& skip, size_t depth) {
  if (depth > limits::kMaxAvroDepth) {
    return refuse(Reason::kTooDeep,
                  fmt::format("values inside values beyond {}", limits::kMaxAvroDepth));
  }
  int64_t number = 0;
  size_t branch = 0;
  std::string_view passed;
  switch (skip.op) {
    case AvroSkip::Op::kFixed:
      return take(skip.size, passed, "a value");
    case AvroSkip::Op::kLong:
      return read_long(number, "a number");
    case AvroSkip::Op::kBytes:
      return read_bytes(passed, "string");
    case AvroSkip::Op::kArray:
    case AvroSkip::Op::kMap:
      return skip_items(skip, depth);
    case AvroSkip::Op::kUnion:
      return read_index(branch, skip.parts.size(), "a branch of a union") &&
             this->skip(*skip.parts[branch], depth + 1);
    case AvroSkip::Op::kRecord:
      for (const AvroSkip* part : skip.parts) {
        if (!this->skip(*part, depth + 1)) return false;
      }
      return true;
  }
  return false;
}

}  // namespace leat::codec
