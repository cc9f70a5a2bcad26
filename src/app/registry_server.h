// RegistryServer: a schema registry of this process, served over HTTP: for `leat registry`, and for `leat run` of a
// profile whose registry listens.
#pragma once

#include <memory>
#include <string>

#include "net/http_server.h"
#include "schema/registry.h"
#include "server/registry_api.h"

namespace leat::app {

class RegistryServer {
 public:
  /// `registry` outlives it. Loopback only.
  static Result<std::unique_ptr<RegistryServer>> start(schema::Registry& registry,
                                                       const std::string& address, int port);
  RegistryServer(const RegistryServer&) = delete;
  RegistryServer& operator=(const RegistryServer&) = delete;

  /// "http://127.0.0.1:8081".
  std::string url() const { return http_->url(); }

 private:
  explicit RegistryServer(schema::Registry& registry) : api_(registry) {}

  server::RegistryApi api_;
  std::unique_ptr<net::HttpServer> http_;  // ends before what its handlers use
};

}  // namespace leat::app
