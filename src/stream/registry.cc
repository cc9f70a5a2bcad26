#include "stream/registry.h"

#include "base/check.h"

namespace leat::stream {

void Registry::add(SourceType type) {
  CHECK(type.spec && type.make, "source {} without spec or make", type.name);
  std::string name = type.name;
  CHECK(sources_.emplace(name, std::move(type)).second, "source {} registered twice", name);
}

void Registry::add(StoreType type) {
  CHECK(type.spec && type.open, "store {} without spec or open", type.name);
  CHECK(!type.embedded || !embedded_store(), "a second embedded store: {}", type.name);
  std::string name = type.name;
  CHECK(stores_.emplace(name, std::move(type)).second, "store {} registered twice", name);
}

const SourceType* Registry::source(std::string_view name) const {
  auto at = sources_.find(name);
  return at == sources_.end() ? nullptr : &at->second;
}

const StoreType* Registry::store(std::string_view name) const {
  auto at = stores_.find(name);
  return at == stores_.end() ? nullptr : &at->second;
}

const StoreType* Registry::embedded_store() const {
  for (const auto& [name, type] : stores_)
    if (type.embedded) return &type;
  return nullptr;
}

std::vector<const SourceType*> Registry::sources() const {
  std::vector<const SourceType*> all;
  for (const auto& [name, type] : sources_) all.push_back(&type);
  return all;
}

std::vector<const StoreType*> Registry::stores() const {
  std::vector<const StoreType*> all;
  for (const auto& [name, type] : stores_) all.push_back(&type);
  return all;
}

}  // namespace leat::stream
