// leat status: what runs, how fast, how far, with the ledger of every sink.
#include "app/commands.h"
#include "app/console.h"
#include "app/session.h"
#include "base/strings.h"

namespace leat::app {
namespace {

std::string text_of(const Json& json, const char* name) {
  auto it = json.find(name);
  return it != json.end() && it->is_string() ? it->get<std::string>() : std::string();
}

int64_t number_at(const Json& json, const char* name) {
  auto it = json.find(name);
  return it != json.end() && it->is_number() ? it->get<int64_t>() : 0;
}

void add_lane(Table& table, const Json& pipeline, const Json& lane, bool human) {
  const Json& ledger = lane["ledger"];
  std::string state = text_of(lane, "state");
  if (lane.value("paused", false) && state != "paused") state += " (paused)";
  const double rate = lane["rate"].is_number() ? lane["rate"].get<double>() : 0;
  const int64_t lag_ms = number_at(lane, "lag_ms");
  std::vector<Cell> cells = {
      text_of(pipeline, "pipeline"),
      text_of(lane, "sink"),
      state,
      Cell::literal(fmt::format("{:.0f}", rate)),
      Cell::of(lane["waiting"]),
      human ? Cell(lag_ms == 0 ? "0s" : format_duration_ms(lag_ms)) : Cell(lag_ms)};
  for (const char* name :
       {"in", "delivered", "rejected", "dropped", "filtered", "deduplicated", "expired"}) {
    cells.push_back(Cell::of(ledger[name]));
  }
  cells.push_back(Cell::of(lane["in_flight"]));
  cells.push_back(human ? Cell(ledger.value("balanced", true) ? "yes" : "NO")
                        : Cell::of(ledger["balanced"]));
  if (!human) cells.push_back(Cell::of(lane["error"]));
  table.add(std::move(cells));
}

/// Troubles and notes, a line each, below the table: they are sentences, too long for a column.
std::string remarks(const Json& status) {
  std::string out;
  for (const Json& pipeline : status["pipelines"]) {
    const std::string name = text_of(pipeline, "pipeline");
    if (std::string note = text_of(pipeline, "note"); !note.empty())
      out += fmt::format("{}: {}\n", name, note);
    bool told = false;
    for (const Json& lane : pipeline["lanes"]) {
      if (std::string error = text_of(lane, "error"); !error.empty()) {
        out += fmt::format("{}/{}: {}\n", name, text_of(lane, "sink"), error);
        told = true;
      }
    }
    if (std::string error = text_of(pipeline, "error"); !told && !error.empty())
      out += fmt::format("{}: {}\n", name, error);
  }
  return printable(out, true);
}

Result<int> status(const GlobalOptions& options) {
  ASSIGN(Session session, open_session(options, false));
  ASSIGN(Json status, session.api.get("/api/v1/status"));
  if (options.format() == Format::kJson) {
    TRY(print(status.dump(2, ' ', false, Json::error_handler_t::replace) + "\n"));
    return 0;
  }
  const bool human = options.format() == Format::kTable;
  std::vector<std::string> columns = {
      "pipeline", "sink",      "state",    "rate",    "waiting",  human ? "lag" : "lag_ms",
      "in",       "delivered", "rejected", "dropped", "filtered", "deduplicated",
      "expired",  "in_flight", "balanced"};
  if (!human) columns.push_back("error");
  Table table(std::move(columns));
  for (const Json& pipeline : status["pipelines"]) {
    for (const Json& lane : pipeline["lanes"]) add_lane(table, pipeline, lane, human);
  }
  std::string text;
  if (human) {
    text = fmt::format("project {}, profile {}: ", text_of(status, "project"),
                       text_of(status, "profile"));
    if (status.value("running", false)) {
      text += fmt::format("run {} for {}{}\n\n", text_of(status, "run_id"),
                          format_duration_ms(number_at(status, "uptime_s") * 1000),
                          status.value("ready", false) ? ", ready" : ", not ready yet");
    } else {
      text += "nothing runs\n\n";
    }
  }
  text += table.render(options.format(), terminal_width());
  if (human) {
    if (std::string more = remarks(status); !more.empty()) text += "\n" + more;
  }
  TRY(print(text));
  return 0;
}

}  // namespace

void add_status(Cli& cli) {
  cli.add("status", "Show what runs, how fast, how far, and the ledger of every sink",
          "leat status\nleat status --output json", [&cli] { return status(cli.options()); });
}

}  // namespace leat::app
