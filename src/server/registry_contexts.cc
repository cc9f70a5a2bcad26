// /contexts, the root, and what the registry says of itself.
#include <algorithm>

#include "base/version.h"
#include "server/registry_api.h"

namespace leat::server {
namespace {

/// Whether the user may read one of a context's subjects; the default one is everybody's.
bool any_seen(const schema::Registry& registry, const RegistryCall& call,
              const std::string& context) {
  if (context == schema::kDefaultContext || call.may_read(schema::Subject{context, ""}))
    return true;
  const auto names = registry.subjects(fmt::format(":{}:", context), schema::Which::kAll);
  return std::any_of(names.begin(), names.end(),
                     [&](const auto& name) { return call.may_read(schema::Subject::parse(name)); });
}

using Answer = Result<std::string>;

Answer get_nothing(schema::Registry&, const RegistryCall&) { return std::string("{}"); }

Answer list_contexts(schema::Registry& registry, const RegistryCall& call) {
  auto names = registry.contexts();
  std::erase_if(names, [&](const auto& name) { return !any_seen(registry, call, name); });
  ASSIGN(const auto page, call.page(std::move(names)));
  return dump(Json(page));
}

Answer delete_context(schema::Registry& registry, const RegistryCall& call) {
  TRY(registry.remove_context(call.context()));
  return std::string("{}");
}

Answer get_id(schema::Registry&, const RegistryCall&) {
  return dump(Json{
      {"id", "leat"},
      {"scope", {{"path", Json::array()}, {"clusters", {{"schema-registry-cluster", "leat"}}}}}});
}

Answer get_version(schema::Registry&, const RegistryCall&) {
  return dump(Json{{"version", leat::version()}, {"commitId", ""}});
}

}  // namespace

void add_registry_contexts(RegistryApi& api, schema::Registry& registry) {
  using schema::Code;
  const auto add = [&](const char* method, const char* path, const char* summary,
                       std::vector<std::string_view> query, std::vector<Code> errors,
                       auto handler) {
    api.add({method, path, summary, std::move(query), std::move(errors),
             [&registry, handler](const RegistryCall& call) { return handler(registry, call); }});
  };
  add("GET", "/", "Nothing: the registry is there", {}, {}, get_nothing);
  add("POST", "/", "The same", {}, {}, get_nothing);
  add("GET", "/contexts", "Names of the contexts", {"offset", "limit"}, {}, list_contexts);
  add("DELETE", "/contexts/{context}", "Delete an empty context's settings", {},
      {Code::kNotPermitted, Code::kContextNotEmpty}, delete_context);
  add("GET", "/v1/metadata/id", "What this registry calls itself", {}, {}, get_id);
  add("GET", "/v1/metadata/version", "The version of leat", {}, {}, get_version);
}

}  // namespace leat::server
