// GET /metrics: Prometheus text. Open, as scrapers expect; names and numbers only, no data.
#include "server/backend.h"

namespace leat::server {

void add_metrics(Api& api, Backend& backend) {
  Endpoint endpoint;
  endpoint.method = "GET";
  endpoint.path = "/metrics";
  endpoint.tag = "metrics";
  endpoint.summary = "All metrics in Prometheus text format 0.0.4";
  endpoint.response = "One line per sample, with help and type.";
  endpoint.media_type = "text/plain";
  endpoint.access = net::Access::kOpen;
  endpoint.handler = [&backend](const Call&) -> Result<net::Response> {
    net::Response response =
        net::Response::text(backend.metrics ? backend.metrics->prometheus() : "");
    response.headers.set("Content-Type", "text/plain; version=0.0.4; charset=utf-8");
    return response;
  };
  api.add(std::move(endpoint));
}

}  // namespace leat::server
