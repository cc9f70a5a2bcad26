#include "clients/kafka_transaction.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "clients/kafka_rows.h"

namespace leat::clients {
namespace {

constexpr int kInitMs = 5'000;      // of one try; the caller tries again
constexpr int kEndMs = 5'000;       // of EndTxn's reply
constexpr int64_t kSlowMs = 1'000;  // a producer whose EndTxn took longer is not used again
constexpr int kFullMs = 50;         // between two tries when the queue is full

/// A null value is a null pointer; an empty one is not.
void* bytes_of(const std::optional<std::string_view>& text) {
  if (!text) return nullptr;
  return const_cast<char*>(text->empty() ? "" : text->data());  // librdkafka copies
}
size_t size_of(const std::optional<std::string_view>& text) { return text ? text->size() : 0; }

class Transaction final : public stream::LogTransaction {
 public:
  Transaction(KafkaProducers& producers, KafkaTable& positions, KafkaTable& state,
              std::shared_ptr<KafkaProducer> producer)
      : producers_(producers),
        positions_(positions),
        state_(state),
        producer_(std::move(producer)) {}

  ~Transaction() override {
    if (began_ && !ended_) abort();
    producer_->in_use.store(false);
  }

  Result<void> append(const stream::TopicInfo& topic, int32_t partition,
                      std::span<const stream::OutRecord> records) override {
    for (const stream::OutRecord& record : records)
      TRY(produce(topic.spec.name, partition, record));
    return {};
  }

  Result<void> put_progress(const stream::Progress& progress) override {
    ASSIGN(stream::TopicInfo topic, positions_.topic());
    const std::string key = progress_key(progress), value = progress_value(progress);
    // All rows of a lane in one partition: whoever takes the lane over waits for that one only.
    const std::string lane =
        fmt::format("{}.{}.{}", progress.project, progress.pipeline, progress.sink);
    stream::OutRecord record;
    record.key = key;
    record.value = value;
    return produce(topic.spec.name, stream::partition_of(lane, topic.spec.partitions), record);
  }

  Result<void> put_state(std::string_view key, std::optional<std::string_view> value) override {
    ASSIGN(stream::TopicInfo topic, state_.topic());
    stream::OutRecord record;
    record.key = key;
    record.value = value;
    return produce(topic.spec.name, stream::partition_of(key, topic.spec.partitions), record);
  }

  Result<void> commit() override {
    CHECK(!ended_, "a transaction commits once");
    if (!began_) return {};
    TRY(flush());
    const int64_t start = io::system_clock().steady_ms();
    RdError error(rd_kafka_commit_transaction(handle(), kEndMs));
    const int64_t took = io::system_clock().steady_ms() - start;
    ended_ = true;
    if (!error) {
      if (took > kSlowMs) producers_.give_up(producer_);
      return {};
    }
    if (rd_kafka_error_txn_requires_abort(error.get())) {
      ended_ = false;
      return failed(producer_->client->error(error.get(), "commit"));
    }
    producers_.give_up(producer_);
    Error told = producer_->client->error(error.get(), "commit");
    if (told.code() == ErrorCode::kConflict || told.code() == ErrorCode::kPermission) return told;
    // It may have happened.
    return std::move(told).with_retry(Retry::kReconnect);
  }

 private:
  rd_kafka_t* handle() const { return producer_->client->get(); }

  Result<void> start() {
    if (began_) return {};
    producer_->client->take_failure();
    RdError error(rd_kafka_begin_transaction(handle()));
    if (error) {
      producers_.give_up(producer_);
      return reconnect(producer_->client->error(error.get(), "begin a transaction"));
    }
    began_ = true;
    return {};
  }

  /// A producer that cannot go on is replaced: then trying again helps, whatever it was.
  static Error reconnect(Error error) {
    return error.retry() == Retry::kNever && error.code() == ErrorCode::kUnavailable
               ? std::move(error).with_retry(Retry::kReconnect)
               : std::move(error);
  }

  Result<void> produce(const std::string& topic, int32_t partition,
                       const stream::OutRecord& record) {
    TRY(start());
    topics_.insert(topic);
    for (;;) {
      const rd_kafka_resp_err_t code = send(topic, partition, record);
      if (!code) return {};
      if (code != RD_KAFKA_RESP_ERR__QUEUE_FULL)
        return failed(producer_->client->error(code, fmt::format("write to topic {}", topic)));
      rd_kafka_poll(handle(), kFullMs);
      TRY(check_failure());
    }
  }

  rd_kafka_resp_err_t send(const std::string& topic, int32_t partition,
                           const stream::OutRecord& record) const {
    rd_kafka_headers_t* headers = nullptr;
    if (!record.headers.empty()) {
      headers = rd_kafka_headers_new(record.headers.size());
      for (const stream::Header& header : record.headers) {
        rd_kafka_header_add(headers, header.key.data(), static_cast<ssize_t>(header.key.size()),
                            header.value.empty() ? "" : header.value.data(),
                            static_cast<ssize_t>(header.value.size()));
      }
    }
    rd_kafka_vu_t arguments[7];
    size_t n = 0;
    arguments[n].vtype = RD_KAFKA_VTYPE_TOPIC;
    arguments[n++].u.cstr = topic.c_str();
    arguments[n].vtype = RD_KAFKA_VTYPE_PARTITION;
    arguments[n++].u.i32 = partition;
    arguments[n].vtype = RD_KAFKA_VTYPE_MSGFLAGS;
    arguments[n++].u.i = RD_KAFKA_MSG_F_COPY;
    arguments[n].vtype = RD_KAFKA_VTYPE_KEY;
    arguments[n++].u.mem = {bytes_of(record.key), size_of(record.key)};
    arguments[n].vtype = RD_KAFKA_VTYPE_VALUE;
    arguments[n++].u.mem = {bytes_of(record.value), size_of(record.value)};
    if (record.timestamp_ms > 0) {
      arguments[n].vtype = RD_KAFKA_VTYPE_TIMESTAMP;
      arguments[n++].u.i64 = record.timestamp_ms;
    }
    if (headers) {
      arguments[n].vtype = RD_KAFKA_VTYPE_HEADERS;
      arguments[n++].u.headers = headers;
    }
    RdError error(rd_kafka_produceva(handle(), arguments, n));
    if (!error) return RD_KAFKA_RESP_ERR_NO_ERROR;
    if (headers) rd_kafka_headers_destroy(headers);  // librdkafka's only when it took the record
    return rd_kafka_error_code(error.get());
  }

