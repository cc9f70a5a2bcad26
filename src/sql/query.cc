// Runs a compiled query over a batch: rows and verdicts out, failures turned into rejects, batches
// that fail as a whole cut in halves until single records remain.
#include <fmt/core.h>

#include <algorithm>
#include <numeric>

#include "base/strings.h"
#include "io/fault.h"
#include "sql/query_impl.h"
#include "sql/vectors.h"

namespace leat::sql {
namespace {

using types::VectorBuffer;

struct Wide {
  uint64_t low, high;
};

/// Appends row `row` of `source` to `into`. Long strings stay where they are.
void append_row(const types::Vector& source, size_t row, VectorBuffer& into) {
  if (!source.valid(row)) return into.append_null();
  switch (source.type.kind()) {
    case types::Kind::kStruct:
      for (size_t i = 0; i < source.children.size(); ++i)
        append_row(source.children[i], row, into.child(i));
      return into.append_struct();
    case types::Kind::kList:
    case types::Kind::kMap: {
      const auto& entry = source.at<types::ListEntry>(row);
      const size_t start = into.child(0).size();
      for (size_t i = 0; i < entry.length; ++i)
        append_row(source.children[0], entry.offset + i, into.child(0));
      return into.append_list(start);
    }
    default:
      break;
  }
  switch (source.type.value_size()) {
    case 1:
      return into.append(source.at<uint8_t>(row));
    case 2:
      return into.append(source.at<uint16_t>(row));
    case 4:
      return into.append(source.at<uint32_t>(row));
    case 8:
      return into.append(source.at<uint64_t>(row));
    default:
      return into.append(source.at<Wide>(row));
  }
}

struct RowAt {
  uint32_t chunk, row;
};

/// The named rows of a result as one dense batch; the buffer joins the output's owner.
struct Gathered {
  std::shared_ptr<const void> before;
  std::unique_ptr<types::BatchBuffer> buffer;
};

void gather(QueryOutput& output, std::span<const RowAt> rows) {
  types::Schema schema;
  if (!output.chunks.empty()) {
    for (const types::Vector& column : output.chunks[0].columns) {
      types::Field field;
      field.type = column.type;
      schema.fields.push_back(std::move(field));
    }
  }
  auto kept = std::make_shared<Gathered>();
  kept->before = output.owner;
  kept->buffer = std::make_unique<types::BatchBuffer>(schema);
  std::vector<uint32_t> records;
  std::vector<uint64_t> violated;
  records.reserve(rows.size());
  for (const RowAt& at : rows) {
    for (size_t c = 0; c < schema.fields.size(); ++c)
      append_row(output.chunks[at.chunk].columns[c], at.row, kept->buffer->column(c));
    records.push_back(output.records[at.chunk][at.row]);
    if (!output.violated.empty()) violated.push_back(output.violated[at.chunk][at.row]);
  }
  kept->buffer->set_rows(rows.size());
  const bool rules = !output.violated.empty();
  output.chunks.clear();
  output.records.clear();
  output.violated.clear();
  if (!rows.empty()) {
    output.chunks.push_back(kept->buffer->view());
    output.records.push_back(std::move(records));
    if (rules) output.violated.push_back(std::move(violated));
  }
  output.owner = std::move(kept);
}

/// What a failed execution means for a batch: cut it, or stop.
bool may_be_one_record(const Error& error) {
  return error.code() == ErrorCode::kInvalidArgument || error.code() == ErrorCode::kLimit ||
         error.code() == ErrorCode::kConflict || error.code() == ErrorCode::kInternal;
}

/// Chunks, and the databases that they came from, which are to go after them.
struct Chunks {
  std::vector<std::shared_ptr<Generation>> databases;
  std::vector<Chunk> all;
};

struct Made {
  size_t rows = 0, bytes = 0;
};

std::string first_line(std::string_view text) {
  return std::string(text.substr(0, text.find('\n')));
}

}  // namespace

size_t QueryOutput::rows() const {
  return std::accumulate(chunks.begin(), chunks.end(), size_t{0},
                         [](size_t n, const types::Batch& b) { return n + b.rows; });
}

void QueryOutput::drop(const std::vector<bool>& dropped) {
  std::vector<RowAt> kept;
  bool any = false;
  kept.reserve(rows());
  for (size_t c = 0; c < chunks.size(); ++c) {
    for (size_t r = 0; r < records[c].size(); ++r) {
      if (records[c][r] < dropped.size() && dropped[records[c][r]])
        any = true;
      else
        kept.push_back({static_cast<uint32_t>(c), static_cast<uint32_t>(r)});
    }
  }
  if (any) gather(*this, kept);
}

/// One run: collects chunks over one or more executions.
class Query::Run {
 public:
  Run(Query::Impl& query, const types::Batch& input, std::span<const uint32_t> rows,
      const stream::RecordBatch& records)
      : query_(query),
        input_(input),
        rows_(rows),
        records_(records),
        chunks_(std::make_shared<Chunks>()) {}

