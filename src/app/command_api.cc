// leat api record URL -o DIR: keeps what a JSON API answers. leat api serve DIR: answers from it on loopback,
// with faults when asked for.
#include <cstdio>

#include "app/api_record.h"
#include "app/api_replay.h"
#include "app/cli.h"
#include "app/commands.h"
#include "app/console.h"
#include "app/interrupt.h"
#include "base/strings.h"
#include "net/headers.h"

namespace leat::app {
namespace {

struct RecordArgs {
  std::string url, directory, pagination = "page", records;
  std::vector<std::string> headers;
  int64_t pages = 100;
  bool plain = false;
};

/// "Name: value" as curl takes it. What is refused is shown without its value: that may be a secret.
Result<net::Headers> parse_headers(const std::vector<std::string>& lines) {
  net::Headers headers;
  for (const std::string& line : lines) {
    const size_t colon = line.find(':');
    std::string name = line.substr(0, colon);
    std::string value = colon == std::string::npos ? std::string() : line.substr(colon + 1);
    value.erase(0, value.find_first_not_of(" \t"));
    if (colon == std::string::npos || !net::is_safe_field(name, value)) {
      return Error(ErrorCode::kInvalidArgument,
                   fmt::format("--header: expected `Name: value`, found one named `{}`",
                               printable(name, false)));
    }
    headers.add(std::move(name), std::move(value));
  }
  return headers;
}

Result<int> record(const RecordArgs& args) {
  ApiRecordOptions options;
  options.url = args.url;
  options.directory = args.directory;
  options.pages = args.pages;
  options.compress = !args.plain;
  ASSIGN(options.pagination, parse_pagination(args.pagination));
  ASSIGN(options.headers, parse_headers(args.headers));
  if (!args.records.empty()) options.records = args.records == "/" ? std::string() : args.records;
  options.log = [](std::string_view line) { fmt::print(stderr, "{}\n", printable(line, false)); };
  Interrupt interrupt;
  ASSIGN(ApiRecordSummary done, api_record(options, interrupt.token()));
  TRY(print(fmt::format("{}: {} pages, {} records; serve them with `leat api serve {}`\n",
                        args.directory, done.pages, done.records, args.directory)));
  return 0;
}

struct ServeArgs {
  std::string directory, faults;
  int port = 0;
  uint64_t seed = 0;
  int64_t trickle_ms = 25;
  bool navigation = false, requests = false;
};

Result<int> serve(const ServeArgs& args) {
  ReplayOptions options;
  options.port = args.port;
  options.seed = args.seed;
  options.navigation = args.navigation;
  options.trickle_ms = args.trickle_ms;
  if (!args.faults.empty()) {
    ASSIGN(options.faults, parse_replay_faults(args.faults));
  }
  if (args.requests) {
    // One write per line: requests are answered by several threads.
    options.log = [](std::string_view line) {
      const std::string text = printable(line, false) + "\n";
      std::fwrite(text.data(), 1, text.size(), stderr);
    };
  }
  Interrupt interrupt;
  TRY(api_serve(args.directory, std::move(options), interrupt.token()));
  return 0;
}

}  // namespace

void add_api(Cli& cli) {
  Command group = cli.add_group(
      "api", "Record a JSON API into a folder, and serve such a folder: record, serve");

  auto recorded = std::make_shared<RecordArgs>();
  Command record_app = cli.add(
      group, "record", "Follow a JSON API from page to page and keep what it answers",
      "leat api record 'https://randomuser.me/api/?results=500&seed=leat' -o pages --pages 12\n"
      "leat api record https://api.example.com/orders -o orders --pagination "
      "cursor:after:/meta/next "
      "--header \"Authorization: Bearer $TOKEN\"",
      [recorded] { return record(*recorded); });
  record_app.add_option("url", recorded->url, "Where the first page is")
      .type_name("URL")
      .required();
  record_app
      .add_option("-o,--out", recorded->directory, "Folder to write; must hold no recording yet")
      .type_name("DIR")
      .required();
  record_app.add_option("--pages", recorded->pages, "Stop after so many pages")
      .type_name("N")
      .whole_number(1, 1'000'000)
      .show_default();
  record_app
      .add_option(
          "--pagination", recorded->pagination,
          "none, page[:PARAM], offset[:PARAM[:LIMIT]], cursor:PARAM:/POINTER, next_url:/POINTER, "
          "link_header")
      .type_name("HOW")
      .show_default();
  record_app
      .add_option(
          "--records", recorded->records,
          "JSON Pointer to the array of records, `/` for the whole body; guessed without it")
      .type_name("/POINTER");
  record_app
      .add_option("--header", recorded->headers,
                  "A header of every request; never written down. Repeatable")
      .type_name("'NAME: VALUE'");
  record_app.add_flag("--plain", recorded->plain, "Write page-NN.json instead of page-NN.json.gz");

  auto served = std::make_shared<ServeArgs>();
  Command serve_app = cli.add(
      group, "serve", "Serve a recording on 127.0.0.1 until stopped, honouring page parameters",
      "leat api serve pages\n"
      "leat api serve pages --port 8090 --fault 429=0.05,500=0.02,truncate=0.01 --seed 7",
      [served] { return serve(*served); });
  serve_app
      .add_option("directory", served->directory,
                  "What `leat api record` wrote, or page-NN.json[.gz] files")
      .type_name("DIR")
      .required();
  serve_app.add_option("--port", served->port, "Port; 0: a free one")
      .type_name("PORT")
      .whole_number(0, 65'535)
      .show_default();
  serve_app
      .add_option("--fault", served->faults,
                  "Shares of requests that fail: 429, 500, truncate, reset, slow, duplicate, "
                  "garbage or all, each "
                  "=0..1")
      .type_name("KIND=P,…");
  serve_app.add_option("--seed", served->seed, "The same seed gives the same faults")
      .type_name("N")
      .show_default();
  serve_app
      .add_option("--trickle", served->trickle_ms,
                  "Milliseconds between two pieces of a slow answer")
      .type_name("MS")
      .whole_number(0, 60'000)
      .show_default();
  serve_app.add_flag("--navigation", served->navigation,
                     "Say next, next_cursor and total in the body, too");
  serve_app.add_flag("--requests", served->requests, "A line per request on stderr");
}

}  // namespace leat::app
