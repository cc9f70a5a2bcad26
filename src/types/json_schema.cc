#include "types/json_schema.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "base/json_pointer.h"
#include "base/limits.h"
#include "base/strings.h"

namespace leat::types {
namespace {

using Json = nlohmann::ordered_json;  // properties keep their order: it is the columns' order

constexpr std::string_view kDialect = "https://json-schema.org/draft/2020-12/schema";
constexpr std::array<std::string_view, 7> kTypeNames = {"string", "integer", "number", "boolean",
                                                        "object", "array",   "null"};

std::optional<std::string> name_clash(const std::vector<Field>& fields) {
  Schema seen;
  for (const Field& field : fields) {
    if (auto other = seen.find(field.name)) {
      return fmt::format("'{}' and '{}' differ only in case", seen.fields[*other].name, field.name);
    }
    seen.fields.push_back(field);
  }
  return std::nullopt;
}

/// What a schema at one place says.
struct Read {
  Type type;
  bool nullable = false;
};

Result<Json> parsed(std::string_view document, std::string_view called) {
  Json root = Json::parse(document, nullptr, /*allow_exceptions=*/false);
  if (!root.is_discarded()) return root;
  // Parse again for the place: exceptions of the library end here.
  try {
    return Json::parse(document);
  } catch (const Json::exception& error) {
    return Error(ErrorCode::kInvalidArgument,
                 fmt::format("{} is not JSON: {}", called, error.what()));
  }
}

/// What a schema refers to, by name.
using Documents = std::vector<std::pair<std::string, Json>>;

const Json* find_document(const Documents& documents, std::string_view uri) {
  const auto fits = [&](const auto& each) {
    const auto& [name, text] = each;
    const Json id = text.is_object() ? text.value("$id", Json()) : Json();
    return uri == name || id == uri || uri.ends_with("/" + name);
  };
  const auto found = std::ranges::find_if(documents, fits);
  return found == documents.end() ? nullptr : &found->second;
}

class Reader {
 public:
  Reader(const Json& root, const Documents& others)
      : root_(root), others_(others), document_(&root) {}

  Result<Schema> read() {
    Schema schema;
    if (!root_.is_object() && !root_.is_boolean())
      return bad("#", "expected an object: a JSON Schema");
    bool has_type = root_.is_object() && root_.contains("type");
    if (root_.is_object() && (root_.contains("properties") ||
                              (has_type && root_["type"] == "object") || root_.contains("$ref"))) {
      ASSIGN(Read root, read_node(root_, "#", 0));
      if (root.type.kind() != Kind::kStruct) {
        return bad("#", "expected `properties` with at least one field: a record's columns");
      }
      schema.fields = root.type.fields();
      return schema;
    }
    if (has_type) {
      TRY(check_types(root_["type"], "#/type"));
    }
    schema.root_value = true;
    schema.fields.push_back({.name = "value", .type = Kind::kJson, .required = true});
    return schema;
  }

 private:
  static Error bad(std::string where, std::string message) {
    return Error(ErrorCode::kInvalidArgument, std::move(message)).at(where);
  }

  static Result<void> check_types(const Json& type, const std::string& at) {
    std::vector<std::string> names;
    if (type.is_string()) {
      names.push_back(type.get<std::string>());
    } else if (type.is_array() && !type.empty()) {
      for (size_t i = 0; i < type.size(); ++i) {
        if (!type[i].is_string())
          return bad(fmt::format("{}/{}", at, i), "expected the name of a type");
        names.push_back(type[i].get<std::string>());
      }
    } else {
      return bad(at, "expected the name of a type, or several in an array");
    }
    for (const std::string& name : names) {
      if (std::ranges::find(kTypeNames, name) != kTypeNames.end()) continue;
      auto near = nearest(name, kTypeNames);
      return bad(at,
                 fmt::format(
                     "unknown type '{}': expected one of string, integer, number, boolean, object, "
                     "array, null{}",
                     name, near ? fmt::format("; did you mean '{}'?", *near) : ""));
    }
    return {};
  }

