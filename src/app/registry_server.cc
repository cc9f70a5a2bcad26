#include "app/registry_server.h"

namespace leat::app {

namespace {

Result<std::unique_ptr<net::HttpServer>> listen_on(const net::Router& router, const Listen& listen,
                                                   bool users) {
  net::HttpServerOptions options;
  options.address = listen.address;
  options.port = listen.port;
  options.any_address = users;
  auto http = net::HttpServer::start(router, std::move(options));
  if (http) return http;
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

}  // namespace

Result<std::unique_ptr<RegistryServer>> RegistryServer::start(
    schema::Registry& registry, const Listen& listen,
    std::unique_ptr<server::RegistryUsers> users) {
  std::unique_ptr<RegistryServer> server(new RegistryServer(registry, std::move(users)));
  ASSIGN(server->http_,
         listen_on(server->api_.router(), listen, /*users=*/server->users_ != nullptr));
  return server;
}

Result<void> RegistryServer::check(const Listen& listen, bool users) {
  net::Router none;
  TRY(listen_on(none, listen, users));
  return {};
}

}  // namespace leat::app
