#include "server/api.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/strings.h"

namespace leat::server {
namespace {

std::string_view type_name(ValueType type) {
  switch (type) {
    case ValueType::kString:
      return "string";
    case ValueType::kInteger:
      return "integer";
    case ValueType::kBoolean:
      return "boolean";
  }
  return "string";
}

Error wrong_type(const Argument& argument, std::string_view given) {
  return Error(
      ErrorCode::kInvalidArgument,
      fmt::format("argument {} is {}, expected {}", argument.name, given.substr(0, 80),
                  argument.type == ValueType::kInteger ? "a whole number" : "true or false"));
}

const Argument* find(const std::vector<Argument>& arguments, std::string_view name) {
  auto found =
      std::find_if(arguments.begin(), arguments.end(), [&](auto& a) { return a.name == name; });
  return found == arguments.end() ? nullptr : &*found;
}

Error unknown(const std::vector<Argument>& arguments, std::string_view name) {
  std::vector<std::string_view> names;
  for (const Argument& argument : arguments) names.push_back(argument.name);
  Error error(ErrorCode::kInvalidArgument,
              fmt::format("unknown argument {}", json_text(name.substr(0, 80))));
  if (auto near = nearest(name, names))
    return std::move(error).with_hint(fmt::format("did you mean `{}`?", *near));
  if (names.empty()) return std::move(error).with_hint("this endpoint takes none");
  return std::move(error).with_hint(fmt::format("it takes {}", fmt::join(names, ", ")));
}

/// A query parameter's text as the value its type says.
Result<Json> from_text(const Argument& argument, const std::string& text) {
  if (argument.type == ValueType::kString) return Json(text);
  if (argument.type == ValueType::kBoolean) {
    if (text == "true" || text == "1" || text.empty()) return Json(true);  // `?follow` alone is yes
    if (text == "false" || text == "0") return Json(false);
    return wrong_type(argument, json_text(text));
  }
  int64_t value = 0;
  auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (code != std::errc() || end != text.data() + text.size())
    return wrong_type(argument, json_text(text));
  return Json(value);
}

Result<Json> from_query(const std::vector<Argument>& arguments, const net::QueryParams& query) {
  Json out = Json::object();
  for (const auto& [name, text] : query) {
    const Argument* argument = find(arguments, name);
    if (!argument) return unknown(arguments, name);
    if (out.contains(name)) {
      return Error(ErrorCode::kInvalidArgument, fmt::format("argument {} is given twice", name));
    }
    ASSIGN(out[name], from_text(*argument, text));
  }
  return out;
}

Result<Json> from_body(const std::vector<Argument>& arguments, const std::string& body) {
  Json json = body.empty() ? Json::object() : Json::parse(body, nullptr, false);
  if (!json.is_object()) {
    return Error(ErrorCode::kInvalidArgument, "the body is no JSON object")
        .with_hint("send {} or the arguments as one JSON object");
  }
  for (const auto& [name, value] : json.items()) {
    const Argument* argument = find(arguments, name);
    if (!argument) return unknown(arguments, name);
    const bool fits = value.is_null() ||
                      (argument->type == ValueType::kString && value.is_string()) ||
                      (argument->type == ValueType::kInteger && value.is_number_integer()) ||
                      (argument->type == ValueType::kBoolean && value.is_boolean());
    if (!fits && argument->type == ValueType::kString) {
      return Error(ErrorCode::kInvalidArgument, fmt::format("argument {} is no string", name));
    }
    if (!fits) return wrong_type(*argument, value.is_structured() ? "no scalar" : dump(value));
    // An unsigned number above int64 would turn negative when read.
    if (value.is_number_unsigned() && value.get<uint64_t>() > INT64_MAX)
      return wrong_type(*argument, dump(value));
  }
  return json;
}

Result<Json> arguments_of(const Endpoint& endpoint, const net::Request& request) {
  ASSIGN(Json out, from_query(endpoint.arguments, request.query));
  if (endpoint.method == "POST") {
    ASSIGN(Json body, from_body(endpoint.arguments, request.body));
    for (auto& [name, value] : body.items()) {
      if (out.contains(name)) {
        return Error(ErrorCode::kInvalidArgument,
                     fmt::format("argument {} is in the query and in the body", name));
      }
      out[name] = value;
    }
  }
  for (const Argument& argument : endpoint.arguments) {
    if (argument.required && (!out.contains(argument.name) || out[argument.name].is_null())) {
      return Error(ErrorCode::kInvalidArgument,
                   fmt::format("argument {} is missing", argument.name))
          .with_hint(argument.description);
    }
  }
  return out;
}

/// "{topic}" and "{name*}" of a pattern.
std::vector<std::string> path_parameters(const std::string& pattern) {
  std::vector<std::string> names;
  for (size_t open = pattern.find('{'); open != std::string::npos;
       open = pattern.find('{', open + 1)) {
    names.push_back(pattern.substr(open + 1, pattern.find('}', open) - open - 1));
  }
  return names;
}

/// Method and path, which are unique: get_topics_topic_records.
std::string operation_id(const Endpoint& endpoint) {
  std::string id;
  for (char c : endpoint.method) id += static_cast<char>(c - 'A' + 'a');
  std::string_view path = endpoint.path;
  if (path.starts_with("/api/v1")) path.remove_prefix(7);
  for (char c : path) {
    if (c == '/' || c == '-')
      id += '_';
    else if (c != '{' && c != '}' && c != '.')
      id += c;
  }
  return id;
}

Json schema_of(const Argument& argument) {
  return {{"type", type_name(argument.type)}, {"description", argument.description}};
}

Json body_of(const Endpoint& endpoint) {
  Json schema = {
      {"type", "object"}, {"additionalProperties", false}, {"properties", Json::object()}};
  Json required = Json::array();
  for (const Argument& argument : endpoint.arguments) {
    schema["properties"][argument.name] = schema_of(argument);
    if (argument.required) required.push_back(argument.name);
  }
  const bool needed = !required.empty();
  if (needed) schema["required"] = std::move(required);
  return {{"required", needed},
          {"content", {{"application/json", {{"schema", std::move(schema)}}}}}};
}

Json operation(const Endpoint& endpoint) {
  Json parameters = Json::array();
  for (const std::string& name : path_parameters(endpoint.path)) {
    parameters.push_back(
        {{"name", name}, {"in", "path"}, {"required", true}, {"schema", {{"type", "string"}}}});
  }
  Json out = {{"operationId", operation_id(endpoint)},
              {"tags", Json::array({endpoint.tag})},
              {"summary", endpoint.summary}};
  if (endpoint.method == "POST") {
    if (!endpoint.arguments.empty()) out["requestBody"] = body_of(endpoint);
  } else {
    for (const Argument& argument : endpoint.arguments) {
      parameters.push_back({{"name", argument.name},
                            {"in", "query"},
                            {"required", argument.required},
                            {"description", argument.description},
                            {"schema", {{"type", type_name(argument.type)}}}});
    }
  }
  if (!parameters.empty()) out["parameters"] = std::move(parameters);
  out["responses"]["200"] = {{"description", endpoint.response},
                             {"content", {{endpoint.media_type, Json::object()}}}};
  out["responses"]["default"] = {{"$ref", "#/components/responses/Error"}};
  if (endpoint.access == net::Access::kOpen) out["security"] = Json::array();
  return out;
}

Json error_schema() {
  Json text = {{"type", "string"}};
  Json error = {
      {"type", "object"},
      {"required", Json::array({"code", "message"})},
      {"properties", {{"code", text}, {"message", text}, {"where", text}, {"hint", text}}}};
  return {{"type", "object"},
          {"required", Json::array({"error"})},
          {"properties", {{"error", std::move(error)}}}};
}

}  // namespace

std::optional<std::string> Call::text(std::string_view name) const {
  auto found = arguments_.find(name);
  if (found == arguments_.end() || !found->is_string()) return std::nullopt;
  return found->get<std::string>();
}

std::string Call::text_or(std::string_view name, std::string_view otherwise) const {
  return text(name).value_or(std::string(otherwise));
}

Result<int64_t> Call::number(std::string_view name, int64_t otherwise, int64_t least,
                             int64_t most) const {
  auto found = arguments_.find(name);
  if (found == arguments_.end() || found->is_null()) return otherwise;
  int64_t value = found->get<int64_t>();
  if (value < least || value > most) {
    return Error(ErrorCode::kInvalidArgument,
                 fmt::format("argument {} is {}, expected a whole number from {} to {}", name,
                             value, least, most));
  }
  return value;
}

bool Call::flag(std::string_view name) const {
  auto found = arguments_.find(name);
  return found != arguments_.end() && found->is_boolean() && found->get<bool>();
}

void Api::add(Endpoint endpoint) {
  net::Route route;
  route.method = endpoint.method;
  route.pattern = endpoint.path;
  route.access = endpoint.access;
  // The handler owns what it needs of the endpoint: endpoints_ may move while it grows.
  route.handler = [endpoint](const net::Request& request) -> Result<net::Response> {
    ASSIGN(Json arguments, arguments_of(endpoint, request));
    return endpoint.handler(Call(request, std::move(arguments)));
  };
  router_.add(std::move(route));
  endpoints_.push_back(std::move(endpoint));
}

std::string Api::openapi() const {
  Json out = {
      {"openapi", "3.1.0"},
      {"info",
       {{"title", "leat"},
        {"version", "1"},
        {"description",
         "What a running `leat run` serves on loopback and on its Unix socket. Over TCP every "
         "request but "
         "health and metrics carries the bearer token of run.json in the data directory."}}},
      {"servers", Json::array({Json{{"url", "http://127.0.0.1:8680"}}})},
      {"security", Json::array({Json{{"token", Json::array()}}})}};
  Json paths = Json::object();
  for (const Endpoint& endpoint : endpoints_) {
    std::string method;
    for (char c : endpoint.method) method += static_cast<char>(c - 'A' + 'a');
    paths[endpoint.path][method] = operation(endpoint);
  }
  out["paths"] = std::move(paths);
  out["components"]["securitySchemes"]["token"] = {{"type", "http"}, {"scheme", "bearer"}};
  out["components"]["responses"]["Error"] = {
      {"description", "What went wrong, where, and what to do next."},
      {"content", {{"application/json", {{"schema", error_schema()}}}}}};
  return out.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

net::Response ok(const Json& json) { return net::Response::json(dump(json) + "\n"); }

}  // namespace leat::server
