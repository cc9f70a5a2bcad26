#include "components/source_http_config.h"

#include "base/strings.h"
#include "net/headers.h"
#include "net/url.h"

namespace leat::components::http {
namespace {

bool is_pointer(std::string_view text) { return text.empty() || text.front() == '/'; }
bool is_url(std::string_view text) { return net::Url::parse(text).has_value(); }
bool is_method(std::string_view text) { return text == "GET" || text == "POST"; }
bool is_header_name(std::string_view text) { return net::is_safe_field(text, ""); }
constexpr const char* kPointer = "a JSON Pointer such as `/data/items`";

const config::Spec<NoPages>& no_pages() {
  static const config::Spec<NoPages> spec("none", "One request has everything.");
  return spec;
}
const config::Spec<LinkHeader>& link_header() {
  static const config::Spec<LinkHeader> spec(
      "link_header", "The header `Link` with rel=\"next\" names the next page.");
  return spec;
}

const config::Spec<PageNumbers>& page_numbers() {
  static const auto spec = [] {
    config::Spec<PageNumbers> s("page", "Pages are numbered.");
    s.field("param", &PageNumbers::param).doc("Query parameter of the page's number.");
    s.field("from", &PageNumbers::from).at_least(0).doc("Number of the first page.");
    s.field("to", &PageNumbers::to)
        .at_least(0)
        .doc("Number of the last page. Without it the first page without records ends the pass.");
    s.check([](const PageNumbers& pages, const config::Node& node, config::Reading& reading) {
      if (pages.to && *pages.to < pages.from)
        reading.error(node.mark,
                      fmt::format("`to: {}` lies before `from: {}`", *pages.to, pages.from));
    });
    return s;
  }();
  return spec;
}

const config::Spec<Offsets>& offsets() {
  static const auto spec = [] {
    config::Spec<Offsets> s("offset", "The offset of the first record and a limit.");
    s.field("param", &Offsets::param).doc("Query parameter of the offset.");
    s.field("limit_param", &Offsets::limit_param).doc("Query parameter of the limit.");
    s.field("limit", &Offsets::limit).range(1, 1'000'000).doc("Records asked for at once.");
    s.field("to", &Offsets::to).at_least(1).doc("The pass ends before this offset.");
    s.field("total", &Offsets::total)
        .syntax(kPointer, is_pointer)
        .doc("Where the body says how many records there are.");
    return s;
  }();
  return spec;
}

const config::Spec<BodyCursor>& body_cursor() {
  static const auto spec = [] {
    config::Spec<BodyCursor> s("cursor", "The body carries a token for the next page.");
    s.field("param", &BodyCursor::param).required().doc("Query parameter of the token.");
    s.field("pointer", &BodyCursor::pointer)
        .required()
        .syntax(kPointer, is_pointer)
        .doc("Where the token is. Null, empty or absent: the last page.");
    return s;
  }();
  return spec;
}

const config::Spec<BodyUrl>& body_url() {
  static const auto spec = [] {
    config::Spec<BodyUrl> s("next_url", "The body carries the URL of the next page.");
    s.field("pointer", &BodyUrl::pointer)
        .required()
        .syntax(kPointer, is_pointer)
        .doc("Where the URL is. Null, empty or absent: the last page.");
    return s;
  }();
  return spec;
}

const config::Spec<BasicAuth>& basic_auth() {
  static const auto spec = [] {
    config::Spec<BasicAuth> s("basic", "User and password.");
    s.field("username", &BasicAuth::username).required().doc("The user.");
    s.field("password", &BasicAuth::password)
        .required()
        .doc("The password.")
        .example("${API_PASSWORD}");
    return s;
  }();
  return spec;
}

const config::Spec<BearerAuth>& bearer_auth() {
  static const auto spec = [] {
    config::Spec<BearerAuth> s("bearer", "A token in the header Authorization.");
    s.field("token", &BearerAuth::token).required().doc("The token.").example("${API_TOKEN}");
    return s;
  }();
  return spec;
}

const config::Spec<ApiKeyAuth>& api_key_auth() {
  static const auto spec = [] {
    config::Spec<ApiKeyAuth> s("api_key",
                               "A key in a header or a query parameter of the API's choice.");
    s.field("header", &ApiKeyAuth::header)
        .syntax("the name of a header", is_header_name)
        .doc("Header that carries the key.")
        .example("X-Api-Key");
    s.field("query", &ApiKeyAuth::query)
        .doc("Query parameter that carries the key.")
        .example("api_key");
    s.field("key", &ApiKeyAuth::key).required().doc("The key.").example("${API_KEY}");
    s.exactly_one({"header", "query"});
    return s;
  }();
  return spec;
}

const config::Spec<OAuth2Auth>& oauth2_auth() {
  static const auto spec = [] {
    config::Spec<OAuth2Auth> s(
        "oauth2",
        "OAuth 2 client credentials; the token is renewed before it expires and after a 401.");
    s.field("token_url", &OAuth2Auth::token_url)
        .required()
        .syntax("an http or https URL", is_url)
        .doc("Where tokens are issued.");
    s.field("client_id", &OAuth2Auth::client_id).required().doc("The client.");
    s.field("client_secret", &OAuth2Auth::client_secret)
        .required()
        .doc("Its secret.")
        .example("${CLIENT_SECRET}");
    s.field("scope", &OAuth2Auth::scope).doc("Scopes asked for, with spaces between.");
    s.field("in_body", &OAuth2Auth::in_body)
        .doc("Send the client's id and secret as form fields instead of a header.");
    return s;
  }();
  return spec;
}

const config::Spec<net::Rate>& rate() {
  static const auto spec = [] {
    config::Spec<net::Rate> s("rate_limit", "Requests per time.");
    s.field("rate", &net::Rate::per_second)
        .required()
        .unit(config::Unit::kRate)
        .doc("Requests per second, minute or hour.")
        .example("10/s");
    s.field("burst", &net::Rate::burst)
        .range(1, 10'000)
        .doc("Requests that may go at once after a pause.");
    s.shorthand("a rate such as `10/s`", [](const config::Node& node, net::Rate& out) {
      auto parsed = node.is_scalar() ? net::parse_rate(node.text) : std::nullopt;
      if (parsed) out = *parsed;
      return parsed.has_value();
    });
    return s;
  }();
  return spec;
}

const config::Spec<Incremental>& incremental() {
  static const auto spec = [] {
    config::Spec<Incremental> s(
        "incremental", "Ask only for what is newer than the newest record of the last whole pass.");
    s.field("field", &Incremental::field)
        .required()
        .syntax(kPointer, is_pointer)
        .doc("Where a record says how new it is: an ISO 8601 time, a number, or text that sorts.");
    s.field("param", &Incremental::param).required().doc("Query parameter that takes the mark.");
    s.field("overlap", &Incremental::overlap)
        .doc("How far to go back behind the mark: a duration for times, a number for numbers.")
        .example("5m");
    s.field("start", &Incremental::start)
        .doc("The first mark. Without it the first pass has no parameter.");
    s.check([](const Incremental& value, const config::Node& node, config::Reading& reading) {
      bool number = !value.overlap.empty() &&
                    value.overlap.find_first_not_of("0123456789.") == std::string::npos;
      if (!value.overlap.empty() && !number && !parse_duration_ms(value.overlap))
        reading.error(
            node.mark,
            fmt::format("`overlap: {}` is neither a duration nor a number", value.overlap),
            "a duration such as `5m`, or a number");
    });
    return s;
  }();
  return spec;
}

}  // namespace

std::string_view name_of(const Pagination& pagination) {
  static constexpr std::string_view kNames[] = {"none",   "page",     "offset",
                                                "cursor", "next_url", "link_header"};
  return kNames[pagination.index()];
}

const config::Spec<Config>& spec() {
  static const auto spec = [] {
    config::Spec<Config> s(
        "http", "Reads records from an HTTP API, page by page, once or again and again.");
    s.field("url", &Config::url)
        .required()
        .syntax("an http or https URL", is_url)
        .doc("Address of the first page.")
        .example("https://api.example.com/v1/users");
    s.field("method", &Config::method)
        .syntax("GET or POST", is_method)
        .doc("Verb of every request.");
    s.field("params", &Config::params).doc("Query parameters of every request.");
    s.field("headers", &Config::headers)
        .doc(
            "Headers of every request to the origin of `url`; of them only Accept goes elsewhere.");
    s.field("body", &Config::body)
        .doc("Body of every request, to the origin of `url` only; `method: POST` with it.");
    s.field("records", &Config::records)
        .syntax(kPointer, is_pointer)
        .doc("Where the array of records is in the body; without it the body itself is the array.");
    s.field("pagination", &Config::pagination)
        .when("none", no_pages())
        .when("page", page_numbers())
        .when("offset", offsets())
        .when("cursor", body_cursor())
        .when("next_url", body_url())
        .when("link_header", link_header())
        .doc("How to get from a page to the next one.");
    s.field("auth", &Config::auth)
        .when("basic", basic_auth())
        .when("bearer", bearer_auth())
        .when("api_key", api_key_auth())
        .when("oauth2", oauth2_auth())
        .doc("Credentials; none go to another origin.");
    s.field("rate_limit", &Config::rate_limit)
        .of(rate())
        .doc("Requests per time at most.")
        .example("10/s");
    s.field("timeout", &Config::timeout_ms)
        .unit(config::Unit::kDuration)
        .range(1, 3'600'000)
        .doc("For a whole request, redirects included.");
    s.field("connect_timeout", &Config::connect_timeout_ms)
        .unit(config::Unit::kDuration)
        .range(1, 600'000)
        .doc("For a connection.");
    s.field("min_rate", &Config::min_bytes_per_s)
        .unit(config::Unit::kBytes)
        .range(0, 1e9)
        .doc("Bytes per second below which an answer is given up; 0: never.");
    s.field("min_rate_window", &Config::min_rate_window_ms)
        .unit(config::Unit::kDuration)
        .range(1000, 600'000)
        .doc("How long it may be slower than that.");
    s.field("max_body", &Config::max_body_bytes)
        .unit(config::Unit::kBytes)
        .range(1, 1024.0 * limits::kMiB)
        .doc("Bytes of one answer at most, decompressed.");
    s.field("every", &Config::every_ms)
        .unit(config::Unit::kDuration)
        .range(1, static_cast<double>(limits::kMaxPollIntervalMs))
        .doc(
            "Poll again and again, this long after the end of a pass; needs `id` or `incremental`. "
            "Without it: one pass per run.");
    s.field("id", &Config::id)
        .one_or_list()
        .syntax(kPointer, is_pointer)
        .doc(
            "What makes a record itself (one or several pointers within it): it is then taken "
            "once, on whatever page it appears.")
        .example("/login/uuid");
    s.field("incremental", &Config::incremental).of(incremental()).doc("Ask only for new records.");
    s.field("allow_hosts", &Config::allow_hosts)
        .doc("More hosts (`host` or `host:port`) that redirects and next URLs may lead to.");
    s.field("ca_file", &Config::ca_file)
        .doc(
            "File of more certificates (PEM) that are trusted, such as that of a company's own "
            "authority; relative to the project.")
        .example("certs/our-ca.pem");
    s.field("breaker_failures", &Config::breaker_failures)
        .range(1, 1'000'000)
        .doc("Failures in a row after which the API is left alone for `breaker_open`.");
    s.field("breaker_open", &Config::breaker_open_ms)
        .unit(config::Unit::kDuration)
        .range(1, 3'600'000)
        .doc("How long it is left alone.");
    s.check([](const Config& config, const config::Node& node, config::Reading& reading) {
      if (config.every_ms && config.id.empty() && !config.incremental)
        reading.error(node.mark, "`every:` would take the same records again at each pass",
                      "`id:` or `incremental:` beside it", {}, "add `id: /path/of/the/id`");
      if (!config.body.empty() && config.method != "POST")
        reading.error(node.mark, "a `body:` goes with `method: POST` only", "`method: POST`");
      for (const auto& [name, value] : config.headers)
        if (!net::is_safe_field(name, value))
          reading.error(node.mark,
                        fmt::format("header `{}` has characters that a header may not have", name),
                        "letters, digits and hyphens in the name, one line in the value");
    });
    return s;
  }();
  return spec;
}

}  // namespace leat::components::http
