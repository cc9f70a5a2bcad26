// Reading the embedded store: query(), tables(), progress(), export_table(), backup(). Each call has a connection
// of its own inside the readers' gate, so it sees one snapshot and stops no writer.
#include <fmt/core.h>

#include <algorithm>
#include <cctype>
#include <chrono>
#include <thread>

#include "base/strings.h"
#include "components/sink_duckdb_impl.h"
#include "io/file.h"
#include "sql/guard.h"
#include "sql/vectors.h"

namespace leat::components {
namespace {

/// Interrupts the session's query at a deadline or when stop is asked for, again and again until it has ended:
/// DuckDB forgets an interrupt that comes between two steps of a query.
class Watch {
 public:
  Watch(Session& session, int64_t deadline_ms, std::stop_token stop)
      : thread_([this, &session, deadline_ms, stop] {
          MutexLock lock(mutex_);
          const auto ended = [this]() NO_THREAD_SAFETY_ANALYSIS { return ended_; };
          changed_.wait_for(mutex_, stop, std::chrono::milliseconds(deadline_ms), ended);
          while (!ended_) {
            cause_ = stop.stop_requested() ? Cause::kStop : Cause::kDeadline;
            session.interrupt();
            changed_.wait_for(mutex_, std::stop_token(), kAgain, ended);
          }
        }) {}
  ~Watch() {
    {
      MutexLock lock(mutex_);
      ended_ = true;
      changed_.notify_all();
    }
    thread_.join();
  }

  /// What an error means, when the watch has caused it. Its code does not say: interrupted while it prepares a
  /// statement, DuckDB calls the statement wrong.
  Error explain(Error error, int64_t deadline_ms) {
    MutexLock lock(mutex_);
    if (cause_ == Cause::kNone) return error;
    if (cause_ == Cause::kStop) return Error(ErrorCode::kCancelled, "the query was stopped");
    return Error(ErrorCode::kTimeout,
                 fmt::format("the query was ended after {}", format_duration_ms(deadline_ms)))
        .with_retry(Retry::kNever)
        .with_hint("read fewer rows, or give it more time");
  }

 private:
  enum class Cause : uint8_t { kNone, kStop, kDeadline };
  static constexpr std::chrono::milliseconds kAgain{10};
  Mutex mutex_;
  CondVar changed_;
  bool ended_ GUARDED_BY(mutex_) = false;
  Cause cause_ GUARDED_BY(mutex_) = Cause::kNone;
  std::jthread thread_;
};

/// Chunks behind the batches of a QueryRows.
struct Chunks {
  std::vector<sql::Chunk> chunks;
};

constexpr int64_t kDayMs = 24LL * 3600 * 1000;  // for exports and backups, which only stop ends

struct Named {
  std::string store, name;
};

Result<std::vector<Named>> list(sql::Connection& c) {
  ASSIGN(
      sql::QueryResult result,
      c.query(
          "SELECT s, t FROM (SELECT schema_name s, table_name t FROM duckdb_tables() WHERE NOT "
          "internal AND "
          "database_name = current_database() AND NOT ((t LIKE '%\\_\\_base' ESCAPE '\\' OR t LIKE "
          "'%\\_\\_tail' ESCAPE '\\') AND EXISTS (SELECT 1 FROM leat.leat_tables l WHERE l.store = "
          "s AND "
          "l.name = t[:-7])) UNION ALL SELECT schema_name, view_name FROM duckdb_views() WHERE NOT "
          "internal AND "
          "database_name = current_database()) WHERE s != 'leat' ORDER BY ALL"));
  const std::vector<types::Type> types(2, types::Type(types::Kind::kVarchar));
  std::vector<Named> names;
  for (;;) {
    ASSIGN(std::optional<sql::Chunk> chunk, result.next());
    if (!chunk) return names;
    const types::Batch batch = sql::view_of(chunk->get(), types);
    for (size_t r = 0; r < batch.rows; ++r)
      names.push_back(
          {std::string(batch.columns[0].text(r)), std::string(batch.columns[1].text(r))});
  }
}

std::string full_name(const Named& named) {
  return quote_identifier(named.store) + "." + quote_identifier(named.name);
}

/// Views of the connection's own for names that one store alone has. Not a search path, which would let the first
/// of two stores win silently and show __base and __tail.
Result<void> short_names(sql::Connection& c, const std::vector<Named>& names) {
  std::string sql;
  for (const Named& named : names) {
    const auto same = [&](const Named& other) { return other.name == named.name; };
    if (std::count_if(names.begin(), names.end(), same) != 1 || named.store == "main") continue;
    sql += fmt::format("CREATE TEMP VIEW {} AS FROM {};", quote_identifier(named.name),
                       full_name(named));
  }
  return sql.empty() ? Result<void>() : c.run(sql);
}

/// One reading session, ready: short names made.
class Reader {
 public:
  explicit Reader(StoreFile& file) : pass_(file.readers().enter()), session_(file), file_(file) {}
  Result<sql::Connection*> open() {
    if (file_.poisoned()) {
      return Error(ErrorCode::kUnavailable, "the embedded store failed and is being opened again")
          .with_retry(Retry::kBackoff);
    }
    ASSIGN(sql::Connection * c, session_.connection());
    ASSIGN(names_, list(*c));
    TRY(short_names(*c, names_));
    return c;
  }
  Session& session() { return session_; }
  const std::vector<Named>& names() const { return names_; }

