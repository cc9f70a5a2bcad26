// /subjects: names, versions, registering, looking up, deleting.
#include "schema/registry_error.h"
#include "server/registry_api.h"

namespace leat::server {
namespace {

using schema::Registry;
using schema::Subject;
using Answer = Result<std::string>;

Answer list_subjects(const Registry& registry, const RegistryCall& call) {
  auto names = registry.subjects(call.prefix(), call.which());
  std::erase_if(names, [&](const auto& name) { return !call.may_read(Subject::parse(name)); });
  ASSIGN(const auto page, call.page(std::move(names)));
  return dump(Json(page));
}

/// The version with its text in the form that is asked for. The guid is of what is kept, whatever its form.
Answer shown(const Registry& registry, const RegistryCall& call, schema::Version version) {
  const std::string guid = schema::guid_of(*version.content);
  TRY(present(call, registry, version.subject.context, version.content));
  Json out = to_json(version);
  out["guid"] = guid;
  return dump(out);
}

Answer look_up(Registry& registry, const RegistryCall& call) {
  ASSIGN(const schema::Candidate candidate, call.candidate());
  ASSIGN(schema::Version found, registry.find(call.subject(), candidate, call.which()));
  return shown(registry, call, std::move(found));
}

Answer delete_subject(Registry& registry, const RegistryCall& call) {
  ASSIGN(const auto versions, registry.remove(call.subject(), call.flag("permanent")));
  return dump(Json(versions));
}

Answer list_versions(const Registry& registry, const RegistryCall& call) {
  ASSIGN(auto versions, registry.versions(call.subject(), call.which()));
  ASSIGN(const auto page, call.page(std::move(versions)));
  return dump(Json(page));
}

Answer add_version(Registry& registry, const RegistryCall& call) {
  ASSIGN(const schema::Candidate candidate, call.candidate());
  ASSIGN(const schema::Version added, registry.add(call.subject(), candidate));
  return dump(to_json(added));
}

Result<schema::Version> asked(const Registry& registry, const RegistryCall& call) {
  ASSIGN(const int32_t number, call.version());
  return registry.version(call.subject(), number, call.which());
}

Answer get_version(const Registry& registry, const RegistryCall& call) {
  ASSIGN(schema::Version version, asked(registry, call));
  return shown(registry, call, std::move(version));
}

Answer get_text(const Registry& registry, const RegistryCall& call) {
  ASSIGN(schema::Version version, asked(registry, call));
  TRY(present(call, registry, version.subject.context, version.content));
  return version.content->text;
}

Answer get_referrers(const Registry& registry, const RegistryCall& call) {
  ASSIGN(const int32_t number, call.version());
  ASSIGN(auto ids, registry.referrers(call.subject(), number, call.which()));
  ASSIGN(const auto page, call.page(std::move(ids)));
  return dump(Json(page));
}

Answer delete_version(Registry& registry, const RegistryCall& call) {
  ASSIGN(const int32_t number, call.version());
  ASSIGN(const int32_t gone, registry.remove(call.subject(), number, call.flag("permanent")));
  return dump(Json(gone));
}

Answer get_with_metadata(const Registry& registry, const RegistryCall& call) {
  const auto keys = call.texts("key"), values = call.texts("value");
  if (keys.size() != values.size())
    return schema::refusal(schema::Code::kBadRequest, "expected a value for each key");
  std::vector<std::pair<std::string, std::string>> properties;
  for (size_t i = 0; i < keys.size(); ++i) properties.emplace_back(keys[i], values[i]);
  ASSIGN(const auto found, registry.version_with(call.subject(), properties, call.which()));
  return dump(to_json(found));
}

}  // namespace

void add_registry_subjects(RegistryApi& api, Registry& registry) {
  using Names = std::vector<std::string_view>;
  using schema::Code;
  using Codes = std::vector<Code>;
  const auto add = [&](const char* method, const char* path, const char* summary, Names query,
                       Codes errors, auto handler) {
    api.add({method, path, summary, std::move(query), std::move(errors),
             [&registry, handler](const RegistryCall& call) { return handler(registry, call); }});
  };
  const char* subject = "/subjects/{subject}";
  const char* versions = "/subjects/{subject}/versions";
  const char* version = "/subjects/{subject}/versions/{version}";
  add("GET", "/subjects", "Names of the subjects",
      {"subjectPrefix", "deleted", "deletedOnly", "deleted_only", "offset", "limit"}, {},
      list_subjects);
  add("POST", subject, "The version that has this very schema",
      {"normalize", "deleted", "deletedOnly", "deleted_only", "format"},
      {Code::kSubjectNotFound, Code::kSchemaNotFound, Code::kInvalidSchema, Code::kTooLarge,
       Code::kNotImplemented},
      look_up);
  add("DELETE", subject, "Delete a subject, softly or for good", {"permanent"},
      {Code::kSubjectNotFound, Code::kSubjectSoftDeleted, Code::kSubjectNotSoftDeleted,
       Code::kNotPermitted, Code::kReferenceExists},
      delete_subject);
  add("GET", versions, "Numbers of a subject's versions",
      {"deleted", "deletedOnly", "deleted_only", "offset", "limit"}, {Code::kSubjectNotFound},
      list_versions);
  add("POST", versions, "Register a schema", {"normalize"},
      {Code::kIncompatible, Code::kInvalidSchema, Code::kInvalidVersion, Code::kNotPermitted,
       Code::kIdMismatch, Code::kInvalidSubject, Code::kTooLarge, Code::kInvalidRules},
      add_version);
  const Names text = {"deleted", "deletedOnly", "deleted_only", "format"};
  const Codes no_version = {Code::kSubjectNotFound, Code::kVersionNotFound, Code::kInvalidVersion};
  Codes no_text = no_version;
  no_text.push_back(Code::kNotImplemented);
  add("GET", version, "A version with its schema", text, no_text, get_version);
  add("DELETE", version, "Delete a version, softly or for good", {"permanent"},
      {Code::kSubjectNotFound, Code::kVersionNotFound, Code::kVersionSoftDeleted,
       Code::kVersionNotSoftDeleted, Code::kInvalidVersion, Code::kNotPermitted,
       Code::kReferenceExists},
      delete_version);
  add("GET", "/subjects/{subject}/versions/{version}/schema", "The schema's text alone", text,
      no_text, get_text);
  add("GET", "/subjects/{subject}/versions/{version}/referencedby",
      "Ids of the schemas that refer to a version",
      {"deleted", "deletedOnly", "deleted_only", "offset", "limit"}, no_version, get_referrers);
  add("GET", "/subjects/{subject}/metadata", "The newest version whose metadata has the properties",
      {"key", "value", "deleted", "deletedOnly", "deleted_only"},
      {Code::kSubjectNotFound, Code::kVersionNotFound}, get_with_metadata);
}

}  // namespace leat::server
