// What DuckdbStore holds; for sink_duckdb_store.cc and sink_duckdb_query.cc.
#pragma once

#include <memory>
#include <utility>

#include "components/sink_duckdb_file.h"
#include "components/sink_duckdb_fold.h"
#include "components/sink_duckdb_store.h"

namespace leat::components {

struct DuckdbStore::Impl {
  explicit Impl(std::unique_ptr<StoreFile> opened) : file(std::move(opened)), folder(*file) {}
  std::unique_ptr<StoreFile> file;
  Folder folder;
};

}  // namespace leat::components
