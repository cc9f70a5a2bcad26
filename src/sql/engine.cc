// Opens the in-memory database and brings lookup tables into it.
#include "sql/engine.h"

#include <fmt/core.h>

#include <array>

#include "base/strings.h"
#include "sql/engine_impl.h"
#include "sql/memory.h"
#include "sql/vectors.h"

namespace leat::sql {
namespace {

// join_order, build_side_probe_side: rows would leave the order of their records, whichever side of
// a join is larger. common_subexpressions, unused_columns: both move an expression out of its TRY
// into a projection below (a cast written twice; a cast of a field of a struct), where it fails the
// whole batch. The second would only drop columns that nobody reads; the decoder has not even made
// those (Query::read_schema).
constexpr std::string_view kDisabledOptimizers =
    "join_order,build_side_probe_side,common_subexpressions,unused_columns";

constexpr size_t kUnlimitedBytes = size_t{1} << 40;

Result<void> append(Connection& connection, const std::string& table, const types::Schema& schema,
                    const types::Batch& batch) {
  std::vector<LogicalType> owned;
  std::vector<duckdb_logical_type> types;
  for (const types::Field& field : schema.fields) {
    owned.push_back(to_duckdb(field.type));
    types.push_back(owned.back().get());
  }
  Appender appender;
  if (duckdb_appender_create(connection.get(), nullptr, table.c_str(), appender.out()) !=
      DuckDBSuccess)
    return Error(ErrorCode::kInternal, "cannot append to the lookup table " + table);
  for (size_t from = 0; from < batch.rows; from += duckdb_vector_size()) {
    const size_t count = std::min<size_t>(batch.rows - from, duckdb_vector_size());
    Chunk chunk(duckdb_create_data_chunk(types.data(), types.size()));
    copy_into(batch, from, count, chunk.get());
    if (duckdb_append_data_chunk(appender.get(), chunk.get()) != DuckDBSuccess)
      return Error(ErrorCode::kInternal, "cannot append to the lookup table " + table);
  }
  if (duckdb_appender_close(appender.get()) != DuckDBSuccess)
    return Error(ErrorCode::kInternal, "cannot append to the lookup table " + table);
  return {};
}

std::string columns_of(const types::Schema& schema) {
  std::string columns;
  for (const types::Field& field : schema.fields) {
    columns += fmt::format("{}{} {}", columns.empty() ? "" : ", ", quote_identifier(field.name),
                           field.type.to_sql());
  }
  return columns;
}

Result<void> create_table(Connection& connection, const std::string& name,
                          const types::Schema& schema) {
  return connection.run(
      fmt::format("CREATE TABLE {} ({})", quote_identifier(name), columns_of(schema)));
}

/// The function of DuckDB that reads a file of this name; empty for none.
std::string_view reader_of(std::string_view path) {
  const std::string name = lower(path);
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 5> kReaders = {
      {{".csv", "read_csv"},
       {".tsv", "read_csv"},
       {".csv.gz", "read_csv"},
       {".tsv.gz", "read_csv"},
       {".parquet", "read_parquet"}}};
  for (const auto& [ending, reader] : kReaders) {
    if (name.ends_with(ending)) return reader;
  }
  return {};
}

Error too_many_rows(const std::string& name) {
  return Error(ErrorCode::kLimit,
               fmt::format("the table {} has more than {} rows", name, limits::kTableRows))
      .with_blame(Blame::kUser)
      .with_hint("join a table of that size in the store instead");
}

}  // namespace

Result<Connection> open_session(const Database& database, bool compiling) {
  ASSIGN(Connection connection, Connection::open(database));
  TRY(connection.run("SET TimeZone = 'UTC'; SET Calendar = 'gregorian'"));
  if (compiling) TRY(connection.run("SET errors_as_json = true"));
  return connection;
}

Result<std::shared_ptr<Generation>> Engine::Impl::make() const {
  auto made = std::make_shared<Generation>();
  // DuckDB's own limit is one for all lanes of the engine, so one lane's records could fail another's. Each query's
  // arena is the better one where there is one.
  const size_t memory = memory_is_bounded() ? kUnlimitedBytes : options.memory_bytes;
  const std::array<Database::Setting, 4> settings = {{{"threads", "1"},
                                                      {"memory_limit", fmt::format("{}B", memory)},
                                                      {"autoinstall_known_extensions", "false"},
                                                      {"autoload_known_extensions", "false"}}};
  ASSIGN(made->database, Database::open("", settings));
  ASSIGN(made->connection, open_session(made->database, false));
  // Nothing spills to disk: what does not fit is an error, and the batch is cut.
  TRY(made->connection.run(
      "SET GLOBAL temp_directory = ''; SET GLOBAL enable_external_access = false"));
  TRY(made->connection.run(
      fmt::format("SET GLOBAL disabled_optimizers = '{}'", kDisabledOptimizers)));
  TRY(made->connection.run("SET GLOBAL preserve_insertion_order = true"));
  return made;
}

Result<void> Engine::Impl::renew(const std::shared_ptr<Generation>& broken) {
  MutexLock lock(compiling);
  if (generation != broken) return {};  // another query of the engine was first
  ASSIGN(std::shared_ptr<Generation> made, make());
  for (const auto& [name, table] : tables) {
    ASSIGN(Connection source, open_session(*kept, false));
    types::Schema schema;
    std::vector<types::Type> types;
    for (const Column& column : table.columns) {
      types::Field field;
      field.name = column.name, field.type = column.type;
      types.push_back(column.type);
      schema.fields.push_back(std::move(field));
    }
    TRY(create_table(made->connection, name, schema));
    ASSIGN(QueryResult rows, source.query(fmt::format("SELECT * FROM {}", quote_identifier(name))));
    while (true) {
      ASSIGN(std::optional<Chunk> chunk, rows.next());
      if (!chunk) break;
      TRY(append(made->connection, name, schema, view_of(chunk->get(), types)));
    }
  }
  generation = std::move(made);
  return {};
}

Result<std::unique_ptr<Engine>> Engine::open(const EngineOptions& options) {
  auto impl = std::make_unique<Impl>();
  impl->options = options;
  ASSIGN(impl->generation, impl->make());
  ASSIGN(impl->functions, FunctionCatalog::load(impl->generation->connection));
  return std::unique_ptr<Engine>(new Engine(std::move(impl)));
}

Engine::Engine(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Engine::~Engine() = default;

Result<std::string> Engine::load_table(const std::string& name, const std::string& path) {
  const std::string_view reader = reader_of(path);
  if (reader.empty()) {
    return Error(ErrorCode::kInvalidArgument, "no .csv, .tsv or .parquet file")
        .with_hint("tables: reads .csv, .tsv (also .gz) and .parquet")
        .at(path);
  }
  // Files are read by a database of its own, so that the one with the pipelines' SQL never can.
  const std::array<Database::Setting, 3> settings = {{{"threads", "1"},
                                                      {"autoinstall_known_extensions", "false"},
                                                      {"autoload_known_extensions", "false"}}};
  ASSIGN(Database database, Database::open("", settings));
  ASSIGN(Connection connection, open_session(database, false));
  auto read = connection.query(fmt::format("SELECT * FROM {}({}) LIMIT {}", reader,
                                           quote_literal(path), limits::kTableRows + 1));
  if (!read)
    return std::move(read).error().context(fmt::format("cannot read the table {}", name)).at(path);
  types::Schema schema;
  std::vector<types::Type> types;
  for (size_t i = 0; i < read->columns(); ++i) {
    types::Field field;
    field.name = read->column_name(i);
    LogicalType type = read->column_type(i);
    auto ours = from_duckdb(type.get());
    if (!ours) return std::move(ours).error().at(fmt::format("{}: column {}", path, field.name));
    field.type = *ours;
    types.push_back(field.type);
    schema.fields.push_back(std::move(field));
  }
  std::vector<Chunk> chunks;
  std::vector<types::Batch> batches;
  while (true) {
    ASSIGN(std::optional<Chunk> chunk, read->next());
    if (!chunk) break;
    batches.push_back(view_of(chunk->get(), types));
    chunks.push_back(std::move(*chunk));
  }
  auto loaded = load_rows(name, schema, batches);
  if (!loaded) return std::move(loaded).error().at(path);
  return loaded;
}

Result<std::string> Engine::load_rows(const std::string& name, const types::Schema& schema,
                                      std::span<const types::Batch> batches) {
  const std::string key = lower(name);
  if (key == "input" || key.starts_with(kHiddenPrefix) || !is_identifier(key)) {
    return Error(ErrorCode::kInvalidArgument, fmt::format("{} cannot be the name of a table", name))
        .with_hint("use lower-case letters, digits and _, and not input");
  }
  if (impl_->tables.contains(key))
    return Error(ErrorCode::kAlreadyExists, fmt::format("the table {} was loaded before", name));
  size_t rows = 0;
  for (const types::Batch& batch : batches) rows += batch.rows;
  if (rows > static_cast<size_t>(limits::kTableRows)) return too_many_rows(name);
  LookupTable table{key, {}};
  for (const types::Field& field : schema.fields) {
    Column column;
    column.name = field.name;
    column.type = field.type;
    table.columns.push_back(std::move(column));
  }
  if (!impl_->kept) {
    const std::array<Database::Setting, 1> settings = {{{"threads", "1"}}};
    ASSIGN(impl_->kept, Database::open("", settings));
  }
  ASSIGN(Connection kept, open_session(*impl_->kept, false));
  Connection& connection = impl_->generation->connection;
  for (Connection* into : {&connection, &kept}) {
    TRY(create_table(*into, key, schema));
    for (const types::Batch& batch : batches) TRY(append(*into, key, schema, batch));
  }
  // Row order counts: with several matches it is the order of the rows that come out.
  ASSIGN(
      QueryResult result,
      connection.query(fmt::format(
          "SELECT sha256(coalesce(string_agg(CAST(t AS VARCHAR), chr(10) ORDER BY rowid), '') || "
          "{}) FROM {} t",
          quote_literal(columns_of(schema)), quote_identifier(key))));
  ASSIGN(std::string hash, result.first_text());
  impl_->tables.emplace(key, std::move(table));
  return hash;
}

}  // namespace leat::sql
