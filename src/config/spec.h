// Spec<Config>: binds each key of a piece of YAML once to a member of a plain struct. The same
// binding reads and checks the file, lints it, and writes its JSON Schema and its page of the
// manual.
//
//   struct Config { std::string url; int64_t timeout_ms = 10'000; std::optional<Rate> rate_limit;
//   }; const config::Spec<Config>& spec() {
//     static const auto spec = [] {
//       config::Spec<Config> s("http", "Polls an HTTP API.");
//       s.field("url", &Config::url).required().doc("Address of the first
//       page.").example("https://x.org/"); s.field("timeout",
//       &Config::timeout_ms).unit(config::Unit::kDuration).range(1, 600'000); s.field("rate_limit",
//       &Config::rate_limit).of(rate_spec());      // a nested struct return s;
//     }();
//     return spec;
//   }
//
// Members: std::string, bool, int32_t, int64_t, uint64_t, double, Secret, enums (choices), structs
// (of), Node and std::vector<Entry> (free form), std::variant (when), and of each of these
// std::optional, std::vector, std::map<std::string, T>, std::vector<std::pair<std::string, T>> (a
// map in order) and Located. The default is what the Config's own initialiser says. Specs are built
// once and read by any thread.
#pragma once

#include <map>
#include <memory>
#include <type_traits>
#include <utility>
#include <variant>

#include "base/check.h"
#include "config/describe.h"
#include "config/secret.h"

