// read_span: what a topic holds just now, read to its end; for whoever lists records, letters or samples.
#pragma once

#include <functional>

#include "stream/log.h"

namespace leat::stream {

/// False: enough.
using SeeRecords = std::function<Result<bool>(const RecordBatch&)>;

/// Hands `see` the records of one partition with offsets in [from, to), batch by batch. Returns where it has ended: `to`
/// or beyond, unless `see` had enough or stop came. kTimeout when the log, which has them, does not give them.
Result<int64_t> read_span(TopicReader& reader, int32_t partition, int64_t from, int64_t to,
                          const ReadLimits& limits, std::stop_token stop, const SeeRecords& see);

}  // namespace leat::stream