  Result<QueryOutput> go() {
    CHECK(rows_.size() == input_.rows, "{} record indices for {} rows", rows_.size(), input_.rows);
    CHECK(input_.columns.size() == query_.slot->schema.fields.size());
    if (input_.rows > 0) {
      find_bad_keys();
      TRY(bad_keys_.empty() ? execute(0, input_.rows) : around_bad_keys());
    }
    return finish();
  }

 private:
  /// Text that is no UTF-8 may not enter DuckDB. Only checked when _key is read.
  void find_bad_keys() {
    const auto& metas = query_.slot->metas;
    if (std::find(metas.begin(), metas.end(), Meta::kKey) == metas.end()) return;
    for (uint32_t i = 0; i < rows_.size(); ++i) {
      const auto& key = records_.records[rows_[i]].key;
      if (key && !is_utf8(*key)) bad_keys_.push_back(i);
    }
  }

  Result<void> around_bad_keys() {
    size_t from = 0;
    for (const uint32_t bad : bad_keys_) {
      reject(bad, stream::Reason::kInvalidUtf8,
             "the key is not UTF-8, and the pipeline reads _key");
      if (from < bad) TRY(execute(from, bad));
      from = bad + 1;
    }
    if (from < input_.rows) TRY(execute(from, input_.rows));
    return {};
  }

  void reject(size_t row, stream::Reason reason, std::string message) {
    rejects_.push_back({rows_[row], stream::Stage::kTransform, reason, "", std::move(message)});
  }

  /// Rows [from, to) in one execution, or, where it fails, in two halves.
  Result<void> execute(size_t from, size_t to) {
    auto done = attempt(from, to);
    if (!done && done.error().retry() == Retry::kFatal) {
      // Another query of the engine broke the database, or this one did and was not told so.
      TRY(query_.renew());
      done = attempt(from, to);
    }
    if (done) return {};
    if (!may_be_one_record(done.error())) return done;
    if (done.error().code() == ErrorCode::kInternal) TRY(query_.renew());
    if (to - from == 1) {
      const bool large = done.error().code() == ErrorCode::kLimit;
      reject(from, large ? stream::Reason::kTooLarge : stream::Reason::kExpressionFailed,
             first_line(done.error().message()));
      return {};
    }
    const size_t middle = from + (to - from) / 2;
    TRY(execute(from, middle));
    return execute(middle, to);
  }

  /// One execution, all of it or nothing. What it gives is cut off at the caps, so the vectors of a chunk are the most
  /// that is held beyond them; what DuckDB needs to make those is bounded by the arena.
  Result<void> attempt(size_t from, size_t to) {
    InputSlot& slot = *query_.slot;
    slot.batch = &input_;
    slot.rows = rows_;
    slot.records = &records_;
    slot.from = from;
    slot.to = to;
    const size_t before = chunks_->all.size();
    const Made made = made_;
    auto done = fetch(to - from == 1);
    if (done) return done;
    chunks_->all.resize(before);
    made_ = made;
    return done;
  }

  Result<void> fetch(bool alone) {
    MemoryBound memory(query_.engine->options.memory_bytes);
    auto done = fetch(alone, memory);
    // A TRY that failed for want of memory looks like a bad value, and DuckDB's message like its own limit.
    const bool other = !done && (done.error().code() == ErrorCode::kInternal ||
                                 done.error().code() == ErrorCode::kCancelled);
    if (!memory.refused() || other) return done;
    return Error(ErrorCode::kLimit,
                 fmt::format("needs more than {} MiB of memory",
                             query_.engine->options.memory_bytes / limits::kMiB));
  }

  /// The planted bug: DuckDB fails over one record, and answers nothing more.
  Result<void> planted_poison() const {
    if (!io::planted_bug("sql_internal_error_of_poison")) return {};
    for (size_t i = query_.slot->from; i < query_.slot->to; ++i) {
      const auto& value = records_.records[rows_[i]].value;
      if (value.value_or("").find("poison") != std::string_view::npos)
        return duckdb_error(DUCKDB_ERROR_INTERNAL, "INTERNAL Error: a planted one");
    }
    return {};
  }

