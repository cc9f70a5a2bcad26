#include "schema/json_rules.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <functional>
#include <set>

#include "base/limits.h"

namespace leat::schema::json {
namespace {

std::string_view called(Kind kind) {
  constexpr std::array<std::string_view, 15> kNames = {
      "anything", "nothing", "boolean", "null",     "string",   "number",  "array",      "object",
      "an enum",  "a not",   "an if",   "an allOf", "an anyOf", "a oneOf", "a reference"};
  return kNames[static_cast<size_t>(kind)];
}

void add(Findings& out, std::string_view rule, std::string message) {
  out.differences.push_back({std::string(rule), "", std::move(message)});
}

bool is_any_of(const Node& node) { return node.kind == Kind::kAnyOf || node.kind == Kind::kOneOf; }

/// One of them combines others: it fits when a part does that suffices.
bool fits_a_part(const Pair& pair, Others& others) {
  const Node& writer = *pair.writer;
  const Node& reader = *pair.reader;
  if (writer.is_combined() == reader.is_combined()) return false;
  if (reader.is_combined()) {
    if (reader.parts.size() != 1 && !is_any_of(reader)) return false;
    return std::any_of(reader.parts.begin(), reader.parts.end(), [&](const Node* part) {
      return others.fit({&writer, part});
    });
  }
  if (writer.parts.size() != 1 && writer.kind != Kind::kAllOf) return false;
  return std::any_of(writer.parts.begin(), writer.parts.end(), [&](const Node* part) {
    return others.fit({part, &reader});
  });
}

/// The largest number of the writer's parts that each fit a part of the reader's of their own (Kuhn's algorithm).
size_t matched(const Pair& pair, Others& others) {
  const auto& from = pair.writer->parts;
  const auto& to = pair.reader->parts;
  if (from.size() * to.size() > limits::kSchemaPairs) return 0;
  std::vector<std::vector<bool>> fit(from.size(), std::vector<bool>(to.size()));
  for (size_t i = 0; i < from.size(); ++i) {
    for (size_t j = 0; j < to.size(); ++j) fit[i][j] = others.fit({from[i], to[j]});
  }
  std::vector<std::optional<size_t>> taken(to.size());
  std::vector<bool> seen;
  const std::function<bool(size_t)> place = [&](size_t i) {
    for (size_t j = 0; j < to.size(); ++j) {
      if (!fit[i][j] || seen[j]) continue;
      seen[j] = true;
      if (taken[j] && !place(*taken[j])) continue;
      taken[j] = i;
      return true;
    }
    return false;
  };
  size_t count = 0;
  for (size_t i = 0; i < from.size(); ++i) {
    seen.assign(to.size(), false);
    if (place(i)) ++count;
  }
  return count;
}

bool may_change_to(const Node& writer, const Node& reader) {
  const bool one_to_one = writer.parts.size() == 1 && reader.parts.size() == 1;
  return writer.kind == reader.kind || reader.kind == Kind::kAnyOf || one_to_one ||
         (writer.parts.size() == 1 && reader.kind == Kind::kOneOf) ||
         (reader.parts.size() == 1 && writer.kind == Kind::kAllOf);
}

void compare_combined(const Pair& pair, Others& others, Findings& out) {
  const auto& [writer, reader] = pair;
  if (!may_change_to(*writer, *reader)) {
    return add(
        out, "COMBINED_TYPE_CHANGED",
        fmt::format("the writer's {} became {}", called(writer->kind), called(reader->kind)));
  }
  const size_t before = writer->parts.size(), after = reader->parts.size();
  if (before < after && reader->kind == Kind::kAllOf) {
    add(out, "PRODUCT_TYPE_EXTENDED",
        fmt::format("the reader asks for {} things at once, the writer for {}", after, before));
  }
  if (before > after && is_any_of(*writer)) {
    add(out, "SUM_TYPE_NARROWED",
        fmt::format("the reader takes one of {} alternatives, the writer writes one of {}", after,
                    before));
  }
  if (matched(pair, others) < std::min(before, after)) {
    add(out, "COMBINED_TYPE_SUBSCHEMAS_CHANGED",
        fmt::format("parts of the writer's {} fit none of the reader's", called(writer->kind)));
  }
}

std::set<std::string> values(const Node& node) {
  std::set<std::string> found;
  if (const auto fixed = node.json->find("const"); fixed != node.json->end()) {
    return {sorted_keys(*fixed).dump()};
  }
  for (const Json& value : (*node.json)["enum"]) found.insert(sorted_keys(value).dump());
  return found;
}

void compare_enums(const Pair& pair, Findings& out) {
  const auto from = values(*pair.writer), to = values(*pair.reader);
  if (std::includes(to.begin(), to.end(), from.begin(), from.end())) return;
  const bool narrowed = std::includes(from.begin(), from.end(), to.begin(), to.end());
  out.differences.push_back(
      {narrowed ? "ENUM_ARRAY_NARROWED" : "ENUM_ARRAY_CHANGED",
       pair.reader->json->contains("const") ? "/const" : "/enum",
       fmt::format("the reader does not take all {} values of the writer: keep them",
                   from.size())});
}

bool is_connect_bytes(const Node& node) {
  const auto found = node.json->is_object() ? node.json->find("connect.type") : node.json->end();
  return node.json->is_object() && found != node.json->end() && *found == "bytes";
}

}  // namespace

Findings findings(const Pair& pair, Others& others) {
  Findings out;
  const auto& [writer, reader] = pair;
  if (fits_a_part(pair, others)) return out;
  if (writer->is_combined() && reader->is_combined()) {
    compare_combined(pair, others, out);
  } else if (writer->kind != reader->kind) {
    const bool same = writer->kind == Kind::kNever || reader->kind == Kind::kAny ||
                      (is_connect_bytes(*writer) && is_connect_bytes(*reader));
    if (!same) {
      add(out, "TYPE_CHANGED",
          fmt::format("the writer has {}, the reader expects {}", called(writer->kind),
                      called(reader->kind)));
    }
  } else if (writer->kind == Kind::kEnum) {
    compare_enums(pair, out);
  } else if (writer->kind == Kind::kNot) {
    const Node* before = writer->parts[0];
    const Node* after = reader->parts[0];
    // What is excluded may only become less.
    if (after && !(before && others.fit({after, before}))) {
      out.differences.push_back(
          {"NOT_TYPE_EXTENDED", "/not", "the reader excludes more than the writer did"});
    }
  } else {
    compare_typed(pair, others, out);
  }
  return out;
}

}  // namespace leat::schema::json
