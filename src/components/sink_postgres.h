// The store `postgres`: rows and position in one transaction of a PostgreSQL database.
//
//   append   COPY straight into the table
//   keyed    COPY into a temporary table, then an upsert that leaves a higher version alone
//
// The position is a row of `leat_progress` in the same schema, moved by compare-and-set: a process that was taken for
// dead and comes back finds it moved, and writes nothing. A row that the server refuses is found by halving.
#pragma once

#include "stream/registry.h"

namespace leat::components {

void register_sink_postgres(stream::Registry& registry);

}  // namespace leat::components
