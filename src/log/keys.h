// The rows of the log's three column families, and their keys and values as bytes.
//
//   log     batch        record_batch.h
//   meta    "commit"     u64: number of the last transaction group
//           "epoch"      u64: raised by one whenever a process opens the log for writing
//           "format"     u32: of the whole directory
//           "i" topic_id:16 partition:u32be base_offset:u64be
//                        entry of a batch: count:u32 size:u32 last_time:i64 end_bytes:u64
//                        (end_bytes: of all batches of the partition ever, up to and with this one)
//           "p" topic_id:16 partition:u32be
//                        what retention left: start:u64 end:u64 last_time:i64 end_bytes:u64
//           "t" name     topic: version:u8=1 topic_id:16 partitions:varint retention_ms:zigzag
//                        retention_bytes:zigzag format:string created_ms:zigzag
//   state   "p" project 0 pipeline 0 sink 0 topic 0 topic_id:16 partition:u32be
//                        progress: version:u8=1 next:zigzag v_prev:zigzag hash:string cursor:string and
//                        in, delivered, rejected, dropped, filtered, deduplicated, expired, rows: zigzag
//           "s" key      a value of the runtime
//
// The entries are apart from the batches so that bounds, times and retention need not read the batches.
// The batch, its entry, and the progress are put in the same atomic write. Any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "log/coding.h"
#include "stream/log.h"
#include "stream/record.h"

namespace leat::log {

constexpr uint32_t kFormat = 1;
constexpr std::string_view kCommitKey = "commit", kEpochKey = "epoch", kFormatKey = "format";
constexpr std::string_view kTopicPrefix = "t", kEntryPrefix = "i", kPartitionPrefix = "p";
constexpr std::string_view kProgressPrefix = "p", kStatePrefix = "s";
constexpr size_t kLogKeyBytes = 28;

struct LogPlace {
  stream::TopicId topic_id;
  int32_t partition = 0;
  int64_t base_offset = 0;
};

/// The batch that begins at an offset.
std::string log_key(const stream::TopicId& id, int32_t partition, int64_t base_offset);
/// Below every batch of a partition, and above every one of the partition before.
std::string partition_key(const stream::TopicId& id, int32_t partition);
/// Above every key that begins with `prefix`; `prefix` is not all 0xff.
std::string after_prefix(std::string prefix);
std::optional<LogPlace> parse_log_key(std::string_view key);

/// What the index knows of a batch.
struct Entry {
  int64_t base_offset = 0;
  uint32_t count = 0, size = 0;
  int64_t last_time_ms = 0;
  uint64_t end_bytes = 0;
  int64_t end_offset() const { return base_offset + count; }
};
std::string entry_key(const stream::TopicId& id, int32_t partition, int64_t base_offset);
std::string encode_entry(const Entry& entry);
Result<Entry> decode_entry(std::string_view key, std::string_view value);

/// What retention leaves behind, so that offsets and times go on where they were.
struct PartitionRow {
  int64_t start = 0, end = 0, last_time_ms = 0;
  uint64_t end_bytes = 0;
};
std::string partition_row_key(const stream::TopicId& id, int32_t partition);
std::string encode_partition_row(const PartitionRow& row);
Result<PartitionRow> decode_partition_row(std::string_view value);

std::string topic_key(std::string_view name);
std::string encode_topic(const stream::TopicInfo& topic);
Result<stream::TopicInfo> decode_topic(std::string_view key, std::string_view value);

/// kInvalidArgument when a name holds a NUL byte.
Result<std::string> progress_key(const stream::Progress& progress);
/// Below all progress rows of a pipeline; of the whole project when `pipeline` is empty.
std::string progress_prefix(std::string_view project, std::string_view pipeline);
std::string encode_progress(const stream::Progress& progress);
/// `expected_next` becomes `next`: what a writer that goes on from here expects.
Result<stream::Progress> decode_progress(std::string_view key, std::string_view value);

std::string state_key(std::string_view key);

}  // namespace leat::log
