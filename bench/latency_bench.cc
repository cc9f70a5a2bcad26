// How long a record takes from append to visible: appended to a topic here, seen in the table that leat fills from it.
// Called by bench/cluster.py, which runs leat beside.
//   bench_latency_bench BROKERS TOPIC DSN TABLE RATE SECONDS
// Records go out at a steady RATE, each with its number `n`. The table has the columns `part`, `n` and an index over
// them; each look at it asks for the highest n of each partition: all of that partition up to it are visible by then,
// since leat keeps a partition's order. The first kWarmS seconds do not count. The last line is JSON, in milliseconds.
#include <libpq-fe.h>
#include <librdkafka/rdkafka.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <thread>
#include <vector>

#include "bench/cluster_program.h"
#include "bench/users.h"

namespace leat::bench {
namespace {

constexpr double kWarmS = 2;
constexpr double kLateS = 30;  // after the last record
constexpr int kPartitions = 2;
constexpr auto kBetweenLooks = std::chrono::microseconds(500);
constexpr auto kTick = std::chrono::milliseconds(1);

/// When each record was appended; n goes to partition n % kPartitions. Written by one thread, read behind `sent`.
struct Sent {
  explicit Sent(size_t records) : at(records) {}
  std::vector<double> at;
  std::atomic<int64_t> sent{0};
};

rd_kafka_t* open_producer(const char* brokers) {
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  char text[512];
  for (const auto& [name, value] :
       {std::pair<const char*, const char*>{"bootstrap.servers", brokers},
        {"linger.ms", "0"},
        {"acks", "all"}}) {
    if (rd_kafka_conf_set(conf, name, value, text, sizeof text) != RD_KAFKA_CONF_OK) die(text);
  }
  rd_kafka_t* producer = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof text);
  if (!producer) die(text);
  return producer;
}

void produce(const char* brokers, const char* topic, double rate, Sent& sent) {
  rd_kafka_t* producer = open_producer(brokers);
  rd_kafka_topic_t* to = rd_kafka_topic_new(producer, topic, nullptr);
  const double start = now_s();
  const auto records = static_cast<int64_t>(sent.at.size());
  std::string value;
  for (int64_t n = 0; n < records;) {
    const auto due = std::min(records, static_cast<int64_t>((now_s() - start) * rate) + 1);
    for (; n < due; ++n) {
      const User u = user(static_cast<uint64_t>(n));
      value.clear();
      append_json(u, value, fmt::format(R"(,"n":{})", n));
      sent.at[static_cast<size_t>(n)] = now_s();
      if (rd_kafka_produce(to, static_cast<int32_t>(n % kPartitions), RD_KAFKA_MSG_F_COPY,
                           value.data(), value.size(), u.id.data(), u.id.size(), nullptr) != 0)
        die(rd_kafka_err2str(rd_kafka_last_error()));
    }
    sent.sent.store(n);
    rd_kafka_poll(producer, 0);
    std::this_thread::sleep_for(kTick);
  }
  if (rd_kafka_flush(producer, 30'000)) die("records could not be written");
  rd_kafka_topic_destroy(to);
  rd_kafka_destroy(producer);
}

class Looker {
 public:
  Looker(const char* dsn, const std::string& table) : connection_(PQconnectdb(dsn)) {
    if (PQstatus(connection_) != CONNECTION_OK) die(PQerrorMessage(connection_));
    std::string sql = "SELECT ";
    for (int p = 0; p < kPartitions; ++p)
      sql += fmt::format("{}(SELECT max(n) FROM {} WHERE part = {})", p ? ", " : "", table, p);
    PQclear(PQprepare(connection_, "look", sql.c_str(), 0, nullptr));
  }
  Looker(const Looker&) = delete;
  Looker& operator=(const Looker&) = delete;
  ~Looker() { PQfinish(connection_); }

  /// The highest n that is visible, by partition; -1: none.
  std::array<int64_t, kPartitions> look() {
    PGresult* result = PQexecPrepared(connection_, "look", 0, nullptr, nullptr, nullptr, 0);
    if (PQresultStatus(result) != PGRES_TUPLES_OK) die(PQerrorMessage(connection_));
    std::array<int64_t, kPartitions> highest{};
    for (int p = 0; p < kPartitions; ++p)
      highest[static_cast<size_t>(p)] =
          PQgetisnull(result, 0, p) ? -1 : std::atoll(PQgetvalue(result, 0, p));
    PQclear(result);
    return highest;
  }

 private:
  PGconn* connection_;
};

/// Milliseconds of every record that counts.
std::vector<double> watch(Looker& looker, const Sent& sent, int64_t counted_from) {
  const auto records = static_cast<int64_t>(sent.at.size());
  std::array<int64_t, kPartitions> next{};
  for (int p = 0; p < kPartitions; ++p) next[static_cast<size_t>(p)] = p;
  std::vector<double> took;
  double all_sent = 0;
  int64_t seen = 0;
  while (seen < records) {
    const auto highest = looker.look();
    const double now = now_s();
    for (size_t p = 0; p < kPartitions; ++p) {
      for (; next[p] <= highest[p]; next[p] += kPartitions, ++seen) {
        if (next[p] >= counted_from)
          took.push_back((now - sent.at[static_cast<size_t>(next[p])]) * 1000);
      }
    }
    if (all_sent == 0 && sent.sent.load() == records) all_sent = now;
    if (all_sent > 0 && now - all_sent > kLateS)
      die(fmt::format("{} of {} records were visible in time", seen, records));
    std::this_thread::sleep_for(kBetweenLooks);
  }
  return took;
}

int main(int argc, char** argv) {
  if (argc != 7) die("BROKERS TOPIC DSN TABLE RATE SECONDS");
  const double rate = std::atof(argv[5]), seconds = std::atof(argv[6]);
  Sent sent(static_cast<size_t>(rate * (seconds + kWarmS)));
  Looker looker(argv[3], argv[4]);
  std::jthread producer([&] { produce(argv[1], argv[2], rate, sent); });
  std::vector<double> took = watch(looker, sent, static_cast<int64_t>(rate * kWarmS));
  std::sort(took.begin(), took.end());
  const auto at = [&](double share) {
    return took[std::min(took.size() - 1,
                         static_cast<size_t>(static_cast<double>(took.size()) * share))];
  };
  fmt::print(
      "{{\"records\": {}, \"p50\": {:.3f}, \"p95\": {:.3f}, \"p99\": {:.3f}, \"max\": {:.3f}}}\n",
      took.size(), at(0.5), at(0.95), at(0.99), took.back());
  return 0;
}

}  // namespace
}  // namespace leat::bench

int main(int argc, char** argv) { return leat::bench::main(argc, argv); }
