// The source `http`: records from an HTTP API. See source_http.cc.
#pragma once

#include "stream/registry.h"

namespace leat::components {

void register_source_http(stream::Registry& registry);

}  // namespace leat::components
