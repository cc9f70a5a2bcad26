// Catalog: what pipelines and tools ask a schema registry for. The port: registry_catalog.h answers from the registry in
// this process, clients/schema_registry.h over HTTP.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "schema/parsed_schema.h"
#include "schema/registry_types.h"

namespace leat::schema {

/// The text of a schema with what it refers to.
struct SchemaText {
  Format format = Format::kAvro;
  std::string text;
  std::vector<Reference> references;
  friend bool operator==(const SchemaText&, const SchemaText&) = default;
};

/// One version of a subject.
struct SchemaVersion {
  std::string subject;
  int32_t version = 0, id = 0;
  SchemaText schema;
  std::string guid = {};  // empty: the registry has none
};

/// Any thread. Errors: kNotFound (404xx), kIncompatible (409, with what stands in the way), kInvalidArgument (422xx),
/// kPermission, kUnavailable and kTimeout when nobody answered in time.
class Catalog {
 public:
  virtual ~Catalog() = default;
  /// Where it is, for messages: "http://127.0.0.1:8081".
  virtual std::string name() const = 0;
  /// What an id of `subject`'s context stands for.
  virtual Result<std::shared_ptr<const SchemaText>> schema(int32_t id,
                                                           const std::string& subject) = 0;
  /// What a GUID stands for, in any context.
  virtual Result<std::shared_ptr<const SchemaText>> schema(const std::string& guid) = 0;
  /// `number` may be kLatest.
  virtual Result<SchemaVersion> version(const std::string& subject, int32_t number) = 0;
  /// The id under the subject, registered when it is not there yet.
  virtual Result<int32_t> add(const std::string& subject, const SchemaText& schema,
                              bool normalize) = 0;
  /// The version of the subject that has this schema: kNotFound when none has.
  virtual Result<SchemaVersion> find(const std::string& subject, const SchemaText& schema) = 0;
};

/// What a schema refers to, directly and through others, each behind what it needs itself.
Result<std::vector<Resolved>> resolve(Catalog& catalog, const std::vector<Reference>& references);

}  // namespace leat::schema