  Result<Read> read_reference(const Json& reference, const std::string& at, size_t depth) {
    if (!reference.is_string()) return bad(at + "/$ref", "expected a string");
    auto target = reference.get<std::string>();
    const size_t hash = std::min(target.find('#'), target.size());
    const Json* document = hash == 0 ? document_ : find_document(others_, target.substr(0, hash));
    std::string_view rest = std::string_view(target).substr(std::min(hash + 1, target.size()));
    if (!document || (!rest.empty() && !rest.starts_with('/'))) {
      return bad(at + "/$ref",
                 fmt::format("cannot follow '{}': only references into this document (#/...), or "
                             "into those that the schema is registered with",
                             target));
    }
    const Json* place = document;
    while (!rest.empty()) {
      size_t slash = rest.find('/', 1);
      std::string token(rest.substr(1, slash == std::string_view::npos ? slash : slash - 1));
      for (auto [from, to] : {std::pair{"~1", "/"}, std::pair{"~0", "~"}}) {
        for (size_t found = 0; (found = token.find(from, found)) != std::string::npos; ++found) {
          token.replace(found, 2, to);
        }
      }
      if (!place->is_object() || !place->contains(token)) {
        return bad(at + "/$ref", fmt::format("'{}' is not in this document", target));
      }
      place = &(*place)[token];
      rest = slash == std::string_view::npos ? std::string_view() : rest.substr(slash);
    }
    const Json* const from = std::exchange(document_, document);
    auto found = read_node(*place, target, depth + 1);
    document_ = from;
    return found;
  }

  Result<Type> read_object(const Json& node, const std::string& at, size_t depth) {
    const Json* properties = node.contains("properties") ? &node["properties"] : nullptr;
    if (properties && !properties->is_object())
      return bad(at + "/properties", "expected an object");
    if (!properties || properties->empty()) {
      if (!node.contains("additionalProperties") || !node["additionalProperties"].is_object())
        return Type(Kind::kJson);
      ASSIGN(Read value,
             read_node(node["additionalProperties"], at + "/additionalProperties", depth + 1));
      return Type::map(Kind::kVarchar, value.type);
    }
    std::vector<Field> fields;
    std::vector<bool> nullable;
    for (const auto& [name, property] : properties->items()) {
      std::string place = at + "/properties" + pointer_token(name);
      if (name.empty()) return bad(place, "a field without a name cannot be a column");
      ASSIGN(Read read, read_node(property, place, depth + 1));
      Field field{.name = name, .type = read.type};
      if (property.is_object() && property.contains("description") &&
          property["description"].is_string()) {
        field.doc = property["description"].get<std::string>();
      }
      nullable.push_back(read.nullable);
      fields.push_back(std::move(field));
    }
    if (auto clash = name_clash(fields))
      return bad(at + "/properties", *clash + ": SQL sees one column");
    TRY(read_required(node, at, fields, nullable));
    return Type::structure(std::move(fields));
  }

  static Result<void> read_required(const Json& node, const std::string& at,
                                    std::vector<Field>& fields, const std::vector<bool>& nullable) {
    if (!node.contains("required")) return {};
    const Json& required = node["required"];
    if (!required.is_array()) return bad(at + "/required", "expected an array of names");
    for (size_t i = 0; i < required.size(); ++i) {
      std::string place = fmt::format("{}/required/{}", at, i);
      if (!required[i].is_string()) return bad(place, "expected a name");
      auto name = required[i].get<std::string>();
      auto field = std::ranges::find(fields, name, &Field::name);
      if (field == fields.end()) {
        std::vector<std::string_view> names;
        for (const Field& known : fields) names.push_back(known.name);
        auto near = nearest(name, names);
        return bad(place, fmt::format("'{}' is not in `properties`{}", name,
                                      near ? fmt::format("; did you mean '{}'?", *near) : ""));
      }
      field->required = !nullable[static_cast<size_t>(field - fields.begin())];
    }
    return {};
  }

