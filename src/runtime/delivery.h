// Delivery: the third stage of a lane. Puts an outcome's rows, dead letters and position where they belong,
// so that a kill at any instruction loses and doubles nothing.
//
//   topics, discard   one log transaction: rows, dead letters, ids, progress row
//   store             dead letters in a log transaction first; then rows and progress row in the store's own
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "runtime/dead_letter.h"
#include "runtime/outcome.h"
#include "stream/log.h"
#include "stream/ports.h"

namespace leat::runtime {

/// Names of the lane whose progress is kept.
struct LaneName {
  std::string project, pipeline, sink;
  /// Of what the lane has as a whole: its group of processes, its turn when records run alone.
  std::string owner() const { return project + "." + pipeline + "." + sink; }
  /// In which its processes share the input's partitions out (docs/kafka.md).
  std::string group() const { return "leat." + owner(); }
  /// Of its transactions over one input partition (a source's is 0), so that a process which takes the partition over
  /// fences the one that had it.
  std::string owner(int32_t partition) const { return owner() + "." + std::to_string(partition); }
};

using ProgressMap = std::map<stream::TopicPartition, stream::Progress>;

/// One thread (the lane's write thread), after open().
class Delivery {
 public:
  virtual ~Delivery() = default;
  /// Connects and returns the committed progress rows. Called again after Retry::kReconnect.
  virtual Result<std::vector<stream::Progress>> open() = 0;
  /// Delivers the outcome and `progress` (of the outcome's input partition). May turn rows that the store
  /// refuses into rejects: then outcome.delta and progress.ledger have been corrected.
  virtual Result<void> write(Outcome& outcome, stream::Progress& progress) = 0;
};

struct DeadLetterTarget {
  stream::TopicInfo topic;
  std::string pipeline_hash;
};

struct DeliveredTopic {
  stream::TopicInfo topic;
  std::string schema_header;    // of each record, `__value_schema_id`; empty: none
  std::string key_header = {};  // `__key_schema_id`, likewise
};

/// `partitions`: of the input, which the lane takes over when it opens the delivery.
std::unique_ptr<Delivery> make_topic_delivery(stream::Log& log, LaneName name,
                                              DeadLetterTarget dead_letters,
                                              std::vector<DeliveredTopic> topics,
                                              std::vector<int32_t> partitions = {0});

std::unique_ptr<Delivery> make_store_delivery(stream::Log& log, LaneName name,
                                              DeadLetterTarget dead_letters,
                                              std::unique_ptr<stream::Sink> sink);

}  // namespace leat::runtime
