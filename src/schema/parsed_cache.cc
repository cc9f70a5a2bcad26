#include "schema/parsed_cache.h"

namespace leat::schema {

ParsedPointer ParsedCache::get(const Key& key) {
  MutexLock lock(mutex_);
  auto place = places_.find(key);
  if (place == places_.end()) return nullptr;
  entries_.splice(entries_.begin(), entries_, place->second);
  return place->second->second;
}

void ParsedCache::put(const Key& key, ParsedPointer schema) {
  MutexLock lock(mutex_);
  if (places_.contains(key)) return;
  entries_.emplace_front(key, std::move(schema));
  places_[key] = entries_.begin();
  if (entries_.size() <= capacity_) return;
  places_.erase(entries_.back().first);
  entries_.pop_back();
}

}  // namespace leat::schema
