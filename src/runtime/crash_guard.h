// CrashGuard: finds the record that brings the whole process down (a parser, a function or a driver dies of it), so
// that it ends in the dead letter and its lane goes on. One per process.
//
// One small state per project in the log; a lane that stops because it was asked to leaves nothing in it (JSON):
//   starts   lane -> input partition -> [next, count]: starts in a row that found its position there, records behind
//   trial    [lane, record] that is being run alone just now
//   deaths   lane -> record -> how often the process ended while the record was run alone
//
// The first starts change nothing. From the kCareful-th at one position, or when a trial was cut off, the process is
// careful: its lanes take turns, a record at a time, each named by a synced `trial` before it is run, until each lane
// has run as many as may be in flight in it. A record named at kDeaths deaths is not run again but rejected.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "base/mutex.h"
#include "base/result.h"
#include "stream/log.h"
#include "stream/record.h"

namespace leat::runtime {

/// Any thread, after open().
class CrashGuard {
 public:
  static constexpr int kCareful = 3;
  static constexpr int kDeaths = 2;

  /// `log` outlives the guard.
  CrashGuard(stream::Log& log, const std::string& project);
  /// Reads what earlier starts have left. Before any lane runs.
  Result<void> open();

  /// Positions of the input partitions that have records behind them.
  using Waiting = std::map<stream::TopicPartition, int64_t>;
  /// Counts a start of the process for a lane, by its owner name. `window`: how many records may be in flight in it.
  Result<void> count(const std::string& lane, const Waiting& waiting, int64_t window);
  /// The lane has to take turns and to ask before it runs a record.
  bool careful(const std::string& lane) const;
  /// False: another lane has the turn.
  bool take_turn(const std::string& lane);
  /// Nothing when the lane does not have it.
  void end_turn(const std::string& lane);
  /// Names the record before it is run, synced. False: it is not to be run.
  Result<bool> admit(const std::string& lane, const stream::RecordId& record);
  /// The record named last has been delivered, and nothing of the lane is in flight: no later death is its doing.
  Result<void> acquit(const std::string& lane);
  /// The lane stopped or ended by itself: nothing is held against its records.
  Result<void> forget(const std::string& lane);

 private:
  using Start = std::pair<int64_t, int>;
  Result<void> write() REQUIRES_LOCK(mutex_);

  stream::Log& log_;
  const std::string owner_, key_;
  mutable Mutex mutex_;
  bool careful_ GUARDED_BY(mutex_) = false;
  std::map<std::string, std::map<std::string, Start>> starts_ GUARDED_BY(mutex_);
  std::map<std::string, std::map<std::string, int>> deaths_ GUARDED_BY(mutex_);
  std::pair<std::string, std::string> trial_ GUARDED_BY(mutex_);
  std::map<std::string, int64_t> window_left_ GUARDED_BY(mutex_);
  std::string turn_ GUARDED_BY(mutex_);
};

}  // namespace leat::runtime
