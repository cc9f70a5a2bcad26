// GET /api/v1/topics/{topic}/records: a topic's records as NDJSON, one object per line; `leat tap`.
//
//   line = {"topic", "partition", "offset", "timestamp", key…, value…, ["headers": {name…: …}]} LF
//
// key and value stand under `key` and `value` when they are JSON (byte for byte, so numbers stay
// exact), under `key_text` and `value_text` when they are other UTF-8, else under `…_base64`; null
// is null. A value of a registered schema is shown as the JSON it stands for. First partition by partition up to the ends at the time of the request; then, with
// `follow`, what comes, until the client goes. Runs on the stream's own thread; memory is one
// batch.
#include <algorithm>

#include "base/limits.h"
#include "base/strings.h"
#include "server/backend.h"
#include "server/filter.h"
#include "server/place.h"
#include "server/sample.h"
#include "server/shown_values.h"
#include "stream/read_span.h"
#include "types/json_schema.h"

namespace leat::server {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kFollowPoll{500};
constexpr size_t kSampleRecords = 500;
constexpr stream::ReadLimits kReadLimits{limits::kDefaultBatchRecords, limits::kMiB};

void append_headers(std::string& line, const stream::Record& record) {
  if (record.headers.empty()) return;
  line += ",\"headers\":{";
  bool first = true;
  for (const auto& [name, value] : record.headers) {
    line += first ? "" : ",";
    first = false;
    line += json_text(name) + ":";
    line += is_utf8(value) ? json_text(value) : fmt::format("{{\"base64\":\"{}\"}}", base64(value));
  }
  line += '}';
}

void append_line(std::string& out, const stream::TopicPartition& origin,
                 const stream::Record& record) {
  out += fmt::format("{{\"topic\":\"{}\",\"partition\":{},\"offset\":{},\"timestamp\":{}",
                     origin.topic, origin.partition, record.offset,
                     dump(time_json(record.timestamp_ms)));
  if (record.key)
    append_bytes(out, "key", *record.key);
  else
    out += ",\"key\":null";
  if (record.value)
    append_bytes(out, "value", *record.value);
  else
    out += ",\"value\":null";
  append_headers(out, record);
  out += "}\n";
}

/// One partition and the offsets [next, end) that are to be shown.
struct Span {
  int32_t partition;
  int64_t next, end;
};

/// The answer while it is being written: what was asked, and how much is left of the limit.
class Tap {
 public:
  Tap(stream::Log& log, stream::TopicInfo topic, std::vector<Span> spans, int64_t limit,
      bool follow, std::unique_ptr<RecordFilter> filter, ShownValues values)
      : log_(log),
        topic_(std::move(topic)),
        spans_(std::move(spans)),
        left_(limit),
        follow_(follow),
        filter_(std::move(filter)),
        values_(std::move(values)) {}

  Result<void> run(net::StreamWriter& out, std::stop_token stop) {
    for (Span& span : spans_) {
      if (left_ <= 0) return {};
      TRY(show(span, out, stop));
    }
    if (!follow_ || left_ <= 0) return {};
    ASSIGN(auto reader, log_.reader(topic_));
    for (const Span& span : spans_) TRY(reader->seek(span.partition, span.next));
    stream::RecordBatch batch;
    while (left_ > 0 && !stop.stop_requested()) {
      batch.clear();
      ASSIGN(bool some, reader->poll(batch, kReadLimits, stop, kFollowPoll));
      if (some) TRY(write(batch, out));
    }
    return {};
  }

 private:
  Result<void> show(Span& span, net::StreamWriter& out, const std::stop_token& stop) {
    if (span.next >= span.end) return {};
    ASSIGN(auto reader, log_.reader(topic_));
    const auto each = [&](const stream::RecordBatch& batch) -> Result<bool> {
      TRY(write(batch, out));
      return left_ > 0;
    };
    ASSIGN(span.next, stream::read_span(*reader, span.partition, span.next, span.end, kReadLimits,
                                        stop, each));
    return {};
  }

  Result<void> write(stream::RecordBatch batch, net::StreamWriter& out) {
    values_.show(batch);
    std::vector<char> keep;
    if (filter_) {
      ASSIGN(keep, filter_->keep(batch));
    }
    lines_.clear();
    for (size_t i = 0; i < batch.records.size() && left_ > 0; ++i) {
      if (filter_ && !keep[i]) continue;
      append_line(lines_, batch.origin, batch.records[i]);
      --left_;
    }
    return lines_.empty() ? Result<void>() : out.write(lines_);
  }

