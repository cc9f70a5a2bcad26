#include "runtime/delivery.h"

#include <algorithm>
#include <deque>

#include "codec/schema_id.h"
#include "io/fault.h"

namespace leat::runtime {
namespace {

/// Appends the outcome's rejects to the dead letter topic of `transaction`.
Result<void> append_dead_letters(stream::LogTransaction& transaction,
                                 const DeadLetterTarget& target, const LaneName& name,
                                 const Outcome& outcome) {
  DeadLetterWriter writer(name.sink, target.pipeline_hash);
  for (const stream::Reject& reject : outcome.rejects) {
    const auto& records = outcome.input.records;
    const stream::Record& record = records.records[reject.record];
    std::optional<RetryPlace> retry;
    if (!outcome.input.retry_offsets.empty())
      retry = {records.origin.partition, outcome.input.retry_offsets[reject.record]};
    writer.add(outcome.input.identity(reject.record), record, records.versions[reject.record],
               reject, retry);
  }
  std::map<int32_t, std::vector<stream::OutRecord>> by_partition;
  for (const stream::OutRecord& record : writer.records()) {
    by_partition[stream::partition_of(*record.key, target.topic.spec.partitions)].push_back(record);
  }
  for (auto& [partition, records] : by_partition)
    TRY(transaction.append(target.topic, partition, records));
  if (io::planted_bug("dead_letter_twice")) {
    for (auto& [partition, records] : by_partition) {
      std::vector<std::string> keys;
      for (auto& record : records) keys.push_back(std::string(*record.key) + "'");
      for (size_t i = 0; i < records.size(); ++i) records[i].key = keys[i];
      TRY(transaction.append(target.topic, partition, records));
    }
  }
  return {};
}

class TopicDelivery final : public Delivery {
 public:
  TopicDelivery(stream::Log& log, LaneName name, DeadLetterTarget dead_letters,
                std::vector<DeliveredTopic> topics, std::vector<int32_t> partitions)
      : log_(log),
        name_(std::move(name)),
        dead_letters_(std::move(dead_letters)),
        topics_(std::move(topics)),
        partitions_(std::move(partitions)) {}

  Result<std::vector<stream::Progress>> open() override {
    // Whoever had the lane before commits no more from here on, so the rows read then are the last.
    for (int32_t partition : partitions_) TRY(log_.begin(name_.owner(partition)));
    ASSIGN(std::vector<stream::Progress> rows, log_.progress(name_.project, name_.pipeline));
    std::erase_if(rows, [&](const stream::Progress& row) { return row.sink != name_.sink; });
    return rows;
  }

  Result<void> write(Outcome& outcome, stream::Progress& progress) override {
    ASSIGN(auto transaction, log_.begin(name_.owner(progress.input.partition)));
    TRY(io::fault_point("delivery.topic.begin"));
    for (size_t t = 0; t < topics_.size(); ++t) TRY(append_rows(*transaction, t, outcome));
    if (!outcome.rejects.empty()) {
      TRY(append_dead_letters(*transaction, dead_letters_, name_, outcome));
    }
    if (!outcome.input.id_page.empty()) {
      TRY(transaction->put_state(outcome.input.id_key, outcome.input.id_page));
    }
    for (const std::string& key : outcome.input.ids_to_forget)
      TRY(transaction->put_state(key, std::nullopt));
    if (io::planted_bug("topic_position_apart")) {
      // The bug: the position is committed before, and apart from, the records.
      ASSIGN(auto early, log_.begin(name_.owner(progress.input.partition) + ".early"));
      TRY(early->put_progress(progress));
      TRY(early->commit());
      TRY(io::fault_point("delivery.topic.planted"));
    } else {
      TRY(transaction->put_progress(progress));
    }
    TRY(io::fault_point("delivery.topic.before_commit"));
    TRY(transaction->commit());
    return io::fault_point("delivery.topic.after_commit");
  }

 private:
  Result<void> append_rows(stream::LogTransaction& transaction, size_t t, Outcome& outcome) {
    const TopicRows& rows = outcome.topics[t];
    std::vector<std::vector<stream::OutRecord>> by_partition(
        static_cast<size_t>(topics_[t].topic.spec.partitions));
    std::vector<stream::Header> schemas;
    if (!topics_[t].schema_header.empty())
      schemas.push_back({codec::kValueSchemaHeader, topics_[t].schema_header});
    if (!topics_[t].key_header.empty())
      schemas.push_back({codec::kKeySchemaHeader, topics_[t].key_header});
    // A redriven record carries its original version on, through each topic, so that it never overwrites newer rows
    // downstream.
    struct Carried {
      std::string version;
      std::vector<stream::Header> headers;
    };
    std::deque<Carried> carried;
    const bool redriven = !outcome.input.originals.empty();
    for (const TopicRows::Row& row : rows.rows) {
      stream::OutRecord out;
      out.key = rows.encoded.keys[row.at];
      out.value = rows.encoded.values[row.at];
      out.headers = schemas;
      if (redriven || carried_version(outcome.input.records.records[row.record]) > 0) {
        Carried& one = carried.emplace_back();
        one.version = std::to_string(outcome.input.records.versions[row.record]);
        one.headers = {{"leat-version", one.version}};
        one.headers.insert(one.headers.end(), schemas.begin(), schemas.end());
        out.headers = one.headers;
      }
      by_partition[static_cast<size_t>(row.partition)].push_back(out);
    }
    for (size_t p = 0; p < by_partition.size(); ++p) {
      auto& records = by_partition[p];
      if (records.empty()) continue;
      if (io::planted_bug("topic_skip_last_record")) records.pop_back();
      TRY(transaction.append(topics_[t].topic, static_cast<int32_t>(p), records));
    }
    return {};
  }