 private:
  Gate::Pass pass_;
  PlainSession session_;
  StoreFile& file_;
  std::vector<Named> names_;
};

bool is_name(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return std::isalnum(c) || c == '_' || c == '.';
  });
}

/// The SELECT for "serving.t", "t" or a SELECT, which the guard judges.
Result<std::string> select_for(sql::Connection& c, const std::vector<Named>& names,
                               std::string_view what) {
  if (is_name(what)) {
    std::vector<Named> found;
    for (const Named& named : names) {
      if (what == named.name || what == named.store + "." + named.name) found.push_back(named);
    }
    if (found.size() == 1) return "FROM " + full_name(found[0]);
    std::vector<std::string> candidates;
    for (const Named& named : found.empty() ? names : found)
      candidates.push_back(named.store + "." + named.name);
    return Error(ErrorCode::kNotFound,
                 fmt::format("{} table {}", found.empty() ? "no" : "more than one", what))
        .with_blame(Blame::kUser)
        .with_hint(candidates.empty() ? "the store has no tables yet"
                                      : "there is " + join(candidates, ", "));
  }
  TRY(sql::admit_select(c, what));
  while (!what.empty() &&
         (what.back() == ';' || std::isspace(static_cast<unsigned char>(what.back()))))
    what.remove_suffix(1);
  return std::string(what);
}

Result<QueryRows> fetch(sql::Statement& statement, const QueryLimits& limits) {
  QueryRows rows;
  std::vector<types::Type> types;
  for (size_t i = 0; i < statement.columns(); ++i) {
    types::Field field;
    field.name = statement.column_name(i).get();
    sql::LogicalType type = statement.column_type(i);
    auto ours = sql::from_duckdb(type.get());
    if (!ours) return std::move(ours).error().at("column " + field.name);
    field.type = std::move(*ours);
    types.push_back(field.type);
    rows.schema.fields.push_back(std::move(field));
  }
  ASSIGN(sql::QueryResult result, statement.execute_streaming());
  auto storage = std::make_shared<Chunks>();
  int64_t bytes = 0;
  for (;;) {
    ASSIGN(std::optional<sql::Chunk> chunk, result.next());
    if (!chunk) break;
    types::Batch batch = sql::view_of(chunk->get(), types);
    if (batch.rows == 0) continue;
    const int64_t room = limits.max_rows - rows.rows;
    if (static_cast<int64_t>(batch.rows) > room) {
      rows.truncated = true;
      if (room == 0) break;
      batch.rows = static_cast<size_t>(room);
      for (types::Vector& column : batch.columns) column.size = batch.rows;
    }
    bytes += static_cast<int64_t>(sql::bytes_of(batch));
    if (bytes > limits.max_bytes) {
      return Error(ErrorCode::kLimit,
                   fmt::format("the result is larger than {} MiB", limits.max_bytes >> 20))
          .with_blame(Blame::kUser)
          .with_hint("select fewer columns or rows, or `leat export` it to a file");
    }
    rows.rows += static_cast<int64_t>(batch.rows);
    rows.batches.push_back(std::move(batch));
    storage->chunks.push_back(std::move(*chunk));
    if (rows.truncated) break;
  }
  rows.storage = std::move(storage);
  return rows;
}

}  // namespace

Result<QueryRows> DuckdbStore::query(std::string_view sql, const QueryLimits& limits,
                                     std::stop_token stop) {
  if (sql.size() > limits::kMaxSqlBytes) {
    return Error(ErrorCode::kLimit,
                 fmt::format("the query is longer than {} bytes", limits::kMaxSqlBytes))
        .with_blame(Blame::kUser);
  }
  Reader reader(*impl_->file);
  ASSIGN(sql::Connection * c, reader.open());
  TRY(sql::admit_select(*c, sql));
  Watch watch(reader.session(), limits.deadline_ms, std::move(stop));
  auto statement = c->prepare(std::string(sql));
  if (!statement) return watch.explain(std::move(statement).error(), limits.deadline_ms);
  auto rows = fetch(*statement, limits);
  if (!rows) return watch.explain(std::move(rows).error(), limits.deadline_ms);
  return rows;
}

