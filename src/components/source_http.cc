// Source `http`: polls a JSON API and hands on its records, as bytes, page by page.
//
// Guarantee: every record of every page that the API serves is delivered at least once; with `id:`
// the runtime keeps those it has not seen, so each is taken once. The cursor travels with the
// records, so after a crash the source goes on at the first page that was not committed. A page
// that cannot be decoded is asked for again, with an alarm that names the way to step over it; it
// is never skipped by itself.
//
//   source:
//     http:
//       url: https://api.example.com/v1/users
//       records: /data
//       pagination: {page: {param: page, from: 1}}
//       auth: {bearer: {token: "${API_TOKEN}"}}
//       rate_limit: 10/s
//       every: 10s
//       id: /id
//
// Who waits: the runtime calls read() again after an error, with its own back-off; the API's
// Retry-After, the rate limit and the circuit breaker are kept here. One thread (the lane's read
// thread) calls everything.
#include "components/source_http.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "base/check.h"
#include "components/source_http_auth.h"
#include "components/source_http_config.h"
#include "components/source_http_pages.h"
#include "io/digest.h"

namespace leat::components {
namespace {

using http::Config;
using http::PassState;
using net::HttpResponse;

constexpr std::string_view kExample = R"(url: https://api.example.com/v1/users
records: /data
pagination: {page: {param: page, from: 1}}
auth: {bearer: {token: "${API_TOKEN:-none}"}}
rate_limit: 10/s
every: 10s
id: /id
)";

/// A piece of the API's own words for a message: one line, printable, short.
std::string excerpt(std::string_view body) {
  constexpr size_t kMost = 160;
  std::string out;
  for (char c : body.substr(0, kMost))
    out += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? ' ' : c;
  while (!out.empty() && (static_cast<unsigned char>(out.back()) & 0xc0) == 0x80 &&
         body.size() > kMost)
    out.pop_back();
  return body.size() > kMost ? out + "..." : out;
}

/// "host" or "host:port" of the project's files: over https, and over http where the source itself
/// is on http.
void allow_host(net::OriginAllowList& allow, const std::string& host, bool http_too) {
  if (auto url = net::Url::parse("https://" + host + "/")) allow.add(*url);
  if (!http_too) return;
  if (auto url = net::Url::parse("http://" + host + "/")) allow.add(*url);
}

net::HttpClientOptions client_options(const Config& config, const stream::SourceContext& context,
                                      io::Clock& clock) {
  net::HttpClientOptions options;
  options.clock = &clock;
  const bool relative = !config.ca_file.empty() && !config.ca_file.starts_with('/');
  options.ca_file = relative && !context.project_dir.empty()
                        ? context.project_dir + "/" + config.ca_file
                        : config.ca_file;
  return options;
}

class HttpSource final : public stream::Source {
 public:
  HttpSource(Config config, const stream::SourceContext& context, net::Url base,
             net::OriginAllowList allow, config::Redactor secrets)
      : config_(std::move(config)),
        pipeline_(context.pipeline),
        clock_(context.clock != nullptr ? *context.clock : io::system_clock()),
        base_(std::move(base)),
        allow_(std::move(allow)),
        secrets_(std::move(secrets)),
        skip_page_(context.skip_page),
        client_(client_options(config_, context, clock_)),
        auth_(config_, client_, clock_),
        breaker_(clock_, config_.breaker_failures, config_.breaker_open_ms),
        state_(PassState::start_of(config_.pagination)) {
    if (config_.rate_limit) bucket_.emplace(clock_, *config_.rate_limit);
    if (context.metrics != nullptr)
      requests_ = &context.metrics->counter(
          "leat_source_requests_total",
          "Requests to a source's API by its answer: a status or an error.", metrics::Unit::kNone,
          {"pipeline", "status"});
  }

  Result<void> open(std::string_view cursor) override {
    ASSIGN(state_, PassState::parse(cursor, config_.pagination));
    return {};
  }
  bool rereadable() const override { return false; }
  bool bounded() const override { return !config_.every_ms; }
  Result<stream::SourcePage> read(std::stop_token stop) override {
    auto page = read_page(std::move(stop));
    if (page) return page;
    return std::move(page).error().with_texts(
        [&](std::string_view text) { return auth_.redact(secrets_.redact(text)); });
  }

