// Protobuf behind the face of parsed_schema.h. Codecs reach the descriptors through it.
#pragma once

#include "schema/parsed_schema.h"
#include "schema/protobuf_file.h"

namespace leat::schema {

/// Immutable; any thread.
class ProtobufSchema final : public ParsedSchema {
 public:
  ProtobufSchema(std::string text, protobuf::File file);
  /// Errors as parse() has them.
  static Result<std::shared_ptr<const ParsedSchema>> parse(std::string_view text,
                                                           const std::vector<Resolved>& references);

  const protobuf::File& file() const { return file_; }

  Format format() const override { return Format::kProtobuf; }
  const std::string& canonical() const override { return text_; }
  /// As the library writes a file: no comments, one way of white space and of names.
  std::string normalized() const override;
  std::optional<std::string> form(std::string_view name) const override;
  /// Of the first message.
  std::string record_name() const override;
  Outline outline() const override;

 private:
  std::vector<Difference> compare(const ParsedSchema& writer) const override;

  const std::string text_;
  const protobuf::File file_;
};

}  // namespace leat::schema
