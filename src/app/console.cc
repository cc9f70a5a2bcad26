#include "app/console.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <system_error>

namespace leat::app {
namespace {

struct Range {
  uint32_t first, last;
};

// Unicode 15: East Asian Wide and Fullwidth, and emoji that terminals draw in two cells.
constexpr std::array kWide = {
    Range{0x1100, 0x115f},   Range{0x231a, 0x231b},   Range{0x2329, 0x232a},
    Range{0x23e9, 0x23ec},   Range{0x25fd, 0x25fe},   Range{0x2614, 0x2615},
    Range{0x2648, 0x2653},   Range{0x267f, 0x267f},   Range{0x2693, 0x2693},
    Range{0x26a1, 0x26a1},   Range{0x26aa, 0x26ab},   Range{0x26bd, 0x26be},
    Range{0x26c4, 0x26c5},   Range{0x26ce, 0x26ce},   Range{0x26d4, 0x26d4},
    Range{0x26ea, 0x26ea},   Range{0x26f2, 0x26f3},   Range{0x26f5, 0x26f5},
    Range{0x26fa, 0x26fa},   Range{0x26fd, 0x26fd},   Range{0x2705, 0x2705},
    Range{0x270a, 0x270b},   Range{0x2728, 0x2728},   Range{0x274c, 0x274c},
    Range{0x2753, 0x2755},   Range{0x2757, 0x2757},   Range{0x2795, 0x2797},
    Range{0x27b0, 0x27b0},   Range{0x2b1b, 0x2b1c},   Range{0x2b50, 0x2b50},
    Range{0x2b55, 0x2b55},   Range{0x2e80, 0x303e},   Range{0x3041, 0x33ff},
    Range{0x3400, 0x4dbf},   Range{0x4e00, 0xa4cf},   Range{0xa960, 0xa97f},
    Range{0xac00, 0xd7a3},   Range{0xf900, 0xfaff},   Range{0xfe10, 0xfe19},
    Range{0xfe30, 0xfe6f},   Range{0xff00, 0xff60},   Range{0xffe0, 0xffe6},
    Range{0x16fe0, 0x18cff}, Range{0x1b000, 0x1b2ff}, Range{0x1f004, 0x1f004},
    Range{0x1f0cf, 0x1f0cf}, Range{0x1f18e, 0x1f18e}, Range{0x1f191, 0x1f19a},
    Range{0x1f200, 0x1f320}, Range{0x1f32d, 0x1f335}, Range{0x1f337, 0x1f37c},
    Range{0x1f37e, 0x1f393}, Range{0x1f3a0, 0x1f3ca}, Range{0x1f3cf, 0x1f3d3},
    Range{0x1f3e0, 0x1f3f0}, Range{0x1f3f4, 0x1f3f4}, Range{0x1f3f8, 0x1f43e},
    Range{0x1f440, 0x1f440}, Range{0x1f442, 0x1f4fc}, Range{0x1f4ff, 0x1f53d},
    Range{0x1f54b, 0x1f567}, Range{0x1f57a, 0x1f57a}, Range{0x1f595, 0x1f596},
    Range{0x1f5a4, 0x1f5a4}, Range{0x1f5fb, 0x1f64f}, Range{0x1f680, 0x1f6c5},
    Range{0x1f6cc, 0x1f6d7}, Range{0x1f6dc, 0x1f6ec}, Range{0x1f6f4, 0x1f6fc},
    Range{0x1f7e0, 0x1f7f0}, Range{0x1f90c, 0x1f9ff}, Range{0x1fa70, 0x1faff},
    Range{0x20000, 0x3fffd},
};

// Combining marks, joiners, variation selectors and other characters without a cell of their own.
constexpr std::array kZero = {
    Range{0x0300, 0x036f},   Range{0x0483, 0x0489}, Range{0x0591, 0x05bd}, Range{0x05bf, 0x05c7},
    Range{0x0610, 0x061a},   Range{0x064b, 0x065f}, Range{0x0670, 0x0670}, Range{0x06d6, 0x06dc},
    Range{0x06df, 0x06e4},   Range{0x06e7, 0x06ed}, Range{0x0711, 0x0711}, Range{0x0730, 0x074a},
    Range{0x07a6, 0x07b0},   Range{0x07eb, 0x07f3}, Range{0x0816, 0x082d}, Range{0x0859, 0x085b},
    Range{0x08d3, 0x0902},   Range{0x093a, 0x093a}, Range{0x093c, 0x093c}, Range{0x0941, 0x0948},
    Range{0x094d, 0x094d},   Range{0x0951, 0x0957}, Range{0x0962, 0x0963}, Range{0x0981, 0x0981},
    Range{0x09bc, 0x09bc},   Range{0x09c1, 0x09cd}, Range{0x0a01, 0x0a02}, Range{0x0a3c, 0x0a51},
    Range{0x0b3c, 0x0b3c},   Range{0x0b41, 0x0b4d}, Range{0x0bcd, 0x0bcd}, Range{0x0c3e, 0x0c40},
    Range{0x0c46, 0x0c56},   Range{0x0ccc, 0x0ccd}, Range{0x0d41, 0x0d4d}, Range{0x0dd2, 0x0dd6},
    Range{0x0e31, 0x0e31},   Range{0x0e34, 0x0e3a}, Range{0x0e47, 0x0e4e}, Range{0x0eb1, 0x0eb1},
    Range{0x0eb4, 0x0ebc},   Range{0x0ec8, 0x0ecd}, Range{0x0f18, 0x0f19}, Range{0x0f71, 0x0f7e},
    Range{0x0f80, 0x0f84},   Range{0x102d, 0x1037}, Range{0x1039, 0x103a}, Range{0x1160, 0x11ff},
    Range{0x135d, 0x135f},   Range{0x1712, 0x1714}, Range{0x17b4, 0x17b5}, Range{0x17b7, 0x17bd},
    Range{0x17c6, 0x17c6},   Range{0x17c9, 0x17d3}, Range{0x180b, 0x180e}, Range{0x1ab0, 0x1aff},
    Range{0x1dc0, 0x1dff},   Range{0x200b, 0x200f}, Range{0x202a, 0x202e}, Range{0x2060, 0x206f},
    Range{0x20d0, 0x20f0},   Range{0x302a, 0x302d}, Range{0x3099, 0x309a}, Range{0xa8e0, 0xa8f1},
    Range{0xfe00, 0xfe0f},   Range{0xfe20, 0xfe2f}, Range{0xfeff, 0xfeff}, Range{0x1f3fb, 0x1f3ff},
    Range{0xe0001, 0xe01ef},
};

template <size_t N>
bool within(const std::array<Range, N>& ranges, uint32_t c) {
  auto it = std::lower_bound(ranges.begin(), ranges.end(), c,
                             [](const Range& r, uint32_t v) { return r.last < v; });
  return it != ranges.end() && it->first <= c;
}

struct Decoded {
  uint32_t character;
  size_t bytes;
  bool good;
};

/// The character at the front of non-empty text; a broken one is its first byte.
Decoded decode(std::string_view text) {
  const auto first = static_cast<unsigned char>(text[0]);
  if (first < 0x80) return {first, 1, true};
  const size_t bytes = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || bytes > text.size()) return {first, 1, false};
  uint32_t c = first & (0xffu >> (bytes + 1));
  for (size_t i = 1; i < bytes; ++i) {
    const auto next = static_cast<unsigned char>(text[i]);
    if ((next & 0xc0) != 0x80) return {first, 1, false};
    c = c << 6 | (next & 0x3f);
  }
  const bool overlong = (bytes == 3 && c < 0x800) || (bytes == 4 && c < 0x10000);
  if (overlong || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff)) return {first, 1, false};
  return {c, bytes, true};
}

