// leat tap TOPIC: its records, one line each; with --follow as they come.
#include <algorithm>

#include "app/commands.h"
#include "app/console.h"
#include "app/session.h"

namespace leat::app {
namespace {

struct TapArgs {
  std::string topic, from, where;
  int64_t limit = 0, partition = -1;
  bool follow = false;
};

/// Columns of the table and CSV; a table that goes on cannot wait to measure them, so most have
/// fixed widths.
struct Column {
  const char* name;
  size_t width;
};
constexpr Column kColumns[] = {
    {"partition", 9}, {"offset", 10}, {"timestamp", 24}, {"key", 36}, {"value", 0}};

/// The raw text of a field of a line, found by a walk over its top level: values stay exact.
std::string_view raw_field(std::string_view line, std::string_view name) {
  int depth = 0;
  bool in_string = false;
  size_t string_start = 0, value_start = 0;
  bool wanted = false, is_key = true;
  for (size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (in_string) {
      if (c == '\\')
        ++i;
      else if (c == '"') {
        in_string = false;
        if (depth == 1 && is_key) wanted = line.substr(string_start, i - string_start) == name;
      }
    } else if (c == '"') {
      in_string = true;
      string_start = i + 1;
    } else if (c == '{' || c == '[') {
      ++depth;
    } else if (c == ':' && depth == 1) {
      is_key = false;
      value_start = i + 1;
    } else if ((c == ',' && depth == 1) || (c == '}' && depth == 1)) {
      if (wanted && !is_key) return line.substr(value_start, i - value_start);
      is_key = true;
      wanted = false;
      if (c == '}') --depth;
    } else if (c == '}' || c == ']') {
      --depth;
    }
  }
  return {};
}

/// Key or value, under whichever of its three names it came.
Cell cell_of(std::string_view line, const std::string& name) {
  for (const char* suffix : {"", "_text", "_base64"}) {
    std::string_view raw = raw_field(line, name + suffix);
    if (raw.empty()) continue;
    if (raw == "null") return {};
    if (raw.front() != '"') return Cell::literal(std::string(raw));
    return Json::parse(raw, nullptr, false).get<std::string>();
  }
  return {};
}

std::string table_line(const std::vector<Cell>& cells, int width) {
  std::string out;
  size_t used = 0;
  for (size_t c = 0; c < cells.size(); ++c) {
    std::string text = cells[c].kind == Cell::Kind::kNull ? "-" : printable(cells[c].text, false);
    if (kColumns[c].width > 0) {
      const size_t taken = display_width(text);
      out +=
          text + std::string(taken < kColumns[c].width ? kColumns[c].width - taken : 0, ' ') + "  ";
      used += std::max(taken, kColumns[c].width) + 2;
    } else {
      const size_t total = static_cast<size_t>(width);
      out += width > 0 && used < total ? cut_to_width(text, total - used) : text;
    }
  }
  return out + "\n";
}

Result<int> tap(const GlobalOptions& options, const TapArgs& args) {
  ASSIGN(Session session, open_session(options, false));
  net::QueryParams query;
  if (!args.from.empty()) query.emplace_back("from", args.from);
  if (args.limit > 0) query.emplace_back("limit", std::to_string(args.limit));
  if (args.partition >= 0) query.emplace_back("partition", std::to_string(args.partition));
  if (!args.where.empty()) query.emplace_back("where", args.where);
  if (args.follow) query.emplace_back("follow", "true");
  const Format format = options.format();
  const int width = terminal_width();
  bool first = true;
  auto show = [&](std::string_view line) -> Result<void> {
    if (format == Format::kJson) return print(std::string(line) + "\n");
    Table row({"partition", "offset", "timestamp", "key", "value"});
    std::vector<Cell> cells;
    for (const Column& column : kColumns) cells.push_back(cell_of(line, column.name));
    std::string text;
    if (format == Format::kTable) {
      if (first)
        text = table_line({kColumns[0].name, kColumns[1].name, kColumns[2].name, kColumns[3].name,
                           kColumns[4].name},
                          width);
      text += table_line(cells, width);
    } else {
      row.add(std::move(cells));
      text = row.render(Format::kCsv, 0);
      if (!first) text.erase(0, text.find('\n') + 1);
    }
    first = false;
    return print(text);
  };
  auto done = session.api.lines(
      target(fmt::format("/api/v1/topics/{}/records", segment(args.topic)), query), show);
  // `leat tap | head` has what it wanted.
  if (!done && done.error().code() != ErrorCode::kCancelled) return std::move(done).error();
  return 0;
}

}  // namespace

void add_tap(Cli& cli) {
  auto args = std::make_shared<TapArgs>();
  Command app = cli.add("tap", "Show the records of a topic",
                        "leat tap users_created --limit 5\n"
                        "leat tap users_created --from -10 --output json\n"
                        "leat tap users_created --follow --where \"country = 'Norway'\"\n"
                        "leat tap users_created --from 2026-11-22T10:00:00Z",
                        [&cli, args] { return tap(cli.options(), *args); });
  app.add_option("topic", args->topic, "The topic").type_name("TOPIC").required();
  app.add_option(
         "--from", args->from,
         "start, end, an offset, -N for the last N of each partition, a time, or 0:120,1:98 "
         "(default: start; end with --follow)")
      .type_name("PLACE");
  app.add_option("--partition", args->partition, "One partition only")
      .type_name("N")
      .whole_number(0);
  app.add_option("--limit", args->limit, "At most so many records").type_name("N").whole_number(1);
  app.add_option("--where", args->where,
                 "An SQL condition over the record's fields, _partition, _offset, _timestamp, _key")
      .type_name("SQL");
  app.add_flag("--follow,-f", args->follow, "Go on with records as they come");
}

}  // namespace leat::app
