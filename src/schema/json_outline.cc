// The outline of a JSON Schema: one type whose fields are the places of the text that hold a schema: "address.street",
// "tags[]", "oneOf.0". What stands behind a $ref is told where it is defined.
#include <algorithm>
#include <array>

#include "base/limits.h"
#include "base/strings.h"
#include "schema/json_schema.h"

namespace leat::schema {
namespace {

/// Keywords that hold a schema, a list of them, or several by name.
constexpr std::array<std::string_view, 12> kOne = {"additionalProperties",
                                                   "additionalItems",
                                                   "unevaluatedProperties",
                                                   "unevaluatedItems",
                                                   "propertyNames",
                                                   "contains",
                                                   "not",
                                                   "if",
                                                   "then",
                                                   "else",
                                                   "items",
                                                   "contentSchema"};
constexpr std::array<std::string_view, 5> kSeveral = {"allOf", "anyOf", "oneOf", "prefixItems",
                                                      "items"};
constexpr std::array<std::string_view, 5> kNamed = {"properties", "patternProperties", "$defs",
                                                    "definitions", "dependentSchemas"};

template <size_t N>
bool is_one_of(const std::array<std::string_view, N>& words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

/// "integer"; "integer | null".
std::string type_text(const Json& type) {
  if (!type.is_array()) return type.is_string() ? type.get<std::string>() : type.dump();
  std::string out;
  for (const Json& one : type) out += (out.empty() ? "" : " | ") + type_text(one);
  return out;
}

class JsonWalk {
 public:
  Outline run(const Json& root) {
    OutlineType out;
    fields_ = &out.fields;
    schema(root, "", out.attributes);
    return {std::move(out)};
  }

 private:
  /// A long path is cut: a long name with many inside is no reason to write it as often.
  static std::string inside(const std::string& path, std::string_view name) {
    const std::string whole = path.empty() ? std::string(name) : path + "." + std::string(name);
    return std::string(utf8_prefix(whole, limits::kSchemaPathBytes));
  }

  void field(const Json& json, std::string path, bool required) {
    const size_t at = fields_->size();
    fields_->push_back({path, {}, {}, {}});
    Attributes said;
    if (required) said["required"] = "true";
    schema(json, path, said);
    (*fields_)[at].attributes = std::move(said);
  }

  void schema(const Json& json, const std::string& path, Attributes& said) {
    if (json.is_boolean()) said["type"] = json.get<bool>() ? "anything" : "nothing";
    if (!json.is_object()) return;
    for (const auto& [word, value] : json.items()) {
      if (is_one_of(kOne, word) && value.is_object())
        field(value, word == "items" ? path + "[]" : inside(path, word), false);
      else if (is_one_of(kSeveral, word) && value.is_array())
        for (size_t i = 0; i < value.size(); ++i)
          field(value[i], inside(path, word + "." + std::to_string(i)), false);
      else if (is_one_of(kNamed, word) && value.is_object())
        named(json, word, value, path);
      else if (word == "type")
        said["type"] = type_text(value);
      else if (word != "required" || !value.is_array())
        said[word] =
            value.is_string() && word != "default" ? value.get<std::string>() : value.dump();
    }
    absent(json, said);
  }

  void named(const Json& json, const std::string& word, const Json& several,
             const std::string& path) {
    const bool properties = word == "properties";
    for (const auto& [name, inner] : several.items()) {
      const bool required = properties && json.contains("required") && has(json["required"], name);
      field(inner, properties ? inside(path, name) : inside(inside(path, word), name), required);
    }
  }

  /// Names that are required without being properties.
  static void absent(const Json& json, Attributes& said) {
    if (!json.contains("required") || !json["required"].is_array()) return;
    const auto properties = json.find("properties");
    std::string names;
    for (const Json& name : json["required"]) {
      if (!name.is_string()) continue;
      const auto& text = name.get_ref<const std::string&>();
      if (properties != json.end() && properties->is_object() && properties->contains(text))
        continue;
      names += (names.empty() ? "" : ", ") + text;
    }
    if (!names.empty()) said["requires"] = names;
  }

  static bool has(const Json& names, const std::string& name) {
    return names.is_array() && std::find(names.begin(), names.end(), name) != names.end();
  }

  std::vector<OutlineField>* fields_ = nullptr;
};

}  // namespace

Outline JsonSchema::outline() const { return JsonWalk().run(tree_.text()); }

}  // namespace leat::schema
