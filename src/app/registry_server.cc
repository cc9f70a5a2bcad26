#include "app/registry_server.h"

namespace leat::app {

Result<std::unique_ptr<RegistryServer>> RegistryServer::start(schema::Registry& registry,
                                                              const std::string& address,
                                                              int port) {
  std::unique_ptr<RegistryServer> server(new RegistryServer(registry));
  net::HttpServerOptions options;
  options.address = address;
  options.port = port;
  auto http = net::HttpServer::start(server->api_.router(), std::move(options));
  if (!http) {
    Error error = std::move(http).error().context("the schema registry");
    if (error.code() != ErrorCode::kAlreadyExists) return error;
    return std::move(error).with_hint(
        "another registry is there already, or another program: choose another port");
  }
  server->http_ = std::move(*http);
  return server;
}

}  // namespace leat::app
