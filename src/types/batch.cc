#include "types/batch.h"

#include <algorithm>

#include "base/limits.h"

namespace leat::types {

char* Arena::allocate_block(size_t size) {
  // Blocks kept from before reset(): the next one, if it is large enough; else a new one takes its place.
  if (block_ < blocks_.size()) ++block_;
  if (block_ == blocks_.size() || blocks_[block_].size < size) {
    size_t last = block_ == 0 ? limits::kArenaBlockBytes / 2 : blocks_[block_ - 1].size;
    size_t want = std::max(size, std::min(last * 2, 256 * limits::kArenaBlockBytes));
    blocks_.resize(block_);
    // Not make_unique: its zeroes would be written for nothing.
    blocks_.push_back({std::unique_ptr<char[]>(new char[want]), want});
  }
  used_ = size;
  return blocks_[block_].data.get();
}

void Arena::reset() {
  block_ = used_ = 0;
  size_t kept = 0, keep = 0;
  while (keep < blocks_.size() && kept + blocks_[keep].size <= limits::kArenaKeepBytes) {
    kept += blocks_[keep++].size;
  }
  blocks_.resize(keep);
}

size_t Arena::bytes() const {
  size_t sum = 0;
  for (const Block& block : blocks_) sum += block.size;
  return sum;
}

VectorBuffer::VectorBuffer(Type type) : type_(std::move(type)), width_(type_.value_size()) {
  if (width_ == 0) capacity_ = SIZE_MAX;
  switch (type_.kind()) {
    case Kind::kList:
      children_.emplace_back(type_.element());
      break;
    case Kind::kMap:
      children_.emplace_back(Type::structure(type_.fields()));
      break;
    case Kind::kStruct:
      children_.reserve(type_.fields().size());
      for (const Field& field : type_.fields()) children_.emplace_back(field.type);
      break;
    default:
      break;
  }
}

void VectorBuffer::wrong_width(size_t width) const {
  CHECK(width == width_, "{} bytes appended to a column of {}", width, type_.to_sql());
  std::abort();
}

void VectorBuffer::grow_data() {
  size_t rows = std::max<size_t>(256, capacity_ * 2);
  data_.resize((rows * width_ + 7) / 8);
  capacity_ = rows;
}

void VectorBuffer::append_null() {
  if (all_valid_) {
    all_valid_ = false;
    validity_.assign(std::max(validity_.size(), (size_ >> 6) + 1), ~uint64_t{0});
  }
  set_validity(size_, false);
  switch (type_.kind()) {
    case Kind::kStruct:
      for (VectorBuffer& child : children_) child.append_null();
      break;
    case Kind::kList:
    case Kind::kMap: {
      ListEntry entry{children_[0].size(), 0};
      std::memcpy(grow(), &entry, sizeof entry);
      break;
    }
    default:
      std::memset(grow(), 0, width_);
  }
  ++size_;
}

void VectorBuffer::append_struct() {
  if (!all_valid_) set_validity(size_, true);
  ++size_;
  for (const VectorBuffer& child : children_) {
    CHECK(child.size() == size_, "{} has {} rows, a field of it {}", type_.to_sql(), size_,
          child.size());
  }
}

void VectorBuffer::append_list(size_t child_start) {
  size_t end = children_[0].size();
  CHECK(child_start <= end, "a list from {} to {}", child_start, end);
  append(ListEntry{child_start, end - child_start});
}

void VectorBuffer::truncate(size_t size) {
  CHECK(size <= size_, "truncate {} rows to {}", size_, size);
  size_ = size;
  if (type_.kind() == Kind::kStruct) {
    // A row being appended may have reached only some children, and theirs.
    for (VectorBuffer& child : children_) child.truncate(std::min(size, child.size()));
  } else if (!children_.empty()) {
    size_t end = 0;
    if (size > 0) {
      ListEntry last;
      std::memcpy(&last, reinterpret_cast<const char*>(data_.data()) + (size - 1) * width_,
                  sizeof last);
      end = last.offset + last.length;
    }
    children_[0].truncate(end);
  }
}

void VectorBuffer::reset() {
  size_ = 0;
  all_valid_ = true;
  for (VectorBuffer& child : children_) child.reset();
}

Vector VectorBuffer::view() const {
  Vector view;
  view.type = type_;
  view.data = data_.data();
  view.validity = all_valid_ ? nullptr : validity_.data();
  view.size = size_;
  view.children.reserve(children_.size());
  for (const VectorBuffer& child : children_) view.children.push_back(child.view());
  return view;
}

BatchBuffer::BatchBuffer(const Schema& schema) {
  columns_.reserve(schema.fields.size());
  for (const Field& field : schema.fields) columns_.emplace_back(field.type);
}

void BatchBuffer::truncate(size_t rows) {
  for (VectorBuffer& column : columns_) column.truncate(std::min(rows, column.size()));
  rows_ = rows;
}

void BatchBuffer::reset() {
  for (VectorBuffer& column : columns_) column.reset();
  arena_.reset();
  rows_ = 0;
}

Batch BatchBuffer::view() const {
  Batch batch;
  batch.rows = rows();
  batch.columns.reserve(columns_.size());
  for (const VectorBuffer& column : columns_) batch.columns.push_back(column.view());
  return batch;
}

}  // namespace leat::types
