#include "schema/avro_default.h"

#include <fmt/core.h>

#include <algorithm>
#include <limits>
#include <unordered_map>

#include "base/limits.h"
#include "base/strings.h"

namespace leat::schema::avro {
namespace {

/// The number of bytes that a text stands for: code points up to U+00FF, one byte each; -1 when one is larger.
int64_t bytes_of(const std::string& text) {
  int64_t count = 0;
  for (size_t i = 0; i < text.size(); ++i, ++count) {
    const auto lead = static_cast<unsigned char>(text[i]);
    if (lead < 0x80) continue;
    if (lead > 0xC3) return -1;
    ++i;
  }
  return count;
}

template <typename Integer>
bool fits(const Json& value) {
  if (value.is_number_unsigned()) {
    return value.get<uint64_t>() <= uint64_t{std::numeric_limits<Integer>::max()};
  }
  return value.is_number_integer() && value.get<int64_t>() >= std::numeric_limits<Integer>::min();
}

/// Tries values against types. `budget`: pairs of both that may still be looked at; unions of records need many.
class Checker {
 public:
  explicit Checker(size_t budget) : budget_(budget) {}
  bool exhausted() const { return budget_ == 0; }

  bool takes(const Node& type, const Json& value) {
    if (budget_ == 0 || --budget_ == 0) return false;
    switch (type.kind) {
      case Kind::kNull:
        return value.is_null();
      case Kind::kBoolean:
        return value.is_boolean();
      case Kind::kInt:
        return fits<int32_t>(value);
      case Kind::kLong:
        return fits<int64_t>(value);
      case Kind::kFloat:
      case Kind::kDouble:
        return value.is_number();
      case Kind::kString:
        return value.is_string();
      case Kind::kBytes:
        return value.is_string() && bytes_of(value.get_ref<const std::string&>()) >= 0;
      case Kind::kFixed:
        return value.is_string() && bytes_of(value.get_ref<const std::string&>()) == type.size;
      case Kind::kEnum:
        return value.is_string() &&
               std::find(type.symbols.begin(), type.symbols.end(),
                         value.get_ref<const std::string&>()) != type.symbols.end();
      case Kind::kArray:
        return value.is_array() && takes_all(*type.inner[0], value);
      case Kind::kMap:
        return value.is_object() && takes_all(*type.inner[0], value);
      case Kind::kUnion:
        return branch_for(type, value) != nullptr;
      case Kind::kRecord:
        return value.is_object() &&
               std::all_of(type.fields.begin(), type.fields.end(), [&](const Field& field) {
                 const auto given = value.find(field.name);
                 return given == value.end()
                            ? field.default_value.has_value()  // checked for itself
                            : takes(*field.type, *given);
               });
    }
    return false;
  }

  /// Appends the fields whose own defaults are part of `value`, which takes() has taken.
  void uses(const Node& type, const Json& value, std::vector<const Field*>& out) {
    if (type.kind == Kind::kUnion) {
      if (const Node* branch = branch_for(type, value)) uses(*branch, value, out);
    } else if (type.kind == Kind::kArray || type.kind == Kind::kMap) {
      for (const Json& one : value) uses(*type.inner[0], one, out);
    } else if (type.kind == Kind::kRecord) {
      for (const Field& field : type.fields) {
        const auto given = value.find(field.name);
        if (given == value.end())
          out.push_back(&field);
        else
          uses(*field.type, *given, out);
      }
    }
  }

 private:
  bool takes_all(const Node& type, const Json& values) {
    return std::all_of(values.begin(), values.end(),
                       [&](const Json& one) { return takes(type, one); });
  }

  const Node* branch_for(const Node& type, const Json& value) {
    const auto found = std::find_if(type.inner.begin(), type.inner.end(),
                                    [&](const Node* branch) { return takes(*branch, value); });
    return found == type.inner.end() ? nullptr : *found;
  }

  size_t budget_;
};

using Uses = std::unordered_map<const Field*, std::vector<const Field*>>;

/// A field whose default takes its own default, directly or not; nullptr: none. No recursion: chains may be long.
const Field* endless(const std::vector<Default>& defaults, const Uses& uses) {
  enum class Mark : uint8_t { kNew, kOpen, kDone };
  std::unordered_map<const Field*, Mark> marks;
  for (const Default& start : defaults) {
    std::vector<std::pair<const Field*, size_t>> stack;
    auto enter = [&](const Field* field) {
      marks[field] = Mark::kOpen;
      stack.emplace_back(field, 0);
    };
    if (marks[start.field] == Mark::kNew) enter(start.field);
    while (!stack.empty()) {
      auto& [field, next] = stack.back();
      const auto used = uses.find(field);
      if (used == uses.end() || next == used->second.size()) {
        marks[field] = Mark::kDone;
        stack.pop_back();
        continue;
      }
      const Field* inner = used->second[next++];
      if (marks[inner] == Mark::kOpen) return inner;
      if (marks[inner] == Mark::kNew) enter(inner);
    }
  }
  return nullptr;
}

}  // namespace

Result<void> check_defaults(const std::vector<Default>& defaults) {
  Uses uses;
  Checker checker(limits::kSchemaPairs);
  for (const auto& [field, path] : defaults) {
    const Node& type = *field->type;
    const bool taken = checker.takes(type, *field->default_value);
    if (taken) checker.uses(type, *field->default_value, uses[field]);
    if (checker.exhausted()) {
      return Error(ErrorCode::kLimit,
                   fmt::format("checking the defaults takes more than {} steps: write shorter ones",
                               limits::kSchemaPairs))
          .at(path);
    }
    if (taken) continue;
    const std::string name = type.has_name() ? type.name.full() : std::string(kind_name(type.kind));
    return Error(ErrorCode::kInvalidArgument,
                 fmt::format("default {} of field '{}' is no value of its type, {}",
                             shown_json(*field->default_value),
                             utf8_prefix(field->name, limits::kShownBytes),
                             utf8_prefix(name, limits::kShownBytes)))
        .at(path);
  }
  const Field* found = endless(defaults, uses);
  if (!found) return {};
  const auto at = std::find_if(defaults.begin(), defaults.end(),
                               [&](const Default& one) { return one.field == found; });
  return Error(ErrorCode::kInvalidArgument,
               fmt::format(
                   "the default of field '{}' contains itself without end: give the inner field a "
                   "value, such as null",
                   utf8_prefix(found->name, limits::kShownBytes)))
      .at(at == defaults.end() ? "/" : at->path);
}

}  // namespace leat::schema::avro
