#include "codec/json_index.h"

#include <fmt/core.h>
#include <simdjson.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "base/check.h"
#include "base/limits.h"

namespace leat::codec {
namespace {

// Depth is kept in the bits of one word: 1 is an object, 0 an array.
static_assert(limits::kMaxJsonDepth <= 64);

enum class Start : uint8_t { kBad, kScalar, kObject, kArray };
constexpr std::array<Start, 256> make_starts() {
  std::array<Start, 256> starts{};
  for (char c : std::string_view("\"-0123456789tfn"))
    starts[static_cast<unsigned char>(c)] = Start::kScalar;
  starts['{'] = Start::kObject;
  starts['['] = Start::kArray;
  return starts;
}
constexpr std::array<Start, 256> kStarts = make_starts();

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

int hex4(const char* at) {
  int value = 0;
  for (int i = 0; i < 4; ++i) {
    char c = at[i];
    int digit = is_digit(c)            ? c - '0'
                : c >= 'a' && c <= 'f' ? c - 'a' + 10
                : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                       : -1;
    if (digit < 0) return -1;
    value = value * 16 + digit;
  }
  return value;
}

char* put_utf8(char* into, uint32_t code) {
  auto put = [&](uint32_t byte) { *into++ = static_cast<char>(byte); };
  if (code < 0x80) {
    put(code);
  } else if (code < 0x800) {
    put(0xC0 | code >> 6), put(0x80 | (code & 63));
  } else if (code < 0x10000) {
    put(0xE0 | code >> 12), put(0x80 | (code >> 6 & 63)), put(0x80 | (code & 63));
  } else {
    put(0xF0 | code >> 18), put(0x80 | (code >> 12 & 63)), put(0x80 | (code >> 6 & 63)),
        put(0x80 | (code & 63));
  }
  return into;
}

/// The character of "\uXXXX" or of a surrogate pair at `at`, which is moved behind it; -1 when it is none.
int64_t take_unicode(const char*& at, const char* end) {
  if (end - at < 6) return -1;
  int code = hex4(at + 2);
  at += 6;
  if (code < 0xD800 || code > 0xDFFF) return code;
  if (code > 0xDBFF || end - at < 6 || at[0] != '\\' || at[1] != 'u') return -1;
  int low = hex4(at + 2);
  at += 6;
  if (low < 0xDC00 || low > 0xDFFF) return -1;
  return 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
}

}  // namespace

NumberShape number_shape(std::string_view text) {
  const char *at = text.data(), *end = at + text.size();
  if (at < end && *at == '-') ++at;
  if (at == end || !is_digit(*at)) return NumberShape::kNone;
  if (*at == '0')
    ++at;
  else
    while (at < end && is_digit(*at)) ++at;
  if (at == end) return NumberShape::kInteger;
  if (*at == '.') {
    if (++at == end || !is_digit(*at)) return NumberShape::kNone;
    while (at < end && is_digit(*at)) ++at;
  }
  if (at < end && (*at == 'e' || *at == 'E')) {
    ++at;
    if (at < end && (*at == '-' || *at == '+')) ++at;
    if (at == end) return NumberShape::kNone;
    while (at < end && is_digit(*at)) ++at;
  }
  return at == end && is_digit(end[-1]) ? NumberShape::kReal : NumberShape::kNone;
}

char* unescape(std::string_view text, char* into) {
  const char *at = text.data(), *end = at + text.size();
  while (at < end) {
    const auto* next =
        static_cast<const char*>(std::memchr(at, '\\', static_cast<size_t>(end - at)));
    const char* plain = next ? next : end;
    std::memcpy(into, at, static_cast<size_t>(plain - at));
    into += plain - at;
    at = plain;
    if (at == end) break;
    if (end - at < 2) return nullptr;
    switch (at[1]) {
      case '"':
        *into++ = '"';
        break;
      case '\\':
        *into++ = '\\';
        break;
      case '/':
        *into++ = '/';
        break;
      case 'b':
        *into++ = '\b';
        break;
      case 'f':
        *into++ = '\f';
        break;
      case 'n':
        *into++ = '\n';
        break;
      case 'r':
        *into++ = '\r';
        break;
      case 't':
        *into++ = '\t';
        break;
      case 'u': {
        int64_t code = take_unicode(at, end);
        if (code < 0) return nullptr;
        into = put_utf8(into, static_cast<uint32_t>(code));
        continue;
      }
      default:
        return nullptr;
    }
    at += 2;
  }
  return into;
}

JsonIndex::JsonIndex() = default;
JsonIndex::~JsonIndex() = default;

bool JsonIndex::build(std::string_view text, bool lenient) {
  lenient_ = lenient;
  fault_ = JsonFault::kNone;
  fault_token_ = 0;
  expected_ = "";
  text_ = text.data();
  size_ = text.size();
  count_ = 0;
  if (text.size() > capacity_) [[unlikely]] {
    size_t capacity = std::bit_ceil(std::max(text.size(), 64 * limits::kKiB));
    CHECK(capacity < UINT32_MAX, "a JSON text of {} bytes", text.size());
    auto error = simdjson::get_active_implementation()->create_dom_parser_implementation(
        capacity, limits::kMaxJsonDepth, parser_);
    CHECK(error == simdjson::SUCCESS, "out of memory for the index of {} bytes", capacity);
    capacity_ = capacity;
  }
  if (text.empty()) return classify(simdjson::EMPTY);
  const auto* bytes = reinterpret_cast<const uint8_t*>(text.data());
  auto error = parser_->stage1(bytes, text.size(), simdjson::stage1_mode::regular);
  if (lenient && error == simdjson::UNESCAPED_CHARS) {
    // The index of the same text with blanks for control characters: the places are the same.
    scratch_.assign(text);
    for (char& c : scratch_) {
      if (static_cast<unsigned char>(c) < 0x20) c = ' ';
    }
    error = parser_->stage1(reinterpret_cast<const uint8_t*>(scratch_.data()), text.size(),
                            simdjson::stage1_mode::regular);
  }
  // simdjson writes the index before it looks at UTF-8.
  if (lenient && error == simdjson::UTF8_ERROR) error = simdjson::SUCCESS;
  if (error != simdjson::SUCCESS) [[unlikely]]
    return classify(error);
  at_ = parser_->structural_indexes.get();
  count_ = parser_->n_structural_indexes;
  if (kind(0) == '{') [[likely]] {
    // What a reader past the end sees: a second '{', which no object wants anywhere but as a value, whose key it
    // then cannot be.
    at_[count_] = at_[count_ + 1] = at_[count_ + 2] = at_[0];
  } else {
    if (!lenient) {
      scratch_.assign(text);
      text_ = scratch_.c_str();
    }
    at_[count_] = at_[count_ + 1] = at_[count_ + 2] = static_cast<uint32_t>(size_);  // the NUL
  }
  return true;
}

bool JsonIndex::classify(int error) {
  fault_ = JsonFault::kMalformed;
  if (!simdjson::validate_utf8(text_, size_)) {
    fault_ = JsonFault::kInvalidUtf8;
    expected_ = "the bytes are not UTF-8";
  } else if (error == simdjson::EMPTY) {
    expected_ = "it is empty";
  } else if (error == simdjson::UNCLOSED_STRING) {
    expected_ = "a string is not closed";
  } else if (error == simdjson::UNESCAPED_CHARS) {
    expected_ = "a string holds a raw control character, or is not closed";
  } else {
    expected_ = "it is not JSON";
  }
  return false;
}

std::string JsonIndex::fault_message() const {
  if (fault_ == JsonFault::kNone) return "";
  if (count_ == 0) return expected_;
  if (fault_ == JsonFault::kTooDeep) {
    return fmt::format("at byte {}: nested deeper than {} levels", at_[fault_token_],
                       limits::kMaxJsonDepth);
  }
  if (fault_token_ >= count_)
    return fmt::format("at byte {}: expected {}, found the end", size_, expected_);
  return fmt::format("at byte {}: expected {}, found '{}'", at_[fault_token_], expected_,
                     std::string_view(start(fault_token_), 1)[0] & 0x80
                         ? "a byte that is not ASCII"
                         : std::string_view(start(fault_token_), 1));
}

uint32_t JsonIndex::fail(uint32_t token, const char* expected) {
  fault_ = JsonFault::kMalformed;
  fault_token_ = token;
  expected_ = expected;
  return 0;
}

uint32_t JsonIndex::fail_deep(uint32_t token) {
  fault_ = JsonFault::kTooDeep;
  fault_token_ = token;
  return 0;
}

bool JsonIndex::check_scalar(uint32_t token) {
  std::string_view text = scalar(token);
  bool good = false;
  switch (kind(token)) {
    case '"': {
      if (text.size() < 2 || text.back() != '"') break;
      const char *at = text.data() + 1, *end = text.data() + text.size() - 1;
      good = true;
      while (good) {
        at = static_cast<const char*>(std::memchr(at, '\\', static_cast<size_t>(end - at)));
        if (!at) break;
        if (end - at < 2)
          good = false;
        else if (at[1] == 'u')
          good = take_unicode(at, end) >= 0;
        else if (std::string_view("\"\\/bfnrt").find(at[1]) == std::string_view::npos)
          good = false;
        else
          at += 2;
      }
      break;
    }
    case 't':
      good = text == "true";
      break;
    case 'f':
      good = text == "false";
      break;
    case 'n':
      good = text == "null";
      break;
    default:
      good = number_shape(text) != NumberShape::kNone;
  }
  if (!good)
    fail(token,
         kind(token) == '"' ? "a string with legal escapes" : "a number, true, false or null");
  return good;
}

uint32_t JsonIndex::skip(uint32_t token, unsigned depth, bool strict) {
  uint32_t i = token;
  uint64_t objects = 0;  // bit 0: the innermost container; shifted in, so it is relative to `depth`
  unsigned open = 0;     // containers opened here
  spilled_.clear();

value:
  switch (kStarts[static_cast<unsigned char>(kind(i))]) {
    case Start::kScalar:
      if (strict && !check_scalar(i)) return 0;
      ++i;
      break;
    case Start::kObject:
      if (depth + open >= limits::kMaxJsonDepth) [[unlikely]] {
        if (i >= count_) return fail(i, "a value");
        if (!lenient_) return fail_deep(i);
        if (open > 0 && open % 64 == 0) spilled_.push_back(objects);
      }
      ++open;
      objects = objects << 1 | 1;
      ++i;
      if (kind(i) == '}') {
        ++i;
        goto close;
      }
      goto key;
    case Start::kArray:
      if (depth + open >= limits::kMaxJsonDepth) [[unlikely]] {
        if (i >= count_) return fail(i, "a value");
        if (!lenient_) return fail_deep(i);
        if (open > 0 && open % 64 == 0) spilled_.push_back(objects);
      }
      ++open;
      objects <<= 1;
      ++i;
      if (kind(i) == ']') {
        ++i;
        goto close;
      }
      goto value;
    case Start::kBad:
      // NaN and Infinity, as some programs write them, are the fault of one record of a page.
      if (!lenient_ || depth + open == 0 || i >= count_ || !is_letter(kind(i)))
        return fail(i, "a value");
      ++i;
      break;
  }

next:
  if (open == 0) return i;
  if (objects & 1) {
    if (kind(i) == ',') {
      ++i;
      goto key;
    }
    if (kind(i) != '}') return fail(i, "',' or '}'");
  } else {
    if (kind(i) == ',') {
      ++i;
      goto value;
    }
    if (kind(i) != ']') return fail(i, "',' or ']'");
  }
  ++i;

close:
  --open;
  objects >>= 1;
  if (open >= 64 && open % 64 == 0) [[unlikely]] {
    objects = spilled_.back();
    spilled_.pop_back();
  }
  goto next;

key:
  if (kind(i) != '"') return fail(i, "a key in quotes");
  if (strict && !check_scalar(i)) return 0;
  ++i;
  if (kind(i) != ':') return fail(i, "':'");
  ++i;
  goto value;
}

bool JsonIndex::check(bool strict) {
  uint32_t end = skip(0, 0, strict);
  if (end == 0) return false;
  if (end != count_) fail(end, "the end");
  return end == count_;
}

}  // namespace leat::codec