size_t width_of(uint32_t c) {
  if (c < 0x300) return 1;
  if (within(kZero, c)) return 0;
  return within(kWide, c) ? 2 : 1;
}

}  // namespace

bool use_color(bool no_color) {
  if (no_color || !::isatty(STDERR_FILENO)) return false;
  const char* forbidden = std::getenv("NO_COLOR");
  const char* terminal = std::getenv("TERM");
  return !(forbidden && *forbidden) && terminal && std::string_view(terminal) != "dumb";
}

bool stdout_is_terminal() { return ::isatty(STDOUT_FILENO) != 0; }

int terminal_width() {
  winsize size{};
  if (!stdout_is_terminal()) return 0;
  return ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

Result<void> print(std::string_view text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0)
    return {};
  const int why = errno;
  if (why == EPIPE) return Error(ErrorCode::kCancelled, "nobody reads the output any more");
  return Error(ErrorCode::kIo, "cannot write to stdout: " + std::generic_category().message(why));
}

Result<bool> confirm(std::string_view question, bool yes) {
  if (yes) return true;
  if (!::isatty(STDIN_FILENO)) {
    return Error(ErrorCode::kInvalidArgument, fmt::format("not done without a yes: {}", question))
        .with_hint("--yes says it where nobody can be asked");
  }
  fmt::print(stderr, "{} [y/N] ", question);
  std::fflush(stderr);
  std::string answer;
  for (int c; (c = std::getchar()) != EOF && c != '\n';) {
    if (answer.size() < 8) answer += static_cast<char>(c);
  }
  return answer == "y" || answer == "Y" || answer == "yes";
}

std::string printable(std::string_view text, bool lines) {
  std::string out;
  while (!text.empty()) {
    const Decoded at = decode(text);
    const bool control = at.character < 0x20 || (at.character >= 0x7f && at.character < 0xa0);
    // Bidirectional overrides let a text show as another.
    const bool override = (at.character >= 0x202a && at.character <= 0x202e) ||
                          (at.character >= 0x2066 && at.character <= 0x2069);
    if (lines && (at.character == '\n' || at.character == '\t'))
      out += text[0];
    else if (at.character == '\n')
      out += "\\n";
    else if (at.character == '\t')
      out += "\\t";
    else if (at.character == '\r')
      out += "\\r";
    else if (!at.good || (control && at.character < 0x80))
      out += fmt::format("\\x{:02x}", at.character);
    else if (control || override)
      out += fmt::format("\\u{:04x}", at.character);
    else
      out += text.substr(0, at.bytes);
    text.remove_prefix(at.bytes);
  }
  return out;
}

size_t display_width(std::string_view text) {
  size_t width = 0;
  while (!text.empty()) {
    const Decoded at = decode(text);
    width += width_of(at.character);
    text.remove_prefix(at.bytes);
  }
  return width;
}

std::string cut_to_width(std::string_view text, size_t width) {
  if (display_width(text) <= width) return std::string(text);
  size_t used = 0, bytes = 0;
  while (bytes < text.size()) {
    const Decoded at = decode(text.substr(bytes));
    if (used + width_of(at.character) + 1 > width) break;
    used += width_of(at.character);
    bytes += at.bytes;
  }
  return std::string(text.substr(0, bytes)) + (width > 0 ? "…" : "");
}

}  // namespace leat::app
