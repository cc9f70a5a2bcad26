// The deny-list (nondeterministic.inc) and DuckDB's marks in one judgement.
#include "sql/functions.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>

namespace leat::sql {
namespace {

enum class Why { kClock, kRandom, kSession, kEffect, kError, kRows };

struct Refused {
  std::string_view name;
  Why why;
};

constexpr Refused kRefused[] = {
#define LEAT_REFUSED(name, why) {name, Why::why},
#include "sql/nondeterministic.inc"
#undef LEAT_REFUSED
};

Problem problem_of(std::string_view name, Why why, size_t offset) {
  switch (why) {
    case Why::kClock:
      return {
          offset,
          fmt::format("{} gives another answer at another time, so a replay would differ", name),
          "use _timestamp, the time of the record"};
    case Why::kRandom:
      return {offset, fmt::format("{} is random, so a replay would differ", name),
              "derive the value from the record, for example md5(...) or _partition and _offset"};
    case Why::kSession:
      return {offset, fmt::format("{} depends on the session, so a replay could differ", name),
              "write the value itself, or use ${VARIABLE}"};
    case Why::kEffect:
      return {offset, fmt::format("{} does something besides giving a value", name),
              "leave it out"};
    case Why::kError:
      return {offset, fmt::format("{} would fail its neighbours, too", name),
              "write a rule with on_fail: quarantine, or a cast that fails"};
    case Why::kRows:
      return {offset, fmt::format("{} makes rows or aggregates of many", name),
              "a transform works on each record alone; unnest(list) makes several rows of one"};
  }
  return {offset, std::string(name), ""};
}

Result<void> collect(Connection& connection, const std::string& where,
                     std::set<std::string, std::less<>>& into) {
  ASSIGN(QueryResult result,
         connection.query("SELECT DISTINCT lower(function_name) FROM duckdb_functions() WHERE " +
                          where));
  while (true) {
    ASSIGN(std::optional<Chunk> chunk, result.next());
    if (!chunk) return {};
    auto* names = static_cast<duckdb_string_t*>(
        duckdb_vector_get_data(duckdb_data_chunk_get_vector(chunk->get(), 0)));
    for (size_t i = 0; i < duckdb_data_chunk_get_size(chunk->get()); ++i)
      into.emplace(duckdb_string_t_data(names + i), duckdb_string_t_length(names[i]));
  }
}

}  // namespace

Result<FunctionCatalog> FunctionCatalog::load(Connection& connection) {
  FunctionCatalog catalog;
  TRY(collect(connection, "function_type = 'aggregate'", catalog.aggregates_));
  TRY(collect(connection, "function_type = 'scalar' AND stability <> 'CONSISTENT'",
              catalog.unstable_));
  // What PostgreSQL's clients ask the catalog for: sessions and privileges, nothing of a record.
  TRY(collect(connection, "function_type = 'macro' AND schema_name <> 'main'", catalog.foreign_));
  return catalog;
}

std::optional<Problem> FunctionCatalog::judge_word(std::string_view name, size_t offset) {
  const std::string key = lower(name);
  for (const Refused& refused : kRefused) {
    if (refused.name == key) return problem_of(key, refused.why, offset);
  }
  return std::nullopt;
}

std::optional<Problem> FunctionCatalog::judge(std::string_view name, size_t offset) const {
  if (auto problem = judge_word(name, offset)) return problem;
  const std::string key = lower(name);
  if (aggregates_.contains(key)) {
    return Problem{
        offset, fmt::format("{} is an aggregate: it needs many records at once", key),
        "a transform works on each record alone; for a list there is list_aggregate(list, 'name')"};
  }
  if (unstable_.contains(key)) return problem_of(key, Why::kSession, offset);
  if (foreign_.contains(key)) return problem_of(key, Why::kSession, offset);
  return std::nullopt;
}

}  // namespace leat::sql
