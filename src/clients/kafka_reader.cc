#include "clients/kafka_reader.h"

#include <fmt/core.h>

#include <algorithm>

namespace leat::clients {
namespace {

constexpr const char* kFetchAheadKib = "16384";

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
  std::unique_ptr<KafkaReader> reader(new KafkaReader(admin, topic));
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
  TRY(assign());
  std::stop_callback wake(stop, [this] { rd_kafka_queue_yield(queue_.get()); });
  io::Clock& clock = io::system_clock();
  const int64_t until = clock.steady_ms() + timeout.count();
  for (;;) {
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
    const int64_t left = until - clock.steady_ms();
    TRY(fetch(limits.max_records, static_cast<int>(std::max<int64_t>(left, 0))));
    const bool some =
        std::any_of(parts_.begin(), parts_.end(), [](auto& one) { return one.second.has_news(); });
    if (!some && (stop.stop_requested() || clock.steady_ms() >= until)) return false;
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
  if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
    if (found != parts_.end()) found->second.waiting.push_back(std::move(message));
    return {};
  }
  if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
    if (found != parts_.end()) found->second.eof = message->offset;
    return {};
  }
  switch (message->err) {
    case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
    case RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE:
      return lost(message->partition, found == parts_.end() ? -1 : found->second.next);
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_ID:
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR__BAD_MSG:
      return needs(client_->error(message->err, fmt::format("read topic {}", topic_.spec.name),
                                  rd_kafka_message_errstr(message.get())),
                   "Read", "topic " + topic_.spec.name);
    default:
      return {};  // librdkafka tries again by itself
  }
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
