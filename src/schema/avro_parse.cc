// JSON to the tree of avro_schema.h. What stands in Avro's specification is checked; attributes that it does not know
// are kept.
#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "base/limits.h"
#include "base/strings.h"
#include "schema/avro_default.h"
#include "schema/avro_logical.h"
#include "schema/avro_schema.h"

namespace leat::schema::avro {
namespace {

constexpr std::array<std::string_view, 14> kKinds = {
    "null",   "boolean", "int", "long",  "float", "double", "bytes",
    "string", "array",   "map", "union", "fixed", "enum",   "record"};
constexpr size_t kPrimitives = 8;

/// [A-Za-z_][A-Za-z0-9_]*
bool is_word(std::string_view text) {
  auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
  auto digit = [](char c) { return c >= '0' && c <= '9'; };
  return !text.empty() && letter(text[0]) &&
         std::all_of(text.begin(), text.end(), [&](char c) { return letter(c) || digit(c); });
}

/// Words joined by dots.
bool is_dotted(std::string_view text) {
  for (;;) {
    const size_t dot = text.find('.');
    if (!is_word(text.substr(0, dot))) return false;
    if (dot == text.npos) return true;
    text.remove_prefix(dot + 1);
  }
}

/// A name as it stands in a schema: with a dot it is full, else it belongs to `space`.
Name name_in(std::string_view text, std::string_view space) {
  const size_t dot = text.rfind('.');
  if (dot == text.npos) return {std::string(space), std::string(text)};
  return {std::string(text.substr(0, dot)), std::string(text.substr(dot + 1))};
}

constexpr std::string_view kNameRule =
    "a name is letters, digits and _, and does not begin with a digit";

}  // namespace

std::string_view kind_name(Kind kind) { return kKinds[static_cast<size_t>(kind)]; }

std::optional<Kind> primitive_named(std::string_view name) {
  for (size_t i = 0; i < kPrimitives; ++i) {
    if (kKinds[i] == name) return static_cast<Kind>(i);
  }
  return std::nullopt;
}

class Parser {
 public:
  Parser() {
    for (size_t i = 0; i < kPrimitives; ++i) {
      plain_[i] = &schema_.nodes_.emplace_back();
      plain_[i]->kind = static_cast<Kind>(i);
    }
  }

  /// Its named types are known to what is read afterwards.
  Result<void> reference(const Resolved& resolved) {
    return read(resolved.text, resolved.reference.name);
  }

  Result<Schema> finish(std::string_view text) && {
    for (const Node& node : schema_.nodes_) {
      if (node.has_name()) schema_.foreign_.insert(&node);
    }
    TRY(read(text, ""));
    return std::move(schema_);
  }

 private:
  Error wrong(std::string message) const {
    return Error(ErrorCode::kInvalidArgument, std::move(message)).at(path_.empty() ? "/" : path_);
  }

  Result<void> read(std::string_view text, std::string_view reference) {
    auto done = read_text(text);
    if (done || reference.empty()) return done;
    return std::move(done).error().at(fmt::format("reference {}", shown(reference)));
  }

  Result<void> read_text(std::string_view text) {
    ASSIGN(const Json json, parse_json(text, true));
    path_.clear(), defaults_.clear();
    ASSIGN(schema_.root_, type(json, ""));
    return check_defaults(defaults_);
  }

  Result<const Node*> type(const Json& json, const std::string& space) {
    if (json.is_string()) return named(json.get_ref<const std::string&>(), space);
    if (json.is_array()) return union_of(json, space);
    if (!json.is_object()) {
      return wrong(fmt::format(
          "a schema is a type's name, an object with \"type\" or an array of types, not {}",
          shown_json(json)));
    }
    const auto found = json.find("type");
    if (found == json.end()) {
      return wrong(fmt::format("no \"type\" in {}: expected one such as {{\"type\": \"string\"}}",
                               shown_json(json)));
    }
    if (!found->is_string()) {
      return wrong(
          fmt::format("\"type\" of a schema is the name of a type, not {}: write that type "
                      "itself in place of the object around it",
                      shown_json(*found)));
    }
    const std::string& kind = found->get_ref<const std::string&>();
    if (auto primitive = primitive_named(kind)) return primitive_of(json, *primitive);
    if (kind == "array") return container(json, space, Kind::kArray, "items");
    if (kind == "map") return container(json, space, Kind::kMap, "values");
    if (kind == "fixed") return fixed(json, space);
    if (kind == "enum") return enumeration(json, space);
    if (kind == "record" || kind == "error") return record(json, space);
    return named(kind, space);
  }

  Result<const Node*> named(const std::string& text, const std::string& space) {
    if (auto primitive = primitive_named(text)) return plain_[static_cast<size_t>(*primitive)];
    if (const Node* node = schema_.find(name_in(text, space).full())) return node;
    if (const Node* node = schema_.find(text)) return node;
    std::string known;
    std::vector<std::string_view> names(kKinds.begin(), kKinds.begin() + kPrimitives);
    for (const auto& [name, node] : schema_.names_) names.push_back(name);
    auto near = nearest(text, names);
    return wrong(fmt::format("no type named '{}'{}", shown(text),
                             near ? fmt::format("; did you mean '{}'?", *near)
                                  : " is defined before this place or in a reference"))
        .with_hint("define it where it is first used, or register its schema and refer to it");
  }

