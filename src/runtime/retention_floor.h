// RetentionFloor: how far retention may cut a topic: never behind what a lane still has to read, or a store that lost
// its write-ahead log would have to read again.
#pragma once

#include <map>
#include <string>
#include <tuple>

#include "runtime/plan.h"
#include "stream/log.h"

namespace leat::runtime {

/// One thread. `plan` outlives it.
class RetentionFloor {
 public:
  explicit RetentionFloor(const ProjectPlan& plan) : plan_(plan) {}

  /// A position from which a lane may have to read: its present one, or that of its store's last checkpoint. The least
  /// one counts.
  void needs(const stream::Progress& row);
  /// The first offset that has to stay; INT64_MAX: nobody reads the partition.
  int64_t operator()(const stream::TopicInfo& topic, int32_t partition) const;

 private:
  using Place = std::tuple<stream::TopicId, int32_t, std::string, std::string>;  // pipeline, lane
  const ProjectPlan& plan_;
  std::map<Place, int64_t> needed_;
};

}  // namespace leat::runtime
