// A schema that has been read: Avro, JSON Schema or Protobuf behind one face. The registry (subjects, versions, ids) and
// the codecs see schemas only through it.
//
// Terms are those of the Confluent Schema Registry's REST contract and of Apache Avro's specification.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "schema/outline.h"

namespace leat::schema {

enum class Format : uint8_t { kAvro, kJson, kProtobuf };
/// "AVRO", "JSON", "PROTOBUF": the contract's schemaType.
std::string_view format_name(Format format);
std::optional<Format> format_named(std::string_view name);

/// What a schema names of another: `name` as it stands in its text (a full name, a $ref, an import), and where it is.
struct Reference {
  std::string name, subject;
  int32_t version = 0;
  friend bool operator==(const Reference&, const Reference&) = default;
};

/// "NAME=SUBJECT:VERSION", where a subject may have colons itself.
Result<Reference> read_reference(std::string_view text);

/// A reference with the text it stands for. Given in an order in which each comes after what it needs itself.
struct Resolved {
  Reference reference;
  std::string text;
};

/// Why data written with one schema cannot be read with another.
struct Difference {
  std::string
      rule;  // the name of the contract: "READER_FIELD_MISSING_DEFAULT_VALUE", "TYPE_MISMATCH"...
  // Where, a JSON Pointer as the contract writes it: Avro "/fields/3", JSON and Protobuf "#/properties/a", "#/Message/1"
  std::string path;
  std::string message;  // for people: what there is, what was expected, what to do
};

/// Immutable; any thread.
class ParsedSchema {
 public:
  virtual ~ParsedSchema() = default;
  virtual Format format() const = 0;
  /// The text that is stored and given back: for Avro and JSON compact, for Protobuf as it was written.
  virtual const std::string& canonical() const = 0;
  /// The text after the contract's normalisation: two that are equal are one schema under `normalize=true`.
  virtual std::string normalized() const = 0;
  /// Another form of the text, by the contract's name for it; nullopt: there is none of that name. Of Avro "resolved":
  /// the types of its references written out. Of Protobuf "serialized": its FileDescriptorProto in base64.
  virtual std::optional<std::string> form(std::string_view) const { return std::nullopt; }
  /// Full name of the (first) record or message, for the record strategies; a JSON Schema's title; empty: none.
  virtual std::string record_name() const = 0;
  /// Its types and fields, to be laid beside another's: changes().
  virtual Outline outline() const = 0;
  /// What stands in the way of reading data written with `writer` by this schema. Empty: nothing. Another format
  /// than this one's is one difference.
  std::vector<Difference> differences(const ParsedSchema& writer) const;

 private:
  /// The same for a writer of this format.
  virtual std::vector<Difference> compare(const ParsedSchema& writer) const = 0;
};

/// kInvalidArgument with line and column (or the JSON Pointer) when `text` is no schema of `format`, or when it names what
/// `references` do not hold. kLimit when it is too large, too deep or has too many references: limits::kSchema….
Result<std::shared_ptr<const ParsedSchema>> parse(Format format, std::string_view text,
                                                  const std::vector<Resolved>& references);

}  // namespace leat::schema
