#include "app/local_api.h"

#include "app/project_env.h"
#include "app/project_registry.h"
#include "io/clock.h"
#include "io/file.h"
#include "log/embedded_log.h"
#include "server/backend.h"

namespace leat::app {
namespace {

/// All that the handlers work on. Destroyed last to first: the API before what it points to.
struct LocalApi {
  std::unique_ptr<log::EmbeddedLog> embedded;
  std::unique_ptr<stream::Log> remote;
  std::unique_ptr<ProjectRegistry> registry;
  std::shared_ptr<components::DuckdbStore> store;
  std::unique_ptr<runtime::StoreSet> stores;
  std::unique_ptr<runtime::Services> services;
  server::Backend backend;
  server::Api api;
};

Error name_holder(Error error, const std::string& data_dir) {
  if (error.code() != ErrorCode::kConflict) return error;
  return std::move(error).with_hint(fmt::format(
      "it is starting, ending or another command: try again, or choose another --data than {}",
      data_dir));
}

Result<void> open_log(LocalApi& local, const std::string& data_dir, bool write) {
  const std::string dir = log_directory(data_dir);
  if (!write && !io::is_directory(dir)) return {};
  if (write) TRY(io::make_directories(data_dir));
  log::Options options;
  options.read_only = !write;
  auto opened = log::EmbeddedLog::open(dir, options);
  // Made by a run that ended before it wrote anything: as good as none.
  if (!opened && !write && opened.error().code() == ErrorCode::kNotFound) return {};
  if (!opened) return name_holder(std::move(opened).error(), data_dir);
  local.embedded = std::move(*opened);
  return {};
}

Result<void> open_store(LocalApi& local, const LocalParts& parts, bool write) {
  const std::string path = fmt::format("{}/{}", parts.data_dir, components::kDuckdbFile);
  if (!io::exists(path)) return {};
  components::DuckdbOptions options;
  options.read_only = !write;
  auto opened = parts.hub.open(path, options);
  if (!opened) return name_holder(std::move(opened).error(), parts.data_dir);
  local.store = std::move(*opened);
  local.backend.store = server::access_to(local.store);
  return {};
}

}  // namespace

std::string log_directory(const std::string& data_dir) { return data_dir + "/log"; }

Result<ApiClient> open_local_api(const LocalParts& parts, bool write) {
  auto local = std::make_shared<LocalApi>();
  ASSIGN(local->remote, runtime::open_remote_log(parts.plan, parts.components,
                                                 log_context(parts.plan, parts.environment)));
  if (!local->remote) TRY(open_log(*local, parts.data_dir, write));
  TRY(open_store(*local, parts, write));
  server::Backend& backend = local->backend;
  backend.plan = &parts.plan;
  backend.clock = &io::system_clock();
  backend.data_dir = parts.data_dir;
  if (local->remote)
    backend.log = local->remote.get();
  else
    backend.log = local->embedded.get();
  backend.metrics = &parts.metrics;
  ASSIGN(local->registry,
         ProjectRegistry::open(parts.plan.registry, local->embedded.get(), parts.data_dir));
  backend.schemas = &local->registry->catalog();
  local->stores = std::make_unique<runtime::StoreSet>(
      parts.plan, parts.components,
      store_context(parts.plan, parts.data_dir, parts.environment, parts.metrics));
  backend.stores = local->stores.get();
  if (write) {
    local->services = std::make_unique<runtime::Services>(
        runtime::Services{io::system_clock(), *backend.log, parts.components, *local->stores,
                          parts.metrics, parts.environment});
    local->services->schemas = backend.schemas;
    backend.services = local->services.get();
    if (local->embedded) {
      backend.backup_log = [log = local->embedded.get()](const std::string& directory) {
        return log->backup(log_directory(directory));
      };
    }
  }
  server::add_all(local->api, backend);
  const net::Router& router = local->api.router();
  return ApiClient::in_process(std::move(local), router);
}

}  // namespace leat::app
