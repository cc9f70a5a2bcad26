// TypeDoc, FieldDoc, SpecBase: what a Spec knows of its keys, without the type of its Config.
// Parser, lint, JSON Schema and manual all read this one description, so they cannot disagree.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/diagnostic.h"
#include "config/environment.h"
#include "config/node.h"
#include "config/secret.h"

namespace leat::config {

class SpecBase;

/// How a number is written: 10s, 64KiB, 10/s. In a Config: milliseconds, bytes, events per second.
enum class Unit { kNone, kDuration, kBytes, kRate };

/// The type of a key's value.
struct TypeDoc {
  enum class Type {
    kString,
    kBool,
    kInteger,
    kNumber,
    kSecret,
    kChoice,
    kObject,
    kOneOf,
    kAny,
    kList,
    kMap
  };
  /// One way of a one-of: `name: {...}`, or the bare word `name` when it has no object.
  struct Alternative {
    std::string name, doc;
    const SpecBase* object = nullptr;
  };

  Type type = Type::kAny;
  Unit unit = Unit::kNone;
  std::optional<double> min, max;                      // of the number in a Config's unit
  std::vector<std::string> choices;                    // kChoice
  std::vector<std::pair<std::string, int64_t>> words;  // kInteger: names of special values
  std::string syntax;                                  // kString: what is expected, "a topic name"
  bool (*accepts)(std::string_view) = nullptr;         // kString: the check behind `syntax`
  const SpecBase* object = nullptr;                    // kObject
  std::vector<Alternative> alternatives;               // kOneOf
  std::vector<TypeDoc> element;                        // kList, kMap: exactly one
  bool one_or_list = false;  // kList: a single value stands for a list of one

  /// "a duration such as `10s`", "a list of strings", "one of: a, b".
  std::string expected() const;
};

/// One key.
struct FieldDoc {
  std::string key, doc, example;
  bool required = false;
  std::string default_text;  // empty: none, or an empty value
  TypeDoc type;
};

/// The state of one read: where findings go, where `file:` secrets come from, the path so far.
struct Reading {
  Diagnostics& diagnostics;
  const Environment* environment = nullptr;
  std::string path;

  void error(const Mark& mark, std::string message, std::string expected = {},
             std::string nearest = {}, std::string hint = {});
  void warning(const Mark& mark, std::string message, std::string hint = {});
  /// "expected X, found Y" for a value of the wrong type; always false.
  bool wrong_type(const Node& node, const std::string& expected);

  /// Appends ".key" (or "[3]") to the path while it lives.
  class Scope {
   public:
    Scope(Reading& reading, std::string_view key);
    Scope(Reading& reading, size_t index);
    ~Scope() { reading_.path.resize(length_); }
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    Reading& reading_;
    size_t length_;
  };
};

/// A Spec without the type of its Config: for registries, lint and writers. Immutable once built.
class SpecBase {
 public:
  virtual ~SpecBase() = default;
  SpecBase(SpecBase&&) = default;

  const std::string& name() const { return name_; }
  const std::string& summary() const { return summary_; }
  std::vector<FieldDoc> fields() const;
  /// What may stand instead of a map ("a rate such as `10/s`"), or empty.
  const std::string& shorthand_text() const { return shorthand_text_; }
  /// True when only the shorthand will do.
  bool no_map() const { return no_map_; }
  /// What other keys hold, when keys of the user's choice are allowed; else empty.
  const std::string& rest_text() const { return rest_text_; }
  const std::vector<std::vector<std::string>>& exactly_one_groups() const { return exactly_one_; }

  /// Reports everything that is wrong with `node`, keeping nothing: lint. True when it is right.
  virtual bool check(const Node& node, Reading& reading) const = 0;
  bool check(const Node& node, Diagnostics& diagnostics, const Environment* environment = nullptr,
             std::string path = {}) const;

  /// For Spec's own use: reads into the Config at `config`, whose type the caller answers for.
  bool read_into(const Node& node, void* config, Reading& reading) const;

 protected:
  SpecBase(std::string name, std::string summary)
      : name_(std::move(name)), summary_(std::move(summary)) {}

  struct Bound {
    std::string key, doc, example;
    bool required = false;
    std::function<TypeDoc()> type;
    std::function<std::string()> default_text;
    std::function<bool(const Node&, void*, Reading&)> read;
  };
  struct Reserved {
    std::string key, message, hint;
  };

  std::string name_, summary_;
  std::vector<Bound> bound_;
  std::vector<Reserved> reserved_;
  std::vector<std::vector<std::string>> exactly_one_, at_most_one_;
  std::string shorthand_text_, rest_text_;
  bool no_map_ = false;
  std::function<bool(const Node&, void*)> shorthand_;
  std::function<void(const Entry&, void*)> rest_;
  std::function<void(const Node&, void*)> mark_;
  std::vector<std::function<void(const void*, const Node&, Reading&)>> checks_;
};

// Readers of single values; each reports and returns false, or stores and returns true. A scalar
// that names an unset variable in lint is accepted and nothing is stored.
bool read_string(const Node& node, const TypeDoc& doc, std::string& out, Reading& reading);
bool read_bool(const Node& node, bool& out, Reading& reading);
bool read_integer(const Node& node, const TypeDoc& doc, int64_t lowest, int64_t highest,
                  int64_t& out, Reading& reading);
bool read_number(const Node& node, const TypeDoc& doc, double& out, Reading& reading);
bool read_secret(const Node& node, Secret& out, Reading& reading);
/// Stores the index of the choice; `out` stays when unresolved.
bool read_choice(const Node& node, const TypeDoc& doc, std::optional<size_t>& out,
                 Reading& reading);
/// Calls `use` with the index of the chosen alternative and its value (null for a bare word without
/// object).
bool read_one_of(const Node& node, const TypeDoc& doc, Reading& reading,
                 const std::function<bool(size_t, const Node*)>& use);
std::string show_integer(int64_t value, Unit unit);
std::string show_number(double value, Unit unit);

/// "10/s", "600/m", "36000/h", "10" to events per second; nullopt when it is none of these or not
/// positive.
std::optional<double> parse_rate(std::string_view text);

}  // namespace leat::config
