// Engine::compile: steps one after another, each bound by DuckDB as the user wrote it (for its
// messages), then rewritten over the one before; rules over the last; one statement in the end.
#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>

#include "base/strings.h"
#include "sql/admission.h"
#include "sql/ast.h"
#include "sql/engine_impl.h"
#include "sql/query_impl.h"
#include "sql/vectors.h"

namespace leat::sql {
namespace {

constexpr std::string_view kInputName =
    "leat_input";  // in the text; the registered name has a number
constexpr std::string_view kRulePrefix = "SELECT ";

/// Which parts of a struct are read.
struct Reads {
  bool whole = false;
  std::map<std::string, Reads> fields;  // lower case
};

void add_path(Reads& reads, const std::vector<std::string>& path, size_t from) {
  if (from == path.size())
    reads.whole = true;
  else
    add_path(reads.fields[lower(path[from])], path, from + 1);
}

types::Type narrowed(const types::Type& type, const Reads& reads) {
  if (reads.whole || type.kind() != types::Kind::kStruct) return type;
  std::vector<types::Field> fields;
  for (const types::Field& field : type.fields()) {
    const auto it = reads.fields.find(lower(field.name));
    if (it == reads.fields.end()) continue;
    types::Field kept = field;
    kept.type = narrowed(field.type, it->second);
    fields.push_back(std::move(kept));
  }
  // A path that is no field (a subscript of another kind) reads the whole.
  return fields.empty() ? type : types::Type::structure(std::move(fields));
}

std::set<Meta> metas_in(const Json& node) {
  std::set<Meta> metas;
  walk_expressions(node, [&](const Json& e) {
    if (class_of(e) == "COLUMN_REF") {
      for (const std::string& name : names_of(e)) {
        if (auto meta = parse_meta(name)) metas.insert(*meta);
      }
    }
    return true;
  });
  return metas;
}

bool has_columns_call(const Json& node) {
  bool found = false;
  walk_expressions(node, [&](const Json& e) {
    found = found || (class_of(e) == "STAR" && e.value("columns", false));
    return !found;
  });
  return found;
}

}  // namespace

/// One compilation.
class Compiler {
 public:
  Compiler(Engine::Impl& engine, const CompileInput& input) : engine_(engine), input_(input) {}

  Result<Compiled> compile() {
    ASSIGN(connection_, open_session(engine_.generation->database, true));
    ASSIGN(parser_, Parser::open(connection_));
    pipeline();
    if (errors_.empty()) TRY(parse());
    if (errors_.empty()) TRY(steps());
    if (errors_.empty()) TRY(rules());
    if (errors_.empty()) TRY(statement());
    Compiled compiled;
    compiled.errors = std::move(errors_);
    if (compiled.errors.empty())
      compiled.query = std::unique_ptr<Query>(new Query(std::move(query_)));
    return compiled;
  }

 private:
  using Part = CompileError::Part;

  void wrong(Part part, size_t index, const Problem& problem, std::string_view text) {
    const Place place = place_of(text, problem.offset);
    errors_.push_back(
        {part, index, problem.offset, place.line, place.column, problem.message, problem.hint});
  }

  void pipeline() {
    for (const types::Field& field : input_.input.fields) {
      const std::string key = lower(field.name);
      if (key.starts_with(kHiddenPrefix) || parse_meta(key))
        wrong(
            Part::kPipeline, 0,
            {0, fmt::format("a column of the input is called {}, which is leat's own", field.name),
             "rename it at the source"},
            "");
    }
    if (input_.rules.size() > Engine::kMaxRules)
      wrong(
          Part::kPipeline, 0,
          {0,
           fmt::format("{} rules; at most {} can be held", input_.rules.size(), Engine::kMaxRules),
           "join some by AND"},
          "");
    for (const std::string& table : input_.tables) {
      if (!engine_.tables.contains(lower(table)))
        wrong(Part::kPipeline, 0, {0, fmt::format("the table {} was not loaded", table), ""}, "");
    }
  }

