#include "server/place.h"

#include <algorithm>
#include <charconv>
#include <deque>

#include "stream/read_span.h"
#include "types/temporal.h"

namespace leat::server {
namespace {

template <typename T>
bool whole_number(std::string_view text, T& value) {
  auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  return !text.empty() && code == std::errc() && end == text.data() + text.size();
}

std::optional<int64_t> parse_time_ms(std::string_view text) {
  std::optional<int64_t> us = types::parse_timestamp_tz(text);
  if (!us) us = types::parse_timestamp(text);
  if (!us) {
    if (auto days = types::parse_date(text);
        days && *days != types::kDateInfinity && *days != -types::kDateInfinity) {
      return int64_t{*days} * 86'400'000;
    }
    return std::nullopt;
  }
  if (*us == types::kTimestampInfinity || *us == -types::kTimestampInfinity) return std::nullopt;
  // Up: the first record at or after the time may not be one before it.
  return *us >= 0 ? (*us + 999) / 1000 : *us / 1000;
}

bool parse_offsets(std::string_view text, std::map<int32_t, int64_t>& offsets) {
  while (true) {
    std::string_view pair = text.substr(0, text.find(','));
    size_t colon = pair.find(':');
    int32_t partition = 0;
    int64_t offset = 0;
    if (colon == std::string_view::npos || !whole_number(pair.substr(0, colon), partition) ||
        !whole_number(pair.substr(colon + 1), offset) || partition < 0 || offset < 0) {
      return false;
    }
    if (!offsets.emplace(partition, offset).second) return false;
    if (pair.size() == text.size()) return true;
    text.remove_prefix(pair.size() + 1);
  }
}

/// Where the last `count` records of a partition begin, when not every offset has one.
Result<int64_t> last_records(stream::Log& log, const stream::TopicInfo& topic, int32_t partition,
                             const stream::PartitionBounds& bounds, int64_t count) {
  for (int64_t window = count;; window *= 4) {
    const int64_t from = std::max(bounds.start, bounds.end - std::min(window, bounds.end));
    std::deque<int64_t> offsets;  // of the last ones so far
    const auto each = [&](const stream::RecordBatch& batch) -> Result<bool> {
      for (const stream::Record& record : batch.records) {
        offsets.push_back(record.offset);
        if (static_cast<int64_t>(offsets.size()) > count) offsets.pop_front();
      }
      return true;
    };
    ASSIGN(auto reader, log.reader(topic));
    TRY(stream::read_span(*reader, partition, from, bounds.end, {}, {}, each));
    if (static_cast<int64_t>(offsets.size()) == count) return offsets.front();
    if (from == bounds.start) return from;
  }
}

}  // namespace

Result<Place> parse_place(std::string_view text) {
  Place place;
  if (text == "start") return place;
  if (text == "end") {
    place.kind = Place::Kind::kEnd;
    return place;
  }
  if (int64_t number = 0; whole_number(text, number) && number != INT64_MIN) {
    place.kind = text.front() == '-' ? Place::Kind::kLast : Place::Kind::kOffset;
    place.number = number < 0 ? -number : number;
    return place;
  }
  if (auto ms = parse_time_ms(text)) {
    place.kind = Place::Kind::kTime;
    place.number = *ms;
    return place;
  }
  if (parse_offsets(text, place.offsets)) {
    place.kind = Place::Kind::kOffsets;
    return place;
  }
  return Error(ErrorCode::kInvalidArgument,
               fmt::format("\"{}\" is no place in a topic", text.substr(0, 80)))
      .with_hint(
          "expected start, end, an offset such as 1200, the last records as -10, a time such as "
          "2026-11-22T10:00:00Z, or offsets by partition as 0:120,1:98");
}

Result<std::optional<int64_t>> resolve(const Place& place, stream::Log& log,
                                       const stream::TopicInfo& topic, int32_t partition) {
  stream::TopicAdmin& topics = log.topics();
  ASSIGN(stream::PartitionBounds bounds, topics.bounds(topic, partition));
  int64_t offset = bounds.start;
  switch (place.kind) {
    case Place::Kind::kStart:
      break;
    case Place::Kind::kEnd:
      offset = bounds.end;
      break;
    case Place::Kind::kOffset:
      offset = place.number;
      break;
    case Place::Kind::kLast:
      offset = bounds.end - std::min(place.number, bounds.end);
      if (topics.has_gaps() && place.number > 0) {
        ASSIGN(offset, last_records(log, topic, partition, bounds, place.number));
      }
      break;
    case Place::Kind::kTime: {
      ASSIGN(offset, topics.offset_for_time(topic, partition, place.number));
      break;
    }
    case Place::Kind::kOffsets: {
      auto it = place.offsets.find(partition);
      if (it == place.offsets.end()) return std::optional<int64_t>();
      offset = it->second;
      break;
    }
  }
  return std::optional(std::clamp(offset, bounds.start, bounds.end));
}

}  // namespace leat::server
