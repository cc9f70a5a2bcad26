#include "runtime/services.h"

#include <algorithm>
#include <iterator>
#include <set>

namespace leat::runtime {

Result<std::unique_ptr<stream::Log>> open_remote_log(const ProjectPlan& plan,
                                                     const stream::Registry& components,
                                                     const stream::LogContext& context) {
  if (!plan.log) return std::unique_ptr<stream::Log>();
  const stream::LogType* type = components.log(plan.log->name());
  if (!type) {
    return Error(ErrorCode::kInvalidArgument,
                 fmt::format("unknown kind of log `{}`", plan.log->name()))
        .at(fmt::format("{}: log", plan.log->mark.to_string()));
  }
  auto opened = type->open(plan.log->node(), context);
  if (!opened) return std::move(opened).error().at("log " + type->name);
  return opened;
}

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

const stream::StoreType* StoreSet::type(const std::string& name) const {
  auto it = plan_.stores.find(name);
  return it == plan_.stores.end() ? components_.embedded_store()
                                  : components_.store(it->second.name());
}

bool StoreSet::is_remote(const std::string& name) const {
  const stream::StoreType* kind = type(name);
  return kind && !kind->embedded;
}

Result<std::vector<stream::Progress>> StoreSet::remote_progress(const std::string& pipeline,
                                                                Unreachable* unreachable) {
  std::set<std::string> names;
  for (const PipelinePlan& plan : plan_.pipelines) {
    if (!pipeline.empty() && plan.name != pipeline) continue;
    for (const SinkPlan& sink : plan.sinks)
      if (sink.kind == SinkPlan::Kind::kStore && is_remote(sink.store)) names.insert(sink.store);
  }
  std::vector<stream::Progress> out;
  for (const std::string& name : names) {
    Result<std::vector<stream::Progress>> rows = std::vector<stream::Progress>();
    if (auto store = open(name))
      rows = (*store)->progress(plan_.project);
    else
      rows = std::move(store).error();
    if (!rows) {
      Error error = std::move(rows).error().at("store " + name);
      if (!unreachable) return error;
      unreachable->emplace(name, std::move(error));
      continue;
    }
    std::copy_if(
        rows->begin(), rows->end(), std::back_inserter(out), [&](const stream::Progress& row) {
          return (pipeline.empty() || row.pipeline == pipeline) && row.sink.starts_with(name + ".");
        });
  }
  return out;
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
