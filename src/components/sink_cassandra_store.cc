#include "components/sink_cassandra_store.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "base/strings.h"
#include "components/progress_row.h"
#include "components/sink_cassandra_rows.h"

namespace leat::components {
namespace {

using clients::CassandraSession;
using Values = std::span<const std::optional<std::string_view>>;

constexpr std::string_view kPositions = "leat_progress";

std::string positions_table(const std::string& keyspace) {
  return quote_identifier(keyspace) + "." + quote_identifier(kPositions);
}

int64_t big_endian(std::string_view bytes) {
  int64_t value = bytes.empty() || static_cast<signed char>(bytes[0]) >= 0 ? 0 : -1;
  for (char c : bytes) value = (value << 8) | static_cast<unsigned char>(c);
  return value;
}

std::string column_names() {
  std::string names;
  for (std::string_view name : kProgressNames)
    names += (names.empty() ? "" : ", ") + quote_identifier(name);
  return names;
}

Result<bool> is_there(CassandraSession& session, const std::string& cql,
                      std::string_view parameters) {
  ASSIGN(auto statement, session.prepare(cql));
  bool found = false;
  TRY(session.select(statement, parameters, [&](Values) { return found = true; }));
  return found;
}

/// One node and no `replication`: a machine for tries. Else how often rows are kept is not for leat to choose.
Result<void> make_keyspace(CassandraSession& session, const CassandraConfig& config) {
  const int32_t copies = config.replication > 0 ? config.replication : 1;
  if (config.replication == 0 && session.nodes() > 1)
    return Error(ErrorCode::kNotFound, fmt::format("there is no keyspace {}", config.keyspace))
        .with_blame(Blame::kUser)
        .with_hint("make it, or say with `replication:` how many copies of each row it keeps");
  return session.change(fmt::format(
      "CREATE KEYSPACE IF NOT EXISTS {} WITH replication = {{'class': 'NetworkTopologyStrategy', "
      "'replication_factor': {}}}",
      quote_identifier(config.keyspace), copies));
}

}  // namespace

Result<std::shared_ptr<CassandraSession>> CassandraCluster::session(
    const CassandraSession* broken) {
  MutexLock lock(mutex_);
  if (session_ && session_.get() != broken) return session_;
  session_.reset();
  ASSIGN(session_, CassandraSession::open(config_.client));
  return session_;
}

Result<void> CassandraCluster::prepare(CassandraSession& session) {
  std::string name;
  put_cassandra(name, config_.keyspace);
  ASSIGN(
      bool keyspace,
      is_there(session, "SELECT keyspace_name FROM system_schema.keyspaces WHERE keyspace_name = ?",
               name));
  if (!keyspace) TRY(make_keyspace(session, config_));
  ASSIGN(auto found, columns(session, std::string(kPositions)));
  // Another process may have made it a moment ago, and not all nodes know.
  if (!found.empty()) return session.settle();
  std::string definitions, key;
  for (size_t i = 0; i < kProgressColumns; ++i) {
    const std::string each = quote_identifier(kProgressNames[i]);
    definitions += fmt::format("{} {}, ", each,
                               progress_type(i) == ProgressType::kText  ? "text"
                               : progress_type(i) == ProgressType::kInt ? "int"
                                                                        : "bigint");
    if (i < kProgressIdentity) key += (key.empty() ? "" : ", ") + each;
  }
  return session.change(fmt::format("CREATE TABLE IF NOT EXISTS {} ({}PRIMARY KEY ({}))",
                                    positions_table(config_.keyspace), definitions, key));
}

Result<std::vector<StoredCassandraColumn>> CassandraCluster::columns(
    CassandraSession& session, const std::string& table) const {
  ASSIGN(auto statement,
         session.prepare("SELECT column_name, type, kind, position FROM system_schema.columns "
                         "WHERE keyspace_name = ? AND table_name = ?"));
  std::string parameters;
  put_cassandra(parameters, config_.keyspace);
  put_cassandra(parameters, table);
  std::vector<StoredCassandraColumn> found;
  TRY(session.select(statement, parameters, [&](Values row) {
    const auto text = [&](size_t i) { return std::string(row[i].value_or("")); };
    found.push_back(
        {text(0), text(1), text(2), static_cast<int32_t>(big_endian(row[3].value_or("")))});
    return true;
  }));
  return found;
}

Result<std::string> CassandraCluster::table_id(CassandraSession& session,
                                               const std::string& table) const {
  ASSIGN(auto statement,
         session.prepare("SELECT id FROM system_schema.tables WHERE keyspace_name = "
                         "? AND table_name = ?"));
  std::string parameters, id;
  put_cassandra(parameters, config_.keyspace);
  put_cassandra(parameters, table);
  TRY(session.select(statement, parameters, [&](Values row) {
    id = row[0].value_or("");
    return true;
  }));
  return id;
}

Result<int64_t> CassandraCluster::grace_s(CassandraSession& session,
                                          const std::string& table) const {
  ASSIGN(auto statement,
         session.prepare("SELECT gc_grace_seconds FROM system_schema.tables WHERE keyspace_name = "
                         "? AND table_name = ?"));
  std::string parameters;
  put_cassandra(parameters, config_.keyspace);
  put_cassandra(parameters, table);
  int64_t seconds = 0;
  TRY(session.select(statement, parameters, [&](Values row) {
    seconds = big_endian(row[0].value_or(""));
    return true;
  }));
  return seconds;
}

Result<std::vector<std::string>> CassandraCluster::dropped_columns(CassandraSession& session,
                                                                   const std::string& table) const {
  ASSIGN(auto statement, session.prepare("SELECT column_name FROM system_schema.dropped_columns "
                                         "WHERE keyspace_name = ? AND table_name = ?"));
  std::string parameters;
  put_cassandra(parameters, config_.keyspace);
  put_cassandra(parameters, table);
  std::vector<std::string> found;
  TRY(session.select(statement, parameters, [&](Values row) {
    found.emplace_back(row[0].value_or(""));
    return true;
  }));
  return found;
}

Result<std::vector<CassandraPosition>> CassandraCluster::positions(
    CassandraSession& session, const std::string& project) const {
  std::vector<CassandraPosition> found;
  ASSIGN(auto there, columns(session, std::string(kPositions)));
  if (there.empty()) return found;
  ASSIGN(auto statement,
         session.prepare(fmt::format("SELECT {}, WRITETIME(\"next\") FROM {} WHERE project = ?",
                                     column_names(), positions_table(config_.keyspace))));
  std::string parameters;
  put_cassandra(parameters, project);
  std::optional<Error> bad;
  auto read = session.select(statement, parameters, [&](Values row) {
    std::vector<std::optional<std::string>> texts(kProgressColumns);
    for (size_t i = 0; i < kProgressColumns; ++i) {
      const std::string_view value = row[i].value_or("");
      texts[i] = progress_type(i) == ProgressType::kText ? std::string(value)
                                                         : std::to_string(big_endian(value));
    }
    auto progress = progress_of(texts);
    if (!progress) {
      bad = std::move(progress).error();
      return false;
    }
    found.push_back({std::move(*progress), big_endian(row[kProgressColumns].value_or(""))});
    return true;
  });
  if (bad) return std::move(*bad);
  TRY(std::move(read));
  return found;
}

std::string insert_position(const std::string& keyspace) {
  std::string values = "?";
  for (size_t i = 1; i < kProgressColumns; ++i) values += ", ?";
  return fmt::format("INSERT INTO {} ({}) VALUES ({}) USING TIMESTAMP ?", positions_table(keyspace),
                     column_names(), values);
}

namespace {

void put_column(std::string& out, size_t column, const std::string& text) {
  if (progress_type(column) == ProgressType::kText)
    put_cassandra(out, std::string_view(text));
  else if (progress_type(column) == ProgressType::kInt)
    put_cassandra(out, static_cast<int32_t>(std::stol(text)));
  else
    put_cassandra(out, static_cast<int64_t>(std::stoll(text)));
}

}  // namespace

void put_position(std::string& out, const stream::Progress& progress, int64_t written_us) {
  const ProgressTexts texts = progress_texts(progress);
  for (size_t i = 0; i < kProgressColumns; ++i) put_column(out, i, texts[i]);
  put_cassandra(out, written_us);
}

std::string select_position(const std::string& keyspace) {
  std::string same;
  for (size_t i = 0; i < kProgressIdentity; ++i)
    same += (same.empty() ? "" : " AND ") + quote_identifier(kProgressNames[i]) + " = ?";
  return fmt::format("SELECT \"next\", WRITETIME(\"next\") FROM {} WHERE {}",
                     positions_table(keyspace), same);
}

Result<std::optional<CassandraPlace>> stored_place(CassandraSession& session,
                                                   const clients::CassandraStatement& select,
                                                   const stream::Progress& progress) {
  std::string parameters;
  const ProgressTexts texts = progress_texts(progress);
  for (size_t i = 0; i < kProgressIdentity; ++i) put_column(parameters, i, texts[i]);
  std::optional<CassandraPlace> found;
  TRY(session.select(select, parameters, [&](Values row) {
    found = {big_endian(row[0].value_or("")), big_endian(row[1].value_or(""))};
    return true;
  }));
  return found;
}

}  // namespace leat::components