 private:
  Result<stream::SourcePage> read_page(std::stop_token stop);
  Result<void> wait_turn(const std::stop_token& stop);
  Result<HttpResponse> fetch(const net::Url& url, const std::string& url_hash,
                             const std::stop_token& stop);
  Result<HttpResponse> fetch_once(const net::Url& url, const std::string& url_hash,
                                  const std::stop_token& stop);
  Result<void> check_status(const HttpResponse& answer);
  Result<stream::SourcePage> take(HttpResponse answer, const std::string& url_hash);
  Result<stream::SourcePage> undecodable(Error error, const net::Url& url);
  stream::SourcePage skip();
  void look_into(stream::SourcePage& page, PassState& state);
  stream::SourcePage finish(stream::SourcePage page, PassState next, bool pass_over);
  void count(std::string_view status) {
    if (requests_ != nullptr) requests_->with({pipeline_, std::string(status)}).add();
  }
  std::string shown(const net::Url& url) const {
    if (auto* key = std::get_if<http::ApiKeyAuth>(&config_.auth))
      return net::redacted(url, {&key->query, 1});
    return net::redacted(url);
  }

  const Config config_;
  const std::string pipeline_;
  io::Clock& clock_;
  const net::Url base_;
  const net::OriginAllowList allow_;
  const config::Redactor secrets_;
  bool skip_page_;
  net::HttpClient client_;
  http::Authenticator auth_;
  net::CircuitBreaker breaker_;
  std::optional<net::TokenBucket> bucket_;
  metrics::Family<metrics::Counter>* requests_ = nullptr;
  PassState state_;
  int64_t not_before_ms_ = 0;  // steady: the API asked to be left alone until then
  int page_failures_ = 0;
  bool had_page_ = false;
  codec::JsonPage json_, record_json_;
  std::string record_text_;
};

/// Retry-After, the circuit breaker and the rate limit, in this order.
Result<void> HttpSource::wait_turn(const std::stop_token& stop) {
  auto sleep = [&](int64_t ms) -> Result<void> {
    if (ms > 0 && !clock_.sleep_ms(ms, stop))
      return Error(ErrorCode::kCancelled, "stopped while waiting for the API's turn");
    return {};
  };
  TRY(sleep(not_before_ms_ - clock_.steady_ms()));
  if (int64_t wait = breaker_.wait_ms(); wait > 0)
    return Error(ErrorCode::kUnavailable,
                 fmt::format("the API failed {} times in a row and is left alone for {} ms more",
                             config_.breaker_failures, wait))
        .at(shown(base_));
  if (bucket_) TRY(sleep(bucket_->take()));
  return {};
}

Result<HttpResponse> HttpSource::fetch_once(const net::Url& url, const std::string& url_hash,
                                            const std::stop_token& stop) {
  net::HttpRequest request;
  request.method = config_.method;
  request.url = url;
  // To another origin, which a next URL may name, nothing of the user's goes but what he accepts.
  const bool own = url.origin() == base_.origin();
  if (!own && !config_.body.empty())
    return Error(ErrorCode::kPermission,
                 fmt::format("the next page is at {}, and `body:` stays at {}", url.origin(),
                             base_.origin()))
        .with_blame(Blame::kExternal)
        .at(shown(url))
        .with_hint("if it is meant, ask there at once: make it the `url:`");
  if (own) request.body = config_.body;
  for (const auto& [name, value] : config_.headers)
    if (own || net::same_name(name, "accept")) request.headers.add(name, value);
  if (!request.headers.has("Accept")) request.headers.add("Accept", "application/json");
  if (http::may_be_conditional(config_, state_) && state_.validated_url == url_hash) {
    if (!state_.etag.empty()) request.headers.set("If-None-Match", state_.etag);
    if (!state_.modified.empty()) request.headers.set("If-Modified-Since", state_.modified);
  }
  if (own) TRY(auth_.apply(request, stop));
  request.timeouts = {config_.connect_timeout_ms, config_.timeout_ms, config_.min_bytes_per_s,
                      config_.min_rate_window_ms};
  request.max_body_bytes = static_cast<size_t>(config_.max_body_bytes);
  request.allow = &allow_;
  auto answer = client_.fetch(request, stop);
  count(answer ? std::to_string(answer->status) : to_string(answer.error().code()));
  return answer;
}

/// The answer, whatever its status; keeps the breaker's count and renews a refused token once.
Result<HttpResponse> HttpSource::fetch(const net::Url& url, const std::string& url_hash,
                                       const std::stop_token& stop) {
  auto answer = fetch_once(url, url_hash, stop);
  if (answer && answer->status == 401 && auth_.refused()) {
    TRY(wait_turn(stop));
    answer = fetch_once(url, url_hash, stop);
  }
  bool cancelled = !answer && answer.error().code() == ErrorCode::kCancelled;
  if (!cancelled) (!answer || answer->status >= 500) ? breaker_.failure() : breaker_.success();
  return answer;
}

/// Nothing for an answer with a page in it; the Error that fits any other.
Result<void> HttpSource::check_status(const HttpResponse& answer) {
  const int status = answer.status;
  if (answer.ok()) return {};
  auto error = [&](ErrorCode code, std::string_view more) {
    return Error(code, fmt::format("the API answered {}{}{}{}", status, more,
                                   answer.body.empty() ? "" : ": ", excerpt(answer.body)))
        .at(shown(answer.url));
  };
  auto retry_after = answer.headers.get("retry-after");
  bool limited =
      status == 429 ||
      (status == 403 && (retry_after || answer.headers.get("x-ratelimit-remaining") == "0"));
  if (limited || status == 503) {
    auto wait = retry_after ? net::parse_retry_after(*retry_after, clock_.now_ms()) : std::nullopt;
    if (wait) not_before_ms_ = clock_.steady_ms() + *wait;
    return error(ErrorCode::kUnavailable,
                 wait ? fmt::format(", to be asked again in {} ms", *wait) : "");
  }
  if (status == 408 || status == 425 || status >= 500) return error(ErrorCode::kUnavailable, "");
  const bool by_token = !state_.token.empty() && (status == 400 || status == 404 || status == 410);
  if (by_token && !config_.id.empty()) {
    PassState anew = PassState::start_of(config_.pagination);
    anew.mark = state_.mark;
    state_ = std::move(anew);
    return error(ErrorCode::kUnavailable,
                 " to the token of the next page, so the pass starts again");
  }
  if (by_token)
    return error(ErrorCode::kDataLost, " to the token of the next page")
        .with_hint(fmt::format(
            "leat reset {} --to start begins anew; with `id:` the source does so by itself",
            pipeline_));
  if (had_page_)  // it has answered before: a gateway or a deployment, most likely
    return error(ErrorCode::kUnavailable, "").with_hint("check that the API still is where it was");
  if (status == 401 || status == 403)
    return error(ErrorCode::kPermission, "").with_hint("check `auth:` of the source");
  if (status == 404 || status == 410)
    return error(ErrorCode::kNotFound, "").with_hint("check `url:` of the source");
  return error(ErrorCode::kInvalidArgument, "")
      .with_hint("check `url:`, `params:` and `body:` of the source");
}

constexpr char kIdSeparator = '\x1f', kIdEscape = '\x1e';

/// Parts that hold the separator must not read as other parts.
void append_id_part(std::string& id, std::string_view part) {
  for (const char c : part) {
    if (c != kIdSeparator && c != kIdEscape) {
      id += c;
    } else {
      id += kIdEscape;
      id += c == kIdEscape ? '0' : '1';
    }
  }
}

bool is_object(std::string_view body) {
  const size_t first = body.find_first_not_of(" \t\r\n");
  return first != std::string_view::npos && body[first] == '{';
}

/// A whole answer came, or half of one, and it is no page of records.
Result<stream::SourcePage> HttpSource::undecodable(Error error, const net::Url& url) {
  ++page_failures_;
  const bool countable = state_.kind == "page" || state_.kind == "offset";
  if (skip_page_ && countable) {
    skip_page_ = false;
    return skip();
  }
  Error out =
      Error(ErrorCode::kCorrupt, fmt::format("a page cannot be decoded: {}", error.message()))
          .with_retry(Retry::kBackoff)
          .at(shown(url));
  if (page_failures_ < limits::kPageFailuresToAlarm) return out;
  std::string hint =
      countable
          ? fmt::format("leat run --skip-page {} steps over it, and its records are missing then",
                        pipeline_)
          : fmt::format(
                "leat reset {} --to start begins anew; only this page leads to the next one",
                pipeline_);
  return std::move(out)
      .context(fmt::format("ALARM: {} tries", page_failures_))
      .with_hint(std::move(hint));
}

/// Steps over the present page, as the operator asked for.
stream::SourcePage HttpSource::skip() {
  PassState next = state_;
  ++next.pages;
  bool over = false;
  if (auto* pages = std::get_if<http::PageNumbers>(&config_.pagination)) {
    ++next.number;
    over = pages->to && next.number > *pages->to;
  } else if (auto* offsets = std::get_if<http::Offsets>(&config_.pagination)) {
    next.number += offsets->limit;
    over = offsets->to && next.number >= *offsets->to;
  }
  return finish({}, std::move(next), over);
}

/// Ids and the newest mark of a page's records.
void HttpSource::look_into(stream::SourcePage& page, PassState& state) {
  if (config_.id.empty() && !config_.incremental) return;
  if (!config_.id.empty()) page.ids.reserve(page.records.size());
  for (const auto& record : page.records) {
    record_text_.assign(*record.value);
    bool whole = record_json_.load(record_text_).has_value();
    auto value = [&](const std::string& pointer) -> std::optional<std::string> {
      auto found =
          whole ? record_json_.value(pointer) : Result<std::optional<std::string>>(std::nullopt);
      return found ? std::move(*found) : std::nullopt;
    };
    if (!config_.id.empty()) {
      std::string id;
      for (size_t i = 0; i < config_.id.size(); ++i) {
        auto part = value(config_.id[i]);
        if (!part) {
          id.clear();
          break;
        }
        if (i > 0) id += kIdSeparator;
        append_id_part(id, *part);
      }
      page.ids.push_back(std::move(id));
    }
    if (config_.incremental) {
      auto mark = value(config_.incremental->field);
      if (mark && http::is_newer(*mark, state.pass_mark)) state.pass_mark = std::move(*mark);
    }
  }
}

/// Moves on to `next` and says so in the page's cursor.
stream::SourcePage HttpSource::finish(stream::SourcePage page, PassState next, bool pass_over) {
  page_failures_ = 0;
  had_page_ = true;
  if (pass_over) {
    page.exhausted = true;
    next = next.next_pass(config_.pagination);
    if (bounded())
      next.done = true;
    else
      page.next_poll_ms = *config_.every_ms;
  }
  state_ = std::move(next);
  page.cursor = state_.to_json();
  return page;
}

Result<stream::SourcePage> HttpSource::take(HttpResponse answer, const std::string& url_hash) {
  auto whole = std::make_shared<HttpResponse>(std::move(answer));
  const bool empty = whole->status == 204;
  if (empty) whole->body = "null";
  const net::Url& url = whole->url;
  auto loaded = json_.load(whole->body);
  if (!loaded) {
    auto type = whole->headers.get("content-type").value_or("no Content-Type");
    return undecodable(
        Error(ErrorCode::kCorrupt, fmt::format("{} ({}, {} bytes: {})", loaded.error().message(),
                                               type, whole->body.size(), excerpt(whole->body))),
        url);
  }
  stream::SourcePage page;
  if (!empty) {
    auto records = json_.records(config_.records);
    if (!records)
      return undecodable(
          Error(ErrorCode::kCorrupt, fmt::format("no records at \"{}\": {} ({})", config_.records,
                                                 records.error().message(), excerpt(whole->body))),
          url);
    // Of an API with pages it is what lies around the records, or says why there are none.
    const bool pages = !std::holds_alternative<http::NoPages>(config_.pagination);
    if (pages && config_.records.empty() && is_object(whole->body)) {
      return undecodable(
          Error(ErrorCode::kCorrupt,
                fmt::format("an object where an array of records was expected; `records:` names "
                            "the array in it ({})",
                            excerpt(whole->body))),
          url);
    }
    page.records.resize(records->size());
    for (size_t i = 0; i < records->size(); ++i) page.records[i].value = (*records)[i];
  }
  PassState next = state_;
  auto over = http::advance(config_, next, json_, *whole, page.records.size());
  if (!over) {
    if (over.error().code() == ErrorCode::kCorrupt)
      return undecodable(std::move(over).error(), url);
    return std::move(over).error().at(shown(url));
  }
  look_into(page, next);
  const bool alone = *over && next.pages == 1;
  next.etag = alone ? whole->headers.get("etag").value_or("") : "";
  next.modified = alone ? whole->headers.get("last-modified").value_or("") : "";
  next.validated_url = next.etag.empty() && next.modified.empty() ? "" : url_hash;
  page.storage.emplace_back(whole, &whole->body);
  return finish(std::move(page), std::move(next), *over);
}

Result<stream::SourcePage> HttpSource::read_page(std::stop_token stop) {
  if (state_.done) {
    stream::SourcePage page;
    page.exhausted = true;
    page.cursor = state_.to_json();
    return page;
  }
  TRY(wait_turn(stop));
  ASSIGN(const net::Url url, http::page_url(config_, state_));
  const std::string url_hash = io::sha256_hex(url.to_string());
  auto answer = fetch(url, url_hash, stop);
  if (!answer) {
    if (answer.error().code() == ErrorCode::kCorrupt)
      return undecodable(std::move(answer).error(), url);
    return std::move(answer).error();
  }
  if (answer->status == 304 && state_.validated_url == url_hash) {
    PassState next = state_;
    next.pages = 1;
    return finish({}, std::move(next), true);
  }
  TRY(check_status(*answer));
  if (answer->status == 206)
    return undecodable(Error(ErrorCode::kCorrupt, "status 206, a part of the answer"), url);
  return take(std::move(*answer), url_hash);
}

Result<std::unique_ptr<stream::Source>> make(const config::Node& node,
                                             const stream::SourceContext& context) {
  ASSIGN(Config config, http::spec().parse(node, context.environment));
  ASSIGN(net::Url base, net::Url::parse(config.url));
  net::OriginAllowList allow;
  allow.add(base);
  for (const auto& host : config.allow_hosts) allow_host(allow, host, base.scheme == "http");
  for (const auto& host : context.allowed_hosts) allow_host(allow, host, base.scheme == "http");
  config::Redactor secrets = http::secrets_of(config, node);
  return std::unique_ptr<stream::Source>(std::make_unique<HttpSource>(
      std::move(config), context, std::move(base), std::move(allow), std::move(secrets)));
}

std::vector<std::string> hosts(const config::Node& node) {
  std::vector<std::string> out;
  auto config = http::spec().parse(node);
  if (!config) return out;
  auto add = [&](const std::string& text) {
    if (auto url = net::Url::parse(text)) out.push_back(fmt::format("{}:{}", url->host, url->port));
  };
  add(config->url);
  if (auto* oauth = std::get_if<http::OAuth2Auth>(&config->auth)) add(oauth->token_url);
  out.insert(out.end(), config->allow_hosts.begin(), config->allow_hosts.end());
  return out;
}

}  // namespace

void register_source_http(stream::Registry& registry) {
  stream::SourceType type;
  type.name = "http";
  type.summary = http::spec().summary();
  type.guarantee =
      "Every record the API serves is delivered at least once; with `id:` each is taken once. "
      "After a crash it goes on at the "
      "first page that was not committed.";
  type.example_yaml = kExample;
  type.spec = &http::spec();
  type.rereadable = false;
  type.make = make;
  type.hosts = hosts;
  registry.add(std::move(type));
}

}  // namespace leat::components
