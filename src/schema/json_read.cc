// JSON text to the tree of json_tree.h: keywords checked, references followed.
#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <set>
#include <span>
#include <unordered_map>
#include <unordered_set>

#include "base/limits.h"
#include "base/strings.h"
#include "schema/json_tree.h"

namespace leat::schema::json {
namespace {

using Names = std::span<const std::string_view>;
using Listed = std::initializer_list<std::string_view>;

/// Keywords that speak of one type only: they make a schema without "type" one of it.
constexpr std::string_view kStringWords[] = {"minLength", "maxLength", "pattern", "format"};
constexpr std::string_view kNumberWords[] = {"minimum", "maximum", "exclusiveMinimum",
                                             "exclusiveMaximum", "multipleOf"};
constexpr std::string_view kArrayWords[] = {
    "items",    "prefixItems", "additionalItems", "unevaluatedItems",
    "minItems", "maxItems",    "uniqueItems",     "contains"};
constexpr std::string_view kObjectWords[] = {
    "properties",    "patternProperties", "additionalProperties", "unevaluatedProperties",
    "required",      "minProperties",     "maxProperties",        "dependencies",
    "propertyNames", "dependentRequired", "dependentSchemas"};

constexpr std::array<std::pair<std::string_view, Kind>, 7> kTypes = {{{"string", Kind::kString},
                                                                      {"number", Kind::kNumber},
                                                                      {"integer", Kind::kNumber},
                                                                      {"boolean", Kind::kBoolean},
                                                                      {"object", Kind::kObject},
                                                                      {"array", Kind::kArray},
                                                                      {"null", Kind::kNull}}};

bool has_any(const Json& json, Names words) {
  return std::any_of(words.begin(), words.end(), [&](auto word) { return json.contains(word); });
}

bool is_meta_schema(std::string_view url) {
  return url.starts_with("http://json-schema.org/draft") ||
         url.starts_with("https://json-schema.org/draft");
}

/// The document that a $ref or $id names, seen from one whose address is `base` (RFC 3986, section 5, what schemas use of
/// it: a full address, or a path beside the base's).
std::string address(std::string_view reference, std::string_view base) {
  if (reference.empty()) return std::string(base);
  if (reference.find(':') != reference.npos || base.empty()) return std::string(reference);
  const size_t scheme = base.find("://");
  if (reference[0] == '/' && scheme != base.npos) {
    return std::string(base.substr(0, base.find('/', scheme + 3))) + std::string(reference);
  }
  return std::string(base.substr(0, base.rfind('/') + 1)) + std::string(reference);
}

/// What "%41" stands for, in a fragment.
std::string percent_decoded(std::string_view text) {
  auto digit = [](char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
  };
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool escaped =
        text[i] == '%' && i + 2 < text.size() && digit(text[i + 1]) >= 0 && digit(text[i + 2]) >= 0;
    out += escaped ? static_cast<char>(digit(text[i + 1]) * 16 + digit(text[i + 2])) : text[i];
    if (escaped) i += 2;
  }
  return out;
}

}  // namespace

class Reader {
 public:
  Result<void> add(std::string_view text, std::string_view name) {
    ASSIGN(Json json, parse_json(text));
    tree_.documents_.push_back(std::make_unique<Json>(std::move(json)));
    Document document{tree_.documents_.back().get(), {}, std::string(name)};
    index(*document.json, document, std::string(name));
    if (!name.empty()) addresses_.emplace(name, Address{document.json, document.base});
    documents_.push_back(std::move(document));
    return {};
  }

  /// Reads every document, the schema's own first.
  Result<Tree> finish() && {
    for (const Document& document : documents_) {
      path_ = "#", modern_ = is_modern(*document.json);
      auto root = schema(*document.json, document.base);
      if (!root) {
        return document.name.empty() ? std::move(root).error()
                                     : std::move(root).error().at("reference " + document.name);
      }
      if (!tree_.root_) tree_.root_ = *root;
    }
    TRY(resolve());
    return std::move(tree_);
  }