  Result<void> go_on() const {
    if (!query_.interrupted.load()) return {};
    return Error(ErrorCode::kCancelled, "the query was interrupted");
  }

  Result<void> fetch(bool alone, const MemoryBound& memory) {
    TRY(go_on());
    TRY(planted_poison());
    ASSIGN(QueryResult result, query_.statement.execute_streaming());
    if (chunks_->databases.empty() || chunks_->databases.back() != query_.generation)
      chunks_->databases.push_back(query_.generation);
    // As many bytes for many records as for one: else a large record's fate would depend on the batch it is in.
    const size_t most_rows = alone ? limits::kMaxRowsPerRecord : limits::kMaxBatchResultRows;
    Made made;
    while (true) {
      ASSIGN(std::optional<Chunk> chunk, result.next());
      TRY(go_on());
      if (!chunk) break;
      if (memory.refused()) return {};  // for the caller to judge
      const types::Batch view = view_of(chunk->get(), query_.types);
      if (view.rows == 0) continue;
      made.rows += view.rows;
      made.bytes += bytes_of(view);
      if (made.rows > most_rows)
        return Error(ErrorCode::kLimit, fmt::format("makes more than {} rows", most_rows));
      if (made.bytes > limits::kMaxRecordResultBytes)
        return Error(ErrorCode::kLimit, fmt::format("makes rows of more than {} MiB",
                                                    limits::kMaxRecordResultBytes / limits::kMiB));
      chunks_->all.push_back(std::move(*chunk));
    }
    made_.rows += made.rows, made_.bytes += made.bytes;
    if (made_.rows <= limits::kMaxBatchResultRows && made_.bytes <= limits::kMaxBatchResultBytes)
      return {};
    return over_the_batch();
  }

  /// Each record is small enough and all together are not. None may be rejected for its neighbours.
  Error over_the_batch() const {
    return Error(ErrorCode::kIncompatible,
                 fmt::format("a batch of {} records makes more than {} rows or {} MiB", input_.rows,
                             limits::kMaxBatchResultRows,
                             limits::kMaxBatchResultBytes / limits::kMiB))
        .with_blame(Blame::kUser)
        .with_hint(
            "set `batch: {records: N}` lower, when files are read; or select less of each record; "
            "a pipeline that only captures into a topic, and one that reads it, delivers in "
            "smaller batches");
  }

  Result<QueryOutput> finish() {
    QueryOutput output;
    bad_.assign(records_.records.size(), false);
    for (const stream::Reject& reject : rejects_) bad_[reject.record] = true;
    bool sorted = true;
    uint32_t last = 0;
    std::vector<uint32_t> made(records_.records.size(), 0);
    for (const Chunk& chunk : chunks_->all) {
      const size_t rows = duckdb_data_chunk_get_size(chunk.get());
      size_t column = query_.types.size();
      const auto vector = [&]() {
        return duckdb_vector_get_data(duckdb_data_chunk_get_vector(chunk.get(), column++));
      };
      const auto* ordinals = static_cast<const uint32_t*>(vector());
      std::vector<uint32_t> records(rows);
      for (size_t i = 0; i < rows; ++i) {
        CHECK(ordinals[i] < rows_.size(), "ordinal {} of {}", ordinals[i], rows_.size());
        const uint32_t record = rows_[ordinals[i]];
        sorted = sorted && record >= last;
        if (++made[record] > limits::kMaxRowsPerRecord && !bad_[record]) too_many(record);
        records[i] = last = record;
      }
      for (size_t w = 0; w < query_.shape.words(); ++w)
        failures(static_cast<const int64_t*>(vector()), w, records);
      if (!query_.rules.empty()) {
        auto& violated = output.violated.emplace_back(rows, uint64_t{0});
        for (size_t first = 0; first < query_.rules.size(); first += kRulesPerWord)
          rules(static_cast<const uint64_t*>(vector()), first, records, violated);
      }
      output.chunks.push_back(view_of(chunk.get(), query_.types));
      output.records.push_back(std::move(records));
    }
    explain_failures();
    output.owner = chunks_;
    if (!sorted) put_in_order(output);
    if (!rejects_.empty()) output.drop(bad_);
    std::sort(rejects_.begin(), rejects_.end(),
              [](const auto& a, const auto& b) { return a.record < b.record; });
    output.rejects = std::move(rejects_);
    return output;
  }