  /// Parses and admits everything first: which metas travel is known only then.
  Result<void> parse() {
    for (size_t i = 0; i < input_.steps.size(); ++i) {
      std::optional<Problem> problem;
      ASSIGN(Json node, parser_.parse_select(input_.steps[i].sql, problem));
      std::vector<FromItem> from;
      if (!problem) problem = admit_step(node, engine_.functions, input_.tables, from);
      if (problem)
        wrong(Part::kStep, i, *problem, input_.steps[i].sql);
      else
        metas_.merge(metas_in(node));
      nodes_.push_back(std::move(node));
      froms_.push_back(std::move(from));
    }
    for (size_t i = 0; i < input_.rules.size(); ++i) {
      std::optional<Problem> problem;
      ASSIGN(Json node,
             parser_.parse_select(std::string(kRulePrefix) + input_.rules[i].expect, problem));
      if (!problem) problem = admit_rule(node, engine_.functions);
      if (problem)
        rule_wrong(i, *problem);
      else
        metas_.merge(metas_in(node));
      rule_nodes_.push_back(std::move(node));
    }
    return {};
  }

  void rule_wrong(size_t i, Problem problem) {
    problem.offset -= std::min(problem.offset, kRulePrefix.size());
    wrong(Part::kRule, i, problem, input_.rules[i].expect);
  }

  /// The temp table `input`, so that DuckDB binds the user's own words.
  Result<void> scratch_table(const StepShape& shape, const std::set<Meta>& metas) {
    std::string columns;
    for (const Column& column : shape.columns)
      columns += fmt::format("{}{} {}", columns.empty() ? "" : ", ", quote_identifier(column.name),
                             column.type.to_sql());
    for (const MetaColumn& meta : kMetaColumns) {
      if (metas.contains(meta.meta))
        columns += fmt::format("{}{} {}", columns.empty() ? "" : ", ", meta.name, meta.sql_type);
    }
    if (columns.empty()) columns = "_leat_none INTEGER";
    return connection_.run(fmt::format("CREATE OR REPLACE TEMP TABLE input ({})", columns));
  }

  Result<void> steps() {
    for (const types::Field& field : input_.input.fields) {
      Column column;
      column.name = field.name;
      column.type = field.type;
      shape_.columns.push_back(std::move(column));
    }
    if (input_.steps.empty()) {
      TRY(open_input(input_.input));
      return {};
    }
    for (size_t i = 0; i < input_.steps.size(); ++i) {
      TRY(step(i));
      if (!errors_.empty()) return {};
    }
    return {};
  }

  Result<void> step(size_t i) {
    const std::string& text = input_.steps[i].sql;
    const std::set<Meta> metas = metas_in(nodes_[i]);
    TRY(scratch_table(shape_, metas));
    // COLUMNS(*) would take in the metas; then the message comes from the rewritten form below.
    if (metas.empty() || !has_columns_call(nodes_[i])) {
      if (auto bound = connection_.prepare(text); !bound) {
        wrong(Part::kStep, i, binding_problem(bound.error(), nodes_[i]), text);
        return {};
      }
    }
    const std::string from = i == 0 ? std::string(kInputName) + "()" : fmt::format("_leat_{}", i);
    StepContext context{parser_, connection_, shape_, metas_, engine_.tables, from};
    std::optional<Problem> problem;
    ASSIGN(CompiledStep compiled, compile_step(nodes_[i], froms_[i], context, problem));
    if (problem) {
      wrong(Part::kStep, i, *problem, text);
      return {};
    }
    if (i == 0) TRY(open_input(narrow(compiled.reads)));
    ctes_ += fmt::format("{}_leat_{} AS NOT MATERIALIZED (\n  {})", ctes_.empty() ? "WITH " : ",\n",
                         i + 1, compiled.sql);
    return types_of(i, std::move(compiled.shape));
  }

  /// DuckDB's message; where it names no place, the first item that does not bind alone.
  Problem binding_problem(const Error& error, const Json& node) {
    constexpr size_t kNowhere = SIZE_MAX;
    Problem problem = to_problem(error.message(), kNowhere);
    if (problem.offset != kNowhere) return problem;
    problem.offset = 0;
    for (const Json& item : node.at("select_list")) {
      auto text = parser_.text_of(item);
      if (!text || connection_.prepare("SELECT " + *text + " FROM input")) continue;
      problem.offset = location_of(item).value_or(0);
      break;
    }
    return problem;
  }

