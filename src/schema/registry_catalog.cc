#include "schema/registry_catalog.h"

namespace leat::schema {
namespace {

SchemaText text_of(const Content& content) {
  return {content.format, content.text, content.references};
}

SchemaVersion version_of(const Version& version) {
  return {version.subject.qualified(), version.number, version.id, text_of(*version.content),
          guid_of(*version.content)};
}

Candidate candidate_of(const SchemaText& schema) {
  Candidate candidate;
  candidate.content.format = schema.format;
  candidate.content.text = schema.text;
  candidate.content.references = schema.references;
  return candidate;
}

}  // namespace

Result<std::shared_ptr<const SchemaText>> RegistryCatalog::schema(int32_t id,
                                                                  const std::string& subject) {
  ASSIGN(const Registry::Identified found, registry_.schema(id, Subject::parse(subject)));
  return std::make_shared<const SchemaText>(text_of(*found.content));
}

Result<std::shared_ptr<const SchemaText>> RegistryCatalog::schema(const std::string& guid) {
  ASSIGN(const auto found, registry_.schemas_of(guid));
  return std::make_shared<const SchemaText>(text_of(*found.front().content));
}

Result<SchemaVersion> RegistryCatalog::version(const std::string& subject, int32_t number) {
  // A softly deleted version goes on resolving for who knows its number.
  ASSIGN(const Version found, registry_.version(Subject::parse(subject), number,
                                                number == kLatest ? Which::kLive : Which::kAll));
  return version_of(found);
}

Result<int32_t> RegistryCatalog::add(const std::string& subject, const SchemaText& schema,
                                     bool normalize) {
  Candidate candidate = candidate_of(schema);
  candidate.normalize = normalize;
  ASSIGN(const Version added, registry_.add(Subject::parse(subject), candidate));
  return added.id;
}

Result<SchemaVersion> RegistryCatalog::find(const std::string& subject, const SchemaText& schema) {
  ASSIGN(const Version found,
         registry_.find(Subject::parse(subject), candidate_of(schema), Which::kLive));
  return version_of(found);
}

}  // namespace leat::schema
