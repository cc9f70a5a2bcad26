#include "codec/proto_input.h"

#include <array>

#include "base/limits.h"
#include "base/strings.h"
#include "codec/proto_shape.h"

namespace leat::codec {

bool ProtoInput::read_more(uint64_t& value, const char* what) {
  uint64_t bits = 0;
  unsigned shift = 0;
  for (const char* at = at_; at != end_ && shift < 70; shift += 7) {
    const auto byte = static_cast<uint8_t>(*at++);
    bits |= static_cast<uint64_t>(byte & 0x7F) << shift;
    if (byte < 0x80) {
      value = bits;
      at_ = at;
      return true;
    }
  }
  if (shift == 70) return refuse(Reason::kMalformed, fmt::format("{} has more than 64 bits", what));
  return refuse(Reason::kMalformed,
                left() == 0 ? fmt::format("{} expected, 0 bytes left", what)
                            : fmt::format("{} is cut off after {} bytes", what, left()));
}

bool ProtoInput::too_short(uint64_t size, const char* what) {
  return refuse(Reason::kMalformed,
                fmt::format("{} bytes of {} expected, {} left", size, what, left()));
}

bool ProtoInput::at_child(std::string_view name) {
  path_.insert(0, "/" + std::string(shown(name)));
  return false;
}

bool ProtoInput::skip_value(ProtoWire wire) {
  uint64_t number = 0;
  uint32_t half = 0;
  std::string_view bytes;
  switch (wire) {
    case ProtoWire::kVarint:
      return read_varint(number, "a number");
    case ProtoWire::kFixed64:
      return read_fixed(number);
    case ProtoWire::kFixed32:
      return read_fixed(half);
    default:
      return read_bytes(bytes, "a field");
  }
}

bool ProtoInput::skip(uint32_t tag) {
  std::array<uint32_t, kMaxProtoDepth> open;  // tags that end the groups it is in
  size_t depth = 0;
  while (true) {
    const auto wire = static_cast<ProtoWire>(tag & 7);
    if (wire == ProtoWire::kGroup) {
      if (depth == open.size())
        return refuse(Reason::kTooDeep, fmt::format("groups inside groups beyond {}", open.size()));
      open[depth++] = proto_tag(tag >> 3, ProtoWire::kGroupEnd);
    } else if (wire == ProtoWire::kGroupEnd) {
      if (depth == 0 || open[depth - 1] != tag)
        return refuse(Reason::kMalformed,
                      fmt::format("the end of a group {} that did not begin", tag >> 3));
      --depth;
    } else if ((tag & 7) > 5) {
      return refuse(Reason::kMalformed,
                    fmt::format("a field {} of wire type {}", tag >> 3, tag & 7));
    } else if (!skip_value(wire)) {
      return false;
    }
    if (depth == 0) return true;
    if (!read_tag(tag)) return false;
  }
}

}  // namespace leat::codec
