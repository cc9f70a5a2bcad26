#include "clients/kafka_reader.h"

#include <fmt/core.h>

#include <algorithm>

#include "base/strings.h"

namespace leat::clients {
namespace {

constexpr const char* kFetchAheadKib = "16384";
constexpr int kProbeMs = 100;

/// The messages behind a batch's views.
struct Held {
  std::shared_ptr<KafkaClient> client;  // outlives its messages
  std::vector<Rd<rd_kafka_message_t, rd_kafka_message_destroy>> messages;
  std::string unused;
};

std::string_view view(const void* data, size_t size) {
  return {static_cast<const char*>(data), size};
}

/// Appends the headers of a message to the batch's; how many.
size_t add_headers(rd_kafka_message_t* message, std::vector<stream::Header>& into) {
  rd_kafka_headers_t* headers = nullptr;
  if (rd_kafka_message_headers(message, &headers) || !headers) return 0;
  const size_t count = rd_kafka_header_cnt(headers);
  for (size_t i = 0; i < count; ++i) {
    const char* name = nullptr;
    const void* value = nullptr;
    size_t size = 0;
    rd_kafka_header_get_all(headers, i, &name, &value, &size);
    into.push_back({name, value ? view(value, size) : std::string_view()});
  }
  return count;
}

}  // namespace

Result<std::unique_ptr<KafkaReader>> KafkaReader::open(const KafkaOptions& options,
                                                       KafkaAdmin& admin,
                                                       const stream::TopicInfo& topic) {
  ASSIGN(stream::TopicInfo now, admin.find(topic.spec.name));
  if (now.id != topic.id) {
    return Error(ErrorCode::kDataLost,
                 fmt::format("topic {} was recreated: its id was {}, now it is {}", topic.spec.name,
                             topic.id.to_string(), now.id.to_string()));
  }
  std::unique_ptr<KafkaReader> reader(new KafkaReader(options, admin, topic));
  ASSIGN(reader->client_,
         KafkaClient::open(RD_KAFKA_CONSUMER, options,
                           {{"group.id", "leat.reader"},  // asked for, never joined
                            {"enable.auto.commit", "false"},
                            {"enable.auto.offset.store", "false"},
                            {"auto.offset.reset", "error"},
                            {"isolation.level", "read_committed"},
                            {"enable.partition.eof", "true"},
                            {"check.crcs", "true"},
                            {"fetch.queue.backoff.ms", "5"},
                            {"fetch.wait.max.ms", "100"},  // a seek waits for the fetch before it
                            {"queued.max.messages.kbytes", kFetchAheadKib}}));
  rd_kafka_poll_set_consumer(reader->client_->get());
  reader->queue_.reset(rd_kafka_queue_get_consumer(reader->client_->get()));
  return reader;
}

KafkaReader::~KafkaReader() = default;

Error KafkaReader::lost(int32_t partition, int64_t offset) {
  const std::string& name = topic_.spec.name;
  auto now = admin_.find(name);
  if (now && now->id != topic_.id)
    return Error(ErrorCode::kDataLost, fmt::format("topic {} was recreated", name))
        .with_hint("`leat reset PIPELINE --to start` reads the new topic from its start");
  auto extent = admin_.extent(topic_, partition);
  if (!extent) return std::move(extent).error();
  if (offset > extent->high) {
    return Error(ErrorCode::kDataLost,
                 fmt::format("{}[{}] ends at offset {}, but offset {} was read before: records {} "
                             "to {} are lost",
                             name, partition, extent->high, offset, extent->high, offset - 1))
        .with_hint("a broker has lost its last records; `leat reset PIPELINE --to end` goes on");
  }
  if (offset >= extent->start) {
    return Error(ErrorCode::kUnavailable,
                 fmt::format("{}[{}]: the broker refused offset {}, though it has {} to {}", name,
                             partition, offset, extent->start, extent->high))
        .with_blame(Blame::kExternal)
        .with_retry(Retry::kReconnect);
  }
  return Error(ErrorCode::kDataLost,
               fmt::format("records {}[{}] from offset {} to {} were deleted by retention before "
                           "they were read",
                           name, partition, offset, extent->start - 1))
      .with_hint(
          fmt::format("`leat reset PIPELINE --to start` goes on at offset {}", extent->start));
}

Result<void> KafkaReader::seek(int32_t partition, int64_t offset) {
  if (partition < 0 || partition >= topic_.spec.partitions) {
    return Error(ErrorCode::kNotFound,
                 fmt::format("topic {} has no partition {}", topic_.spec.name, partition));
  }
  ASSIGN(KafkaAdmin::Extent extent, admin_.extent(topic_, partition));
  // Beyond the last stable offset, but not beyond the end: the transaction there is not over.
  if (offset < extent.start || offset > extent.high) return lost(partition, offset);
  Part& part = parts_[partition];
  part.waiting.clear();
  part.next = offset;
  part.end = extent.stable;
  part.eof = -1;
  part.gap = {};
  assigned_ = false;
  return {};
}

void KafkaReader::seek_start(int32_t partition) {
  Part& part = parts_[partition];
  part = Part();
  part.next = RD_KAFKA_OFFSET_BEGINNING;
  assigned_ = false;
}

Result<void> KafkaReader::assign() {
  if (assigned_) return {};
  RdPartitions all(rd_kafka_topic_partition_list_new(static_cast<int>(parts_.size())));
  for (auto& [partition, part] : parts_) {
    rd_kafka_topic_partition_list_add(all.get(), topic_.spec.name.c_str(), partition)->offset =
        part.fetched();
    part.gap.refetch = false;
  }
  if (auto code = rd_kafka_assign(client_->get(), all.get()))
    return client_->error(code, fmt::format("read topic {}", topic_.spec.name));
  assigned_ = true;
  return {};
}

Result<bool> KafkaReader::poll(stream::RecordBatch& out, const stream::ReadLimits& limits,
                               std::stop_token stop, std::chrono::milliseconds timeout) {
  out.clear();
  if (parts_.empty()) return false;
  std::stop_callback wake(stop, [this] { rd_kafka_queue_yield(queue_.get()); });
  io::Clock& clock = io::system_clock();
  const int64_t start = clock.steady_ms();
  const int64_t until = start + timeout.count();
  for (;;) {
    TRY(assign());
    // Fairly: the search begins behind the partition that was served last.
    auto at = parts_.upper_bound(last_);
    for (size_t i = 0; i < parts_.size(); ++i, ++at) {
      if (at == parts_.end()) at = parts_.begin();
      auto& [partition, part] = *at;
      if (!part.has_news()) continue;
      fill(out, partition, part, limits);
      last_ = partition;
      return true;
    }
    TRY(check_gaps());
    const int64_t left = until - clock.steady_ms();
    TRY(fetch(limits.max_records, static_cast<int>(std::max<int64_t>(left, 0))));
    const bool some =
        std::any_of(parts_.begin(), parts_.end(), [](auto& one) { return one.second.has_news(); });
    if (some || (!stop.stop_requested() && clock.steady_ms() < until)) continue;
    TRY(check_gaps());
    watch(clock.steady_ms() - start);
    return false;
  }
}

Result<void> KafkaReader::fetch(size_t most, int wait_ms) {
  raw_.resize(std::max<size_t>(most, 1));
  // Asked for several, librdkafka waits until it has them all: first for one, then for what is there.
  ssize_t count = rd_kafka_consume_batch_queue(queue_.get(), wait_ms, raw_.data(), 1);
  if (count > 0 && raw_.size() > 1) {
    ssize_t more = rd_kafka_consume_batch_queue(queue_.get(), 0, raw_.data() + 1, raw_.size() - 1);
    count += std::max<ssize_t>(more, 0);
  }
  client_->tend();
  Result<void> result;
  for (ssize_t i = 0; i < count; ++i) {
    auto taken = take(Message(raw_[static_cast<size_t>(i)]));
    if (!taken && result) result = std::move(taken);
  }
  return result;
}

Result<void> KafkaReader::take(Message message) {
  auto found = parts_.find(message->partition);
  if (found == parts_.end()) return {};
  Part& part = found->second;
  if (part.gap.open()) return {};
  switch (message->err) {
    case RD_KAFKA_RESP_ERR_NO_ERROR:
      part.waiting.push_back(std::move(message));
      return {};
    case RD_KAFKA_RESP_ERR__PARTITION_EOF:
      part.eof = message->offset;
      return {};
    case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
    case RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE:
      return lost(message->partition, part.next);
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_ID:
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
      return needs(client_->error(message->err, fmt::format("read topic {}", topic_.spec.name),
                                  rd_kafka_message_errstr(message.get())),
                   "Read", "topic " + topic_.spec.name);
    case RD_KAFKA_RESP_ERR__BAD_MSG:
    case RD_KAFKA_RESP_ERR__BAD_COMPRESSION:
    case RD_KAFKA_RESP_ERR_INVALID_MSG:
      unreadable(*message, part);
      return {};
    default:
      part.said = rd_kafka_message_errstr(message.get());
      return {};  // librdkafka tries again by itself
  }
}

void KafkaReader::unreadable(const rd_kafka_message_t& message, Part& part) {
  Part::Gap& gap = part.gap;
  gap.why = rd_kafka_message_errstr(&message);
  // The error's own offset is the batch's, which may begin before what is to be read, or be damaged itself.
  const int64_t from = part.fetched();
  gap.certain = gap.from == from;
  gap.refetch = !gap.certain;
  gap.from = from;
  if (gap.refetch) assigned_ = false;
}

Result<void> KafkaReader::check_gaps() {
  for (const auto& [partition, part] : parts_) {
    if (!part.gap.certain || !part.waiting.empty()) continue;
    ASSIGN(const int64_t to, readable_behind(partition, part.gap.from));
    return Error(ErrorCode::kCorrupt,
                 fmt::format("records {}[{}] from offset {} to {} cannot be read: {}",
                             topic_.spec.name, partition, part.gap.from, to - 1, part.gap.why))
        .with_hint(fmt::format(
            "the broker's files are damaged there; `leat reset PIPELINE --to {}:{}` goes on behind "
            "them",
            partition, to));
  }
  return {};
}

Result<int64_t> KafkaReader::readable_behind(int32_t partition, int64_t offset) {
  ASSIGN(auto probe, open(options_, admin_, topic_));
  ASSIGN(KafkaAdmin::Extent extent, admin_.extent(topic_, partition));
  int64_t bad = offset, good = extent.stable;
  for (int64_t step = 1; bad + step < good; step *= 2) {
    ASSIGN(bool readable, probe->can_read(partition, bad + step));
    if (readable)
      good = bad + step;
    else
      bad += step;
  }
  while (good - bad > 1) {
    const int64_t middle = bad + (good - bad) / 2;
    ASSIGN(bool readable, probe->can_read(partition, middle));
    (readable ? good : bad) = middle;
  }
  return good;
}

Result<bool> KafkaReader::can_read(int32_t partition, int64_t offset) {
  Part& part = parts_[partition];
  part = Part();
  part.next = offset;
  assigned_ = false;
  TRY(assign());
  const int64_t until = io::system_clock().steady_ms() + options_.connect_ms;
  while (io::system_clock().steady_ms() < until) {
    TRY(fetch(1, kProbeMs));
    if (part.gap.open()) return false;
    if (!part.waiting.empty() || part.eof >= 0) return true;
  }
  return client_->error(RD_KAFKA_RESP_ERR__TIMED_OUT,
                        fmt::format("read topic {}", topic_.spec.name));
}

void KafkaReader::watch(int64_t waited_ms) {
  for (auto& [partition, part] : parts_) {
    if (end_seen(partition) <= part.next) {
      part.still_ms = 0;
      part.trouble.clear();
      continue;
    }
    part.still_ms += waited_ms;
    if (part.still_ms < options_.stalled_ms) continue;
    part.still_ms = 0;
    part.trouble = stall(partition, part);
  }
}

std::string KafkaReader::stall(int32_t partition, const Part& part) {
  std::string text =
      fmt::format("{}[{}] has stood at offset {} for more than {}: ", topic_.spec.name, partition,
                  part.next, format_duration_ms(options_.stalled_ms));
  auto extent = admin_.extent(topic_, partition);
  if (!extent) return text + extent.error().to_string();
  if (extent->stable > part.next)
    return text + fmt::format("records {} to {} are there, and do not come{}{}", part.next,
                              extent->stable - 1, part.said.empty() ? "" : ": ", part.said);
  if (extent->high > part.next)
    return text + fmt::format("records {} to {} wait for a transaction to end", part.next,
                              extent->high - 1);
  return {};
}

std::string KafkaReader::trouble() const {
  std::string text;
  for (const auto& [partition, part] : parts_) {
    if (part.trouble.empty()) continue;
    if (!text.empty()) return text + "; and more partitions";
    text = part.trouble;
  }
  return text;
}

void KafkaReader::fill(stream::RecordBatch& out, int32_t partition, Part& part,
                       const stream::ReadLimits& limits) {
  out.origin = {topic_.spec.name, topic_.id, partition};
  auto held = std::make_shared<Held>();
  held->client = client_;
  const size_t most = std::min(part.waiting.size(), std::max<size_t>(limits.max_records, 1));
  held->messages.reserve(most);
  out.records.reserve(most);
  std::vector<size_t> headers;  // of each record; empty while no record has any
  while (held->messages.size() < most) {
    rd_kafka_message_t* message = part.waiting.front().get();
    stream::Record record;
    record.offset = message->offset;
    rd_kafka_timestamp_type_t kind{};
    record.timestamp_ms = std::max<int64_t>(rd_kafka_message_timestamp(message, &kind), 0);
    if (message->key) record.key = view(message->key, message->key_len);
    if (message->payload) record.value = view(message->payload, message->len);
    const size_t before = out.header_storage.size();
    const size_t count = add_headers(message, out.header_storage);
    size_t bytes = message->key_len + message->len;
    for (size_t h = before; h < before + count; ++h)
      bytes += out.header_storage[h].key.size() + out.header_storage[h].value.size();
    if (!held->messages.empty() && out.bytes + bytes > limits.max_bytes) {
      out.header_storage.resize(before);
      break;
    }
    if (count > 0) headers.resize(out.records.size(), 0);
    if (count > 0 || !headers.empty()) headers.push_back(count);
    out.bytes += bytes;
    out.records.push_back(record);
    held->messages.push_back(std::move(part.waiting.front()));
    part.waiting.pop_front();
  }
  size_t at = 0;  // the storage stands still only now
  for (size_t i = 0; i < headers.size(); ++i) {
    out.records[i].headers = {out.header_storage.data() + at, headers[i]};
    at += headers[i];
  }
  part.still_ms = 0;
  part.trouble.clear();
  part.said.clear();
  if (!out.records.empty()) part.next = out.records.back().offset + 1;
  if (part.waiting.empty()) part.next = std::max(part.next, part.eof);
  out.next_offset = part.next;
  out.storage.emplace_back(held, &held->unused);
}

Result<stream::PartitionBounds> KafkaReader::bounds(int32_t partition) {
  return admin_.bounds(topic_, partition);
}

int64_t KafkaReader::end_seen(int32_t partition) {
  auto found = parts_.find(partition);
  if (found == parts_.end()) return 0;
  int64_t low = 0, high = 0;
  auto code = rd_kafka_get_watermark_offsets(client_->get(), topic_.spec.name.c_str(), partition,
                                             &low, &high);
  if (!code && high >= 0) found->second.end = std::max(found->second.end, high);
  return found->second.end;
}

}  // namespace leat::clients
