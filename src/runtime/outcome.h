// Outcome: what the transform stage made of one input batch; the unit that the write stage delivers whole.
// Reused from batch to batch by its lane.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "runtime/input.h"
#include "sql/engine.h"
#include "stream/ports.h"
#include "types/batch.h"

namespace leat::runtime {

/// What became of one record of a batch; duplicates have left the batch before and are counted apart.
enum class Fate : uint8_t { kFiltered, kDelivered, kDropped, kRejected, kExpired };

/// Rows encoded for one topic sink, ready to append.
struct TopicRows {
  stream::EncodedRows encoded;
  struct Row {
    uint32_t record;  // index in the batch
    int32_t partition;
    size_t at;  // in encoded
  };
  std::vector<Row> rows;
};

struct Outcome {
  InputBatch input;                           // keeps the records' bytes alive
  std::optional<types::BatchBuffer> decoded;  // keeps the decoded strings alive
  sql::QueryOutput query;    // rows for stores: dense, without the records that are not delivered
  sql::QueryOutput deletes;  // likewise the keys of rows to delete; other columns are NULL
  std::vector<std::vector<int64_t>> versions, offsets;  // per chunk of query, then of deletes
  std::vector<TopicRows> topics;        // per topic sink of the lane, in the plan's order
  std::vector<stream::Reject> rejects;  // one per rejected record, in record order after count()
  std::vector<Fate> fates;              // per record
  std::vector<int64_t> rule_hits;       // per rule: records that violated it
  stream::Ledger delta;
  bool to_store = false;   // place_rows() was called: query's rows are what is delivered
  bool stop_rule = false;  // a rule with on_fail: fail was violated: stop_message says by what
  std::string stop_message;
  size_t bytes = 0;         // input and output, for the queues' bounds
  size_t output_bytes = 0;  // of the topics' rows and the dead letters

  /// Fills versions and offsets of query's rows and of deletes.
  void place_rows();
  /// The record of a row of a store's batch: chunks of query, then of deletes. None: there is no such row.
  std::optional<uint32_t> record_of(size_t chunk, size_t row) const;
  /// Counts fates and rows into delta; called when all fates are known, again when some change.
  void count();
  /// Empty again, with the memory kept.
  void clear();
  /// The same for what was made of the input, which stays.
  void clear_results();
};

}  // namespace leat::runtime
