// The sink of the embedded store: rows and position in one DuckDB transaction. See sink_duckdb_table.h for the
// tables, sink_duckdb_file.h for what happens when the disk fails, sink_duckdb_store.h for reading.
#pragma once

#include <memory>
#include <string>

#include "components/sink_duckdb_fold.h"
#include "components/sink_duckdb_store.h"
#include "stream/ports.h"
#include "stream/registry.h"

namespace leat::components {

/// A sink of `store` in `file`. kInvalidArgument when the table cannot be (TablePlan::make).
Result<std::unique_ptr<stream::Sink>> make_duckdb_sink(StoreFile& file, Folder& folder,
                                                       const std::string& store,
                                                       const stream::SinkTable& table);

/// Registers the store type `duckdb`. Stores opened through it share `hub`'s file with whoever else uses it;
/// null: a hub of the registry's own.
void register_sink_duckdb(stream::Registry& registry, std::shared_ptr<DuckdbHub> hub = nullptr);

}  // namespace leat::components
