// The rules on keywords of strings, numbers, arrays and objects.
#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "base/limits.h"
#include "base/strings.h"
#include "schema/json_pattern.h"
#include "schema/json_rules.h"

namespace leat::schema::json {
namespace {

const Json* keyword(const Node& node, std::string_view key) {
  if (!node.json->is_object()) return nullptr;
  const auto found = node.json->find(key);
  return found == node.json->end() || found->is_null() ? nullptr : &*found;
}

class Typed {
 public:
  Typed(const Pair& pair, Others& others, Findings& out)
      : writer_(*pair.writer), reader_(*pair.reader), others_(others), out_(out) {}

  void strings() {
    at_most("maxLength", "MAX_LENGTH");
    at_least("minLength", "MIN_LENGTH");
    const Json* before = keyword(writer_, "pattern");
    const Json* after = keyword(reader_, "pattern");
    if (after && !before)
      add("PATTERN_ADDED", "/pattern", "the reader's strings must match a pattern");
    if (after && before && *after != *before) {
      add("PATTERN_CHANGED", "/pattern",
          fmt::format("the pattern was {} and is {}", shown_json(*before), shown_json(*after)));
    }
  }

  void numbers() {
    at_most("maximum", "MAXIMUM");
    at_least("minimum", "MINIMUM");
    at_most("exclusiveMaximum", "EXCLUSIVE_MAXIMUM");
    at_least("exclusiveMinimum", "EXCLUSIVE_MINIMUM");
    multiple_of();
    if (reader_.is_integer && !writer_.is_integer) {
      add("TYPE_NARROWED", "", "the writer's numbers need not be integers, as the reader expects");
    }
  }

  void arrays() {
    if (reader_.items && !writer_.items)
      add("SCHEMA_ADDED", "/items", "the reader's items have a schema, the writer's are anything");
    else if (reader_.items)
      need("/items", *writer_.items, *reader_.items);
    first_items();
    other("/additionalItems", "ADDITIONAL_ITEMS", writer_.others, reader_.others);
    other("/unevaluatedItems", "UNEVALUATED_ITEMS", writer_.unevaluated, reader_.unevaluated);
    at_most("maxItems", "MAX_ITEMS");
    at_least("minItems", "MIN_ITEMS");
    at_most("maxContains", "MAX_CONTAINS");
    at_least("minContains", "MIN_CONTAINS");
    if (is_true(reader_, "uniqueItems") && !is_true(writer_, "uniqueItems")) {
      add("UNIQUE_ITEMS_ADDED", "/uniqueItems", "the writer's items may be there twice");
    }
  }

  void objects() {
    required();
    properties();
    dependencies();
    other("/additionalProperties", "ADDITIONAL_PROPERTIES", writer_.others, reader_.others);
    other("/unevaluatedProperties", "UNEVALUATED_PROPERTIES", writer_.unevaluated,
          reader_.unevaluated);
    at_most("maxProperties", "MAX_PROPERTIES");
    at_least("minProperties", "MIN_PROPERTIES");
  }

 private:
  void add(std::string rule, std::string path, std::string message) {
    out_.differences.push_back({std::move(rule), std::move(path), std::move(message)});
  }
  void need(std::string path, const Node& writer, const Node& reader) {
    out_.needs.push_back({std::move(path), {&writer, &reader}});
  }
  static bool is_true(const Node& node, std::string_view key) {
    const Json* value = keyword(node, key);
    return value && *value == true;
  }
  static const Json* number(const Node& node, std::string_view key) {
    const Json* value = keyword(node, key);
    return value && value->is_number() ? value : nullptr;
  }

  void at_most(std::string_view key, std::string_view rule) {
    bound(key, rule, "DECREASED",
          [](const Json& before, const Json& after) { return after < before; });
  }
  void at_least(std::string_view key, std::string_view rule) {
    bound(key, rule, "INCREASED",
          [](const Json& before, const Json& after) { return after > before; });
  }
  template <typename Worse>
  void bound(std::string_view key, std::string_view rule, std::string_view change, Worse is_worse) {
    const Json* before = number(writer_, key);
    const Json* after = number(reader_, key);
    const std::string path = pointer_token(key);
    if (after && !before) {
      add(fmt::format("{}_ADDED", rule), path,
          fmt::format("the reader has {} {}, the writer none", key, shown_json(*after)));
    } else if (after && is_worse(*before, *after)) {
      add(fmt::format("{}_{}", rule, change), path,
          fmt::format("{} was {} and is {}", key, shown_json(*before), shown_json(*after)));
    }
  }

