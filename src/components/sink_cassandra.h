// The store `cassandra`: rows by their key into Apache Cassandra, each with its record's version as its timestamp.
//
// Cassandra has no transaction over rows and position. What makes a replay harmless is the timestamp: an older version
// of a row loses wherever both are, whoever wrote it and when. So the position is written when all rows are
// acknowledged, and a process that was taken for dead may go on writing without harm. A row that the server calls
// invalid is refused by itself.
#pragma once

#include "stream/registry.h"

namespace leat::components {

void register_sink_cassandra(stream::Registry& registry);

}  // namespace leat::components
