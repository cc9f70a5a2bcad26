#include "server/sample.h"

#include <algorithm>

#include "stream/read_span.h"

namespace leat::server {

Result<std::vector<std::string>> sample_topic(stream::Log& log, const stream::TopicInfo& topic,
                                              size_t count, ShownValues& values) {
  std::vector<std::string> texts;
  const auto partitions = static_cast<size_t>(topic.spec.partitions);
  const size_t share = (count + partitions - 1) / partitions;
  for (int32_t p = 0; p < topic.spec.partitions; ++p) {
    ASSIGN(stream::PartitionBounds bounds, log.topics().bounds(topic, p));
    if (bounds.start >= bounds.end) continue;
    ASSIGN(auto reader, log.reader(topic));
    const int64_t from = std::max(bounds.start, bounds.end - static_cast<int64_t>(share));
    const auto each = [&](const stream::RecordBatch& batch) -> Result<bool> {
      for (const stream::Record& record : batch.records) {
        if (!record.value) continue;
        auto shown = values.show(*record.value, record.headers);
        texts.push_back(shown ? std::move(*shown) : std::string(*record.value));
      }
      return true;
    };
    TRY(stream::read_span(*reader, p, from, bounds.end, {share, limits::kDefaultBatchBytes}, {},
                          each));
  }
  return texts;
}

}  // namespace leat::server
