// Lane: the way of records from one input into one sink (or, from a source, into all its topics).
//
//            queue (bytes)            queue (bytes)
//   read ───────────────▶ transform ───────────────▶ write
//   LaneInput             Transformer                Delivery
//
// Three threads, each looping over a step that a test can call in any order. Only the write stage moves the
// position, in the same transaction as the effect.
//
//   starting ─▶ running ⇄ backing_off        (a store or source that is down; the lane waits for it)
//      │          │  ⇄ paused
//      │          ├─▶ draining ─▶ ended      (drain reached its fixed end, or a bounded source its own)
//      │          ├─▶ stopped                (asked to)
//      └──────────┴─▶ failed                 (the supervisor starts it again, or not: its error says)
//
// Before it starts, and whenever the processes that run the lane share its input out anew, it waits in standby while
// others have all partitions.
#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/queue.h"
#include "io/clock.h"
#include "io/random.h"
#include "runtime/crash_guard.h"
#include "runtime/delivery.h"
#include "runtime/drift.h"
#include "runtime/input.h"
#include "runtime/lane_metrics.h"
#include "runtime/transformer.h"

namespace leat::runtime {

enum class LaneState : uint8_t {
  kStarting,
  kStandby,
  kRunning,
  kPaused,
  kBackingOff,
  kDraining,
  kEnded,
  kStopped,
  kFailed
};
std::string_view to_string(LaneState state);

/// What a lane shows of itself, at one moment.
struct LaneSnapshot {
  LaneName name;
  LaneState state = LaneState::kStarting;
  stream::Ledger ledger;  // committed, all input partitions
  int64_t in_flight = 0;  // records read and not yet committed
  int64_t waiting = -1;   // records not read yet; -1 unknown
  int64_t lag_ms = 0;     // age of the last committed record when more wait; else 0
  double rate = 0;        // records per second committed, over the last seconds
  int restarts = 0;
  std::string error;  // of the last failure, or the trouble being ridden out
  std::vector<stream::Progress> progress;
  std::vector<std::pair<std::string, int64_t>> rule_hits;
  std::vector<std::string> drift;  // how records differ from the expected types; the latest ones
};

struct LaneOptions {
  LaneName name;
  std::string pipeline_hash;
  std::string run_id;              // of a source's lane
  std::vector<std::string> rules;  // names, for counts
  uint64_t jitter_seed = 0;
  CrashGuard* guard = nullptr;  // outlives the lane; null: none
  size_t sinks = 1;             // topics that an outcome has rows for
  size_t gather = 0;    // of a topic's lane: fewer waiting records than these gather while a
                        // batch is on its way; 0: whatever is there is read at once
  types::Schema input;  // the types that JSON records are expected to have
  bool drift = true;    // they are watched
  std::function<void(const stream::TopicPartition&, int64_t next)>
      report;  // of what has been committed; may be empty
};

class Lane {
 public:
  Lane(LaneOptions options, io::Clock& clock, std::unique_ptr<LaneInput> input,
       std::unique_ptr<Transformer> transformer, std::unique_ptr<Delivery> delivery,
       ProgressMap committed, LaneMetrics& metrics);

  /// Runs the three threads until `stop` (what was read is delivered first, within limits::kDrainOnStopMs),
  /// the end of a drain, or an error. Blocks.
  Result<void> run(std::stop_token stop);

  /// One step of each stage: true when it did something. A test calls them in any order.
  Result<bool> step_read(std::stop_token stop, std::chrono::milliseconds timeout);
  Result<bool> step_transform(std::stop_token stop);
  Result<bool> step_write(std::stop_token stop);

  /// From here on: end as soon as all that is there now has been delivered. Any thread.
  void drain() { drain_.store(true); }
  void pause(bool on) { paused_.store(on); }
  /// Any thread.
  LaneSnapshot snapshot() const;
  bool ended() const { return ended_.load(); }

 private:
  Result<bool> transform(std::unique_ptr<Outcome> outcome, std::stop_token stop);
  Result<bool> transform_halves(std::unique_ptr<Outcome> outcome, std::stop_token stop);
  Result<bool> on_trial(std::chrono::milliseconds timeout, std::stop_token stop);
  Result<bool> gathers(std::chrono::milliseconds timeout, std::stop_token stop);
  Result<void> write_patiently(Outcome& outcome, stream::Progress& progress, std::stop_token stop);
  /// One try. `reopen`: the session was lost, and what its last write did is unknown; false again
  /// once it stands.
  Result<void> write_once(Outcome& outcome, stream::Progress& progress, bool& reopen);
  stream::Progress progress_after(const Outcome& outcome) const;
  void committed(const stream::Progress& progress, const Outcome& outcome);
  /// Only when all that was read is delivered: positions move over what cannot be read, so that nothing seems to wait.
  void settle();
  void watch_drift(const Outcome& outcome);
  void set_state(LaneState state, std::string error = {});
  std::unique_ptr<Outcome> take_spare();

  const LaneOptions options_;
  io::Clock& clock_;
  std::unique_ptr<LaneInput> input_;
  std::unique_ptr<Transformer> transformer_;
  std::unique_ptr<Delivery> delivery_;
  LaneMetrics& metrics_;
  io::Random jitter_;
  BoundedQueue<std::unique_ptr<Outcome>> read_queue_, write_queue_;
  std::atomic<bool> drain_{false}, paused_{false}, ended_{false}, sink_trouble_{false};
  std::atomic<int64_t> in_flight_{0}, waiting_{-1};
  std::string told_trouble_;  // read thread only
  DriftWatch drift_watch_;    // transform thread only
  // Read thread only: a batch was read, and a stop came before it was handed on.
  bool left_ = false;
  bool careful_ = false;  // read thread only: records go one by one, in turn with other lanes

  mutable Mutex mutex_;
  LaneState state_ GUARDED_BY(mutex_) = LaneState::kRunning;
  std::string error_ GUARDED_BY(mutex_);
  ProgressMap committed_ GUARDED_BY(mutex_);
  std::vector<std::unique_ptr<Outcome>> spare_ GUARDED_BY(mutex_);
  std::vector<int64_t> rule_hits_ GUARDED_BY(mutex_);
  std::vector<std::string> drift_ GUARDED_BY(mutex_);
  std::deque<std::pair<int64_t, int64_t>> history_
      GUARDED_BY(mutex_);  // steady ms, records committed
  int64_t last_record_ms_ GUARDED_BY(mutex_) = 0;
};

}  // namespace leat::runtime
