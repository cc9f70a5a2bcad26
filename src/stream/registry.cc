#include "stream/registry.h"

#include "base/check.h"
#include "base/limits.h"
#include "io/file.h"

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

void Registry::add(LogType type) {
  CHECK(type.spec && type.open, "log {} without spec or open", type.name);
  std::string name = type.name;
  CHECK(logs_.emplace(name, std::move(type)).second, "log {} registered twice", name);
}

const SourceType* Registry::source(std::string_view name) const {
  auto at = sources_.find(name);
  return at == sources_.end() ? nullptr : &at->second;
}

const StoreType* Registry::store(std::string_view name) const {
  auto at = stores_.find(name);
  return at == stores_.end() ? nullptr : &at->second;
}

const LogType* Registry::log(std::string_view name) const {
  auto at = logs_.find(name);
  return at == logs_.end() ? nullptr : &at->second;
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

std::vector<const LogType*> Registry::logs() const {
  std::vector<const LogType*> all;
  for (const auto& [name, type] : logs_) all.push_back(&type);
  return all;
}

config::Components Registry::components() const {
  config::Components out;
  for (const auto& [name, type] : sources_)
    out.sources[name] = {type.spec, type.rereadable, type.check};
  for (const auto& [name, type] : stores_) out.stores[name] = {type.spec, true, type.check};
  for (const auto& [name, type] : logs_) out.logs[name] = {type.spec, true, type.check};
  return out;
}

config::FileAccess file_access() {
  config::FileAccess out;
  out.read = [](const std::string& path, size_t max) { return io::read_file(path, max); };
  out.list = [](const std::string& path) { return io::list_directory(path); };
  out.exists = [](const std::string& path) { return io::exists(path); };
  return out;
}

config::Environment process_environment(const std::string& dir,
                                        config::Environment::Missing missing) {
  auto read = [dir](const std::string& path) {
    return io::read_file(path.starts_with('/') ? path : dir + "/" + path, limits::kMaxSecretBytes);
  };
  return config::Environment::of_process(read, missing);
}

}  // namespace leat::stream
