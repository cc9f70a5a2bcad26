// KafkaLog: the durable log on Apache Kafka, through librdkafka.
//
// A transaction is one of Kafka's: records, progress rows and state together, under the owner's name as
// transactional.id. begin() fences whoever had that name before, in any process, and progress() then gives what was
// committed last: read in this order, a zombie can neither commit nor be missed. Readers see committed records only.
//
//   _leat_positions   compacted, 16 partitions: progress rows as JSON; all rows of a lane in one partition
//   _leat_state       compacted, 16 partitions: the runtime's small named values
//
// A commit whose fate is unknown (a lost reply, a timeout) returns Retry::kReconnect and gives its producer up, since a
// delayed EndTxn must never meet a later transaction of the same producer: begin() makes another, progress() tells.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "config/secret.h"
#include "io/clock.h"
#include "stream/log.h"

namespace leat::clients {

struct KafkaOptions {
  std::string brokers;  // HOST:PORT,...
  /// librdkafka's own names and values: TLS and login, from an allow-list of the component's.
  std::vector<std::pair<std::string, std::string>> settings;
  std::string instance_id;  // a static member of its groups; empty: a dynamic one
  bool consumer_protocol =
      false;                    // groups by KIP-848: the broker assigns, and has the session's time
  int64_t session_ms = 10'000;  // after which a silent process loses its partitions to the others
  std::string username;         // of PLAIN and SCRAM; empty: no such login
  config::Secret password;      // read anew for each new client, and when logins fail
  int replication = -1;         // of topics that leat creates; -1: the brokers' default
  int64_t connect_ms = 10'000;  // of the first answer, and of each administrative request
  int64_t transaction_ms = 15'000;  // how long the transaction of a dead process holds readers up
  int64_t stalled_ms = 30'000;  // after which a partition that should move, and does not, is told
  io::Clock* clock = nullptr;   // null: the host's; outlives the log
};

/// Any thread; each reader and transaction belongs to one, and is destroyed before the log.
class KafkaLog final : public stream::Log {
 public:
  /// kUnavailable when no broker answers within connect_ms, with the reason.
  static Result<std::unique_ptr<KafkaLog>> open(const KafkaOptions& options);
  ~KafkaLog() override;

  stream::TopicAdmin& topics() override;
  Result<std::unique_ptr<stream::TopicReader>> reader(const stream::TopicInfo& topic) override;
  Result<std::unique_ptr<stream::Membership>> join(const std::string& group,
                                                   const stream::TopicInfo& topic) override;
  Result<std::vector<std::string>> members(const std::string& group) override;
  Result<std::unique_ptr<stream::LogTransaction>> begin(const std::string& owner) override;
  void release(const std::string& owner) override;
  Result<std::vector<stream::Progress>> progress(const std::string& project,
                                                 const std::string& pipeline) override;
  Result<std::optional<std::string>> state(std::string_view key) override;
  Result<std::vector<std::pair<std::string, std::string>>> states(std::string_view prefix) override;

 private:
  struct Impl;
  explicit KafkaLog(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace leat::clients
