// The source component `file`; see source_file.cc.
#pragma once

#include "stream/registry.h"

namespace leat::components {

void register_source_file(stream::Registry& registry);

}  // namespace leat::components
