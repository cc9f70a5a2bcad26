#include "schema/json_pattern.h"

#include <optional>
#include <string>

namespace leat::schema::json {
namespace {

/// The text that a pattern without operators stands for.
std::optional<std::string> literal(std::string_view pattern) {
  std::string text;
  for (size_t i = 0; i < pattern.size(); ++i) {
    constexpr std::string_view kOperators = ".*+?()[]{}|^$/\\-";
    char c = pattern[i];
    if (c == '\\') {
      if (++i == pattern.size() || kOperators.find(pattern[i]) == kOperators.npos)
        return std::nullopt;
      c = pattern[i];
    } else if (c != '-' && c != '/' && kOperators.find(c) != kOperators.npos) {
      return std::nullopt;
    }
    text += c;
  }
  return text;
}

}  // namespace

bool matches(std::string_view pattern, std::string_view name) {
  if (pattern == ".*" || pattern == "^.*$" || pattern == "^.*") return true;
  const bool from_start = pattern.starts_with('^');
  if (from_start) pattern.remove_prefix(1);
  const bool to_end = pattern.ends_with('$') && !pattern.ends_with("\\$");
  if (to_end) pattern.remove_suffix(1);
  const auto text = literal(pattern);
  if (!text) return false;
  if (from_start && to_end) return name == *text;
  if (from_start) return name.starts_with(*text);
  if (to_end) return name.ends_with(*text);
  return name.find(*text) != name.npos;
}

}  // namespace leat::schema::json
