// Name resolution and the little that is known before binding; see scope.h.
#include "sql/scope.h"

#include <algorithm>
#include <array>

#include "sql/functions.h"

namespace leat::sql {
namespace {

using types::Kind;
using types::Type;

bool is_signed_integer(Kind kind) {
  return kind == Kind::kInt8 || kind == Kind::kInt16 || kind == Kind::kInt32 ||
         kind == Kind::kInt64;
}

bool is_plain_scalar(const Type& type) {
  return !type.is_nested() && type.kind() != Kind::kBlob && type.kind() != Kind::kSqlNull;
}

std::optional<Type> simple_type(const Json& logical_type) {
  const std::string id = logical_type.value("id", "");
  static constexpr std::pair<std::string_view, Kind> kSimple[] = {
      {"BOOLEAN", Kind::kBoolean},
      {"TINYINT", Kind::kInt8},
      {"SMALLINT", Kind::kInt16},
      {"INTEGER", Kind::kInt32},
      {"BIGINT", Kind::kInt64},
      {"UTINYINT", Kind::kUint8},
      {"USMALLINT", Kind::kUint16},
      {"UINTEGER", Kind::kUint32},
      {"UBIGINT", Kind::kUint64},
      {"HUGEINT", Kind::kInt128},
      {"FLOAT", Kind::kFloat},
      {"DOUBLE", Kind::kDouble},
      {"BLOB", Kind::kBlob},
      {"UUID", Kind::kUuid},
      {"DATE", Kind::kDate},
      {"TIME", Kind::kTime},
      {"TIMESTAMP", Kind::kTimestamp},
      {"INTERVAL", Kind::kInterval},
      {"TIMESTAMP WITH TIME ZONE", Kind::kTimestampTz}};
  const Json info = logical_type.value("type_info", Json());
  if (id == "VARCHAR") return info.is_null() ? std::optional<Type>(Kind::kVarchar) : std::nullopt;
  for (const auto& [name, kind] : kSimple) {
    if (id == name) return Type(kind);
  }
  return std::nullopt;
}

// Functions that take text and never fail on it, and what they give.
struct TextFunction {
  std::string_view name;
  Kind result;
};
constexpr TextFunction kTextFunctions[] = {
    {"lower", Kind::kVarchar},     {"upper", Kind::kVarchar},    {"trim", Kind::kVarchar},
    {"ltrim", Kind::kVarchar},     {"rtrim", Kind::kVarchar},    {"lcase", Kind::kVarchar},
    {"ucase", Kind::kVarchar},     {"length", Kind::kInt64},     {"~~", Kind::kBoolean},
    {"!~~", Kind::kBoolean},       {"contains", Kind::kBoolean}, {"starts_with", Kind::kBoolean},
    {"ends_with", Kind::kBoolean}, {"prefix", Kind::kBoolean},   {"suffix", Kind::kBoolean}};

const TextFunction* text_function(std::string_view name) {
  for (const TextFunction& function : kTextFunctions) {
    if (function.name == name) return &function;
  }
  return nullptr;
}

}  // namespace

std::optional<Meta> parse_meta(std::string_view name) {
  const std::string key = lower(name);
  for (const MetaColumn& column : kMetaColumns) {
    if (column.name == key) return column.meta;
  }
  return std::nullopt;
}

std::optional<size_t> Relation::find(std::string_view name) const {
  const std::string key = lower(name);
  for (size_t i = 0; i < columns.size(); ++i) {
    if (lower(columns[i].name) == key) return i;
  }
  return std::nullopt;
}

std::vector<std::string> names_of(const Json& column_reference) {
  std::vector<std::string> names;
  for (const Json& name : column_reference.at("column_names"))
    names.push_back(name.get<std::string>());
  return names;
}

bool compare_safely(const Type& left, const Type& right) {
  return (left == right && !left.is_nested()) ||
         (is_signed_integer(left.kind()) && is_signed_integer(right.kind()));
}

std::optional<Reference> Scope::resolve(const std::vector<std::string>& names) const {
  const auto rest = [&](size_t from) {
    return std::vector<std::string>(names.begin() + static_cast<long>(from), names.end());
  };
  if (names.size() >= 2) {
    const std::string table = lower(names[0]);
    for (size_t r = 0; r < relations_.size(); ++r) {
      if (lower(relations_[r].alias) != table) continue;
      if (auto column = relations_[r].find(names[1])) return Reference{r, *column, rest(2), {}};
      if (auto meta = parse_meta(names[1]); meta && r == 0 && names.size() == 2)
        return Reference{0, 0, {}, meta};
    }
  }
  for (size_t r = 0; r < relations_.size(); ++r) {
    if (auto column = relations_[r].find(names[0])) return Reference{r, *column, rest(1), {}};
  }
  if (auto meta = parse_meta(names[0]); meta && names.size() == 1) return Reference{0, 0, {}, meta};
  return std::nullopt;
}

std::optional<Type> Scope::type_of(const Json& e) const {
  const std::string_view kind = class_of(e);
  if (kind == "CONSTANT") {
    if (e.at("value").value("is_null", false)) return Type(Kind::kSqlNull);
    return simple_type(e.at("value").at("type"));
  }
  if (kind == "CAST") return simple_type(e.at("cast_type"));
  if (kind == "COMPARISON" || kind == "CONJUNCTION" || kind == "BETWEEN")
    return Type(Kind::kBoolean);
  if (kind == "OPERATOR") {
    const std::string_view type = sql::type_of(e);
    if (type == "OPERATOR_IS_NULL" || type == "OPERATOR_IS_NOT_NULL" || type == "OPERATOR_NOT" ||
        type == "COMPARE_IN" || type == "COMPARE_NOT_IN")
      return Type(Kind::kBoolean);
    if (type == "OPERATOR_COALESCE") return type_of(e.at("children").at(0));
    return std::nullopt;
  }
  if (kind == "FUNCTION") {
    const std::string name = lower(e.value("function_name", ""));
    if (const TextFunction* function = text_function(name)) return Type(function->result);
    if (name == "concat" || name == "concat_ws") return Type(Kind::kVarchar);
    if (name == "||") {
      for (const Json& child : e.at("children")) {
        if (auto type = type_of(child); type && type->kind() == Kind::kVarchar)
          return Type(Kind::kVarchar);
      }
    }
    return std::nullopt;
  }
  if (kind != "COLUMN_REF") return std::nullopt;
  const auto reference = resolve(names_of(e));
  if (!reference) return std::nullopt;
  if (reference->meta) {
    switch (*reference->meta) {
      case Meta::kPartition:
        return Type(Kind::kInt32);
      case Meta::kOffset:
        return Type(Kind::kInt64);
      case Meta::kTimestamp:
        return Type(Kind::kTimestampTz);
      case Meta::kKey:
        return Type(Kind::kVarchar);
    }
  }
  const Column& found = column(*reference);
  if (!found.typed) return std::nullopt;
  Type type = found.type;
  for (const std::string& field : reference->path) {
    if (type.kind() != Kind::kStruct) return std::nullopt;
    const std::string key = lower(field);
    const auto& fields = type.fields();
    auto it = std::find_if(fields.begin(), fields.end(),
                           [&](const types::Field& f) { return lower(f.name) == key; });
    if (it == fields.end()) return std::nullopt;
    Type next = it->type;
    type = next;
  }
  return type;
}

bool Scope::comparable(const Json& left, const Json& right) const {
  if (can_fail(left) || can_fail(right)) return false;
  const auto a = type_of(left), b = type_of(right);
  if (!a || !b) return false;
  return a->kind() == Kind::kSqlNull || b->kind() == Kind::kSqlNull || compare_safely(*a, *b);
}

bool Scope::all_safe(const Json& list) const {
  return std::none_of(list.begin(), list.end(), [&](const Json& e) { return can_fail(e); });
}

bool Scope::can_fail(const Json& e) const {
  const std::string_view kind = class_of(e);
  const auto boolean = [&](const Json& child) {
    const auto type = type_of(child);
    return type && type->kind() == Kind::kBoolean && !can_fail(child);
  };
  const auto text = [&](const Json& child) {
    const auto type = type_of(child);
    return type && type->kind() == Kind::kVarchar && !can_fail(child);
  };
  if (kind == "COLUMN_REF" || kind == "CONSTANT") return false;
  if (kind == "CAST") {
    const Json& to = e.at("cast_type");
    return can_fail(e.at("child")) || to.value("id", "") != "VARCHAR" ||
           !to.value("type_info", Json()).is_null();
  }
  if (kind == "COMPARISON") return !comparable(e.at("left"), e.at("right"));
  if (kind == "BETWEEN")
    return !comparable(e.at("input"), e.at("lower")) || !comparable(e.at("input"), e.at("upper"));
  if (kind == "CONJUNCTION") {
    const Json& children = e.at("children");
    return !std::all_of(children.begin(), children.end(), boolean);
  }
  if (kind == "OPERATOR") {
    const std::string_view type = sql::type_of(e);
    const Json& children = e.at("children");
    if (type == "OPERATOR_IS_NULL" || type == "OPERATOR_IS_NOT_NULL" || type == "STRUCT_EXTRACT")
      return !all_safe(children);
    if (type == "OPERATOR_NOT") return !boolean(children.at(0));
    if (type == "COMPARE_IN" || type == "COMPARE_NOT_IN" || type == "OPERATOR_COALESCE") {
      return !std::all_of(children.begin(), children.end(),
                          [&](const Json& child) { return comparable(children.at(0), child); });
    }
    return true;
  }
  if (kind == "FUNCTION") {
    const std::string name = lower(e.value("function_name", ""));
    const Json& children = e.at("children");
    if (text_function(name)) return !std::all_of(children.begin(), children.end(), text);
    if (name == "concat" || name == "concat_ws" || name == "||") {
      bool any_text = name != "||";
      for (const Json& child : children) {
        const auto type = type_of(child);
        if (!type || !is_plain_scalar(*type) || can_fail(child)) return true;
        any_text = any_text || type->kind() == Kind::kVarchar;
      }
      return !any_text;
    }
    return true;
  }
  return true;
}

}  // namespace leat::sql
