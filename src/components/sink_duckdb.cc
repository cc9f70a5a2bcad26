#include "components/sink_duckdb.h"

#include <fmt/core.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "base/strings.h"
#include "components/sink_duckdb_catalog.h"
#include "io/fault.h"
#include "sql/vectors.h"

namespace leat::components {
namespace {

using types::Kind;

/// Appends data chunks to one table inside the connection's transaction.
class Appender {
 public:
  Appender() = default;
  Appender(const Appender&) = delete;
  Appender& operator=(const Appender&) = delete;
  ~Appender() {
    if (!handle_) return;
    duckdb_appender_clear(handle_);  // what was not closed is not wanted
    duckdb_appender_destroy(&handle_);
  }
  Result<void> open(sql::Connection& connection, const std::string& schema,
                    const std::string& table) {
    return check(duckdb_appender_create_ext(connection.get(), nullptr, schema.c_str(),
                                            table.c_str(), &handle_));
  }
  Result<void> append(duckdb_data_chunk chunk) {
    return check(duckdb_append_data_chunk(handle_, chunk));
  }
  Result<void> close() { return check(duckdb_appender_close(handle_)); }

 private:
  Result<void> check(duckdb_state state) {
    if (state == DuckDBSuccess) return {};
    duckdb_error_data data = duckdb_appender_error_data(handle_);
    const char* text = duckdb_error_data_message(data);
    Error error =
        sql::duckdb_error(duckdb_error_data_error_type(data), text ? text : "cannot append");
    duckdb_destroy_error_data(&data);
    return error;
  }
  duckdb_appender handle_ = nullptr;
};

/// True for what one row's values cause, not the store's state.
bool blames_row(const Error& error) {
  return error.code() == ErrorCode::kInvalidArgument ||
         (error.code() == ErrorCode::kConflict && error.blame() == Blame::kUser);
}

/// Rows of a SinkBatch counted through all chunks.
size_t row_count(const stream::SinkBatch& batch) {
  size_t rows = 0;
  for (const types::Batch& chunk : batch.chunks) rows += chunk.rows;
  return rows;
}

/// The sink's connection and what is prepared on it.
class SinkSession final : public Session {
 public:
  explicit SinkSession(StoreFile& file) : Session(file) {}
  ~SinkSession() override { retire(); }

  Result<void> ready() {
    ASSIGN(sql::Connection * c, connection());
    if (prepared_) return {};
    ASSIGN(
        insert,
        c->prepare(
            "INSERT INTO leat.leat_progress VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, "
            "$12, $13, $14, $15, $16, $17, $18)"));
    prepared_ = true;
    return {};
  }

  static Result<void> bind_identity(sql::Statement& s, const stream::Progress& p) {
    TRY(s.bind(1, p.project));
    TRY(s.bind(2, p.pipeline));
    TRY(s.bind(3, p.sink));
    TRY(s.bind(4, p.input.topic));
    TRY(s.bind(5, p.input.topic_id.to_string()));
    return s.bind(6, int64_t{p.input.partition});
  }
  static Result<void> bind_values(sql::Statement& s, const stream::Progress& p) {
    TRY(s.bind(7, p.next));
    TRY(s.bind(8, p.v_prev));
    TRY(s.bind(9, p.pipeline_hash));
    TRY(s.bind(10, p.cursor));
    const stream::Ledger& l = p.ledger;
    size_t at = 11;
    for (int64_t n :
         {l.in, l.delivered, l.rejected, l.dropped, l.filtered, l.deduplicated, l.expired, l.rows})
      TRY(s.bind(at++, n));
    return {};
  }

  sql::Statement insert;
  sql::Chunk chunk;  // of the table's types, for appending

 private:
  void disconnecting() override {
    insert = {};
    chunk.reset();
    prepared_ = false;
  }
  bool prepared_ = false;
};

class DuckdbSink final : public stream::Sink {
 public:
  DuckdbSink(StoreFile& file, Folder& folder, TablePlan plan, stream::SinkTable table)
      : file_(file),
        folder_(folder),
        plan_(std::move(plan)),
        table_(std::move(table)),
        turn_(file.turn_of(fmt::format("{}/{}/{}", table_.project, table_.pipeline, table_.sink))),
        session_(file) {
    for (const std::string& name : plan_.key()) key_columns_.push_back(*plan_.schema().find(name));
  }

