// register_all: every component of leat, by name.
#pragma once

#include <memory>

#include "components/sink_duckdb_store.h"
#include "stream/registry.h"

namespace leat::components {

/// Adds every source and store. Called once by app/ (and by tests). `hub`: the embedded store's files, shared
/// with whoever reads them in this process; null: the registry's own.
void register_all(stream::Registry& registry, std::shared_ptr<DuckdbHub> hub = nullptr);

}  // namespace leat::components
