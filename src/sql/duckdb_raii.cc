// The owners of sql/duckdb_raii.h: thin, so that every call of the C API is checked in one place.
#include "sql/duckdb_raii.h"

#include <utility>

#include "sql/memory.h"

namespace leat::sql {
namespace {

struct Config {
  duckdb_config handle = nullptr;
  ~Config() {
    if (handle) duckdb_destroy_config(&handle);
  }
};

std::string_view text_or(const char* text, std::string_view fallback) {
  return text ? std::string_view(text) : fallback;
}

}  // namespace

Error duckdb_error(duckdb_error_type type, std::string_view message) {
  const auto make = [&](ErrorCode code, Blame blame, Retry retry) {
    return Error(code, std::string(message)).with_blame(blame).with_retry(retry);
  };
  switch (type) {
    case DUCKDB_ERROR_INTERRUPT:
      return make(ErrorCode::kCancelled, Blame::kExternal, Retry::kNever);
    case DUCKDB_ERROR_OUT_OF_MEMORY:
      return make(ErrorCode::kLimit, Blame::kExternal, Retry::kBackoff);
    case DUCKDB_ERROR_IO:
    case DUCKDB_ERROR_HTTP:
    case DUCKDB_ERROR_NETWORK:
      return make(ErrorCode::kIo, Blame::kExternal, Retry::kBackoff);
    case DUCKDB_ERROR_TRANSACTION:
      return make(ErrorCode::kConflict, Blame::kExternal, Retry::kBackoff);
    case DUCKDB_ERROR_CONSTRAINT:
      return make(ErrorCode::kConflict, Blame::kUser, Retry::kNever);
    case DUCKDB_ERROR_PERMISSION:
      return make(ErrorCode::kPermission, Blame::kUser, Retry::kNever);
    case DUCKDB_ERROR_FATAL:
      return make(ErrorCode::kInternal, Blame::kInternal, Retry::kFatal);
    case DUCKDB_ERROR_INTERNAL:
      return make(ErrorCode::kInternal, Blame::kInternal, Retry::kNever);
    default:
      return make(ErrorCode::kInvalidArgument, Blame::kUser, Retry::kNever);
  }
}

Result<Database> Database::open(const std::string& path, std::span<const Setting> settings) {
  bound_memory();
  Config config;
  if (duckdb_create_config(&config.handle) != DuckDBSuccess)
    return Error(ErrorCode::kInternal, "cannot make a configuration of DuckDB");
  for (const auto& [name, value] : settings) {
    if (duckdb_set_config(config.handle, name.c_str(), value.c_str()) != DuckDBSuccess)
      return Error(ErrorCode::kInvalidArgument, "DuckDB knows no setting " + name + " = " + value);
  }
  Database database;
  char* message = nullptr;
  if (duckdb_open_ext(path.empty() ? nullptr : path.c_str(), database.database_.out(),
                      config.handle, &message) != DuckDBSuccess) {
    DuckString owned(message);
    return duckdb_error(DUCKDB_ERROR_IO, text_or(message, "cannot open the database"))
        .at(path.empty() ? "DuckDB" : path);
  }
  return database;
}

Result<Connection> Connection::open(const Database& database) {
  Connection connection;
  if (duckdb_connect(database.get(), connection.connection_.out()) != DuckDBSuccess)
    return Error(ErrorCode::kInternal, "cannot connect to DuckDB");
  return connection;
}

Result<void> Connection::run(const std::string& sql) {
  ASSIGN(QueryResult result, query(sql));
  return {};
}

Result<QueryResult> Connection::query(const std::string& sql) {
  QueryResult result;
  duckdb_result* raw = result.out();
  if (duckdb_query(connection_.get(), sql.c_str(), raw) != DuckDBSuccess)
    return duckdb_error(duckdb_result_error_type(raw),
                        text_or(duckdb_result_error(raw), "query failed"));
  return result;
}

Result<Statement> Connection::prepare(const std::string& sql) {
  Statement statement;
  if (duckdb_prepare(connection_.get(), sql.c_str(), statement.statement_.out()) != DuckDBSuccess) {
    return duckdb_error(DUCKDB_ERROR_BINDER,
                        text_or(duckdb_prepare_error(statement.get()), "cannot prepare"));
  }
  return statement;
}

QueryResult::QueryResult(QueryResult&& other) noexcept
    : result_(std::exchange(other.result_, {})), owned_(std::exchange(other.owned_, false)) {}

QueryResult& QueryResult::operator=(QueryResult&& other) noexcept {
  if (this != &other) {
    reset();
    result_ = std::exchange(other.result_, {});
    owned_ = std::exchange(other.owned_, false);
  }
  return *this;
}

void QueryResult::reset() {
  if (owned_) duckdb_destroy_result(&result_);
  result_ = {};
  owned_ = false;
}

Result<std::optional<Chunk>> QueryResult::next() {
  Chunk chunk(duckdb_fetch_chunk(result_));
  if (chunk) return std::optional<Chunk>(std::move(chunk));
  const char* message = duckdb_result_error(&result_);
  if (message && *message) return duckdb_error(duckdb_result_error_type(&result_), message);
  return std::optional<Chunk>();
}

Result<std::string> QueryResult::first_text() {
  ASSIGN(std::optional<Chunk> chunk, next());
  if (!chunk || duckdb_data_chunk_get_size(chunk->get()) == 0) return std::string();
  duckdb_vector vector = duckdb_data_chunk_get_vector(chunk->get(), 0);
  const uint64_t* validity = duckdb_vector_get_validity(vector);
  if (validity && !(validity[0] & 1)) return std::string();
  LogicalType type(duckdb_vector_get_column_type(vector));
  if (duckdb_get_type_id(type.get()) != DUCKDB_TYPE_VARCHAR)
    return Error(ErrorCode::kInternal, "first_text() of a column that is no VARCHAR");
  auto* text = static_cast<duckdb_string_t*>(duckdb_vector_get_data(vector));
  return std::string(duckdb_string_t_data(text), duckdb_string_t_length(*text));
}

namespace {

Result<void> bound(duckdb_state state, duckdb_prepared_statement statement) {
  if (state == DuckDBSuccess) return {};
  return duckdb_error(DUCKDB_ERROR_INVALID_INPUT,
                      text_or(duckdb_prepare_error(statement), "cannot bind a parameter"));
}

}  // namespace

Result<void> Statement::bind(size_t parameter, int64_t value) {
  return bound(duckdb_bind_int64(get(), parameter, value), get());
}

Result<void> Statement::bind(size_t parameter, std::string_view text) {
  return bound(duckdb_bind_varchar_length(get(), parameter, text.data(), text.size()), get());
}

Result<void> Statement::bind(size_t parameter, const Value& value) {
  return bound(duckdb_bind_value(get(), parameter, value.get()), get());
}

Result<void> Statement::bind_null(size_t parameter) {
  return bound(duckdb_bind_null(get(), parameter), get());
}

Result<QueryResult> Statement::execute() {
  QueryResult result;
  duckdb_result* raw = result.out();
  if (duckdb_execute_prepared(get(), raw) != DuckDBSuccess)
    return duckdb_error(duckdb_result_error_type(raw),
                        text_or(duckdb_result_error(raw), "query failed"));
  return result;
}

Result<QueryResult> Statement::execute_streaming() {
  QueryResult result;
  duckdb_result* raw = result.out();
  if (duckdb_execute_prepared_streaming(get(), raw) != DuckDBSuccess)
    return duckdb_error(duckdb_result_error_type(raw),
                        text_or(duckdb_result_error(raw), "query failed"));
  return result;
}

}  // namespace leat::sql