 private:
  struct Document {
    const Json* json;
    std::string base, name;
  };
  struct Address {
    const Json* json;
    std::string base;  // what is inside is named from there
  };
  struct Open {
    Node* node;
    std::string text, base, path;  // of the $ref
  };

  static bool is_modern(const Json& json) {
    const auto dialect = json.is_object() ? json.find("$schema") : json.end();
    if (!json.is_object() || dialect == json.end() || !dialect->is_string()) return false;
    const std::string& text = dialect->get_ref<const std::string&>();
    return text.find("/draft/20") != text.npos;
  }

  Error wrong(std::string message) const {
    return Error(ErrorCode::kInvalidArgument, std::move(message)).at(path_ == "#" ? "#/" : path_);
  }

  /// Remembers the addresses of `json` and of all inside it: $id, $anchor. Walks everything; an $id in an example names
  /// something that nobody refers to.
  void index(const Json& json, Document& document, const std::string& outer) {
    std::string base = outer;
    if (json.is_object()) {
      const auto id = json.find("$id");
      if (id != json.end() && id->is_string()) {
        const std::string& text = id->get_ref<const std::string&>();
        const std::string_view whole = std::string_view(text).substr(0, text.find('#'));
        base = address(whole, outer);
        if (!whole.empty()) addresses_.emplace(base, Address{&json, base});
        if (text.size() > whole.size() + 1)
          addresses_.emplace(base + text.substr(whole.size()),
                             Address{&json, base});  // draft 7's anchors
      }
      for (std::string_view key : {"$anchor", "$dynamicAnchor"}) {
        const auto anchor = json.find(key);
        if (anchor != json.end() && anchor->is_string()) {
          addresses_.emplace(base + "#" + anchor->get<std::string>(), Address{&json, base});
        }
      }
    }
    if (&json == document.json)
      document.base = base, addresses_.emplace(base, Address{&json, base});
    if (json.is_structured()) {
      for (const Json& inner : json) index(inner, document, base);
    }
  }

  Node& add(Kind kind, const Json& json) {
    Node& node = tree_.nodes_.emplace_back();
    node.kind = kind, node.json = &json;
    return node;
  }

  Result<const Node*> schema(const Json& json, const std::string& outer) {
    if (auto known = known_.find(&json); known != known_.end()) return known->second;
    if (json.is_boolean()) {
      return known_[&json] = &add(json.get<bool>() ? Kind::kAny : Kind::kNever, json);
    }
    if (!json.is_object()) {
      return wrong(fmt::format("a schema is an object, true or false, not {}", shown_json(json)));
    }
    std::string base = outer;
    if (const auto id = json.find("$id"); id != json.end()) {
      if (!id->is_string()) return wrong("\"$id\" is a text");
      const std::string_view text = id->get_ref<const std::string&>();
      base = address(text.substr(0, text.find('#')), outer);
    }
    Node& whole = add(Kind::kAllOf, json);
    known_[&json] = &whole;  // before what is inside, which may refer to it
    TRY(definitions(json, base));
    TRY(parts(whole, json, base));
    if (whole.parts.empty()) whole.kind = Kind::kAny;
    if (whole.parts.size() == 1) {  // one thing is no combination
      whole.kind = Kind::kReference;
      whole.target = whole.parts[0];
    }
    return &whole;
  }

  Result<void> definitions(const Json& json, const std::string& base) {
    for (std::string_view key : {"definitions", "$defs"}) {
      std::map<std::string, const Node*> unused;
      TRY(named(json, key, base, unused));
    }
    for (std::string_view key : {"propertyNames", "contains", "contentSchema"}) {
      const Node* unused = nullptr;
      TRY(child(json, key, base, unused));
    }
    return {};
  }

