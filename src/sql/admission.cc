// The allow-list of steps and rules; see admission.h.
#include "sql/admission.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>

#include "base/strings.h"

namespace leat::sql {
namespace {

constexpr std::string_view kEachRecordAlone = "a transform works on each record alone";

constexpr std::array<std::string_view, 12> kClasses = {
    "BETWEEN",     "CASE",     "CAST",     "COLLATE", "COLUMN_REF", "COMPARISON",
    "CONJUNCTION", "CONSTANT", "FUNCTION", "LAMBDA",  "OPERATOR",   "STAR"};

// Functions whose second argument names an aggregate.
constexpr std::array<std::string_view, 5> kListAggregates = {
    "aggregate", "array_aggr", "array_aggregate", "list_aggr", "list_aggregate"};

bool is_null(const Json& node, const char* key) {
  auto it = node.find(key);
  return it == node.end() || it->is_null();
}

bool is_empty(const Json& node, const char* key) {
  auto it = node.find(key);
  return it == node.end() || it->is_null() || it->empty();
}

/// Walks one statement; the first refusal wins.
class Admission {
 public:
  Admission(const FunctionCatalog& functions, const std::vector<std::string>& tables)
      : functions_(functions), tables_(tables) {}

  std::optional<Problem> step(const Json& node, std::vector<FromItem>& from) {
    shape(node);
    if (problem_) return problem_;
    table(node.at("from_table"), from);
    if (problem_) return problem_;
    const auto inputs = std::count_if(from.begin(), from.end(),
                                      [](const FromItem& i) { return i.table == "input"; });
    if (inputs == 0) {
      refuse(from.empty() ? 0 : from[0].offset, "the step does not read input",
             "write FROM input; other tables are joined to it");
    } else if (inputs > 1) {
      refuse(from.back().offset, "input is read twice",
             fmt::format("{}: join it with `tables:`", kEachRecordAlone));
    } else if (from[0].table != "input") {
      refuse(from[0].offset, "input has to come first, so that every record keeps its rows",
             fmt::format("write FROM input LEFT JOIN {} ON ...", from[0].table));
    }
    for (const FromItem& item : from) {
      if (item.condition.is_object()) expressions(item.condition, false);
    }
    for (const Json& item : node.at("select_list")) expressions(item, true);
    if (node.at("where_clause").is_object()) expressions(node.at("where_clause"), false);
    return problem_;
  }

  std::optional<Problem> rule(const Json& node) {
    shape(node);
    if (problem_) return problem_;
    if (type_of(node.at("from_table")) != "EMPTY" || !is_null(node, "where_clause"))
      refuse(node, "a rule is one expression, not a statement",
             "write for example: id IS NOT NULL");
    const Json& items = node.at("select_list");
    if (items.size() != 1)
      refuse(items.at(1), "a rule is one expression", "write two rules, or join the two by AND");
    if (!items.at(0).value("alias", "").empty())
      refuse(items.at(0), "a rule's name is its key `rule:`", "leave AS out");
    walk_expressions(items, [&](const Json& e) {
      if (class_of(e) == "STAR") refuse(e, "a rule cannot use *", "name the columns");
      return !problem_;
    });
    if (!problem_) expressions(items, false);
    return problem_;
  }

 private:
  void refuse(size_t offset, std::string message, std::string hint) {
    if (!problem_) problem_ = Problem{offset, std::move(message), std::move(hint)};
  }
  void refuse(const Json& node, std::string message, std::string hint) {
    refuse(location_of(node).value_or(0), std::move(message), std::move(hint));
  }

  void shape(const Json& node) {
    if (type_of(node) == "SET_OPERATION_NODE") {
      return refuse(
          node, fmt::format("{} cannot be used here", node.value("setop_type", "a set operation")),
          "write one SELECT; several pipelines may write one topic");
    }
    if (type_of(node) != "SELECT_NODE")
      return refuse(node, "only a SELECT can stand here", "write one SELECT");
    for (const Json& modifier : node.at("modifiers")) {
      const std::string_view type = type_of(modifier);
      const Json& at = modifier.empty() ? node : modifier;
      if (type == "ORDER_MODIFIER")
        refuse(at, "ORDER BY has no meaning here",
               fmt::format("{}, in the order of its partition", kEachRecordAlone));
      else if (type == "DISTINCT_MODIFIER")
        refuse(at.value("distinct_on_targets", Json::array()).empty() ? node.at("select_list").at(0)
                                                                      : at,
               "DISTINCT compares many records",
               fmt::format("{}; a sink with a key: keeps one row per key", kEachRecordAlone));
      else
        refuse(at, "LIMIT depends on how many records came before",
               fmt::format("{}; use WHERE", kEachRecordAlone));
    }
    if (!node.at("cte_map").at("map").empty()) {
      const Json& first = node.at("cte_map").at("map").at(0);
      return refuse(first, fmt::format("WITH {} cannot be used here", first.value("key", "")),
                    "make it a step of its own: the next step reads it as input");
    }
    const std::string grouping =
        fmt::format("{}; aggregate in the store, with SQL over its table", kEachRecordAlone);
    if (!is_empty(node, "group_expressions") || !is_empty(node, "group_sets") ||
        node.value("aggregate_handling", "") != "STANDARD_HANDLING") {
      const Json& groups = node.at("group_expressions");
      return refuse(groups.empty() ? node : groups, "GROUP BY needs many records at once",
                    grouping);
    }
    if (!is_null(node, "having"))
      refuse(node.at("having"), "HAVING needs many records at once", grouping);
    if (!is_null(node, "qualify"))
      refuse(node.at("qualify"), "QUALIFY needs many records at once",
             fmt::format("{}; use WHERE", kEachRecordAlone));
    if (!is_null(node, "sample"))
      refuse(node.at("from_table"), "SAMPLE is random, so a replay would differ",
             "filter by the record, for example WHERE hash(id) % 10 = 0");
  }

