#include "runtime/retention_floor.h"

#include <algorithm>

namespace leat::runtime {

void RetentionFloor::needs(const stream::Progress& row) {
  const Place place{row.input.topic_id, row.input.partition, row.pipeline, row.sink};
  auto [it, fresh] = needed_.emplace(place, row.next);
  if (!fresh) it->second = std::min(it->second, row.next);
}

int64_t RetentionFloor::operator()(const stream::TopicInfo& topic, int32_t partition) const {
  int64_t least = INT64_MAX;
  for (const PipelinePlan& pipeline : plan_.pipelines) {
    const std::string* input = pipeline.input_topic();
    const bool reads =
        (input && *input == topic.spec.name) || topic.spec.name == plan_.retry_topic(pipeline.name);
    if (!reads) continue;
    for (const LanePlan& lane : pipeline.lanes()) {
      // A lane without a position yet has everything before it.
      auto it = needed_.find({topic.id, partition, pipeline.name, lane.id});
      least = std::min(least, it == needed_.end() ? 0 : it->second);
    }
  }
  return least;
}

}  // namespace leat::runtime
