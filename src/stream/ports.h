// The ports of components and codecs: Source, Sink (a store), Decoder, Encoder.
// Retry, batching, dead letter, metrics and positions are the runtime's work, never a component's.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "base/limits.h"
#include "base/result.h"
#include "io/clock.h"
#include "stream/record.h"
#include "types/batch.h"
#include "types/type.h"

namespace leat::stream {

/// What a source read: framed records (bytes, not decoded) and the cursor to resume after them.
struct SourcePage {
  std::vector<Record>
      records;  // value set; key, headers, timestamp optional; offset is the runtime's
  std::vector<std::string>
      ids;  // per record, when the source has `id:`; else empty. "" = no id found
  std::vector<Reject>
      refused;  // records of which the source can say what is wrong; their bytes are a bad record's
  std::string cursor;      // opaque to the runtime, JSON by convention; committed with the records
  bool exhausted = false;  // a bounded source has nothing more: this pass is over
  int64_t next_poll_ms = 0;  // a continuous source: do not call read() before this many ms
  std::vector<std::shared_ptr<const std::string>> storage;  // the bytes behind the views
};

/// Reads records from outside. One thread. read() may block until its own deadlines or stop.
class Source {
 public:
  virtual ~Source() = default;
  /// Starts at `cursor` (empty: the beginning), as last committed.
  virtual Result<void> open(std::string_view cursor) = 0;
  /// The next page; may be empty. An Error with Retry::kBackoff or kReconnect is retried by the runtime with
  /// back-off from the same cursor; kNever fails the pipeline.
  virtual Result<SourcePage> read(std::stop_token stop) = 0;
  /// False for a source that cannot give the same records again (http, generate): topic sinks only.
  virtual bool rereadable() const = 0;
  /// True when it ends by itself (drain waits for its end; a continuous source makes one pass).
  virtual bool bounded() const = 0;
};

/// Rows of one input partition on their way into a store, with the progress row that belongs to them.
struct SinkBatch {
  std::vector<types::Batch>
      chunks;  // rows in input order; the table's columns, without hidden ones
  std::vector<std::span<const int64_t>> versions;  // per chunk, per row: the record's version
  std::vector<std::span<const int64_t>> offsets;   // per chunk, per row: the record's offset
  /// Chunks from here on are no rows but keys of rows to delete: their other columns are NULL. Only for a table with
  /// `deletes`. Among equal versions of a key the delete wins.
  size_t first_delete = static_cast<size_t>(-1);
  bool deletes(size_t chunk) const { return chunk >= first_delete; }
  Progress progress;  // written in the same transaction, compare-and-set
};

/// What a sink must know of its table.
struct SinkTable {
  std::string project, pipeline, sink;  // sink = "STORE.TABLE"
  std::string table;
  types::Schema schema;          // of the pipeline's output
  std::vector<std::string> key;  // empty: append
  size_t partition_columns = 0;  // the first so many of `key` choose the partition; 0: all
  bool deletes = false;          // batches may hold keys of rows to delete
  /// How long a deleted key keeps its version at least, so that nothing older comes back; -1: for ever.
  int64_t deletes_kept_ms = limits::kDeadLetterRetentionMs;
};

/// A row that a store refuses, or that has outlived the store's time to live: by position in the SinkBatch.
struct RefusedRow {
  size_t chunk, row;
  std::string message;
  bool expired = false;
};

/// A store's table. One thread per sink.
class Sink {
 public:
  virtual ~Sink() = default;
  /// Connects, creates or evolves the table (kIncompatible with the exact difference), and returns the
  /// progress rows of this sink. Called again after an error with Retry::kReconnect.
  virtual Result<std::vector<Progress>> open() = 0;
  /// Rows and progress in one transaction. kConflict: somebody else moved the position. Refused rows (the
  /// store's own constraints) are reported; then the position has not moved (and, in a store with
  /// transactions, nothing was written), and the runtime calls again without them.
  virtual Result<std::vector<RefusedRow>> write(const SinkBatch& batch) = 0;
  /// What open() would do, as DDL, without doing it (leat explain).
  virtual Result<std::string> ddl() const = 0;
  /// Rewrites progress rows (leat reset). Only while no lane runs. `truncate`: empty the table first.
  virtual Result<void> reset(std::span<const Progress> rows, bool truncate) = 0;
};

/// Bytes of records to columns. One thread; reused for every batch.
class Decoder {
 public:
  virtual ~Decoder() = default;
  /// Appends one row per good record to `out` and its index to `rows`; bad ones go to `rejects`. Never fails:
  /// a record's fate depends on its own bytes alone.
  virtual void decode(const RecordBatch& batch, types::BatchBuffer& out,
                      std::vector<uint32_t>& rows, std::vector<Reject>& rejects) = 0;
};

/// Encoded values of rows; views into `arena`, valid until clear(), which the caller calls between batches.
struct EncodedRows {
  std::vector<std::optional<std::string_view>> keys, values;
  types::Arena arena;
  void clear() { keys.clear(), values.clear(), arena.reset(); }
};

/// Columns to bytes. One thread; reused.
class Encoder {
 public:
  virtual ~Encoder() = default;
  /// Appends the key and value of every row of `batch`. A row that cannot be encoded (NaN, null key) has an
  /// entry in `failed` (row, reason, message) and an empty value.
  struct Failure {
    size_t row;
    Reason reason;
    std::string message;
  };
  virtual void encode(const types::Batch& batch, EncodedRows& out,
                      std::vector<Failure>& failed) = 0;
};

}  // namespace leat::stream
