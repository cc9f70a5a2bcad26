#include "components/sink_duckdb_store.h"

#include <fmt/core.h>

#include <utility>

#include "components/sink_duckdb.h"
#include "components/sink_duckdb_impl.h"
#include "config/spec.h"

namespace leat::components {
namespace {

/// The `duckdb: {}` of a profile: no keys.
struct Config {};

const config::Spec<Config>& spec() {
  static const config::Spec<Config> made("duckdb", "A schema of the embedded DuckDB file.");
  return made;
}

/// One store name of the shared file.
class NamedStore final : public stream::Store {
 public:
  NamedStore(std::shared_ptr<DuckdbStore> file, std::string name)
      : file_(std::move(file)), name_(std::move(name)) {}
  Result<std::unique_ptr<stream::Sink>> make_sink(const stream::SinkTable& table) override {
    return file_->make_sink(name_, table);
  }
  Result<std::vector<stream::Progress>> progress(const std::string& project) override {
    ASSIGN(std::vector<stream::Progress> rows, file_->progress(project));
    std::erase_if(rows, [&](const auto& row) { return !row.sink.starts_with(name_ + "."); });
    return rows;
  }
  Result<bool> maintain() override { return file_->maintain(); }

 private:
  const std::shared_ptr<DuckdbStore> file_;
  const std::string name_;
};

}  // namespace

DuckdbStore::DuckdbStore(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
DuckdbStore::~DuckdbStore() = default;

Result<std::shared_ptr<DuckdbStore>> DuckdbStore::open(const std::string& path,
                                                       const DuckdbOptions& options) {
  ASSIGN(std::unique_ptr<StoreFile> file, StoreFile::open(path, options));
  return std::shared_ptr<DuckdbStore>(new DuckdbStore(std::make_unique<Impl>(std::move(file))));
}

Result<std::unique_ptr<stream::Sink>> DuckdbStore::make_sink(const std::string& store,
                                                             const stream::SinkTable& table) {
  CHECK(!impl_->file->options().read_only, "a sink of a store opened to read");
  return make_duckdb_sink(*impl_->file, impl_->folder, store, table);
}

Result<bool> DuckdbStore::maintain() {
  StoreFile& file = *impl_->file;
  if (file.poisoned() || file.options().read_only) return false;
  bool again = false;
  for (const std::shared_ptr<KeyedTable>& table : impl_->folder.tables()) {
    if (!impl_->folder.due(*table, 1)) continue;
    MutexLock lock(file.maintenance());
    TRY(impl_->folder.fold(*table));
    again |= impl_->folder.due(*table, 1);
  }
  if (file.wal_bytes() > file.options().wal_bytes) {
    MutexLock lock(file.maintenance());
    ASSIGN(bool done, file.checkpoint());
    (void)done;  // the next round tries again
  }
  return again;
}

Result<bool> DuckdbStore::settle() {
  StoreFile& file = *impl_->file;
  MutexLock lock(file.maintenance());
  for (const std::shared_ptr<KeyedTable>& table : impl_->folder.tables()) {
    if (table->tail_rows.load() > 0) TRY(impl_->folder.fold(*table));
  }
  return file.checkpoint();
}

std::vector<stream::Progress> DuckdbStore::checkpointed() { return impl_->file->checkpointed(); }
std::string DuckdbStore::quarantined() { return impl_->file->quarantined(); }

Result<std::shared_ptr<DuckdbStore>> DuckdbHub::open(const std::string& path,
                                                     const DuckdbOptions& options) {
  MutexLock lock(mutex_);
  std::weak_ptr<DuckdbStore>& known = stores_[path];
  if (std::shared_ptr<DuckdbStore> store = known.lock()) return store;
  ASSIGN(std::shared_ptr<DuckdbStore> store, DuckdbStore::open(path, options));
  known = store;
  return store;
}

void register_sink_duckdb(stream::Registry& registry, std::shared_ptr<DuckdbHub> hub) {
  if (!hub) hub = std::make_shared<DuckdbHub>();
  stream::StoreType type;
  type.name = "duckdb";
  type.summary = "The embedded store: a schema of one DuckDB file in the data directory.";
  type.guarantee =
      "Rows and position are written in one transaction, synced before it ends: whatever dies "
      "when, each record's rows "
      "are there once. An older version of a key never replaces a newer one.";
  type.example_yaml = "{}";
  type.spec = &spec();
  type.embedded = true;
  type.open = [hub](const config::Node&,
                    const stream::StoreContext& context) -> Result<std::unique_ptr<stream::Store>> {
    const std::string path = fmt::format("{}/{}", context.data_dir, kDuckdbFile);
    ASSIGN(std::shared_ptr<DuckdbStore> file, hub->open(path));
    return std::unique_ptr<stream::Store>(
        std::make_unique<NamedStore>(std::move(file), context.store));
  };
  registry.add(std::move(type));
}

}  // namespace leat::components