Result<std::vector<TableInfo>> DuckdbStore::tables() {
  Reader reader(*impl_->file);
  ASSIGN(sql::Connection * c, reader.open());
  std::vector<TableInfo> tables;
  for (const Named& named : reader.names()) {
    TableInfo info;
    info.store = named.store, info.name = named.name;
    ASSIGN(sql::Statement select, c->prepare("SELECT * FROM " + full_name(named)));
    for (size_t i = 0; i < select.columns(); ++i) {
      types::Field field;
      field.name = select.column_name(i).get();
      sql::LogicalType type = select.column_type(i);
      if (auto ours = sql::from_duckdb(type.get())) field.type = std::move(*ours);
      info.columns.push_back(std::move(field));
    }
    ASSIGN(sql::QueryResult count, c->query("SELECT count(*)::VARCHAR FROM " + full_name(named)));
    ASSIGN(std::string text, count.first_text());
    info.rows = std::stoll(text);
    ASSIGN(sql::QueryResult keys,
           c->query(fmt::format(
               "SELECT unnest(\"key\") FROM leat.leat_tables WHERE store = {} AND name = {}",
               quote_literal(named.store), quote_literal(named.name))));
    const std::vector<types::Type> one(1, types::Type(types::Kind::kVarchar));
    for (;;) {
      ASSIGN(std::optional<sql::Chunk> chunk, keys.next());
      if (!chunk) break;
      const types::Batch batch = sql::view_of(chunk->get(), one);
      for (size_t r = 0; r < batch.rows; ++r) info.key.emplace_back(batch.columns[0].text(r));
    }
    tables.push_back(std::move(info));
  }
  return tables;
}

Result<std::vector<stream::Progress>> DuckdbStore::progress(const std::string& project) {
  Reader reader(*impl_->file);
  ASSIGN(sql::Connection * c, reader.open());
  return read_progress(*c, project.empty() ? "" : "project = " + quote_literal(project));
}

Result<int64_t> DuckdbStore::export_table(std::string_view table_or_select, const std::string& path,
                                          std::stop_token stop) {
  const bool parquet = path.ends_with(".parquet");
  if (!parquet && !path.ends_with(".csv")) {
    return Error(ErrorCode::kInvalidArgument,
                 fmt::format("{}: expected a name that ends in .parquet or .csv", path));
  }
  Reader reader(*impl_->file);
  ASSIGN(sql::Connection * c, reader.open());
  ASSIGN(std::string select, select_for(*c, reader.names(), table_or_select));
  const std::string partial = path + ".partial";
  Watch watch(reader.session(), kDayMs, std::move(stop));
  auto copied = c->query(fmt::format("COPY ({}\n) TO {} ({})", select, quote_literal(partial),
                                     parquet ? "FORMAT parquet" : "FORMAT csv, HEADER true"));
  if (!copied) {
    (void)io::remove_all(partial).has_value();
    return std::move(copied).error().at(path);
  }
  TRY(io::rename_file(partial, path));
  return copied->rows_changed();
}

Result<void> DuckdbStore::backup(const std::string& directory, std::stop_token stop) {
  const std::string path = fmt::format("{}/{}", directory, kDuckdbFile),
                    partial = path + ".partial";
  if (io::exists(path)) {
    return Error(ErrorCode::kAlreadyExists, fmt::format("{} exists", path))
        .with_blame(Blame::kUser)
        .with_hint("name an empty directory");
  }
  TRY(io::make_directories(directory));
  TRY(io::remove_all(partial));
  TRY(io::remove_all(partial + ".wal"));
  Reader reader(*impl_->file);
  ASSIGN(sql::Connection * c, reader.open());
  ASSIGN(sql::QueryResult current, c->query("SELECT current_database()"));
  ASSIGN(std::string name, current.first_text());
  current.reset();
  Watch watch(reader.session(), kDayMs, std::move(stop));
  TRY(c->run(fmt::format("ATTACH {} AS \"leat-backup\" (READ_WRITE)", quote_literal(partial))));
  auto copied =
      c->run(fmt::format("COPY FROM DATABASE {} TO \"leat-backup\"", quote_identifier(name)));
  if (copied) copied = c->run("CHECKPOINT \"leat-backup\"");
  auto detached = c->run("DETACH \"leat-backup\"");
  if (copied) copied = std::move(detached);
  if (copied) return io::rename_file(partial, path);
  (void)io::remove_all(partial).has_value();
  (void)io::remove_all(partial + ".wal").has_value();
  return std::move(copied).error().at(directory);
}

}  // namespace leat::components