  void table(const Json& ref, std::vector<FromItem>& from) {
    const std::string_view type = type_of(ref);
    const size_t offset = location_of(ref).value_or(0);
    if (!is_null(ref, "sample"))
      return refuse(offset, "TABLESAMPLE is random, so a replay would differ",
                    "filter by the record, for example WHERE hash(id) % 10 = 0");
    if (type == "JOIN") return join(ref, from);
    if (type == "BASE_TABLE") return base_table(ref, from);
    if (type == "EMPTY")
      return refuse(offset, "the step does not read input", "write SELECT ... FROM input");
    if (type == "SUBQUERY")
      return refuse(offset, "a subquery cannot stand in FROM",
                    "make it a step of its own: the next step reads it as input");
    if (type == "TABLE_FUNCTION") {
      const std::string name = lower(ref.at("function").value("function_name", ""));
      if (name == "unnest")
        return refuse(offset, "unnest cannot stand in FROM",
                      "write it in the select list: SELECT id, unnest(items) AS item FROM input");
      return refuse(offset, fmt::format("the table function {} cannot be read here", name),
                    "name the file under `tables:` and join it");
    }
    refuse(offset, fmt::format("{} cannot stand in FROM", type),
           "write FROM input, joined with `tables:`");
  }

  void base_table(const Json& ref, std::vector<FromItem>& from) {
    FromItem item;
    item.table = ref.value("table_name", "");
    item.alias = ref.value("alias", "");
    item.offset = location_of(ref).value_or(0);
    if (item.alias.empty()) item.alias = item.table;
    if (!is_null(ref, "at_clause"))
      return refuse(item.offset, fmt::format("{} has no versions", item.table), "leave AT out");
    if (!ref.value("schema_name", "").empty() || !ref.value("catalog_name", "").empty())
      return refuse(item.offset,
                    fmt::format("{}.{} is not a table of this pipeline",
                                ref.value("schema_name", ""), item.table),
                    "read input, and join what is named under `tables:`");
    if (!is_empty(ref, "column_name_alias"))
      return refuse(item.offset, "columns cannot be renamed in FROM",
                    "rename them with AS in the select list");
    std::vector<std::string_view> known = {"input"};
    known.insert(known.end(), tables_.begin(), tables_.end());
    const std::string key = lower(item.table);
    auto found = std::find_if(known.begin(), known.end(),
                              [&](std::string_view t) { return lower(t) == key; });
    if (found == known.end()) {
      std::string hint = "a step reads input and what is named under `tables:`";
      if (item.table.find_first_of("./") != std::string::npos)
        hint = "name the file under `tables:` and join it";
      else if (auto near = nearest(item.table, known))
        hint = fmt::format("did you mean {}?", *near);
      return refuse(item.offset, fmt::format("no table {}", item.table), std::move(hint));
    }
    item.table = *found;
    const std::string alias = lower(item.alias);
    if (std::any_of(from.begin(), from.end(),
                    [&](const FromItem& f) { return lower(f.alias) == alias; }))
      return refuse(item.offset, fmt::format("two tables are called {}", item.alias),
                    "give one of them another name with AS");
    from.push_back(std::move(item));
  }

