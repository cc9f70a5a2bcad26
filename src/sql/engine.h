// The DuckDB engine: compiles a pipeline's transform and rules to one query, and runs it over
// batches.
//
//   auto engine = Engine::open({});
//   auto compiled = engine->compile({schema, {{"SELECT id, born::DATE AS born FROM input"}}, rules,
//   {}}); compiled.query->run(batch, rows, records)  ->  rows with the record each came from,
//   verdicts, rejects
//
// A record's fate never depends on its neighbours: every expression that can fail is tried per row,
// and should the query fail all the same, the batch is cut in halves until single records remain.
// After an internal error DuckDB answers nothing more: then the database is opened anew and the query
// compiled again before the halves are run, by each query of the engine when it meets that.
// docs/transform-with-sql.md says what users may rely on; step.h shows the form of the query.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/limits.h"
#include "base/result.h"
#include "stream/record.h"
#include "types/batch.h"
#include "types/type.h"

namespace leat::sql {

struct EngineOptions {
  size_t memory_bytes = limits::kTransformBytes;  // for each execution of a query
};

/// One SELECT over `input`, the step before.
struct SqlStep {
  std::string sql;
};

/// A boolean expression over the last step's columns; a row violates it unless it is TRUE.
struct Rule {
  std::string name, expect;
};

struct CompileInput {
  types::Schema input;
  std::vector<SqlStep> steps;       // none: every column as it is
  std::vector<Rule> rules;          // at most kMaxRules
  std::vector<std::string> tables;  // lookup tables that load_table() or load_rows() brought
};

/// One thing wrong in a step or rule of the user's. The caller maps it to its file by adding where
/// the text begins there.
struct CompileError {
  enum class Part : uint8_t { kStep, kRule, kPipeline };
  Part part = Part::kPipeline;
  size_t index = 0;          // which step or rule
  size_t offset = 0;         // byte in its text
  int line = 1, column = 1;  // in its text, from 1; the column counts characters
  std::string message, hint;
  /// "step 1, line 2, column 8: message; hint".
  std::string to_string() const;
};

/// What a run gave. Views: valid while this object, the input batch and the record batch live.
struct QueryOutput {
  std::vector<types::Batch> chunks;  // the user's columns, rows in record order
  std::vector<std::vector<uint32_t>>
      records;  // per chunk, per row: index in RecordBatch::records, ascending
  std::vector<std::vector<uint64_t>> violated;  // per chunk, per row: bit i = rule i is not TRUE
  std::vector<stream::Reject> rejects;  // stage transform, one per record, ascending; none has rows
  std::shared_ptr<const void> owner;    // the memory behind the chunks

  size_t rows() const;
  /// Takes out every row of the records marked in `drop` (by index in RecordBatch::records): dense
  /// chunks again. Costs nothing when no row is concerned.
  void drop(const std::vector<bool>& drop);
};

/// A compiled pipeline with a connection of its own. One thread at a time. Ends before its Engine
/// does; so do its outputs.
class Query {
 public:
  ~Query();
  Query(const Query&) = delete;
  Query& operator=(const Query&) = delete;

  /// What the decoder has to fill: the columns and struct fields that the query reads.
  const types::Schema& read_schema() const;
  const types::Schema& output() const;
  /// The whole query, for people and for the pipeline's hash.
  const std::string& text() const;

  /// Runs over all rows of `input` (columns as read_schema); row i comes from
  /// records.records[rows[i]], ascending. Records without rows and reject were filtered. An Error
  /// means an interrupt, rows of the batch beyond its caps, or a database that cannot be opened;
  /// never that a record is bad.
  Result<QueryOutput> run(const types::Batch& input, std::span<const uint32_t> rows,
                          const stream::RecordBatch& records);
  /// Makes a run() in progress, and every later one, end soon with kCancelled, whatever the engine is at. Any thread.
  void interrupt();

 private:
  friend class Engine;
  friend class Compiler;
  struct Impl;
  class Run;
  explicit Query(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

struct Compiled {
  std::unique_ptr<Query> query;      // null when there are errors
  std::vector<CompileError> errors;  // all that were found: each step that binds, each rule
};

/// One in-memory database, shared by the lanes of a pipeline. Files, extensions and settings are out of its
/// reach from the start. open and load from one thread, before the first compile; compile from any; queries
/// run each on the thread of its lane.
class Engine {
 public:
  static constexpr size_t kMaxRules = 64;

  static Result<std::unique_ptr<Engine>> open(const EngineOptions& options);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  /// Reads a CSV or Parquet file (by its ending; .csv.gz and .tsv too) as lookup table `name`, at
  /// most limits::kTableRows rows, and returns a hash of its contents. Read by a database of its
  /// own, once.
  Result<std::string> load_table(const std::string& name, const std::string& path);
  /// The same from rows that the caller has (a store's table).
  Result<std::string> load_rows(const std::string& name, const types::Schema& schema,
                                std::span<const types::Batch> batches);
  Result<Compiled> compile(const CompileInput& input);

 private:
  friend class Compiler;
  friend class Query;
  struct Impl;
  explicit Engine(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace leat::sql
