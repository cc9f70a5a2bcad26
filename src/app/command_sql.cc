// leat sql ["QUERY"]: asks a store, also while `leat run` runs; without a query, a prompt.
#include <unistd.h>

#include <algorithm>
#include <csignal>

#include "app/answer.h"
#include "app/commands.h"
#include "app/console.h"
#include "app/interrupt.h"
#include "app/prompt.h"
#include "app/session.h"
#include "base/strings.h"

namespace leat::app {
namespace {

struct SqlArgs {
  std::string query, store, deadline = "30s";
  int64_t max_rows = limits::kSqlRows;
};

Result<Json> body_of(const SqlArgs& args, const std::string& query) {
  auto deadline_ms = parse_duration_ms(args.deadline);
  if (!deadline_ms || *deadline_ms <= 0) {
    return Error(ErrorCode::kInvalidArgument,
                 fmt::format("--deadline {} is no duration", args.deadline))
        .with_hint("such as 500ms, 30s, 5m");
  }
  Json body{{"query", query}, {"max_rows", args.max_rows}, {"deadline_ms", *deadline_ms}};
  if (!args.store.empty()) body["store"] = args.store;
  return body;
}

Result<void> ask(Session& session, const GlobalOptions& options, const SqlArgs& args,
                 const std::string& query, bool verbose) {
  ASSIGN(Json body, body_of(args, query));
  Result<std::string> text = [&] {
    Interrupt interrupt;
    return session.api.text("POST", "/api/v1/sql", server::dump(body), interrupt.token());
  }();
  if (!text && text.error().code() == ErrorCode::kCancelled)
    return Error(ErrorCode::kCancelled, "the query was cancelled");
  if (!text) return std::move(text).error();
  ASSIGN(Answer answer, read_answer(*text));
  TRY(print(answer.table.render(options.format(), terminal_width(), "NULL")));
  if (answer.truncated) {
    fmt::print(stderr, "only the first {} rows; --max-rows gives more\n", answer.table.rows());
  } else if (verbose) {
    fmt::print(stderr, "{} rows, {:.1f} ms\n", answer.table.rows(), answer.elapsed_ms);
  }
  return {};
}

Result<void> show_tables(Session& session) {
  ASSIGN(Json tables, session.api.get("/api/v1/tables"));
  Table table({"store", "table", "key", "rows", "columns"});
  for (const Json& each : tables) {
    std::string key;
    for (const Json& column : each["key"])
      key += (key.empty() ? "" : ", ") + column.get<std::string>();
    table.add({Cell::of(each["store"]), Cell::of(each["table"]), key.empty() ? Cell() : Cell(key),
               Cell::of(each["rows"]), Cell(static_cast<int64_t>(each["columns"].size()))});
  }
  return print(table.render(Format::kTable, terminal_width()));
}

Result<void> show_schema(Session& session, const std::string& name) {
  ASSIGN(Json tables, session.api.get("/api/v1/tables"));
  std::vector<std::string> names;
  for (const Json& each : tables) {
    const std::string store = each.value("store", ""), table = each.value("table", "");
    names.push_back(table);
    names.push_back(store + "." + table);
    if (name != table && name != names.back()) continue;
    Table columns({"column", "type"});
    for (const Json& column : each["columns"])
      columns.add({Cell::of(column["name"]), Cell::of(column["type"])});
    return print(columns.render(Format::kTable, terminal_width()));
  }
  std::vector<std::string_view> views(names.begin(), names.end());
  Error error(ErrorCode::kNotFound, fmt::format("no table `{}`", name));
  if (auto near = nearest(name, views))
    return std::move(error).with_hint(fmt::format("did you mean `{}`?", *near));
  return std::move(error).with_hint(".tables lists them");
}

std::string trimmed(std::string text) {
  auto blank = [](char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; };
  while (!text.empty() && blank(text.back())) text.pop_back();
  text.erase(text.begin(), std::find_if_not(text.begin(), text.end(), blank));
  return text;
}

/// True when `text` ends in a ';' that is not within quotes or a comment.
bool is_complete(const std::string& text) {
  bool complete = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\'' || c == '"') {
      size_t end = text.find(c, i + 1);
      if (end == std::string::npos) return false;
      i = end;
      complete = false;
    } else if (text.compare(i, 2, "--") == 0) {
      i = std::min(text.find('\n', i), text.size());
    } else if (text.compare(i, 2, "/*") == 0) {
      size_t end = text.find("*/", i + 2);
      if (end == std::string::npos) return false;
      i = end + 1;
    } else if (c == ';') {
      complete = true;
    } else if (c != ' ' && c != '\t' && c != '\n' && c != '\r') {
      complete = false;
    }
  }
  return complete;
}

