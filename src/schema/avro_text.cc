// The tree of avro_schema.h to JSON: as it is stored, normalised, and in Parsing Canonical Form.
#include <array>
#include <unordered_set>

#include "base/check.h"
#include "schema/avro_schema.h"

namespace leat::schema::avro {
namespace {

/// Attributes in the order of Avro's own Schema.toString().
class Writer {
 public:
  Writer(const Schema& schema, Text kind)
      : schema_(schema), normal_(kind == Text::kNormalized), whole_(kind == Text::kResolved) {}

  Json type(const Node& node, const std::string& space) {
    const bool elsewhere = !whole_ && schema_.is_reference(node);
    if (node.has_name() && (elsewhere || !written_.insert(&node).second)) {
      return name_at(node.name, space);
    }
    if (node.kind == Kind::kUnion) {
      Json branches = Json::array();
      for (const Node* branch : node.inner) branches.push_back(type(*branch, space));
      return branches;
    }
    if (!node.has_name() && node.inner.empty() && node.attributes.empty()) {
      return kind_name(node.kind);
    }
    Json out = Json::object();
    out["type"] = node.is_error ? "error" : kind_name(node.kind);
    if (node.has_name()) return named(node, std::move(out), space);
    if (node.kind == Kind::kArray) out["items"] = type(*node.inner[0], space);
    if (node.kind == Kind::kMap) out["values"] = type(*node.inner[0], space);
    add_attributes(out, node.attributes);
    return out;
  }

 private:
  Json named(const Node& node, Json out, const std::string& space) {
    if (normal_ && !node.name.space.empty()) {
      out["name"] = node.name.full();
    } else {
      out["name"] = node.name.simple;
      if (node.name.space != space) out["namespace"] = node.name.space;
    }
    if (node.doc) out["doc"] = *node.doc;
    if (node.kind == Kind::kFixed) out["size"] = node.size;
    if (node.kind == Kind::kEnum) out["symbols"] = node.symbols;
    if (node.symbol_default) out["default"] = *node.symbol_default;
    if (node.kind == Kind::kRecord) {
      Json fields = Json::array();
      for (const Field& one : node.fields) fields.push_back(field(one, node.name.space));
      out["fields"] = std::move(fields);
    }
    add_attributes(out, node.attributes);
    for (const Name& alias : node.aliases) {
      out["aliases"].push_back(name_at(alias, node.name.space));
    }
    return out;
  }

  Json field(const Field& field, const std::string& space) {
    Json out = Json::object();
    out["name"] = field.name;
    out["type"] = type(*field.type, space);
    if (field.doc) out["doc"] = *field.doc;
    if (field.default_value) {
      out["default"] = normal_ ? sorted_keys(*field.default_value) : *field.default_value;
    }
    if (!field.order.empty()) out["order"] = field.order;
    if (!field.aliases.empty()) out["aliases"] = field.aliases;
    add_attributes(out, field.attributes);
    return out;
  }

  std::string name_at(const Name& name, const std::string& space) const {
    return !normal_ && name.space == space ? name.simple : name.full();
  }

  void add_attributes(Json& out, const Json& attributes) const {
    const Json ordered = normal_ ? sorted_keys(attributes) : attributes;
    for (const auto& [key, value] : ordered.items()) out[key] = value;
  }

  const Schema& schema_;
  const bool normal_, whole_;
  std::unordered_set<const Node*> written_;
};

Json canonical(const Node& node, std::unordered_set<const Node*>& written) {
  if (node.kind == Kind::kUnion) {
    Json branches = Json::array();
    for (const Node* branch : node.inner) branches.push_back(canonical(*branch, written));
    return branches;
  }
  if (node.has_name() && !written.insert(&node).second) return node.name.full();
  Json out = Json::object();
  if (node.has_name()) out["name"] = node.name.full();
  out["type"] = kind_name(node.kind);
  switch (node.kind) {
    case Kind::kArray:
      out["items"] = canonical(*node.inner[0], written);
      return out;
    case Kind::kMap:
      out["values"] = canonical(*node.inner[0], written);
      return out;
    case Kind::kFixed:
      out["size"] = node.size;
      return out;
    case Kind::kEnum:
      out["symbols"] = node.symbols;
      return out;
    case Kind::kRecord: {
      Json fields = Json::array();
      for (const Field& field : node.fields) {
        fields.push_back(
            Json::object({{"name", field.name}, {"type", canonical(*field.type, written)}}));
      }
      out["fields"] = std::move(fields);
      return out;
    }
    default:
      return kind_name(node.kind);
  }
}

constexpr uint64_t kEmpty = 0xc15d213aa4d7a795;  // the fingerprint of no bytes, and the polynomial

constexpr std::array<uint64_t, 256> make_table() {
  std::array<uint64_t, 256> table{};
  for (uint64_t i = 0; i < table.size(); ++i) {
    uint64_t value = i;
    for (int bit = 0; bit < 8; ++bit) value = (value >> 1) ^ (value & 1 ? kEmpty : 0);
    table[i] = value;
  }
  return table;
}

}  // namespace

std::string to_text(const Schema& schema, Text kind) {
  return Writer(schema, kind).type(schema.root(), "").dump();
}

std::string parsing_canonical_form(const Schema& schema) {
  std::unordered_set<const Node*> written;
  return canonical(schema.root(), written).dump();
}

uint64_t fingerprint64(std::string_view bytes) {
  static constexpr auto kTable = make_table();
  uint64_t value = kEmpty;
  for (char c : bytes) value = (value >> 8) ^ kTable[(value ^ static_cast<uint8_t>(c)) & 0xff];
  return value;
}

}  // namespace leat::schema::avro
