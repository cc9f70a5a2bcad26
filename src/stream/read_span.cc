#include "stream/read_span.h"

#include <algorithm>

namespace leat::stream {

Result<int64_t> read_span(TopicReader& reader, int32_t partition, int64_t from, int64_t to,
                          const ReadLimits& limits, std::stop_token stop, const SeeRecords& see) {
  if (from >= to) return from;
  TRY(reader.seek(partition, from));
  RecordBatch batch;
  int64_t next = from;
  while (next < to && !stop.stop_requested()) {
    batch.clear();
    ASSIGN(bool some,
           reader.poll(batch, limits, stop, std::chrono::milliseconds(limits::kReadPatienceMs)));
    if (!some && stop.stop_requested()) break;
    if (!some) {
      return Error(ErrorCode::kTimeout,
                   fmt::format("partition {} gives nothing from offset {} on, though it ends at {}",
                               partition, next, to))
          .with_blame(Blame::kExternal)
          .with_retry(Retry::kBackoff);
    }
    next = batch.next_offset;
    std::erase_if(batch.records, [&](const Record& record) { return record.offset >= to; });
    if (batch.records.empty()) continue;
    ASSIGN(bool more, see(batch));
    if (!more) break;
  }
  return next;
}

}  // namespace leat::stream
