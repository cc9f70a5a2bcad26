// `leat api record` and `leat api serve`, without their command lines.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "app/api_replay.h"
#include "components/source_http_config.h"

namespace leat::app {

struct ApiRecordOptions {
  std::string url;
  std::string directory;
  int64_t pages = 100;  // at most
  components::http::Pagination pagination;
  std::optional<std::string> records;         // pointer; guessed from the first page without it
  net::Headers headers;                       // of every request; never written down
  bool compress = true;                       // page-NN.json.gz
  std::function<void(std::string_view)> log;  // a line per page
};

struct ApiRecordSummary {
  int64_t pages = 0, records = 0;
};

/// "none", "page[:PARAM]", "offset[:PARAM[:LIMIT]]", "cursor:PARAM:/POINTER", "next_url:/POINTER",
/// "link_header".
Result<components::http::Pagination> parse_pagination(std::string_view text);

/// Follows the API from page to page and writes what it answers (api_recording.h). Ends at the last
/// page, after `pages`, or at stop; retries what can be retried. Secrets of the URL's query are
/// written as "***". kAlreadyExists: the folder holds a recording.
Result<ApiRecordSummary> api_record(const ApiRecordOptions& options, std::stop_token stop);

/// Serves a recording until stop. Prints "listening on http://127.0.0.1:PORT/" to stdout, flushed.
Result<void> api_serve(const std::string& directory, ReplayOptions options, std::stop_token stop);

}  // namespace leat::app
