#include "log/reader.h"

#include <optional>
#include <utility>
#include <vector>

#include "log/keys.h"
#include "log/record_batch.h"

namespace leat::log {
namespace {

/// Where the reader is in one partition.
struct Cursor {
  int32_t partition = 0;
  int64_t next = 0;                  // offset of the next record to hand out
  std::optional<BatchReader> batch;  // holds `next`, when set
};

class Reader final : public stream::TopicReader {
 public:
  Reader(Store& store, TopicTable& topics, std::shared_ptr<Topic> topic,
         const stream::TopicInfo& info)
      : store_(store), topics_(topics), topic_(std::move(topic)), info_(info) {}

  Result<void> seek(int32_t partition, int64_t offset) override;
  Result<bool> poll(stream::RecordBatch& out, const stream::ReadLimits& limits,
                    std::stop_token stop, std::chrono::milliseconds timeout) override;
  Result<stream::PartitionBounds> bounds(int32_t partition) override {
    return topics_.bounds(info_, partition);
  }
  int64_t end_seen(int32_t partition) override {
    auto seen = topics_.bounds(info_, partition);
    return seen ? seen->end : 0;
  }

 private:
  Result<void> fill(Cursor& cursor, int64_t end, stream::RecordBatch& out,
                    const stream::ReadLimits& limits);
  Result<void> load(Cursor& cursor, int64_t end, rocksdb::Iterator& it);
  Result<void> take(Cursor& cursor, stream::RecordBatch& out, const stream::ReadLimits& limits);
  Error lost(const Cursor& cursor, const Partition& bounds) const;
  Error corrupt(const Cursor& cursor, int64_t from, int64_t to, std::string_view why) const;

