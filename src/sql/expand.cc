// Star expansion. Plain stars are written out here, since hidden columns must stay out of them and
// every column needs its own failure; which columns COLUMNS(expression) means, DuckDB is asked.
#include "sql/expand.h"

#include <fmt/core.h>

#include <algorithm>
#include <map>

#include "base/strings.h"
#include "sql/functions.h"

namespace leat::sql {
namespace {

struct Expanded {
  Json expression;
  std::string name;
};

class StarWriter {
 public:
  StarWriter(Expansion& context, std::optional<Problem>& problem)
      : context_(context), problem_(problem) {}

  /// The columns a STAR node stands for.
  Result<std::vector<Expanded>> columns(const Json& star) {
    const Json& pattern = star.at("expr");
    if (star.value("columns", false) && pattern.is_object()) return matching(star, pattern);
    return plain(star);
  }

 private:
  void refuse(const Json& at, std::string message, std::string hint) {
    if (!problem_)
      problem_ = Problem{location_of(at).value_or(0), std::move(message), std::move(hint)};
  }

  std::vector<Expanded> everything(const Json& star) {
    std::vector<Expanded> out;
    const std::string only = lower(star.value("relation_name", ""));
    const auto& relations = context_.scope.relations();
    bool found = only.empty();
    for (size_t r = 0; r < relations.size(); ++r) {
      if (!only.empty() && lower(relations[r].alias) != only) continue;
      found = true;
      for (const Column& column : relations[r].columns) {
        const bool shown_before = r > 0 && only.empty() &&
                                  std::find(context_.merged.begin(), context_.merged.end(),
                                            lower(column.name)) != context_.merged.end();
        if (!shown_before)
          out.push_back({column_reference({relations[r].alias, column.name}), column.name});
      }
    }
    if (found) return out;
    // s.*: the fields of a struct column.
    const auto reference = context_.scope.resolve({star.value("relation_name", "")});
    if (!reference || reference->meta ||
        context_.scope.column(*reference).type.kind() != types::Kind::kStruct) {
      refuse(star, fmt::format("no table or struct {}", star.value("relation_name", "")), "");
      return out;
    }
    const Column& column = context_.scope.column(*reference);
    for (const types::Field& field : column.type.fields())
      out.push_back(
          {column_reference({relations[reference->relation].alias, column.name, field.name}),
           field.name});
    return out;
  }

  std::vector<Expanded> plain(const Json& star) {
    std::vector<Expanded> all = everything(star);
    const auto at = [&](std::string_view name) {
      return std::find_if(all.begin(), all.end(),
                          [&](const Expanded& e) { return lower(e.name) == lower(name); });
    };
    for (const Json& name : star.at("exclude_list"))
      exclude(star, name.get<std::string>(), "", all);
    for (const Json& name : star.at("qualified_exclude_list"))
      exclude(star, name.value("column", ""), name.value("table", ""), all);
    for (const Json& entry : star.at("replace_list")) {
      auto it = at(entry.value("key", ""));
      if (it == all.end())
        refuse(star, fmt::format("REPLACE: no column {}", entry.value("key", "")), "");
      else
        it->expression = entry.at("value");
    }
    for (const Json& entry : star.at("rename_list")) {
      auto it = at(entry.at("key").value("column", ""));
      if (it == all.end())
        refuse(star, fmt::format("RENAME: no column {}", entry.at("key").value("column", "")), "");
      else
        it->name = entry.value("value", "");
    }
    return all;
  }

  void exclude(const Json& star, const std::string& column, const std::string& table,
               std::vector<Expanded>& all) {
    const auto gone = std::remove_if(all.begin(), all.end(), [&](const Expanded& e) {
      return lower(e.name) == lower(column) &&
             (table.empty() ||
              lower(e.expression.at("column_names").at(0).get<std::string>()) == lower(table));
    });
    if (gone == all.end() && !parse_meta(column))
      refuse(star, fmt::format("EXCLUDE: no column {}", column), "");
    all.erase(gone, all.end());
  }