  void multiple_of() {
    auto divides = [](double part, double whole) {
      const double times = whole / part;
      return part != 0 && std::abs(times - std::round(times)) < 1e-9;
    };
    const Json* before = number(writer_, "multipleOf");
    const Json* after = number(reader_, "multipleOf");
    if (!after || (before && *before == *after) ||
        (before && divides(after->get<double>(), before->get<double>())))
      return;
    const bool expanded = before && divides(before->get<double>(), after->get<double>());
    add(!before    ? "MULTIPLE_OF_ADDED"
        : expanded ? "MULTIPLE_OF_EXPANDED"
                   : "MULTIPLE_OF_CHANGED",
        "/multipleOf",
        fmt::format("the reader's numbers are multiples of {}, the writer's {}", shown_json(*after),
                    before ? "of " + shown_json(*before) : "need not be"));
  }

  /// What holds for items and properties that are not named.
  void other(std::string path, std::string_view rule, const Node* before, const Node* after) {
    const bool closed_before = before && followed(*before).kind == Kind::kNever;
    const bool closed_after = after && followed(*after).kind == Kind::kNever;
    if (closed_before) return;
    if (closed_after)
      add(fmt::format("{}_REMOVED", rule), path,
          "the writer may add others, which the reader refuses");
    else if (after && !before)
      add(fmt::format("{}_NARROWED", rule), path,
          "the writer's others are anything, the reader's have a schema");
    else if (after)
      need(std::move(path), *before, *after);
  }

  /// Items and properties that are not named may be anything.
  static bool is_open(const Node& node) {
    return !node.others && node.patterns.empty() && !node.unevaluated;
  }
  /// The schema of a name that is not among the properties; nullptr: none covers it.
  static const Node* covering(const Node& node, std::string_view name) {
    for (const auto& [pattern, schema] : node.patterns) {
      if (matches(pattern, name)) return schema;
    }
    const Node* found = node.others ? node.others : node.unevaluated;
    return found && followed(*found).kind == Kind::kNever ? nullptr : found;
  }

  void first_items() {
    const auto& before = writer_.parts;
    const auto& after = reader_.parts;
    for (size_t i = 0; i < std::max(before.size(), after.size()); ++i) {
      const std::string path = fmt::format("/items/{}", i);
      if (i >= after.size())
        removed("ITEM", path, "", *before[i]);
      else if (i < before.size())
        need(path, *before[i], *after[i]);
      else
        item_added(path, *after[i]);
    }
  }

  void item_added(const std::string& path, const Node& item) {
    if (is_open(writer_)) {
      if (followed(item).kind == Kind::kAny) return;
      add("ITEM_ADDED_TO_OPEN_CONTENT_MODEL", path,
          "the writer may have written anything there: give the old schema an end, or take "
          "anything");
    } else if (const Node* cover = covering(writer_, "")) {
      covered("ITEM_ADDED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL", path, *cover, item);
    }
  }

  /// `before` is named by the writer only.
  void removed(std::string_view what, const std::string& path, std::string_view name,
               const Node& before) {
    if (is_open(reader_) || followed(before).kind == Kind::kNever) return;
    if (const Node* cover = covering(reader_, name))
      covered(fmt::format("{}_REMOVED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL", what), path,
              before, *cover);
    else
      add(fmt::format("{}_REMOVED_FROM_CLOSED_CONTENT_MODEL", what), path,
          "the reader refuses what it does not name, and no longer names this: keep it");
  }

  void covered(std::string rule, const std::string& path, const Node& writer, const Node& reader) {
    need(path, writer, reader);
    if (others_.fit({&writer, &reader})) return;
    add(std::move(rule), path, "what holds for all other names there does not fit this schema");
  }

  void properties() {
    for (const auto& [name, schema] : writer_.properties) {
      const auto same = reader_.properties.find(name);
      const std::string path = "/properties" + pointer_token(name);
      if (same == reader_.properties.end())
        removed("PROPERTY", path, name, *schema);
      else
        need(path, *schema, *same->second);
    }
    for (const auto& [name, schema] : reader_.properties) {
      if (!writer_.properties.contains(name)) property_added(name, *schema);
    }
  }

