// JsonIndex: the places of a JSON text's tokens, and the walk over them. Shared by decoder, framing and encoder.
//
// simdjson's first stage (vector instructions picked at run time, ~4 GB/s) finds where every token begins: brackets,
// colons, commas, strings, other scalars; it checks UTF-8, that strings are closed and hold no raw control
// characters. We walk its list ourselves instead of using simdjson's on-demand parser, because that one (a) wants
// padding behind each record, so a copy of it, (b) is compiled for the oldest processor, byte by byte, where only
// the first stage is dispatched, and (c) does not check the grammar of what it skips.
// The list belongs to simdjson's internal class, whose members are the same from 1.0 to 3.x; json_index_test.cc
// pins what we rely on.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace simdjson::internal {
class dom_parser_implementation;
}

namespace leat::codec {

/// Why a text is no JSON.
enum class JsonFault : uint8_t { kNone, kMalformed, kInvalidUtf8, kTooDeep };

/// What the number at a place is, by RFC 8259's grammar.
enum class NumberShape : uint8_t { kNone, kInteger, kReal };
NumberShape number_shape(std::string_view text);

/// Decodes the inside of a JSON string (without its quotes) to `into`, which has room for text.size() bytes.
/// Returns the end, or nullptr: an unknown escape or half a surrogate pair.
char* unescape(std::string_view text, char* into);

/// Reused from text to text, so it allocates only while it grows. One thread.
class JsonIndex {
 public:
  JsonIndex();
  ~JsonIndex();
  JsonIndex(const JsonIndex&) = delete;
  JsonIndex& operator=(const JsonIndex&) = delete;

  /// Indexes `text`, whose bytes must stay while the index is used; no padding is needed. False:
  /// fault() and fault_message() say why. `lenient` takes raw control characters, broken UTF-8,
  /// words such as NaN and any depth (a page whose broken record must not take its neighbours
  /// along); then `text` must have a NUL behind it.
  bool build(std::string_view text, bool lenient = false);

  JsonFault fault() const { return fault_; }
  /// "at byte 17: expected ',' or '}', found 'x'".
  std::string fault_message() const;

  /// Tokens are numbered from 0; count() is past the last one, and reading it (or the next) is safe and gives a
  /// character that no grammar wants there.
  uint32_t count() const { return count_; }
  char kind(uint32_t token) const { return text_[at_[token]]; }
  const char* start(uint32_t token) const { return text_ + at_[token]; }
  uint32_t offset(uint32_t token) const { return at_[token]; }
  const char* text() const { return text_; }
  size_t size() const { return size_; }

  /// The text of a scalar, quotes included; empty for a token past the end.
  std::string_view scalar(uint32_t token) const {
    const char* from = start(token);
    const char* to = text_ + at_[token + 1];
    if (to <= from) [[unlikely]]
      return token + 1 == count_ ? trim(from, text_ + size_) : std::string_view();
    return trim(from, to);
  }
  /// The text of the value that starts at `token` and ends before token `end` (as skip() gives it).
  std::string_view value(uint32_t token, uint32_t end) const {
    char last = kind(end - 1);
    if (last == '}' || last == ']')
      return {start(token), static_cast<size_t>(start(end - 1) + 1 - start(token))};
    return scalar(token);
  }

  /// The token behind the value at `token`, which lies inside `depth` containers; 0: see fault(). Checks brackets,
  /// commas, colons, keys, depth; with `strict` also each scalar's spelling and each escape.
  uint32_t skip(uint32_t token, unsigned depth, bool strict);
  /// True when the whole text is one JSON value.
  bool check(bool strict);
  /// Records a fault at `token`; 0.
  uint32_t fail(uint32_t token, const char* expected);
  uint32_t fail_deep(uint32_t token);
  /// False: see fault().
  bool check_scalar(uint32_t token);

 private:
  static std::string_view trim(const char* from, const char* to) {
    while (to > from + 1 && (to[-1] == ' ' || to[-1] == '\n' || to[-1] == '\r' || to[-1] == '\t'))
      --to;
    return {from, static_cast<size_t>(to - from)};
  }
  bool classify(int error);

  std::unique_ptr<simdjson::internal::dom_parser_implementation> parser_;
  size_t capacity_ = 0;
  const char* text_ = nullptr;
  size_t size_ = 0;
  uint32_t* at_ = nullptr;
  uint32_t count_ = 0;
  JsonFault fault_ = JsonFault::kNone;
  uint32_t fault_token_ = 0;
  const char* expected_ = "";
  bool lenient_ = false;
  std::vector<uint64_t> spilled_;  // kinds of containers beyond 64 levels, when lenient
  std::string scratch_;            // a copy of a text that needs a NUL behind it, or other bytes
};

}  // namespace leat::codec
