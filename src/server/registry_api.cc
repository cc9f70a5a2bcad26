#include "server/registry_api.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/check.h"
#include "base/limits.h"
#include "schema/registry_error.h"

namespace leat::server {
namespace {

using schema::Code;

constexpr std::array<std::string_view, 3> kMediaTypes = {"application/vnd.schemaregistry.v1+json",
                                                         "application/vnd.schemaregistry+json",
                                                         "application/json"};

constexpr std::string_view kRealm = "schema registry";

constexpr RegistryParameter kParameters[] = {
    {"defaultToGlobal", "`true`: what applies when the subject has none of its own"},
    {"deleted", "`true`: what is deleted softly, too"},
    {"deletedOnly", "`true`: only what is deleted softly"},
    {"deleted_only", "the same as `deletedOnly`"},
    {"fetchMaxId", "`true`: with the context's highest id as `maxId`"},
    {"force", "`true`: to `IMPORT` although there are schemas"},
    {"format",
     "`resolved`: an Avro schema with the types of its references written out; `serialized`: a "
     "Protobuf schema as its FileDescriptorProto in base64"},
    {"key", "a property of the metadata; may come several times"},
    {"latestOnly", "`true`: each subject's newest version only"},
    {"limit", "at most so many; -1, the default: all"},
    {"normalize", "`true`: schemas that mean the same are the same"},
    {"offset", "without the first so many"},
    {"permanent", "`true`: for good; without it softly"},
    {"subject", "in whose context the id is; with a name only that subject"},
    {"subjectPrefix",
     "subjects that begin so; `:*:` is any context, `:.NAME:` the context `.NAME`"},
    {"value", "of the `key` at the same place"},
    {"verbose", "`true`: with the reasons as `messages`"},
};

constexpr Code kCommonErrors[] = {Code::kBadRequest, Code::kUnsupportedMediaType,
                                  Code::kUnauthorized, Code::kForbidden, Code::kStore};

/// The contract's own type, unless the client would rather have another of the three.
std::string media_type(const net::Request& request) {
  const auto accept = request.headers.get("accept").value_or("");
  for (std::string_view type : kMediaTypes)
    if (accept.find(type) != std::string_view::npos) return std::string(type);
  return std::string(kMediaTypes.front());
}

/// A browser's page can send forms and plain text to anybody; it cannot send JSON without being asked.
Result<void> check_media_type(const net::Request& request) {
  if (request.body.empty()) return {};
  std::string_view type = request.headers.get("content-type").value_or(kMediaTypes.front());
  type = type.substr(0, type.find(';'));
  while (type.ends_with(' ')) type.remove_suffix(1);
  for (std::string_view known : kMediaTypes)
    if (net::same_name(type, known)) return {};
  if (net::same_name(type, "application/octet-stream")) return {};
  return schema::refusal(
      Code::kUnsupportedMediaType,
      fmt::format("HTTP 415 Unsupported Media Type: the body is {}, expected {}",
                  type.substr(0, limits::kMaxIdentifier), fmt::join(kMediaTypes, ", ")));
}

net::Response error_answer(const Error& error) {
  const Code code = schema::code_of(error);
  std::string message = error.to_string();
  if (code == Code::kStore) message = "Error in the backend data store: " + message;
  const Json body = {{"error_code", static_cast<int>(code)}, {"message", std::move(message)}};
  net::Response response = net::Response::json(dump(body), schema::http_status(code));
  if (code == Code::kUnauthorized)
    response.headers.set("WWW-Authenticate", fmt::format("Basic realm=\"{}\"", kRealm));
  return response;
}

bool is_parameter(std::string_view name) {
  return std::any_of(std::begin(kParameters), std::end(kParameters),
                     [&](const RegistryParameter& one) { return one.name == name; });
}

}  // namespace

std::span<const RegistryParameter> registry_parameters() { return kParameters; }
std::span<const Code> registry_common_errors() { return kCommonErrors; }

bool RegistryOperation::may_answer(Code code) const {
  const auto has = [&](const auto& codes) {
    return std::find(codes.begin(), codes.end(), code) != codes.end();
  };
  return has(errors) || has(registry_common_errors());
}

RegistryApi::RegistryApi(schema::Registry& registry, const RegistryUsers* users)
    : registry_(registry), users_(users) {
  add_registry_subjects(*this, registry);
  add_registry_schemas(*this, registry);
  add_registry_compatibility(*this, registry);
  add_registry_config(*this, registry);
  add_registry_mode(*this, registry);
  add_registry_contexts(*this, registry);
  for (const char* method : {"GET", "POST", "PUT", "DELETE"}) {
    router_.add(
        {method, "/{path*}", net::Access::kOpen, limits::kRegistryBodyBytes,
         [this](const net::Request& request) -> Result<net::Response> { return answer(request); }});
  }
}

void RegistryApi::add(RegistryOperation operation) {
  for (std::string_view name : operation.query)
    CHECK(is_parameter(name), "{} {}: {} has no meaning", operation.method, operation.path, name);
  operation.need = registry_need(operation.method, operation.path);
  const size_t number = operations_.size();
  net::Route route;
  route.method = operation.method;
  route.handler = [this, number](const net::Request& request) -> Result<net::Response> {
    ASSIGN(std::string body, admit(request, operations_[number]));
    return net::Response::json(std::move(body));
  };
  const bool scoped = operation.path != "/" && !operation.path.starts_with("/contexts") &&
                      !operation.path.starts_with("/v1");
  for (const std::string prefix : {"", "/contexts/{context}"}) {
    if (!prefix.empty() && !scoped) continue;
    route.pattern = prefix + operation.path;
    operations_router_.add(route);
    operation_of_route_.push_back(number);
  }
  operations_.push_back(std::move(operation));
}

const RegistryOperation& RegistryApi::operation_of(const net::Route& route) const {
  const auto at = static_cast<size_t>(&route - operations_router_.routes().data());
  return operations_[operation_of_route_[at]];
}

const RegistryOperation* RegistryApi::find(std::string_view method, std::string_view path) const {
  net::QueryParams params;
  std::string allowed;
  const net::Route* route = operations_router_.find(method, path, params, allowed);
  return route == nullptr ? nullptr : &operation_of(*route);
}

Result<std::string> RegistryApi::admit(const net::Request& request,
                                       const RegistryOperation& to) const {
  if (users_ == nullptr || to.need.of == RegistryNeed::Of::kNobody)
    return to.handler(RegistryCall(request, registry_));
  const auto user = users_->login(request.headers.get("authorization").value_or(""));
  if (!user) {
    return schema::refusal(Code::kUnauthorized,
                           "Unauthorized: expected the name and password of a user (Basic)");
  }
  const RegistryCall call(request, registry_, user.get());
  TRY(call.check(to.need));
  return to.handler(call);
}

net::Response RegistryApi::answer(net::Request request) const {
  std::string allowed;
  const net::Route* route =
      operations_router_.find(request.method, request.path, request.params, allowed);
  net::Response response;
  if (route == nullptr) {
    response = error_answer(
        allowed.empty() ? schema::refusal(Code::kNotFound, "HTTP 404 Not Found")
                        : schema::refusal(Code::kMethodNotAllowed, "HTTP 405 Method Not Allowed"));
    if (!allowed.empty()) response.headers.add("Allow", allowed);
  } else if (auto fits = check_media_type(request); !fits) {
    response = error_answer(fits.error());
  } else {
    // So that no operation reads a parameter that its entry, and so the reference, does not name.
    const auto& taken = operation_of(*route).query;
    std::erase_if(request.query, [&](const auto& one) {
      return std::find(taken.begin(), taken.end(), one.first) == taken.end();
    });
    auto made = route->handler(request);
    response = made ? std::move(*made) : error_answer(made.error());
  }
  response.headers.set("Content-Type", media_type(request));
  return response;
}

}  // namespace leat::server
