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

}  // namespace

void add_registry_contexts(RegistryApi& api, schema::Registry& registry) {
  using Answer = Result<std::string>;
  for (const char* method : {"GET", "POST"}) {
    api.add({method, "/", "Nothing: the registry is there",
             [](const RegistryCall&) -> Answer { return std::string("{}"); }});
  }
  api.add({"GET", "/contexts", "Names of the contexts",
           [&registry](const RegistryCall& call) -> Answer {
             auto names = registry.contexts();
             std::erase_if(names,
                           [&](const auto& name) { return !any_seen(registry, call, name); });
             ASSIGN(const auto page, call.page(std::move(names)));
             return dump(Json(page));
           }});
  api.add({"DELETE", "/contexts/{context}", "Delete an empty context's settings",
           [&registry](const RegistryCall& call) -> Answer {
             TRY(registry.remove_context(call.context()));
             return std::string("{}");
           }});
  api.add({"GET", "/v1/metadata/id", "What this registry calls itself",
           [](const RegistryCall&) -> Answer {
             return dump(Json{
                 {"id", "leat"},
                 {"scope",
                  {{"path", Json::array()}, {"clusters", {{"schema-registry-cluster", "leat"}}}}}});
           }});
  api.add({"GET", "/v1/metadata/version", "The version of leat", [](const RegistryCall&) -> Answer {
             return dump(Json{{"version", leat::version()}, {"commitId", ""}});
           }});
}

}  // namespace leat::server
