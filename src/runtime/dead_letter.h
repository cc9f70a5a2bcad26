// Dead letter: how a rejected record is kept, read back, redriven and purged.
//
// One topic per pipeline, `<project>.<pipeline>.dlq`. An entry is a log record:
//   key      sink "|" topic "|" topic_id "|" partition "|" offset        (so writing it again replaces it)
//   value    the record's own bytes, at most limits::kDeadLetterBytes; null erases the entry
//   headers  leat-sink leat-topic leat-topic-id leat-partition leat-offset leat-stage leat-reason leat-rule
//            leat-message leat-version leat-pipeline-hash leat-time leat-length leat-sha256 leat-key
//            leat-key-length (of a key that was cut), leat-headers-cut (how many headers were left out)
//            leat-null (value was null), leat-retry (partition "/" offset of the redriven record in the retry
//            topic, for one that was rejected again), and the record's own headers, each name prefixed with "h."
// Readers take the last entry per key. Redrive moves entries to `<project>.<pipeline>.retry` (same headers)
// and erases them, in one log transaction.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "stream/log.h"
#include "stream/record.h"

namespace leat::runtime {

/// Where in the pipeline's retry topic a redriven record stood when it was rejected again.
struct RetryPlace {
  int32_t partition = 0;
  int64_t offset = 0;
};

/// One dead letter, owned.
struct DeadLetter {
  std::string sink;
  stream::RecordId id;
  std::optional<std::string> key, value;
  std::vector<std::pair<std::string, std::string>> headers;  // the record's own
  stream::Stage stage = stream::Stage::kDecode;
  stream::Reason reason = stream::Reason::kMalformed;
  std::string rule, message, pipeline_hash, sha256;
  int64_t version = 0, time_ms = 0, length = 0;
  std::optional<RetryPlace> retry;
  int32_t dlq_partition = 0;  // where it stands in the dead letter topic
  int64_t dlq_offset = 0;
  int64_t key_length = 0, headers_cut = 0;

  /// False when the record was too large to be kept whole: it cannot be run again.
  bool whole() const {
    return (!value || length == static_cast<int64_t>(value->size())) &&
           (!key || key_length == static_cast<int64_t>(key->size())) && headers_cut == 0;
  }
};

/// Builds the log records of dead letters. The views point into this object until clear(). One thread.
class DeadLetterWriter {
 public:
  DeadLetterWriter(std::string sink, std::string pipeline_hash);
  /// `id` is the record's original identity (that of a redriven record, not of the retry topic).
  void add(const stream::RecordId& id, const stream::Record& record, int64_t version,
           const stream::Reject& reject, std::optional<RetryPlace> retry = {});
  void add(const DeadLetter& letter);
  std::span<const stream::OutRecord> records();
  bool empty() const { return entries_.empty(); }
  void clear() { entries_.clear(), records_.clear(); }

 private:
  struct Entry {
    std::string key;
    std::optional<std::string> value;
    std::vector<std::pair<std::string, std::string>> headers;
    std::vector<stream::Header> views;
  };
  std::string sink_, pipeline_hash_;
  std::deque<Entry> entries_;
  std::vector<stream::OutRecord> records_;
};

/// The identity, version and target sink that a redriven record carries in its headers.
struct RetryOrigin {
  std::string_view sink;
  stream::RecordId id;
  int64_t version = 0;
  // The record as it was read first.
  int64_t time_ms = 0;
  std::optional<std::string_view> key;
  bool null_value = false;
};
std::optional<RetryOrigin> retry_origin(const stream::Record& record);

/// Gets some letters; it may take them. False: no more.
using LetterVisitor = std::function<Result<bool>(std::span<DeadLetter>)>;

/// Shows `visit` the dead letters of a pipeline as they are now, some at a time and never all in memory: the last
/// entry per key, erased ones left out, in the topic's order. No topic: no letters.
Result<void> visit_dead_letters(stream::Log& log, const std::string& topic,
                                const LetterVisitor& visit);
/// All of them at once; for tests.
Result<std::vector<DeadLetter>> read_dead_letters(stream::Log& log, const std::string& topic);

struct RedriveReport {
  int64_t matched = 0, moved = 0;
  int64_t waiting = 0;    // the lane's position has not passed them yet
  int64_t truncated = 0;  // bytes were capped: cannot be run again
};

/// Moves the letters that `wanted` accepts to the retry topic, in one transaction per 1,000. `rows`: the
/// progress rows of all the pipeline's sinks; a letter whose record, as it was
/// read last, its sink's row has not passed is left waiting, unless the topic it came from is gone.
Result<RedriveReport> redrive(stream::Log& log, const std::string& project,
                              const std::string& pipeline, int32_t partitions,
                              std::span<const stream::Progress> rows,
                              const std::function<bool(const DeadLetter&)>& wanted, bool dry_run);

/// The topic that a pipeline reads what was redriven from, made when there is none. One that is there stays as it is:
/// the pipeline may have read a topic of another number of partitions when it was made.
Result<stream::TopicInfo> ensure_retry_topic(stream::Log& log, const std::string& name,
                                             int32_t partitions);

/// Erases the letters that `wanted` accepts; how many.
Result<int64_t> purge(stream::Log& log, const std::string& project, const std::string& pipeline,
                      const std::function<bool(const DeadLetter&)>& wanted, bool dry_run);

}  // namespace leat::runtime
