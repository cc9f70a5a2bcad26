// KafkaTable: a compacted topic as a map, as of the last committed transaction. Internal to clients/.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "clients/kafka_reader.h"

namespace leat::clients {

/// Any thread.
class KafkaTable {
 public:
  using Row = std::pair<std::string, std::string>;

  KafkaTable(const KafkaOptions& options, KafkaAdmin& admin, std::string topic)
      : options_(options), admin_(admin), name_(std::move(topic)) {}

  /// The topic, made when it is missing: to write to.
  Result<stream::TopicInfo> topic();
  /// Rows whose key begins with `prefix`, sorted; of all that was committed before the call. Waits for transactions
  /// that are open just now to end, for they may be what the caller has to know.
  Result<std::vector<Row>> below(std::string_view prefix);
  Result<std::optional<std::string>> get(std::string_view key);

 private:
  Result<void> refresh() REQUIRES_LOCK(mutex_);
  Result<bool> start() REQUIRES_LOCK(mutex_);

  const KafkaOptions& options_;
  KafkaAdmin& admin_;
  const std::string name_;
  Mutex mutex_;
  std::optional<stream::TopicInfo> topic_ GUARDED_BY(mutex_);
  std::unique_ptr<KafkaReader> reader_ GUARDED_BY(mutex_);
  std::map<int32_t, int64_t> next_ GUARDED_BY(mutex_);
  std::map<std::string, std::string, std::less<>> rows_ GUARDED_BY(mutex_);
};

}  // namespace leat::clients