  void property_added(const std::string& name, const Node& schema) {
    const std::string path = "/properties" + pointer_token(name);
    const bool needed = names(reader_, "required").contains(name);
    const bool has_default = keyword(schema, "default") != nullptr;
    if (is_open(writer_)) {
      if (followed(schema).kind == Kind::kAny) return;
      add(fmt::format("{}_PROPERTY_{}ADDED_TO_OPEN_CONTENT_MODEL", needed ? "REQUIRED" : "OPTIONAL",
                      needed && has_default ? "WITH_DEFAULT_" : ""),
          path,
          "the writer may have written anything under this name: give the old schema "
          "\"additionalProperties\": "
          "false, or let the property be anything");
      return;
    }
    if (const Node* cover = covering(writer_, name)) {
      covered("PROPERTY_ADDED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL", path, *cover, schema);
    }
    if (needed && !has_default) {
      add("REQUIRED_PROPERTY_ADDED_TO_UNOPEN_CONTENT_MODEL", path,
          "the writer has no such property and the reader requires it: make it optional, or give "
          "it a default");
    }
  }

  static std::set<std::string_view> names(const Node& node, std::string_view key) {
    std::set<std::string_view> found;
    if (const Json* list = keyword(node, key); list && list->is_array()) {
      for (const Json& name : *list) {
        if (name.is_string()) found.insert(name.get_ref<const std::string&>());
      }
    }
    return found;
  }

  void required() {
    const auto before = names(writer_, "required"), after = names(reader_, "required");
    for (std::string_view name : after) {
      const auto property = reader_.properties.find(std::string(name));
      if (before.contains(name) || property == reader_.properties.end()) continue;
      if (!writer_.properties.contains(property->first) || keyword(*property->second, "default"))
        continue;
      add("REQUIRED_ATTRIBUTE_ADDED", "/required" + pointer_token(name),
          "the writer may leave this property out and the reader requires it: give it a default");
    }
  }

  /// Names that a property asks for, of "dependencies" and "dependentRequired".
  static std::map<std::string, std::set<std::string>> asked_for(const Node& node) {
    std::map<std::string, std::set<std::string>> found;
    for (std::string_view key : {"dependencies", "dependentRequired"}) {
      const Json* all = keyword(node, key);
      if (!all || !all->is_object()) continue;
      for (const auto& [name, list] : all->items()) {
        if (!list.is_array()) continue;
        for (const Json& one : list) {
          if (one.is_string()) found[name].insert(one.get<std::string>());
        }
      }
    }
    return found;
  }

  void dependencies() {
    const auto before = asked_for(writer_);
    for (const auto& [name, after] : asked_for(reader_)) {
      const std::string path = "/dependencies" + pointer_token(name);
      const auto old = before.find(name);
      auto is_within = [](const auto& one, const auto& other) {
        return std::includes(other.begin(), other.end(), one.begin(), one.end());
      };
      if (old == before.end())
        add("DEPENDENCY_ARRAY_ADDED", path, "the reader asks for more beside this property");
      else if (!is_within(after, old->second))
        add(is_within(old->second, after) ? "DEPENDENCY_ARRAY_EXTENDED"
                                          : "DEPENDENCY_ARRAY_CHANGED",
            path, "the reader asks for other properties beside this one than the writer did");
    }
    for (const auto& [name, after] : reader_.dependencies) {
      const std::string path = "/dependencies" + pointer_token(name);
      const auto old = writer_.dependencies.find(name);
      if (old == writer_.dependencies.end())
        add("DEPENDENCY_SCHEMA_ADDED", path,
            "the reader asks for more when this property is there");
      else
        need(path, *old->second, *after);
    }
  }

  const Node& writer_;
  const Node& reader_;
  Others& others_;
  Findings& out_;
};

}  // namespace

void compare_typed(const Pair& pair, Others& others, Findings& out) {
  Typed typed(pair, others, out);
  if (pair.writer->kind == Kind::kString) typed.strings();
  if (pair.writer->kind == Kind::kNumber) typed.numbers();
  if (pair.writer->kind == Kind::kArray) typed.arrays();
  if (pair.writer->kind == Kind::kObject) typed.objects();
}

}  // namespace leat::schema::json
