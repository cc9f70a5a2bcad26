// Both writers walk SpecBase::fields(); order is the binding's, so the output is deterministic.
#include "config/writer.h"

#include <fmt/core.h>

#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>
#include <vector>

namespace leat::config {

namespace {

using Json = nlohmann::ordered_json;

// Any scalar may be a variable instead.
Json or_variable(Json schema) {
  return Json{{"anyOf", Json::array({std::move(schema), Json{{"$ref", "#/$defs/variable"}}})}};
}

Json schema_of(const SpecBase& spec, const Extras& extras);

Json number_schema(const TypeDoc& doc);

Json number_or_word_schema(const TypeDoc& doc) {
  Json out = number_schema(doc);
  for (const auto& [word, value] : doc.words) out["anyOf"].push_back({{"const", word}});
  return out;
}

Json number_schema(const TypeDoc& doc) {
  if (doc.unit == Unit::kDuration)
    return or_variable({{"type", "string"}, {"pattern", "^[0-9]+(\\.[0-9]+)?(ms|s|m|h|d)$"}});
  if (doc.unit == Unit::kBytes)
    return or_variable({{"type", Json::array({"string", "integer"})},
                        {"pattern", "^[0-9]+(\\.[0-9]+)?([KMGT]i?)?B?$"}});
  if (doc.unit == Unit::kRate)
    return or_variable(
        {{"type", Json::array({"string", "number"})}, {"pattern", "^[0-9.]+(/(s|m|h))?$"}});
  Json out{{"type", doc.type == TypeDoc::Type::kInteger ? "integer" : "number"}};
  auto bound = [&](const char* key, double value) {
    if (doc.type == TypeDoc::Type::kInteger)
      out[key] = static_cast<int64_t>(value);
    else
      out[key] = value;
  };
  if (doc.min) bound("minimum", *doc.min);
  if (doc.max) bound("maximum", *doc.max);
  return or_variable(std::move(out));
}

Json one_of_schema(const TypeDoc& doc, const Extras& extras) {
  Json ways = Json::array();
  Json words = Json::array();
  for (const TypeDoc::Alternative& way : doc.alternatives) {
    bool bare = way.object == nullptr;
    if (way.object) {
      Json schema{{"type", "object"}};
      schema["properties"][way.name] = schema_of(*way.object, extras);
      schema["required"] = Json::array({way.name});
      schema["additionalProperties"] = false;
      ways.push_back(std::move(schema));
      bare = true;
      for (const FieldDoc& field : way.object->fields()) bare = bare && !field.required;
      bare = bare && way.object->exactly_one_groups().empty();
    }
    if (bare) words.push_back(way.name);
  }
  if (!words.empty()) ways.push_back({{"enum", std::move(words)}});
  return {{"oneOf", std::move(ways)}};
}

Json type_schema(const TypeDoc& doc, const Extras& extras) {
  using Type = TypeDoc::Type;
  switch (doc.type) {
    case Type::kString:
      return {{"type", Json::array({"string", "number", "boolean"})}};
    case Type::kSecret:
      return {{"type", Json::array({"string", "number"})}};
    case Type::kBool:
      return or_variable({{"type", "boolean"}});
    case Type::kInteger:
    case Type::kNumber:
      return number_or_word_schema(doc);
    case Type::kChoice:
      return or_variable({{"enum", doc.choices}});
    case Type::kObject:
      return doc.object ? schema_of(*doc.object, extras) : Json{{"type", "object"}};
    case Type::kOneOf:
      return one_of_schema(doc, extras);
    case Type::kAny:
      return true;
    case Type::kList: {
      Json item = doc.element.empty() ? Json(true) : type_schema(doc.element[0], extras);
      Json list{{"type", "array"}, {"items", item}};
      if (!doc.one_or_list) return list;
      return {{"anyOf", Json::array({std::move(item), std::move(list)})}};
    }
    case Type::kMap:
      return {{"type", "object"},
              {"additionalProperties",
               doc.element.empty() ? Json(true) : type_schema(doc.element[0], extras)}};
  }
  return true;
}

Json schema_of(const SpecBase& spec, const Extras& extras) {
  Json object{{"type", "object"}};
  if (!spec.summary().empty()) object["description"] = spec.summary();
  Json properties = Json::object();
  Json required = Json::array();
  bool nothing_required = spec.exactly_one_groups().empty();
  for (const FieldDoc& field : spec.fields()) {
    Json schema = type_schema(field.type, extras);
    if (schema.is_object()) {
      if (!field.doc.empty()) schema["description"] = field.doc;
      if (!field.default_text.empty()) schema["default"] = field.default_text;
      if (!field.example.empty()) schema["examples"] = Json::array({field.example});
    }
    properties[field.key] = std::move(schema);
    if (field.required) required.push_back(field.key);
  }
  nothing_required = nothing_required && required.empty();
  object["properties"] = std::move(properties);
  if (!required.empty()) object["required"] = std::move(required);
  object["additionalProperties"] = !spec.rest_text().empty();
  if (auto added = extras.find(&spec); added != extras.end()) {
    for (const auto& [name, component] : added->second)
      object["properties"][name] = schema_of(*component, extras);
    object["additionalProperties"] = false;
  }
  for (const std::vector<std::string>& group : spec.exactly_one_groups()) {
    Json ways = Json::array();
    for (const std::string& key : group) ways.push_back({{"required", Json::array({key})}});
    object["allOf"].push_back({{"oneOf", std::move(ways)}});
  }
  Json ways = Json::array();
  if (!spec.no_map()) ways.push_back(std::move(object));
  if (!spec.shorthand_text().empty())
    ways.push_back({{"type", Json::array({"string", "number", "boolean", "array"})},
                    {"description", spec.shorthand_text()}});
  if (nothing_required && !spec.no_map()) ways.push_back({{"type", "null"}});
  return ways.size() == 1 ? std::move(ways[0]) : Json{{"anyOf", std::move(ways)}};
}

// Text inside a table's cell.
std::string cell(std::string_view text) {
  std::string out;
  for (char c : text) {
    if (c == '|')
      out += "\\|";
    else
      out += c == '\n' ? ' ' : c;
  }
  return out;
}

std::string code(std::string_view text) {
  return text.empty() ? "" : fmt::format("`{}`", cell(text));
}

// The Specs below a type, with the key path that leads to each.
void nested(const TypeDoc& doc, const std::string& path,
            std::vector<std::pair<std::string, const SpecBase*>>& out) {
  if (doc.object) out.emplace_back(path, doc.object);
  for (const TypeDoc& element : doc.element)
    nested(element, path + (doc.type == TypeDoc::Type::kList ? "[]" : ".NAME"), out);
  for (const TypeDoc::Alternative& way : doc.alternatives)
    if (way.object) out.emplace_back(path + "." + way.name, way.object);
}

void write_markdown(const SpecBase& spec, const std::string& path, int level, std::string& out) {
  constexpr int kDeepest = 6;
  out += fmt::format("{} {}\n\n{}\n\n",
                     std::string(static_cast<size_t>(std::min(level, kDeepest)), '#'), code(path),
                     spec.summary());
  if (!spec.shorthand_text().empty())
    out += fmt::format("Short form: {}.\n\n", spec.shorthand_text());
  std::vector<std::pair<std::string, const SpecBase*>> below;
  std::vector<FieldDoc> fields = spec.fields();
  if (fields.empty())
    out += "It has no keys.\n\n";
  else
    out += "| key | value | default | what it does |\n|---|---|---|---|\n";
  for (const FieldDoc& field : fields) {
    std::string what = cell(field.doc);
    if (!field.example.empty())
      what += fmt::format("{}For example {}.", what.empty() ? "" : " ", code(field.example));
    out += fmt::format("| {} | {} | {} | {} |\n", code(field.key), cell(field.type.expected()),
                       field.required ? "required" : code(field.default_text), what);
    nested(field.type, path + "." + field.key, below);
  }
  if (!fields.empty()) out += "\n";
  for (const std::vector<std::string>& group : spec.exactly_one_groups()) {
    std::string keys;
    for (const std::string& key : group) keys += (keys.empty() ? "" : ", ") + code(key);
    out += fmt::format("Exactly one of {}.\n\n", keys);
  }
  if (!spec.rest_text().empty()) out += fmt::format("Any other key: {}.\n\n", spec.rest_text());
  for (const auto& [child_path, child] : below) write_markdown(*child, child_path, level + 1, out);
}

}  // namespace

std::string json_schema(const SpecBase& spec, const std::string& id, const Extras& extras) {
  Json out;
  out["$schema"] = "https://json-schema.org/draft/2020-12/schema";
  out["$id"] = id;
  out["title"] = spec.name();
  Json body = schema_of(spec, extras);
  for (auto& [key, value] : body.items()) out[key] = value;
  out["$defs"] = {
      {"variable", {{"type", "string"}, {"pattern", "\\$\\{[A-Za-z_][A-Za-z0-9_]*(:-[^}]*)?\\}"}}}};
  return out.dump(2) + "\n";
}

std::string markdown(const SpecBase& spec, int level) {
  std::string out;
  write_markdown(spec, spec.name(), level, out);
  return out;
}

}  // namespace leat::config
