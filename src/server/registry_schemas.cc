// /schemas: by id, by guid, all of them.
#include "server/registry_api.h"

namespace leat::server {
namespace {

using schema::Registry;
using Answer = Result<std::string>;

void drop_unread(const RegistryCall& call, std::vector<schema::Version>& versions) {
  std::erase_if(versions, [&](const auto& version) { return !call.may_read(version.subject); });
}

/// The versions that have an id, as far as the user may read them.
Result<std::vector<schema::Version>> users_of(const Registry& registry, const RegistryCall& call) {
  ASSIGN(const int32_t id, call.id());
  ASSIGN(const auto found, registry.schema(id, call.hint()));
  TRY(call.check_readable(found));
  ASSIGN(auto versions, registry.users_of(id, call.hint(), call.which()));
  drop_unread(call, versions);
  return versions;
}

/// A guid's schemas of which the user may read a subject.
Result<std::vector<Registry::Identified>> schemas_of(const Registry& registry,
                                                     const RegistryCall& call) {
  ASSIGN(auto found, registry.schemas_of(call.path("guid")));
  const Registry::Identified first = found.front();
  std::erase_if(found, [&](const auto& one) { return !call.may_read(one); });
  if (found.empty()) TRY(call.check_readable(first));
  return found;
}

Answer list_types(const Registry&, const RegistryCall&) {
  return dump(Json::array({"JSON", "PROTOBUF", "AVRO"}));
}

Answer list_schemas(const Registry& registry, const RegistryCall& call) {
  auto versions = registry.schemas(call.prefix(), call.which(), call.flag("latestOnly"));
  drop_unread(call, versions);
  ASSIGN(const auto page, call.page(std::move(versions)));
  Json out = Json::array();
  for (const schema::Version& version : page) out.push_back(to_json(version));
  return dump(out);
}

Result<Registry::Identified> by_id(const Registry& registry, const RegistryCall& call) {
  ASSIGN(const int32_t id, call.id());
  ASSIGN(auto found, registry.schema(id, call.hint()));
  TRY(call.check_readable(found));
  TRY(present(call, registry, found.context, found.content));
  return found;
}

Answer get_schema(const Registry& registry, const RegistryCall& call) {
  ASSIGN(const auto found, by_id(registry, call));
  Json out = Json::object();
  add_content(out, *found.content);
  if (call.flag("fetchMaxId")) out["maxId"] = registry.last_id(found.context);
  return dump(out);
}

Answer text_of_id(const Registry& registry, const RegistryCall& call) {
  ASSIGN(const auto found, by_id(registry, call));
  return found.content->text;
}

Answer subjects_of_id(const Registry& registry, const RegistryCall& call) {
  ASSIGN(const auto users, users_of(registry, call));
  std::vector<std::string> names;
  for (const schema::Version& version : users) {
    std::string name = version.subject.qualified();
    if (names.empty() || names.back() != name) names.push_back(std::move(name));
  }
  ASSIGN(const auto page, call.page(std::move(names)));
  return dump(Json(page));
}

Answer versions_of_id(const Registry& registry, const RegistryCall& call) {
  ASSIGN(auto users, users_of(registry, call));
  ASSIGN(const auto page, call.page(std::move(users)));
  Json out = Json::array();
  for (const schema::Version& version : page)
    out.push_back({{"subject", version.subject.qualified()}, {"version", version.number}});
  return dump(out);
}

Answer get_by_guid(const Registry& registry, const RegistryCall& call) {
  ASSIGN(auto found, schemas_of(registry, call));
  TRY(present(call, registry, found.front().context, found.front().content));
  Json out = Json::object();
  add_content(out, *found.front().content);
  return dump(out);
}

Answer list_ids(const Registry& registry, const RegistryCall& call) {
  ASSIGN(const auto found, schemas_of(registry, call));
  Json out = Json::array();
  for (const auto& one : found) out.push_back({{"context", one.context}, {"id", one.id}});
  return dump(out);
}

}  // namespace

void add_registry_schemas(RegistryApi& api, Registry& registry) {
  using Names = std::vector<std::string_view>;
  using schema::Code;
  const auto add = [&](const char* path, const char* summary, Names query, std::vector<Code> errors,
                       auto handler) {
    api.add({"GET", path, summary, std::move(query), std::move(errors),
             [&registry, handler](const RegistryCall& call) { return handler(registry, call); }});
  };
  const std::vector<Code> no_schema = {Code::kSchemaNotFound};
  const std::vector<Code> no_text = {Code::kSchemaNotFound, Code::kNotImplemented};
  const Names users = {"subject", "deleted", "deletedOnly", "deleted_only", "offset", "limit"};
  add("/schemas", "All versions of all subjects",
      {"subjectPrefix", "deleted", "deletedOnly", "deleted_only", "latestOnly", "offset", "limit"},
      {}, list_schemas);
  add("/schemas/types", "The types of schemas", {}, {}, list_types);
  add("/schemas/ids/{id}", "The schema that an id stands for", {"subject", "format", "fetchMaxId"},
      no_text, get_schema);
  add("/schemas/ids/{id}/schema", "Its text alone", {"subject", "format"}, no_text, text_of_id);
  add("/schemas/ids/{id}/subjects", "The subjects that have it", users, no_schema, subjects_of_id);
  add("/schemas/ids/{id}/versions", "The versions that have it", users, no_schema, versions_of_id);
  add("/schemas/guids/{guid}", "The schema that a guid stands for", {"format"}, no_text,
      get_by_guid);
  add("/schemas/guids/{guid}/ids", "Its id in each context", {}, no_schema, list_ids);
}

}  // namespace leat::server
