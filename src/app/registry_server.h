// RegistryServer: the schema registry kept in a log, served over HTTP: what `leat registry` is made of.
#pragma once

#include <memory>
#include <string>

#include "log/log_schema_store.h"
#include "net/http_server.h"
#include "schema/registry.h"
#include "server/registry_api.h"
#include "stream/log.h"

namespace leat::app {

class RegistryServer {
 public:
  /// `log` outlives it. Loopback only.
  static Result<std::unique_ptr<RegistryServer>> start(stream::Log& log, const std::string& address,
                                                       int port);
  RegistryServer(const RegistryServer&) = delete;
  RegistryServer& operator=(const RegistryServer&) = delete;

  /// "http://127.0.0.1:8081".
  std::string url() const { return http_->url(); }
  schema::Registry& registry() { return *registry_; }

 private:
  explicit RegistryServer(stream::Log& log) : store_(log) {}

  log::LogSchemaStore store_;
  std::unique_ptr<schema::Registry> registry_;
  std::unique_ptr<server::RegistryApi> api_;
  std::unique_ptr<net::HttpServer> http_;  // ends before what its handlers use
};

}  // namespace leat::app
