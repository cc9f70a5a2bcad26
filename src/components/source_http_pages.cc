#include "components/source_http_pages.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "io/digest.h"
#include "types/temporal.h"

namespace leat::components::http {
namespace {

Error bad_page(std::string message) {
  return Error(ErrorCode::kCorrupt, std::move(message)).with_retry(Retry::kBackoff);
}

std::optional<double> as_number(std::string_view text) {
  double value = 0;
  auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (code != std::errc() || end != text.data() + text.size() || !std::isfinite(value))
    return std::nullopt;
  return value;
}

bool is_whole(std::string_view text, int64_t& value) {
  auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  return code == std::errc() && end == text.data() + text.size() && value > INT64_MIN / 2 &&
         value < INT64_MAX / 2;
}

/// A token may not lead back to where it came from. One token is remembered, a later one each time the count of pages
/// doubles (Brent's cycle detection, 1980): a circle is noticed at the latest when it was gone around twice.
Result<bool> follow(PassState& state, std::optional<std::string> next) {
  if (!next || next->empty()) return true;
  if (*next == state.token) return bad_page("the page names itself as the next one");
  std::string hash = io::sha256_hex(*next).substr(0, 32);
  if (hash == state.anchor)
    return bad_page("the page names one as the next that was read before in this pass");
  if (std::has_single_bit(static_cast<uint64_t>(state.pages))) state.anchor = std::move(hash);
  state.token = std::move(*next);
  return false;
}

Result<bool> advance_number(const PageNumbers& pages, PassState& state,
                            const net::HttpResponse& answer, size_t records) {
  bool last = pages.to ? state.number >= *pages.to : records == 0;
  if (last) return true;
  std::string hash = io::sha256_hex(answer.body);
  if (records > 0 && hash == state.page_hash)
    return bad_page(fmt::format(
        "page {} is byte for byte the page before it: does the API know the query parameter `{}`?",
        state.number, pages.param));
  state.page_hash = std::move(hash);
  ++state.number;
  return false;
}

Result<bool> advance_offset(const Offsets& offsets, PassState& state, codec::JsonPage& page,
                            const net::HttpResponse& answer, size_t records) {
  if (records == 0) return true;
  // An answer may hold fewer than asked for (the API's own cap), or more (rows that moved between
  // pages).
  int64_t next = state.number + std::min<int64_t>(static_cast<int64_t>(records), offsets.limit);
  if (offsets.to && next >= *offsets.to) return true;
  if (!offsets.total.empty()) {
    ASSIGN(auto text, page.value(offsets.total));
    auto total = text ? as_number(*text) : std::nullopt;
    if (!total) return bad_page(fmt::format("no number of records at {}", offsets.total));
    if (static_cast<double>(next) >= *total) return true;
  }
  std::string hash = io::sha256_hex(answer.body);
  if (hash == state.page_hash)
    return bad_page(
        fmt::format("the page at offset {} is byte for byte the one before it: does the API know "
                    "the query parameter `{}`?",
                    state.number, offsets.param));
  state.page_hash = std::move(hash);
  state.number = next;
  return false;
}

}  // namespace

bool is_newer(std::string_view mark, std::string_view than) {
  if (than.empty()) return !mark.empty();
  auto a = as_number(mark), b = as_number(than);
  if (a && b) return *a > *b;
  return mark > than;
}

Result<std::string> with_overlap(const std::string& mark, const std::string& overlap) {
  if (overlap.empty() || mark.empty()) return mark;
  auto misfit = [&](std::string_view why) {
    return Error(ErrorCode::kInvalidArgument,
                 fmt::format("`overlap: {}` does not fit the mark \"{}\": {}", overlap, mark, why))
        .with_hint("give a duration for ISO 8601 times and a number for numbers");
  };
  auto number = as_number(mark), back = as_number(overlap);
  if (number) {
    if (!back) return misfit("the field is a number");
    int64_t whole_mark = 0, whole_back = 0;
    if (is_whole(mark, whole_mark) && is_whole(overlap, whole_back))
      return std::to_string(whole_mark - whole_back);
    return fmt::format("{}", *number - *back);
  }
  auto ms = parse_duration_ms(overlap);
  if (!ms) return misfit("the field is no number");
  auto moment = types::parse_timestamp_tz(mark);
  bool local = !moment;
  if (local) moment = types::parse_timestamp(mark);
  if (!moment && types::parse_date(mark))
    moment = int64_t{*types::parse_date(mark)} * 86'400'000'000;
  if (!moment) return misfit("the field is no ISO 8601 time");
  char text[types::kMaxText];
  char* end = local ? types::write_timestamp(text, *moment - *ms * 1000)
                    : types::write_timestamp_tz(text, *moment - *ms * 1000);
  return std::string(text, end);
}

PassState PassState::start_of(const Pagination& pagination) {
  PassState state;
  state.kind = name_of(pagination);
  if (auto* pages = std::get_if<PageNumbers>(&pagination)) state.number = pages->from;
  return state;
}

PassState PassState::next_pass(const Pagination& pagination) const {
  PassState next = start_of(pagination);
  next.mark = is_newer(pass_mark, mark) ? pass_mark : mark;
  next.etag = etag, next.modified = modified, next.validated_url = validated_url;
  return next;
}

std::string PassState::to_json() const {
  nlohmann::ordered_json json;
  json["kind"] = kind;
  if (kind == "page" || kind == "offset") json["number"] = number;
  auto put = [&](const char* key, const std::string& text) {
    if (!text.empty()) json[key] = text;
  };
  put("token", token);
  if (pages > 0) json["pages"] = pages;
  put("mark", mark), put("pass_mark", pass_mark), put("page_hash", page_hash),
      put("anchor", anchor);
  put("etag", etag), put("modified", modified), put("validated_url", validated_url);
  if (done) json["done"] = true;
  return json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

Result<PassState> PassState::parse(std::string_view cursor, const Pagination& pagination) {
  PassState state = start_of(pagination);
  if (cursor.empty()) return state;
  auto json = nlohmann::json::parse(cursor, nullptr, false);
  auto text = [&](const char* key) {
    auto found = json.find(key);
    return found != json.end() && found->is_string() ? found->get<std::string>() : std::string();
  };
  auto number = [&](const char* key, int64_t otherwise) {
    auto found = json.find(key);
    return found != json.end() && found->is_number_integer() ? found->get<int64_t>() : otherwise;
  };
  if (!json.is_object() || text("kind").empty())
    return Error(ErrorCode::kCorrupt, "the stored cursor is none of an http source")
        .with_hint("leat reset PIPELINE --to start");
  if (text("kind") != state.kind)
    return Error(ErrorCode::kIncompatible,
                 fmt::format("the stored cursor belongs to `pagination: {}`, the file says `{}`",
                             text("kind"), state.kind))
        .with_hint("leat reset PIPELINE --to start begins anew");
  state.number = number("number", state.number);
  state.pages = number("pages", 0);
  state.token = text("token");
  state.mark = text("mark"), state.pass_mark = text("pass_mark"),
  state.page_hash = text("page_hash"), state.anchor = text("anchor");
  state.etag = text("etag"), state.modified = text("modified"),
  state.validated_url = text("validated_url");
  auto done = json.find("done");
  state.done = done != json.end() && done->is_boolean() && done->get<bool>();
  return state;
}

Result<net::Url> page_url(const Config& config, const PassState& state) {
  ASSIGN(auto url, net::Url::parse(config.url));
  bool given = std::holds_alternative<BodyUrl>(config.pagination) ||
               std::holds_alternative<LinkHeader>(config.pagination);
  if (given && !state.token.empty()) return net::resolve(url, state.token);
  for (const auto& [name, value] : config.params) net::set_query_param(url, name, value);
  if (config.incremental) {
    const std::string& mark = state.mark.empty() ? config.incremental->start : state.mark;
    ASSIGN(std::string since,
           with_overlap(mark, state.mark.empty() ? "" : config.incremental->overlap));
    if (!since.empty()) net::set_query_param(url, config.incremental->param, since);
  }
  if (auto* pages = std::get_if<PageNumbers>(&config.pagination)) {
    net::set_query_param(url, pages->param, std::to_string(state.number));
  } else if (auto* offsets = std::get_if<Offsets>(&config.pagination)) {
    int64_t limit =
        offsets->to ? std::min(offsets->limit, *offsets->to - state.number) : offsets->limit;
    net::set_query_param(url, offsets->param, std::to_string(state.number));
    net::set_query_param(url, offsets->limit_param, std::to_string(std::max<int64_t>(1, limit)));
  } else if (auto* cursor = std::get_if<BodyCursor>(&config.pagination);
             cursor != nullptr && !state.token.empty()) {
    net::set_query_param(url, cursor->param, state.token);
  }
  return url;
}

Result<bool> advance(const Config& config, PassState& state, codec::JsonPage& page,
                     const net::HttpResponse& answer, size_t records) {
  ++state.pages;
  if (static_cast<size_t>(state.pages) > limits::kMaxSourcePages)
    return Error(ErrorCode::kLimit,
                 fmt::format("more than {} pages in one pass", limits::kMaxSourcePages))
        .with_blame(Blame::kExternal)
        .with_hint("ask for larger pages, or bound the pagination with `to:`");
  if (auto* pages = std::get_if<PageNumbers>(&config.pagination))
    return advance_number(*pages, state, answer, records);
  if (auto* offsets = std::get_if<Offsets>(&config.pagination))
    return advance_offset(*offsets, state, page, answer, records);
  if (auto* cursor = std::get_if<BodyCursor>(&config.pagination)) {
    ASSIGN(auto token, page.value(cursor->pointer));
    return follow(state, std::move(token));
  }
  std::optional<std::string> next;
  if (auto* url = std::get_if<BodyUrl>(&config.pagination)) {
    ASSIGN(next, page.value(url->pointer));
  } else if (std::holds_alternative<LinkHeader>(config.pagination)) {
    next = next_link(answer.headers);
  }
  if (!next || next->empty()) return true;
  auto resolved = net::resolve(answer.url, *next);
  if (!resolved)
    return bad_page(fmt::format("the next page's URL: {}", resolved.error().message()));
  if (resolved->to_string() == answer.url.to_string())
    return bad_page("the page names itself as the next one");
  // An API that repeats the key in its links: requests get it anew, the stored cursor does not.
  if (auto* key = std::get_if<ApiKeyAuth>(&config.auth); key != nullptr && !key->query.empty())
    net::remove_query_param(*resolved, key->query);
  return follow(state, resolved->to_string());
}

namespace {

bool is_token_char(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 ||
         std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

/// Takes blanks, then `name [ = value ]`, off the front; the value unquoted. False: no parameter there.
bool take_param(std::string_view& text, std::string& name, std::string& value) {
  const auto skip = [&] {
    text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
  };
  name.clear(), value.clear();
  skip();
  for (; !text.empty() && is_token_char(text[0]); text.remove_prefix(1))
    name += static_cast<char>(std::tolower(static_cast<unsigned char>(text[0])));
  skip();
  if (name.empty() || !text.starts_with('=')) return !name.empty();
  text.remove_prefix(1);
  skip();
  if (!text.starts_with('"')) {
    for (; !text.empty() && text[0] != ';' && text[0] != ',' && text[0] != ' ' && text[0] != '\t';
         text.remove_prefix(1))
      value += text[0];
    skip();
    return true;
  }
  for (text.remove_prefix(1); !text.empty() && text[0] != '"'; text.remove_prefix(1)) {
    if (text[0] == '\\' && text.size() > 1) text.remove_prefix(1);
    value += text[0];
  }
  text.remove_prefix(std::min<size_t>(1, text.size()));
  skip();
  return true;
}

/// True when the blank-separated relation types hold `next`, in any case (RFC 8288, section 3.3).
bool names_next(std::string_view relations) {
  while (!relations.empty()) {
    const size_t end = std::min(relations.find_first_of(" \t"), relations.size());
    std::string one(relations.substr(0, end));
    for (char& c : one) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    if (one == "next") return true;
    relations.remove_prefix(std::min(end + 1, relations.size()));
  }
  return false;
}

}  // namespace

std::optional<std::string> next_link(const net::Headers& headers) {
  std::string name, value;
  for (std::string_view text : headers.all("link")) {
    // <url>; rel="next"; title="a, b", <url>; ...
    while (true) {
      const size_t open = text.find('<'), close = text.find('>', open);
      if (open == std::string_view::npos || close == std::string_view::npos) break;
      const std::string_view target = text.substr(open + 1, close - open - 1);
      text.remove_prefix(close + 1);
      std::optional<std::string> rel;  // the first one counts
      while (true) {
        text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
        if (!text.starts_with(';')) break;
        text.remove_prefix(1);
        if (take_param(text, name, value) && name == "rel" && !rel) rel = value;
      }
      if (rel && names_next(*rel)) return std::string(target);
    }
  }
  return std::nullopt;
}

bool may_be_conditional(const Config& config, const PassState& state) {
  if (state.pages > 0 || !config.every_ms || config.method != "GET") return false;
  if (std::holds_alternative<NoPages>(config.pagination)) return true;
  return std::holds_alternative<BodyCursor>(config.pagination) ||
         std::holds_alternative<BodyUrl>(config.pagination);
}

}  // namespace leat::components::http