  Result<std::vector<stream::Progress>> open() override {
    TRY(file_.reopen());
    MutexLock lock(file_.maintenance());
    auto rows = open_locked();
    if (!rows) return file_.judge(std::move(rows).error()).at(name());
    return rows;
  }

  Result<std::vector<stream::RefusedRow>> write(const stream::SinkBatch& batch) override {
    CHECK(!columns_.empty(), "open() first");
    std::vector<stream::RefusedRow> refused = null_keys(batch);
    if (!refused.empty()) return refused;
    if (keyed_ && folder_.due(*keyed_, limits::kStoreTailFactor)) {
      MutexLock lock(file_.maintenance());
      if (folder_.due(*keyed_, limits::kStoreTailFactor)) TRY(folder_.fold(*keyed_));
    }
    Gate::Pass pass = file_.writers().enter();
    if (file_.poisoned()) {
      return Error(ErrorCode::kUnavailable, "the embedded store failed and must be opened again")
          .with_retry(Retry::kReconnect)
          .at(name());
    }
    auto written = transaction(batch);
    if (written) return refused;
    if (written.error().code() == ErrorCode::kInternal && row_error_) return isolate(batch);
    return file_.judge(std::move(written).error()).at(name());
  }

  Result<std::string> ddl() const override { return plan_.create(); }

  Result<void> reset(std::span<const stream::Progress> rows, bool truncate) override {
    TRY(file_.reopen());
    MutexLock lock(file_.maintenance());
    Gate::Pass pass = file_.writers().enter();
    TRY(session_.ready());
    ASSIGN(sql::Connection * connection, session_.connection());
    MutexLock turn(turn_->mutex);
    turn_->next.reset();
    TRY(connection->run("BEGIN"));
    auto done = rewrite(*connection, rows, truncate);
    if (done) done = connection->run("COMMIT");
    if (done && truncate && keyed_) keyed_->tail_rows.store(0), keyed_->base_rows.store(0);
    if (done) return {};
    roll_back(*connection);
    return file_.judge(std::move(done).error()).at(name());
  }

 private:
  std::string name() const { return fmt::format("sink {}", table_.sink); }
  /// SQL for the sink's own progress rows.
  std::string mine() const {
    return fmt::format("project = {} AND pipeline = {} AND sink = {}",
                       quote_literal(table_.project), quote_literal(table_.pipeline),
                       quote_literal(table_.sink));
  }
  static void roll_back(sql::Connection& connection) {
    (void)connection.run("ROLLBACK")
        .has_value();  // fails when the error has ended the transaction already
  }

  // ---- open

  Result<std::vector<stream::Progress>> open_locked() REQUIRES_LOCK(file_.maintenance()) {
    TRY(session_.ready());
    ASSIGN(sql::Connection * c, session_.connection());
    ASSIGN(std::optional<StoredTable> stored, find_table(*c, plan_));
    if (stored && stored->marked) plan_.mark();
    std::string change;
    if (!stored) {
      change = fmt::format(
          "DELETE FROM leat.leat_tables WHERE store = {0} AND name = {1}; {2} INSERT INTO "
          "leat.leat_tables VALUES ({0}, {1}, {3});",
          quote_literal(plan_.store()), quote_literal(plan_.name()), plan_.create(), key_literal());
    } else {
      ASSIGN(change, plan_.evolve(*stored));
    }
    if (!change.empty()) {
      TRY(c->run("BEGIN"));
      auto changed = c->run(change);
      if (changed) changed = c->run("COMMIT");
      if (!changed) {
        roll_back(*c);
        return std::move(changed).error().context("cannot make the table");
      }
      // DDL does not stay in the WAL: replaying it is where DuckDB has had its bugs.
      ASSIGN(bool done, file_.checkpoint());
      (void)done;
    }
    TRY(load_columns(*c));
    TRY(count_rows(*c));
    return read_progress(*c, mine());
  }

  std::string key_literal() const {
    std::string text;
    for (const std::string& key : plan_.key())
      text += (text.empty() ? "" : ", ") + quote_literal(key);
    return "[" + text + "]::VARCHAR[]";
  }