  void join(const Json& ref, std::vector<FromItem>& from) {
    const std::string how = ref.value("join_type", ""), kind = ref.value("ref_type", "");
    table(ref.at("left"), from);
    if (problem_) return;
    const size_t before = from.size();
    if (type_of(ref.at("right")) == "JOIN")
      return refuse(ref.at("right"), "joins in brackets cannot be used here",
                    "write them one after another");
    table(ref.at("right"), from);
    if (problem_ || from.size() != before + 1) return;
    FromItem& right = from.back();
    const bool cross = kind == "CROSS";
    if (kind != "REGULAR" && !cross)
      return refuse(right.offset, fmt::format("a {} join cannot be used here", kind),
                    "write LEFT JOIN ... ON ...");
    if (how != "INNER" && how != "LEFT") {
      return refuse(right.offset,
                    fmt::format("a {} join cannot be used here: input has to be kept", how),
                    how == "SEMI" || how == "ANTI"
                        ? "write LEFT JOIN, and WHERE its key IS NOT NULL or IS NULL"
                        : "write FROM input LEFT JOIN ... ON ...");
    }
    right.inner = how == "INNER";
    if (ref.at("condition").is_object()) right.condition = ref.at("condition");
    for (const Json& name : ref.at("using_columns"))
      right.columns.push_back(name.get<std::string>());
  }

  void expressions(const Json& node, bool unnest_allowed) {
    walk_expressions(node, [&](const Json& e) {
      if (!problem_) expression(e, unnest_allowed);
      return !problem_;
    });
  }

  void expression(const Json& e, bool unnest_allowed) {
    const std::string_view kind = class_of(e);
    if (kind == "SUBQUERY")
      return refuse(e, "a subquery cannot be used here",
                    "name the table under `tables:` and join it: LEFT JOIN t ON ...");
    if (kind == "WINDOW")
      return refuse(e,
                    fmt::format("{} OVER needs many records at once", e.value("function_name", "")),
                    std::string(kEachRecordAlone));
    if (std::find(kClasses.begin(), kClasses.end(), kind) == kClasses.end() ||
        type_of(e) == "GROUPING_FUNCTION")
      return refuse(e, fmt::format("{} cannot be used here", type_of(e)), "leave it out");
    if (kind != "FUNCTION") return;
    const std::string name = lower(e.value("function_name", ""));
    const size_t offset = location_of(e).value_or(0);
    const std::string schema = e.value("schema", "");
    if ((!schema.empty() && schema != "main") || !e.value("catalog", "").empty())
      return refuse(offset, fmt::format("{}.{} cannot be called here", schema, name),
                    fmt::format("for a function of DuckDB's own over a column write {}({})", name,
                                schema.empty() ? "column" : schema));
    if (is_unnest(e)) {
      if (!unnest_allowed)
        return refuse(offset, "unnest can stand in the select list only",
                      "unnest in one step, and use its rows in the next");
      if (e.at("children").size() != 1)
        return refuse(offset, "unnest takes a list and no options here",
                      "unnest(list) AS name; for a struct write name.*");
      walk_expressions(e.at("children"), [&](const Json& inner) {
        if (is_unnest(inner))
          refuse(inner, "unnest in unnest cannot be used here",
                 "make the inner one a step of its own");
        return !problem_;
      });
      return;
    }
    if (auto problem = functions_.judge(name, offset)) {
      if (!problem_) problem_ = std::move(problem);
      return;
    }
    if (!is_null(e, "filter") || e.value("distinct", false) ||
        (e.contains("order_bys") && e.at("order_bys").is_object() &&
         !is_empty(e.at("order_bys"), "orders")))
      return refuse(offset, fmt::format("{} is written as an aggregate", name),
                    std::string(kEachRecordAlone));
    if (std::find(kListAggregates.begin(), kListAggregates.end(), name) != kListAggregates.end())
      list_aggregate(e, name);
  }

  /// Judges the aggregate that a list is handed to by name. The name has to stand in the SQL: what
  /// is put together at run time cannot be judged.
  void list_aggregate(const Json& e, const std::string& name) {
    const Json& arguments = e.at("children");
    if (arguments.size() < 2) return;  // DuckDB says so
    const Json& which = arguments.at(1);
    const Json text =
        class_of(which) == "CONSTANT" ? which.at("value").value("value", Json()) : Json();
    if (!text.is_string())
      return refuse(which, fmt::format("{} takes an aggregate by its name", name),
                    fmt::format("write it out, for example {}(list, 'sum')", name));
    if (lower(text.get<std::string>()) == "reservoir_quantile")
      refuse(which, "reservoir_quantile is random, so a replay would differ", "use quantile_cont");
  }

  const FunctionCatalog& functions_;
  const std::vector<std::string>& tables_;
  std::optional<Problem> problem_;
};

}  // namespace

bool is_unnest(const Json& expression) {
  if (class_of(expression) != "FUNCTION") return false;
  const std::string name = lower(expression.value("function_name", ""));
  return name == "unnest" || name == "unlist";
}

std::optional<Problem> admit_step(const Json& node, const FunctionCatalog& functions,
                                  const std::vector<std::string>& tables,
                                  std::vector<FromItem>& from) {
  return Admission(functions, tables).step(node, from);
}

std::optional<Problem> admit_rule(const Json& node, const FunctionCatalog& functions) {
  static const std::vector<std::string> kNone;
  return Admission(functions, kNone).rule(node);
}

}  // namespace leat::sql
