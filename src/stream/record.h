// Record, RecordBatch, RecordId, Position, Progress, Reject: what flows between rooms.
//
// Identity of a record, everywhere: (topic, topic_id, partition, offset). A source that is not a topic has
// topic "<source>:<pipeline>", topic_id zero, partition 0 and a minted sequence number as offset.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "types/batch.h"

namespace leat::stream {

/// 128 bits minted when a topic is created; a recreated topic has another. Zero for a source.
struct TopicId {
  uint64_t high = 0, low = 0;
  auto operator<=>(const TopicId&) const = default;
  /// 32 hexadecimal digits.
  std::string to_string() const;
  static std::optional<TopicId> parse(std::string_view text);
};

struct TopicPartition {
  std::string topic;
  TopicId topic_id;
  int32_t partition = 0;
  auto operator<=>(const TopicPartition&) const = default;
};

struct RecordId {
  TopicPartition origin;
  int64_t offset = 0;
  auto operator<=>(const RecordId&) const = default;
  /// "users_created[3]@1234" for people; the topic_id is left out.
  std::string to_string() const;
};

struct Header {
  std::string_view key, value;
};

/// One record as a view; its bytes belong to the RecordBatch (or source page) that holds it.
struct Record {
  int64_t offset = 0;
  int64_t timestamp_ms = 0;
  std::optional<std::string_view> key, value;  // nullopt: null
  std::span<const Header> headers;
};

/// Consecutive records of one partition, in offset order (offsets may have gaps). Reused between polls.
struct RecordBatch {
  TopicPartition origin;
  std::vector<Record> records;
  std::vector<int64_t> versions;  // of each record, microseconds; filled by the lane
  int64_t next_offset = 0;        // where to read on after this batch
  size_t bytes = 0;               // of keys, values and headers
  std::vector<Header> header_storage;
  std::vector<std::shared_ptr<const std::string>> storage;  // the bytes behind the views

  void clear() {
    records.clear(), versions.clear(), header_storage.clear(), storage.clear();
    bytes = 0;
  }
};

/// A record on its way into a topic.
struct OutRecord {
  std::optional<std::string_view> key, value;
  std::span<const Header> headers;
  int64_t timestamp_ms = 0;  // 0: the log stamps it
};

/// Where a rejected record failed. Names are the contract (dead letter, metrics, tests).
enum class Stage : uint8_t { kDecode, kTransform, kQuality, kEncode, kSink };
/// Why. Closed list; names are the contract.
enum class Reason : uint8_t {
  kMalformed,
  kInvalidUtf8,
  kNotObject,
  kMissingField,
  kWrongType,
  kOutOfRange,
  kDuplicateKey,
  kTooDeep,
  kTooLarge,
  kNullValue,
  kNullKey,
  kExpressionFailed,
  kRuleFailed,
  kUnknownSchema,
  kSchemaMismatch,
  kEncodeFailed,
  kSinkRefused,
};
std::string_view to_string(Stage stage);
std::string_view to_string(Reason reason);
std::optional<Stage> parse_stage(std::string_view text);
std::optional<Reason> parse_reason(std::string_view text);

/// A bad record: which of the batch, where and why. Travels beside the good rows, never instead of them.
struct Reject {
  uint32_t record = 0;  // index in RecordBatch::records
  Stage stage = Stage::kDecode;
  Reason reason = Reason::kMalformed;
  std::string rule;     // name of the rule, or empty
  std::string message;  // deterministic: depends on the record alone
};

/// Cumulative counts of a lane, per input partition: one column per record, the first that applies in the
/// order rejected, delivered, dropped, deduplicated, expired, filtered. `rows` counts rows written, apart.
struct Ledger {
  int64_t in = 0, delivered = 0, rejected = 0, dropped = 0, filtered = 0, deduplicated = 0,
          expired = 0;
  int64_t rows = 0;
  bool balanced() const {
    return in == delivered + rejected + dropped + filtered + deduplicated + expired;
  }
  Ledger& operator+=(const Ledger& other);
  bool operator==(const Ledger&) const = default;
};

/// The progress row: written in the same transaction as the effect. The sink's own row is the truth.
struct Progress {
  std::string project, pipeline, sink;
  TopicPartition input;
  int64_t next = 0;    // next offset (or sequence) to read
  int64_t v_prev = 0;  // version of the last record before `next`, microseconds
  std::string pipeline_hash;
  std::string cursor;  // opaque, of a source that is not a topic; else empty
  Ledger ledger;
  /// What `next` must be in the store now for this write to apply (compare-and-set); -1: no row yet.
  int64_t expected_next = -1;
};

/// v = max(v_prev + 1, 1000 * timestamp_ms); a time outside 2000-2100 counts as v_prev + 1.
int64_t next_version(int64_t v_prev, int64_t timestamp_ms);
/// False for a version that no record of a legal time has.
bool is_version(int64_t version);

/// Kafka's murmur2 (org.apache.kafka.common.utils.Utils.murmur2), as Java's int.
int32_t murmur2(std::string_view bytes);

/// Kafka's murmur2 partitioner over the key's bytes: (murmur2(key) & 0x7fffffff) % partitions.
int32_t partition_of(std::string_view key, int32_t partitions);

}  // namespace leat::stream
