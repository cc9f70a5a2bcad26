// leat topics ls | show | create | delete.
#include "app/commands.h"
#include "app/console.h"
#include "app/session.h"
#include "base/limits.h"
#include "base/strings.h"

namespace leat::app {
namespace {

constexpr std::string_view kTopics = "/api/v1/topics";

std::string topic_path(const std::string& topic) {
  return fmt::format("{}/{}", kTopics, segment(topic));
}

Result<int> list(const GlobalOptions& options) {
  ASSIGN(Session session, open_session(options, false));
  ASSIGN(Json topics, session.api.get(std::string(kTopics)));
  Table table({"topic", "partitions", "records", "bytes", "format", "retention", "last_record"});
  for (const Json& topic : topics) {
    std::vector<Cell> cells;
    for (const std::string& column : table.columns())
      cells.push_back(Cell::of(topic.value(column, Json())));
    table.add(std::move(cells));
  }
  TRY(print(table.render(options.format(), terminal_width())));
  return 0;
}

Result<int> show(const GlobalOptions& options, const std::string& topic) {
  ASSIGN(Session session, open_session(options, false));
  ASSIGN(Json json, session.api.get(topic_path(topic)));
  if (options.format() == Format::kJson) {
    TRY(print(json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n"));
    return 0;
  }
  Table bounds({"partition", "start", "end", "bytes", "last_record"});
  for (const Json& partition : json["bounds"]) {
    std::vector<Cell> cells;
    for (const std::string& column : bounds.columns())
      cells.push_back(Cell::of(partition.value(column, Json())));
    bounds.add(std::move(cells));
  }
  if (options.format() == Format::kCsv) {
    TRY(print(bounds.render(Format::kCsv, 0)));
    return 0;
  }
  std::string text;
  for (const char* name : {"topic", "id", "created", "format", "retention", "retention_bytes",
                           "records", "written_by", "read_by"}) {
    const Json& value = json[name];
    if (value.is_null()) continue;
    text += fmt::format(
        "{:<16} {}\n", name,
        printable(value.is_string() ? value.get<std::string>() : server::dump(value), false));
  }
  TRY(print(text + "\n" + bounds.render(Format::kTable, terminal_width())));
  return 0;
}

struct CreateArgs {
  std::string topic, retention, retention_bytes;
  int64_t partitions = 0;
};

Result<int> create(const GlobalOptions& options, const CreateArgs& args) {
  ASSIGN(Session session, open_session(options, true));
  Json body = {{"topic", args.topic}};
  if (args.partitions > 0) body["partitions"] = args.partitions;
  if (!args.retention.empty()) body["retention"] = args.retention;
  if (!args.retention_bytes.empty()) {
    auto bytes = args.retention_bytes == "unbounded" ? -1 : parse_bytes(args.retention_bytes);
    if (!bytes || *bytes == 0)
      return Error(
          ErrorCode::kInvalidArgument,
          fmt::format("--retention-bytes: expected a size such as `64MiB`, or `unbounded`, "
                      "found `{}`",
                      args.retention_bytes));
    body["retention_bytes"] = *bytes;
  }
  ASSIGN(Json topic, session.api.post(std::string(kTopics), body));
  TRY(print(fmt::format("topic {} created: {} partitions, retention {}\n", args.topic,
                        server::dump(topic["partitions"]), topic.value("retention", ""))));
  return 0;
}

Result<int> remove(const GlobalOptions& options, const std::string& topic, bool yes) {
  ASSIGN(Session session, open_session(options, true));
  ASSIGN(Json json, session.api.get(topic_path(topic)));
  ASSIGN(bool sure, confirm(fmt::format("Delete topic {} and its {} records for good?", topic,
                                        server::dump(json["records"])),
                            yes));
  if (!sure) return 1;
  ASSIGN(Json gone, session.api.remove(topic_path(topic)));
  TRY(print(fmt::format("topic {} deleted: {} records\n", topic, server::dump(gone["records"]))));
  return 0;
}

}  // namespace

void add_topics(Cli& cli) {
  Command group = cli.add_group("topics", "Topics of the log: list, show, create, delete");
  cli.add(group, "ls", "List topics", "leat topics ls\nleat topics ls --output json",
          [&cli] { return list(cli.options()); });

  auto shown = std::make_shared<std::string>();
  cli.add(group, "show", "Show one topic: partitions, retention, who writes and reads it",
          "leat topics show users_created", [&cli, shown] { return show(cli.options(), *shown); })
      .add_option("topic", *shown, "Its name")
      .type_name("TOPIC")
      .required();

  auto args = std::make_shared<CreateArgs>();
  Command make = cli.add(
      group, "create", "Create a topic",
      "leat topics create orders --partitions 4 --retention 7d\nleat topics create users_created",
      [&cli, args] { return create(cli.options(), *args); });
  make.add_option("topic", args->topic,
                  "Its name; what leat.yaml declares for it is taken from there")
      .type_name("TOPIC")
      .required();
  make.add_option("--partitions", args->partitions, "How many; never changes afterwards")
      .type_name("N")
      .whole_number(1, limits::kMaxPartitions);
  make.add_option("--retention", args->retention, "How long records are kept")
      .type_name("7d|forever");
  make.add_option("--retention-bytes", args->retention_bytes, "How much of a partition is kept")
      .type_name("64MiB|unbounded");

  auto doomed = std::make_shared<std::string>();
  auto yes = std::make_shared<bool>(false);
  Command gone =
      cli.add(group, "delete", "Delete a topic and its records", "leat topics delete orders --yes",
              [&cli, doomed, yes] { return remove(cli.options(), *doomed, *yes); });
  gone.add_option("topic", *doomed, "Its name").type_name("TOPIC").required();
  gone.add_flag("--yes", *yes, "Do not ask");
}

}  // namespace leat::app