  types::Schema narrow(const std::vector<Reference>& references) const {
    if (input_.input.root_value) return input_.input;  // the one column is the whole record
    std::map<size_t, Reads> reads;
    for (const Reference& reference : references)
      add_path(reads[reference.column], reference.path, 0);
    types::Schema schema;
    for (size_t i = 0; i < input_.input.fields.size(); ++i) {
      const auto it = reads.find(i);
      if (it == reads.end()) continue;
      types::Field field = input_.input.fields[i];
      field.type = narrowed(field.type, it->second);
      schema.fields.push_back(std::move(field));
    }
    return schema;
  }

  Result<void> open_input(types::Schema schema) {
    auto slot = std::make_unique<InputSlot>();
    slot->schema = std::move(schema);
    slot->metas.assign(metas_.begin(), metas_.end());
    slot_ = slot.get();
    function_ = fmt::format("{}_{}", kInputName, engine_.generation->slots.size());
    engine_.generation->slots.push_back(std::move(slot));
    return register_input(connection_, function_, slot_);
  }

  /// What is run: the text with the registered function's name.
  std::string runnable(const std::string& text) const {
    const std::string call = fmt::format("{}() AS ", kInputName);
    const size_t at = text.find(call);
    CHECK(at != std::string::npos, "{}", text);
    return text.substr(0, at) + function_ + "() AS " + text.substr(at + call.size());
  }

  Result<void> types_of(size_t i, StepShape shape) {
    auto bound =
        connection_.prepare(runnable(fmt::format("{}\nSELECT * FROM _leat_{}", ctes_, i + 1)));
    if (!bound) {
      const Problem problem = to_problem(bound.error().message(), 0);
      wrong(Part::kStep, i,
            {0, fmt::format("this step cannot be compiled: {}", problem.message), problem.hint},
            input_.steps[i].sql);
      return {};
    }
    const size_t first = 1 + metas_.size();
    for (size_t c = 0; c < shape.columns.size(); ++c) {
      LogicalType type = bound->column_type(first + c);
      auto ours = from_duckdb(type.get());
      if (!ours) {
        wrong(Part::kStep, i,
              {0, fmt::format("column {}: {}", shape.columns[c].name, ours.error().message()),
               ours.error().hint()},
              input_.steps[i].sql);
        return {};
      }
      shape.columns[c].type = *ours;
    }
    shape_ = std::move(shape);
    return {};
  }

  Result<void> rules() {
    if (input_.rules.empty()) return {};
    TRY(scratch_table(shape_, metas_));
    for (size_t i = 0; i < input_.rules.size(); ++i) {
      const Json& expression = rule_nodes_[i].at("select_list").at(0);
      if (auto bound = connection_.prepare(std::string(kRulePrefix) + input_.rules[i].expect +
                                           "\nFROM input");
          !bound) {
        rule_wrong(i, to_problem(bound.error().message(),
                                 kRulePrefix.size() + location_of(expression).value_or(0)));
        continue;
      }
      if (auto problem = words_in(expression)) {
        rule_wrong(i, *problem);
        continue;
      }
      ASSIGN(std::string text, parser_.text_of(expression));
      auto boolean = connection_.prepare(fmt::format("SELECT ({}) FROM input", text));
      LogicalType type = boolean ? boolean->column_type(0) : LogicalType();
      if (!boolean || duckdb_get_type_id(type.get()) != DUCKDB_TYPE_BOOLEAN) {
        rule_wrong(i, {kRulePrefix.size(), "a rule has to be TRUE or FALSE",
                       "compare with something, for example id IS NOT NULL"});
        continue;
      }
      // NULL out of TRY: the expression failed. Evaluated once, so both are told by one word.
      rule_words_.resize(i / kRulesPerWord + 1);
      std::string& word = rule_words_.back();
      const uint64_t violated = uint64_t{1} << 2 * (i % kRulesPerWord), failed = violated << 1;
      word += fmt::format(
          "{}coalesce(TRY(CASE WHEN ({}) THEN 0::UBIGINT ELSE {}::UBIGINT END), {}::UBIGINT)",
          word.empty() ? "" : " | ", text, violated, failed);
    }
    return {};
  }

