// Vector, Batch: columns of values in DuckDB's physical layout, as views; VectorBuffer, BatchBuffer: owned.
//
// The layout (one array of fixed-size values, a validity bit mask, children for nested types) is DuckDB's own,
// checked against its header in sql/, so rows go in and out by memcpy and no other room includes duckdb.h.
// Nothing here allocates per record: buffers grow geometrically and keep their capacity over reset().
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "types/type.h"

namespace leat::types {

/// 16 bytes, DuckDB's string_t: length, then up to 12 bytes inline and zeroes, or 4 bytes of prefix and a pointer.
/// Kept as two words, so that it is made in registers: bytes stored one by one and then copied as a whole stall.
class StringRef {
 public:
  static constexpr uint32_t kInline = 12;
  StringRef() : StringRef(std::string_view()) {}
  /// Keeps a pointer to `text` when it is longer than kInline: the bytes must outlive every use.
  explicit StringRef(std::string_view text) {
    char head[kInline] = {};
    if (text.size() > kInline)
      std::memcpy(head, text.data(), 4);
    else if (!text.empty())
      std::memcpy(head, text.data(), text.size());
    *this = of_readable({head, text.size()}, text.data());
  }
  /// The same, quicker, of a text from whose start kInline bytes are readable, whatever its length.
  /// `stored` is where the bytes live on. Without branches: lengths of real strings are not predictable.
  static StringRef of_readable(std::string_view text, const char* stored) {
    const Mask& mask = kMasks[text.size() < kInline ? text.size() : kInline];
    uint32_t first;
    uint64_t rest;
    std::memcpy(&first, text.data(), 4);
    std::memcpy(&rest, text.data() + 4, 8);
    StringRef ref{Unset()};
    ref.words_[0] =
        (static_cast<uint64_t>(first & mask.first) << 32) | static_cast<uint32_t>(text.size());
    uint64_t pointer = reinterpret_cast<uint64_t>(stored);
    ref.words_[1] = text.size() > kInline ? pointer : rest & mask.rest;
    return ref;
  }
  std::string_view view() const {
    auto length = static_cast<uint32_t>(words_[0]);
    if (length <= kInline) return {reinterpret_cast<const char*>(words_) + 4, length};
    return {reinterpret_cast<const char*>(words_[1]), length};
  }

 private:
  struct Unset {};
  explicit StringRef(Unset) {}
  struct Mask {
    uint64_t rest;
    uint32_t first;
  };
  /// Which of 4 + 8 bytes belong to a text of 0 to 12.
  static constexpr std::array<Mask, kInline + 1> kMasks = [] {
    std::array<Mask, kInline + 1> masks{};
    for (size_t length = 0; length <= kInline; ++length) {
      masks[length].first = length >= 4 ? 0xFFFFFFFF : (uint32_t{1} << (8 * length)) - 1;
      masks[length].rest = length >= 12  ? ~uint64_t{0}
                           : length <= 4 ? 0
                                         : (uint64_t{1} << (8 * (length - 4))) - 1;
    }
    return masks;
  }();
  uint64_t words_[2];  // little-endian
};
static_assert(std::endian::native == std::endian::little && sizeof(void*) == 8);
static_assert(sizeof(StringRef) == 16);

struct ListEntry {
  uint64_t offset, length;  // in the child vector
};
struct Int128 {
  uint64_t lower;
  int64_t upper;
  bool operator==(const Int128&) const = default;
};
struct Interval {
  int32_t months, days;
  int64_t micros;
};

/// One column as a view. `validity` null: every row is valid; else bit i of word i/64.
struct Vector {
  Type type;
  const void* data = nullptr;
  const uint64_t* validity = nullptr;
  size_t size = 0;
  std::vector<Vector> children;  // struct: fields; list: element; map: one STRUCT(key, value)

