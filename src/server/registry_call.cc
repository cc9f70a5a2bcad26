#include "server/registry_call.h"

#include <algorithm>
#include <charconv>

#include "base/json_depth.h"
#include "base/limits.h"
#include "net/headers.h"
#include "schema/registry_error.h"
#include "schema/registry_index.h"

namespace leat::server {
namespace {

using schema::Code;
using schema::refusal;

Error bad_request(std::string message) { return refusal(Code::kBadRequest, std::move(message)); }

/// The whole text as a number.
constexpr const char* kTooDeep = "the body nests too deep";

std::optional<int32_t> number_of(std::string_view text) {
  int32_t value = 0;
  auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (code != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return value;
}

/// A member that may be missing or null; 400 when it is of another type.
Result<std::string> text_member(const Json& object, const char* name) {
  auto found = object.find(name);
  if (found == object.end() || found->is_null()) return std::string();
  if (!found->is_string()) return bad_request(fmt::format("{} is no string", name));
  return found->get<std::string>();
}

Result<std::string> object_member(const Json& object, const char* name) {
  auto found = object.find(name);
  if (found == object.end() || found->is_null()) return std::string();
  if (!found->is_object()) return bad_request(fmt::format("{} is no object", name));
  return dump(*found);
}

/// Of an id or a version that is asked for: 0 and -1 stand for none.
Result<std::optional<int32_t>> number_member(const Json& object, const char* name) {
  auto found = object.find(name);
  if (found == object.end() || found->is_null()) return std::optional<int32_t>();
  if (!found->is_number_integer() || *found < -1 || *found > INT32_MAX)
    return bad_request(fmt::format("{} is no whole number below 2^31", name));
  const auto number = found->get<int32_t>();
  return number > 0 ? std::optional(number) : std::nullopt;
}

Result<std::vector<schema::Reference>> references_of(const Json& object) {
  std::vector<schema::Reference> out;
  auto found = object.find("references");
  if (found == object.end() || found->is_null()) return out;
  if (!found->is_array()) return bad_request("references is no list");
  for (const Json& one : *found) {
    if (!one.is_object()) return bad_request("a reference is no object");
    schema::Reference reference;
    ASSIGN(reference.name, text_member(one, "name"));
    ASSIGN(reference.subject, text_member(one, "subject"));
    ASSIGN(const auto version, number_member(one, "version"));
    reference.version = version.value_or(schema::kLatest);
    if (reference.name.empty() || reference.subject.empty())
      return refusal(Code::kInvalidSchema, "a reference needs name, subject and version");
    out.push_back(std::move(reference));
  }
  if (out.size() > limits::kSchemaReferences) {
    return refusal(Code::kInvalidSchema, fmt::format("{} references, at most {} are legal",
                                                     out.size(), limits::kSchemaReferences));
  }
  return out;
}

/// As a refusal says it: "User x may not read subject ...".
std::string_view verb(Right right) {
  switch (right) {
    case Right::kAdmin:
      return "administer";
    case Right::kWrite:
      return "write";
    default:
      return "read";
  }
}

std::string shown(const schema::Subject& subject) {
  if (!subject.is_context()) return fmt::format("subject '{}'", subject.qualified());
  if (subject.context == schema::kDefaultContext) return "the registry";
  return fmt::format("context '{}'", subject.context);
}

}  // namespace

Error RegistryCall::forbidden(Right right, std::string_view what) const {
  return refusal(Code::kForbidden,
                 fmt::format("User {} may not {} {}", user_->name, verb(right), what));
}

Result<void> RegistryCall::check(RegistryNeed need) const {
  using Of = RegistryNeed::Of;
  if (user_ == nullptr || (need.of != Of::kSubject && need.of != Of::kSettings)) return {};
  const bool named = std::any_of(request_.params.begin(), request_.params.end(),
                                 [](const auto& param) { return param.first == "subject"; });
  const schema::Subject said = named ? named_subject() : schema::Subject{context(), ""};
  // An alias gives no rights: what it stands for is what is read or written.
  const schema::Subject meant = need.of == Of::kSubject ? registry_.aliased(said) : said;
  if (!user_->may(need.right, meant)) return forbidden(need.right, shown(said));
  return request_.body.empty() ? Result<void>() : check_references(meant);
}

Result<void> RegistryCall::check_references(const schema::Subject& subject) const {
  if (is_deeper_than(request_.body, limits::kSchemaDepth)) return bad_request(kTooDeep);
  const Json body = Json::parse(request_.body, nullptr, false);
  if (!body.is_object()) return {};  // for the operation to refuse
  const auto references = references_of(body);
  if (!references) return {};
  for (const schema::Reference& reference : *references) {
    const schema::Subject target = schema::target_of(subject.context, reference).first;
    if (!may_read(target)) return forbidden(Right::kRead, shown(target));
  }
  return {};
}

bool RegistryCall::may_read(const schema::Registry::Identified& schema) const {
  const schema::Subject context{schema.context, ""};
  if (may_read(context)) return true;
  const auto versions = registry_.users_of(schema.id, context, schema::Which::kAll);
  return versions && std::any_of(versions->begin(), versions->end(),
                                 [&](const auto& version) { return may_read(version.subject); });
}

Result<void> RegistryCall::check_readable(const schema::Registry::Identified& schema) const {
  if (may_read(schema)) return {};
  return forbidden(Right::kRead, fmt::format("a subject of schema {}", schema.id));
}

schema::Subject RegistryCall::scoped(std::string_view name) const {
  schema::Subject subject = schema::Subject::parse(name);
  if (!name.starts_with(":.")) subject.context = context();
  return subject;
}

std::string RegistryCall::context() const {
  for (const auto& [name, value] : request_.params) {
    if (name != "context") continue;
    // ":.test:" is written, too.
    const std::string_view bare = value.starts_with(":.") && value.ends_with(':')
                                      ? std::string_view(value).substr(1, value.size() - 2)
                                      : std::string_view(value);
    return bare.starts_with('.') ? std::string(bare) : fmt::format(".{}", bare);
  }
  return std::string(schema::kDefaultContext);
}

std::string RegistryCall::prefix() const {
  const auto given = request_.query_param("subjectPrefix");
  const std::string within = context();
  if (within == schema::kDefaultContext) return std::string(given.value_or(":*:"));
  return given && given->starts_with(":.") ? std::string(*given)
                                           : fmt::format(":{}:{}", within, given.value_or(""));
}

std::string RegistryCall::text(std::string_view name) const {
  return std::string(request_.query_param(name).value_or(""));
}

std::vector<std::string> RegistryCall::texts(std::string_view name) const {
  std::vector<std::string> out;
  for (const auto& [key, value] : request_.query)
    if (key == name) out.push_back(value);
  return out;
}

bool RegistryCall::flag(std::string_view name) const {
  const auto value = request_.query_param(name);
  return value && (value->empty() || *value == "1" || net::same_name(*value, "true"));
}

schema::Which RegistryCall::which() const {
  if (flag("deletedOnly") || flag("deleted_only")) return schema::Which::kDeleted;
  return flag("deleted") ? schema::Which::kAll : schema::Which::kLive;
}

Result<int32_t> RegistryCall::id() const {
  const auto number = number_of(path("id"));
  if (!number)
    return refusal(Code::kSchemaNotFound, fmt::format("Schema {} not found.", path("id")));
  return *number;
}

Result<int32_t> RegistryCall::version() const {
  const std::string& text = path("version");
  if (text == "latest") return schema::kLatest;
  const auto number = number_of(text);
  if (number && (*number > 0 || *number == schema::kLatest)) return *number;
  return refusal(Code::kInvalidVersion,
                 fmt::format("The specified version '{}' is not a valid version id. Allowed values "
                             "are between [1, 2^31-1] and the string \"latest\"",
                             text));
}

Result<Json> RegistryCall::body() const {
  if (is_deeper_than(request_.body, limits::kSchemaDepth)) return bad_request(kTooDeep);
  Json json = Json::parse(request_.body, nullptr, false);
  if (!json.is_object())
    return bad_request("the body is no JSON object, such as {\"schema\": \"\\\"string\\\"\"}");
  return json;
}

Result<schema::Candidate> RegistryCall::candidate() const {
  ASSIGN(const Json json, body());
  schema::Candidate out;
  ASSIGN(const std::string type, text_member(json, "schemaType"));
  if (!type.empty()) {
    const auto format = schema::format_named(type);
    if (!format) {
      return refusal(Code::kInvalidSchema,
                     fmt::format("Invalid schema type {}: expected AVRO, JSON or PROTOBUF", type));
    }
    out.content.format = *format;
  }
  ASSIGN(out.content.text, text_member(json, "schema"));
  if (out.content.text.empty())
    return refusal(Code::kInvalidSchema, "Empty schema: the body needs a `schema`, a string");
  ASSIGN(out.content.references, references_of(json));
  ASSIGN(out.content.metadata, object_member(json, "metadata"));
  ASSIGN(out.content.rules, object_member(json, "ruleSet"));
  ASSIGN(out.id, number_member(json, "id"));
  ASSIGN(out.version, number_member(json, "version"));
  out.normalize = flag("normalize");
  return out;
}

void add_kept(Json& object, const char* name, const std::string& text) {
  if (!text.empty()) object[name] = Json::parse(text, nullptr, false);
}

void add_content(Json& object, const schema::Content& content) {
  if (content.format != schema::Format::kAvro)
    object["schemaType"] = schema::format_name(content.format);
  for (const schema::Reference& reference : content.references) {
    object["references"].push_back(
        {{"name", reference.name}, {"subject", reference.subject}, {"version", reference.version}});
  }
  add_kept(object, "metadata", content.metadata);
  add_kept(object, "ruleSet", content.rules);
  object["schema"] = content.text;
}

Json to_json(const schema::Version& version) {
  Json object = {{"subject", version.subject.qualified()},
                 {"version", version.number},
                 {"id", version.id},
                 {"guid", schema::guid_of(*version.content)}};
  add_content(object, *version.content);
  if (version.deleted) object["deleted"] = true;
  return object;
}

Result<void> present(const RegistryCall& call, const schema::Registry& registry,
                     const std::string& context, std::shared_ptr<const schema::Content>& content) {
  const std::string format = call.text("format");
  const bool other = (format == "resolved" && !content->references.empty()) ||
                     (content->format == schema::Format::kProtobuf &&
                      (format == "serialized" || format == "ignore_extensions"));
  if (!other) return {};
  ASSIGN(auto formed, registry.in_form(*content, context, format));
  if (formed != nullptr) {
    content = std::move(formed);
    return {};
  }
  return refusal(Code::kNotImplemented,
                 fmt::format("format={} is not served here; without it the text comes as it was "
                             "registered",
                             format));
}

}  // namespace leat::server
