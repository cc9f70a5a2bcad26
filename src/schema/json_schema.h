// JSON Schema behind the face of parsed_schema.h.
#pragma once

#include "schema/json_tree.h"
#include "schema/parsed_schema.h"

namespace leat::schema {

/// Immutable; any thread.
class JsonSchema final : public ParsedSchema {
 public:
  JsonSchema(json::Tree tree, std::vector<Resolved> references);
  /// Errors as parse() has them.
  static Result<std::shared_ptr<const ParsedSchema>> parse(std::string_view text,
                                                           const std::vector<Resolved>& references);

  Format format() const override { return Format::kJson; }
  const std::string& canonical() const override { return canonical_; }
  /// Keys sorted, at every depth.
  std::string normalized() const override;
  /// Its title.
  std::string record_name() const override;
  Outline outline() const override;
  const std::vector<Resolved>& references() const { return references_; }

 private:
  std::vector<Difference> compare(const ParsedSchema& writer) const override;

  const json::Tree tree_;
  const std::string canonical_;
  const std::vector<Resolved> references_;
};

}  // namespace leat::schema