  void too_many(uint32_t record) {
    bad_[record] = true;
    rejects_.push_back({record, stream::Stage::kTransform, stream::Reason::kTooLarge, "",
                        fmt::format("makes more than {} rows", limits::kMaxRowsPerRecord)});
  }

  /// Notes, per failed record, the least failed bit over its rows: which does not depend on their
  /// order.
  void failures(const int64_t* words, size_t word, const std::vector<uint32_t>& records) {
    for (size_t i = 0; i < records.size(); ++i) {
      if (words[i] == 0) [[likely]]
        continue;
      const size_t bit = word * StepShape::kBitsPerWord +
                         static_cast<size_t>(__builtin_ctzll(static_cast<uint64_t>(words[i])));
      if (!failed_.empty() && failed_.back().first == records[i])
        failed_.back().second = std::min(failed_.back().second, bit);
      else
        failed_.emplace_back(records[i], bit);
    }
  }

  /// Takes the rules' words of a chunk apart, whose first rule is `first`: notes violations per row, and the
  /// first rule that failed of each record.
  void rules(const uint64_t* words, size_t first, const std::vector<uint32_t>& records,
             std::vector<uint64_t>& violated) {
    for (size_t i = 0; i < records.size(); ++i) {
      for (uint64_t left = words[i]; left != 0; left &= left - 1) {
        const auto bit = static_cast<size_t>(__builtin_ctzll(left));
        const size_t rule = first + bit / 2;
        if (bit % 2 == 0)
          violated[i] |= uint64_t{1} << rule;
        else
          failed_rules_.emplace_back(records[i], rule);
      }
    }
  }

  void explain_failures() {
    std::sort(failed_.begin(), failed_.end());
    std::sort(failed_rules_.begin(), failed_rules_.end());
    for (const auto& [record, bit] : failed_) {
      if (bad_[record]) continue;  // the least bit came first
      bad_[record] = true;
      rejects_.push_back(
          {record, stream::Stage::kTransform, stream::Reason::kExpressionFailed, "", origin(bit)});
    }
    for (const auto& [record, index] : failed_rules_) {
      if (bad_[record]) continue;  // so did a column, or an earlier rule
      bad_[record] = true;
      const Rule& rule = query_.rules[index];
      rejects_.push_back({record, stream::Stage::kQuality, stream::Reason::kExpressionFailed,
                          rule.name,
                          fmt::format("rule {} cannot be evaluated: {}", rule.name, rule.expect)});
    }
  }

  std::string origin(size_t bit) const {
    for (const Column& column : query_.shape.columns) {
      if (column.bit == static_cast<int>(bit)) return column.origin;
    }
    for (const RowFailure& failure : query_.shape.row_failures) {
      if (failure.bit == static_cast<int>(bit)) return failure.origin;
    }
    return "an expression failed";
  }

  /// A join with several matches gives rows out of order: back into the records' order, stable.
  static void put_in_order(QueryOutput& output) {
    std::vector<RowAt> rows;
    for (size_t c = 0; c < output.chunks.size(); ++c) {
      for (size_t r = 0; r < output.records[c].size(); ++r)
        rows.push_back({static_cast<uint32_t>(c), static_cast<uint32_t>(r)});
    }
    std::stable_sort(rows.begin(), rows.end(), [&](const RowAt& a, const RowAt& b) {
      return output.records[a.chunk][a.row] < output.records[b.chunk][b.row];
    });
    gather(output, rows);
  }

  Query::Impl& query_;
  const types::Batch& input_;
  const std::span<const uint32_t> rows_;
  const stream::RecordBatch& records_;
  std::shared_ptr<Chunks> chunks_;
  Made made_;
  std::vector<uint32_t> bad_keys_;  // rows
  std::vector<stream::Reject> rejects_;
  std::vector<bool> bad_;
  std::vector<std::pair<uint32_t, size_t>> failed_;        // record, bit
  std::vector<std::pair<uint32_t, size_t>> failed_rules_;  // record, rule
};

Query::Query(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Query::~Query() = default;

const types::Schema& Query::read_schema() const { return impl_->slot->schema; }
const types::Schema& Query::output() const { return impl_->output; }
const std::string& Query::text() const { return impl_->text; }
void Query::interrupt() {
  impl_->interrupted.store(true);
  MutexLock lock(impl_->changing);
  impl_->connection.interrupt();
}

Result<QueryOutput> Query::run(const types::Batch& input, std::span<const uint32_t> rows,
                               const stream::RecordBatch& records) {
  return Run(*impl_, input, rows, records).go();
}

}  // namespace leat::sql