  /// COLUMNS(regex), COLUMNS([names]), COLUMNS(lambda): DuckDB says which, one relation at a time.
  Result<std::vector<Expanded>> matching(const Json& star, const Json& pattern) {
    std::vector<Expanded> out;
    Json alone = star;
    alone["alias"] = "";
    ASSIGN(std::string text, context_.parser.text_of(alone));
    for (const Relation& relation : context_.scope.relations()) {
      const std::string only = star.value("relation_name", "");
      if (!only.empty() && lower(only) != lower(relation.alias)) continue;
      std::string columns;
      for (const Column& column : relation.columns)
        columns += (columns.empty() ? "" : ", ") + ("NULL AS " + quote_identifier(column.name));
      if (columns.empty()) continue;
      auto statement = context_.connection.prepare(fmt::format(
          "SELECT {} FROM (SELECT {}) AS {}", text, columns, quote_identifier(relation.alias)));
      if (!statement) continue;  // nothing of this relation matches
      for (size_t i = 0; i < statement->columns(); ++i) {
        const std::string name = statement->column_name(i).get();
        if (relation.find(name)) out.push_back({column_reference({relation.alias, name}), name});
      }
    }
    if (out.empty()) refuse(pattern, "COLUMNS matches no column", "");
    return out;
  }

  Expansion& context_;
  std::optional<Problem>& problem_;
};

const Json* first_star(const Json& node) {
  const Json* found = nullptr;
  walk_expressions(node, [&](const Json& e) {
    if (!found && class_of(e) == "STAR") found = &e;
    return !found;
  });
  return found;
}

/// Puts `with` wherever a STAR stands; *COLUMNS(...) becomes all of them side by side.
Json substitute(const Json& node, const Json& with, const std::vector<Expanded>& all) {
  if (node.is_object() && class_of(node) == "STAR") return with;
  if (node.is_array()) {
    Json out = Json::array();
    for (const Json& child : node) {
      if (child.is_object() && type_of(child) == "OPERATOR_UNPACK") {
        for (const Expanded& each : all) out.push_back(each.expression);
      } else {
        out.push_back(substitute(child, with, all));
      }
    }
    return out;
  }
  if (!node.is_object()) return node;
  Json out = node;
  for (auto& [key, child] : out.items()) {
    if (child.is_structured()) child = substitute(child, with, all);
  }
  return out;
}

bool unpacks(const Json& node) {
  bool found = false;
  walk_expressions(node, [&](const Json& e) {
    found = found || type_of(e) == "OPERATOR_UNPACK";
    return !found;
  });
  return found;
}

}  // namespace

Json column_reference(std::vector<std::string> names) {
  return {{"class", "COLUMN_REF"},
          {"type", "COLUMN_REF"},
          {"alias", ""},
          {"query_location", UINT64_MAX},
          {"column_names", std::move(names)}};
}

Result<std::vector<Item>> expand(const Json& select_list, Expansion& context,
                                 std::optional<Problem>& problem) {
  std::vector<Item> items;
  for (size_t i = 0; i < select_list.size(); ++i) {
    Json item = select_list[i];
    const std::string alias = item.value("alias", "");
    const size_t offset = location_of(item).value_or(0);
    item["alias"] = "";
    const Json* star = first_star(item);
    if (!star) {
      items.push_back({std::move(item), alias, offset, i});
      continue;
    }
    ASSIGN(std::vector<Expanded> columns, StarWriter(context, problem).columns(*star));
    if (problem) return items;
    if (alias.find('\\') != std::string::npos) {
      problem = Problem{offset, "a name made of groups (\\1) cannot be used here",
                        "name the columns one by one"};
      return items;
    }
    if (class_of(item) == "STAR") {
      for (const Expanded& each : columns)
        items.push_back({each.expression, alias.empty() ? each.name : alias, offset, i});
    } else if (unpacks(item)) {
      items.push_back({substitute(item, Json(), columns), alias, offset, i});
    } else {
      for (const Expanded& each : columns)
        items.push_back({substitute(item, each.expression, columns), alias, offset, i});
    }
  }
  return items;
}

}  // namespace leat::sql
