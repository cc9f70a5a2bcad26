#include "app/registry_server.h"

namespace leat::app {

Result<std::unique_ptr<RegistryServer>> RegistryServer::start(
    schema::Registry& registry, const Listen& listen,
    std::unique_ptr<server::RegistryUsers> users) {
  std::unique_ptr<RegistryServer> server(new RegistryServer(registry, std::move(users)));
  net::HttpServerOptions options;
  options.address = listen.address;
  options.port = listen.port;
  options.any_address = server->users_ != nullptr;
  auto http = net::HttpServer::start(server->api_.router(), std::move(options));
  if (!http) {
    Error error = std::move(http).error().context("the schema registry");
    if (error.code() == ErrorCode::kInvalidArgument) {
      return std::move(error)
          .with_blame(Blame::kUser)
          .with_hint("without `users`, a file of who may log in, it listens on 127.0.0.1 only");
    }
    if (error.code() != ErrorCode::kAlreadyExists) return error;
    return std::move(error).with_hint(
        "another registry is there already, or another program: choose another port");
  }
  server->http_ = std::move(*http);
  return server;
}

}  // namespace leat::app
