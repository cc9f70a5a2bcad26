// /compatibility: whether a schema could be registered.
#include "server/registry_api.h"

namespace leat::server {
namespace {

using schema::Code;
using schema::Registry;

Result<std::string> check(Registry& registry, const RegistryCall& call,
                          std::optional<int32_t> against) {
  ASSIGN(const schema::Candidate candidate, call.candidate());
  ASSIGN(const Registry::Report report, registry.check(call.subject(), candidate, against));
  Json out = {{"is_compatible", report.compatible()}};
  if (call.flag("verbose")) out["messages"] = report.messages;
  return dump(out);
}

}  // namespace

void add_registry_compatibility(RegistryApi& api, Registry& registry) {
  api.add({"POST",
           "/compatibility/subjects/{subject}/versions/{version}",
           "Whether a schema is compatible with one version",
           {"normalize", "verbose"},
           {Code::kVersionNotFound, Code::kInvalidSchema, Code::kInvalidVersion,
            Code::kInvalidSubject, Code::kTooLarge},
           [&registry](const RegistryCall& call) -> Result<std::string> {
             ASSIGN(const int32_t version, call.version());
             return check(registry, call, version);
           }});
  api.add({"POST",
           "/compatibility/subjects/{subject}/versions",
           "Whether a schema is compatible with the versions that the subject's level names",
           {"normalize", "verbose"},
           {Code::kInvalidSchema, Code::kInvalidSubject, Code::kTooLarge},
           [&registry](const RegistryCall& call) { return check(registry, call, std::nullopt); }});
}

}  // namespace leat::server
