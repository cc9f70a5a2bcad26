// ProjectRegistry: the schema registry that a project's pipelines ask: the one that its profile names by URL, or the
// embedded one in the data directory's log.
#pragma once

#include <memory>
#include <string>

#include "clients/schema_registry.h"
#include "config/project_file.h"
#include "log/log_schema_store.h"
#include "schema/registry.h"
#include "schema/registry_catalog.h"
#include "stream/log.h"

namespace leat::app {

/// What `registry:` of a profile says of another registry; `urls` are those of HTTP.
Result<clients::SchemaRegistryOptions> registry_options(const config::RegistryDecl& declared);

class ProjectRegistry {
 public:
  /// `embedded`: the log of the data directory; it outlives this, and may be opened for reading only. Null without one:
  /// the registry has no schema then. Does not connect.
  static Result<std::unique_ptr<ProjectRegistry>> open(
      const std::optional<config::RegistryDecl>& declared, stream::Log* embedded,
      const std::string& data_dir);
  ProjectRegistry(const ProjectRegistry&) = delete;
  ProjectRegistry& operator=(const ProjectRegistry&) = delete;

  schema::Catalog& catalog() { return *catalog_; }
  /// Null: another one.
  schema::Registry* embedded() { return registry_.get(); }
  /// Ends questions that wait.
  void stop() {
    if (client_) client_->stop();
  }

 private:
  ProjectRegistry() = default;
  std::unique_ptr<schema::SchemaStore> store_;
  std::unique_ptr<schema::Registry> registry_;
  std::unique_ptr<schema::Catalog> catalog_;
  clients::SchemaRegistry* client_ = nullptr;  // catalog_, when it is another registry
};

}  // namespace leat::app
