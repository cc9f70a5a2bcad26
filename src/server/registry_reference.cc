#include "server/registry_reference.h"

#include <fmt/format.h>

namespace leat::server {
namespace {

/// "/subjects" of "/subjects/{subject}".
std::string_view section_of(std::string_view path) { return path.substr(0, path.find('/', 1)); }

std::string needed(const RegistryNeed& need) {
  switch (need.of) {
    case RegistryNeed::Of::kNobody:
      return "no login";
    case RegistryNeed::Of::kAnybody:
      return "a login";
    default:
      return std::string(right_name(need.right));
  }
}

std::string query_of(const RegistryOperation& operation) {
  std::string out;
  for (std::string_view name : operation.query)
    if (name != "deleted_only") out += fmt::format("{}`{}`", out.empty() ? "" : " ", name);
  return out;
}

std::string errors_of(const RegistryOperation& operation) {
  std::string out;
  for (schema::Code code : operation.errors)
    out += fmt::format("{}{}", out.empty() ? "" : " ", static_cast<int>(code));
  return out;
}

std::string operations(const RegistryApi& api) {
  std::string out;
  std::string_view section;
  for (const RegistryOperation& operation : api.operations()) {
    if (section != section_of(operation.path)) {
      section = section_of(operation.path);
      out += fmt::format(
          "\n## {}\n\n| operation | what it does | query | right | errors "
          "|\n|---|---|---|---|---|\n",
          section);
    }
    out += fmt::format("| `{} {}` | {} | {} | {} | {} |\n", operation.method, operation.path,
                       operation.summary, query_of(operation), needed(operation.need),
                       errors_of(operation));
  }
  return out;
}

}  // namespace

std::string registry_reference(const RegistryApi& api) {
  std::string out =
      "After the contract of the Confluent Schema Registry. Bodies are JSON: "
      "`application/vnd.schemaregistry.v1+json`, `application/vnd.schemaregistry+json`, "
      "`application/json` or, asked with, `application/octet-stream`. Parameters and members that "
      "are not named here are ignored. The paths of subjects, schemas, compatibility, settings and "
      "modes are there below `/contexts/{context}`, too, where a plain subject is one of that "
      "context. `version` is a number, or `latest`. The rights count where users log in: "
      "[a schema registry](../schema-registry.md).\n";
  out += operations(api);
  out += "\n## Parameters of queries\n\n| name | meaning |\n|---|---|\n";
  for (const RegistryParameter& one : registry_parameters())
    out += fmt::format("| `{}` | {} |\n", one.name, one.meaning);
  out +=
      "\n## Errors\n\nThe body is `{\"error_code\": N, \"message\": TEXT}`; the first three digits "
      "are the status. Every operation may answer";
  for (schema::Code code : registry_common_errors())
    out += fmt::format(" {}{}", static_cast<int>(code),
                       code == registry_common_errors().back() ? ".\n\n" : ",");
  out += "| code | meaning |\n|---|---|\n";
  for (const schema::CodeMeaning& one : schema::code_meanings())
    out += fmt::format("| {} | {} |\n", static_cast<int>(one.code), one.meaning);
  return out;
}

}  // namespace leat::server