  /// Waits while records go out; ends when none has gone for a while.
  Result<void> flush() {
    int last = rd_kafka_outq_len(handle());
    int64_t moved = io::system_clock().steady_ms();
    while (rd_kafka_flush(handle(), 200) == RD_KAFKA_RESP_ERR__TIMED_OUT) {
      producer_->client->tend();
      TRY(check_failure());
      const int64_t now = io::system_clock().steady_ms();
      if (const int left = rd_kafka_outq_len(handle()); left < last) last = left, moved = now;
      if (now - moved > kEndMs) {
        return failed(producer_->client->error(RD_KAFKA_RESP_ERR__TIMED_OUT,
                                               fmt::format("write {} records", last)));
      }
    }
    return check_failure();
  }

  Result<void> check_failure() {
    const KafkaClient::Failure failure = producer_->client->take_failure();
    if (!failure.code) return {};
    Error error =
        producer_->client->error(failure.code, fmt::format("write to topic {}", failure.topic));
    if (failure.code != RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE) return failed(std::move(error));
    // The topic takes less than it did: whoever ensures it anew knows what, and so does a new producer.
    producers_.give_up(producer_);
    abort();
    return Error(ErrorCode::kUnavailable, error.message())
        .with_blame(Blame::kExternal)
        .with_retry(Retry::kNever)
        .with_hint(
            "its `max.message.bytes` is smaller than when the lane started, or unknown without the "
            "right "
            "DescribeConfigs");
  }

  /// The transaction has not happened, and will not.
  Error failed(Error error) {
    abort();
    return needs(reconnect(std::move(error)), "Write",
                 fmt::format("topic {}", fmt::join(topics_, ", ")));
  }

  void abort() {
    ended_ = true;
    RdError error(rd_kafka_abort_transaction(handle(), kEndMs));
    if (error) producers_.give_up(producer_);
  }

  KafkaProducers& producers_;
  KafkaTable& positions_;
  KafkaTable& state_;
  std::shared_ptr<KafkaProducer> producer_;
  std::set<std::string> topics_;  // that it writes to
  bool began_ = false, ended_ = false;
};

}  // namespace

std::shared_ptr<KafkaProducer> KafkaProducers::find(const std::string& owner) {
  MutexLock lock(mutex_);
  std::shared_ptr<KafkaProducer>& producer = producers_[owner];
  // A transaction that still stands is fenced by its successor's init.
  if (!producer || producer->in_use.exchange(true)) {
    producer = std::make_shared<KafkaProducer>();
    producer->owner = owner;
    producer->in_use.store(true);
  }
  return producer;
}

void KafkaProducers::release(const std::string& owner) {
  std::shared_ptr<KafkaProducer> last;  // ended without the lock
  MutexLock lock(mutex_);
  if (auto it = producers_.find(owner); it != producers_.end()) {
    last = std::move(it->second);
    producers_.erase(it);
  }
}

void KafkaProducers::give_up(const std::shared_ptr<KafkaProducer>& producer) {
  MutexLock lock(mutex_);
  auto it = producers_.find(producer->owner);
  if (it != producers_.end() && it->second == producer) producers_.erase(it);
}

Result<std::unique_ptr<stream::LogTransaction>> KafkaProducers::begin(const std::string& owner) {
  std::shared_ptr<KafkaProducer> producer = find(owner);
  if (!producer->client) {
    auto client = KafkaClient::open(
        RD_KAFKA_PRODUCER, options_,
        {{"transactional.id", owner},
         {"enable.idempotence", "true"},
         {"acks", "all"},
         {"compression.type", "lz4"},
         {"linger.ms", "0"},
         // A batch of several records is refused whole. One that is larger goes alone.
         {"batch.size", std::to_string(admin_.batch_bytes())},
         {"transaction.timeout.ms", std::to_string(options_.transaction_ms)},
         {"message.timeout.ms", std::to_string(std::max<int64_t>(options_.transaction_ms - 2'000,
                                                                 options_.transaction_ms / 2))},
         {"queue.buffering.max.messages", "1000000"},
         {"queue.buffering.max.kbytes", "524288"},
         {"delivery.report.only.error", "true"}});
    if (!client) {
      give_up(producer);
      return std::move(client).error();
    }
    producer->client = std::move(*client);
  }
  if (!producer->ready) {
    RdError error(rd_kafka_init_transactions(producer->client->get(), kInitMs));
    if (error) {
      Error told = producer->client->error(error.get(),
                                           fmt::format("take over the transactions of {}", owner));
      // A try that timed out goes on where it was; any other begins anew.
      if (!rd_kafka_error_is_retriable(error.get())) give_up(producer);
      producer->in_use.store(false);
      if (told.code() == ErrorCode::kUnavailable)
        return std::move(told).with_retry(Retry::kBackoff);
      return needs(std::move(told), "Write", "transactional id " + owner);
    }
    producer->ready = true;
  }
  return std::make_unique<Transaction>(*this, positions_, state_, std::move(producer));
}

}  // namespace leat::clients
