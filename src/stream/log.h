// The ports of a durable log: TopicAdmin, TopicReader, LogTransaction, Log.
// Implemented by log/ (embedded, RocksDB) and clients/kafka_log.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "base/limits.h"
#include "base/result.h"
#include "stream/record.h"

namespace leat::stream {

/// How a topic is declared in leat.yaml's `topics:`; -1 of a retention means for ever.
struct TopicSpec {
  std::string name;
  int32_t partitions = 1;
  int64_t retention_ms = 7LL * 24 * 3600 * 1000;
  int64_t retention_bytes = -1;
  std::string format = "json";  // what its values are: json, or bytes of a foreign writer
  bool compact = false;   // only the last record of a key matters: older ones go where the log can
  bool declared = false;  // by somebody: a topic that is there should have it so
};

struct TopicInfo {
  TopicSpec spec;
  TopicId id;
  int64_t created_ms = 0;
  int64_t max_record_bytes = 0;  // of key and value together; 0: as many as any record may have
  bool expires = true;           // records go with the retention; not where they only are compacted
};

struct PartitionBounds {
  int64_t start = 0;  // first offset still there
  int64_t end = 0;    // offset the next record will get
  int64_t bytes = 0;  // stored, compressed; -1 unknown
  int64_t last_timestamp_ms = 0;
  int64_t unsettled = 0;  // offsets behind `end` of transactions that are not over
};

struct ReadLimits {
  size_t max_records = limits::kDefaultBatchRecords;
  size_t max_bytes = limits::kDefaultBatchBytes;
};

/// Reads a topic's partitions from given offsets. One thread.
class TopicReader {
 public:
  virtual ~TopicReader() = default;
  /// Starts (or goes on) reading a partition at `offset`. A partition that was never sought is not read.
  /// kDataLost when retention has passed the offset, or the topic was recreated: names the exact gap.
  virtual Result<void> seek(int32_t partition, int64_t offset) = 0;
  /// Fills `out` with records of ONE partition, fairly among those sought. False: nothing came within
  /// `timeout` (or stop). True: at least one record, however large; or none, when only out.next_offset has moved, over
  /// what nobody can read (Kafka's markers of transactions).
  virtual Result<bool> poll(RecordBatch& out, const ReadLimits& limits, std::stop_token stop,
                            std::chrono::milliseconds timeout) = 0;
  virtual Result<PartitionBounds> bounds(int32_t partition) = 0;
  /// The end of a partition that was sought, as it was seen last, without asking anybody.
  virtual int64_t end_seen(int32_t partition) = 0;
  /// A partition that does not move although records wait in it: which of them, and why; empty when all is well.
  virtual std::string trouble() const { return {}; }
};

/// Records of any topics, progress rows and state, committed together or not at all. One thread.
/// Destroyed without commit: nothing happened.
class LogTransaction {
 public:
  virtual ~LogTransaction() = default;
  /// Appends to one partition, in order. The bytes are copied (compressed) before it returns.
  virtual Result<void> append(const TopicInfo& topic, int32_t partition,
                              std::span<const OutRecord> records) = 0;
  /// The lane's progress row; compare-and-set on Progress::expected_next at commit: kConflict.
  virtual Result<void> put_progress(const Progress& progress) = 0;
  /// Small named values of the runtime (start counters, resolved `from`, sampled schemas). nullopt erases.
  virtual Result<void> put_state(std::string_view key, std::optional<std::string_view> value) = 0;
  /// Returns after the log has synced. Unknown whether it happened: an error with Retry::kFatal (a disk: only a new
  /// process can tell) or Retry::kReconnect (a server: begin() again, then progress() tells).
  virtual Result<void> commit() = 0;
};

/// Any thread.
class TopicAdmin {
 public:
  virtual ~TopicAdmin() = default;
  /// Creates the topic, or returns the one that is there; kIncompatible when its partitions differ.
  virtual Result<TopicInfo> ensure(const TopicSpec& spec) = 0;
  virtual Result<TopicInfo> find(const std::string& name) = 0;
  virtual Result<std::vector<TopicInfo>> list() = 0;
  virtual Result<void> remove(const std::string& name) = 0;
  virtual Result<PartitionBounds> bounds(const TopicInfo& topic, int32_t partition) = 0;
  /// True where offsets between a partition's ends may have no record (Kafka: markers, compaction).
  virtual bool has_gaps() const { return false; }
  /// First offset whose record time is at or after `timestamp_ms`; the end when there is none.
  virtual Result<int64_t> offset_for_time(const TopicInfo& topic, int32_t partition,
                                          int64_t timestamp_ms) = 0;
};

/// Which partitions of a topic this process reads for one lane, among all processes that run it. One thread.
/// Destroyed: this process reads none any more.
class Membership {
 public:
  virtual ~Membership() = default;
  /// Waits until the processes have shared the partitions out; empty: others have them all. What an earlier call has
  /// given goes back with this one: nothing of it may be in flight. kCancelled on stop.
  virtual Result<std::vector<int32_t>> assignment(std::stop_token stop) = 0;
  /// Of the last assignment: requested when it is to change. What has been read may still be delivered, for
  /// limits::kDrainOnStopMs; a position that is written later is refused.
  virtual std::stop_token changing() = 0;
  /// Where this process stands, for whoever watches from outside; no reader of leat's goes by it.
  virtual void report(int32_t partition, int64_t next) = 0;
};

/// The membership of a log that one process has to itself.
std::unique_ptr<Membership> sole_member(const TopicInfo& topic);

/// Any thread; each reader, transaction and membership belongs to one.
class Log {
 public:
  virtual ~Log() = default;
  virtual TopicAdmin& topics() = 0;
  virtual Result<std::unique_ptr<TopicReader>> reader(const TopicInfo& topic) = 0;
  /// Takes part in reading `topic` as `group`.
  virtual Result<std::unique_ptr<Membership>> join(const std::string& group,
                                                   const TopicInfo& topic) = 0;
  /// Processes that take part in reading as `group`, by address; a log that one process has to itself knows of none.
  virtual Result<std::vector<std::string>> members(const std::string& group) {
    static_cast<void>(group);
    return std::vector<std::string>();
  }
  /// `owner` names the lane's partition (the transactional.id on Kafka): a new owner of that name fences the old one. So whoever
  /// takes a lane over calls it first, and reads progress() then.
  virtual Result<std::unique_ptr<LogTransaction>> begin(const std::string& owner) = 0;
  /// This process has done with what `owner` names: the next begin() takes it over from whoever had it meanwhile.
  virtual void release(const std::string& owner) { static_cast<void>(owner); }
  /// Progress rows of a pipeline (all pipelines of the project when empty).
  virtual Result<std::vector<Progress>> progress(const std::string& project,
                                                 const std::string& pipeline) = 0;
  virtual Result<std::optional<std::string>> state(std::string_view key) = 0;
  /// Keys and values below a prefix, sorted.
  virtual Result<std::vector<std::pair<std::string, std::string>>> states(
      std::string_view prefix) = 0;
};

}  // namespace leat::stream
