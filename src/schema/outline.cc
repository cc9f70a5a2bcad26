#include "schema/outline.h"

#include <fmt/core.h>

#include <algorithm>
#include <map>
#include <set>

namespace leat::schema {
namespace {

std::optional<int32_t> number_of(const OutlineField& field) { return field.number; }
std::optional<int32_t> number_of(const OutlineType&) { return std::nullopt; }

/// What a thing that came or went was. Prose is left out: it makes lines long.
std::string described(const Attributes& attributes, std::optional<int32_t> number) {
  std::string out;
  if (auto type = attributes.find("type"); type != attributes.end()) out = type->second;
  const auto add = [&](const std::string& name, const std::string& value) {
    out += fmt::format("{}{} {}", out.empty() ? "" : ", ", name, value);
  };
  if (number) add("number", std::to_string(*number));
  for (const auto& [name, value] : attributes) {
    if (name != "type" && name != "doc" && name != "title" && name != "description")
      add(name, value);
  }
  return out;
}

/// Two lists of types, or of fields, of which some are the same thing.
template <typename T>
struct Matched {
  std::vector<std::pair<const T*, const T*>> pairs;  // the old one (null: it is new), the new one
  std::vector<const T*> gone;
};

template <typename T>
Matched<T> match(const std::vector<T>& before, const std::vector<T>& after) {
  // Several may have one name, where paths are written alike: they are matched in order.
  std::multimap<std::string, const T*> named;
  std::multimap<int32_t, const T*> numbered;
  for (const T& one : before) {
    if (auto number = number_of(one))
      numbered.emplace(*number, &one);
    else
      named.emplace(one.name, &one);
  }
  Matched<T> out;
  std::set<const T*> taken;
  const auto take = [&](auto& from, const auto& key) -> const T* {
    const auto found = from.lower_bound(key);
    if (found == from.end() || found->first != key) return nullptr;
    const T* one = found->second;
    from.erase(found);
    taken.insert(one);
    return one;
  };
  for (const T& one : after) {
    const auto number = number_of(one);
    out.pairs.emplace_back(number ? take(numbered, *number) : take(named, one.name), &one);
  }
  // Names go before aliases: a field may bear what another was called.
  for (auto& [old, one] : out.pairs) {
    for (const std::string& alias : one->aliases)
      if (!old) old = take(named, alias);
  }
  for (const T& one : before)
    if (!taken.contains(&one)) out.gone.push_back(&one);
  return out;
}

class Comparison {
 public:
  std::vector<Change> run(const Outline& before, const Outline& after) {
    const auto types = match(before, after);
    for (const auto& [old, one] : types.pairs) {
      if (!old) {
        added(one->name, one->attributes, std::nullopt);
        continue;
      }
      kept(one->name, *old, *one);
      fields(one->name, *old, *one);
    }
    for (const OutlineType* old : types.gone) removed(old->name, old->attributes, std::nullopt);
    return std::move(told_);
  }

 private:
  void tell(const std::string& path, std::string what, std::optional<std::string> before,
            std::optional<std::string> after) {
    told_.push_back(
        {path.empty() ? "/" : path, std::move(what), std::move(before), std::move(after)});
  }
  void added(const std::string& path, const Attributes& what, std::optional<int32_t> number) {
    tell(path, "added", std::nullopt, described(what, number));
  }
  void removed(const std::string& path, const Attributes& what, std::optional<int32_t> number) {
    tell(path, "removed", described(what, number), std::nullopt);
  }

  /// What is said of one thing, before and after.
  template <typename T>
  void kept(const std::string& path, const T& old, const T& one) {
    if (old.name != one.name) tell(path, "renamed", old.name, one.name);
    Attributes all = one.attributes;
    all.insert(old.attributes.begin(), old.attributes.end());
    const auto value = [](const Attributes& in,
                          const std::string& name) -> std::optional<std::string> {
      const auto found = in.find(name);
      return found == in.end() ? std::nullopt : std::optional(found->second);
    };
    for (const auto& [name, unused] : all) {
      auto before = value(old.attributes, name), after = value(one.attributes, name);
      if (before != after) tell(path, name, std::move(before), std::move(after));
    }
  }

  void fields(const std::string& type, const OutlineType& before, const OutlineType& after) {
    const std::string in = type.empty() ? "" : type + ".";
    const auto found = match(before.fields, after.fields);
    for (const auto& [old, one] : found.pairs) {
      if (old)
        kept(in + one->name, *old, *one);
      else
        added(in + one->name, one->attributes, one->number);
    }
    for (const OutlineField* old : found.gone)
      removed(in + old->name, old->attributes, old->number);
  }

  std::vector<Change> told_;
};

}  // namespace

std::vector<Change> changes(const Outline& before, const Outline& after) {
  return Comparison().run(before, after);
}

}  // namespace leat::schema
