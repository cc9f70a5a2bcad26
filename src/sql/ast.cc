// Parsing through DuckDB's json_serialize_sql; see ast.h.
#include "sql/ast.h"

#include <fmt/core.h>

#include <algorithm>
#include <string>

#include "base/limits.h"

namespace leat::sql {
namespace {

constexpr uint64_t kNoLocation = UINT64_MAX;

std::string string_at(const Json& object, const char* key) {
  auto it = object.find(key);
  return it != object.end() && it->is_string() ? it->get<std::string>() : std::string();
}

std::optional<size_t> position_in(const Json& error) {
  const std::string text = string_at(error, "position");
  if (text.empty() || text.size() > 18 ||
      !std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; }))
    return std::nullopt;
  return static_cast<size_t>(std::stoull(text));
}

/// DuckDB's syntax errors count characters where everything else of it counts bytes.
size_t byte_offset(std::string_view text, size_t characters) {
  size_t at = 0;
  for (; at < text.size() && characters > 0; --characters) {
    do ++at;
    while (at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80);
  }
  return at;
}

/// The text of DuckDB's first value, run with one parameter.
Result<std::string> call(Statement& statement, std::string_view argument) {
  TRY(statement.bind(1, argument));
  ASSIGN(QueryResult result, statement.execute());
  return result.first_text();
}

}  // namespace

Place place_of(std::string_view text, size_t offset) {
  Place place;
  for (size_t i = 0; i < std::min(offset, text.size()); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte == '\n') {
      ++place.line;
      place.column = 1;
    } else if ((byte & 0xC0) != 0x80) {
      ++place.column;
    }
  }
  return place;
}

Error to_error(const Problem& problem, std::string_view text) {
  const Place place = place_of(text, problem.offset);
  return Error(ErrorCode::kInvalidArgument, problem.message)
      .with_blame(Blame::kUser)
      .with_hint(problem.hint)
      .at(fmt::format("line {}, column {}", place.line, place.column));
}

Problem to_problem(std::string_view duckdb_message, size_t fallback) {
  Problem problem;
  problem.offset = fallback;
  problem.message = std::string(duckdb_message);
  const size_t brace = duckdb_message.find('{');
  if (brace != std::string_view::npos) {
    const Json error = Json::parse(duckdb_message.substr(brace), nullptr, false);
    if (error.is_object() && error.contains("exception_message")) {
      problem.message = string_at(error, "exception_message");
      if (auto position = position_in(error)) problem.offset = *position;
    }
  }
  // "Candidate functions:" lists every overload; "Candidate bindings:" and "Did you mean" are the
  // hint.
  if (size_t at = problem.message.find("\n\tCandidate"); at != std::string::npos)
    problem.message.resize(at);
  if (size_t at = problem.message.find("\n\nLINE "); at != std::string::npos)
    problem.message.resize(at);
  if (size_t at = problem.message.find('\n'); at != std::string::npos) {
    problem.hint = problem.message.substr(at + 1);
    problem.message.resize(at);
    std::replace(problem.hint.begin(), problem.hint.end(), '\n', ' ');
    while (!problem.hint.empty() && problem.hint.front() == ' ') problem.hint.erase(0, 1);
    while (!problem.hint.empty() && problem.hint.back() == ' ') problem.hint.pop_back();
  }
  return problem;
}

Result<Parser> Parser::open(Connection& connection) {
  Parser parser;
  ASSIGN(parser.serialize_,
         connection.prepare("SELECT json_serialize_sql(CAST($1 AS VARCHAR))::VARCHAR"));
  ASSIGN(parser.deserialize_,
         connection.prepare("SELECT json_deserialize_sql(CAST($1 AS JSON))::VARCHAR"));
  return parser;
}

