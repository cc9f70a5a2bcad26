// register_all: every component of leat, by name.
#pragma once

#include "stream/registry.h"

namespace leat::components {

/// Adds every source and store. Called once by app/ (and by tests).
void register_all(stream::Registry& registry);

}  // namespace leat::components