  bool valid(size_t row) const { return !validity || (validity[row >> 6] >> (row & 63) & 1); }
  template <typename T>
  const T& at(size_t row) const {
    return static_cast<const T*>(data)[row];
  }
  std::string_view text(size_t row) const { return at<StringRef>(row).view(); }
};

/// Rows as columns. The bytes belong to whoever made it and live as long as that says.
struct Batch {
  size_t rows = 0;
  std::vector<Vector> columns;
};

/// Bump allocator for the bytes of strings; everything is released at once. One thread.
class Arena {
 public:
  /// `size` writable bytes, valid until reset() or destruction.
  char* allocate(size_t size) {
    if (block_ < blocks_.size() && size <= blocks_[block_].size - used_) [[likely]] {
      char* at = blocks_[block_].data.get() + used_;
      used_ += size;
      return at;
    }
    return allocate_block(size);
  }
  std::string_view copy(std::string_view text) {
    char* into = allocate(text.size());
    if (!text.empty()) std::memcpy(into, text.data(), text.size());
    return {into, text.size()};
  }
  /// Gives back the last `size` bytes of the latest allocation.
  void give_back(size_t size) { used_ -= size; }
  /// Frees nothing but what is above kArenaKeepBytes: the next batch is about as large.
  void reset();
  /// Bytes held, used or not.
  size_t bytes() const;

 private:
  char* allocate_block(size_t size);
  struct Block {
    std::unique_ptr<char[]> data;
    size_t size;
  };
  std::vector<Block> blocks_;
  size_t block_ = 0, used_ = 0;
};

/// An owned, growing column. Rows are appended; rollback is truncate(). One thread.
class VectorBuffer {
 public:
  explicit VectorBuffer(Type type);
  const Type& type() const { return type_; }
  size_t size() const { return size_; }
  VectorBuffer& child(size_t i) { return children_[i]; }
  size_t child_count() const { return children_.size(); }

  template <typename T>
  void append(const T& value) {
    if (sizeof(T) != width_) [[unlikely]]
      wrong_width(sizeof(T));
    std::memcpy(grow(), &value, sizeof(T));
    if (!all_valid_) set_validity(size_, true);
    ++size_;
  }
  /// Appends NULL (for a struct, to every child too).
  void append_null();
  /// Appends a struct row whose children have each been appended to already.
  void append_struct();
  /// Appends a list of the child's rows [child_start, child(0).size()).
  void append_list(size_t child_start);
  /// Drops rows from `size` on, children included; also what children hold of a row not yet appended.
  void truncate(size_t size);
  void reset();
  /// A view of all rows; valid until the next append.
  Vector view() const;

 private:
  /// Room for one more value.
  char* grow() {
    if (size_ == capacity_) [[unlikely]]
      grow_data();
    return reinterpret_cast<char*>(data_.data()) + size_ * width_;
  }
  void grow_data();
  [[noreturn]] void wrong_width(size_t width) const;
  void set_validity(size_t row, bool valid) {
    if (row >> 6 >= validity_.size()) validity_.resize((row >> 6) * 2 + 16);
    uint64_t bit = uint64_t{1} << (row & 63);
    if (valid)
      validity_[row >> 6] |= bit;
    else
      validity_[row >> 6] &= ~bit;
  }
  Type type_;
  size_t width_, size_ = 0, capacity_ = 0;  // capacity_: rows that fit into data_
  bool all_valid_ = true;                   // validity_ is not kept until the first NULL
  std::vector<uint64_t> data_;              // width_ bytes a row, 8-byte aligned
  std::vector<uint64_t> validity_;
  std::vector<VectorBuffer> children_;
};

/// Owned columns and the arena of their strings. One thread.
class BatchBuffer {
 public:
  explicit BatchBuffer(const Schema& schema);
  VectorBuffer& column(size_t i) { return columns_[i]; }
  size_t column_count() const { return columns_.size(); }
  Arena& arena() { return arena_; }
  /// Rows, as the first column counts them.
  size_t rows() const { return columns_.empty() ? rows_ : columns_[0].size(); }
  void set_rows(size_t rows) { rows_ = rows; }  // for a schema without columns
  void truncate(size_t rows);
  void reset();
  Batch view() const;

 private:
  std::vector<VectorBuffer> columns_;
  Arena arena_;
  size_t rows_ = 0;
};

}  // namespace leat::types
