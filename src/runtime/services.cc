#include "runtime/services.h"

namespace leat::runtime {

Result<stream::Store*> StoreSet::open(const std::string& name) {
  MutexLock lock(mutex_);
  if (auto it = stores_.find(name); it != stores_.end()) return it->second.get();
  const stream::StoreType* type = components_.embedded_store();
  config::Node node;
  if (auto it = plan_.stores.find(name); it != plan_.stores.end()) {
    const config::ComponentDecl& declared = it->second;
    type = components_.store(declared.name());
    node = declared.node();
    if (!type) {
      return Error(ErrorCode::kInvalidArgument,
                   fmt::format("unknown kind of store `{}`", declared.name()))
          .at(fmt::format("{}: stores.{}", declared.mark.to_string(), name));
    }
  }
  if (!type) return Error(ErrorCode::kInternal, "no embedded store is registered");
  stream::StoreContext context = context_;
  context.store = name;
  auto opened = type->open(node, context);
  if (!opened) return std::move(opened).error().at(fmt::format("store {}", name));
  return stores_.emplace(name, std::move(*opened)).first->second.get();
}

Result<bool> StoreSet::maintain() {
  std::vector<stream::Store*> stores;
  {
    MutexLock lock(mutex_);
    for (auto& [name, store] : stores_) stores.push_back(store.get());
  }
  bool more = false;
  for (stream::Store* store : stores) {
    ASSIGN(bool again, store->maintain());
    more |= again;
  }
  return more;
}

}  // namespace leat::runtime