namespace leat::config {

template <typename Config>
class Spec;

namespace spec_internal {

// What a member's type is made of: wrappers around one leaf.
template <typename T>
struct Shape {
  using Leaf = T;
  static constexpr bool kLeaf = true;
};
template <typename T>
struct Shape<std::optional<T>> {
  using Leaf = typename Shape<T>::Leaf;
  using Inner = T;
  static constexpr bool kLeaf = false, kOptional = true, kList = false, kMap = false,
                        kLocated = false;
};
template <typename T>
struct Shape<std::vector<T>> {
  using Leaf = typename Shape<T>::Leaf;
  using Inner = T;
  static constexpr bool kLeaf = false, kOptional = false, kList = true, kMap = false,
                        kLocated = false;
};
template <typename T>
struct Shape<Located<T>> {
  using Leaf = typename Shape<T>::Leaf;
  using Inner = T;
  static constexpr bool kLeaf = false, kOptional = false, kList = false, kMap = false,
                        kLocated = true;
};
template <typename T>
struct MapShape {
  using Leaf = typename Shape<T>::Leaf;
  using Inner = T;
  static constexpr bool kLeaf = false, kOptional = false, kList = false, kMap = true,
                        kLocated = false;
};
template <typename T>
struct Shape<std::map<std::string, T>> : MapShape<T> {};
template <typename T>
struct Shape<std::vector<std::pair<std::string, T>>> : MapShape<T> {};
template <>
struct Shape<std::vector<Entry>> {
  using Leaf = std::vector<Entry>;
  static constexpr bool kLeaf = true;
};

template <typename T>
inline constexpr bool kIsVariant = false;
template <typename... T>
inline constexpr bool kIsVariant<std::variant<T...>> = true;

// A leaf's description and what only its own type can hold.
template <typename L>
struct Leaf {
  TypeDoc doc;
  std::vector<L> values;  // of doc.choices
  struct Way {            // of doc.alternatives
    std::function<bool(const Node*, L&, Reading&)> read;
    std::function<bool(const L&)> holds;
  };
  std::vector<Way> ways;
};

template <typename L>
TypeDoc leaf_doc() {
  using Type = TypeDoc::Type;
  TypeDoc doc;
  if constexpr (std::is_same_v<L, std::string>)
    doc.type = Type::kString;
  else if constexpr (std::is_same_v<L, bool>)
    doc.type = Type::kBool;
  else if constexpr (std::is_enum_v<L>)
    doc.type = Type::kChoice;
  else if constexpr (std::is_integral_v<L>)
    doc.type = Type::kInteger;
  else if constexpr (std::is_floating_point_v<L>)
    doc.type = Type::kNumber;
  else if constexpr (std::is_same_v<L, Secret>)
    doc.type = Type::kSecret;
  else if constexpr (std::is_same_v<L, Node>)
    doc.type = Type::kAny;
  else if constexpr (std::is_same_v<L, std::vector<Entry>>) {
    doc.type = Type::kMap;
    doc.element.emplace_back();
  } else if constexpr (kIsVariant<L>)
    doc.type = Type::kOneOf;
  else
    doc.type = Type::kObject;
  return doc;
}

template <typename L>
bool read_leaf(const Node& node, const Leaf<L>& leaf, L& out, Reading& reading) {
  if constexpr (std::is_same_v<L, Node>) {
    out = node;
    return true;
  } else if constexpr (std::is_same_v<L, std::vector<Entry>>) {
    if (!node.is_map()) return reading.wrong_type(node, "a map");
    out = node.entries;
    return true;
  } else if constexpr (kIsVariant<L>) {
    return read_one_of(node, leaf.doc, reading, [&](size_t way, const Node* value) {
      return leaf.ways[way].read(value, out, reading);
    });
  } else {
    if (!leaf.values.empty()) {
      std::optional<size_t> choice;
      if (!read_choice(node, leaf.doc, choice, reading)) return false;
      if (choice) out = leaf.values[*choice];
      return true;
    }
    if constexpr (std::is_same_v<L, std::string>) {
      return read_string(node, leaf.doc, out, reading);
    } else if constexpr (std::is_same_v<L, bool>) {
      return read_bool(node, out, reading);
    } else if constexpr (std::is_enum_v<L>) {
      CHECK(!leaf.values.empty(), "an enum needs choices(): {}", reading.path);
      return false;
    } else if constexpr (std::is_integral_v<L>) {
      constexpr int64_t kLowest =
          std::is_unsigned_v<L> ? 0 : static_cast<int64_t>(std::numeric_limits<L>::min());
      constexpr int64_t kHighest = sizeof(L) < 8
                                       ? static_cast<int64_t>(std::numeric_limits<L>::max())
                                       : std::numeric_limits<int64_t>::max();
      int64_t wide = static_cast<int64_t>(out);
      if (!read_integer(node, leaf.doc, kLowest, kHighest, wide, reading)) return false;
      out = static_cast<L>(wide);
      return true;
    } else if constexpr (std::is_floating_point_v<L>) {
      return read_number(node, leaf.doc, out, reading);
    } else if constexpr (std::is_same_v<L, Secret>) {
      return read_secret(node, out, reading);
    } else {
      CHECK(leaf.doc.object, "a struct needs of(): {}", reading.path);
      return leaf.doc.object->read_into(node, &out, reading);
    }
  }
}

template <typename T, typename L>
bool read_value(const Node& node, const Leaf<L>& leaf, T& out, Reading& reading) {
  using S = Shape<T>;
  if constexpr (S::kLeaf) {
    return read_leaf(node, leaf, out, reading);
  } else if constexpr (S::kOptional) {
    typename S::Inner value{};
    if (!read_value(node, leaf, value, reading)) return false;
    if (!node.unresolved) out = std::move(value);
    return true;
  } else if constexpr (S::kLocated) {
    out.mark = node.mark;
    return read_value(node, leaf, out.value, reading);
  } else if constexpr (S::kList) {
    out.clear();
    if (leaf.doc.one_or_list && !node.is_sequence())
      return read_value(node, leaf, out.emplace_back(), reading);
    if (!node.is_sequence()) return reading.wrong_type(node, "a list");
    bool ok = true;
    for (size_t i = 0; i < node.items.size(); ++i) {
      Reading::Scope scope(reading, i);
      typename S::Inner value{};
      ok &= read_value(node.items[i], leaf, value, reading);
      out.push_back(std::move(value));
    }
    return ok;
  } else {
    out.clear();
    if (!node.is_map()) return reading.wrong_type(node, "a map");
    bool ok = true;
    for (const Entry& entry : node.entries) {
      Reading::Scope scope(reading, entry.key);
      typename S::Inner value{};
      ok &= read_value(entry.value, leaf, value, reading);
      out.insert(out.end(), {entry.key, std::move(value)});
    }
    return ok;
  }
}

template <typename T>
TypeDoc type_doc(const TypeDoc& leaf) {
  using S = Shape<T>;
  if constexpr (S::kLeaf) {
    return leaf;
  } else if constexpr (S::kOptional || S::kLocated) {
    return type_doc<typename S::Inner>(leaf);
  } else {
    TypeDoc doc;
    doc.type = S::kList ? TypeDoc::Type::kList : TypeDoc::Type::kMap;
    doc.one_or_list = S::kList && leaf.one_or_list;
    doc.element.push_back(type_doc<typename S::Inner>(leaf));
    return doc;
  }
}

template <typename T, typename L>
std::string show(const T& value, const Leaf<L>& leaf) {
  using S = Shape<T>;
  if constexpr (S::kLeaf) {
    if constexpr (kIsVariant<T>) {
      for (size_t i = 0; i < leaf.ways.size(); ++i)
        if (leaf.ways[i].holds(value)) return leaf.doc.alternatives[i].name;
      return {};
    } else if constexpr (std::is_same_v<T, std::string> || std::is_arithmetic_v<T> ||
                         std::is_enum_v<T>) {
      for (size_t i = 0; i < leaf.values.size(); ++i)
        if (leaf.values[i] == value) return leaf.doc.choices[i];
      if constexpr (std::is_integral_v<T>)
        for (const auto& [word, meant] : leaf.doc.words)
          if (static_cast<int64_t>(value) == meant) return word;
      if constexpr (std::is_same_v<T, std::string>)
        return value;
      else if constexpr (std::is_same_v<T, bool>)
        return value ? "true" : "false";
      else if constexpr (std::is_floating_point_v<T>)
        return show_number(value, leaf.doc.unit);
      else if constexpr (std::is_integral_v<T>)
        return show_integer(static_cast<int64_t>(value), leaf.doc.unit);
      else
        return {};
    } else {
      return {};
    }
  } else if constexpr (S::kOptional) {
    return value ? show(*value, leaf) : std::string();
  } else if constexpr (S::kLocated) {
    return show(value.value, leaf);
  } else {
    return {};
  }
}

}  // namespace spec_internal

/// What field() returns, to say more about the key just bound. Not kept.
template <typename T>
class Field {
 public:
  using L = typename spec_internal::Shape<T>::Leaf;
  Field(bool& required, std::string& doc, std::string& example, spec_internal::Leaf<L>& leaf)
      : required_(required), doc_(doc), example_(example), leaf_(leaf) {}