  Store& store_;
  TopicTable& topics_;
  const std::shared_ptr<Topic> topic_;
  const stream::TopicInfo info_;
  Compressor compressor_;
  std::vector<Cursor> cursors_;
  size_t turn_ = 0;  // the cursor that is asked first at the next poll
  std::vector<Watch> watched_;
  std::vector<std::pair<size_t, size_t>> header_ranges_;  // per record of `out`: first and count
};

Error Reader::lost(const Cursor& cursor, const Partition& bounds) const {
  if (cursor.next < bounds.start) {
    return Error(
               ErrorCode::kDataLost,
               fmt::format(
                   "records {}[{}] from offset {} to {} were deleted by retention before they were "
                   "read",
                   info_.spec.name, cursor.partition, cursor.next, bounds.start - 1))
        .with_hint(
            fmt::format("`leat reset PIPELINE --to start` goes on at offset {}", bounds.start));
  }
  return Error(ErrorCode::kDataLost, fmt::format("{}[{}] ends at offset {}, but offset {} was read "
                                                 "before: records {} to {} are lost",
                                                 info_.spec.name, cursor.partition, bounds.end,
                                                 cursor.next, bounds.end, cursor.next - 1))
      .with_hint(
          "the log's directory is older than the position: restore it, or `leat reset PIPELINE "
          "--to end`");
}

Error Reader::corrupt(const Cursor& cursor, int64_t from, int64_t to, std::string_view why) const {
  return Error(ErrorCode::kCorrupt,
               fmt::format("records {}[{}] from offset {} to {} cannot be read: {}",
                           info_.spec.name, cursor.partition, from, to - 1, why))
      .with_hint(
          fmt::format("restore a backup, or `leat reset PIPELINE --to {}` goes on after them", to));
}

Result<void> Reader::seek(int32_t partition, int64_t offset) {
  ASSIGN(auto live, topics_.get(info_, partition));
  ASSIGN(Partition bounds, topics_.partition(*live, partition));
  Cursor cursor;
  cursor.partition = partition;
  cursor.next = offset;
  if (offset < bounds.start || offset > bounds.end) return lost(cursor, bounds);
  for (auto& known : cursors_) {
    if (known.partition != partition) continue;
    known = std::move(cursor);
    return {};
  }
  cursors_.push_back(std::move(cursor));
  return {};
}

Result<bool> Reader::poll(stream::RecordBatch& out, const stream::ReadLimits& limits,
                          std::stop_token stop, std::chrono::milliseconds timeout) {
  out.clear();
  // In turn, so that a busy partition does not starve the others.
  watched_.clear();
  for (size_t i = 0; i < cursors_.size(); ++i) {
    const Cursor& cursor = cursors_[(turn_ + i) % cursors_.size()];
    watched_.push_back({cursor.partition, cursor.next});
  }
  ASSIGN(auto found, topics_.wait(*topic_, watched_, stop, timeout));
  if (!found) return false;
  size_t index = (turn_ + *found) % cursors_.size();
  Cursor& cursor = cursors_[index];
  ASSIGN(Partition bounds, topics_.partition(*topic_, cursor.partition));
  if (cursor.next < bounds.start) return lost(cursor, bounds);

  turn_ = index + 1;
  out.origin.topic = info_.spec.name;
  out.origin.topic_id = info_.id;
  out.origin.partition = cursor.partition;
  header_ranges_.clear();
  auto filled = fill(cursor, bounds.end, out, limits);
  // An error behind good records waits for the next call, which meets it again.
  if (!filled && out.records.empty()) return std::move(filled).error();
  for (size_t i = 0; i < out.records.size(); ++i) {
    out.records[i].headers =
        std::span(out.header_storage).subspan(header_ranges_[i].first, header_ranges_[i].second);
  }
  out.next_offset = cursor.next;
  return true;
}

Result<void> Reader::fill(Cursor& cursor, int64_t end, stream::RecordBatch& out,
                          const stream::ReadLimits& limits) {
  auto full = [&] {
    return out.records.size() >= limits.max_records || out.bytes >= limits.max_bytes;
  };
  if (cursor.batch) TRY(take(cursor, out, limits));
  if (cursor.batch || cursor.next >= end || full()) return {};
  ASSIGN(auto at, store_.access());
  auto it = at.iterate(at->log, nullptr);
  while (!cursor.batch && cursor.next < end && !full()) {
    TRY(load(cursor, end, *it));
    TRY(take(cursor, out, limits));
  }
  return {};
}

/// Opens the batch that holds cursor.next.
Result<void> Reader::load(Cursor& cursor, int64_t end, rocksdb::Iterator& it) {
  std::string wanted = log_key(topic_->id, cursor.partition, cursor.next);
  if (it.Valid()) it.Next();
  if (!it.Valid() || view(it.key()) != wanted) it.SeekForPrev(wanted);
  if (!it.Valid() && !it.status().ok()) {
    Error error = store_error(it.status(), "cannot read the log");
    if (error.code() != ErrorCode::kCorrupt) return error;
    return corrupt(cursor, cursor.next, end, error.message());
  }
  auto place = it.Valid() ? parse_log_key(view(it.key())) : std::nullopt;
  bool mine = place && place->topic_id == topic_->id && place->partition == cursor.partition;
  if (!mine) return corrupt(cursor, cursor.next, end, "no batch is there");
  auto batch = BatchReader::open(view(it.key()), view(it.value()), compressor_);
  if (!batch) {
    it.Next();
    auto after = it.Valid() ? parse_log_key(view(it.key())) : std::nullopt;
    bool known = after && after->topic_id == topic_->id && after->partition == cursor.partition;
    return corrupt(cursor, place->base_offset, known ? after->base_offset : end,
                   batch.error().message());
  }
  if (batch->end_offset() <= cursor.next)
    return corrupt(cursor, cursor.next, end, "no batch is there");
  if (auto skipped = batch->skip_to(cursor.next); !skipped) {
    return corrupt(cursor, batch->base_offset(), batch->end_offset(), skipped.error().message());
  }
  cursor.batch = std::move(batch).value();
  return {};
}

/// Hands out what fits from the open batch; forgets it at its end.
Result<void> Reader::take(Cursor& cursor, stream::RecordBatch& out,
                          const stream::ReadLimits& limits) {
  BatchReader& batch = *cursor.batch;
  out.storage.push_back(batch.bytes());
  stream::Record record;
  while (!batch.done() && out.records.size() < limits.max_records) {
    size_t first_header = out.header_storage.size();
    if (auto next = batch.next(record, out.header_storage); !next) {
      Error error = corrupt(cursor, cursor.next, batch.end_offset(), next.error().message());
      cursor.batch.reset();
      return error;
    }
    size_t bytes =
        (record.key ? record.key->size() : 0) + (record.value ? record.value->size() : 0);
    for (size_t i = first_header; i < out.header_storage.size(); ++i) {
      bytes += out.header_storage[i].key.size() + out.header_storage[i].value.size();
    }
    if (!out.records.empty() && out.bytes + bytes > limits.max_bytes) {
      batch.put_back();
      out.header_storage.resize(first_header);
      return {};
    }
    out.bytes += bytes;
    out.records.push_back(record);
    header_ranges_.emplace_back(first_header, out.header_storage.size() - first_header);
    cursor.next = record.offset + 1;
  }
  if (batch.done()) cursor.batch.reset();
  return {};
}

}  // namespace

std::unique_ptr<stream::TopicReader> make_reader(Store& store, TopicTable& topics,
                                                 std::shared_ptr<Topic> topic,
                                                 const stream::TopicInfo& info) {
  return std::make_unique<Reader>(store, topics, std::move(topic), info);
}

}  // namespace leat::log
