#include "components/sink_duckdb_file.h"

#include <fmt/core.h>
#include <spdlog/spdlog.h>

#include <array>
#include <chrono>
#include <utility>

#include "io/clock.h"
#include "io/fault.h"
#include "sql/vectors.h"

namespace leat::components {
namespace {

// DuckDB's own names beside the file; the last two exist while a checkpoint runs, or died.
constexpr std::string_view kMakingSuffix = ".making";
constexpr std::array<std::string_view, 3> kWalSuffixes = {".wal", ".wal.checkpoint",
                                                          ".wal.recovery"};

constexpr std::string_view kSchemaSql =
    "CREATE SCHEMA IF NOT EXISTS leat;"
    "CREATE TABLE IF NOT EXISTS leat.leat_progress (project VARCHAR, pipeline VARCHAR, sink "
    "VARCHAR,"
    " topic VARCHAR, topic_id VARCHAR, \"partition\" INTEGER, next BIGINT, v_prev BIGINT, "
    "pipeline_hash VARCHAR,"
    " cursor VARCHAR, \"in\" BIGINT, delivered BIGINT, rejected BIGINT, dropped BIGINT, filtered "
    "BIGINT,"
    " deduplicated BIGINT, expired BIGINT, \"rows\" BIGINT);"
    "CREATE TABLE IF NOT EXISTS leat.leat_tables (store VARCHAR, name VARCHAR, \"key\" VARCHAR[]);";

// What identifies a lane in leat_progress.
constexpr std::string_view kLane = "project, pipeline, sink, topic, topic_id, \"partition\"";

bool is_conflict(const Error& error) { return error.code() == ErrorCode::kConflict; }

/// SQL that gives the last progress row of each lane that fits `where`.
std::string latest_progress(std::string_view columns, std::string_view where) {
  return fmt::format(
      "SELECT {} FROM leat.leat_progress {} {} QUALIFY row_number() OVER "
      "(PARTITION BY {} ORDER BY rowid DESC) = 1",
      columns, where.empty() ? "" : "WHERE", where, kLane);
}

}  // namespace

Gate::Pass Gate::enter() {
  MutexLock lock(mutex_);
  changed_.wait(mutex_, std::stop_token(), [&]() NO_THREAD_SAFETY_ANALYSIS { return !closed_; });
  ++inside_;
  return Pass(this);
}

void Gate::leave() {
  MutexLock lock(mutex_);
  if (--inside_ == 0) changed_.notify_all();
}

bool Gate::close(int64_t timeout_ms) {
  MutexLock lock(mutex_);
  const auto nobody = [&]() NO_THREAD_SAFETY_ANALYSIS { return inside_ == 0; };
  changed_.wait(mutex_, std::stop_token(), [&]() NO_THREAD_SAFETY_ANALYSIS { return !closed_; });
  closed_ = true;
  bool alone = timeout_ms < 0 ? changed_.wait(mutex_, std::stop_token(), nobody)
                              : changed_.wait_for(mutex_, std::stop_token(),
                                                  std::chrono::milliseconds(timeout_ms), nobody);
  if (!alone) closed_ = false, changed_.notify_all();
  return alone;
}

void Gate::open() {
  MutexLock lock(mutex_);
  closed_ = false;
  changed_.notify_all();
}

Session::Session(StoreFile& file) : file_(file) {
  MutexLock lock(file.mutex_);
  file.sessions_.insert(this);
}

void Session::retire() {
  MutexLock lock(file_.mutex_);
  file_.sessions_.erase(this);
  disconnect();
}

Result<sql::Connection*> Session::connection() {
  MutexLock lock(mutex_);
  if (!connection_) {
    if (!file_.database_) {
      return Error(ErrorCode::kUnavailable, fmt::format("{} is not open", file_.path_))
          .with_retry(Retry::kReconnect);
    }
    ASSIGN(sql::Connection made, sql::Connection::open(*file_.database_));
    connection_ = std::make_unique<sql::Connection>(std::move(made));
  }
  return connection_.get();
}

void Session::interrupt() {
  MutexLock lock(mutex_);
  if (connection_) connection_->interrupt();
}

void Session::disconnect() {
  disconnecting();
  MutexLock lock(mutex_);
  connection_.reset();
}

Result<std::unique_ptr<StoreFile>> StoreFile::open(std::string path, const DuckdbOptions& options) {
  std::unique_ptr<StoreFile> file(new StoreFile(std::move(path), options));
  const std::string lock_path = file->path_ + ".lock";
  if (options.read_only) {
    if (!io::exists(file->path_)) {
      return Error(ErrorCode::kNotFound, fmt::format("there is no store at {} yet", file->path_))
          .with_hint("`leat run` makes it");
    }
    if (int pid = io::FileLock::holder(lock_path); pid != 0) {
      return Error(ErrorCode::kConflict, fmt::format("{} is open in process {}", file->path_, pid));
    }
  } else {
    ASSIGN(file->lock_, io::FileLock::acquire(lock_path));
  }
  if (file->undo_.pending()) {
    std::unique_ptr<io::FileLock> meanwhile;
    if (options.read_only) {
      ASSIGN(meanwhile, io::FileLock::acquire(lock_path));
    }
    TRY(file->undo_.restore());
  }
  file->keeper_ = std::make_unique<PlainSession>(*file);
  file->vacuum_guard_ = std::make_unique<PlainSession>(*file);
  MutexLock lock(file->maintenance_);
  if (options.read_only) {
    TRY(file->open_database());
    return file;
  }
  ASSIGN(bool fresh, file->begin_file());
  TRY(file->open_database());
  TRY(file->prepare());
  if (fresh) TRY(file->end_file());
  return file;
}

StoreFile::~StoreFile() {
  MutexLock lock(maintenance_);
  if (database_ && !options_.read_only && !poisoned_.load() && wal_bytes() > 0) {
    if (auto connection = keeper_->connection()) (void)try_checkpoint(**connection).has_value();
  }
  for (auto* session : {keeper_.get(), vacuum_guard_.get()}) {
    if (session) session->disconnect();
  }
  database_.reset();
}

/// A process killed while DuckDB writes a new file's headers leaves one that cannot be opened. So a mark stands beside the
/// file until it is made: with it, nothing has ever been in there.
Result<bool> StoreFile::begin_file() {
  const std::string mark = path_ + std::string(kMakingSuffix);
  bool there = io::exists(path_);
  for (std::string_view suffix : kWalSuffixes) there |= io::exists(path_ + std::string(suffix));
  if (io::exists(mark)) {
    TRY(io::remove_all(path_));
    for (std::string_view suffix : kWalSuffixes) TRY(io::remove_all(path_ + std::string(suffix)));
    return true;
  }
  if (there) return false;
  TRY(io::write_file_atomic(mark, "The store beside it is being made. leat removes both.\n"));
  return true;
}

Result<void> StoreFile::end_file() {
  TRY(io::fault_point("store.make"));
  // Gone for good before the first row comes: renaming syncs the directory, removing does not.
  const std::string mark = path_ + std::string(kMakingSuffix);
  TRY(io::rename_file(mark, path_ + ".made"));
  return io::remove_all(path_ + ".made");
}

std::vector<sql::Database::Setting> StoreFile::settings() const {
  return {
      {"access_mode", options_.read_only ? "READ_ONLY" : "READ_WRITE"},
      {"threads", fmt::format("{}", options_.threads)},
      {"memory_limit", fmt::format("{}B", options_.memory_bytes)},
      // A checkpoint narrows a column's statistics to what the newest rows have, while an older snapshot still sees
      // the others: what is planned with them then fails (seen in DuckDB 1.5.6: "Perfect hash aggregate: aggregate
      // group 37 exceeded total groups 32"), or might leave rows out.
      {"disabled_optimizers", "statistics_propagation"},
      {"checkpoint_threshold",
       "1TB"},  // maintain() decides when, not the writer that happens to commit
      {"autoinstall_known_extensions", "false"},
      {"autoload_known_extensions", "false"},
  };
}

Result<void> StoreFile::open_database() {
  auto opened = sql::Database::open(path_, settings());
  if (!opened && !options_.read_only) {
    TRY(quarantine(std::move(opened).error()));
    opened = sql::Database::open(path_, settings());
  }
  if (!opened) return std::move(opened).error().with_retry(Retry::kReconnect);
  database_ = std::make_unique<sql::Database>(std::move(*opened));
  return {};
}

// Decides by experiment whether the WAL is to blame for `why`, never by its text: DuckDB replays a WAL in memory
// when it opens read-only, so a sound one opens then; and without a bad one the main file opens.
Result<void> StoreFile::quarantine(Error why) {
  const auto give_up = [&]() -> Error {
    return std::move(why).context("cannot open the embedded store").with_retry(Retry::kReconnect);
  };
  std::vector<std::string> present;
  for (std::string_view suffix : kWalSuffixes) {
    if (io::exists(path_ + std::string(suffix))) present.emplace_back(suffix);
  }
  // Only while this process has the file closed: closing any descriptor of it would drop DuckDB's lock.
  const int holder = io::FileLock::holder(path_);
  if (holder != 0) {
    return Error(ErrorCode::kConflict, fmt::format("{} is being read by another process", path_))
        .with_retry(Retry::kReconnect)
        .with_hint("end the other program that has the file open (a `leat sql`, a duckdb shell)");
  }
  const std::vector<sql::Database::Setting> read_only = {{"access_mode", "READ_ONLY"}};
  const auto opens = [&] { return sql::Database::open(path_, read_only).has_value(); };
  if (present.empty()) {
    return std::move(why)
        .context("cannot open the embedded store")
        .with_retry(Retry::kNever)
        .with_hint(
            "if it is damaged, put back a copy made by `leat backup`, or move it away and `leat "
            "reset` its sinks");
  }
  if (opens()) return give_up();
  const std::string mark = fmt::format(".bad-{}", io::system_clock().now_ms());
  for (const std::string& suffix : present)
    TRY(io::rename_file(path_ + suffix, path_ + suffix + mark));
  if (!opens()) {
    for (const std::string& suffix : present)
      TRY(io::rename_file(path_ + suffix + mark, path_ + suffix));
    return give_up();
  }
  const std::string put = path_ + present.front() + mark;
  spdlog::error(
      "embedded store: the write-ahead log could not be replayed and was put aside as {}: {}. Rows "
      "and "
      "positions since the last checkpoint went back together; they come again from the topics",
      put, why.to_string());
  MutexLock lock(mutex_);
  quarantined_ = put;
  return {};
}

Result<void> StoreFile::prepare() {
  ASSIGN(sql::Connection * connection, keeper_->connection());
  ASSIGN(sql::QueryResult there,
         connection->query(
             "SELECT count(*)::VARCHAR FROM duckdb_tables() WHERE schema_name = 'leat'"));
  ASSIGN(std::string count, there.first_text());
  there.reset();
  if (count != "2") TRY(connection->run(std::string(kSchemaSql)));
  TRY(connection->run("PRAGMA disable_checkpoint_on_shutdown"));  // it would be one without undo
  ASSIGN(bool done, reclaim_alone(*connection));
  CHECK(done, "nobody else has the store open yet");
  // That checkpoint has merged what was small or thin. Later ones must not: it takes seconds, with the writers held.
  return connection->run("SET max_vacuum_tasks = 0");
}

std::shared_ptr<Turn> StoreFile::turn_of(const std::string& sink) {
  MutexLock lock(mutex_);
  std::shared_ptr<Turn>& turn = turns_[sink];
  if (!turn) turn = std::make_shared<Turn>();
  return turn;
}

Error StoreFile::judge(Error error) {
  const bool dead = error.code() == ErrorCode::kIo || error.code() == ErrorCode::kNoSpace ||
                    error.code() == ErrorCode::kInternal || error.retry() == Retry::kFatal;
  if (!dead) return error;
  poisoned_.store(true);
  return std::move(error).with_retry(Retry::kReconnect);
}

Result<void> StoreFile::reopen() {
  MutexLock lock(maintenance_);
  if (!poisoned_.load()) return {};
  // New users are let in again only when it is open; those inside fail soon, or are interrupted.
  writers_.close(-1);
  for (bool alone = false; !alone;) {
    {
      MutexLock sessions(mutex_);
      for (Session* session : sessions_) session->interrupt();
    }
    alone = readers_.close(limits::kStoreHoldMs);
  }
  {
    MutexLock sessions(mutex_);
    for (Session* session : sessions_) session->disconnect();
    for (auto& [sink, turn] : turns_) {
      MutexLock its(turn->mutex);
      turn->next.reset();  // a WAL that was put aside takes positions back
    }
    quarantined_.clear();
  }
  database_.reset();
  Result<void> opened = undo_.restore();
  if (opened) opened = open_database();
  if (opened) opened = prepare();
  if (opened) poisoned_.store(false);
  readers_.open();
  writers_.open();
  if (!opened) {
    if (opened.error().retry() == Retry::kNever) return opened;
    return std::move(opened).error().with_retry(Retry::kReconnect);
  }
  spdlog::warn("embedded store: {} was opened again after an error", path_);
  return {};
}

int64_t StoreFile::wal_bytes() const {
  int64_t bytes = 0;
  for (std::string_view suffix : kWalSuffixes) {
    if (auto status = io::file_status(path_ + std::string(suffix))) bytes += status->size;
  }
  return bytes;
}

Result<bool> StoreFile::try_checkpoint(sql::Connection& connection) {
  TRY(io::fault_point("store.checkpoint"));
  // Read before: what the checkpoint holds is at least this.
  ASSIGN(std::vector<stream::Progress> rows, read_progress(connection, ""));
  TRY(undo_.keep(connection));
  auto done = connection.run("CHECKPOINT");
  // After any error but a refusal the database is dead, and its next start needs the copy.
  if (done || is_conflict(done.error())) TRY(undo_.drop());
  if (!done) {
    if (is_conflict(done.error())) return false;
    return std::move(done).error();
  }
  {
    MutexLock lock(mutex_);
    checkpointed_ = std::move(rows);
  }
  TRY(io::fault_point("store.checkpoint"));
  return true;
}

Result<bool> StoreFile::checkpoint() {
  if (poisoned_.load()) return false;
  auto done = checkpoint_beside_writers();
  if (done && *done) {
    ++unreclaimed_;
    done = reclaim();
  }
  if (!done) return judge(std::move(done).error());
  return done;
}

// DuckDB lets transactions append while a checkpoint runs, unless it also vacuums: then it holds them off. It does not
// vacuum while any other transaction might insert or delete, so there is one. An UPDATE or DDL would still wait.
Result<bool> StoreFile::checkpoint_beside_writers() {
  ASSIGN(sql::Connection * keeper, keeper_->connection());
  ASSIGN(sql::Connection * guard, vacuum_guard_->connection());
  TRY(guard->run("BEGIN; DELETE FROM leat.leat_tables WHERE false"));
  auto done = try_checkpoint(*keeper);
  auto ended = guard->run("ROLLBACK");
  if (done && !ended) return std::move(ended).error();
  return done;
}

// A checkpoint that vacuums gives back the row groups that hold deleted rows only, which is quick when all else has
// just been written: writers are held for tens of milliseconds. While a query's snapshot sees the deleted rows DuckDB
// would keep them, so it waits for a moment without queries; when that does not come, it makes one.
Result<bool> StoreFile::reclaim() {
  const bool late = unreclaimed_ > limits::kStoreUnreclaimed;
  if (!readers_.close(late ? limits::kSqlDeadlineMs + limits::kStoreHoldMs : 0)) return true;
  Result<bool> done = true;
  if (writers_.close(limits::kStoreHoldMs)) {
    if (auto keeper = keeper_->connection()) {
      done = reclaim_alone(**keeper);
    } else {
      done = std::move(keeper).error();
    }
    if (done && *done) unreclaimed_ = 0;
    writers_.open();
  }
  readers_.open();
  return done;
}

// Inserted again, the latest progress rows do not keep the row groups of the others.
Result<bool> StoreFile::reclaim_alone(sql::Connection& connection) {
  auto done = connection.run(fmt::format(
      "BEGIN; CREATE OR REPLACE TEMP TABLE leat_latest AS {}; DELETE FROM leat.leat_progress; "
      "INSERT INTO leat.leat_progress FROM leat_latest; DROP TABLE leat_latest; COMMIT",
      latest_progress("*", "")));
  if (!done) {
    (void)connection.run("ROLLBACK").has_value();  // fails when the error has ended it already
    return std::move(done).error();
  }
  return try_checkpoint(connection);
}

std::vector<stream::Progress> StoreFile::checkpointed() {
  MutexLock lock(mutex_);
  return checkpointed_;
}

std::string StoreFile::quarantined() {
  MutexLock lock(mutex_);
  return quarantined_;
}

Result<std::vector<stream::Progress>> read_progress(sql::Connection& connection,
                                                    const std::string& where) {
  ASSIGN(sql::QueryResult result,
         connection.query(
             latest_progress(
                 "project, pipeline, sink, topic, topic_id, \"partition\"::BIGINT, next, v_prev, "
                 "pipeline_hash, cursor, \"in\", delivered, rejected, dropped, filtered, "
                 "deduplicated, expired, \"rows\"",
                 where) +
             " ORDER BY ALL"));
  using types::Kind;
  std::vector<types::Type> types(18, types::Type(Kind::kInt64));
  for (size_t i : {0, 1, 2, 3, 4, 8, 9}) types[i] = types::Type(Kind::kVarchar);
  std::vector<stream::Progress> rows;
  for (;;) {
    ASSIGN(std::optional<sql::Chunk> chunk, result.next());
    if (!chunk) return rows;
    const types::Batch batch = sql::view_of(chunk->get(), types);
    for (size_t r = 0; r < batch.rows; ++r) {
      const auto text = [&](size_t c) { return std::string(batch.columns[c].text(r)); };
      const auto number = [&](size_t c) { return batch.columns[c].at<int64_t>(r); };
      stream::Progress row;
      row.project = text(0), row.pipeline = text(1), row.sink = text(2), row.input.topic = text(3);
      auto id = stream::TopicId::parse(text(4));
      if (!id)
        return Error(ErrorCode::kCorrupt,
                     fmt::format("leat_progress: `{}` is no topic id", text(4)));
      row.input.topic_id = *id;
      row.input.partition = static_cast<int32_t>(number(5));
      row.next = number(6), row.v_prev = number(7), row.pipeline_hash = text(8),
      row.cursor = text(9);
      row.ledger = {number(10), number(11), number(12), number(13),
                    number(14), number(15), number(16), number(17)};
      row.expected_next = row.next;
      rows.push_back(std::move(row));
    }
  }
}

}  // namespace leat::components