  stream::Log& log_;
  LaneName name_;
  DeadLetterTarget dead_letters_;
  std::vector<DeliveredTopic> topics_;
  std::vector<int32_t> partitions_;
};

class StoreDelivery final : public Delivery {
 public:
  StoreDelivery(stream::Log& log, LaneName name, DeadLetterTarget dead_letters,
                std::unique_ptr<stream::Sink> sink)
      : log_(log),
        name_(std::move(name)),
        dead_letters_(std::move(dead_letters)),
        sink_(std::move(sink)) {}

  Result<std::vector<stream::Progress>> open() override { return sink_->open(); }

  Result<void> write(Outcome& outcome, stream::Progress& progress) override {
    for (;;) {
      if (!outcome.rejects.empty() && !io::planted_bug("dead_letter_after_position")) {
        TRY(write_dead_letters(outcome));
      }
      stream::SinkBatch batch;
      batch.chunks = outcome.query.chunks;
      batch.first_delete = batch.chunks.size();
      batch.chunks.insert(batch.chunks.end(), outcome.deletes.chunks.begin(),
                          outcome.deletes.chunks.end());
      for (auto& v : outcome.versions) batch.versions.emplace_back(v);
      for (auto& o : outcome.offsets) batch.offsets.emplace_back(o);
      batch.progress = progress;
      TRY(io::fault_point("delivery.store.before_write"));
      ASSIGN(std::vector<stream::RefusedRow> refused, sink_->write(batch));
      if (refused.empty()) break;
      TRY(drop_refused(outcome, refused, progress));
    }
    if (!outcome.rejects.empty() && io::planted_bug("dead_letter_after_position")) {
      TRY(io::fault_point("delivery.store.planted"));
      TRY(write_dead_letters(outcome));
    }
    return io::fault_point("delivery.store.after_write");
  }

 private:
  Result<void> write_dead_letters(Outcome& outcome) {
    ASSIGN(auto transaction, log_.begin(name_.owner(outcome.input.records.origin.partition)));
    TRY(append_dead_letters(*transaction, dead_letters_, name_, outcome));
    TRY(io::fault_point("delivery.store.before_dead_letters"));
    TRY(transaction->commit());
    return io::fault_point("delivery.store.after_dead_letters");
  }

  /// A record with a refused row goes to the dead letter whole, an expired one nowhere; its other rows leave the batch.
  static Result<void> drop_refused(Outcome& outcome, const std::vector<stream::RefusedRow>& refused,
                                   stream::Progress& progress) {
    const stream::Ledger was = outcome.delta;
    for (const stream::RefusedRow& row : refused) {
      const std::optional<uint32_t> of = outcome.record_of(row.chunk, row.row);
      if (!of) {
        return Error(ErrorCode::kInternal,
                     fmt::format("the store refused row {} of chunk {}, which it was not given",
                                 row.row, row.chunk));
      }
      const uint32_t record = *of;
      if (outcome.fates[record] != Fate::kDelivered) continue;
      outcome.fates[record] = row.expired ? Fate::kExpired : Fate::kRejected;
      if (row.expired) continue;
      outcome.rejects.push_back(
          {record, stream::Stage::kSink, stream::Reason::kSinkRefused, {}, row.message});
    }
    std::vector<bool> drop(outcome.fates.size());
    for (size_t record = 0; record < drop.size(); ++record)
      drop[record] = outcome.fates[record] != Fate::kDelivered;
    outcome.query.drop(drop);
    outcome.deletes.drop(drop);
    outcome.place_rows();
    outcome.count();
    progress.ledger.delivered += outcome.delta.delivered - was.delivered;
    progress.ledger.rejected += outcome.delta.rejected - was.rejected;
    progress.ledger.expired += outcome.delta.expired - was.expired;
    progress.ledger.rows += outcome.delta.rows - was.rows;
    return {};
  }

  stream::Log& log_;
  LaneName name_;
  DeadLetterTarget dead_letters_;
  std::unique_ptr<stream::Sink> sink_;
};

}  // namespace

std::unique_ptr<Delivery> make_topic_delivery(stream::Log& log, LaneName name,
                                              DeadLetterTarget dead_letters,
                                              std::vector<DeliveredTopic> topics,
                                              std::vector<int32_t> partitions) {
  return std::make_unique<TopicDelivery>(log, std::move(name), std::move(dead_letters),
                                         std::move(topics), std::move(partitions));
}

std::unique_ptr<Delivery> make_store_delivery(stream::Log& log, LaneName name,
                                              DeadLetterTarget dead_letters,
                                              std::unique_ptr<stream::Sink> sink) {
  return std::make_unique<StoreDelivery>(log, std::move(name), std::move(dead_letters),
                                         std::move(sink));
}

}  // namespace leat::runtime
