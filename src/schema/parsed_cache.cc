#include "schema/parsed_cache.h"

namespace leat::schema {
namespace {

constexpr size_t kMostBytes = 4u << 20;

}  // namespace

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
  bytes_ += schema->canonical().size();
  entries_.emplace_front(key, std::move(schema));
  places_[key] = entries_.begin();
  while (entries_.size() > capacity_ || (bytes_ > kMostBytes && entries_.size() > 1)) {
    const auto& [oldest, parsed] = entries_.back();
    bytes_ -= parsed->canonical().size();
    places_.erase(oldest);
    entries_.pop_back();
  }
}

}  // namespace leat::schema
