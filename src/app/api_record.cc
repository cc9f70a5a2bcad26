#include "app/api_record.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "components/source_http_pages.h"
#include "config/secret.h"
#include "io/clock.h"
#include "io/file.h"
#include "io/random.h"
#include "net/retry.h"

namespace leat::app {
namespace {

namespace http = components::http;
constexpr int kTries = 8;
constexpr int kGzipLevel = 9;
constexpr std::string_view kKeptHeaders[] = {"Content-Type", "Link", "ETag", "Last-Modified"};

net::QueryParams without_secrets(const net::QueryParams& query) {
  net::QueryParams out;
  for (const auto& param : query)
    if (!net::is_secret_param(param.first)) out.push_back(param);
  return out;
}

/// Takes the secrets of a request out of what is written down: APIs repeat them in links.
config::Redactor redactor_of(const net::Url& url) {
  config::Redactor redactor;
  for (const auto& [name, value] : net::parse_query(url.query)) {
    if (!net::is_secret_param(name)) continue;
    redactor.add(config::Secret(value));
    redactor.add(config::Secret(net::percent_encode(value)));
  }
  return redactor;
}

/// One page, tried again with back-off while that may help.
Result<net::HttpResponse> fetch(net::HttpClient& client, const net::HttpRequest& request,
                                net::Backoff& backoff, const std::stop_token& stop) {
  auto& clock = io::system_clock();
  for (int tries = 1;; ++tries) {
    auto answer = client.fetch(request, stop);
    bool again = answer ? answer->status == 429 || answer->status >= 500
                        : answer.error().retry() == Retry::kBackoff;
    if (!again || tries == kTries) {
      backoff.reset();
      return answer;
    }
    int64_t wait = backoff.next_ms();
    if (answer)
      if (auto header = answer->headers.get("retry-after"))
        wait = net::parse_retry_after(*header, clock.now_ms()).value_or(wait);
    if (!clock.sleep_ms(wait, stop)) return Error(ErrorCode::kCancelled, "stopped");
  }
}

std::vector<std::string_view> split(std::string_view text) {
  std::vector<std::string_view> parts;
  while (true) {
    // A pointer is the rest, whatever it holds.
    size_t colon = text.starts_with('/') ? std::string_view::npos : text.find(':');
    parts.push_back(text.substr(0, colon));
    if (colon == std::string_view::npos) return parts;
    text.remove_prefix(colon + 1);
  }
}

}  // namespace

Result<http::Pagination> parse_pagination(std::string_view text) {
  auto parts = split(text);
  auto part = [&](size_t i, std::string_view otherwise) {
    return std::string(i < parts.size() && !parts[i].empty() ? parts[i] : otherwise);
  };
  const auto kind = parts[0];
  const size_t count = parts.size();
  if (kind == "none" && count == 1) return http::Pagination(http::NoPages{});
  if (kind == "link_header" && count == 1) return http::Pagination(http::LinkHeader{});
  if (kind == "page" && count <= 2)
    return http::Pagination(http::PageNumbers{part(1, "page"), 1, {}});
  if (kind == "offset" && count <= 3) {
    http::Offsets offsets;
    offsets.param = part(1, "offset");
    std::string limit = part(2, "100");
    auto [end, code] = std::from_chars(limit.data(), limit.data() + limit.size(), offsets.limit);
    if (code == std::errc() && end == limit.data() + limit.size() && offsets.limit > 0)
      return http::Pagination(std::move(offsets));
  }
  if (kind == "cursor" && count == 3 && parts[2].starts_with('/'))
    return http::Pagination(http::BodyCursor{part(1, "cursor"), part(2, "")});
  if (kind == "next_url" && count == 2 && parts[1].starts_with('/'))
    return http::Pagination(http::BodyUrl{part(1, "")});
  return Error(ErrorCode::kInvalidArgument,
               fmt::format("--pagination \"{}\" is not understood", text))
      .with_hint(
          "none, page[:PARAM], offset[:PARAM[:LIMIT]], cursor:PARAM:/POINTER, next_url:/POINTER or "
          "link_header");
}

Result<ApiRecordSummary> api_record(const ApiRecordOptions& options, std::stop_token stop) {
  const std::string index = options.directory + "/index.json";
  if (io::exists(index))
    return Error(ErrorCode::kAlreadyExists, "the folder holds a recording already")
        .at(index)
        .with_hint("choose another with -o, or remove it");
  TRY(io::make_directories(options.directory));
  http::Config config;
  config.url = options.url;
  config.pagination = options.pagination;
  http::PassState state = http::PassState::start_of(config.pagination);
  net::HttpClient client;
  net::Backoff backoff(io::entropy());
  std::optional<std::string> pointer = options.records;
  nlohmann::ordered_json written;
  ApiRecordSummary summary;
  codec::JsonPage page;
  for (bool over = false; !over && summary.pages < options.pages && !stop.stop_requested();) {
    net::HttpRequest request;
    ASSIGN(request.url, http::page_url(config, state));
    request.headers = options.headers;
    if (!request.headers.has("Accept")) request.headers.add("Accept", "application/json");
    ASSIGN(auto answer, fetch(client, request, backoff, stop));
    const std::string shown = net::redacted(answer.url);
    if (!answer.ok())
      return Error(ErrorCode::kUnavailable, fmt::format("the API answered {}: {}", answer.status,
                                                        answer.body.substr(0, 200)))
          .at(shown);
    auto loaded = page.load(answer.body);
    if (!loaded) return std::move(loaded).error().at(shown);
    if (!pointer) pointer = guess_records_pointer(answer.body);
    if (!pointer)
      return Error(ErrorCode::kNotFound, "no array of objects in the answer")
          .at(shown)
          .with_hint("name it with --records /POINTER");
    auto records = page.records(*pointer);
    if (!records) return std::move(records).error().at(shown);
    auto ended = http::advance(config, state, page, answer, records->size());
    if (!ended) return std::move(ended).error().at(shown);
    over = *ended;

    const config::Redactor redactor = redactor_of(request.url);
    const std::string body = redactor.redact(answer.body);
    ++summary.pages;
    summary.records += static_cast<int64_t>(records->size());
    std::string file =
        fmt::format("page-{:02}.json{}", summary.pages, options.compress ? ".gz" : "");
    TRY(io::write_file_atomic(options.directory + "/" + file,
                              options.compress ? net::gzip(body, kGzipLevel) : body));
    if (summary.pages == 1) {
      written["format"] = 1;
      std::string text = request.url.to_string();
      written["origin"] = text.substr(0, text.find('/', request.url.scheme.size() + 3));
      written["records"] = *pointer;
    }
    nlohmann::ordered_json entry;
    entry["method"] = "GET";
    entry["path"] = request.url.path;
    entry["query"] = net::build_query(without_secrets(net::parse_query(request.url.query)));
    entry["status"] = answer.status;
    for (auto name : kKeptHeaders)
      if (auto value = answer.headers.get(name))
        entry["headers"][std::string(name)] = redactor.redact(*value);
    entry["file"] = file;
    written["pages"].push_back(std::move(entry));
    // After each page: what was recorded before an interruption can be served.
    TRY(io::write_file_atomic(
        index,
        written.dump(1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n"));
    if (options.log) options.log(fmt::format("{} {} {} records", file, shown, records->size()));
  }
  return summary;
}

Result<void> api_serve(const std::string& directory, ReplayOptions options, std::stop_token stop) {
  ASSIGN(auto replay, ApiReplay::start(directory, std::move(options)));
  fmt::print("listening on {}\n", replay->url());
  std::fflush(stdout);
  while (io::system_clock().sleep_ms(3'600'000, stop)) {
  }
  return {};
}

}  // namespace leat::app
