#include "schema/json_schema.h"

#include <utility>

#include "base/check.h"

namespace leat::schema {

JsonSchema::JsonSchema(json::Tree tree, std::vector<Resolved> references)
    : tree_(std::move(tree)), canonical_(tree_.text().dump()), references_(std::move(references)) {}

Result<std::shared_ptr<const ParsedSchema>> JsonSchema::parse(
    std::string_view text, const std::vector<Resolved>& references) {
  ASSIGN(json::Tree tree, json::read_tree(text, references));
  return std::shared_ptr<const ParsedSchema>(
      std::make_shared<JsonSchema>(std::move(tree), references));
}

std::string JsonSchema::normalized() const { return sorted_keys(tree_.text()).dump(); }

std::string JsonSchema::record_name() const {
  const Json& text = tree_.text();
  const auto title = text.is_object() ? text.find("title") : text.end();
  if (!text.is_object() || title == text.end() || !title->is_string()) return "";
  return title->get<std::string>();
}

std::vector<Difference> JsonSchema::compare(const ParsedSchema& writer) const {
  const auto* other = dynamic_cast<const JsonSchema*>(&writer);
  CHECK(other, "a schema of format JSON that is none");
  return json::tree_differences(tree_, other->tree_);
}

}  // namespace leat::schema