  Node& add(Kind kind) {
    Node& node = schema_.nodes_.emplace_back();
    node.kind = kind;
    return node;
  }

  /// Keeps what is in `json` beside `own`, and finds out what it means as a logical type.
  static void keep(Node& node, const Json& json, std::initializer_list<std::string_view> own) {
    for (const auto& [key, value] : json.items()) {
      if (key != "type" && std::find(own.begin(), own.end(), key) == own.end()) {
        node.attributes[key] = value;
      }
    }
    read_logical(node);
  }

  Result<const Node*> primitive_of(const Json& json, Kind kind) {
    if (json.size() == 1) return plain_[static_cast<size_t>(kind)];
    Node& node = add(kind);
    keep(node, json, {});
    return &node;
  }

  Result<const Node*> container(const Json& json, const std::string& space, Kind kind,
                                std::string_view attribute) {
    Node& node = add(kind);
    ASSIGN(const Json* inner, required(json, attribute, kind));
    const Step step(path_, attribute);
    ASSIGN(const Node* found, type(*inner, space));
    node.inner = {found};
    keep(node, json, {attribute});
    return &node;
  }

  Result<const Node*> union_of(const Json& json, const std::string& space) {
    Node& node = add(Kind::kUnion);
    std::set<std::string> seen;
    for (size_t i = 0; i < json.size(); ++i) {
      const Step step(path_, i);
      ASSIGN(const Node* branch, type(json[i], space));
      if (branch->kind == Kind::kUnion) {
        return wrong("a union directly inside a union: list the inner types in the outer union");
      }
      const std::string name =
          branch->has_name() ? branch->name.full() : std::string(kind_name(branch->kind));
      if (!seen.insert(name).second) {
        return wrong(fmt::format("'{}' is in this union twice: a value could not be told apart",
                                 shown(name)));
      }
      node.inner.push_back(branch);
    }
    return &node;
  }

  Result<const Node*> fixed(const Json& json, const std::string& space) {
    Node& node = add(Kind::kFixed);
    TRY(define(node, json, space));
    ASSIGN(const Json* size, required(json, "size", Kind::kFixed));
    const bool whole = size->is_number_integer();
    if (!whole || *size < 0 || *size > INT32_MAX) {
      return wrong(fmt::format("\"size\" of a fixed is a number of bytes from 0 to {}, not {}",
                               INT32_MAX, shown_json(*size)));
    }
    node.size = size->get<int64_t>();
    keep(node, json, {"name", "namespace", "doc", "aliases", "size"});
    return &node;
  }

  Result<const Node*> enumeration(const Json& json, const std::string& space) {
    Node& node = add(Kind::kEnum);
    TRY(define(node, json, space));
    ASSIGN(const Json* symbols, required(json, "symbols", Kind::kEnum));
    const Step step(path_, "symbols");
    if (!symbols->is_array()) return wrong("\"symbols\" of an enum is an array of names");
    std::set<std::string_view> seen;
    for (size_t i = 0; i < symbols->size(); ++i) {
      const Step inner(path_, i);
      const Json& symbol = (*symbols)[i];
      if (!symbol.is_string() || !is_word(symbol.get_ref<const std::string&>())) {
        return wrong(fmt::format("{} is no symbol: {}", shown_json(symbol), kNameRule));
      }
      if (!seen.insert(symbol.get_ref<const std::string&>()).second) {
        return wrong(fmt::format("symbol {} is there twice", shown_json(symbol)));
      }
      node.symbols.push_back(symbol.get<std::string>());
    }
    if (auto given = json.find("default"); given != json.end()) {
      if (!given->is_string() || !seen.contains(given->get_ref<const std::string&>())) {
        return wrong(fmt::format("default {} is none of the enum's symbols", shown_json(*given)));
      }
      node.symbol_default = given->get<std::string>();
    }
    keep(node, json, {"name", "namespace", "doc", "aliases", "symbols", "default"});
    return &node;
  }

  Result<const Node*> record(const Json& json, const std::string& space) {
    Node& node = add(Kind::kRecord);
    node.is_error = json["type"] == "error";
    TRY(define(node, json, space));
    ASSIGN(const Json* fields, required(json, "fields", Kind::kRecord));
    const Step step(path_, "fields");
    if (!fields->is_array()) return wrong("\"fields\" of a record is an array of fields");
    std::set<std::string_view> seen;
    node.fields.reserve(fields->size());  // what checks the defaults keeps their places
    for (size_t i = 0; i < fields->size(); ++i) {
      const Step inner(path_, i);
      ASSIGN(Field made, field((*fields)[i], node.name));
      node.fields.push_back(std::move(made));
      const Field& kept = node.fields.back();
      if (!seen.insert(kept.name).second) {
        return wrong(fmt::format("field '{}' is there twice", shown(kept.name)));
      }
      if (kept.default_value) defaults_.push_back({&kept, path_ + "/default"});
    }
    keep(node, json, {"name", "namespace", "doc", "aliases", "fields"});
    return &node;
  }

