// Rewriting one step; the form is drawn in step.h.
#include "sql/step.h"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>

#include "base/strings.h"
#include "sql/conditions.h"
#include "sql/expand.h"
#include "sql/functions.h"

namespace leat::sql {
namespace {

// Functions whose arrow is a lambda; elsewhere `x -> y` reads JSON.
constexpr std::array<std::string_view, 11> kLambdaFunctions = {
    "list_transform", "array_transform", "list_apply",  "array_apply",  "apply", "list_filter",
    "array_filter",   "filter",          "list_reduce", "array_reduce", "reduce"};

/// What an expression reads, aliases followed.
struct Uses {
  std::set<int> bits;
  std::vector<Reference> reads;  // of input
  bool joined = false;           // reads a joined table
};

class StepCompiler {
 public:
  StepCompiler(StepContext& context, Scope scope, std::optional<Problem>& problem)
      : context_(context),
        scope_(std::move(scope)),
        problem_(problem),
        alias_(quote_identifier(scope_.relations()[0].alias)) {}

  Result<CompiledStep> compile(const Json& node, const std::vector<FromItem>& from) {
    Expansion expansion{context_.parser, context_.connection, scope_, merged_of(from)};
    ASSIGN(items_, expand(node.at("select_list"), expansion, problem_));
    if (problem_) return CompiledStep();
    if (items_.empty()) return refuse(0, "the step selects no column", "name at least one");
    TRY(name_items(from));
    TRY(joins(from));
    if (!problem_ && node.at("where_clause").is_object()) TRY(where(node.at("where_clause")));
    for (size_t i = 0; i < items_.size() && !problem_; ++i) TRY(item(i));
    if (problem_) return CompiledStep();
    return assemble();
  }

 private:
  struct Output {
    std::string name, text;  // what stands in the select list of the level it belongs to
    bool tried = false;      // text is a TRY struct
    bool deferred = false;   // above the unnest
    bool joined = false;     // reads a joined table: fails when its join failed
    std::set<int> bits;      // of input's failures that fail it, too
    std::string origin;
  };
  struct Unnest {
    std::string text;  // the list
    bool tried = false;
    std::set<int> bits;
  };
  struct Condition {
    std::string failed;  // true for a row whose condition failed, at the level of FROM
    std::string origin;
  };

  CompiledStep refuse(size_t offset, std::string message, std::string hint) {
    if (!problem_) problem_ = Problem{offset, std::move(message), std::move(hint)};
    return {};
  }

  const std::vector<std::string>& merged_of(const std::vector<FromItem>& from) {
    for (const FromItem& item : from) {
      for (const std::string& column : item.columns) merged_.push_back(lower(column));
    }
    return merged_;
  }

  // ---- names

  /// Asks DuckDB how it names what has no name, and checks that names are unique and free.
  Result<void> name_items(const std::vector<FromItem>& from) {
    if (std::any_of(items_.begin(), items_.end(), [](const Item& i) { return i.name.empty(); })) {
      std::string sql = "SELECT ";
      for (size_t i = 0; i < items_.size(); ++i) {
        ASSIGN(std::string text, context_.parser.text_of(items_[i].expression));
        sql += (i ? ", " : "") + text;
        if (!items_[i].name.empty()) sql += " AS " + quote_identifier(items_[i].name);
      }
      sql += " FROM input AS " + alias_;
      for (size_t r = 1; r < from.size(); ++r) {
        sql += " LEFT JOIN " + quote_identifier(from[r].table) + " AS " +
               quote_identifier(from[r].alias);
        sql += from[r].columns.empty() ? " ON true" : using_text(from[r]);
      }
      auto statement = context_.connection.prepare(sql);
      if (!statement || statement->columns() != items_.size()) {
        refuse(items_[0].offset, "the columns of this select list cannot be told apart",
               statement ? "give each column a name with AS; for a struct write name.*"
                         : to_problem(statement.error().message(), 0).message);
        return {};
      }
      for (size_t i = 0; i < items_.size(); ++i) {
        if (items_[i].name.empty())
          unnamed_.insert(i), items_[i].name = statement->column_name(i).get();
      }
    }
    std::map<std::string, size_t> seen;
    for (size_t i = 0; i < items_.size(); ++i) {
      const Item& item = items_[i];
      const std::string key = lower(item.name);
      if (!seen.emplace(key, i).second) {
        refuse(item.offset, fmt::format("two columns are called {}", item.name),
               "name one of them with AS, or leave it out of * with EXCLUDE");
      } else if (parse_meta(key)) {
        refuse(item.offset, fmt::format("{} cannot be the name of a column", item.name),
               fmt::format("give it another, for example {} AS record{}", key, key));
      } else if (key.starts_with(kHiddenPrefix)) {
        refuse(item.offset,
               fmt::format("{} cannot be the name of a column: leat's own begin so", item.name),
               "give it another with AS");
      }
    }
    return {};
  }