  /// Where each physical column of the appended table comes from in a batch, or kVersion, kDeleted.
  Result<void> load_columns(sql::Connection& c) {
    ASSIGN(std::vector<types::Field> physical,
           columns_of(
               c, quote_identifier(plan_.store()) + "." + quote_identifier(plan_.append_name())));
    columns_.clear();
    types_.clear();
    for (const types::Field& field : physical) {
      auto at = plan_.schema().find(field.name);
      columns_.push_back(at ? *at : field.name == kDeletedColumn ? kDeleted : kVersion);
      types_.push_back(field.type);
    }
    return {};
  }

  Result<void> count_rows(sql::Connection& c) {
    if (!plan_.keyed()) return {};
    keyed_ = std::make_shared<KeyedTable>(plan_);
    for (auto [table, into] :
         {std::pair(plan_.tail(), &keyed_->tail_rows), {plan_.base(), &keyed_->base_rows}}) {
      ASSIGN(std::string count, one_text(c, "SELECT count(*)::VARCHAR FROM " + table));
      into->store(std::stoll(count));
    }
    folder_.add(keyed_);
    return {};
  }

  // ---- write

  std::vector<stream::RefusedRow> null_keys(const stream::SinkBatch& batch) const {
    std::vector<stream::RefusedRow> refused;
    for (size_t c = 0; c < batch.chunks.size(); ++c) {
      const types::Batch& chunk = batch.chunks[c];
      for (size_t key : key_columns_) {
        const types::Vector& column = chunk.columns[key];
        if (!column.validity) continue;
        for (size_t r = 0; r < chunk.rows; ++r) {
          if (!column.valid(r))
            refused.push_back(
                {c, r, fmt::format("key {} is NULL", plan_.schema().fields[key].name)});
        }
      }
    }
    if (key_columns_.size() > 1) drop_repeats(refused);
    return refused;
  }

  static void drop_repeats(std::vector<stream::RefusedRow>& refused) {
    const auto place = [](const stream::RefusedRow& r) { return std::pair(r.chunk, r.row); };
    std::stable_sort(refused.begin(), refused.end(),
                     [&](auto& a, auto& b) { return place(a) < place(b); });
    refused.erase(std::unique(refused.begin(), refused.end(),
                              [&](auto& a, auto& b) { return place(a) == place(b); }),
                  refused.end());
  }

  Result<void> transaction(const stream::SinkBatch& batch) {
    row_error_.reset();
    TRY(session_.ready());
    ASSIGN(sql::Connection * c, session_.connection());
    TRY(io::fault_point("store.write.begin"));
    MutexLock turn(turn_->mutex);
    TRY(c->run("BEGIN"));
    auto done = commit(*c, batch);
    if (!done) {
      turn_->next.reset();
      roll_back(*c);
      return done;
    }
    (*turn_->next)[batch.progress.input] = batch.progress.next;
    if (keyed_) keyed_->tail_rows.fetch_add(static_cast<int64_t>(row_count(batch)));
    return io::fault_point("store.write.after_commit");
  }

  Result<void> commit(sql::Connection& c, const stream::SinkBatch& batch)
      REQUIRES_LOCK(turn_->mutex) {
    if (io::planted_bug("store_commit_before_rows")) {
      TRY(put_progress(c, batch.progress));
      TRY(c.run("COMMIT; BEGIN"));
      TRY(append_rows(c, batch));
      TRY(io::fault_point("store.write.after_rows"));
    } else {
      TRY(append_rows(c, batch));
      TRY(io::fault_point("store.write.after_rows"));
      TRY(put_progress(c, batch.progress));
    }
    TRY(io::fault_point("store.write.before_commit"));
    auto committed = c.run("COMMIT");
    if (committed) return {};
    // DuckDB calls it a transaction error also when the disk was full; whether it happened, open() tells.
    return Error(ErrorCode::kIo, committed.error().message())
        .context("cannot commit")
        .with_blame(Blame::kExternal);
  }

  Result<void> append_rows(sql::Connection& c, const stream::SinkBatch& batch) {
    size_t rows = row_count(batch);
    if (rows > 0 && io::planted_bug("store_skip_last_row")) --rows;
    if (rows == 0) return {};
    auto done = append_range(c, batch, 0, rows);
    if (done || !blames_row(done.error())) return done;
    row_error_ = std::move(done).error();
    return Error(ErrorCode::kInternal, "a row was refused");
  }

