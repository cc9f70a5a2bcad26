// /config: the level of compatibility and other settings, of all, of a context, of a subject.
#include "schema/registry_error.h"
#include "server/registry_api.h"

namespace leat::server {
namespace {

using schema::Code;
using schema::Config;
using schema::refusal;
using schema::Registry;
using schema::Subject;
using Answer = Result<std::string>;

/// `level`: its name in this answer.
Json to_json(const Config& config, const char* level) {
  Json out = Json::object();
  if (!config.alias.empty()) out["alias"] = config.alias;
  if (config.normalize) out["normalize"] = *config.normalize;
  if (config.level) out[level] = schema::level_name(*config.level);
  if (!config.group.empty()) out["compatibilityGroup"] = config.group;
  add_kept(out, "defaultMetadata", config.default_metadata);
  add_kept(out, "overrideMetadata", config.override_metadata);
  add_kept(out, "defaultRuleSet", config.default_rules);
  add_kept(out, "overrideRuleSet", config.override_rules);
  return out;
}

Result<std::string> text_of(const Json& body, const char* name) {
  auto found = body.find(name);
  if (found == body.end() || found->is_null()) return std::string();
  if (!found->is_string()) return refusal(Code::kBadRequest, fmt::format("{} is no string", name));
  return found->get<std::string>();
}

Result<std::string> object_of(const Json& body, const char* name) {
  auto found = body.find(name);
  if (found == body.end() || found->is_null()) return std::string();
  if (!found->is_object()) return refusal(Code::kBadRequest, fmt::format("{} is no object", name));
  return dump(*found);
}

Result<Config> config_of(const Json& body) {
  Config config;
  ASSIGN(const std::string level, text_of(body, "compatibility"));
  if (!level.empty()) {
    config.level = schema::level_named(level);
    if (!config.level) {
      return refusal(Code::kInvalidLevel,
                     fmt::format("Invalid compatibility level `{}`. Valid values are none, "
                                 "backward, forward, full, backward_transitive, "
                                 "forward_transitive, and full_transitive, in capitals",
                                 level));
    }
  }
  if (auto found = body.find("normalize"); found != body.end() && found->is_boolean())
    config.normalize = found->get<bool>();
  ASSIGN(config.alias, text_of(body, "alias"));
  ASSIGN(config.group, text_of(body, "compatibilityGroup"));
  ASSIGN(config.default_metadata, object_of(body, "defaultMetadata"));
  ASSIGN(config.override_metadata, object_of(body, "overrideMetadata"));
  ASSIGN(config.default_rules, object_of(body, "defaultRuleSet"));
  ASSIGN(config.override_rules, object_of(body, "overrideRuleSet"));
  return config;
}

Answer get(const Registry& registry, const RegistryCall& call, const Subject& subject) {
  if (call.flag("defaultToGlobal"))
    return dump(to_json(registry.config(subject), "compatibilityLevel"));
  ASSIGN(const Config config, registry.own_config(subject));
  return dump(to_json(config, "compatibilityLevel"));
}

Answer put(Registry& registry, const RegistryCall& call, const Subject& subject) {
  ASSIGN(const Json body, call.body());
  ASSIGN(const Config config, config_of(body));
  TRY(registry.set_config(subject, config));
  return dump(to_json(config, "compatibility"));
}

Answer remove(Registry& registry, const RegistryCall&, const Subject& subject) {
  ASSIGN(const Config was, registry.remove_config(subject));
  return dump(to_json(was, "compatibilityLevel"));
}

}  // namespace

void add_registry_config(RegistryApi& api, Registry& registry) {
  const auto add = [&](const char* method, const char* summary,
                       const std::vector<std::string_view>& query, const std::vector<Code>& errors,
                       auto handler) {
    api.add({method, "/config", fmt::format("{} of all subjects", summary), query, errors,
             [&registry, handler](const RegistryCall& call) {
               return handler(registry, call, Subject{call.context(), ""});
             }});
    api.add({method, "/config/{subject}", fmt::format("{} of a subject", summary), query, errors,
             [&registry, handler](const RegistryCall& call) {
               return handler(registry, call, call.named_subject());
             }});
  };
  add("GET", "The level of compatibility and other settings", {"defaultToGlobal"},
      {Code::kNoSubjectLevel}, get);
  add("PUT", "Set the level of compatibility and other settings", {},
      {Code::kInvalidLevel, Code::kNotPermitted, Code::kInvalidSubject, Code::kInvalidRules}, put);
  add("DELETE", "Go back to the settings that apply without those", {},
      {Code::kSubjectNotFound, Code::kNotPermitted}, remove);
}

}  // namespace leat::server
