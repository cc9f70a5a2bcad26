// TextOut: where text is written without allocation per value; and the JSON of a value. Private to codec/.
//
// The fixed table of values to JSON: integers and decimals as exact literals; floats as the shortest literal that
// reads back; times, dates, uuids, intervals as strings of types/temporal.h; blobs as base64; JSON as it is; structs
// as objects, lists as arrays, maps as objects with keys as text; NULL as null.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <string>
#include <string_view>

#include "codec/json_index.h"
#include "types/batch.h"

namespace leat::codec {

class TextOut {
 public:
  TextOut() = default;
  TextOut(const TextOut&) = delete;
  TextOut& operator=(const TextOut&) = delete;
  virtual ~TextOut() = default;

  /// At least `size` writable bytes at the returned place.
  char* room(size_t size) {
    if (static_cast<size_t>(end_ - at_) < size) [[unlikely]]
      grow(size);
    return at_;
  }
  /// Takes what was written into room() up to `to`.
  void advance(char* to) { at_ = to; }
  void put(char c) {
    *room(1) = c;
    ++at_;
  }
  void put(std::string_view text) {
    if (text.empty()) return;
    std::memcpy(room(text.size()), text.data(), text.size());
    at_ += text.size();
  }

 protected:
  virtual void grow(size_t size) = 0;
  char *begin_ = nullptr, *at_ = nullptr, *end_ = nullptr;
};

/// Appends to a string; it is complete once this is destroyed.
class StringOut final : public TextOut {
 public:
  explicit StringOut(std::string& text) : text_(text), start_(text.size()) {}
  ~StringOut() override { text_.resize(start_ + static_cast<size_t>(at_ - begin_)); }

 private:
  void grow(size_t size) override {
    auto used = static_cast<size_t>(at_ - begin_);
    text_.resize(start_ + std::max(2 * used, used + size));
    begin_ = text_.data() + start_;
    at_ = begin_ + used;
    end_ = text_.data() + text_.size();
  }
  std::string& text_;
  size_t start_;
};

/// Pieces of text in an arena; each is one view. What is left of the last allocation goes back at the end.
class ArenaOut final : public TextOut {
 public:
  explicit ArenaOut(types::Arena& arena) : arena_(arena) {}
  ~ArenaOut() override { arena_.give_back(static_cast<size_t>(end_ - at_)); }
  /// The text since the last call.
  std::string_view take() {
    std::string_view piece(begin_, static_cast<size_t>(at_ - begin_));
    begin_ = at_;
    return piece;
  }
  /// Forgets it.
  void drop() { at_ = begin_; }

 private:
  static constexpr size_t kChunk = 16 * 1024;
  void grow(size_t size) override {
    auto used = static_cast<size_t>(at_ - begin_);
    arena_.give_back(static_cast<size_t>(end_ - at_));
    size_t want = std::max(kChunk, 2 * (used + size));
    char* fresh = arena_.allocate(want);
    if (used > 0) std::memmove(fresh, begin_, used);
    begin_ = fresh;
    at_ = fresh + used;
    end_ = fresh + want;
  }
  types::Arena& arena_;
};

/// Writes `text` as a JSON string. It must be UTF-8.
void write_json_string(TextOut& out, std::string_view text);

/// Canonical text of a scalar that is valid (message keys, tables, CSV); nested values as JSON.
void write_text(TextOut& out, const types::Vector& vector, size_t row);

/// Why a value has no JSON.
struct JsonRefusal {
  std::string path;  // inside the value: "/price"
  std::string message;
};

/// Writes the JSON of values.
class JsonWriter {
 public:
  /// `strict`: NaN, infinities and broken JSON text are refused; else they become strings.
  JsonWriter(TextOut& out, bool strict) : out_(out), strict_(strict) {}
  /// False: refused, and what was written is incomplete.
  bool write(const types::Vector& vector, size_t row);
  /// Valid after write() returned false.
  const JsonRefusal& refusal() const { return refusal_; }
  /// The index for checking JSON text, kept by the caller between batches.
  void set_index(JsonIndex* index) { index_ = index; }

 private:
  bool write_nested(const types::Vector& vector, size_t row);
  template <typename T>
  bool write_real(T value);
  bool refuse(std::string message) {
    refusal_ = {"", std::move(message)};
    return false;
  }
  bool at_child(std::string_view name) {
    refusal_.path.insert(0, "/" + std::string(name));
    return false;
  }

  TextOut& out_;
  bool strict_;
  JsonIndex* index_ = nullptr;
  JsonRefusal refusal_;
};

}  // namespace leat::codec
