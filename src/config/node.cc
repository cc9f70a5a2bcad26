#include "config/node.h"

#include <fmt/core.h>

namespace leat::config {

namespace {
constexpr size_t kShownBytes = 60;  // of a value quoted in a message
}

std::string Mark::to_string() const {
  if (!file) return {};
  if (line == 0) return *file;
  return fmt::format("{}:{}:{}", *file, line, column);
}

const Entry* Node::entry(std::string_view key) const {
  if (kind != Kind::kMap) return nullptr;
  for (const Entry& each : entries)
    if (each.key == key) return &each;
  return nullptr;
}

const Node* Node::find(std::string_view key) const {
  const Entry* found = entry(key);
  return found ? &found->value : nullptr;
}

std::string Node::shown() const {
  std::string_view as_written = written.empty() ? text : written;
  std::string out;
  for (char c : as_written) {
    if (out.size() >= kShownBytes && (static_cast<unsigned char>(c) & 0xC0) != 0x80) {
      out += "...";
      break;
    }
    out += c == '\n' || c == '\r' || c == '\t' ? ' ' : c;
  }
  return out;
}

std::string Node::found() const {
  switch (kind) {
    case Kind::kNull:
      return "nothing";
    case Kind::kSequence:
      return "a list";
    case Kind::kMap:
      return "a map";
    case Kind::kScalar:
      break;
  }
  return text.empty() && written.empty() ? "an empty text" : fmt::format("`{}`", shown());
}

Mark Node::inside(int line, int column) const {
  if (!line_for_line || line < 1) return text_mark.line ? text_mark : mark;
  Mark at = text_mark;
  at.line += line - 1;
  // Only a block's further lines start where its first one does.
  at.column = column < 1 ? at.column : at.column + column - 1;
  return at;
}

}  // namespace leat::config
