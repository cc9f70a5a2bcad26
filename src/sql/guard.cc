// The allow-list over a parsed statement for reading a store.
#include "sql/guard.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "base/strings.h"
#include "sql/ast.h"
#include "sql/functions.h"

namespace leat::sql {
namespace {

// Table functions that only make rows of their arguments.
constexpr std::array<std::string_view, 7> kTableFunctions = {
    "range", "generate_series", "unnest", "json_each", "json_tree", "repeat", "repeat_row"};

/// Views of the system that show settings and secrets.
constexpr std::array<std::string_view, 3> kRefusedViews = {"pg_settings", "duckdb_settings",
                                                           "duckdb_secrets"};

// Scalar functions with an effect, or that run or read what the guard cannot see.
constexpr std::array<std::string_view, 13> kRefusedFunctions = {"nextval",
                                                                "currval",
                                                                "setseed",
                                                                "write_log",
                                                                "sleep_ms",
                                                                "pg_sleep",
                                                                "getenv",
                                                                "getvariable",
                                                                "current_setting",
                                                                "error",
                                                                "json_serialize_plan",
                                                                "parse_duckdb_log_message",
                                                                "stats"};

constexpr std::array<std::string_view, 15> kExpressionClasses = {
    "BETWEEN",    "CASE",        "CAST",     "COLLATE",  "COLUMN_REF",
    "COMPARISON", "CONJUNCTION", "CONSTANT", "FUNCTION", "LAMBDA",
    "OPERATOR",   "STAR",        "SUBQUERY", "WINDOW",   "POSITIONAL_REFERENCE"};

constexpr std::array<std::string_view, 4> kModifiers = {"DISTINCT_MODIFIER", "ORDER_MODIFIER",
                                                        "LIMIT_MODIFIER", "LIMIT_PERCENT_MODIFIER"};

template <typename Array>
bool among(const Array& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

/// One walk over a statement.
class Guard {
 public:
  explicit Guard(Connection& connection) : connection_(connection) {}

  Result<std::optional<Problem>> judge(const Json& node) {
    query_node(node);
    if (problem_) return problem_;
    for (const Table& table : tables_) {
      ASSIGN(bool there, exists(table));
      if (!there) {
        refuse(table.offset, fmt::format("no table {}", table.full_name()),
               "SHOW TABLES lists what there is; files cannot be read here");
        break;
      }
    }
    return problem_;
  }

 private:
  struct Table {
    std::string catalog, schema, name;
    size_t offset;
    std::string full_name() const {
      return (catalog.empty() ? "" : catalog + ".") + (schema.empty() ? "" : schema + ".") + name;
    }
  };

  void refuse(size_t offset, std::string message, std::string hint) {
    if (!problem_) problem_ = Problem{offset, std::move(message), std::move(hint)};
  }
  void refuse(const Json& node, std::string message, std::string hint) {
    refuse(location_of(node).value_or(0), std::move(message), std::move(hint));
  }

  /// Judges a query node and everything below it. Each CTE is a name for what follows it only: a
  /// table of the same name elsewhere must exist, or it would be looked for among files.
  void query_node(const Json& node) {
    const std::string_view type = type_of(node);
    if (type != "SELECT_NODE" && type != "SET_OPERATION_NODE" && type != "RECURSIVE_CTE_NODE")
      return refuse(node, fmt::format("{} is not read here", type), "write exactly one SELECT");
    const size_t outer = ctes_.size();
    for (const auto& entry : node.at("cte_map").at("map")) {
      query_node(entry.at("value").at("query").at("node"));
      expressions(entry.at("value").value("key_targets", Json::array()));
      ctes_.push_back(lower(entry.at("key").get<std::string>()));
    }
    const bool recursive = type == "RECURSIVE_CTE_NODE";
    if (recursive) {
      query_node(node.at("left"));  // where it begins its own name means nothing yet
      ctes_.push_back(lower(node.at("cte_name").get<std::string>()));
    }
    for (const auto& modifier : node.at("modifiers")) {
      if (!among(kModifiers, type_of(modifier)))
        refuse(modifier, fmt::format("{} is not known here", type_of(modifier)), "leave it out");
    }
    for (const auto& [key, child] : node.items()) {
      if (problem_) break;
      if (key == "from_table") {
        table(child);
      } else if (recursive && key == "left") {
        continue;
      } else if (key == "left" || key == "right") {
        query_node(child);
      } else if (key != "cte_map" && child.is_structured()) {
        expressions(child);
      }
    }
    ctes_.resize(outer);
  }

  void table(const Json& ref) {
    const std::string_view type = type_of(ref);
    if (type == "EMPTY") return;
    if (type == "BASE_TABLE") return base_table(ref);
    if (type == "EXPRESSION_LIST") return expressions(ref.at("values"));
    if (type == "SUBQUERY") return query_node(ref.at("subquery").at("node"));
    if (type == "TABLE_FUNCTION") return table_function(ref);
    if (type == "SHOW_REF") return show(ref);
    if (type == "JOIN") {
      table(ref.at("left"));
      table(ref.at("right"));
      if (ref.at("condition").is_object()) expressions(ref.at("condition"));
      return;
    }
    if (type == "PIVOT") {
      table(ref.at("source"));
      expressions(ref.at("aggregates"));
      return expressions(ref.at("pivots"));
    }
    refuse(ref, fmt::format("{} cannot be read from", type), "read tables, views and subqueries");
  }

  void base_table(const Json& ref) {
    if (ref.contains("at_clause") && !ref.at("at_clause").is_null())
      return refuse(ref, "AT reads another version of a table, which there is not", "leave it out");
    Table found = {ref.at("catalog_name").get<std::string>(),
                   ref.at("schema_name").get<std::string>(),
                   ref.at("table_name").get<std::string>(), location_of(ref).value_or(0)};
    if (found.schema.empty() && found.catalog.empty() && among(ctes_, lower(found.name))) return;
    if (among(kRefusedViews, lower(found.name)))
      return refuse(ref, fmt::format("{} is not open to queries", found.name), "leave it out");
    tables_.push_back(std::move(found));
  }

  void table_function(const Json& ref) {
    const Json& function = ref.at("function");
    const std::string name = lower(function.value("function_name", ""));
    if (class_of(function) != "FUNCTION" || !among(kTableFunctions, name) ||
        !function.value("schema", "").empty() || !function.value("catalog", "").empty()) {
      return refuse(ref, fmt::format("the table function {} is not open to queries", name),
                    "read the store's tables; files and settings are out of reach here");
    }
    expressions(function.at("children"));
  }

  void show(const Json& ref) {
    if (ref.contains("query") && ref.at("query").is_object()) return query_node(ref.at("query"));
    const std::string name = ref.value("table_name", "");
    static constexpr std::array<std::string_view, 3> kLists = {"\"tables\"", "\"databases\"",
                                                               "__show_tables_expanded"};
    if (name.empty() || among(kLists, name)) return;
    refuse(ref, fmt::format("SHOW {} is not open to queries", name),
           "SHOW TABLES, or DESCRIBE SELECT * FROM t");
  }

  void expressions(const Json& node) {
    if (problem_) return;
    if (node.is_object() && node.contains("class")) {
      if (!among(kExpressionClasses, class_of(node)))
        return refuse(node, fmt::format("{} is not known here", class_of(node)), "leave it out");
      if (class_of(node) == "SUBQUERY") {
        query_node(node.at("subquery").at("node"));
        if (node.at("child").is_object()) expressions(node.at("child"));
        return;
      }
      if (class_of(node) == "FUNCTION" &&
          among(kRefusedFunctions, lower(node.value("function_name", ""))))
        return refuse(
            node,
            fmt::format("the function {} is not open to queries", node.value("function_name", "")),
            "leave it out");
    }
    for (const auto& child : node) {
      if (child.is_structured()) expressions(child);
    }
  }

  /// True when the catalog holds it, views of the system included. A schema may also be a
  /// database's name.
  Result<bool> exists(const Table& table) {
    std::string sql =
        "SELECT count(*)::VARCHAR FROM (SELECT database_name d, schema_name s, table_name t FROM "
        "duckdb_tables() "
        "UNION ALL SELECT database_name, schema_name, view_name FROM duckdb_views()) WHERE "
        "lower(t) = " +
        quote_literal(lower(table.name));
    const std::string schema = quote_literal(lower(table.schema));
    if (!table.schema.empty() && table.catalog.empty())
      sql += " AND (lower(s) = " + schema + " OR lower(d) = " + schema + ")";
    if (!table.schema.empty() && !table.catalog.empty()) sql += " AND lower(s) = " + schema;
    if (!table.catalog.empty()) sql += " AND lower(d) = " + quote_literal(lower(table.catalog));
    ASSIGN(QueryResult result, connection_.query(sql));
    ASSIGN(std::string count, result.first_text());
    return count != "0";
  }

  Connection& connection_;
  std::vector<std::string> ctes_;  // in scope
  std::vector<Table> tables_;
  std::optional<Problem> problem_;
};

}  // namespace

Result<void> admit_select(Connection& connection, std::string_view sql) {
  ASSIGN(Parser parser, Parser::open(connection));
  std::optional<Problem> problem;
  ASSIGN(Json node, parser.parse_select(sql, problem));
  if (!problem) {
    ASSIGN(problem, Guard(connection).judge(node));
  }
  if (problem) return to_error(*problem, sql);
  return {};
}

}  // namespace leat::sql
