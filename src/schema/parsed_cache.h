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
  /// Those that were asked for longest ago go when there are too many, or their texts are too long together: what is
  /// parsed takes some fifty times as much.
  void put(const Key& key, ParsedPointer schema);

 private:
  using Entries = std::list<std::pair<Key, ParsedPointer>>;

  const size_t capacity_;
  Mutex mutex_;
  size_t bytes_ GUARDED_BY(mutex_) = 0;  // of their texts
  Entries entries_ GUARDED_BY(mutex_);   // newest first
  std::map<Key, Entries::iterator> places_ GUARDED_BY(mutex_);
};

}  // namespace leat::schema
