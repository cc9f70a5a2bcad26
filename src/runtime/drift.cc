#include "runtime/drift.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace leat::runtime {
namespace {

using nlohmann::json;
using types::Kind;
using types::Type;

const char* kind_of(const json& value) {
  switch (value.type()) {
    case json::value_t::object:
      return "an object";
    case json::value_t::array:
      return "an array";
    case json::value_t::string:
      return "a string";
    case json::value_t::boolean:
      return "a boolean";
    case json::value_t::number_float:
      return "a number with a fraction";
    default:
      return "a number";
  }
}

bool takes_scalars(uint8_t scalars, const json& value) {
  if (value.is_string()) return scalars & types::kScalarString;
  if (value.is_boolean()) return scalars & types::kScalarBoolean;
  if (value.is_number_float()) return scalars & types::kScalarNumber;
  return value.is_number() && scalars & (types::kScalarInteger | types::kScalarNumber);
}

bool takes(const Type& type, const json& value) {
  switch (type.kind()) {
    case Kind::kJson:
      return true;
    case Kind::kSqlNull:
      return false;
    case Kind::kBoolean:
      return value.is_boolean();
    case Kind::kStruct:
    case Kind::kMap:
      return value.is_object();
    case Kind::kList:
      return value.is_array();
    case Kind::kFloat:
    case Kind::kDouble:
    case Kind::kDecimal:
      return value.is_number();
    case Kind::kVarchar:
      return type.scalars() == 0 ? value.is_string() : takes_scalars(type.scalars(), value);
    case Kind::kBlob:
    case Kind::kUuid:
    case Kind::kDate:
    case Kind::kTime:
    case Kind::kTimestamp:
    case Kind::kTimestampTz:
    case Kind::kInterval:
      return value.is_string();
    default:
      return value.is_number_integer();
  }
}

class Comparison {
 public:
  std::vector<std::string> found;

  void object(const std::string& path, const std::vector<types::Field>& fields, const json& value) {
    for (const auto& [name, member] : value.items()) {
      const std::string at = path.empty() ? name : path + "." + name;
      auto field = std::find_if(fields.begin(), fields.end(),
                                [&name = name](const auto& f) { return f.name == name; });
      if (field != fields.end()) {
        this->value(at, field->type, member);
      } else if (!member.is_null()) {
        found.push_back(fmt::format("{} is new ({})", at, kind_of(member)));
      }
    }
  }

 private:
  void value(const std::string& path, const Type& type, const json& value) {
    if (value.is_null()) return;
    if (!takes(type, value)) {
      found.push_back(fmt::format("{} is {}, expected {}", path, kind_of(value), type.to_sql()));
    } else if (type.kind() == Kind::kStruct) {
      object(path, type.fields(), value);
    } else if (type.kind() == Kind::kList && !value.empty()) {
      this->value(path + "[]", type.element(), value.front());
    }
  }
};

}  // namespace

std::vector<std::string> DriftWatch::look(const Outcome& outcome) {
  std::vector<std::string> found;
  const auto& records = outcome.input.records.records;
  const auto look_at = [&](size_t i) {
    if (!records[i].value) return;
    auto more = look(*records[i].value);
    found.insert(found.end(), more.begin(), more.end());
  };
  if (expected_.root_value || told_.size() >= kMostFindings) return found;
  for (size_t i = 0; i < records.size(); ++i) {
    if (records[i].offset % kEvery == 0) look_at(i);
  }
  for (size_t r = 0; r < outcome.rejects.size() && r < kRejectsOfBatch; ++r)
    look_at(outcome.rejects[r].record);
  return found;
}

std::vector<std::string> DriftWatch::look(std::string_view text) {
  std::vector<std::string> fresh;
  if (text.size() > kMostBytes) return fresh;
  const json record = json::parse(text, nullptr, false);
  if (!record.is_object()) return fresh;  // what is no record is a reject, and said so there
  Comparison comparison;
  comparison.object("", expected_.fields, record);
  for (std::string& line : comparison.found) {
    if (told_.size() < kMostFindings && told_.insert(line).second) fresh.push_back(std::move(line));
  }
  return fresh;
}

}  // namespace leat::runtime