  /// All that one object asserts.
  Result<void> parts(Node& whole, const Json& json, const std::string& base) {
    for (std::string_view key : {"$ref", "$dynamicRef", "$recursiveRef"}) {
      const auto reference = json.find(key);
      if (reference == json.end()) continue;
      if (!reference->is_string()) return wrong(fmt::format("\"{}\" is a text", key));
      Node& node = add(Kind::kReference, json);
      open_.push_back({&node, reference->get<std::string>(), base, path_ + pointer_token(key)});
      whole.parts.push_back(&node);
      if (!modern_) return {};  // up to draft 7, what stands beside a $ref is not looked at
    }
    TRY(enums(whole, json));
    TRY(combined(whole, json, base));
    return typed(whole, json, base);
  }

  Result<void> enums(Node& whole, const Json& json) {
    const auto values = json.find("enum");
    if (values != json.end() && !values->is_array()) return wrong("\"enum\" is an array of values");
    if (values != json.end() || json.contains("const")) {
      whole.parts.push_back(&add(Kind::kEnum, json));
    }
    return {};
  }

  Result<void> combined(Node& whole, const Json& json, const std::string& base) {
    constexpr std::array<std::pair<std::string_view, Kind>, 3> kCombined = {
        {{"allOf", Kind::kAllOf}, {"anyOf", Kind::kAnyOf}, {"oneOf", Kind::kOneOf}}};
    for (const auto& [key, kind] : kCombined) {
      if (!json.contains(key)) continue;
      Node& node = add(kind, json);
      TRY(listed(json, key, base, node.parts));
      std::set<std::string> seen;  // what stands there twice counts once
      std::erase_if(node.parts,
                    [&](const Node* part) { return !seen.insert(part->json->dump()).second; });
      whole.parts.push_back(&node);
    }
    if (json.contains("not")) {
      Node& node = add(Kind::kNot, json);
      node.parts.resize(1);
      TRY(child(json, "not", base, node.parts[0]));
      whole.parts.push_back(&node);
    }
    if (json.contains("if")) {
      for (std::string_view key : {"if", "then", "else"}) {
        const Node* unused = nullptr;
        TRY(child(json, key, base, unused));
      }
      whole.parts.push_back(&add(Kind::kConditional, json));
    }
    return {};
  }

  Result<void> typed(Node& whole, const Json& json, const std::string& base) {
    const auto type = json.find("type");
    if (type == json.end()) {
      for (const auto& [words, name] : {std::pair(Names(kStringWords), "string"),
                                        {kNumberWords, "number"},
                                        {kArrayWords, "array"},
                                        {kObjectWords, "object"}}) {
        if (!has_any(json, words)) continue;
        ASSIGN(const Node* node, of_type(json, name, base));
        whole.parts.push_back(node);
      }
      return {};
    }
    if (type->is_string()) {
      ASSIGN(const Node* node, of_type(json, type->get_ref<const std::string&>(), base));
      whole.parts.push_back(node);
      return {};
    }
    if (!type->is_array() || type->empty()) {
      return wrong(
          fmt::format("\"type\" is a name or an array of names, not {}", shown_json(*type)));
    }
    Node& any = add(Kind::kAnyOf, json);
    for (const Json& name : *type) {
      if (!name.is_string()) return wrong(fmt::format("{} is no name of a type", shown_json(name)));
      ASSIGN(const Node* node, of_type(json, name.get_ref<const std::string&>(), base));
      any.parts.push_back(node);
    }
    whole.parts.push_back(&any);
    return {};
  }

  Result<const Node*> of_type(const Json& json, std::string_view name, const std::string& base) {
    const auto* found = std::find_if(kTypes.begin(), kTypes.end(),
                                     [&](const auto& one) { return one.first == name; });
    if (found == kTypes.end()) {
      std::vector<std::string_view> names;
      for (const auto& type : kTypes) names.push_back(type.first);
      const auto near = nearest(name, names);
      return wrong(
          fmt::format("no type '{}'{}", utf8_prefix(name, limits::kShownBytes),
                      near ? fmt::format("; did you mean '{}'?", *near)
                           : "; types are string, number, integer, boolean, object, array, null"));
    }
    Node& node = add(found->second, json);
    node.is_integer = name == "integer";
    if (node.kind == Kind::kString) TRY(plain(json, {"minLength", "maxLength"}, {"pattern"}));
    if (node.kind == Kind::kNumber) TRY(plain(json, {"minimum", "maximum", "multipleOf"}, {}));
    if (node.kind == Kind::kArray) TRY(array(node, json, base));
    if (node.kind == Kind::kObject) TRY(object(node, json, base));
    return &node;
  }

