// RegistryApi: the schema registry over HTTP, after the REST contract of the Confluent Schema Registry: its paths, its
// content types, its error bodies. Beside the API of leat itself (api.h), with which it shares nothing but the server.
//
// One file per resource adds its operations: registry_subjects.cc, registry_schemas.cc, registry_compatibility.cc,
// registry_config.cc, registry_mode.cc, registry_contexts.cc. Filled in its constructor, then any thread.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "net/router.h"
#include "schema/registry.h"
#include "schema/registry_error.h"
#include "server/registry_call.h"

namespace leat::server {

/// What serves an operation, and what the reference (registry_reference.h) says of it.
struct RegistryOperation {
  std::string method, path, summary;
  std::vector<std::string_view> query;  // of registry_parameters(): others do not reach the handler
  std::vector<schema::Code> errors;     // besides registry_common_errors()
  std::function<Result<std::string>(const RegistryCall&)> handler;  // the body of an answer of 200
  RegistryNeed need{};  // by add(), of the table in registry_users.cc

  bool may_answer(schema::Code code) const;
};

struct RegistryParameter {
  std::string_view name, meaning;
};
std::span<const RegistryParameter> registry_parameters();
/// What each operation may be refused with.
std::span<const schema::Code> registry_common_errors();

class RegistryApi {
 public:
  /// `registry` and `users` outlive it. Without `users` nobody logs in, and everybody may do everything.
  explicit RegistryApi(schema::Registry& registry, const RegistryUsers* users = nullptr);
  RegistryApi(const RegistryApi&) = delete;  // handlers point to it
  RegistryApi& operator=(const RegistryApi&) = delete;

  /// Also below /contexts/{context}, where plain subjects are those of that context.
  void add(RegistryOperation operation);
  const net::Router& router() const { return router_; }
  const std::vector<RegistryOperation>& operations() const { return operations_; }
  /// The one that a request takes; null: there is none.
  const RegistryOperation* find(std::string_view method, std::string_view path) const;

 private:
  net::Response answer(net::Request request) const;
  const RegistryOperation& operation_of(const net::Route& route) const;
  Result<std::string> admit(const net::Request& request, const RegistryOperation& to) const;

  schema::Registry& registry_;
  const RegistryUsers* users_;
  std::vector<RegistryOperation> operations_;
  net::Router operations_router_;  // what there is
  std::vector<size_t> operation_of_route_;
  net::Router router_;  // everything: what is not there is told in the contract's words, too
};

void add_registry_subjects(RegistryApi& api, schema::Registry& registry);
void add_registry_schemas(RegistryApi& api, schema::Registry& registry);
void add_registry_compatibility(RegistryApi& api, schema::Registry& registry);
void add_registry_config(RegistryApi& api, schema::Registry& registry);
void add_registry_mode(RegistryApi& api, schema::Registry& registry);
void add_registry_contexts(RegistryApi& api, schema::Registry& registry);

}  // namespace leat::server