  Result<Read> read_node(const Json& node, const std::string& at, size_t depth) {
    if (depth > limits::kMaxJsonDepth) {
      return bad(at, fmt::format("nested deeper than {} levels (a schema that refers to itself?)",
                                 limits::kMaxJsonDepth));
    }
    if (++columns_ > limits::kMaxAvroColumns) {
      return Error(ErrorCode::kLimit,
                   fmt::format("more than {} columns, nested ones included: refer less often to "
                               "definitions that refer to others",
                               limits::kMaxAvroColumns))
          .at(at);
    }
    if (node.is_boolean()) {
      if (!node.get<bool>()) return bad(at, "`false` allows no value: leave the field out");
      return Read{Kind::kJson, true};
    }
    if (!node.is_object()) return bad(at, "expected an object: a JSON Schema");
    if (node.contains("$ref")) return read_reference(node["$ref"], at, depth);
    bool nullable = false;
    std::vector<std::string> names;
    if (node.contains("type")) {
      TRY(check_types(node["type"], at + "/type"));
      names = node["type"].is_array() ? node["type"].get<std::vector<std::string>>()
                                      : std::vector{node["type"].get<std::string>()};
    }
    auto null = std::ranges::find(names, "null");
    if (null != names.end()) {
      nullable = true;
      names.erase(null);
      if (names.empty()) names.emplace_back("string");  // null only: VARCHAR
    }
    if (node.contains("x-leat-type")) {
      const Json& own = node["x-leat-type"];
      if (!own.is_string())
        return bad(at + "/x-leat-type", "expected a string such as \"DECIMAL(18,3)\"");
      auto type = parse_type(own.get<std::string>());
      if (!type) return std::move(type).error().at(at + "/x-leat-type");
      return Read{std::move(type).value(), nullable};
    }
    if (names.empty()) {
      if (node.contains("properties"))
        names.emplace_back("object");
      else if (node.contains("items"))
        names.emplace_back("array");
      else
        return Read{Kind::kJson, true};
    }
    if (names.size() > 1) return Read{read_union(names), nullable};
    return read_one(node, names[0], nullable, at, depth);
  }

  static Type read_union(const std::vector<std::string>& names) {
    uint8_t scalars = 0;
    for (const std::string& name : names) {
      if (name == "string")
        scalars |= kScalarString;
      else if (name == "integer")
        scalars |= kScalarInteger;
      else if (name == "number")
        scalars |= kScalarNumber;
      else if (name == "boolean")
        scalars |= kScalarBoolean;
      else
        return Kind::kJson;
    }
    if (scalars == (kScalarInteger | kScalarNumber)) return Kind::kDouble;
    return Type::varchar_of(scalars);
  }

  Result<Read> read_one(const Json& node, const std::string& name, bool nullable,
                        const std::string& at, size_t depth) {
    if (name == "string") return Read{Kind::kVarchar, nullable};
    if (name == "integer") return Read{Kind::kInt64, nullable};
    if (name == "number") return Read{Kind::kDouble, nullable};
    if (name == "boolean") return Read{Kind::kBoolean, nullable};
    if (name == "object") {
      ASSIGN(Type type, read_object(node, at, depth));
      return Read{std::move(type), nullable};
    }
    // Tuples (draft 7 has them as an array of `items`) are no LIST.
    const bool is_list = node.contains("items") && !node.contains("prefixItems") &&
                         !node["items"].is_array() && node["items"] != false;
    if (!is_list) return Read{Kind::kJson, nullable};
    ASSIGN(Read element, read_node(node["items"], at + "/items", depth + 1));
    return Read{Type::list(element.type), nullable};
  }

