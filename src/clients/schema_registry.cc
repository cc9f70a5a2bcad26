#include "clients/schema_registry.h"

#include <fmt/core.h>

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>

#include "base/json_depth.h"
#include "base/limits.h"
#include "base/strings.h"

namespace leat::clients {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kMediaType = "application/vnd.schemaregistry.v1+json";

/// ":.context:" of a qualified subject; empty: the default context.
std::string context_of(const std::string& subject) {
  if (!subject.starts_with(":.")) return "";
  const size_t end = subject.find(':', 1);
  return end == subject.npos ? "" : subject.substr(0, end + 1);
}

std::string subject_path(const std::string& subject, std::string_view rest) {
  return fmt::format("/subjects/{}{}", net::percent_encode(subject), rest);
}

std::string number_text(int32_t version) {
  return version == SchemaRegistry::kLatest ? "latest" : std::to_string(version);
}

std::string body_of(const SchemaText& schema) {
  Json body = {{"schema", schema.text}};
  if (schema.format != schema::Format::kAvro)
    body["schemaType"] = schema::format_name(schema.format);
  for (const schema::Reference& reference : schema.references)
    body["references"].push_back(
        {{"name", reference.name}, {"subject", reference.subject}, {"version", reference.version}});
  return body.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Error not_understood(const Json& answer) {
  return Error(ErrorCode::kCorrupt,
               fmt::format("not the answer of a schema registry: {:.200}",
                           answer.dump(-1, ' ', false, Json::error_handler_t::replace)));
}

template <typename T>
Result<T> value_of(const Json& object, const char* name) {
  T value{};
  if (!object.is_object() || !object.contains(name)) return not_understood(object);
  const Json& found = object[name];
  if constexpr (std::is_same_v<T, std::string>) {
    if (!found.is_string()) return not_understood(object);
    value = found.get<std::string>();
  } else {
    if (!found.is_number_integer() || found < std::numeric_limits<T>::min() ||
        found > std::numeric_limits<T>::max())
      return not_understood(object);
    value = found.get<T>();
  }
  return value;
}

Result<SchemaText> schema_of(const Json& answer) {
  SchemaText schema;
  ASSIGN(schema.text, value_of<std::string>(answer, "schema"));
  if (answer.contains("schemaType")) {
    ASSIGN(const std::string name, value_of<std::string>(answer, "schemaType"));
    const auto format = schema::format_named(name);
    if (!format)
      return Error(ErrorCode::kIncompatible, fmt::format("a schema of the unknown type {}", name));
    schema.format = *format;
  }
  if (!answer.contains("references") || answer["references"].is_null()) return schema;
  for (const Json& each : answer["references"]) {
    schema::Reference reference;
    ASSIGN(reference.name, value_of<std::string>(each, "name"));
    ASSIGN(reference.subject, value_of<std::string>(each, "subject"));
    ASSIGN(reference.version, value_of<int32_t>(each, "version"));
    schema.references.push_back(std::move(reference));
  }
  return schema;
}

Result<SchemaVersion> version_of(const Json& answer) {
  SchemaVersion version;
  ASSIGN(version.subject, value_of<std::string>(answer, "subject"));
  ASSIGN(version.version, value_of<int32_t>(answer, "version"));
  ASSIGN(version.id, value_of<int32_t>(answer, "id"));
  ASSIGN(version.schema, schema_of(answer));
  if (answer.contains("guid")) {
    ASSIGN(version.guid, value_of<std::string>(answer, "guid"));
  }
  return version;
}

template <typename T>
Result<std::vector<T>> list_of(const Json& answer) {
  if (!answer.is_array()) return not_understood(answer);
  std::vector<T> list;
  for (const Json& each : answer) {
    if constexpr (std::is_same_v<T, std::string>) {
      if (!each.is_string()) return not_understood(answer);
    } else if (!each.is_number_integer()) {
      return not_understood(answer);
    }
    list.push_back(each.get<T>());
  }
  return list;
}

/// An answer that is a refusal. Its number and text are the contract's {"error_code", "message"}.
Error refusal(const net::HttpResponse& response) {
  Json body;
  if (!is_deeper_than(response.body, limits::kSchemaDepth))
    body = Json::parse(response.body, nullptr, false);
  int64_t number = response.status;
  std::string message = fmt::format("HTTP {}", response.status);
  if (body.is_object()) {
    if (auto code = value_of<int64_t>(body, "error_code")) number = *code;
    if (auto text = value_of<std::string>(body, "message")) message = *text;
  }
  message = fmt::format("{} ({})", message, number);
  const int status = response.status;
  if (status == 429 || status >= 500)
    return Error(ErrorCode::kUnavailable, message).with_retry(Retry::kBackoff);
  // A proxy's own 404 says nothing about schemas.
  if (status == 404 && number / 100 != 404)
    return Error(ErrorCode::kUnavailable, message + ": no answer of a schema registry")
        .with_retry(Retry::kBackoff)
        .with_hint("look at the registry's URL and at what stands before it");
  const ErrorCode code = status == 401 || status == 403 ? ErrorCode::kPermission
                         : status == 404                ? ErrorCode::kNotFound
                         : status == 409                ? ErrorCode::kIncompatible
                                                        : ErrorCode::kInvalidArgument;
  return Error(code, message).with_blame(Blame::kUser).with_contract_code(static_cast<int>(number));
}

}  // namespace

SchemaRegistry::SchemaRegistry(SchemaRegistryOptions options)
    : options_(std::move(options)),
      clock_(options_.clock ? *options_.clock : io::system_clock()),
      http_(net::HttpClientOptions{{}, options_.ca_file, options_.clock}),
      backoff_(reinterpret_cast<uintptr_t>(this)) {
  CHECK(!options_.urls.empty());
}

Result<void> SchemaRegistry::check_private(const net::Url& url) const {
  if (options_.allow_plaintext || url.scheme == "https" || url.is_loopback()) return {};
  return Error(ErrorCode::kInvalidArgument,
               fmt::format("a login at {} would cross the network in the clear", url.origin()))
      .with_blame(Blame::kUser)
      .with_hint(
          "https://, or allow_plaintext (--allow-plaintext) in a network that nobody else hears");
}

Result<Json> SchemaRegistry::ask_once(const net::HttpRequest& request) {
  MutexLock lock(mutex_);
  ASSIGN(const net::HttpResponse response, http_.fetch(request, stop_.get_token()));
  if (!response.ok()) return refusal(response);
  if (is_deeper_than(response.body, limits::kSchemaDepth))
    return Error(ErrorCode::kCorrupt, "its answer nests too deep: is this a schema registry?");
  Json answer = Json::parse(response.body, nullptr, false);
  if (answer.is_discarded())
    return Error(ErrorCode::kCorrupt, "its answer is no JSON: is this a schema registry?");
  return answer;
}

Result<Json> SchemaRegistry::ask(std::string method, const std::string& target,
                                 const std::string& body) {
  const int64_t deadline = clock_.steady_ms() + options_.timeout_ms;
  for (;;) {
    size_t at = 0;
    {
      MutexLock lock(mutex_);
      at = url_;
    }
    const net::Url& base = options_.urls[at];
    std::string path = base.path;
    while (path.ends_with('/')) path.pop_back();
    ASSIGN(net::Url url, net::Url::parse(base.origin() + path + target));
    net::HttpRequest request;
    request.method = method, request.url = url, request.body = body;
    request.headers.add("Accept", std::string(kMediaType) + ", application/json");
    if (!body.empty()) request.headers.add("Content-Type", std::string(kMediaType));
    if (!options_.username.empty()) {
      TRY(check_private(url));
      auto password = options_.password.current();
      if (!password)
        return Error(ErrorCode::kUnavailable, password.error().to_string())
            .context("the password for the schema registry");
      request.headers.add("Authorization", "Basic " + base64(options_.username + ":" + *password));
    }
    request.timeouts.total_ms = std::max<int64_t>(1, deadline - clock_.steady_ms());
    auto answer = ask_once(request);
    if (answer) return answer;
    const ErrorCode code = answer.error().code();
    const bool again = code == ErrorCode::kUnavailable || code == ErrorCode::kTimeout ||
                       answer.error().retry() == Retry::kBackoff;
    int64_t wait = 0;
    {
      MutexLock lock(mutex_);
      if (again) url_ = (at + 1) % options_.urls.size();
      wait = backoff_.next_ms();
      if (!again) backoff_.reset();
    }
    if (!again || stop_.stop_requested() || clock_.steady_ms() + wait >= deadline)
      return std::move(answer).error().at("schema registry " + base.origin());
    clock_.sleep_ms(wait, stop_.get_token());
  }
}

Result<std::shared_ptr<const SchemaText>> SchemaRegistry::keep(const Kept& key,
                                                               const std::string& target) {
  {
    MutexLock lock(kept_mutex_);
    if (auto kept = kept_.find(key); kept != kept_.end()) return kept->second;
  }
  ASSIGN(const Json answer, ask("GET", target));
  ASSIGN(SchemaText text, schema_of(answer));
  auto made = std::make_shared<const SchemaText>(std::move(text));
  MutexLock lock(kept_mutex_);
  return kept_.try_emplace(key, std::move(made)).first->second;
}

Result<std::shared_ptr<const SchemaText>> SchemaRegistry::schema(int32_t id,
                                                                 const std::string& subject) {
  return keep({context_of(subject), id},
              fmt::format("/schemas/ids/{}?subject={}", id, net::percent_encode(subject)));
}

Result<std::shared_ptr<const SchemaText>> SchemaRegistry::schema(const std::string& guid) {
  return keep({guid, 0}, "/schemas/guids/" + net::percent_encode(guid));
}

Result<std::vector<std::string>> SchemaRegistry::subjects(const std::string& prefix) {
  ASSIGN(const Json answer, ask("GET", "/subjects?subjectPrefix=" + net::percent_encode(prefix)));
  return list_of<std::string>(answer);
}

Result<std::vector<int32_t>> SchemaRegistry::versions(const std::string& subject) {
  ASSIGN(const Json answer, ask("GET", subject_path(subject, "/versions")));
  return list_of<int32_t>(answer);
}

Result<SchemaVersion> SchemaRegistry::version(const std::string& subject, int32_t number) {
  ASSIGN(const Json answer, ask("GET", subject_path(subject, "/versions/" + number_text(number))));
  return version_of(answer);
}

Result<int32_t> SchemaRegistry::add(const std::string& subject, const SchemaText& schema,
                                    bool normalize) {
  const char* rest = normalize ? "/versions?normalize=true" : "/versions";
  ASSIGN(const Json answer, ask("POST", subject_path(subject, rest), body_of(schema)));
  return value_of<int32_t>(answer, "id");
}

Result<SchemaVersion> SchemaRegistry::find(const std::string& subject, const SchemaText& schema) {
  ASSIGN(const Json answer, ask("POST", subject_path(subject, ""), body_of(schema)));
  return version_of(answer);
}

Result<std::vector<std::string>> SchemaRegistry::differences(const std::string& subject,
                                                             const SchemaText& schema,
                                                             std::optional<int32_t> version) {
  std::string target = "/compatibility" + subject_path(subject, "/versions");
  if (version) target += "/" + number_text(*version);
  ASSIGN(const Json answer, ask("POST", target + "?verbose=true", body_of(schema)));
  if (!answer.is_object() || !answer.contains("is_compatible") ||
      !answer["is_compatible"].is_boolean())
    return not_understood(answer);
  if (answer["is_compatible"].get<bool>()) return std::vector<std::string>();
  std::vector<std::string> messages;
  if (answer.contains("messages")) {
    ASSIGN(messages, list_of<std::string>(answer["messages"]));
  }
  if (messages.empty()) messages.emplace_back("incompatible; the registry does not say why");
  return messages;
}

Result<std::string> SchemaRegistry::level(const std::string& subject) {
  const std::string of = subject.empty() ? "" : "/" + net::percent_encode(subject);
  ASSIGN(const Json answer, ask("GET", "/config" + of + "?defaultToGlobal=true"));
  return value_of<std::string>(answer, "compatibilityLevel");
}

Result<void> SchemaRegistry::set_level(const std::string& subject, const std::string& level) {
  const std::string of = subject.empty() ? "" : "/" + net::percent_encode(subject);
  const Json body = {{"compatibility", level}};
  ASSIGN(const Json answer, ask("PUT", "/config" + of, body.dump()));
  return answer.is_object() ? Result<void>() : not_understood(answer);
}

}  // namespace leat::clients