  static std::string using_text(const FromItem& item) {
    std::string out;
    for (const std::string& column : item.columns)
      out += (out.empty() ? "" : ", ") + quote_identifier(column);
    return " USING (" + out + ")";
  }

  // ---- expressions

  /// The expression with aliases followed; unnest calls and, in an item that has one, columns
  /// become references to columns of the level below. `limit`: aliases of items before it may be
  /// used.
  Json rewrite(const Json& e, size_t limit, bool defer, std::vector<std::string>& lambda,
               Uses& uses) {
    if (problem_) return e;
    if (e.is_array()) {
      Json out = Json::array();
      for (const Json& child : e) out.push_back(rewrite(child, limit, defer, lambda, uses));
      return out;
    }
    if (!e.is_object()) return e;
    if (class_of(e) == "COLUMN_REF") return rewrite_reference(e, limit, defer, lambda, uses);
    if (is_unnest(e)) return rewrite_unnest(e, limit, lambda, uses);
    const bool lambdas = class_of(e) == "FUNCTION" &&
                         std::find(kLambdaFunctions.begin(), kLambdaFunctions.end(),
                                   lower(e.value("function_name", ""))) != kLambdaFunctions.end();
    Json out = e;
    for (auto& [key, child] : out.items()) {
      if (!child.is_structured()) continue;
      if (lambdas && key == "children") {
        for (Json& argument : child)
          argument = rewrite_argument(argument, limit, defer, lambda, uses);
      } else {
        child = rewrite(child, limit, defer, lambda, uses);
      }
    }
    return out;
  }

  Json rewrite_argument(const Json& e, size_t limit, bool defer, std::vector<std::string>& lambda,
                        Uses& uses) {
    if (class_of(e) != "LAMBDA") return rewrite(e, limit, defer, lambda, uses);
    const size_t outer = lambda.size();
    walk_expressions(e.at("lhs"), [&](const Json& parameter) {
      if (class_of(parameter) == "COLUMN_REF") lambda.push_back(lower(names_of(parameter).at(0)));
      return true;
    });
    Json out = e;
    out["expr"] = rewrite(e.at("expr"), limit, defer, lambda, uses);
    lambda.resize(outer);
    return out;
  }

  Json rewrite_reference(const Json& e, size_t limit, bool defer, std::vector<std::string>& lambda,
                         Uses& uses) {
    const std::vector<std::string> names = names_of(e);
    if (std::find(lambda.begin(), lambda.end(), lower(names[0])) != lambda.end()) return e;
    if (const auto reference = scope_.resolve(names)) {
      use(*reference, uses);
      return defer ? carried(e) : e;
    }
    const bool prefixed = names.size() == 2 && lower(names[0]) == "alias";
    if (names.size() == 1 || prefixed) {
      const std::string key = lower(names.back());
      for (size_t i = 0; i < std::min(limit, items_.size()); ++i) {
        if (unnamed_.contains(i) || lower(items_[i].name) != key) continue;
        return rewrite(items_[i].expression, i, defer, lambda, uses);
      }
    }
    const size_t offset = location_of(e).value_or(0);
    const auto& relations = scope_.relations();
    if (names.size() == 1) {
      if (auto problem = FunctionCatalog::judge_word(names[0], offset)) {
        refuse(offset, problem->message, problem->hint);
        return e;
      }
      const bool whole = std::any_of(relations.begin(), relations.end(), [&](const Relation& r) {
        return lower(r.alias) == lower(names[0]);
      });
      if (whole) {
        refuse(offset, fmt::format("{} is a table: a whole row is no value here", names[0]),
               "name the columns, for example {'id': id}");
        return e;
      }
    }
    std::vector<std::string_view> candidates;
    for (const Column& column : relations[0].columns) candidates.push_back(column.name);
    const auto near = nearest(names.back(), candidates);
    refuse(offset, fmt::format("no column {}", fmt::join(names, ".")),
           near ? fmt::format("did you mean {}?", *near) : "");
    return e;
  }

