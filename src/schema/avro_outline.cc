// The outline of an Avro schema: each named type once; arrays, maps and unions as they are written, "array<Item>".
#include <fmt/core.h>

#include <deque>
#include <unordered_set>

#include "base/strings.h"
#include "schema/avro.h"

namespace leat::schema {
namespace {

using avro::Kind;
using avro::Node;

class AvroWalk {
 public:
  /// `space`: what goes without saying of names.
  explicit AvroWalk(std::string space) : space_(std::move(space)) {}

  Outline run(const Node& root) {
    if (root.has_name())
      named(root);
    else
      out_.push_back({"", {}, {{"type", text(root)}}, {}});
    for (; !open_.empty(); open_.pop_front()) type(*open_.front());
    out_.front().name.clear();
    return std::move(out_);
  }

 private:
  std::string label(const avro::Name& name) const {
    return name.space == space_ ? name.simple : name.full();
  }

  std::vector<std::string> labels(const std::vector<avro::Name>& names) const {
    std::vector<std::string> out;
    for (const avro::Name& name : names) out.push_back(label(name));
    return out;
  }

  /// The name of a type that is told apart.
  std::string named(const Node& node) {
    if (seen_.insert(&node).second) open_.push_back(&node);
    return label(node.name);
  }

  std::string text(const Node& node) {
    if (node.has_name()) return named(node);
    std::string out;
    if (node.kind == Kind::kUnion) {
      for (const Node* branch : node.inner) out += (out.empty() ? "" : " | ") + text(*branch);
      return out;
    }
    out = avro::kind_name(node.kind);
    if (!node.inner.empty()) out += "<" + text(*node.inner[0]) + ">";
    const auto logical = node.attributes.find("logicalType");
    if (logical != node.attributes.end() && logical->is_string())
      out += " " + logical->get<std::string>();
    std::string rest;
    for (const auto& [name, value] : node.attributes.items()) {
      if (name != "logicalType")
        rest += fmt::format("{}{} {}", rest.empty() ? "" : ", ", name, value.dump());
    }
    return rest.empty() ? out : fmt::format("{} ({})", out, rest);
  }

  void type(const Node& node) {
    OutlineType out{label(node.name), labels(node.aliases), {}, {}};
    Attributes& said = out.attributes;
    for (const auto& [name, value] : node.attributes.items()) said[name] = value.dump();
    said["type"] = avro::kind_name(node.kind);
    if (out_.empty()) said["name"] = node.name.full();  // the schema itself has no other
    if (node.doc) said["doc"] = *node.doc;
    if (!out.aliases.empty()) said["aliases"] = join(out.aliases, ", ");
    if (node.kind == Kind::kFixed) said["size"] = std::to_string(node.size);
    if (node.symbol_default) said["default"] = *node.symbol_default;
    for (const std::string& symbol : node.symbols)
      out.fields.push_back({symbol, {}, {}, {{"type", "symbol"}}});
    for (const avro::Field& field : node.fields) out.fields.push_back(outlined(field));
    out_.push_back(std::move(out));
  }

  OutlineField outlined(const avro::Field& field) {
    OutlineField out{field.name, {}, field.aliases, {}};
    Attributes& said = out.attributes;
    for (const auto& [name, value] : field.attributes.items()) said[name] = value.dump();
    said["type"] = text(*field.type);
    if (field.default_value) said["default"] = field.default_value->dump();
    if (field.doc) said["doc"] = *field.doc;
    if (!field.order.empty()) said["order"] = field.order;
    if (!field.aliases.empty()) said["aliases"] = join(field.aliases, ", ");
    return out;
  }

  const std::string space_;
  Outline out_;
  std::deque<const Node*> open_;
  std::unordered_set<const Node*> seen_;
};

}  // namespace

Outline AvroSchema::outline() const {
  return AvroWalk(schema_.root().name.space).run(schema_.root());
}

}  // namespace leat::schema
