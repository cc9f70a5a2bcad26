#include "server/sample.h"

#include <algorithm>

namespace leat::server {

Result<std::vector<std::string>> sample_topic(stream::Log& log, const stream::TopicInfo& topic,
                                              size_t count) {
  std::vector<std::string> texts;
  stream::RecordBatch batch;
  const auto partitions = static_cast<size_t>(topic.spec.partitions);
  const size_t share = (count + partitions - 1) / partitions;
  for (int32_t p = 0; p < topic.spec.partitions; ++p) {
    ASSIGN(stream::PartitionBounds bounds, log.topics().bounds(topic, p));
    if (bounds.start >= bounds.end) continue;
    ASSIGN(auto reader, log.reader(topic));
    TRY(reader->seek(p, std::max(bounds.start, bounds.end - static_cast<int64_t>(share))));
    batch.clear();
    ASSIGN(bool some, reader->poll(batch, {share, limits::kDefaultBatchBytes}, {},
                                   std::chrono::milliseconds(0)));
    if (!some) continue;
    for (const stream::Record& record : batch.records) {
      if (record.value) texts.emplace_back(*record.value);
    }
  }
  return texts;
}

}  // namespace leat::server
