#include "log/keys.h"

#include "base/strings.h"

namespace leat::log {
namespace {

constexpr uint8_t kRowVersion = 1;

void put_id(std::string& out, const stream::TopicId& id) {
  put_big_endian(out, id.high);
  put_big_endian(out, id.low);
}

stream::TopicId read_id(ByteReader& in) {
  stream::TopicId id;
  id.high = in.big_endian<uint64_t>();
  id.low = in.big_endian<uint64_t>();
  return id;
}

Error corrupt(std::string_view what, std::string_view key) {
  return Error(ErrorCode::kCorrupt,
               fmt::format("the {} with key {} does not follow its grammar", what, hex(key)))
      .with_hint("the log's directory was damaged or written by something else; restore a backup");
}

}  // namespace

std::string partition_key(const stream::TopicId& id, int32_t partition) {
  std::string key;
  key.reserve(kLogKeyBytes + 1);
  put_id(key, id);
  put_big_endian(key, static_cast<uint32_t>(partition));
  return key;
}

std::string log_key(const stream::TopicId& id, int32_t partition, int64_t base_offset) {
  std::string key = partition_key(id, partition);
  put_big_endian(key, static_cast<uint64_t>(base_offset));
  return key;
}

std::string after_prefix(std::string prefix) {
  while (!prefix.empty() && prefix.back() == '\xff') prefix.pop_back();
  CHECK(!prefix.empty());
  prefix.back() = static_cast<char>(static_cast<unsigned char>(prefix.back()) + 1);
  return prefix;
}

std::optional<LogPlace> parse_log_key(std::string_view key) {
  if (key.size() != kLogKeyBytes) return std::nullopt;
  ByteReader in(key);
  LogPlace place;
  place.topic_id = read_id(in);
  place.partition = static_cast<int32_t>(in.big_endian<uint32_t>());
  place.base_offset = static_cast<int64_t>(in.big_endian<uint64_t>());
  return place;
}

std::string entry_key(const stream::TopicId& id, int32_t partition, int64_t base_offset) {
  return std::string(kEntryPrefix) + log_key(id, partition, base_offset);
}

std::string encode_entry(const Entry& entry) {
  std::string out;
  put_fixed(out, entry.count);
  put_fixed(out, entry.size);
  put_fixed(out, entry.last_time_ms);
  put_fixed(out, entry.end_bytes);
  return out;
}

Result<Entry> decode_entry(std::string_view key, std::string_view value) {
  auto place = parse_log_key(key.substr(std::min(key.size(), kEntryPrefix.size())));
  ByteReader in(value);
  Entry entry;
  entry.base_offset = place ? place->base_offset : 0;
  entry.count = in.fixed<uint32_t>();
  entry.size = in.fixed<uint32_t>();
  entry.last_time_ms = in.fixed<int64_t>();
  entry.end_bytes = in.fixed<uint64_t>();
  if (!place || !in.finished() || entry.count == 0) return corrupt("index entry", key);
  return entry;
}

std::string partition_row_key(const stream::TopicId& id, int32_t partition) {
  return std::string(kPartitionPrefix) + partition_key(id, partition);
}

std::string encode_partition_row(const PartitionRow& row) {
  std::string out;
  put_fixed(out, row.start);
  put_fixed(out, row.end);
  put_fixed(out, row.last_time_ms);
  put_fixed(out, row.end_bytes);
  return out;
}

Result<PartitionRow> decode_partition_row(std::string_view value) {
  ByteReader in(value);
  PartitionRow row;
  row.start = in.fixed<int64_t>();
  row.end = in.fixed<int64_t>();
  row.last_time_ms = in.fixed<int64_t>();
  row.end_bytes = in.fixed<uint64_t>();
  if (!in.finished() || row.start > row.end) return corrupt("partition row", "");
  return row;
}

std::string topic_key(std::string_view name) { return std::string(kTopicPrefix) += name; }

std::string encode_topic(const stream::TopicInfo& topic) {
  std::string out;
  put_fixed(out, kRowVersion);
  put_id(out, topic.id);
  put_varint(out, static_cast<uint64_t>(topic.spec.partitions));
  put_zigzag(out, topic.spec.retention_ms);
  put_zigzag(out, topic.spec.retention_bytes);
  put_string(out, topic.spec.format);
  put_zigzag(out, topic.created_ms);
  return out;
}

Result<stream::TopicInfo> decode_topic(std::string_view key, std::string_view value) {
  stream::TopicInfo topic;
  ByteReader in(value);
  auto version = in.fixed<uint8_t>();
  topic.spec.name = key.substr(std::min(key.size(), kTopicPrefix.size()));
  topic.id = read_id(in);
  uint64_t partitions = in.varint();
  topic.spec.retention_ms = in.zigzag();
  topic.spec.retention_bytes = in.zigzag();
  topic.spec.format = in.string();
  topic.created_ms = in.zigzag();
  bool legal = partitions >= 1 && partitions <= static_cast<uint64_t>(limits::kMaxPartitions);
  if (version != kRowVersion || !in.finished() || !legal) return corrupt("topic", key);
  topic.spec.partitions = static_cast<int32_t>(partitions);
  return topic;
}

Result<std::string> progress_key(const stream::Progress& progress) {
  std::string key(kProgressPrefix);
  const std::string_view parts[] = {progress.project, progress.pipeline, progress.sink,
                                    progress.input.topic};
  for (auto part : parts) {
    if (part.find('\0') != std::string_view::npos) {
      return Error(ErrorCode::kInvalidArgument,
                   fmt::format("a progress row's name holds a NUL byte: {}", hex(part)));
    }
    key += part;
    key += '\0';
  }
  return key + partition_key(progress.input.topic_id, progress.input.partition);
}

std::string progress_prefix(std::string_view project, std::string_view pipeline) {
  std::string key(kProgressPrefix);
  key += project;
  key += '\0';
  if (!pipeline.empty()) {
    key += pipeline;
    key += '\0';
  }
  return key;
}

std::string encode_progress(const stream::Progress& progress) {
  std::string out;
  put_fixed(out, kRowVersion);
  put_zigzag(out, progress.next);
  put_zigzag(out, progress.v_prev);
  put_string(out, progress.pipeline_hash);
  put_string(out, progress.cursor);
  const auto& l = progress.ledger;
  for (int64_t n :
       {l.in, l.delivered, l.rejected, l.dropped, l.filtered, l.deduplicated, l.expired, l.rows}) {
    put_zigzag(out, n);
  }
  return out;
}

Result<stream::Progress> decode_progress(std::string_view key, std::string_view value) {
  stream::Progress progress;
  std::string_view rest = key.substr(std::min(key.size(), kProgressPrefix.size()));
  for (std::string* part :
       {&progress.project, &progress.pipeline, &progress.sink, &progress.input.topic}) {
    size_t end = std::min(rest.find('\0'), rest.size());
    *part = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  ByteReader id(rest);
  progress.input.topic_id = read_id(id);
  progress.input.partition = static_cast<int32_t>(id.big_endian<uint32_t>());

  ByteReader in(value);
  auto version = in.fixed<uint8_t>();
  progress.next = in.zigzag();
  progress.v_prev = in.zigzag();
  progress.pipeline_hash = in.string();
  progress.cursor = in.string();
  auto& l = progress.ledger;
  for (int64_t* n : {&l.in, &l.delivered, &l.rejected, &l.dropped, &l.filtered, &l.deduplicated,
                     &l.expired, &l.rows}) {
    *n = in.zigzag();
  }
  if (!id.finished() || version != kRowVersion || !in.finished()) {
    return corrupt("progress row", key);
  }
  progress.expected_next = progress.next;
  return progress;
}

std::string state_key(std::string_view key) { return std::string(kStatePrefix) += key; }

}  // namespace leat::log