Result<Json> Parser::parse_select(std::string_view sql, std::optional<Problem>& problem) {
  const auto wrong = [&](size_t offset, std::string message, std::string hint) {
    problem = Problem{offset, std::move(message), std::move(hint)};
    return Json();
  };
  if (sql.size() > limits::kMaxSqlBytes) {
    return wrong(0,
                 fmt::format("the statement has {} bytes; at most {} are read", sql.size(),
                             limits::kMaxSqlBytes),
                 "split it into steps");
  }
  if (size_t at = sql.find('\0'); at != std::string_view::npos)
    return wrong(at, "a zero byte in the statement", "remove it");
  auto text = call(serialize_, sql);
  if (!text) {
    // Bytes that are no UTF-8, and what the parser gives up on: the user's text, not our state.
    if (text.error().blame() != Blame::kUser) return std::move(text).error();
    Problem found = to_problem(text.error().message(), 0);
    return wrong(found.offset, found.message, found.hint);
  }
  const Json parsed = Json::parse(*text, nullptr, false);
  if (!parsed.is_object())
    return Error(ErrorCode::kInternal, "DuckDB's parsed statement is no JSON object");
  if (parsed.value("error", false)) {
    if (string_at(parsed, "error_type") == "not implemented")
      return wrong(0, "only a SELECT statement can stand here", "write exactly one SELECT");
    return wrong(byte_offset(sql, position_in(parsed).value_or(0)),
                 string_at(parsed, "error_message"), "");
  }
  const Json& statements = parsed.at("statements");
  if (statements.empty()) return wrong(0, "no statement", "write exactly one SELECT");
  if (statements.size() > 1)
    return wrong(location_of(statements[1]).value_or(0), "more than one statement",
                 "write exactly one SELECT");
  const Json& statement = statements[0];
  if (!statement.at("named_param_map").empty())
    return wrong(0, "parameters ($1, ?) have no value here", "write the value, or use ${VARIABLE}");
  return statement.at("node");
}

Result<std::string> Parser::text_of(const Json& expression) {
  Json node = {
      {"type", "SELECT_NODE"},
      {"modifiers", Json::array()},
      {"cte_map", {{"map", Json::array()}}},
      {"select_list", Json::array({expression})},
      {"from_table",
       {{"type", "EMPTY"}, {"alias", ""}, {"sample", nullptr}, {"query_location", kNoLocation}}},
      {"where_clause", nullptr},
      {"group_expressions", Json::array()},
      {"group_sets", Json::array()},
      {"aggregate_handling", "STANDARD_HANDLING"},
      {"having", nullptr},
      {"sample", nullptr},
      {"qualify", nullptr}};
  const Json statement = {
      {"error", false},
      {"statements", Json::array({{{"node", node}, {"named_param_map", Json::array()}}})}};
  ASSIGN(std::string text, call(deserialize_, statement.dump()));
  constexpr std::string_view kSelect = "SELECT ";
  if (!text.starts_with(kSelect))
    return Error(ErrorCode::kInternal, "DuckDB gave no SELECT back: " + text);
  return text.substr(kSelect.size());
}

std::optional<size_t> location_of(const Json& node) {
  if (auto it = node.find("query_location"); it != node.end() && it->is_number_unsigned()) {
    if (it->get<uint64_t>() != kNoLocation && it->get<uint64_t>() <= limits::kMaxSqlBytes)
      return static_cast<size_t>(it->get<uint64_t>());
  }
  std::optional<size_t> least;
  for (const auto& child : node) {
    if (!child.is_structured()) continue;
    if (auto below = location_of(child); below && (!least || *below < *least)) least = below;
  }
  return least;
}

void walk_expressions(const Json& node, const std::function<bool(const Json&)>& visit) {
  if (node.is_object()) {
    if (node.contains("class") && !visit(node)) return;
    if (class_of(node) == "SUBQUERY") {
      if (auto child = node.find("child"); child != node.end()) walk_expressions(*child, visit);
      return;
    }
  }
  if (node.is_structured()) {
    for (const auto& child : node) {
      if (child.is_structured()) walk_expressions(child, visit);
    }
  }
}

std::string_view class_of(const Json& node) {
  auto it = node.find("class");
  return it != node.end() && it->is_string() ? std::string_view(it->get_ref<const std::string&>())
                                             : std::string_view();
}

std::string_view type_of(const Json& node) {
  auto it = node.find("type");
  return it != node.end() && it->is_string() ? std::string_view(it->get_ref<const std::string&>())
                                             : std::string_view();
}

}  // namespace leat::sql