  void use(const Reference& reference, Uses& uses) {
    if (reference.meta) return;
    if (reference.relation > 0) {
      uses.joined = true;
      return;
    }
    const int bit = scope_.column(reference).bit;
    if (bit >= 0) uses.bits.insert(bit);
    uses.reads.push_back(reference);
  }

  /// A column of FROM, carried to the level above the unnest.
  Json carried(const Json& reference) {
    auto text = context_.parser.text_of(reference);
    if (!text) {
      refuse(0, text.error().message(), "");
      return reference;
    }
    auto it = std::find(carried_.begin(), carried_.end(), *text);
    if (it == carried_.end()) it = carried_.insert(carried_.end(), *text);
    return column_reference({fmt::format("_leat_x{}", it - carried_.begin())});
  }

  Json rewrite_unnest(const Json& e, size_t limit, std::vector<std::string>& lambda, Uses& uses) {
    if (const auto type = scope_.type_of(e.at("children").at(0));
        type && type->kind() == types::Kind::kStruct) {
      refuse(location_of(e).value_or(0), "unnest takes a list, and this is a struct",
             "write its name with .* for a column of each field");
      return e;
    }
    Uses own;
    const Json argument = rewrite(e.at("children").at(0), limit, false, lambda, own);
    auto text = context_.parser.text_of(argument);
    if (!text) {
      refuse(0, text.error().message(), "");
      return e;
    }
    unnests_.push_back({*text, scope_.can_fail(argument), own.bits});
    uses.bits.insert(own.bits.begin(), own.bits.end());
    uses.reads.insert(uses.reads.end(), own.reads.begin(), own.reads.end());
    uses.joined = uses.joined || own.joined;
    return column_reference({fmt::format("_leat_u{}", unnests_.size() - 1)});
  }

  static bool has_unnest(const Json& e) {
    bool found = false;
    walk_expressions(e, [&](const Json& inner) {
      found = found || is_unnest(inner);
      return !found;
    });
    return found;
  }

  /// Follows aliases, too: an alias of an item with unnest is a second unnest, in step with the
  /// first.
  Result<void> item(size_t i) {
    std::vector<std::string> lambda;
    Uses uses;
    Output output;
    output.name = items_[i].name;
    output.deferred = has_unnest(items_[i].expression);
    const size_t first_unnest = unnests_.size();
    Json expression = rewrite(items_[i].expression, i, output.deferred, lambda, uses);
    if (!problem_ && !output.deferred && unnests_.size() > first_unnest) {
      return refuse(items_[i].offset,
                    "a name made by unnest cannot be read in the same select list",
                    "unnest in one step, and use its rows in the next"),
             Result<void>();
    }
    if (problem_) return {};
    note(uses);
    ASSIGN(output.text, context_.parser.text_of(expression));
    output.tried = scope_.can_fail(expression);
    output.bits = uses.bits;
    output.joined = uses.joined;
    if (output.tried || output.deferred) {
      ASSIGN(std::string shown, context_.parser.text_of(items_[i].expression));
      output.origin = fmt::format("column {}: {} failed", output.name, shown);
    }
    for (int bit : uses.bits) {
      const std::string below = origin_of(bit);
      if (output.origin.empty())
        output.origin = below;
      else if (!below.empty() && bit == *uses.bits.begin())
        output.origin += ", or what it reads: " + below;
    }
    outputs_.push_back(std::move(output));
    return {};
  }

  std::string origin_of(int bit) const {
    for (const Column& column : context_.input.columns) {
      if (column.bit == bit) return column.origin;
    }
    return {};
  }

  void note(const Uses& uses) { reads_.insert(reads_.end(), uses.reads.begin(), uses.reads.end()); }

  // ---- conditions

