// Stores: ask them; of the embedded one, see its tables, export, copy.
//
//   POST /api/v1/sql      one SELECT; guarded by the store: no files, no settings, a deadline, caps. With `store`
//                         the question goes to a store that is a server, in its own language.
//   GET  /api/v1/tables
//   POST /api/v1/export   a table or SELECT to a Parquet or CSV file on this machine
//   POST /api/v1/backup   log and store, each a consistent copy, into a new directory on this machine
//
// Export and backup write with the process's rights where the caller says: so only with the token,
// or by the socket, which only the owner can open; and never over something that is there.
#include <spdlog/spdlog.h>

#include <algorithm>
#include <atomic>
#include <memory>

#include "base/limits.h"
#include "io/file.h"
#include "server/backend.h"

namespace leat::server {
namespace {

constexpr int64_t kMaxSqlRows = 1'000'000;
constexpr int64_t kMaxSqlDeadlineMs = 3'600'000;

Error no_store(const Backend& backend) {
  return Error(ErrorCode::kNotFound, fmt::format("there is no store yet in {}", backend.data_dir))
      .with_hint("`leat run` makes it, once a pipeline writes to a store");
}

/// A table of a store that is a server of its own is not here.
Error name_servers(const Backend& backend, const std::string& sql, Error error) {
  if (!backend.stores) return error;
  for (const auto& [name, declared] : backend.plan->stores) {
    if (!backend.stores->is_remote(name) || sql.find(name + ".") == std::string::npos) continue;
    return std::move(error).with_hint(
        fmt::format("store {0} is a server of its own ({1}): `--store {0}` asks it, in its own "
                    "language and without `{0}.`",
                    name, declared.name()));
  }
  return error;
}

Result<StoreAnswer> answer(const Backend& backend, const std::string& store,
                           const StoreQuery& query) {
  if (!store.empty() && !backend.plan->stores.empty() &&
      std::none_of(backend.plan->stores.begin(), backend.plan->stores.end(),
                   [&](const auto& each) { return each.first == store; }))
    return Error(ErrorCode::kNotFound, fmt::format("the profile has no store {}", store));
  if (!store.empty() && backend.stores && backend.stores->is_remote(store)) {
    ASSIGN(stream::Store * server, backend.stores->open(store));
    auto answered = server->ask(query);
    if (!answered) return std::move(answered).error().at("store " + store);
    return answered;
  }
  if (!backend.store.query) {
    Error error = name_servers(backend, query.sql, no_store(backend));
    return error;
  }
  auto answered = backend.store.query(query);
  if (!answered) return name_servers(backend, query.sql, std::move(answered).error());
  return answered;
}

Result<net::Response> ask(const Backend& backend, std::atomic<int>& running, const Call& call) {
  StoreQuery query;
  query.sql = call.text_or("query", "");
  if (query.sql.size() > limits::kMaxSqlBytes) {
    return Error(ErrorCode::kInvalidArgument,
                 fmt::format("the query is longer than {} bytes", limits::kMaxSqlBytes));
  }
  ASSIGN(query.max_rows, call.number("max_rows", limits::kSqlRows, 1, kMaxSqlRows));
  ASSIGN(query.deadline_ms,
         call.number("deadline_ms", limits::kSqlDeadlineMs, 1, kMaxSqlDeadlineMs));
  query.stop = call.stop();
  struct Turn {
    std::atomic<int>& running;
    const int before = running.fetch_add(1);
    ~Turn() { running.fetch_sub(1); }
  } turn{running};
  if (turn.before >= limits::kMaxApiQueries) {
    return Error(ErrorCode::kUnavailable,
                 fmt::format("{} queries are running already", limits::kMaxApiQueries))
        .with_hint("ask again when one has ended; deadline_ms bounds each");
  }
  const int64_t begin = backend.clock->steady_ns();
  ASSIGN(const StoreAnswer answered, answer(backend, call.text_or("store", ""), query));
  const auto elapsed_ms = static_cast<double>(backend.clock->steady_ns() - begin) / 1e6;
  Json columns = Json::array();
  for (const auto& [name, type] : answered.columns)
    columns.push_back({{"name", name}, {"type", type}});
  return net::Response::json(fmt::format(
      "{{\"columns\":{},\"rows\":{},\"row_count\":{},\"truncated\":{},"
      "\"elapsed_ms\":{:.3f}}}\n",
      dump(columns), answered.rows, answered.row_count, answered.truncated, elapsed_ms));
}

Result<std::string> new_path(const Call& call, std::string_view argument) {
  std::string path = call.text_or(argument, "");
  if (!path.starts_with('/')) {
    return Error(ErrorCode::kInvalidArgument,
                 fmt::format("{} {} is no absolute path", argument, json_text(path)));
  }
  if (path.find('\0') != std::string::npos) {
    return Error(ErrorCode::kInvalidArgument, fmt::format("{} holds a zero byte", argument));
  }
  if (io::exists(path))
    return Error(ErrorCode::kAlreadyExists, fmt::format("{} is there already", path));
  return path;
}

Result<net::Response> export_to(const Backend& backend, const Call& call) {
  if (!backend.store.export_to) return no_store(backend);
  ASSIGN(std::string file, new_path(call, "file"));
  if (!file.ends_with(".parquet") && !file.ends_with(".csv")) {
    return Error(ErrorCode::kInvalidArgument,
                 fmt::format("{} ends neither in .parquet nor in .csv", file));
  }
  const std::string what = call.text_or("table", "");
  ASSIGN(int64_t rows, backend.store.export_to(what, file, call.stop()));
  ASSIGN(io::FileStatus status, io::file_status(file));
  spdlog::info("exported {} rows to {}", rows, file);
  return ok({{"file", file}, {"rows", rows}, {"bytes", status.size}});
}

Result<net::Response> backup(const Backend& backend, const Call& call) {
  if (!backend.backup_log && !backend.store.backup) {
    ASSIGN([[maybe_unused]] auto log, need_log(backend));
    return Error(ErrorCode::kInternal, "this process can copy neither log nor store");
  }
  ASSIGN(std::string directory, new_path(call, "directory"));
  // It gets its name when it is whole: what has it is a backup.
  const std::string partial = directory + ".partial";
  TRY(io::remove_all(partial));
  TRY(io::make_directories(partial));
  Json parts = Json::array();
  const auto copy = [&]() -> Result<void> {
    // The store first: its positions may be behind the copied log's end, never ahead of it.
    if (backend.store.backup) {
      TRY(backend.store.backup(partial, call.stop()));
      parts.push_back("store");
    }
    if (backend.backup_log) {
      TRY(backend.backup_log(partial));
      parts.push_back("log");
    }
    return io::rename_file(partial, directory);
  };
  if (auto copied = copy(); !copied) {
    (void)io::remove_all(partial).has_value();
    return std::move(copied).error();
  }
  spdlog::info("backed up to {}", directory);
  return ok({{"directory", directory}, {"parts", std::move(parts)}});
}

}  // namespace

void add_sql(Api& api, Backend& backend) {
  Endpoint query;
  query.method = "POST";
  query.path = "/api/v1/sql";
  query.tag = "store";
  query.summary = "Ask a store: one SELECT";
  query.arguments = {
      {"query", ValueType::kString, "The SELECT", true},
      {"store", ValueType::kString,
       "A store that is a server: it is asked in its own language; else the embedded one", false},
      {"max_rows", ValueType::kInteger, "Rows given at most; 10000 when left out", false},
      {"deadline_ms", ValueType::kInteger, "When to give up; 30000 when left out", false}};
  query.response =
      "Columns with their SQL types, rows as arrays, and whether there were more. Integers and "
      "decimals "
      "are exact literals.";
  auto running = std::make_shared<std::atomic<int>>(0);
  query.handler = [&backend, running](const Call& call) { return ask(backend, *running, call); };
  api.add(std::move(query));

  Endpoint tables;
  tables.method = "GET";
  tables.path = "/api/v1/tables";
  tables.tag = "store";
  tables.summary = "Tables of the embedded store";
  tables.response = "An array of tables with store, columns, key and row count.";
  tables.handler = [&backend](const Call&) -> Result<net::Response> {
    if (!backend.store.tables) return ok(Json::array());
    ASSIGN(Json all, backend.store.tables());
    return ok(all);
  };
  api.add(std::move(tables));

  Endpoint file;
  file.method = "POST";
  file.path = "/api/v1/export";
  file.tag = "store";
  file.summary = "Write a table or a SELECT to a file of this machine";
  file.arguments = {
      {"table", ValueType::kString, "`TABLE`, `STORE.TABLE` or a SELECT", true},
      {"file", ValueType::kString, "An absolute path that ends in .parquet or .csv", true}};
  file.response = "The file, its rows and bytes.";
  file.handler = [&backend](const Call& call) { return export_to(backend, call); };
  api.add(std::move(file));

  Endpoint copy;
  copy.method = "POST";
  copy.path = "/api/v1/backup";
  copy.tag = "store";
  copy.summary =
      "Copy log and store, while they are written to, into a new directory of this machine";
  copy.arguments = {
      {"directory", ValueType::kString, "An absolute path that does not exist yet", true}};
  copy.response = "What was copied.";
  copy.handler = [&backend](const Call& call) { return backup(backend, call); };
  api.add(std::move(copy));
}

}  // namespace leat::server