constexpr std::string_view kHelp =
    "A SELECT, over one or more lines, ends with ;\n"
    "  .tables         tables of the store\n"
    "  .schema TABLE   its columns\n"
    "  .quit           leave (or Ctrl-D)\n"
    "Ctrl-C cancels a running query or what was typed.\n";

/// False: leave.
Result<bool> command(Session& session, const std::string& line) {
  const size_t blank = line.find(' ');
  const std::string name = line.substr(0, blank);
  const std::string argument = blank == std::string::npos ? "" : trimmed(line.substr(blank));
  if (name == ".quit" || name == ".exit") return false;
  if (name == ".tables")
    TRY(show_tables(session));
  else if (name == ".schema" && !argument.empty())
    TRY(show_schema(session, argument));
  else if (name == ".help")
    TRY(print(kHelp));
  else
    return Error(ErrorCode::kInvalidArgument, fmt::format("`{}` is no command here", line))
        .with_hint(".help lists them");
  return true;
}

std::string history_file() {
  const char* home = std::getenv("HOME");
  return home && *home ? std::string(home) + "/.leat_history" : std::string();
}

Result<int> interact(Session& session, const GlobalOptions& options, const SqlArgs& args) {
  const bool person = ::isatty(STDIN_FILENO) != 0;
  const bool color = use_color(options.no_color);
  Prompt prompt(history_file());
  if (person) {
    fmt::print(stderr, "{}", kHelp);
    // One that comes between a query and the prompt, such as a second Ctrl-C, has nothing to cancel.
    std::signal(SIGINT, SIG_IGN);
  }
  std::string statement;
  int worst = 0;
  while (auto line = prompt.read(statement.empty() ? "leat> " : "  ... ")) {
    if (line->abandoned) {
      statement.clear();
      continue;
    }
    if (statement.empty() && trimmed(line->text).empty()) continue;
    Result<bool> go_on = true;
    if (statement.empty() && trimmed(line->text).starts_with('.')) {
      prompt.remember(line->text);
      go_on = command(session, trimmed(line->text));
    } else {
      statement += line->text + "\n";
      if (!is_complete(statement)) continue;
      prompt.remember(trimmed(statement));
      auto done = ask(session, options, args, std::exchange(statement, {}), person);
      if (!done) go_on = std::move(done).error();
    }
    if (!go_on) {
      const int code = report(go_on.error(), color);
      if (!person) worst = std::max(worst, code);  // a script has to notice
    } else if (!*go_on) {
      return worst;
    }
  }
  if (!trimmed(statement).empty()) {  // a script whose last statement has no ;
    TRY(ask(session, options, args, statement, person));
  }
  return worst;
}

Result<int> sql(const GlobalOptions& options, const SqlArgs& args) {
  ASSIGN(Session session, open_session(options, false));
  if (args.query.empty()) return interact(session, options, args);
  TRY(ask(session, options, args, args.query, false));
  return 0;
}

}  // namespace

void add_sql(Cli& cli) {
  auto args = std::make_shared<SqlArgs>();
  Command app = cli.add(
      "sql", "Ask a store, also while `leat run` runs; without a query, a prompt",
      "leat sql \"SELECT country, count(*) FROM created_users GROUP BY ALL ORDER BY 2 DESC\"\n"
      "leat sql \"SELECT * FROM serving.created_users LIMIT 10\" --output json\n"
      "leat sql --profile cluster --store warehouse \"SELECT count(*) FROM created_users\"\n"
      "leat sql",
      [&cli, args] { return sql(cli.options(), *args); });
  app.add_option("query", args->query, "One SELECT").type_name("QUERY");
  app.add_option(
         "--store", args->store,
         "A store of the profile; one that is a server is asked in its own language (SQL of "
         "PostgreSQL, CQL of Cassandra)")
      .type_name("NAME");
  app.add_option("--max-rows", args->max_rows, "Rows shown at most")
      .type_name("N")
      .whole_number(1)
      .show_default();
  app.add_option("--deadline", args->deadline, "When to give up").type_name("TIME").show_default();
}

}  // namespace leat::app
