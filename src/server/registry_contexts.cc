// /contexts, the root, and what the registry says of itself.
#include "base/version.h"
#include "server/registry_api.h"

namespace leat::server {

void add_registry_contexts(RegistryApi& api, schema::Registry& registry) {
  using Answer = Result<std::string>;
  for (const char* method : {"GET", "POST"}) {
    api.add({method, "/", "Nothing: the registry is there",
             [](const RegistryCall&) -> Answer { return std::string("{}"); }});
  }
  api.add({"GET", "/contexts", "Names of the contexts",
           [&registry](const RegistryCall& call) -> Answer {
             ASSIGN(const auto names, call.page(registry.contexts()));
             return dump(Json(names));
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
