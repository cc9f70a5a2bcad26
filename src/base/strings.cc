#include "base/strings.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <limits>

#include "base/limits.h"

namespace leat {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

/// Optimal string alignment distance (insert, delete, replace, swap of neighbours), letters' case ignored.
size_t edit_distance(std::string_view a, std::string_view b) {
  constexpr size_t kWidth = limits::kMaxSuggestedName + 1;
  std::array<std::array<size_t, kWidth>, 3> rows{};
  for (size_t j = 0; j <= b.size(); ++j) rows[0][j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    auto& now = rows[i % 3];
    const auto& above = rows[(i - 1) % 3];
    const auto& two_above = rows[(i + 1) % 3];
    now[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      size_t cost = lower(a[i - 1]) == lower(b[j - 1]) ? 0 : 1;
      now[j] = std::min({above[j] + 1, now[j - 1] + 1, above[j - 1] + cost});
      bool swapped = i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) &&
                     lower(a[i - 2]) == lower(b[j - 1]);
      if (swapped) now[j] = std::min(now[j], two_above[j - 2] + 1);
    }
  }
  return rows[a.size() % 3][b.size()];
}

std::string quote(std::string_view text, char with) {
  std::string out(1, with);
  for (char c : text) {
    if (c == with) out += c;
    out += c;
  }
  out += with;
  return out;
}

constexpr std::string_view kBase64 =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

constexpr auto kFromBase64 = [] {
  std::array<int8_t, 256> table{};
  table.fill(-1);
  for (size_t i = 0; i < kBase64.size(); ++i) {
    table[static_cast<unsigned char>(kBase64[i])] = static_cast<int8_t>(i);
  }
  return table;
}();

struct Unit {
  std::string_view name;
  int64_t factor;
};

constexpr Unit kDurations[] = {
    {"d", 24 * 3600 * 1000LL}, {"h", 3600 * 1000LL}, {"m", 60 * 1000LL}, {"s", 1000}, {"ms", 1}};
constexpr Unit kSizes[] = {{"", 1},
                           {"B", 1},
                           {"KB", 1000},
                           {"MB", 1000 * 1000},
                           {"GB", 1000 * 1000 * 1000},
                           {"TB", 1000LL * 1000 * 1000 * 1000},
                           {"KiB", 1LL << 10},
                           {"MiB", 1LL << 20},
                           {"GiB", 1LL << 30},
                           {"TiB", 1LL << 40}};

