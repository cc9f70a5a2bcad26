// GET /api/v1/openapi.json: the table of endpoints itself. `leat docs` writes the same text under
// contract/.
#include "server/backend.h"

namespace leat::server {

void add_openapi(Api& api, Backend&) {
  Endpoint endpoint;
  endpoint.method = "GET";
  endpoint.path = "/api/v1/openapi.json";
  endpoint.tag = "openapi";
  endpoint.summary = "This description";
  endpoint.response = "An OpenAPI 3.1 document.";
  endpoint.handler = [&api](const Call&) -> Result<net::Response> {
    return net::Response::json(api.openapi());
  };
  api.add(std::move(endpoint));
}

}  // namespace leat::server
