// Reading and writing a topic of user records: through leat's port, and with librdkafka alone. Called by bench/cluster.py.
//   bench_kafka_bench produce BROKERS TOPIC RECORDS     librdkafka, idempotent, acks=all, lz4; its rate
//   bench_kafka_bench read BROKERS TOPIC RECORDS        librdkafka's consumer
//   bench_kafka_bench read-leat BROKERS TOPIC RECORDS   stream::TopicReader on clients::KafkaLog
// The last line is JSON. A reader's time begins with its first batch, so that no connecting is in it.
#include <librdkafka/rdkafka.h>

#include <array>
#include <thread>
#include <vector>

#include "bench/cluster_program.h"
#include "bench/users.h"
#include "clients/kafka_log.h"

namespace leat::bench {
namespace {

constexpr size_t kBatch = 1000;  // of a poll, as a lane's by default
constexpr int kWaitMs = 10'000;  // without any record

using Settings = std::vector<std::pair<const char*, std::string>>;

rd_kafka_t* open(rd_kafka_type_t type, const Settings& settings) {
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  char text[512];
  for (const auto& [name, value] : settings) {
    if (rd_kafka_conf_set(conf, name, value.c_str(), text, sizeof text) != RD_KAFKA_CONF_OK)
      die(text);
  }
  rd_kafka_t* handle = rd_kafka_new(type, conf, text, sizeof text);
  if (!handle) die(text);
  return handle;
}

/// Begins at the first batch.
struct Meter {
  void count(int64_t more, int64_t size) {
    if (start == 0) {
      start = now_s(), cpu = cpu_s(), first = more, first_bytes = size;
    }
    records += more, bytes += size;
  }
  void end() const { tell(records - first, now_s() - start, cpu_s() - cpu, bytes - first_bytes); }
  double start = 0, cpu = 0;
  int64_t first = 0, first_bytes = 0, records = 0, bytes = 0;
};

int partitions_of(rd_kafka_t* handle, const std::string& topic) {
  rd_kafka_topic_t* one = rd_kafka_topic_new(handle, topic.c_str(), nullptr);
  const rd_kafka_metadata_t* found = nullptr;
  if (auto code = rd_kafka_metadata(handle, 0, one, &found, kWaitMs)) die(rd_kafka_err2str(code));
  const int count = found->topics[0].partition_cnt;
  rd_kafka_metadata_destroy(found);
  rd_kafka_topic_destroy(one);
  return count;
}

void produce(const std::string& brokers, const std::string& topic, int64_t records) {
  std::vector<std::string> keys, values;  // made before the time begins
  for (int64_t n = 0; n < records; ++n) {
    const User u = user(static_cast<uint64_t>(n));
    keys.push_back(u.id);
    append_json(u, values.emplace_back());
  }
  rd_kafka_t* producer = open(RD_KAFKA_PRODUCER, {{"bootstrap.servers", brokers},
                                                  {"enable.idempotence", "true"},
                                                  {"acks", "all"},
                                                  {"compression.type", "lz4"},
                                                  {"linger.ms", "5"},
                                                  {"partitioner", "murmur2_random"},
                                                  {"queue.buffering.max.messages", "1000000"},
                                                  {"queue.buffering.max.kbytes", "524288"}});
  rd_kafka_topic_t* to = rd_kafka_topic_new(producer, topic.c_str(), nullptr);
  partitions_of(producer, topic);
  std::this_thread::sleep_for(std::chrono::milliseconds(300));  // until it has its producer id
  const double start = now_s(), cpu = cpu_s();
  int64_t bytes = 0;
  for (size_t n = 0; n < values.size(); ++n) {
    while (rd_kafka_produce(to, RD_KAFKA_PARTITION_UA, RD_KAFKA_MSG_F_COPY, values[n].data(),
                            values[n].size(), keys[n].data(), keys[n].size(), nullptr) != 0) {
      if (rd_kafka_last_error() != RD_KAFKA_RESP_ERR__QUEUE_FULL)
        die(rd_kafka_err2str(rd_kafka_last_error()));
      rd_kafka_poll(producer, 10);
    }
    bytes += static_cast<int64_t>(values[n].size());
  }
  if (rd_kafka_flush(producer, 120'000)) die("records could not be written");
  tell(records, now_s() - start, cpu_s() - cpu, bytes);
  rd_kafka_topic_destroy(to);
  rd_kafka_destroy(producer);
}

void read_raw(const std::string& brokers, const std::string& topic, int64_t records) {
  rd_kafka_t* consumer = open(RD_KAFKA_CONSUMER, {{"bootstrap.servers", brokers},
                                                  {"group.id", "bench.reader"},  // never joined
                                                  {"enable.auto.commit", "false"},
                                                  {"isolation.level", "read_committed"},
                                                  {"fetch.queue.backoff.ms", "5"}});
  rd_kafka_poll_set_consumer(consumer);
  const int partitions = partitions_of(consumer, topic);
  rd_kafka_topic_partition_list_t* all = rd_kafka_topic_partition_list_new(partitions);
  for (int p = 0; p < partitions; ++p)
    rd_kafka_topic_partition_list_add(all, topic.c_str(), p)->offset = RD_KAFKA_OFFSET_BEGINNING;
  if (auto code = rd_kafka_assign(consumer, all)) die(rd_kafka_err2str(code));
  rd_kafka_topic_partition_list_destroy(all);
  rd_kafka_queue_t* queue = rd_kafka_queue_get_consumer(consumer);
  std::array<rd_kafka_message_t*, kBatch> batch{};
  Meter meter;
  while (meter.records < records) {
    // Asked for many it waits until it has them: so it waits for one, and takes what there is.
    ssize_t got = rd_kafka_consume_batch_queue(queue, kWaitMs, batch.data(), 1);
    if (got <= 0) die("no more records");
    got +=
        std::max<ssize_t>(rd_kafka_consume_batch_queue(queue, 0, batch.data() + 1, kBatch - 1), 0);
    int64_t good = 0, bytes = 0;
    for (ssize_t i = 0; i < got; ++i) {
      rd_kafka_message_t* message = batch[static_cast<size_t>(i)];
      if (!message->err) ++good, bytes += static_cast<int64_t>(message->len);
      rd_kafka_message_destroy(message);
    }
    meter.count(good, bytes);
  }
  meter.end();
  rd_kafka_queue_destroy(queue);
  rd_kafka_destroy_flags(consumer, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
}

void read_leat(const std::string& brokers, const std::string& topic, int64_t records) {
  clients::KafkaOptions options;
  options.brokers = brokers;
  auto log = need(clients::KafkaLog::open(options));
  const stream::TopicInfo info = need(log->topics().find(topic));
  auto reader = need(log->reader(info));
  for (int32_t p = 0; p < info.spec.partitions; ++p) need(reader->seek(p, 0));
  stream::ReadLimits limits;
  limits.max_records = kBatch;
  stream::RecordBatch batch;
  Meter meter;
  while (meter.records < records) {
    if (!need(reader->poll(batch, limits, {}, std::chrono::milliseconds(kWaitMs))))
      die("no more records");
    int64_t bytes = 0;
    for (const stream::Record& record : batch.records)
      bytes += static_cast<int64_t>(record.value ? record.value->size() : 0);
    meter.count(static_cast<int64_t>(batch.records.size()), bytes);
  }
  meter.end();
}

int main(int argc, char** argv) {
  if (argc != 5) die("produce|read|read-leat BROKERS TOPIC RECORDS");
  const std::string_view verb = argv[1];
  const std::string brokers = argv[2], topic = argv[3];
  const int64_t records = std::atoll(argv[4]);
  if (verb == "produce")
    produce(brokers, topic, records);
  else if (verb == "read")
    read_raw(brokers, topic, records);
  else if (verb == "read-leat")
    read_leat(brokers, topic, records);
  else
    die("no such verb");
  return 0;
}

}  // namespace
}  // namespace leat::bench

int main(int argc, char** argv) { return leat::bench::main(argc, argv); }
