// /mode: whether schemas may be registered, of all, of a context, of a subject.
#include "schema/registry_error.h"
#include "server/registry_api.h"

namespace leat::server {
namespace {

using schema::Code;
using schema::Mode;
using schema::Registry;
using schema::Subject;
using Answer = Result<std::string>;

std::string text_of(Mode mode) { return dump(Json{{"mode", schema::mode_name(mode)}}); }

Answer get(const Registry& registry, const RegistryCall& call, const Subject& subject) {
  if (call.flag("defaultToGlobal")) return text_of(registry.mode(subject));
  ASSIGN(const Mode mode, registry.own_mode(subject));
  return text_of(mode);
}

Answer put(Registry& registry, const RegistryCall& call, const Subject& subject) {
  ASSIGN(const Json body, call.body());
  auto found = body.find("mode");
  const std::string name =
      found != body.end() && found->is_string() ? found->get<std::string>() : "";
  const auto mode = schema::mode_named(name);
  if (!mode) {
    return schema::refusal(Code::kInvalidMode,
                           fmt::format("Invalid mode `{}`. Valid values are READWRITE, READONLY, "
                                       "READONLY_OVERRIDE and IMPORT",
                                       name));
  }
  TRY(registry.set_mode(subject, *mode, call.flag("force")));
  return text_of(*mode);
}

Answer remove(Registry& registry, const RegistryCall&, const Subject& subject) {
  ASSIGN(const Mode was, registry.remove_mode(subject));
  return text_of(was);
}

}  // namespace

void add_registry_mode(RegistryApi& api, Registry& registry) {
  const auto add = [&](const char* method, const char* summary,
                       const std::vector<std::string_view>& query, const std::vector<Code>& errors,
                       auto handler) {
    api.add({method, "/mode", fmt::format("{} of all subjects", summary), query, errors,
             [&registry, handler](const RegistryCall& call) {
               return handler(registry, call, Subject{call.context(), ""});
             }});
    api.add({method, "/mode/{subject}", fmt::format("{} of a subject", summary), query, errors,
             [&registry, handler](const RegistryCall& call) {
               return handler(registry, call, call.named_subject());
             }});
  };
  add("GET", "The mode", {"defaultToGlobal"}, {Code::kNoSubjectMode}, get);
  add("PUT", "Set the mode", {"force"},
      {Code::kInvalidMode, Code::kNotPermitted, Code::kInvalidSubject}, put);
  add("DELETE", "Go back to the mode that applies without that", {}, {Code::kSubjectNotFound},
      remove);
}

}  // namespace leat::server