  /// current_date and its like look like columns.
  std::optional<Problem> words_in(const Json& expression) const {
    std::optional<Problem> problem;
    walk_expressions(expression, [&](const Json& e) {
      if (class_of(e) != "COLUMN_REF" || problem) return !problem;
      const auto names = names_of(e);
      const bool column =
          std::any_of(shape_.columns.begin(), shape_.columns.end(),
                      [&](const Column& c) { return lower(c.name) == lower(names[0]); });
      if (!column && names.size() == 1)
        problem = FunctionCatalog::judge_word(names[0], location_of(e).value_or(0));
      return !problem;
    });
    return problem;
  }

  Result<void> statement() {
    std::string list;
    for (const Column& column : shape_.columns) list += quote_identifier(column.name) + ", ";
    list += "_leat_ord";
    for (size_t w = 0; w < shape_.words(); ++w) list += fmt::format(", _leat_f{}", w);
    for (size_t w = 0; w < rule_words_.size(); ++w)
      list += fmt::format(",\n  {} AS _leat_rules{}", rule_words_[w], w);
    const std::string from = input_.steps.empty()
                                 ? fmt::format("{}() AS input", kInputName)
                                 : fmt::format("_leat_{} AS input", input_.steps.size());
    query_ = std::make_unique<Query::Impl>();
    query_->text =
        fmt::format("{}{}SELECT {}\nFROM {}", ctes_, ctes_.empty() ? "" : "\n", list, from);
    auto prepared = connection_.prepare(runnable(query_->text));
    if (!prepared)
      return std::move(prepared)
          .error()
          .context("the compiled query does not bind")
          .with_blame(Blame::kInternal);
    // Run-time messages are for the dead letter: plain text.
    TRY(connection_.run("DROP TABLE IF EXISTS temp.input; SET errors_as_json = false"));
    query_->statement = std::move(*prepared);
    for (const Column& column : shape_.columns) {
      types::Field field;
      field.name = column.name;
      field.type = column.type;
      query_->output.fields.push_back(std::move(field));
      query_->types.push_back(column.type);
    }
    query_->slot = slot_;
    query_->generation = engine_.generation;
    query_->engine = &engine_;
    query_->source = input_;
    query_->rules = input_.rules;
    query_->shape = std::move(shape_);
    query_->connection = std::move(connection_);
    return {};
  }

  Engine::Impl& engine_;
  const CompileInput& input_;
  Connection connection_;
  Parser parser_;
  std::vector<CompileError> errors_;
  std::vector<Json> nodes_, rule_nodes_;
  std::vector<std::vector<FromItem>> froms_;
  std::set<Meta> metas_;
  StepShape shape_;  // of the step last compiled; at first the input
  std::string ctes_, function_;
  std::vector<std::string> rule_words_;  // expressions
  InputSlot* slot_ = nullptr;
  std::unique_ptr<Query::Impl> query_;
};

std::string CompileError::to_string() const {
  std::string where =
      part == Part::kStep   ? fmt::format("step {}, line {}, column {}: ", index + 1, line, column)
      : part == Part::kRule ? fmt::format("rule {}, line {}, column {}: ", index + 1, line, column)
                            : std::string();
  return where + message + (hint.empty() ? "" : "; " + hint);
}

Result<Compiled> Engine::compile(const CompileInput& input) { return impl_->compile(input); }

Result<Compiled> Engine::Impl::compile(const CompileInput& input) {
  MutexLock lock(compiling);
  return Compiler(*this, input).compile();
}

Result<void> Query::Impl::renew() {
  TRY(engine->renew(generation));
  ASSIGN(Compiled again, engine->compile(source));
  if (!again.query)
    return Error(ErrorCode::kInternal,
                 "the query no longer compiles: " + again.errors[0].to_string());
  Impl& made = *again.query->impl_;
  CHECK(made.text == text, "{}", made.text);
  statement = std::move(made.statement);
  slot = made.slot;
  {
    MutexLock lock(changing);
    std::swap(connection, made.connection);
  }
  std::swap(generation, made.generation);  // the old one after its connection
  return {};
}

}  // namespace leat::sql
