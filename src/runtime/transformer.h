// Transformer: the second stage of a lane. Decode, the compiled query, the rules, and encoding for topics.
// Computes only: no I/O, no clock. One thread.
#pragma once

#include <memory>
#include <vector>

#include "runtime/outcome.h"
#include "runtime/plan.h"
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
  Transformer(const PipelinePlan& plan, std::unique_ptr<sql::Query> query,
              std::unique_ptr<stream::Decoder> decoder, std::vector<TopicTarget> topics, bool to_store);

  /// Fills `out` from out.input. An Error is a bug or an exhausted resource, never a bad record.
  Result<void> run(Outcome& out);

  const types::Schema& output() const { return query_->output(); }

 private:
  void drop_duplicates(Outcome& out);
  void apply_rules(Outcome& out);
  void reject(Outcome& out, stream::Reject reject);
  Result<void> select_rows(Outcome& out);
  void encode(Outcome& out);

  const PipelinePlan& plan_;
  std::unique_ptr<sql::Query> query_;
  std::unique_ptr<stream::Decoder> decoder_;
  std::vector<TopicTarget> topics_;
  bool has_store_;
  types::BatchBuffer decoded_;
  std::vector<uint32_t> rows_;
};

}  // namespace leat::runtime