  const Json& root_;
  const Documents& others_;
  size_t columns_ = 0;    // nested ones included
  const Json* document_;  // that the place which is read stands in
};

Json write_object(const std::vector<Field>& fields);

Json write_type(const Type& type, bool nullable) {
  Json node = Json::object();
  Json names = Json::array();
  bool own = false;
  switch (type.kind()) {
    case Kind::kJson:
      return node;
    case Kind::kBoolean:
      names.push_back("boolean");
      break;
    case Kind::kInt64:
      names.push_back("integer");
      break;
    case Kind::kInt8:
    case Kind::kInt16:
    case Kind::kInt32:
    case Kind::kUint8:
    case Kind::kUint16:
    case Kind::kUint32:
    case Kind::kUint64:
    case Kind::kInt128:
      names.push_back("integer"), own = true;
      break;
    case Kind::kDouble:
      names.push_back("number");
      break;
    case Kind::kFloat:
    case Kind::kDecimal:
      names.push_back("number"), own = true;
      break;
    case Kind::kVarchar:
      if (type.scalars() & kScalarInteger) names.push_back("integer");
      if (type.scalars() & kScalarNumber) names.push_back("number");
      if (type.scalars() & kScalarBoolean) names.push_back("boolean");
      if (type.scalars() == 0 || type.scalars() & kScalarString) names.push_back("string");
      own = type.scalars() != 0 && names.size() == 1;
      break;
    case Kind::kList:
      names.push_back("array");
      node["items"] = write_type(type.element(), true);
      break;
    case Kind::kMap:
      names.push_back("object");
      own = type.fields()[0].type.kind() != Kind::kVarchar;
      node["additionalProperties"] = write_type(type.fields()[1].type, true);
      break;
    case Kind::kStruct:
      names.push_back("object");
      node = write_object(type.fields());
      break;
    case Kind::kSqlNull:
      names.push_back("null"), own = true;
      break;
    default:
      names.push_back("string"), own = true;
      break;  // blob, uuid, times, interval
  }
  if (nullable && names[0] != "null") names.push_back("null");
  Json result = Json::object();
  result["type"] = names.size() == 1 ? names[0] : names;
  if (own) result["x-leat-type"] = type.to_sql();
  if (type.kind() == Kind::kUuid) result["format"] = "uuid";
  if (type.kind() == Kind::kDate) result["format"] = "date";
  if (type.kind() == Kind::kTimestampTz) result["format"] = "date-time";
  if (type.kind() == Kind::kBlob) result["contentEncoding"] = "base64";
  for (auto& [key, value] : node.items()) {
    if (key != "type") result[key] = value;
  }
  return result;
}

Json write_object(const std::vector<Field>& fields) {
  Json node = Json::object();
  node["type"] = "object";
  node["properties"] = Json::object();
  Json required = Json::array();
  for (const Field& field : fields) {
    Json property = write_type(field.type, !field.required);
    if (!field.doc.empty()) property["description"] = field.doc;
    node["properties"][field.name] = std::move(property);
    // An untyped field takes null, so it can never be required.
    if (field.required && field.type.kind() != Kind::kJson) required.push_back(field.name);
  }
  if (!required.empty()) node["required"] = std::move(required);
  return node;
}

/// What a sample held at one place.
struct Seen {
  size_t values = 0, objects = 0, arrays = 0;  // values: not null
  uint8_t scalars = 0;
  bool wide = false;               // an integer beyond BIGINT
  std::vector<std::string> names;  // of fields
  std::vector<Seen> fields, element;

