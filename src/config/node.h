// Mark, Node: a YAML file as a tree in which every key and every value knows its line and column.
// Made by parse_yaml() (config/yaml.h), read through a Spec (config/spec.h). Plain values; any
// thread reads.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace leat::config {

/// A place in a user's file; lines and columns count from 1, 0 means unknown.
struct Mark {
  std::shared_ptr<const std::string>
      file;  // as the user would type it; shared by all marks of a file
  int line = 0, column = 0;
  /// "pipelines/users.yaml:12:7"; "pipelines/users.yaml" or "" when less is known.
  std::string to_string() const;
};

struct Entry;

/// One value of the file.
struct Node {
  enum class Kind { kNull, kScalar, kSequence, kMap };
  enum class Style { kPlain, kQuoted, kBlock };

  Kind kind = Kind::kNull;
  Style style = Style::kPlain;
  Mark mark;            // of the value; of a block scalar the indicator `|` or `>`
  std::string text;     // scalar: its value, `${ENV}` substituted
  std::string written;  // scalar: as in the file when a substitution changed it, else empty
  bool unresolved =
      false;       // scalar: names a variable that is not set (lint goes on, checks nothing)
  Mark text_mark;  // block scalar: of the first character of its text, else as mark
  bool line_for_line = true;   // false: a folded or quoted scalar, whose lines are not the file's
  std::vector<Node> items;     // sequence
  std::vector<Entry> entries;  // map, in the file's order, keys unique

  bool is_null() const { return kind == Kind::kNull; }
  bool is_scalar() const { return kind == Kind::kScalar; }
  bool is_sequence() const { return kind == Kind::kSequence; }
  bool is_map() const { return kind == Kind::kMap; }
  /// The value of a key of a map, or null. Also null when this is no map.
  const Node* find(std::string_view key) const;
  /// The entry of a key (for the key's own mark), or null.
  const Entry* entry(std::string_view key) const;
  /// What a message may show: the text as written, never a substituted (perhaps secret) value, cut
  /// short.
  std::string shown() const;
  /// "a map", "a list", "nothing", or "`text`": what was found, for messages.
  std::string found() const;
  /// Where line `line`, column `column` (from 1) of this scalar's text lies in the file: for errors
  /// inside a block of SQL. Exact for `|` blocks and one-line scalars; else the scalar's own place.
  Mark inside(int line, int column) const;
};

/// One key of a map and its value.
struct Entry {
  std::string key;
  Mark key_mark;
  Node value;
};

/// A value together with its place in the file, for checks that come after reading.
template <typename T>
struct Located {
  T value{};
  Mark mark;
};

}  // namespace leat::config
