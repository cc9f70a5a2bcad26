// The log `kafka`: Apache Kafka as the durable log of a profile.
#pragma once

#include "stream/registry.h"

namespace leat::components {

void register_log_kafka(stream::Registry& registry);

}  // namespace leat::components