  Result<void> where(const Json& clause) {
    std::vector<const Json*> conjuncts;
    flatten_and(clause, conjuncts);
    for (const Json* conjunct : conjuncts) {
      std::vector<std::string> lambda;
      Uses uses;
      const Json expression = rewrite(*conjunct, items_.size(), false, lambda, uses);
      if (problem_) return {};
      note(uses);
      ASSIGN(std::string text, context_.parser.text_of(expression));
      const auto type = scope_.type_of(expression);
      const bool tried =
          scope_.can_fail(expression) || !type || type->kind() != types::Kind::kBoolean;
      // Below: not TRUE filters, a failure keeps the row and is seen again above, as a bit.
      const std::string holds = fmt::format("TRY(({}) IS TRUE)", text);
      const std::string before =
          any_of_text({failed_text(uses.bits, alias_), uses.joined ? join_failed_ : ""});
      const std::string test = tried ? fmt::format("coalesce({}, true)", holds) : in_brackets(text);
      filters_.push_back(before.empty() ? test : fmt::format("({} OR {})", before, test));
      const std::string failed = any_of_text({before, tried ? holds + " IS NULL" : ""});
      ASSIGN(std::string shown, context_.parser.text_of(*conjunct));
      if (!failed.empty()) conditions_.push_back({failed, fmt::format("WHERE {} failed", shown)});
    }
    return {};
  }

  Result<void> joins(const std::vector<FromItem>& from) {
    std::string joined;
    for (size_t r = 1; r < from.size() && !problem_; ++r) {
      const FromItem& item = from[r];
      std::vector<std::string> tests, failures;
      if (item.condition.is_object()) {
        std::vector<const Json*> conjuncts;
        flatten_and(item.condition, conjuncts);
        for (const Json* conjunct : conjuncts) {
          ASSIGN(std::string test, on(*conjunct, failures));
          if (problem_) return {};
          tests.push_back(std::move(test));
        }
      }
      Uses keys;
      for (const std::string& column : item.columns) {
        if (const auto reference = scope_.resolve({column})) use(*reference, keys);
      }
      note(keys);
      failures.push_back(failed_text(keys.bits, alias_));
      const std::string failed = any_of_text(failures);
      if (!failed.empty()) {
        join_conditions_.push_back(conditions_.size());
        conditions_.push_back(
            {failed,
             fmt::format("JOIN {} failed: its condition could not be computed", item.table)});
        join_failed_ = any_of_text({join_failed_, failed});
      }
      // An inner join would lose a row whose condition failed: it becomes a left join and a filter.
      const bool marked = item.inner && !join_failed_.empty();
      const std::string alias = quote_identifier(item.alias), table = quote_identifier(item.table);
      joined += item.inner && !marked ? " JOIN " : " LEFT JOIN ";
      joined += marked ? fmt::format("(SELECT *, true AS _leat_m{} FROM {}) AS {}", r, table, alias)
                       : fmt::format("{} AS {}", table, alias);
      joined +=
          !item.columns.empty()
              ? using_text(item)
              : " ON " + (tests.empty() ? "true" : fmt::format("{}", fmt::join(tests, " AND ")));
      if (marked)
        filters_.push_back(fmt::format("({}._leat_m{} IS NOT NULL OR {})", alias, r, join_failed_));
    }
    std::string keys;
    for (size_t i = 0; i < join_keys_.size(); ++i)
      keys += fmt::format(", {} AS _leat_j{}", attempt(true, join_keys_[i]), i);
    from_ = keys.empty() ? fmt::format("{} AS {}", context_.from, alias_)
                         : fmt::format("(SELECT *{} FROM {} AS {}) AS {}", keys, context_.from,
                                       alias_, alias_);
    from_ += joined;
    return {};
  }

