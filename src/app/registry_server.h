// RegistryServer: a schema registry of this process, served over HTTP: for `leat registry`, and for `leat run` of a
// profile whose registry listens.
#pragma once

#include <memory>
#include <string>

#include "app/listen.h"
#include "net/http_server.h"
#include "schema/registry.h"
#include "server/registry_api.h"
#include "server/registry_users.h"

namespace leat::app {

class RegistryServer {
 public:
  /// `registry` outlives it. `users`: who may log in; null: anybody may do anything, and only loopback is listened on.
  static Result<std::unique_ptr<RegistryServer>> start(
      schema::Registry& registry, const Listen& listen,
      std::unique_ptr<server::RegistryUsers> users);
  /// Whether start() could listen: asked before other things are taken over. `users`: somebody has to log in.
  static Result<void> check(const Listen& listen, bool users);
  RegistryServer(const RegistryServer&) = delete;
  RegistryServer& operator=(const RegistryServer&) = delete;

  /// "http://127.0.0.1:8081".
  std::string url() const { return http_->url(); }

 private:
  RegistryServer(schema::Registry& registry, std::unique_ptr<server::RegistryUsers> users)
      : users_(std::move(users)), api_(registry, users_.get()) {}

  std::unique_ptr<server::RegistryUsers> users_;
  server::RegistryApi api_;
  std::unique_ptr<net::HttpServer> http_;  // ends before what its handlers use
};

}  // namespace leat::app
