// Outcome: what the transform stage made of one input batch; the unit that the write stage delivers whole.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "runtime/input.h"
#include "sql/engine.h"
#include "stream/ports.h"

namespace leat::runtime {

/// What became of one record of a batch. One per record, the first that applies in this order.
enum class Fate : uint8_t { kFiltered, kRejected, kDelivered, kDropped, kDeduplicated };

/// Rows encoded for one topic sink, ready to append.
struct TopicRows {
  stream::EncodedRows encoded;
  struct Row {
    uint32_t record;     // index in the batch
    int32_t partition;
    size_t at;           // in encoded
  };
  std::vector<Row> rows;
};

struct Outcome {
  InputBatch input;                       // keeps the records' bytes alive for their dead letters
  sql::QueryOutput query;                 // keeps the chunks' memory alive
  std::vector<types::Batch> chunks;       // rows to deliver to stores, dense
  std::vector<std::vector<uint32_t>> record_of;          // per chunk, per row: index of its record
  std::vector<std::vector<int64_t>> versions, offsets;   // per chunk, per row
  std::vector<TopicRows> topics;          // per topic sink of the lane, in the plan's order
  std::vector<stream::Reject> rejects;    // one per rejected record, in record order
  std::vector<Fate> fates;                // per record
  std::vector<int64_t> rule_hits;         // per rule: records that violated it
  stream::Ledger delta;
  bool stop_rule = false;                 // a rule with on_fail: fail was violated: message in stop_message
  std::string stop_message;
  size_t bytes = 0;

  /// Counts fates into delta; called once all fates are known.
  void count();
};

}  // namespace leat::runtime
