// The source component `generate`; see source_generate.cc.
#pragma once

#include "stream/registry.h"

namespace leat::components {

void register_source_generate(stream::Registry& registry);

}  // namespace leat::components
