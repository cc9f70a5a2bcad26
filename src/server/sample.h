// A sample of a topic's values: the newest records of each partition, to learn their types from.
// Any thread.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "server/shown_values.h"
#include "stream/log.h"

namespace leat::server {

/// About `count` values, shared evenly by the partitions; fewer when there are fewer. Nulls are
/// left out, those of registered schemas are shown by `values`.
Result<std::vector<std::string>> sample_topic(stream::Log& log, const stream::TopicInfo& topic,
                                              size_t count, ShownValues& values);

}  // namespace leat::server
