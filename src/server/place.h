// Place: where in a topic to read from or to go back to, as users write it (`--from`, `--to`).
//
//   place = "start" | "end" | ["-"] digits | TIME | partition ":" offset { "," partition ":" offset
//   }
//
// A bare number is an offset in every partition; a negative one counts back from the end. TIME is
// ISO 8601; without a zone it is UTC, a date alone its midnight. Any thread.
#pragma once

#include <cstdint>
#include <map>
#include <string_view>

#include "base/result.h"
#include "stream/log.h"

namespace leat::server {

struct Place {
  enum class Kind : uint8_t { kStart, kEnd, kOffset, kLast, kTime, kOffsets } kind = Kind::kStart;
  int64_t number = 0;  // kOffset: it; kLast: records before the end; kTime: ms since 1970
  std::map<int32_t, int64_t> offsets;  // kOffsets
};

/// kInvalidArgument says what may be written.
Result<Place> parse_place(std::string_view text);

/// The offset of the place in one partition, within [start, end]. nullopt: kOffsets leaves the
/// partition out.
Result<std::optional<int64_t>> resolve(const Place& place, stream::Log& log,
                                       const stream::TopicInfo& topic, int32_t partition);

}  // namespace leat::server
