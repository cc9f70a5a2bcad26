// ProjectRegistry: the schema registry that a project's pipelines ask: the one that its profile names by URL, or the
// embedded one in the data directory's log.
#pragma once

#include <memory>
#include <string>

#include "clients/schema_registry.h"
#include "config/project_file.h"
#include "log/log_schema_store.h"
#include "log/topic_schema_store.h"
#include "schema/registry.h"
#include "schema/registry_catalog.h"
#include "stream/log.h"

namespace leat::app {

/// What `registry:` of a profile says of another registry; `urls` are those of HTTP.
Result<clients::SchemaRegistryOptions> registry_options(const config::RegistryDecl& declared);

class ProjectRegistry {
 public:
  /// Where schemas may be. The logs outlive the registry.
  struct Places {
    /// The log of the data directory, which may be opened for reading only. Null without one: the registry has no schema
    /// then.
    stream::Log* embedded = nullptr;
    /// The profile's `log`; null without one.
    stream::Log* shared = nullptr;
    std::string data_dir = {};
    /// This process is to register schemas in a topic of `shared`: others that do so no longer can.
    bool own_topic = false;
  };
  /// Does not connect to a registry at a URL.
  static Result<std::unique_ptr<ProjectRegistry>> open(
      const std::optional<config::RegistryDecl>& declared, const Places& places);
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