std::optional<int64_t> parse_with_unit(std::string_view text, std::span<const Unit> units) {
  int64_t number = 0;
  auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (failed != std::errc() || number < 0 || text.starts_with('-')) return std::nullopt;
  std::string_view name = text.substr(static_cast<size_t>(end - text.data()));
  for (const auto& unit : units) {
    if (unit.name != name) continue;
    if (number > std::numeric_limits<int64_t>::max() / unit.factor) return std::nullopt;
    return number * unit.factor;
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::string_view> nearest(std::string_view name,
                                        std::span<const std::string_view> candidates) {
  if (name.size() > limits::kMaxSuggestedName) return std::nullopt;
  // A slip is one change in a short name, up to three in a long one.
  size_t best = std::clamp<size_t>(name.size() / 3, 1, 3) + 1;
  std::optional<std::string_view> found;
  for (auto candidate : candidates) {
    if (candidate.size() > limits::kMaxSuggestedName) continue;
    size_t distance = edit_distance(name, candidate);
    if (distance < best && distance < std::max(name.size(), candidate.size())) {
      best = distance;
      found = candidate;
    }
  }
  return found;
}

std::string join(std::span<const std::string> parts, std::string_view separator) {
  std::string out;
  for (size_t i = 0; i < parts.size(); ++i) {
    if (i > 0) out += separator;
    out += parts[i];
  }
  return out;
}

std::string quote_identifier(std::string_view name) { return quote(name, '"'); }
std::string quote_literal(std::string_view text) { return quote(text, '\''); }

std::string hex(std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out;
  out.reserve(bytes.size() * 2);
  for (char c : bytes) {
    auto byte = static_cast<unsigned char>(c);
    out += kDigits[byte >> 4];
    out += kDigits[byte & 15];
  }
  return out;
}

std::string base64(std::string_view bytes) {
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (size_t at = 0; at < bytes.size(); at += 3) {
    size_t left = std::min<size_t>(3, bytes.size() - at);
    uint32_t group = 0;
    for (size_t i = 0; i < 3; ++i) {
      group = group << 8 | (i < left ? static_cast<unsigned char>(bytes[at + i]) : 0u);
    }
    out += kBase64[group >> 18];
    out += kBase64[group >> 12 & 63];
    out += left > 1 ? kBase64[group >> 6 & 63] : '=';
    out += left > 2 ? kBase64[group & 63] : '=';
  }
  return out;
}

std::optional<std::string> from_base64(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  size_t padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
  std::string out;
  out.reserve(text.size() / 4 * 3);
  for (size_t at = 0; at < text.size(); at += 4) {
    bool last = at + 4 == text.size();
    size_t digits = last ? 4 - padding : 4;
    uint32_t group = 0;
    for (size_t i = 0; i < 4; ++i) {
      int8_t digit = i < digits ? kFromBase64[static_cast<unsigned char>(text[at + i])] : int8_t{0};
      if (digit < 0) return std::nullopt;
      group = group << 6 | static_cast<uint32_t>(digit);
    }
    size_t bytes = digits - 1;
    // Bits that no byte carries must be zero, so that every value has one text.
    if ((group & ((1u << (8 * (3 - bytes))) - 1)) != 0) return std::nullopt;
    for (size_t i = 0; i < bytes; ++i) out += static_cast<char>(group >> (16 - 8 * i) & 255);
  }
  return out;
}

std::optional<int64_t> parse_duration_ms(std::string_view text) {
  return parse_with_unit(text, kDurations);
}

std::string format_duration_ms(int64_t ms) {
  for (const auto& unit : kDurations) {
    if (ms != 0 && ms % unit.factor == 0) return fmt::format("{}{}", ms / unit.factor, unit.name);
  }
  return "0ms";
}

std::optional<int64_t> parse_bytes(std::string_view text) { return parse_with_unit(text, kSizes); }

bool is_identifier(std::string_view name) {
  if (name.empty() || name.size() > limits::kMaxIdentifier) return false;
  if (name[0] < 'a' || name[0] > 'z') return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  });
}

bool is_topic_name(std::string_view name) {
  if (name.empty() || name.size() > limits::kMaxTopicName || name == "." || name == "..")
    return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  });
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

std::string_view utf8_prefix(std::string_view text, size_t bytes) {
  if (text.size() <= bytes) return text;
  while (bytes > 0 && (static_cast<unsigned char>(text[bytes]) & 0xC0) == 0x80) --bytes;
  return text.substr(0, bytes);
}

std::string_view shown(std::string_view text) { return utf8_prefix(text, limits::kShownBytes); }

bool is_utf8(std::string_view bytes) {
  const auto* at = reinterpret_cast<const unsigned char*>(bytes.data());
  const auto* end = at + bytes.size();
  while (at < end) {
    // Most text is ASCII: eight bytes at once.
    while (end - at >= 8) {
      uint64_t word;
      std::memcpy(&word, at, 8);
      if ((word & 0x8080808080808080u) != 0) break;
      at += 8;
    }
    if (at == end) break;
    unsigned char c = *at;
    if (c < 0x80) {
      ++at;
      continue;
    }
    // Table 3-7 of the Unicode standard: the second byte's range excludes overlong forms,
    // surrogates and what lies beyond U+10FFFF.
    ptrdiff_t more = 0;
    unsigned char low = 0x80, high = 0xBF;
    if (c >= 0xC2 && c <= 0xDF)
      more = 1;
    else if (c >= 0xE0 && c <= 0xEF)
      more = 2;
    else if (c >= 0xF0 && c <= 0xF4)
      more = 3;
    else
      return false;
    if (c == 0xE0) low = 0xA0;
    if (c == 0xED) high = 0x9F;
    if (c == 0xF0) low = 0x90;
    if (c == 0xF4) high = 0x8F;
    if (end - at <= more || at[1] < low || at[1] > high) return false;
    for (ptrdiff_t i = 2; i <= more; ++i) {
      if (at[i] < 0x80 || at[i] > 0xBF) return false;
    }
    at += more + 1;
  }
  return true;
}

}  // namespace leat
