#include "log/retention.h"

#include <rocksdb/write_batch.h>

#include "log/keys.h"

namespace leat::log {
namespace {

/// `bounds` after the batches that may go are gone. Reads the index only.
Result<Partition> cut(Store& store, const stream::TopicInfo& topic, int32_t partition,
                      Partition bounds, int64_t now_ms, int64_t floor) {
  const auto& spec = topic.spec;
  ASSIGN(auto at, store.access());
  std::string from = entry_key(topic.id, partition, bounds.start);
  std::string to = after_prefix(std::string(kEntryPrefix) + partition_key(topic.id, partition));
  rocksdb::Slice end(to);
  auto it = at.iterate(at->meta, &end);
  for (it->Seek(from); it->Valid(); it->Next()) {
    ASSIGN(Entry entry, decode_entry(view(it->key()), view(it->value())));
    uint64_t kept = bounds.end_bytes - bounds.start_bytes;
    bool too_old = spec.retention_ms >= 0 && entry.last_time_ms < now_ms - spec.retention_ms;
    bool too_many = spec.retention_bytes >= 0 && kept > static_cast<uint64_t>(spec.retention_bytes);
    if ((!too_old && !too_many) || entry.end_offset() > std::min(floor, bounds.end)) break;
    bounds.start = entry.end_offset();
    bounds.start_bytes = entry.end_bytes;
  }
  if (!it->status().ok()) return store_error(it->status(), "cannot read the log's index");
  return bounds;
}

}  // namespace

Result<void> enforce_retention(Store& store, TopicTable& topics, Mutex& write_mutex,
                               const stream::TopicInfo& topic, int64_t now_ms,
                               const RetentionFloor& floor, std::vector<Retired>& retired) {
  for (int32_t number = 0; number < topic.spec.partitions; ++number) {
    // Asked before the lock: the caller's function may take locks of its own.
    int64_t needed = floor(topic, number);
    std::string from, to;
    {
      MutexLock writing(write_mutex);
      auto live = topics.get(topic, number);
      if (!live) break;  // deleted meanwhile
      ASSIGN(Partition before, topics.partition(**live, number));
      ASSIGN(Partition after, cut(store, topic, number, before, now_ms, needed));
      if (after.start == before.start) continue;
      TRY(store.ready());
      from = log_key(topic.id, number, before.start);
      to = log_key(topic.id, number, after.start);
      PartitionRow row{after.start, after.end, after.last_time_ms, after.end_bytes};
      rocksdb::WriteBatch batch;
      {
        ASSIGN(auto at, store.access());
        batch.DeleteRange(at->log, from, to);
        batch.DeleteRange(at->meta, entry_key(topic.id, number, before.start),
                          entry_key(topic.id, number, after.start));
        batch.Put(at->meta, partition_row_key(topic.id, number), encode_partition_row(row));
      }
      TRY(store.write(batch, "log.retention"));
      topics.publish({{{*live, number}, after}});
      retired.push_back({topic.spec.name, number, before.start, after.start,
                         static_cast<int64_t>(after.start_bytes - before.start_bytes)});
    }
    ASSIGN(auto at, store.access());
    TopicTable::reclaim(at, from, to);
  }
  return {};
}

}  // namespace leat::log
