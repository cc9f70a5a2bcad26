// KafkaProducers: one transactional producer for each owner, and the transactions over them. Internal to clients/.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <string>

#include "base/mutex.h"
#include "clients/kafka_table.h"

namespace leat::clients {

/// A producer whose transactional.id is its owner's name. One thread at a time.
struct KafkaProducer {
  std::string owner;
  std::unique_ptr<KafkaClient> client;
  bool ready = false;               // init has been answered
  std::atomic<bool> in_use{false};  // a transaction of it stands
};

/// Any thread.
class KafkaProducers {
 public:
  KafkaProducers(const KafkaOptions& options, const KafkaAdmin& admin, KafkaTable& positions,
                 KafkaTable& state)
      : options_(options), admin_(admin), positions_(positions), state_(state) {}

  /// Whoever had this owner's name before, here or in another process, can commit no more from now on.
  Result<std::unique_ptr<stream::LogTransaction>> begin(const std::string& owner);
  void release(const std::string& owner);
  /// The next begin() of its owner makes a new one.
  void give_up(const std::shared_ptr<KafkaProducer>& producer);

 private:
  std::shared_ptr<KafkaProducer> find(const std::string& owner);

  const KafkaOptions& options_;
  const KafkaAdmin& admin_;
  KafkaTable& positions_;
  KafkaTable& state_;
  Mutex mutex_;
  std::map<std::string, std::shared_ptr<KafkaProducer>> producers_ GUARDED_BY(mutex_);
};

}  // namespace leat::clients