  /// One conjunct of ON. What input's side computes and can fail is computed below the join, once a
  /// record.
  Result<std::string> on(const Json& conjunct, std::vector<std::string>& failures) {
    std::vector<std::string> lambda;
    Uses uses;
    Json expression = rewrite(conjunct, 0, false, lambda, uses);
    if (problem_) return std::string();
    note(uses);
    failures.push_back(failed_text(uses.bits, alias_));
    const size_t offset = location_of(conjunct).value_or(0);
    if (class_of(expression) == "COMPARISON") {
      const auto left = scope_.type_of(expression.at("left")),
                 right = scope_.type_of(expression.at("right"));
      if (left && right && !compare_safely(*left, *right)) {
        refuse(offset, fmt::format("the join compares {} with {}", left->to_sql(), right->to_sql()),
               "cast input's side to the type of the table's");
        return std::string();
      }
      for (const char* side : {"left", "right"}) {
        Json& part = expression.at(side);
        if (!scope_.can_fail(part)) continue;
        Uses of_part;
        std::vector<std::string> none;
        (void)rewrite(part, 0, false, none, of_part);
        if (of_part.joined) continue;
        ASSIGN(std::string text, context_.parser.text_of(part));
        join_keys_.push_back(std::move(text));
        const std::string key = fmt::format("_leat_j{}", join_keys_.size() - 1);
        failures.push_back(fmt::format("{}.{} IS NULL", alias_, key));
        part = column_reference({scope_.relations()[0].alias, key, "v"});
      }
      if (!scope_.can_fail(expression.at("left")) && !scope_.can_fail(expression.at("right")))
        return context_.parser.text_of(expression);
    } else if (!scope_.can_fail(expression)) {
      return context_.parser.text_of(expression);
    }
    refuse(
        offset, "this condition of a join can fail",
        "compute what can fail in a step before, and compare plain columns of the same type here");
    return std::string();
  }

  // ---- text

  Result<CompiledStep> assemble() {
    const size_t old_words = context_.input.words();
    // What each level hands on: the ordinal, what can be read of the record, failures from before.
    std::string base = fmt::format("{}._leat_ord AS _leat_ord", alias_), through = "_leat_ord";
    for (const MetaColumn& meta : kMetaColumns) {
      if (!context_.metas.contains(meta.meta)) continue;
      base += fmt::format(", {}.{} AS {}", alias_, meta.name, meta.name);
      through += fmt::format(", {}", meta.name);
    }
    std::string below = through;
    for (size_t w = 0; w < old_words; ++w) {
      base += fmt::format(", {}._leat_f{} AS _leat_f{}", alias_, w, w);
      below += fmt::format(", _leat_f{}", w);
    }
    for (size_t i = 0; i < outputs_.size(); ++i) {
      if (!outputs_[i].deferred) base += ", " + slot(i), below += fmt::format(", _leat_c{}", i);
    }
    for (size_t i = 0; i < unnests_.size(); ++i)
      base += fmt::format(", {} AS _leat_l{}", attempt(unnests_[i].tried, unnests_[i].text), i);
    for (size_t i = 0; i < carried_.size(); ++i) {
      base += fmt::format(", {} AS _leat_x{}", carried_[i], i);
      below += fmt::format(", _leat_x{}", i);
    }
    for (size_t i = 0; i < conditions_.size(); ++i) {
      base += fmt::format(", ({}) AS _leat_w{}", conditions_[i].failed, i);
      below += fmt::format(", _leat_w{}", i);
    }
    std::string sql = fmt::format("SELECT {} FROM {}", base, from_);
    if (!filters_.empty()) sql += fmt::format(" WHERE {}", fmt::join(filters_, " AND "));
    if (!unnests_.empty()) sql = unnest_text(sql, below);

    CompiledStep step;
    std::vector<std::string> words;
    const auto bit = [&](const std::string& failed) {
      const size_t b = step.shape.bits++;
      if (b % StepShape::kBitsPerWord == 0) words.emplace_back();
      words.back() += fmt::format("{}CASE WHEN {} THEN {}::BIGINT ELSE 0::BIGINT END",
                                  words.back().empty() ? "" : " | ", failed,
                                  uint64_t{1} << (b % StepShape::kBitsPerWord));
      return static_cast<int>(b);
    };
    std::string list = through;
    for (size_t i = 0; i < outputs_.size(); ++i) {
      const Output& output = outputs_[i];
      list += fmt::format(", _leat_c{}{} AS {}", i, output.tried ? ".v" : "",
                          quote_identifier(output.name));
      Column column;
      column.name = output.name;
      std::vector<std::string> failed = {output.tried ? fmt::format("_leat_c{} IS NULL", i) : "",
                                         failed_text(output.bits, "")};
      if (output.deferred) failed.push_back(unnest_failed_);
      for (size_t c : join_conditions_) {
        if (output.joined) failed.push_back(fmt::format("_leat_w{}", c));
      }
      if (const std::string text = any_of_text(failed); !text.empty()) {
        column.bit = bit(text);
        column.origin = output.origin.empty() && output.joined && !join_conditions_.empty()
                            ? conditions_[join_conditions_[0]].origin
                            : output.origin;
      }
      step.shape.columns.push_back(std::move(column));
    }
    for (size_t i = 0; i < conditions_.size(); ++i)
      step.shape.row_failures.push_back({bit(fmt::format("_leat_w{}", i)), conditions_[i].origin});
    for (const RowFailure& failure : context_.input.row_failures)
      step.shape.row_failures.push_back({bit(failed_text({failure.bit}, "")), failure.origin});
    for (size_t w = 0; w < words.size(); ++w) list += fmt::format(", {} AS _leat_f{}", words[w], w);
    step.sql = fmt::format("SELECT {} FROM ({})", list, sql);
    step.reads = std::move(reads_);
    return step;
  }