  Result<void> plain(const Json& json, Listed numbers, Listed texts) const {
    for (std::string_view key : numbers) {
      const auto found = json.find(key);
      if (found != json.end() && !found->is_number()) {
        return wrong(fmt::format("\"{}\" is a number, not {}", key, shown_json(*found)));
      }
    }
    for (std::string_view key : texts) {
      const auto found = json.find(key);
      if (found != json.end() && !found->is_string()) {
        return wrong(fmt::format("\"{}\" is a text, not {}", key, shown_json(*found)));
      }
    }
    return {};
  }

  Result<void> array(Node& node, const Json& json, const std::string& base) {
    TRY(plain(json, {"minItems", "maxItems", "minContains", "maxContains"}, {}));
    TRY(child(json, "unevaluatedItems", base, node.unevaluated));
    const auto items = json.find("items");
    if (json.contains("prefixItems")) {  // 2020-12: "items" are those behind them
      TRY(listed(json, "prefixItems", base, node.parts));
      return child(json, "items", base, node.others);
    }
    if (items != json.end() && items->is_array())
      TRY(listed(json, "items", base, node.parts));
    else
      TRY(child(json, "items", base, node.items));
    return child(json, "additionalItems", base, node.others);
  }

  Result<void> object(Node& node, const Json& json, const std::string& base) {
    TRY(plain(json, {"minProperties", "maxProperties"}, {}));
    TRY(named(json, "properties", base, node.properties));
    TRY(named(json, "patternProperties", base, node.patterns));
    TRY(named(json, "dependentSchemas", base, node.dependencies));
    TRY(named(json, "dependencies", base, node.dependencies));
    TRY(child(json, "additionalProperties", base, node.others));
    TRY(child(json, "unevaluatedProperties", base, node.unevaluated));
    const auto required = json.find("required");
    if (required == json.end()) return {};
    const bool names =
        required->is_array() && std::all_of(required->begin(), required->end(),
                                            [](const Json& one) { return one.is_string(); });
    return names ? Result<void>() : wrong("\"required\" is an array of names of properties");
  }

  /// The schema under `key`; what takes anything is nullptr, like none.
  Result<void> child(const Json& json, std::string_view key, const std::string& base,
                     const Node*& out) {
    const auto found = json.find(key);
    if (found == json.end()) return {};
    const Step step(path_, key);
    ASSIGN(const Node* node, schema(*found, base));
    if (node->kind != Kind::kAny) out = node;
    return {};
  }

  Result<void> named(const Json& json, std::string_view key, const std::string& base,
                     std::map<std::string, const Node*>& out) {
    const auto found = json.find(key);
    if (found == json.end()) return {};
    const Step step(path_, key);
    if (!found->is_object()) {
      return wrong(fmt::format("\"{}\" is an object of schemas, not {}", key, shown_json(*found)));
    }
    for (const auto& [name, value] : found->items()) {
      const Step inner(path_, name);
      if (key == "dependencies" && value.is_array()) continue;  // names, not a schema
      ASSIGN(const Node* node, schema(value, base));
      out[name] = node;
    }
    return {};
  }

  Result<void> listed(const Json& json, std::string_view key, const std::string& base,
                      std::vector<const Node*>& out) {
    const Json& list = json[key];
    const Step step(path_, key);
    if (!list.is_array()) {
      return wrong(fmt::format("\"{}\" is an array of schemas, not {}", key, shown_json(list)));
    }
    for (size_t i = 0; i < list.size(); ++i) {
      const Step inner(path_, i);
      ASSIGN(const Node* node, schema(list[i], base));
      out.push_back(node);
    }
    return {};
  }