  Field& required() {
    required_ = true;
    return *this;
  }
  /// One or two sentences for the manual and the editor.
  Field& doc(std::string text) {
    doc_ = std::move(text);
    return *this;
  }
  Field& example(std::string text) {
    example_ = std::move(text);
    return *this;
  }
  /// Bounds of numbers, inclusive, in the Config's unit (ms, bytes, per second).
  Field& range(double min, double max) {
    leaf_.doc.min = min, leaf_.doc.max = max;
    return *this;
  }
  Field& at_least(double min) {
    leaf_.doc.min = min;
    return *this;
  }
  Field& unit(Unit unit) {
    leaf_.doc.unit = unit;
    return *this;
  }
  /// A string's grammar: `expected` names it ("a topic name"), `accepts` decides.
  Field& syntax(std::string expected, bool (*accepts)(std::string_view)) {
    leaf_.doc.syntax = std::move(expected), leaf_.doc.accepts = accepts;
    return *this;
  }
  /// A word that stands for a number, as `forever` for -1.
  Field& word(std::string name, int64_t value) {
    leaf_.doc.words.emplace_back(std::move(name), value);
    return *this;
  }
  /// A single value stands for a list of one.
  Field& one_or_list() {
    leaf_.doc.one_or_list = true;
    return *this;
  }
  /// The closed set of values, by the name in the file.
  Field& choices(std::vector<std::pair<std::string, L>> choices) {
    leaf_.doc.type = TypeDoc::Type::kChoice;
    for (auto& [name, value] : choices) {
      leaf_.doc.choices.push_back(name);
      leaf_.values.push_back(std::move(value));
    }
    return *this;
  }
  /// The Spec of a struct; it must outlive this one.
  Field& of(const Spec<L>& spec) {
    leaf_.doc.object = &spec;
    return *this;
  }
  /// A way of a std::variant: `name: {...}`. The bare word `name` will do when no key of it is
  /// required.
  template <typename S>
  Field& when(std::string name, const Spec<S>& spec) {
    leaf_.doc.alternatives.push_back({std::move(name), spec.summary(), &spec});
    leaf_.ways.push_back({[&spec](const Node* node, L& out, Reading& reading) {
                            S value{};
                            if (!spec.read_into(*node, &value, reading)) return false;
                            out = std::move(value);
                            return true;
                          },
                          [](const L& value) { return std::holds_alternative<S>(value); }});
    return *this;
  }
  /// A way of a std::variant that is a bare word.
  template <typename S>
  Field& when(std::string name, S value, std::string doc = {}) {
    leaf_.doc.alternatives.push_back({std::move(name), std::move(doc), nullptr});
    leaf_.ways.push_back({[value](const Node*, L& out, Reading&) {
                            out = value;
                            return true;
                          },
                          [](const L& held) { return std::holds_alternative<S>(held); }});
    return *this;
  }