  /// Appends rows [from, to), counted through all chunks.
  Result<void> append_range(sql::Connection& c, const stream::SinkBatch& batch, size_t from,
                            size_t to) {
    if (!session_.chunk) make_chunk();
    Appender appender;
    TRY(appender.open(c, plan_.store(), plan_.append_name()));
    const size_t capacity = duckdb_vector_size();
    size_t start = 0;
    for (size_t i = 0; i < batch.chunks.size() && start < to; start += batch.chunks[i++].rows) {
      const size_t end = start + batch.chunks[i].rows;
      if (end <= from) continue;
      const types::Batch physical = arrange(batch, i);
      for (size_t at = std::max(start, from); at < std::min(end, to); at += capacity) {
        duckdb_data_chunk_reset(session_.chunk.get());
        sql::copy_into(physical, at - start, std::min(capacity, std::min(end, to) - at),
                       session_.chunk.get());
        TRY(appender.append(session_.chunk.get()));
      }
    }
    return appender.close();
  }

  void make_chunk() {
    std::vector<sql::LogicalType> owned;
    std::vector<duckdb_logical_type> raw;
    for (const types::Type& type : types_)
      raw.push_back(owned.emplace_back(sql::to_duckdb(type)).get());
    session_.chunk = sql::Chunk(duckdb_create_data_chunk(raw.data(), raw.size()));
  }

  /// Chunk `i` with its columns in the table's physical order, versions among them.
  types::Batch arrange(const stream::SinkBatch& batch, size_t i) {
    const types::Batch& from = batch.chunks[i];
    CHECK(from.columns.size() == plan_.schema().fields.size(), "{} columns for {}",
          from.columns.size(), plan_.name());
    types::Batch to;
    to.rows = from.rows;
    to.columns.reserve(columns_.size());
    for (size_t column : columns_) {
      if (column == kDeleted) {
        to.columns.push_back(marks(from.rows, batch.deletes(i)));
        continue;
      }
      if (column != kVersion) {
        to.columns.push_back(from.columns[column]);
        continue;
      }
      CHECK(i < batch.versions.size() && batch.versions[i].size() == from.rows,
            "a version for each row");
      types::Vector versions;
      versions.type = types::Type(Kind::kInt64);
      versions.data = batch.versions[i].data();
      versions.size = from.rows;
      to.columns.push_back(std::move(versions));
    }
    return to;
  }

  /// The column _leat_deleted of so many rows, or deletions of now; valid until the next call.
  types::Vector marks(size_t rows, bool deleted) {
    marks_.assign(rows, deleted ? file_.options().clock->now_us() : 0);
    no_marks_.assign((rows + 63) / 64, 0);
    types::Vector column;
    column.type = types::Type(Kind::kInt64);
    column.data = marks_.data();
    column.validity = deleted ? nullptr : no_marks_.data();
    column.size = rows;
    return column;
  }

  /// Compares the position with what the writer expects, and sets it.
  Result<void> put_progress(sql::Connection& c, const stream::Progress& p)
      REQUIRES_LOCK(turn_->mutex) {
    ASSIGN(const int64_t at, position(c, p.input));
    if (at != std::max<int64_t>(p.expected_next, -1)) {
      const auto text = [](int64_t n) { return n < 0 ? "none yet" : std::to_string(n); };
      return Error(ErrorCode::kConflict,
                   fmt::format("its position is {}, expected {}", text(at), text(p.expected_next)))
          .with_retry(Retry::kNever)
          .with_blame(Blame::kExternal);
    }
    return insert_progress(p);
  }

  /// Where a lane is; -1: nowhere yet.
  Result<int64_t> position(sql::Connection& c, const stream::TopicPartition& input)
      REQUIRES_LOCK(turn_->mutex) {
    if (!turn_->next) {
      ASSIGN(std::vector<stream::Progress> rows, read_progress(c, mine()));
      turn_->next.emplace();
      for (const stream::Progress& row : rows) (*turn_->next)[row.input] = row.next;
    }
    auto at = turn_->next->find(input);
    return at == turn_->next->end() ? -1 : at->second;
  }

  Result<void> insert_progress(const stream::Progress& p) {
    TRY(SinkSession::bind_identity(session_.insert, p));
    TRY(SinkSession::bind_values(session_.insert, p));
    ASSIGN(sql::QueryResult inserted, session_.insert.execute());
    return {};
  }

