// Transformer: the second stage of a lane. Decode, the compiled query, the rules, and encoding for topics.
// Computes only: no I/O, no clock. One thread.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "runtime/outcome.h"
#include "runtime/plan.h"
#include "runtime/tombstones.h"
#include "sql/engine.h"
#include "stream/ports.h"

namespace leat::runtime {

/// One topic sink of a lane.
struct TopicTarget {
  stream::TopicInfo topic;
  std::unique_ptr<stream::Encoder> encoder;
};

class Transformer {
 public:
  /// `plan` outlives it. `topics`: the lane's topic sinks; `to_store`: its sink is a store; `tombstones`: in which
  /// records without a value delete rows, else they are rejected.
  Transformer(const PipelinePlan& plan, std::unique_ptr<sql::Query> query,
              std::unique_ptr<stream::Decoder> decoder, std::vector<TopicTarget> topics,
              bool to_store, std::unique_ptr<Tombstones> tombstones = nullptr);

  /// Says of a record that is about to be run alone whether it may be (runtime/crash_guard.h).
  using Admit = std::function<Result<bool>(const stream::RecordId&)>;

  /// Fills `out` from out.input. An Error is a bug or an exhausted resource, never a bad record; kIncompatible: the
  /// records together make more than a batch may hold, and fewer of them would not. With `admit`, each
  /// record is run alone first, and rejected unseen when it may not be.
  Result<void> run(Outcome& out, const Admit& admit = {});

  /// Makes a run() in progress, and every later one, end soon with kCancelled. Any thread.
  void interrupt() { query_->interrupt(); }

  const types::Schema& output() const { return query_->output(); }

 private:
  static void drop_duplicates(Outcome& out);
  Result<std::vector<uint32_t>> try_each(const Outcome& out, const Admit& admit);
  Result<void> transform(Outcome& out, const std::vector<uint32_t>& banned);
  void decode(const stream::RecordBatch& batch, types::BatchBuffer& out);
  static void reject(Outcome& out, stream::Reject reject);
  void apply_rules(Outcome& out);
  void judge(Outcome& out, uint32_t record, uint64_t broken);
  void encode(Outcome& out);
  void weigh(Outcome& out);
  void check_keys(Outcome& out);
  void read_tombstones(Outcome& out);
  void select_rows(Outcome& out);

  const PipelinePlan& plan_;
  std::unique_ptr<sql::Query> query_;
  std::unique_ptr<stream::Decoder> decoder_;
  std::vector<TopicTarget> topics_;
  const bool to_store_;
  const std::unique_ptr<Tombstones> tombstones_;  // null: a record without a value is a bad one
  // Reused from batch to batch.
  std::vector<uint32_t> rows_;
  std::vector<uint64_t> broken_;
  std::vector<bool> drop_;
  std::vector<size_t> record_bytes_;
  std::vector<stream::Reject> decode_rejects_;
  std::vector<stream::Encoder::Failure> failures_;
};

}  // namespace leat::runtime
