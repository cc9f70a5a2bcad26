#include "log/topics.h"

#include <rocksdb/convenience.h>

#include <set>

#include "base/limits.h"
#include "base/strings.h"
#include "io/random.h"
#include "log/record_batch.h"

namespace leat::log {
namespace {

stream::TopicId mint_id() {
  stream::TopicId id;
  while (id.high == 0) id.high = io::entropy();
  id.low = io::entropy();
  return id;
}

Result<void> check_spec(const stream::TopicSpec& spec) {
  if (!is_topic_name(spec.name)) {
    return Error(ErrorCode::kInvalidArgument, fmt::format("`{}` is no topic name", spec.name))
        .with_hint(fmt::format("use letters, digits, `.`, `_` and `-`, at most {} of them",
                               limits::kMaxTopicName));
  }
  if (spec.partitions < 1 || spec.partitions > limits::kMaxPartitions) {
    return Error(ErrorCode::kInvalidArgument,
                 fmt::format("topic {}: {} partitions, expected 1 to {}", spec.name,
                             spec.partitions, limits::kMaxPartitions));
  }
  return {};
}

}  // namespace

Result<void> TopicTable::load() {
  std::vector<stream::TopicInfo> found;
  {
    ASSIGN(auto at, store_.access());
    std::string end = after_prefix(std::string(kTopicPrefix));
    rocksdb::Slice to = slice(end);
    auto it = at.iterate(at->meta, &to);
    for (it->Seek(slice(kTopicPrefix)); it->Valid(); it->Next()) {
      ASSIGN(auto topic, decode_topic(view(it->key()), view(it->value())));
      found.push_back(std::move(topic));
    }
    if (!it->status().ok()) return store_error(it->status(), "cannot read the log's topics");
  }
  MutexLock lock(mutex_);
  auto before = std::exchange(topics_, {});
  for (auto& info : found) {
    auto old = before.find(info.spec.name);
    bool same = old != before.end() && old->second->id == info.id;
    auto topic = same ? old->second : std::make_shared<Topic>();
    if (same) before.erase(old);
    topic->id = info.id;
    topic->partitions.assign(static_cast<size_t>(info.spec.partitions), {});
    topic->info = std::move(info);
    topics_.emplace(topic->info.spec.name, topic);
  }
  for (auto& [name, topic] : before) topic->removed = true;
  changed_.notify_all();
  return {};
}

std::shared_ptr<Topic> TopicTable::by_name(const std::string& name) {
  auto found = topics_.find(name);
  return found == topics_.end() ? nullptr : found->second;
}

Error TopicTable::gone(const Topic& topic) {
  return Error(ErrorCode::kDataLost, fmt::format("topic {} with id {} was deleted or recreated",
                                                 topic.info.spec.name, topic.id.to_string()))
      .with_hint(fmt::format("`leat reset PIPELINE --to start` reads what topic {} holds now",
                             topic.info.spec.name));
}

Result<stream::TopicInfo> TopicTable::ensure(const stream::TopicSpec& spec) {
  TRY(check_spec(spec));
  MutexLock writing(write_mutex_);
  auto existing = [&]() -> std::optional<stream::TopicInfo> {
    MutexLock lock(mutex_);
    auto topic = by_name(spec.name);
    return topic ? std::optional(topic->info) : std::nullopt;
  };
  auto is_as_declared = [&](const stream::TopicInfo& info) {
    return info.spec.format == spec.format && info.spec.retention_ms == spec.retention_ms &&
           info.spec.retention_bytes == spec.retention_bytes;
  };
  auto found = existing();
  if (!found || !is_as_declared(*found)) {
    TRY(store_.ready());
    found = existing();  // a reopened store may know it
  }
  if (found && found->spec.partitions != spec.partitions) {
    return Error(ErrorCode::kIncompatible,
                 fmt::format("topic {} has {} partitions, {} are declared", spec.name,
                             found->spec.partitions, spec.partitions))
        .with_hint("a topic's partitions never change: declare as many, or use another name");
  }
  bool other_format = found && found->spec.format != spec.format;
  if (other_format) {
    ASSIGN(const bool empty, holds_nothing(*found));
    other_format = !empty;  // what holds no record may hold any
  }
  if (other_format) {
    return Error(ErrorCode::kIncompatible, fmt::format("topic {} holds {}, {} is declared",
                                                       spec.name, found->spec.format, spec.format))
        .with_hint("use another name for a topic of another format");
  }
  if (found && is_as_declared(*found)) return *found;

  stream::TopicInfo info{spec, found ? found->id : mint_id(),
                         found ? found->created_ms : clock_.now_ms()};
  rocksdb::WriteBatch batch;
  {
    ASSIGN(auto at, store_.access());
    batch.Put(at->meta, topic_key(spec.name), encode_topic(info));
  }
  TRY(store_.write(batch, "log.topic"));
  MutexLock lock(mutex_);
  auto topic = by_name(spec.name);
  if (!topic) {
    topic = std::make_shared<Topic>();
    topic->id = info.id;
    topic->partitions.resize(static_cast<size_t>(spec.partitions));
    topics_.emplace(spec.name, topic);
  }
  topic->info = info;
  return info;
}

Result<bool> TopicTable::holds_nothing(const stream::TopicInfo& topic) {
  for (int32_t p = 0; p < topic.spec.partitions; ++p) {
    ASSIGN(const stream::PartitionBounds held, bounds(topic, p));
    if (held.start != held.end) return false;
  }
  return true;
}

Result<stream::TopicInfo> TopicTable::find(const std::string& name) {
  MutexLock lock(mutex_);
  if (auto topic = by_name(name)) return topic->info;
  std::vector<std::string_view> names;
  for (const auto& [known, topic] : topics_) names.push_back(known);
  Error error(ErrorCode::kNotFound, fmt::format("there is no topic {}", name));
  auto near = nearest(name, names);
  return std::move(error).with_hint(near ? fmt::format("did you mean {}?", *near)
                                         : "`leat topics ls` lists the topics");
}

Result<std::vector<stream::TopicInfo>> TopicTable::list() {
  MutexLock lock(mutex_);
  std::vector<stream::TopicInfo> all;
  for (const auto& [name, topic] : topics_) all.push_back(topic->info);
  return all;
}

Result<void> TopicTable::remove(const std::string& name) {
  std::string from, to;
  {
    MutexLock writing(write_mutex_);
    TRY(store_.ready());
    ASSIGN(auto info, find(name));
    std::string id = partition_key(info.id, 0).substr(0, sizeof(stream::TopicId));
    from = id;
    to = after_prefix(id);
    rocksdb::WriteBatch batch;
    {
      ASSIGN(auto at, store_.access());
      batch.Delete(at->meta, topic_key(name));
      batch.DeleteRange(at->log, from, to);
      for (auto prefix : {kEntryPrefix, kPartitionPrefix}) {
        std::string below = std::string(prefix) + from, above = std::string(prefix) + to;
        batch.DeleteRange(at->meta, below, above);
      }
    }
    TRY(store_.write(batch, "log.remove"));
    MutexLock lock(mutex_);
    auto topic = by_name(name);
    topic->removed = true;
    topics_.erase(name);
    changed_.notify_all();
  }
  ASSIGN(auto at, store_.access());
  reclaim(at, from, to);
  return {};
}

Result<stream::PartitionBounds> TopicTable::bounds(const stream::TopicInfo& topic,
                                                   int32_t partition_number) {
  ASSIGN(auto live, get(topic, partition_number));
  ASSIGN(Partition p, partition(*live, partition_number));
  return stream::PartitionBounds{p.start, p.end, static_cast<int64_t>(p.end_bytes - p.start_bytes),
                                 p.last_time_ms};
}

Result<int64_t> TopicTable::offset_for_time(const stream::TopicInfo& topic,
                                            int32_t partition_number, int64_t timestamp_ms) {
  ASSIGN(auto live, get(topic, partition_number));
  ASSIGN(Partition p, partition(*live, partition_number));
  ASSIGN(auto at, store_.access());
  // Times never go back, so the batches can be bisected by offset.
  int64_t low = p.start, high = p.end;
  while (low < high) {
    ASSIGN(auto entry, entry_at(at, live->id, partition_number, low + (high - low) / 2));
    if (!entry) return low;
    if (entry->last_time_ms < timestamp_ms)
      low = entry->end_offset();
    else
      high = entry->base_offset;
  }
  if (low >= p.end) return p.end;
  // Every record of a batch may have its own time.
  std::string key = log_key(live->id, partition_number, low);
  ASSIGN(auto value, at.get(at->log, key));
  if (!value) return low;
  Compressor compressor;
  ASSIGN(auto batch, BatchReader::open(key, *value, compressor));
  stream::Record record;
  std::vector<stream::Header> headers;
  while (!batch.done()) {
    headers.clear();
    TRY(batch.next(record, headers));
    if (record.timestamp_ms >= timestamp_ms) return record.offset;
  }
  return low;
}

Result<std::shared_ptr<Topic>> TopicTable::get(const stream::TopicInfo& topic, int32_t partition) {
  MutexLock lock(mutex_);
  auto live = by_name(topic.spec.name);
  if (!live || live->id != topic.id) {
    Topic lost;
    lost.info = topic;
    lost.id = topic.id;
    return gone(lost);
  }
  if (partition < 0 || partition >= live->info.spec.partitions) {
    return Error(ErrorCode::kInvalidArgument,
                 fmt::format("topic {} has partitions 0 to {}, not {}", topic.spec.name,
                             live->info.spec.partitions - 1, partition));
  }
  return live;
}

Result<Partition> TopicTable::partition(Topic& topic, int32_t number) {
  MutexLock lock(mutex_);
  if (topic.removed) return gone(topic);
  Partition& known = topic.partitions[static_cast<size_t>(number)];
  if (!known.loaded) {
    ASSIGN(known, load_partition(topic.id, number));
  }
  return known;
}

Result<Partition> TopicTable::load_partition(const stream::TopicId& id, int32_t number) {
  ASSIGN(auto at, store_.access());
  ASSIGN(auto row_value, at.get(at->meta, partition_row_key(id, number)));
  PartitionRow row;
  if (row_value) {
    ASSIGN(row, decode_partition_row(*row_value));
  }
  Partition p{true, row.start, row.end, row.last_time_ms, row.end_bytes, row.end_bytes};
  ASSIGN(auto last, entry_at(at, id, number, std::numeric_limits<int64_t>::max()));
  if (!last) return p;
  ASSIGN(auto first, entry_at(at, id, number, row.start));
  if (!first || first->base_offset != row.start || last->end_offset() < row.end) {
    return Error(ErrorCode::kCorrupt,
                 fmt::format(
                     "partition {} of topic {} should begin at offset {} and reach {}, its batches"
                     " begin at {} and reach {}",
                     number, id.to_string(), row.start, row.end, first ? first->base_offset : -1,
                     last->end_offset()))
        .with_hint(
            "the disk or another program damaged the log; restore a backup of its directory");
  }
  p.end = last->end_offset();
  p.last_time_ms = std::max(row.last_time_ms, last->last_time_ms);
  p.start_bytes = first->end_bytes - first->size;
  p.end_bytes = last->end_bytes;
  return p;
}

void TopicTable::publish(const Changes& changes) {
  MutexLock lock(mutex_);
  for (const auto& [place, bounds] : changes) {
    place.first->partitions[static_cast<size_t>(place.second)] = bounds;
  }
  changed_.notify_all();
}

Result<std::optional<size_t>> TopicTable::wait(Topic& topic, std::span<const Watch> watched,
                                               std::stop_token stop,
                                               std::chrono::nanoseconds timeout) {
  // Twice at most: when bounds must be read first, at the beginning and after a reopening.
  for (int round = 0; round < 2; ++round) {
    {
      MutexLock lock(mutex_);
      std::optional<size_t> found;
      bool forgotten = false;
      auto something = [&]() NO_THREAD_SAFETY_ANALYSIS {
        for (size_t i = 0; i < watched.size() && !found; ++i) {
          const Partition& p = topic.partitions[static_cast<size_t>(watched[i].partition)];
          if (!p.loaded)
            forgotten = true;
          else if (watched[i].next < p.end || watched[i].next < p.start)
            found = i;
        }
        return found || forgotten || topic.removed;
      };
      changed_.wait_for(mutex_, stop, timeout, something);
      if (topic.removed) return gone(topic);
      if (found || !forgotten) return found;
    }
    for (const auto& watch : watched) {
      auto loaded = partition(topic, watch.partition);
      if (!loaded) return std::move(loaded).error();
    }
  }
  return std::optional<size_t>();
}

Result<std::optional<Entry>> TopicTable::entry_at(const Store::Access& at,
                                                  const stream::TopicId& id, int32_t partition,
                                                  int64_t offset) {
  auto it = at.iterate(at->meta, nullptr);
  std::string key = entry_key(id, partition, offset);
  it->SeekForPrev(key);
  if (!it->status().ok()) return store_error(it->status(), "cannot read the log's index");
  std::string_view same = std::string_view(key).substr(0, key.size() - sizeof(int64_t));
  if (!it->Valid() || !view(it->key()).starts_with(same)) return std::optional<Entry>();
  ASSIGN(Entry entry, decode_entry(view(it->key()), view(it->value())));
  return std::optional<Entry>(entry);
}

void TopicTable::reclaim(const Store::Access& at, const std::string& from, const std::string& to) {
  // Only space is at stake: what fails here happens with a later compaction.
  rocksdb::Slice begin = slice(from), end = slice(to);
  rocksdb::DeleteFilesInRange(at->db.get(), at->log, &begin, &end, false).PermitUncheckedError();
  rocksdb::CompactRangeOptions options;
  options.exclusive_manual_compaction = false;
  at->db->CompactRange(options, at->log, &begin, &end).PermitUncheckedError();
}

}  // namespace leat::log
