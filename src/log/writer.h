// Writer: commits transactions, several at once in one synced write (group commit). Internal to log/.
//
// Any number of threads call commit(). The first one leads: it takes those that wait, writes them, and wakes
// them; the next of those that came meanwhile leads then. So writes are in one order, offsets have no gaps, and
// the more commit at once, the fewer syncs each pays for.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "log/record_batch.h"
#include "log/store.h"
#include "log/topics.h"

namespace leat::log {

/// What a transaction wants written. Filled by one thread, then lent to Writer::commit.
struct Intent {
  struct Append {
    std::shared_ptr<Topic> topic;
    int32_t partition = 0;
    std::vector<EncodedBatch> batches;
  };
  struct ProgressRow {
    std::string key;
    stream::Progress progress;
  };
  std::string owner;
  uint64_t ticket = 0;  // of the owner's latest begin()
  std::vector<Append> appends;
  std::vector<ProgressRow> progress;
  std::vector<std::pair<std::string, std::optional<std::string>>> state;

  std::optional<Store::Attempt> attempt;  // of the last write that failed
  Result<void> result;
  bool done = false;

  bool empty() const { return appends.empty() && progress.empty() && state.empty(); }
  size_t bytes() const;
};

class Writer {
 public:
  Writer(Store& store, TopicTable& topics, Mutex& write_mutex, io::Clock& clock)
      : store_(store), topics_(topics), write_mutex_(write_mutex), clock_(clock) {}

  /// A ticket for a transaction of `owner`; an earlier one is void from now on.
  uint64_t begin(const std::string& owner);
  /// Returns when `intent` is durable, refused, or failed.
  Result<void> commit(Intent& intent);

 private:
  struct Group;
  void write_group(std::span<Intent* const> intents) EXCLUDES(queue_mutex_);
  Result<void> stage(Intent& intent, Group& group);
  Result<void> check_progress(const Intent& intent, Group& group);
  void append(const Intent::Append& append, Group& group);

  Store& store_;
  TopicTable& topics_;
  Mutex& write_mutex_;
  io::Clock& clock_;
  Mutex queue_mutex_;
  CondVar written_;
  std::deque<Intent*> queue_ GUARDED_BY(queue_mutex_);
  bool leading_ GUARDED_BY(queue_mutex_) = false;
  std::map<std::string, uint64_t, std::less<>> tickets_ GUARDED_BY(queue_mutex_);
};

/// A transaction over `writer`.
std::unique_ptr<stream::LogTransaction> make_transaction(Writer& writer, TopicTable& topics,
                                                         const std::string& owner, Codec codec);

}  // namespace leat::log