  void add(const Json& value, size_t depth);
  Seen& field(const std::string& name) {
    for (size_t i = 0; i < names.size(); ++i) {
      if (names[i] == name) return fields[i];
    }
    names.push_back(name);
    return fields.emplace_back();
  }
  std::vector<Field> to_fields() const;
  Type to_type() const;
};

void Seen::add(const Json& value, size_t depth) {
  if (value.is_null() || depth > limits::kMaxJsonDepth) return;
  ++values;
  switch (value.type()) {
    case Json::value_t::string:
      scalars |= kScalarString;
      break;
    case Json::value_t::boolean:
      scalars |= kScalarBoolean;
      break;
    case Json::value_t::number_float:
      scalars |= kScalarNumber;
      break;
    case Json::value_t::number_unsigned:
      wide |= value.get<uint64_t>() > static_cast<uint64_t>(std::numeric_limits<int64_t>::max());
      scalars |= kScalarInteger;
      break;
    case Json::value_t::number_integer:
      scalars |= kScalarInteger;
      break;
    case Json::value_t::array:
      ++arrays;
      if (element.empty()) element.emplace_back();
      for (const Json& item : value) element[0].add(item, depth + 1);
      break;
    case Json::value_t::object:
      ++objects;
      for (const auto& [name, child] : value.items()) {
        if (fields.size() <= limits::kMaxInferredFields) field(name).add(child, depth + 1);
      }
      break;
    default:
      break;
  }
}

std::vector<Field> Seen::to_fields() const {
  std::vector<Field> result;
  for (size_t i = 0; i < fields.size(); ++i) {
    result.push_back(
        {.name = names[i], .type = fields[i].to_type(), .required = fields[i].values >= objects});
  }
  // An untyped field takes null: never required (see write_object).
  for (Field& field : result) field.required = field.required && field.type.kind() != Kind::kJson;
  return result;
}

Type Seen::to_type() const {
  int shapes = (objects > 0) + (arrays > 0) + (scalars != 0);
  if (shapes == 0) return Kind::kVarchar;
  if (shapes > 1) return Kind::kJson;
  if (arrays > 0)
    return Type::list(element[0].values == 0 ? Type(Kind::kJson) : element[0].to_type());
  if (objects > 0) {
    std::vector<Field> children = to_fields();
    bool plain =
        !children.empty() && children.size() <= limits::kMaxInferredFields &&
        !name_clash(children) &&
        std::ranges::none_of(children, [](const Field& field) { return field.name.empty(); });
    return plain ? Type::structure(std::move(children)) : Type(Kind::kJson);
  }
  switch (scalars) {
    case kScalarString:
      return Kind::kVarchar;
    case kScalarBoolean:
      return Kind::kBoolean;
    case kScalarInteger:
      return wide ? Kind::kInt128 : Kind::kInt64;
    case kScalarNumber:
    case kScalarNumber | kScalarInteger:
      return Kind::kDouble;
    default:
      return Type::varchar_of(scalars);
  }
}

}  // namespace

Result<Schema> schema_from_json(std::string_view document,
                                std::span<const JsonDocument> references) {
  ASSIGN(const Json root, parsed(document, "the schema"));
  Documents others;
  for (const JsonDocument& each : references) {
    ASSIGN(Json text, parsed(each.text, fmt::format("'{}'", each.name)));
    others.emplace_back(each.name, std::move(text));
  }
  return Reader(root, others).read();
}

std::string schema_to_json(const Schema& schema) {
  Json root = Json::object();
  root["$schema"] = kDialect;
  if (!schema.root_value) {
    Json object = write_object(schema.fields);
    for (auto& [key, value] : object.items()) root[key] = value;
  }
  return root.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

Result<Schema> infer_schema(std::span<const std::string_view> records) {
  Seen root;
  size_t others = 0;
  for (std::string_view record : records) {
    Json value = Json::parse(record, nullptr, /*allow_exceptions=*/false);
    if (value.is_discarded()) continue;
    if (value.is_object())
      root.add(value, 0);
    else
      ++others;
  }
  if (root.objects == 0 && others == 0) {
    return Error(ErrorCode::kNotFound, fmt::format("none of {} records is JSON", records.size()))
        .with_hint("declare the source's schema in a file: source.schema");
  }
  Schema schema;
  if (root.objects == 0) {
    schema.root_value = true;
    schema.fields.push_back({.name = "value", .type = Kind::kJson, .required = true});
    return schema;
  }
  schema.fields = root.to_fields();
  std::erase_if(schema.fields, [](const Field& field) { return field.name.empty(); });
  if (schema.fields.empty()) {
    return Error(ErrorCode::kNotFound,
                 fmt::format("{} records are objects without fields", root.objects));
  }
  if (auto clash = name_clash(schema.fields)) {
    return Error(ErrorCode::kInvalidArgument,
                 fmt::format("the fields {}: SQL sees one column", *clash))
        .with_hint("declare the one to read in a file: source.schema");
  }
  return schema;
}

}  // namespace leat::types
