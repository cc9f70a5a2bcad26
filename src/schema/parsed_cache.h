// ParsedCache: the schemas parsed last, by context and id. Ids are never given twice, so an entry is never wrong.
// Any thread.
#pragma once

#include <list>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "base/limits.h"
#include "base/mutex.h"
#include "schema/parsed_schema.h"

namespace leat::schema {

using ParsedPointer = std::shared_ptr<const ParsedSchema>;

class ParsedCache {
 public:
  using Key = std::pair<std::string, int32_t>;

  explicit ParsedCache(size_t capacity = limits::kParsedSchemas) : capacity_(capacity) {}
  /// Null: not here.
  ParsedPointer get(const Key& key);
  /// The one that was asked for longest ago goes when there are too many.
  void put(const Key& key, ParsedPointer schema);

 private:
  using Entries = std::list<std::pair<Key, ParsedPointer>>;

  const size_t capacity_;
  Mutex mutex_;
  Entries entries_ GUARDED_BY(mutex_);  // newest first
  std::map<Key, Entries::iterator> places_ GUARDED_BY(mutex_);
};

}  // namespace leat::schema
