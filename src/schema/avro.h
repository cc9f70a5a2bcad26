// Avro behind the face of parsed_schema.h. Codecs reach the tree through it.
#pragma once

#include "schema/avro_schema.h"
#include "schema/parsed_schema.h"

namespace leat::schema {

/// Immutable; any thread.
class AvroSchema final : public ParsedSchema {
 public:
  explicit AvroSchema(avro::Schema schema);
  /// Errors as parse() has them.
  static Result<std::shared_ptr<const ParsedSchema>> parse(std::string_view text,
                                                           const std::vector<Resolved>& references);

  const avro::Schema& schema() const { return schema_; }

  Format format() const override { return Format::kAvro; }
  const std::string& canonical() const override { return canonical_; }
  std::string normalized() const override;
  std::optional<std::string> form(std::string_view name) const override;
  /// Of a union: its first record's.
  std::string record_name() const override;
  Outline outline() const override;

 private:
  std::vector<Difference> compare(const ParsedSchema& writer) const override;

  const avro::Schema schema_;
  const std::string canonical_;
};

}  // namespace leat::schema
