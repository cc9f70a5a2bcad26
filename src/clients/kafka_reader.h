// KafkaReader: committed records of one topic's partitions, each from an offset of the caller's. Internal to clients/.
//
// Records are not copied: a batch holds librdkafka's messages until it is cleared. What librdkafka fetches ahead is
// bounded by kFetchAheadKib; a reader that is not polled for a while is only quiet.
//
// librdkafka passes over a batch whose checksum is wrong with an error, and then takes bytes from the wrong place for
// batches (2.12.1: it skips to an absolute position). So nothing that comes behind such an error is looked at: the batch
// is fetched once more, for it may have been damaged on its way, and then ends the reading with kCorrupt and its offsets.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <vector>

#include "clients/kafka_admin.h"

namespace leat::clients {

class KafkaReader final : public stream::TopicReader {
 public:
  /// kDataLost when the topic of that name is another one by now.
  static Result<std::unique_ptr<KafkaReader>> open(const KafkaOptions& options, KafkaAdmin& admin,
                                                   const stream::TopicInfo& topic);
  ~KafkaReader() override;

  Result<void> seek(int32_t partition, int64_t offset) override;
  /// Reads a partition from its first record on, without asking where that is.
  void seek_start(int32_t partition);
  Result<bool> poll(stream::RecordBatch& out, const stream::ReadLimits& limits,
                    std::stop_token stop, std::chrono::milliseconds timeout) override;
  Result<stream::PartitionBounds> bounds(int32_t partition) override;
  int64_t end_seen(int32_t partition) override;
  std::string trouble() const override;

 private:
  using Message = Rd<rd_kafka_message_t, rd_kafka_message_destroy>;
  struct Part {
    int64_t next = 0;  // the first offset not handed out
    int64_t end = 0;   // as seen last
    int64_t eof =
        -1;  // where reading has come to an end: behind what cannot be read, markers of transactions
    std::deque<Message> waiting;
    int64_t still_ms = 0;       // waited for records that are there
    std::string trouble, said;  // in which offsets; what librdkafka said last
    /// A batch that cannot be read: fetched once more, then the end of reading.
    struct Gap {
      int64_t from = -1;
      bool refetch = false, certain = false;
      std::string why;
      bool open() const { return refetch || certain; }
    } gap;
    bool has_news() const { return !waiting.empty() || eof > next; }
    int64_t fetched() const { return waiting.empty() ? next : waiting.back()->offset + 1; }
  };

  KafkaReader(const KafkaOptions& options, KafkaAdmin& admin, const stream::TopicInfo& topic)
      : options_(options), admin_(admin), topic_(topic) {}
  Result<void> assign();
  /// Takes in what librdkafka has; waits for a first message.
  Result<void> fetch(size_t most, int wait_ms);
  Result<void> take(Message message);
  Error lost(int32_t partition, int64_t offset);
  /// What librdkafka says of a batch that it cannot read.
  void unreadable(const rd_kafka_message_t& message, Part& part);
  /// Of the first partition that has a gap, and whose records before it have been handed out.
  Result<void> check_gaps();
  /// Behind `offset`, which cannot be read: the first that can. Tries, with a reader of its own.
  Result<int64_t> readable_behind(int32_t partition, int64_t offset);
  Result<bool> can_read(int32_t partition, int64_t offset);
  /// Nothing came for `waited_ms`: asks whether something should have.
  void watch(int64_t waited_ms);
  std::string stall(int32_t partition, const Part& part);
  void fill(stream::RecordBatch& out, int32_t partition, Part& part,
            const stream::ReadLimits& limits);

  const KafkaOptions& options_;
  KafkaAdmin& admin_;
  const stream::TopicInfo topic_;
  std::shared_ptr<KafkaClient> client_;  // batches hold it, too
  RdQueue queue_;
  std::map<int32_t, Part> parts_;
  int32_t last_ = -1;      // the partition that was served last
  bool assigned_ = false;  // what was sought last is being read
  std::vector<rd_kafka_message_t*> raw_;
};

}  // namespace leat::clients
