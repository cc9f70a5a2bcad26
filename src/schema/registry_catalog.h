// RegistryCatalog: the registry of this process as pipelines see it.
#pragma once

#include "schema/catalog.h"
#include "schema/registry.h"

namespace leat::schema {

class RegistryCatalog final : public Catalog {
 public:
  /// `registry` outlives it. `where`: for messages.
  RegistryCatalog(Registry& registry, std::string where)
      : registry_(registry), where_(std::move(where)) {}
  std::string name() const override { return where_; }
  Result<std::shared_ptr<const SchemaText>> schema(int32_t id, const std::string& subject) override;
  Result<std::shared_ptr<const SchemaText>> schema(const std::string& guid) override;
  Result<SchemaVersion> version(const std::string& subject, int32_t number) override;
  Result<int32_t> add(const std::string& subject, const SchemaText& schema,
                      bool normalize) override;
  Result<SchemaVersion> find(const std::string& subject, const SchemaText& schema) override;

 private:
  Registry& registry_;
  const std::string where_;
};

}  // namespace leat::schema