  /// Finds the rows that are refused by halving, each try rolled back.
  Result<std::vector<stream::RefusedRow>> isolate(const stream::SinkBatch& batch) {
    ASSIGN(sql::Connection * c, session_.connection());
    std::vector<std::pair<size_t, std::string>> found;
    std::vector<std::pair<size_t, size_t>> open = {{0, row_count(batch)}};
    while (!open.empty()) {
      auto [from, to] = open.back();
      open.pop_back();
      TRY(c->run("BEGIN"));
      auto done = append_range(*c, batch, from, to);
      roll_back(*c);
      if (done) continue;
      if (!blames_row(done.error())) return file_.judge(std::move(done).error()).at(name());
      if (to - from == 1) {
        found.emplace_back(from, done.error().message());
        continue;
      }
      const size_t middle = from + (to - from) / 2;
      open.emplace_back(middle, to);  // the left half is looked at first
      open.emplace_back(from, middle);
    }
    if (found.empty()) return std::move(*row_error_).with_retry(Retry::kNever).at(name());
    std::vector<stream::RefusedRow> refused;
    size_t chunk = 0, start = 0;
    for (auto& [row, message] : found) {
      while (row - start >= batch.chunks[chunk].rows) start += batch.chunks[chunk++].rows;
      refused.push_back({chunk, row - start, std::move(message)});
    }
    return refused;
  }

  // ---- reset

  Result<void> rewrite(sql::Connection& c, std::span<const stream::Progress> rows, bool truncate) {
    if (truncate) {
      TRY(truncate_table(c));
      TRY(c.run("DELETE FROM leat.leat_progress WHERE " + mine()));
    }
    for (const stream::Progress& row : rows) {
      TRY(
          c.run(fmt::format("DELETE FROM leat.leat_progress WHERE {} AND topic = {} AND topic_id = "
                            "{} AND \"partition\" = {}",
                            mine(), quote_literal(row.input.topic),
                            quote_literal(row.input.topic_id.to_string()), row.input.partition)));
      TRY(insert_progress(row));
    }
    return {};
  }

  /// Empties the table; one of leat's that no longer fits the pipeline is dropped, for the next open() to make. One that
  /// the user made and that does not fit keeps its rows: nobody could write to it once they are gone.
  Result<void> truncate_table(sql::Connection& c) {
    ASSIGN(std::optional<StoredTable> stored, find_table(c, plan_));
    if (!stored) return {};
    auto fits = plan_.evolve(*stored);
    if (fits) return c.run(plan_.empty());
    if (!stored->ours)
      return std::move(fits).error().with_hint(
          "leat did not make this table: change or drop it yourself");
    for (const auto& [name, kind] : {std::pair(plan_.table(), plan_.name()),
                                     {plan_.base(), plan_.name() + "__base"},
                                     {plan_.tail(), plan_.name() + "__tail"}}) {
      ASSIGN(std::string what, kind_of(c, plan_, kind));
      if (!what.empty()) TRY(c.run(fmt::format("DROP {} {}", what, name)));
    }
    return c.run(
        fmt::format("DELETE FROM leat.leat_tables WHERE store = {} AND lower(name) = lower({})",
                    quote_literal(plan_.store()), quote_literal(plan_.name())));
  }

  static constexpr size_t kVersion = static_cast<size_t>(-1), kDeleted = kVersion - 1;

  StoreFile& file_;
  Folder& folder_;
  TablePlan plan_;  // open() marks it
  const stream::SinkTable table_;
  const std::shared_ptr<Turn> turn_;
  SinkSession session_;
  std::vector<size_t> key_columns_;  // in the schema
  std::vector<size_t> columns_;      // of the appended table: as load_columns() says
  std::vector<int64_t> marks_;       // kept between batches, as no_marks_, their validity
  std::vector<uint64_t> no_marks_;
  std::vector<types::Type> types_;     // of the appended table
  std::shared_ptr<KeyedTable> keyed_;  // null: append
  std::optional<Error> row_error_;     // why transaction() failed, when a row is to blame
};

}  // namespace

Result<std::unique_ptr<stream::Sink>> make_duckdb_sink(StoreFile& file, Folder& folder,
                                                       const std::string& store,
                                                       const stream::SinkTable& table) {
  ASSIGN(TablePlan plan, TablePlan::make(store, table));
  return std::unique_ptr<stream::Sink>(
      std::make_unique<DuckdbSink>(file, folder, std::move(plan), table));
}

}  // namespace leat::components
