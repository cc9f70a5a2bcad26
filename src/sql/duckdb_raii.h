// Owners of what DuckDB's C API hands out: Database, Connection, Statement, QueryResult, Chunk,
// LogicalType.
//
// For sql/ and components/sink_duckdb only: no other room includes duckdb.h. A Database may be
// shared by threads; everything else belongs to one thread at a time. No exception crosses the C
// API: an error comes back as text and a type, which duckdb_error() turns into an Error whose code
// can be decided on.
#pragma once

#include <duckdb.h>

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"

namespace leat::sql {

/// An Error from DuckDB's type and text: conversion, binder, parser and the like blame the user, IO
/// and memory the outside, INTERNAL and FATAL us (retry kFatal: the database must be opened again).
Error duckdb_error(duckdb_error_type type, std::string_view message);

/// Frees what DuckDB allocated for us (duckdb_free).
struct DuckFree {
  void operator()(void* p) const { duckdb_free(p); }
};
using DuckString = std::unique_ptr<char, DuckFree>;

/// A handle of the C API (itself a pointer) with the function that destroys it.
template <typename Handle, void (*Destroy)(Handle*)>
class Owned {
 public:
  Owned() = default;
  explicit Owned(Handle handle) : handle_(handle) {}
  Owned(Owned&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Owned& operator=(Owned&& other) noexcept {
    if (this != &other) reset(), handle_ = std::exchange(other.handle_, nullptr);
    return *this;
  }
  ~Owned() { reset(); }
  Handle get() const { return handle_; }
  /// For out-parameters of the C API; the owner must be empty.
  Handle* out() { return &handle_; }
  explicit operator bool() const { return handle_ != nullptr; }
  void reset() {
    if (handle_) Destroy(&handle_);
    handle_ = nullptr;
  }

 private:
  Handle handle_ = nullptr;
};

using LogicalType = Owned<duckdb_logical_type, duckdb_destroy_logical_type>;
using Chunk = Owned<duckdb_data_chunk, duckdb_destroy_data_chunk>;
using Value = Owned<duckdb_value, duckdb_destroy_value>;
inline void destroy_appender(duckdb_appender* appender) { duckdb_appender_destroy(appender); }
using Appender =
    Owned<duckdb_appender, destroy_appender>;  // flushes what it can: close it for the errors
using TableFunction = Owned<duckdb_table_function, duckdb_destroy_table_function>;

/// A database file, or one in memory. Any thread. Outlives its connections.
class Database {
 public:
  using Setting = std::pair<std::string, std::string>;
  /// `path` empty: in memory. A setting DuckDB does not know is an error.
  static Result<Database> open(const std::string& path, std::span<const Setting> settings);
  duckdb_database get() const { return database_.get(); }

 private:
  Owned<duckdb_database, duckdb_close> database_;
};

/// What a statement gave. Rows come chunk by chunk, at most 2048 each.
class QueryResult {
 public:
  QueryResult() = default;
  QueryResult(QueryResult&& other) noexcept;
  QueryResult& operator=(QueryResult&& other) noexcept;
  ~QueryResult() { reset(); }

  size_t columns() { return duckdb_column_count(&result_); }
  std::string_view column_name(size_t i) { return duckdb_column_name(&result_, i); }
  LogicalType column_type(size_t i) { return LogicalType(duckdb_column_logical_type(&result_, i)); }
  int64_t rows_changed() { return static_cast<int64_t>(duckdb_rows_changed(&result_)); }
  /// The next chunk, or none at the end. The chunk owns its data and may outlive the result.
  Result<std::optional<Chunk>> next();
  /// The first value of the first row as text; empty when there is no row or it is NULL.
  Result<std::string> first_text();
  void reset();
  /// For out-parameters of the C API.
  duckdb_result* out() {
    reset();
    owned_ = true;
    return &result_;
  }

 private:
  duckdb_result result_ = {};
  bool owned_ = false;
};

/// A prepared statement: bound and executed again and again. One thread. Parameters count from 1.
class Statement {
 public:
  size_t columns() const { return duckdb_prepared_statement_column_count(statement_.get()); }
  DuckString column_name(size_t i) const {
    return DuckString(
        const_cast<char*>(duckdb_prepared_statement_column_name(statement_.get(), i)));
  }
  LogicalType column_type(size_t i) const {
    return LogicalType(duckdb_prepared_statement_column_logical_type(statement_.get(), i));
  }
  Result<void> bind(size_t parameter, int64_t value);
  Result<void> bind(size_t parameter, std::string_view text);
  Result<void> bind(size_t parameter, const Value& value);
  Result<void> bind_null(size_t parameter);
  /// Runs it to the end; the result is held in memory.
  Result<QueryResult> execute();
  /// Runs it as chunks are asked for. The connection does nothing else until the result is gone.
  Result<QueryResult> execute_streaming();
  duckdb_prepared_statement get() const { return statement_.get(); }

 private:
  friend class Connection;
  Owned<duckdb_prepared_statement, duckdb_destroy_prepare> statement_;
};

/// One session of a database. One thread at a time; interrupt() from any.
class Connection {
 public:
  static Result<Connection> open(const Database& database);
  /// Runs one or more statements and discards what they give.
  Result<void> run(const std::string& sql);
  Result<QueryResult> query(const std::string& sql);
  Result<Statement> prepare(const std::string& sql);
  /// Makes the running query end with kCancelled. Any thread.
  void interrupt() const { duckdb_interrupt(connection_.get()); }
  duckdb_connection get() const { return connection_.get(); }

 private:
  Owned<duckdb_connection, duckdb_disconnect> connection_;
};

}  // namespace leat::sql
