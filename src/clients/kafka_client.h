// KafkaClient: one librdkafka handle with its settings, its log lines and its errors. Internal to clients/.
#pragma once

#include <librdkafka/rdkafka.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "base/result.h"
#include "clients/kafka_log.h"

namespace leat::clients {

/// Frees what librdkafka gave away.
template <auto destroy>
struct Destroyer {
  template <typename T>
  void operator()(T* thing) const {
    destroy(thing);
  }
};
template <typename T, auto destroy>
using Rd = std::unique_ptr<T, Destroyer<destroy>>;
using RdError = Rd<rd_kafka_error_t, rd_kafka_error_destroy>;
using RdQueue = Rd<rd_kafka_queue_t, rd_kafka_queue_destroy>;
using RdEvent = Rd<rd_kafka_event_t, rd_kafka_event_destroy>;
using RdPartitions = Rd<rd_kafka_topic_partition_list_t, rd_kafka_topic_partition_list_destroy>;

using KafkaSettings = std::vector<std::pair<std::string, std::string>>;

/// What a code of librdkafka's or the broker's means for whoever waits.
Error kafka_error(rd_kafka_resp_err_t code, std::string message);

/// Of an answer that access control has refused: names the right that was needed.
Error needs(Error error, std::string_view right, std::string_view on);

/// Any thread, as librdkafka's handle. Pinned: librdkafka holds its address.
class KafkaClient {
 public:
  using OnRebalance = std::function<void(rd_kafka_resp_err_t, rd_kafka_topic_partition_list_t*)>;
  /// `more` beside what every client has; does not wait for a broker. `on_rebalance` runs in whatever thread polls.
  static Result<std::unique_ptr<KafkaClient>> open(rd_kafka_type_t type,
                                                   const KafkaOptions& options,
                                                   const KafkaSettings& more,
                                                   OnRebalance on_rebalance = {});
  ~KafkaClient();
  KafkaClient(const KafkaClient&) = delete;
  KafkaClient& operator=(const KafkaClient&) = delete;

  rd_kafka_t* get() const { return handle_; }
  /// The error with the words "cannot WHAT", and why brokers are not reached when that is known.
  /// Whoever tries again does so with the password that is there by now.
  Error error(rd_kafka_resp_err_t code, std::string_view what, std::string_view detail = {});
  Error error(const rd_kafka_error_t* error, std::string_view what);
  /// The last trouble was that a broker closed the connection, as one does that expects TLS or a login, or neither.
  bool was_closed() const;
  /// For whoever waits, now and then: reads the password anew where logins fail by now, for it may have been changed.
  void tend();
  /// Why logins fail; empty while they do not.
  std::string refusal() const;
  /// First delivery failure since the last call; nothing was lost when its code is RD_KAFKA_RESP_ERR_NO_ERROR.
  struct Failure {
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
    std::string topic;
  };
  Failure take_failure();

 private:
  KafkaClient() = default;
  /// Hears what librdkafka has to say; its callbacks run in its own threads and in whatever thread polls.
  void listen(rd_kafka_conf_t* conf);
  void note(std::string reason, bool closed);
  void note_failure(const rd_kafka_message_t& message);

  void renew_password() REQUIRES_LOCK(mutex_);

  rd_kafka_t* handle_ = nullptr;
  std::string username_;
  config::Secret secret_;
  OnRebalance on_rebalance_;
  mutable Mutex mutex_;
  std::string reason_ GUARDED_BY(mutex_);       // of the last trouble with a broker
  std::string certificate_ GUARDED_BY(mutex_);  // what was wrong with the last one that was refused
  int64_t certificate_at_ms_ GUARDED_BY(mutex_) = -1'000;
  bool closed_ GUARDED_BY(mutex_) = false;        // that trouble: a broker closed the connection
  std::string password_ GUARDED_BY(mutex_);       // that librdkafka has
  bool refused_ GUARDED_BY(mutex_) = false;       // with that password a login has failed
  int64_t renewed_at_ms_ GUARDED_BY(mutex_) = 0;  // when its file was read last
  Failure failure_ GUARDED_BY(mutex_);
};

}  // namespace leat::clients