  Result<Field> field(const Json& json, const Name& record) {
    if (!json.is_object()) {
      return wrong(
          fmt::format("a field is an object with \"name\" and \"type\", not {}", shown_json(json)));
    }
    Field field;
    const auto name = json.find("name");
    if (name == json.end() || !name->is_string() || !is_word(name->get_ref<const std::string&>())) {
      return wrong(fmt::format("field {} of record '{}' has no right \"name\": {}",
                               shown_json(json), shown(record.full()), kNameRule));
    }
    field.name = name->get<std::string>();
    const auto type_of = json.find("type");
    if (type_of == json.end()) {
      return wrong(fmt::format("field '{}' of record '{}' has no \"type\"", shown(field.name),
                               shown(record.full())));
    }
    {
      const Step step(path_, "type");
      ASSIGN(field.type, type(*type_of, record.space));
    }
    if (auto given = json.find("default"); given != json.end()) field.default_value = *given;
    ASSIGN(field.doc, text_of(json, "doc"));
    ASSIGN(auto order, text_of(json, "order"));
    if (order && *order != "ascending" && *order != "descending" && *order != "ignore") {
      return wrong(
          fmt::format("order '{}': expected ascending, descending or ignore", shown(*order)));
    }
    if (order && *order != "ascending") field.order = *order;
    ASSIGN(field.aliases, aliases_of(json, is_word));
    for (const auto& [key, value] : json.items()) {
      constexpr std::array<std::string_view, 6> kOwn = {"name", "type",  "default",
                                                        "doc",  "order", "aliases"};
      if (std::find(kOwn.begin(), kOwn.end(), key) == kOwn.end()) field.attributes[key] = value;
    }
    return field;
  }

  /// Name, aliases and doc; from here on the type may be named.
  Result<void> define(Node& node, const Json& json, const std::string& space) {
    ASSIGN(auto text, text_of(json, "name"));
    ASSIGN(auto given, text_of(json, "namespace"));
    if (!text || !is_dotted(*text)) {
      return wrong(
          fmt::format("a{} {} needs a right \"name\"{}: {}; parts of a full one are joined by dots",
                      node.kind == Kind::kEnum ? "n" : "", kind_name(node.kind),
                      text ? fmt::format(", not '{}'", shown(*text)) : "", kNameRule));
    }
    if (given && !given->empty() && !is_dotted(*given)) {
      return wrong(fmt::format("namespace '{}': expected names joined by dots", shown(*given)));
    }
    node.name = name_in(*text, given ? *given : space);
    if (primitive_named(node.name.simple)) {
      return wrong(fmt::format("'{}' is the name of one of Avro's own types: choose another",
                               shown(node.name.full())));
    }
    ASSIGN(auto aliases, aliases_of(json, is_dotted));
    for (const std::string& alias : aliases)
      node.aliases.push_back(name_in(alias, node.name.space));
    ASSIGN(node.doc, text_of(json, "doc"));
    if (!schema_.names_.emplace(node.name.full(), &node).second) {
      return wrong(
          fmt::format("'{}' is already defined, by this schema or by a reference: refer to it by "
                      "its name, or choose another",
                      shown(node.name.full())));
    }
    return {};
  }

  Result<const Json*> required(const Json& json, std::string_view attribute, Kind kind) const {
    const auto found = json.find(attribute);
    if (found == json.end()) {
      return wrong(fmt::format("this {} has no \"{}\"", kind_name(kind), attribute));
    }
    return &*found;
  }

  /// A text; none when it is missing or null.
  Result<std::optional<std::string>> text_of(const Json& json, std::string_view attribute) const {
    const auto found = json.find(attribute);
    if (found == json.end() || found->is_null()) return std::optional<std::string>();
    if (!found->is_string()) {
      return wrong(fmt::format("\"{}\" is a text, not {}", attribute, shown_json(*found)));
    }
    return std::optional(found->get<std::string>());
  }

  Result<std::vector<std::string>> aliases_of(const Json& json,
                                              bool (*is_right)(std::string_view)) const {
    std::vector<std::string> aliases;
    const auto found = json.find("aliases");
    if (found == json.end() || found->is_null()) return aliases;
    if (!found->is_array()) {
      return wrong(fmt::format("\"aliases\" is an array of names, not {}", shown_json(*found)));
    }
    for (const Json& alias : *found) {
      if (!alias.is_string() || !is_right(alias.get_ref<const std::string&>())) {
        return wrong(fmt::format("{} is no alias: {}", shown_json(alias), kNameRule));
      }
      aliases.push_back(alias.get<std::string>());
    }
    return aliases;
  }

  Schema schema_;
  std::array<Node*, kPrimitives> plain_{};  // types without attributes, shared
  std::vector<Default> defaults_;           // of the text at hand; checked once all types are known
  std::string path_;
};

Result<Schema> parse_schema(std::string_view text, const std::vector<Resolved>& references) {
  Parser parser;
  for (const Resolved& resolved : references) TRY(parser.reference(resolved));
  return std::move(parser).finish(text);
}

}  // namespace leat::schema::avro
