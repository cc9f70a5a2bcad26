#include "components/ask_store.h"

#include <fmt/core.h>

#include <algorithm>

#include "base/strings.h"
#include "codec/text_out.h"

namespace leat::components {
namespace {

Error refused_question(std::string message, std::string hint) {
  return Error(ErrorCode::kInvalidArgument, std::move(message))
      .with_blame(Blame::kUser)
      .with_hint(std::move(hint));
}

void put_json_text(std::string& out, std::string_view text) {
  codec::StringOut to(out);
  codec::write_json_string(to, text);
}

/// A value's text as JSON, by its type's number in pg_type: numbers and JSON as they are.
void put_postgres_value(std::string& out, uint32_t type, std::string_view text) {
  const bool number = type == 20 || type == 21 || type == 23 || type == 26 || type == 700 ||
                      type == 701 || type == 1700;
  if (type == 16)
    out += text == "t" ? "true" : "false";
  else if (type == 114 || type == 3802 || (number && text.find_first_of("NIi") == text.npos))
    out += text;
  else
    put_json_text(out, text);
}

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

/// Past the JSON value (or string) at `at`; the text is Cassandra's own and well formed.
size_t past_value(std::string_view json, size_t at) {
  int depth = 0;
  for (bool text = false; at < json.size(); ++at) {
    const char c = json[at];
    if (text) {
      if (c == '\\') ++at;
      if (c == '"') text = false;
    } else if (c == '"') {
      text = true;
    } else if (c == '{' || c == '[') {
      ++depth;
    } else if (c == '}' || c == ']') {
      if (depth == 0) return at;
      --depth;
    } else if (depth == 0 && (c == ',' || c == ':')) {
      return at;
    }
  }
  return at;
}

/// Keys and values of a JSON object, each as it stands there.
void split_object(std::string_view json,
                  std::vector<std::pair<std::string_view, std::string_view>>& out) {
  out.clear();
  for (size_t at = 1; at + 1 < json.size();) {
    while (is_space(json[at])) ++at;
    const size_t key = past_value(json, at);
    size_t begin = key + 1;
    while (begin < json.size() && is_space(json[begin])) ++begin;
    const size_t end = past_value(json, begin);
    out.emplace_back(json.substr(at + 1, key - at - 2), json.substr(begin, end - begin));
    at = end + 1;
  }
}

/// Cassandra quotes names that are not all lower case, and JSON the quotes.
std::string column_name(std::string_view key) {
  constexpr std::string_view kQuote = "\\\"";
  if (key.size() < 2 * kQuote.size() || !key.starts_with(kQuote)) return std::string(key);
  key.remove_prefix(kQuote.size());
  key.remove_suffix(kQuote.size());
  return std::string(key);
}

/// The statement without blanks and comments before it.
std::string_view begin_of(std::string_view sql) {
  for (;;) {
    size_t skip = 0;
    if (sql.starts_with("--") || sql.starts_with("//"))
      skip = sql.find('\n');
    else if (sql.starts_with("/*"))
      skip = sql.find("*/") == sql.npos ? sql.npos : sql.find("*/") + 2;
    else if (!sql.empty() && is_space(sql.front()))
      skip = 1;
    if (skip == 0) return sql;
    sql.remove_prefix(std::min(skip, sql.size()));
  }
}

/// The statement with JSON behind its SELECT.
Result<std::string> as_json(std::string_view sql) {
  sql = begin_of(sql);
  while (!sql.empty() && (is_space(sql.back()) || sql.back() == ';')) sql.remove_suffix(1);
  constexpr std::string_view kSelect = "select";
  const bool select = sql.size() > kSelect.size() && is_space(sql[kSelect.size()]) &&
                      std::equal(kSelect.begin(), kSelect.end(), sql.begin(),
                                 [](char a, char b) { return a == (b | 0x20); });
  if (!select)
    return refused_question("Cassandra is only asked: a SELECT is expected",
                            "change data with cqlsh");
  return "SELECT JSON" + std::string(sql.substr(kSelect.size()));
}

}  // namespace

Result<stream::StoreAnswer> ask_postgres(clients::PostgresConnection& connection,
                                         const std::string& schema,
                                         const stream::StoreQuery& query) {
  std::string sql = query.sql;
  while (!sql.empty() && (is_space(sql.back()) || sql.back() == ';')) sql.pop_back();
  TRY(connection.run(fmt::format("BEGIN READ ONLY; SET LOCAL search_path = {}, public",
                                 quote_identifier(schema))));
  TRY(connection.query("DECLARE leat NO SCROLL CURSOR FOR " + sql));
  std::vector<clients::PostgresColumn> columns;
  std::vector<clients::PostgresRow> rows;
  int64_t bytes = 0;
  // In steps, by the size of the rows so far: a few may have all the bytes that an answer may have.
  for (int64_t step = std::min<int64_t>(10, query.max_rows + 1); step > 0;) {
    std::vector<clients::PostgresColumn> same;
    ASSIGN(auto some, connection.query(fmt::format("FETCH {} FROM leat", step), {},
                                       columns.empty() ? &columns : &same));
    if (some.empty()) break;
    for (clients::PostgresRow& row : some) {
      for (const auto& value : row) bytes += value ? static_cast<int64_t>(value->size()) : 0;
      rows.push_back(std::move(row));
    }
    const int64_t mean = bytes / static_cast<int64_t>(rows.size()) + 1;
    const int64_t left = query.max_rows + 1 - static_cast<int64_t>(rows.size());
    step = std::min({left, int64_t{1000}, (limits::kSqlResultBytes - bytes) / mean});
  }
  stream::StoreAnswer answer;
  for (const clients::PostgresColumn& column : columns) {
    ASSIGN(auto type, connection.query(fmt::format("SELECT format_type({}, NULL)", column.type)));
    answer.columns.emplace_back(column.name, type.at(0).at(0).value_or(""));
  }
  answer.truncated = static_cast<int64_t>(rows.size()) > query.max_rows ||
                     bytes > limits::kSqlResultBytes * 9 / 10;
  if (static_cast<int64_t>(rows.size()) > query.max_rows) rows.pop_back();
  answer.row_count = static_cast<int64_t>(rows.size());
  answer.rows = "[";
  for (const clients::PostgresRow& row : rows) {
    answer.rows += answer.rows.size() > 1 ? ",[" : "[";
    for (size_t c = 0; c < row.size(); ++c) {
      if (c > 0) answer.rows += ',';
      if (row[c])
        put_postgres_value(answer.rows, columns[c].type, *row[c]);
      else
        answer.rows += "null";
    }
    answer.rows += ']';
  }
  answer.rows += ']';
  return answer;
}

Result<stream::StoreAnswer> ask_cassandra(clients::CassandraSession& session,
                                          const stream::StoreQuery& query, io::Clock& clock) {
  ASSIGN(const std::string cql, as_json(query.sql));
  ASSIGN(auto statement, session.prepare(cql));
  stream::StoreAnswer answer;
  answer.rows = "[";
  std::vector<std::pair<std::string_view, std::string_view>> pairs;
  const int64_t deadline = clock.steady_ms() + query.deadline_ms;
  bool late = false;
  const auto take = [&](auto row) {
    late = clock.steady_ms() > deadline;
    if (query.stop.stop_requested() || late) return false;
    if (answer.row_count == query.max_rows || answer.rows.size() > limits::kSqlResultBytes) {
      answer.truncated = true;
      return false;
    }
    split_object(row[0].value_or("{}"), pairs);
    if (answer.columns.empty())
      for (const auto& [key, value] : pairs) answer.columns.emplace_back(column_name(key), "");
    answer.rows += answer.row_count++ > 0 ? ",[" : "[";
    for (size_t c = 0; c < pairs.size(); ++c) {
      if (c > 0) answer.rows += ',';
      answer.rows += pairs[c].second;
    }
    answer.rows += ']';
    return true;
  };
  const auto page = static_cast<uint32_t>(std::min<int64_t>(500, query.max_rows + 1));
  auto done = session.select(statement, {}, take, page);
  if (late)
    return Error(ErrorCode::kTimeout, fmt::format("no answer within {} ms", query.deadline_ms))
        .with_hint("--deadline gives it more time");
  if (query.stop.stop_requested()) return Error(ErrorCode::kCancelled, "stop was asked for");
  if (!done && !answer.truncated) return std::move(done).error();
  answer.rows += ']';
  return answer;
}

}  // namespace leat::components
