// TopicTable: the topics, and the bounds of their partitions, in memory; the log's TopicAdmin.
// Readers wait here for new records; writers publish them here after their sync. Internal to log/.
//
// Locks: write_mutex before mutex_ before Store's (docs/lock_order.md). What is stored changes only under
// write_mutex, so its holder may read, write the store, and publish, without holding mutex_ all the while.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "io/clock.h"
#include "log/keys.h"
#include "log/store.h"
#include "stream/log.h"

namespace leat::log {

struct Partition {
  bool loaded = false;
  int64_t start = 0, end = 0;
  int64_t last_time_ms = 0;
  uint64_t start_bytes = 0, end_bytes = 0;  // of all batches ever, before `start` and before `end`
};

/// All fields but `id` are guarded by TopicTable's mutex.
struct Topic {
  stream::TopicInfo info;
  stream::TopicId id;  // the same, for use without the lock
  std::vector<Partition> partitions;
  bool removed = false;
};

/// What a reader waits for: any of these partitions to grow beyond, or be cut after, its next offset.
struct Watch {
  int32_t partition = 0;
  int64_t next = 0;
};

class TopicTable final : public stream::TopicAdmin {
 public:
  TopicTable(Store& store, Mutex& write_mutex, io::Clock& clock)
      : store_(store), write_mutex_(write_mutex), clock_(clock) {}
  /// Reads the topics, for the first time or again after the store was reopened.
  Result<void> load();

  Result<stream::TopicInfo> ensure(const stream::TopicSpec& spec) override;
  Result<stream::TopicInfo> find(const std::string& name) override;
  Result<std::vector<stream::TopicInfo>> list() override;
  Result<void> remove(const std::string& name) override;
  Result<stream::PartitionBounds> bounds(const stream::TopicInfo& topic,
                                         int32_t partition) override;
  Result<int64_t> offset_for_time(const stream::TopicInfo& topic, int32_t partition,
                                  int64_t timestamp_ms) override;

  /// The live topic with this id: kDataLost when it was deleted or recreated, kInvalidArgument when it has
  /// no such partition.
  Result<std::shared_ptr<Topic>> get(const stream::TopicInfo& topic, int32_t partition);
  Result<Partition> partition(Topic& topic, int32_t partition);
  /// New bounds of partitions whose records are durable now; wakes the readers.
  using Changes = std::map<std::pair<std::shared_ptr<Topic>, int32_t>, Partition>;
  void publish(const Changes& changes);
  /// Waits until one of `watched`, tried in their order, has something for its reader: its index. nullopt
  /// after `timeout` or stop. kDataLost when the topic is gone.
  Result<std::optional<size_t>> wait(Topic& topic, std::span<const Watch> watched,
                                     std::stop_token stop, std::chrono::nanoseconds timeout);

  /// Batches that hold `offset` or, when none does, lie before it; nullopt when there are none.
  static Result<std::optional<Entry>> entry_at(const Store::Access& at, const stream::TopicId& id,
                                               int32_t partition, int64_t offset);
  /// Gives space back after a range was deleted: [from, to) are keys of the column family `log`.
  static void reclaim(const Store::Access& at, const std::string& from, const std::string& to);

 private:
  std::shared_ptr<Topic> by_name(const std::string& name) REQUIRES_LOCK(mutex_);
  Result<Partition> load_partition(const stream::TopicId& id, int32_t partition);
  static Error gone(const Topic& topic);
  Result<bool> holds_nothing(const stream::TopicInfo& topic);

  Store& store_;
  Mutex& write_mutex_;
  io::Clock& clock_;
  Mutex mutex_;
  CondVar changed_;
  std::map<std::string, std::shared_ptr<Topic>, std::less<>> topics_ GUARDED_BY(mutex_);
};

}  // namespace leat::log
