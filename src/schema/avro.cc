#include "schema/avro.h"

#include <utility>

#include "base/check.h"

namespace leat::schema {

AvroSchema::AvroSchema(avro::Schema schema)
    : schema_(std::move(schema)), canonical_(avro::to_text(schema_, avro::Text::kStored)) {}

Result<std::shared_ptr<const ParsedSchema>> AvroSchema::parse(
    std::string_view text, const std::vector<Resolved>& references) {
  ASSIGN(avro::Schema schema, avro::parse_schema(text, references));
  return std::shared_ptr<const ParsedSchema>(std::make_shared<AvroSchema>(std::move(schema)));
}

std::string AvroSchema::normalized() const {
  return avro::to_text(schema_, avro::Text::kNormalized);
}

std::optional<std::string> AvroSchema::form(std::string_view name) const {
  if (name != "resolved") return std::nullopt;
  return avro::to_text(schema_, avro::Text::kResolved);
}

std::string AvroSchema::record_name() const {
  const avro::Node& root = schema_.root();
  if (root.has_name()) return root.name.full();
  if (root.kind != avro::Kind::kUnion) return "";
  for (const avro::Node* branch : root.inner) {
    if (branch->kind == avro::Kind::kRecord) return branch->name.full();
  }
  return "";
}

std::vector<Difference> AvroSchema::compare(const ParsedSchema& writer) const {
  const auto* other = dynamic_cast<const AvroSchema*>(&writer);
  CHECK(other, "a schema of format AVRO that is none");
  return avro::resolution_differences(schema_, other->schema_);
}

}  // namespace leat::schema
