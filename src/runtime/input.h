// LaneInput: where a lane's records come from: a topic (with its retry topic) or a source.
//
// Called by the lane's read thread only. Fills in versions and, for a source, mints sequence numbers; knows the
// position in memory, never stores it: the delivery stage does, with the effect.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <unordered_set>
#include <vector>

#include "io/clock.h"
#include "io/random.h"
#include "stream/log.h"
#include "stream/ports.h"

namespace leat::runtime {

/// The hash of a record's id, kept to recognise it when the API shows it again (SHA-256, cut to 128 bits).
using IdHash = std::array<uint8_t, 16>;

/// Consecutive records of one input partition on their way through a lane, with what must be committed beside.
struct InputBatch {
  stream::RecordBatch records;  // versions filled
  // Retry topic only: each record's original identity, and its offset in the retry topic. The records themselves are
  // as they were read first (key, time, offset, null value).
  std::vector<stream::RecordId> originals;
  std::vector<int64_t> retry_offsets;
  int64_t v_first = 0;     // v_prev before this batch
  int64_t v_last = 0;      // version to store as v_prev after this batch
  int64_t skipped = 0;     // retry topic: records meant for another sink (not counted as in)
  int64_t read_at_ns = 0;  // steady clock, when the read returned
  std::vector<stream::Reject> refused;  // by the input, which says why
  // A source's page only:
  std::string cursor;
  bool pass_ended = false;      // the source is exhausted after this page
  std::vector<bool> duplicate;  // per record: its id was seen before; empty: none
  std::string id_key, id_page;  // state key and value: the new ids' hashes, 16 bytes each
  std::vector<std::string> ids_to_forget;  // state keys that slide out of the window

  /// Moves the second half of a topic's records into `rest`: two batches, one after the other. Needs two records.
  void split(InputBatch& rest);

  stream::RecordId identity(size_t i) const {
    return originals.empty() ? stream::RecordId{records.origin, records.records[i].offset}
                             : originals[i];
  }
};

struct Lag {
  int64_t records = 0;    // not yet committed
  int64_t oldest_ms = 0;  // time of the first record not yet read; 0: none waits
};

/// Where a lane goes on in one input partition.
struct StartAt {
  int64_t next = 0, v_prev = 0;
};
using StartPositions = std::map<stream::TopicPartition, StartAt>;

class LaneInput {
 public:
  virtual ~LaneInput() = default;
  /// The next batch; false when nothing came within `timeout`.
  virtual Result<bool> next(InputBatch& out, std::stop_token stop,
                            std::chrono::milliseconds timeout) = 0;
  /// Fixes the end that drain waits for: what is there now. Any later call moves it no further.
  virtual Result<void> fix_end() = 0;
  /// True when everything up to the fixed end has been handed out.
  virtual Result<bool> at_end() = 0;
  /// What waits behind the given committed offsets.
  virtual Result<int64_t> waiting() = 0;
  /// Hands out one record at a time from now on, or whole batches again. A source's page stays whole.
  virtual void one_by_one(bool) {}
  /// Of a topic's partitions: where the next record is read. Behind the last record, when what follows it cannot be read.
  virtual StartPositions positions() const { return {}; }
  /// A trouble of the outside that the input is riding out by itself; empty when all is well. The reading thread.
  virtual std::string trouble() const { return {}; }
};

/// A redriven record's version is that of its first run: from its header, in a retry topic as in any other topic
/// that it was delivered to since; 0: it has none.
int64_t carried_version(const stream::Record& record);

/// The highest version that a lane whose progress rows these are has given to records of other topics than `topic`:
/// what it begins to read next goes on above it, so that the later record wins. `retry` is none of them: what comes
/// from there has versions of its own.
int64_t inherited_version(std::span<const stream::Progress> rows, const stream::TopicInfo& topic,
                          std::string_view retry);

/// A batch that is not full may wait for more.
struct BatchDelay {
  io::Clock* clock = nullptr;
  int64_t ms = 0;  // 0: a batch is what is there
};

/// `partitions` of a topic; without them, all. `retry_sink`: not empty for a retry topic: only records for that sink are handed out
/// ("*" for the one lane of a source), with their original identity and version.
Result<std::unique_ptr<LaneInput>> make_topic_input(
    stream::Log& log, const stream::TopicInfo& topic, const StartPositions& positions,
    stream::ReadLimits limits, std::string retry_sink, BatchDelay delay = {},
    std::optional<std::vector<int32_t>> partitions = {});

/// The ids of a source's recent records.
class IdWindow {
 public:
  static constexpr size_t kMaxIds = 200'000;
  /// Loads the pages stored below `prefix`.
  static Result<IdWindow> load(stream::Log& log, const std::string& prefix);
  /// True when the id was new; it is then part of the page being built.
  bool insert(std::string_view id);
  /// Ends the page: its state value, and the state keys that are to be erased with it.
  std::string take_page(int64_t sequence, std::vector<std::string>& forget);
  std::string page_key(int64_t sequence) const;

 private:
  struct Hasher {
    size_t operator()(const IdHash& hash) const;
  };
  std::string prefix_;
  std::unordered_set<IdHash, Hasher> seen_;
  std::deque<std::pair<std::string, std::vector<IdHash>>> pages_;  // oldest first
  std::vector<IdHash> building_;
};

struct SourceInputOptions {
  stream::TopicPartition origin;  // "<source>:<pipeline>", zero, 0
  StartAt start;
  std::string cursor;
  bool drain = false;      // a continuous source ends after one pass
  bool exhausted = false;  // this run of a bounded source has ended: nothing is read
  uint64_t jitter_seed = 0;
};

/// A source component. Errors that a later try may mend are ridden out with back-off; see trouble().
Result<std::unique_ptr<LaneInput>> make_source_input(std::unique_ptr<stream::Source> source,
                                                     io::Clock& clock, IdWindow ids,
                                                     SourceInputOptions options);

/// Several inputs in turn: a topic or source and its retry topic. The first is the main one.
std::unique_ptr<LaneInput> join_inputs(std::vector<std::unique_ptr<LaneInput>> inputs);

}  // namespace leat::runtime