 private:
  bool& required_;
  std::string& doc_;
  std::string& example_;
  spec_internal::Leaf<L>& leaf_;
};

/// The keys of one Config. Config is a default-constructible struct of plain values.
template <typename Config>
class Spec final : public SpecBase {
 public:
  Spec(std::string name, std::string summary) : SpecBase(std::move(name), std::move(summary)) {}

  /// Binds `key` to a member. The returned Field is used up in the same expression.
  template <typename T>
  Field<T> field(std::string key, T Config::*member) {
    using L = typename spec_internal::Shape<T>::Leaf;
    auto leaf = std::make_shared<spec_internal::Leaf<L>>();
    leaf->doc = spec_internal::leaf_doc<L>();
    Bound bound;
    bound.key = std::move(key);
    bound.type = [leaf] { return spec_internal::type_doc<T>(leaf->doc); };
    bound.default_text = [leaf, member] { return spec_internal::show(Config{}.*member, *leaf); };
    bound.read = [leaf, member](const Node& node, void* config, Reading& reading) {
      return spec_internal::read_value(node, *leaf, static_cast<Config*>(config)->*member, reading);
    };
    bound_.push_back(std::move(bound));
    return Field<T>(bound_.back().required, bound_.back().doc, bound_.back().example, *leaf);
  }
  /// Keys that are not bound are collected here instead of being refused.
  Spec& rest(std::vector<Entry> Config::*member, std::string doc) {
    rest_text_ = std::move(doc);
    rest_ = [member](const Entry& entry, void* config) {
      (static_cast<Config*>(config)->*member).push_back(entry);
    };
    return *this;
  }
  /// Keeps the place of the whole map.
  Spec& mark(Mark Config::*member) {
    mark_ = [member](const Node& node, void* config) {
      static_cast<Config*>(config)->*member = node.mark;
    };
    return *this;
  }
  /// A key known for later: its use is an error with these words, not an unknown key.
  Spec& reserved(std::string key, std::string message, std::string hint = {}) {
    reserved_.push_back({std::move(key), std::move(message), std::move(hint)});
    return *this;
  }
  /// Exactly one (at most one) of these keys.
  Spec& exactly_one(std::vector<std::string> keys) {
    exactly_one_.push_back(std::move(keys));
    return *this;
  }
  Spec& at_most_one(std::vector<std::string> keys) {
    at_most_one_.push_back(std::move(keys));
    return *this;
  }
  /// Something that is no map and stands for one: `10/s` for {rate: 10, burst: 1}. False: not
  /// understood.
  Spec& shorthand(std::string expected, std::function<bool(const Node&, Config&)> read) {
    shorthand_text_ = std::move(expected);
    shorthand_ = [read = std::move(read)](const Node& node, void* config) {
      return read(node, *static_cast<Config*>(config));
    };
    return *this;
  }
  /// The shorthand is the only form.
  Spec& no_map() {
    no_map_ = true;
    return *this;
  }
  /// A rule over several keys; runs only when every key by itself was right.
  Spec& check(std::function<void(const Config&, const Node&, Reading&)> rule) {
    checks_.push_back(
        [rule = std::move(rule)](const void* config, const Node& node, Reading& reading) {
          rule(*static_cast<const Config*>(config), node, reading);
        });
    return *this;
  }

  /// Reads `node` into `out`, reporting everything that is wrong; true when nothing is.
  bool read(const Node& node, Config& out, Reading& reading) const {
    return read_into(node, &out, reading);
  }
  bool read(const Node& node, Config& out, Diagnostics& diagnostics,
            const Environment* environment = nullptr, std::string path = {}) const {
    Reading reading{diagnostics, environment, std::move(path)};
    return read_into(node, &out, reading);
  }
  /// The Config, or all that is wrong as one Error of the user's.
  Result<Config> parse(const Node& node, const Environment* environment = nullptr,
                       std::string path = {}) const {
    Diagnostics diagnostics;
    Config out{};
    if (!read(node, out, diagnostics, environment, std::move(path))) return diagnostics.to_error();
    return out;
  }
  using SpecBase::check;
  bool check(const Node& node, Reading& reading) const override {
    Config scratch{};
    return read_into(node, &scratch, reading);
  }
};

}  // namespace leat::config