  std::string slot(size_t i) const {
    return fmt::format("{} AS _leat_c{}", attempt(outputs_[i].tried, outputs_[i].text), i);
  }

  static std::string attempt(bool tried, const std::string& text) {
    return tried ? fmt::format("TRY({{'v': {}}})", text) : text;
  }

  /// Two more levels: one unnests the lists (a failed one makes one row, to carry the failure), one
  /// computes what reads their elements.
  std::string unnest_text(const std::string& sql, const std::string& below) {
    std::string rows = below, top = below;
    std::vector<std::string> failures;
    for (size_t i = 0; i < unnests_.size(); ++i) {
      const Unnest& unnest = unnests_[i];
      const std::string value = fmt::format("_leat_l{}{}", i, unnest.tried ? ".v" : "");
      const std::string failed = any_of_text(
          {unnest.tried ? fmt::format("_leat_l{} IS NULL", i) : "", failed_text(unnest.bits, "")});
      if (!failed.empty()) {
        rows += fmt::format(", ({}) AS _leat_q{}", failed, i);
        top += fmt::format(", _leat_q{}", i);
        failures.push_back(fmt::format("_leat_q{}", i));
      }
      // A condition that failed keeps its row, too, though the list be empty.
      std::vector<std::string> keep = {failed};
      for (size_t c = 0; c < conditions_.size(); ++c) keep.push_back(fmt::format("_leat_w{}", c));
      for (const RowFailure& failure : context_.input.row_failures)
        keep.push_back(failed_text({failure.bit}, ""));
      const std::string kept = any_of_text(keep);
      rows += kept.empty()
                  ? fmt::format(", unnest({}) AS _leat_u{}", value, i)
                  : fmt::format(", unnest(CASE WHEN {} THEN [NULL] ELSE {} END) AS _leat_u{}", kept,
                                value, i);
    }
    for (size_t i = 0; i < outputs_.size(); ++i) {
      if (outputs_[i].deferred) top += ", " + slot(i);
    }
    unnest_failed_ = any_of_text(failures);
    return fmt::format("SELECT {} FROM (SELECT {} FROM ({}))", top, rows, sql);
  }

  StepContext& context_;
  Scope scope_;
  std::optional<Problem>& problem_;
  const std::string alias_;  // of input, quoted
  std::vector<std::string> merged_;
  std::vector<Item> items_;
  std::set<size_t> unnamed_;  // items that DuckDB named: their names are no aliases
  std::vector<Output> outputs_;
  std::vector<Unnest> unnests_;
  std::vector<std::string> carried_, filters_, join_keys_;
  std::vector<Condition> conditions_;
  std::vector<size_t> join_conditions_;
  std::string from_, join_failed_, unnest_failed_;
  std::vector<Reference> reads_;
};

}  // namespace

Result<CompiledStep> compile_step(const Json& node, const std::vector<FromItem>& from,
                                  StepContext& context, std::optional<Problem>& problem) {
  std::vector<Relation> relations;
  for (const FromItem& item : from) {
    Relation relation;
    relation.alias = item.alias;
    relation.columns =
        relations.empty() ? context.input.columns : context.tables.at(lower(item.table)).columns;
    relations.push_back(std::move(relation));
  }
  return StepCompiler(context, Scope(std::move(relations)), problem).compile(node, from);
}

}  // namespace leat::sql