  /// Gives every reference its target. What is found on the way may hold more of them.
  Result<void> resolve() {
    modern_ = is_modern(*documents_.front().json);
    for (size_t i = 0; i < open_.size(); ++i) {
      const Open open = open_[i];
      path_ = open.path;
      ASSIGN(open.node->target, target(open));
    }
    return without_circles();
  }

  Result<const Node*> target(const Open& open) {
    const size_t hash = open.text.find('#');
    const std::string document = open.text.substr(0, hash);
    const std::string fragment =
        hash == open.text.npos ? "" : percent_decoded(std::string_view(open.text).substr(hash + 1));
    const std::string whole = address(document, open.base);
    const Address* place = find(whole);
    if (!place) place = find(document);  // as the registry's reference names it
    const Json* found = place ? place->json : nullptr;
    if (place && fragment.starts_with('/')) {
      found = inside(*place->json, fragment);
    } else if (place && !fragment.empty()) {
      const Address* anchor = find(place->base + "#" + fragment);
      found = anchor ? anchor->json : nullptr;
    }
    if (found) return schema(*found, place->base);
    if (is_meta_schema(whole)) return &add(Kind::kAny, tree_.text());
    return wrong(fmt::format("nothing is at '{}'", utf8_prefix(open.text, limits::kShownBytes)))
        .with_hint(
            "define it in this schema, or register its schema and name it in the references");
  }

  const Address* find(const std::string& where) const {
    const auto found = addresses_.find(where);
    return found == addresses_.end() ? nullptr : &found->second;
  }

  static const Json* inside(const Json& json, const std::string& pointer) {
    const Json* at = &json;
    for (size_t start = 1; at && start <= pointer.size();) {
      const size_t end = std::min(pointer.find('/', start), pointer.size());
      std::string token;
      for (size_t i = start; i < end; ++i) {
        const bool escape =
            pointer[i] == '~' && i + 1 < end && (pointer[i + 1] == '0' || pointer[i + 1] == '1');
        token += escape ? (pointer[++i] == '0' ? '~' : '/') : pointer[i];
      }
      at = member(*at, token);
      start = end + 1;
    }
    return at;
  }

  static const Json* member(const Json& json, const std::string& token) {
    if (json.is_object()) {
      const auto found = json.find(token);
      return found == json.end() ? nullptr : &*found;
    }
    const bool number = json.is_array() && !token.empty() && token.size() < 10 &&
                        token.find_first_not_of("0123456789") == token.npos;
    if (!number || std::stoul(token) >= json.size()) return nullptr;
    return &json[std::stoul(token)];
  }

  /// A reference that leads to itself alone asserts nothing, and would be followed for ever.
  Result<void> without_circles() {
    std::unordered_set<const Node*> sound;
    for (const Open& open : open_) {
      std::unordered_set<const Node*> walk;
      for (const Node* at = open.node; at->kind == Kind::kReference && !sound.contains(at);) {
        if (!walk.insert(at).second) {
          path_ = open.path;
          return wrong(fmt::format("'{}' only leads back to itself",
                                   utf8_prefix(open.text, limits::kShownBytes)));
        }
        at = at->target;
      }
      sound.merge(walk);
    }
    return {};
  }

  Tree tree_;
  std::vector<Document> documents_;
  std::unordered_map<std::string, Address> addresses_;
  std::unordered_map<const Json*, const Node*> known_;
  std::vector<Open> open_;
  bool modern_ = false;  // 2019-09 or later
  std::string path_;
};

Result<Tree> read_tree(std::string_view text, const std::vector<Resolved>& references) {
  Reader reader;
  TRY(reader.add(text, ""));
  for (const Resolved& resolved : references) {
    auto added = reader.add(resolved.text, resolved.reference.name);
    if (!added) return std::move(added).error().at("reference " + resolved.reference.name);
  }
  return std::move(reader).finish();
}

}  // namespace leat::schema::json
