#include "codec/proto_bytes.h"

#include <algorithm>
#include <utility>

namespace leat::codec {

void ProtoBytes::grow(size_t more) {
  const size_t wanted = std::max<size_t>({size_ + more, capacity_ * 2, 4096});
  // Not make_unique: its zeroes would be written for nothing.
  std::unique_ptr<char[]> fresh(new char[wanted]);
  if (size_ > 0) std::memcpy(fresh.get(), data_.get(), size_);
  data_ = std::move(fresh);
  capacity_ = wanted;
}

std::string proto_indexes(const std::vector<int32_t>& path) {
  if (path.size() == 1 && path[0] == 0) return std::string(1, '\0');
  ProtoBytes made;
  made.put_varint(proto_zigzag(static_cast<int64_t>(path.size())));
  for (const int32_t index : path) made.put_varint(proto_zigzag(index));
  return std::string(made.view());
}

}  // namespace leat::codec
