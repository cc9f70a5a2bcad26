// The list of components: a header and a call each.
#include "components/all.h"

#include "components/log_kafka.h"
#include "components/sink_cassandra.h"
#include "components/sink_duckdb.h"
#include "components/sink_postgres.h"
#include "components/source_file.h"
#include "components/source_generate.h"
#include "components/source_http.h"

namespace leat::components {

void register_all(stream::Registry& registry, std::shared_ptr<DuckdbHub> hub) {
  register_log_kafka(registry);
  register_source_file(registry);
  register_source_generate(registry);
  register_source_http(registry);
  register_sink_cassandra(registry);
  register_sink_duckdb(registry, std::move(hub));
  register_sink_postgres(registry);
}

}  // namespace leat::components