  stream::Log& log_;
  const stream::TopicInfo topic_;
  std::vector<Span> spans_;
  int64_t left_;
  const bool follow_;
  std::unique_ptr<RecordFilter> filter_;
  ShownValues values_;
  std::string lines_;
};

Result<std::vector<Span>> spans_of(stream::Log& log, const stream::TopicInfo& topic,
                                   const Place& from, int64_t partition) {
  if (partition >= topic.spec.partitions) {
    return Error(ErrorCode::kInvalidArgument,
                 fmt::format("topic {} has no partition {}", topic.spec.name, partition))
        .with_hint(fmt::format("it has 0 to {}", topic.spec.partitions - 1));
  }
  for (const auto& [p, offset] : from.offsets) {
    if (p >= topic.spec.partitions) {
      return Error(ErrorCode::kInvalidArgument,
                   fmt::format("topic {} has no partition {}", topic.spec.name, p));
    }
  }
  std::vector<Span> spans;
  for (int32_t p = 0; p < topic.spec.partitions; ++p) {
    if (partition >= 0 && p != partition) continue;
    ASSIGN(std::optional<int64_t> offset, resolve(from, log, topic, p));
    if (!offset) continue;
    ASSIGN(stream::PartitionBounds bounds, log.topics().bounds(topic, p));
    spans.push_back({p, *offset, bounds.end});
  }
  return spans;
}

Result<net::Response> get_records(const Backend& backend, const Call& call) {
  ASSIGN(stream::Log * log, need_log(backend));
  ASSIGN(stream::TopicInfo topic, log->topics().find(call.path("topic")));
  const bool follow = call.flag("follow");
  if (follow && !backend.supervisor && !backend.plan->log) {
    return Error(ErrorCode::kUnavailable, "nothing runs here that could write to the topic")
        .with_hint("`leat run` in another terminal, or leave --follow out");
  }
  ASSIGN(Place from, parse_place(call.text_or("from", follow ? "end" : "start")));
  ASSIGN(int64_t partition, call.number("partition", -1, 0, limits::kMaxPartitions - 1));
  ASSIGN(int64_t limit, call.number("limit", INT64_MAX, 1, INT64_MAX));
  ASSIGN(std::vector<Span> spans, spans_of(*log, topic, from, partition));
  std::unique_ptr<RecordFilter> filter;
  if (auto where = call.text("where"); where && !where->empty()) {
    ShownValues values(backend.schemas, topic.spec.name);
    ASSIGN(std::vector<std::string> texts, sample_topic(*log, topic, kSampleRecords, values));
    if (texts.empty() && !follow) {
      spans.clear();  // nothing can match, and nothing tells the fields
    } else {
      std::vector<std::string_view> views(texts.begin(), texts.end());
      ASSIGN(types::Schema schema, types::infer_schema(views));
      ASSIGN(filter, make_record_filter(*where, schema));
    }
  }
  ShownValues values(backend.schemas, topic.spec.name);
  auto tap = std::make_shared<Tap>(*log, std::move(topic), std::move(spans), limit, follow,
                                   std::move(filter), std::move(values));
  net::Response response;
  response.headers.add("Content-Type", "application/x-ndjson");
  response.stream = [tap](net::StreamWriter& out, std::stop_token stop) {
    return tap->run(out, std::move(stop));
  };
  return response;
}

}  // namespace

void add_records(Api& api, Backend& backend) {
  Endpoint endpoint;
  endpoint.method = "GET";
  endpoint.path = "/api/v1/topics/{topic}/records";
  endpoint.tag = "topics";
  endpoint.summary = "Records of a topic, one JSON object per line";
  endpoint.arguments = {
      {"partition", ValueType::kInteger, "One partition only", false},
      {"from", ValueType::kString,
       "`start` (the default), `end`, an offset, `-N` for the last N of each partition, a time, or "
       "`0:120,1:98`",
       false},
      {"limit", ValueType::kInteger, "At most so many records; without it, all", false},
      {"where", ValueType::kString,
       "An SQL condition over the record's fields, _partition, _offset, _timestamp, _key", false},
      {"follow", ValueType::kBoolean, "Go on with records as they come", false}};
  endpoint.response = "Lines of {topic, partition, offset, timestamp, key, value, headers}.";
  endpoint.media_type = "application/x-ndjson";
  endpoint.handler = [&backend](const Call& call) { return get_records(backend, call); };
  api.add(std::move(endpoint));
}

}  // namespace leat::server
