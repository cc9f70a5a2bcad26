// GCC 12 takes string_view::find over a shrinking view for a read past its end; falsely, at -O2 only.
#ifndef __clang__
#pragma GCC diagnostic ignored "-Wstringop-overread"
#endif

#include "app/api_replay.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "base/check.h"
#include "base/strings.h"
#include "io/clock.h"
#include "io/digest.h"
#include "io/random.h"
#include "net/content_coding.h"
#include "net/retry.h"

namespace leat::app {
namespace {

constexpr std::array<std::string_view, 2> kPageNames = {"page", "p"};
constexpr std::array<std::string_view, 5> kSizeNames = {"results", "limit", "per_page", "page_size",
                                                        "size"};
constexpr std::array<std::string_view, 3> kOffsetNames = {"offset", "skip", "start"};
constexpr std::array<std::string_view, 3> kCursorNames = {"cursor", "after", "page_token"};
constexpr size_t kMaxPageRecords = 100'000;
constexpr size_t kGzipFrom = 16 * 1024;
constexpr size_t kSlowPieces = 8;

struct FaultName {
  std::string_view name;
  double ReplayFaults::*member;
  FaultKind kind;
};
constexpr std::array<FaultName, 7> kFaults = {{
    {"429", &ReplayFaults::too_many, FaultKind::kTooMany},
    {"500", &ReplayFaults::failure, FaultKind::kFailure},
    {"truncate", &ReplayFaults::truncate, FaultKind::kTruncate},
    {"reset", &ReplayFaults::reset, FaultKind::kReset},
    {"slow", &ReplayFaults::slow, FaultKind::kSlow},
    {"duplicate", &ReplayFaults::duplicate, FaultKind::kDuplicate},
    {"garbage", &ReplayFaults::garbage, FaultKind::kGarbage},
}};

/// One step of splitmix64: spreads seed and number over all bits.
uint64_t mix(uint64_t seed, uint64_t number) {
  uint64_t z = seed * 0x9e3779b97f4a7c15u + number * 0xbf58476d1ce4e5b9u + 0x94d049bb133111ebu;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

template <size_t N>
std::optional<std::pair<std::string_view, std::string_view>> first_param(
    const net::Request& request, const std::array<std::string_view, N>& names) {
  for (const auto& [key, value] : request.query)
    if (std::find(names.begin(), names.end(), key) != names.end()) return {{key, value}};
  return std::nullopt;
}

std::optional<int64_t> whole(std::string_view text) {
  int64_t value = 0;
  auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (code != std::errc() || end != text.data() + text.size() || value < 0) return std::nullopt;
  return value;
}

/// The query with some parameters set and those of `drop` left out.
std::string changed(const net::QueryParams& query, const net::QueryParams& set) {
  net::QueryParams out;
  for (const auto& param : query)
    if (std::none_of(set.begin(), set.end(), [&](const auto& s) { return s.first == param.first; }))
      out.push_back(param);
  out.insert(out.end(), set.begin(), set.end());
  return net::build_query(out);
}

net::QueryParams comparable(const net::QueryParams& query) {
  net::QueryParams out;
  for (const auto& param : query)
    if (!net::is_secret_param(param.first)) out.push_back(param);
  std::sort(out.begin(), out.end());
  return out;
}

void replace_all(std::string& text, std::string_view what, std::string_view by) {
  if (what.empty()) return;
  for (size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += by.size())
    text.replace(at, what.size(), by);
}

}  // namespace

std::string_view to_string(FaultKind kind) {
  for (const auto& fault : kFaults)
    if (fault.kind == kind) return fault.name;
  return "none";
}

Result<ReplayFaults> parse_replay_faults(std::string_view text) {
  ReplayFaults faults;
  auto wrong = [](std::string message) {
    return Error(ErrorCode::kInvalidArgument, std::move(message))
        .with_hint(
            "write KIND=PROBABILITY, joined by commas; kinds: 429, 500, truncate, reset, slow, "
            "duplicate, garbage, all");
  };
  while (!text.empty()) {
    size_t comma = std::min(text.find(','), text.size());
    auto piece = text.substr(0, comma);
    text.remove_prefix(std::min(comma + 1, text.size()));
    size_t equals = std::min(piece.find('='), piece.size());
    auto name = piece.substr(0, equals), digits = piece.substr(std::min(equals + 1, piece.size()));
    double value = -1;
    auto [end, code] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (code != std::errc() || end != digits.data() + digits.size() || !(value >= 0 && value <= 1))
      return wrong(fmt::format("--fault {}: \"{}\" is no probability from 0 to 1", piece, digits));
    bool known = false;
    for (const auto& fault : kFaults)
      if (name == "all" || name == fault.name) faults.*fault.member = value, known = true;
    if (!known) {
      std::vector<std::string_view> names{"all"};
      for (const auto& fault : kFaults) names.push_back(fault.name);
      auto near = nearest(name, names);
      return wrong(fmt::format("--fault {}: unknown kind \"{}\"{}", piece, name,
                               near ? fmt::format(", did you mean \"{}\"?", *near) : ""));
    }
  }
  if (faults.sum() > 1)
    return wrong(
        fmt::format("--fault: the probabilities add up to {:.3}, more than 1", faults.sum()));
  return faults;
}

FaultKind fault_of(const ReplayFaults& faults, uint64_t seed, uint64_t number) {
  double at = static_cast<double>(mix(seed, number) >> 11) * 0x1.0p-53;
  for (const auto& fault : kFaults) {
    if (at < faults.*fault.member) return fault.kind;
    at -= faults.*fault.member;
  }
  return FaultKind::kNone;
}

ApiReplay::ApiReplay(std::unique_ptr<Recording> recording, ReplayOptions options)
    : recording_(std::move(recording)), options_(std::move(options)) {
  for (auto method : {"GET", "POST"})
    router_.add(
        {method, "/{path*}", net::Access::kOpen, limits::kMaxRequestBodyBytes,
         [this](const net::Request& request) -> Result<net::Response> { return answer(request); }});
}

Result<std::unique_ptr<ApiReplay>> ApiReplay::start(const std::string& directory,
                                                    ReplayOptions options) {
  ASSIGN(auto recording, Recording::load(directory));
  return start(std::move(recording), std::move(options));
}

Result<std::unique_ptr<ApiReplay>> ApiReplay::start(std::unique_ptr<Recording> recording,
                                                    ReplayOptions options) {
  auto replay = std::unique_ptr<ApiReplay>(new ApiReplay(std::move(recording), std::move(options)));
  net::HttpServerOptions server;
  server.port = replay->options_.port;
  ASSIGN(replay->server_, net::HttpServer::start(replay->router_, std::move(server)));
  return replay;
}

/// The page recorded for the very request; else a cut by the page parameters. False: neither.
bool ApiReplay::find(const net::Request& request, Slice& slice) const {
  auto asked = comparable(request.query);
  bool path_known = recording_->any_path();
  for (const auto& page : recording_->pages()) {
    if (page.path.empty()) continue;
    if (page.path != request.path) continue;
    path_known = true;
    if (page.method == request.method && comparable(page.query) == asked) {
      slice.exact = &page;
      slice.count = page.records.size();
      if (!page.records.empty())
        slice.from = static_cast<size_t>(
            std::find_if(recording_->records().begin(), recording_->records().end(),
                         [&](auto r) { return r.data() == page.records.front().data(); }) -
            recording_->records().begin());
      return true;
    }
  }
  if (!path_known || recording_->page_size() == 0) return false;
  cut(request, slice);
  return true;
}

void ApiReplay::cut(const net::Request& request, Slice& slice) const {
  const size_t all = recording_->records().size();
  auto size_param = first_param(request, kSizeNames);
  size_t size = recording_->page_size();
  if (size_param)
    if (auto value = whole(size_param->second))
      size = std::clamp<size_t>(static_cast<size_t>(*value), 1, kMaxPageRecords);
  auto offset_param = first_param(request, kOffsetNames);
  auto cursor_param = first_param(request, kCursorNames);
  auto page_param = first_param(request, kPageNames);
  size_t from = 0;
  if (offset_param) {
    from = static_cast<size_t>(whole(offset_param->second).value_or(0));
  } else if (cursor_param && cursor_param->second.starts_with('o')) {
    from = static_cast<size_t>(whole(cursor_param->second.substr(1)).value_or(0));
  } else if (page_param) {
    slice.page = std::min<int64_t>(whole(page_param->second).value_or(1), 1'000'000'000);
    from = static_cast<size_t>(std::max<int64_t>(slice.page - 1, 0)) * size;
  }
  slice.from = std::min(from, all);
  slice.count = std::min(size, all - slice.from);
  if (!page_param) slice.page = static_cast<int64_t>(slice.from / size) + 1;
  const size_t after = slice.from + slice.count;
  if (after < all) {
    slice.next_cursor = fmt::format("o{}", after);
    if (offset_param)
      slice.next =
          changed(request.query, {{std::string(offset_param->first), std::to_string(after)}});
    else if (page_param)
      slice.next = changed(request.query,
                           {{std::string(page_param->first), std::to_string(slice.page + 1)}});
    else
      slice.next = changed(
          request.query,
          {{cursor_param ? std::string(cursor_param->first) : "cursor", slice.next_cursor}});
  }
  // A whole recorded page is answered byte for byte.
  if (options_.navigation) return;
  for (const auto& page : recording_->pages())
    if (page.path.empty() && page.records.size() == slice.count && slice.count > 0 &&
        page.records.front().data() == recording_->records()[slice.from].data())
      slice.exact = &page;
}

net::Response ApiReplay::plain(const net::Request& request, const Slice& slice, bool twice,
                               uint64_t number) {
  net::Response response;
  const bool takes_gzip =
      request.headers.get("accept-encoding").value_or("").find("gzip") != std::string_view::npos;
  const std::string own = server_->url();
  bool gzipped = false;
  if (slice.exact != nullptr && !twice) {
    response.status = slice.exact->status;
    for (const auto& [name, value] : slice.exact->headers) {
      std::string text = value;
      replace_all(text, recording_->origin(), own);
      response.headers.add(name, std::move(text));
    }
    bool has_links = !recording_->origin().empty() &&
                     slice.exact->body.find(recording_->origin()) != std::string::npos;
    gzipped = takes_gzip && !slice.exact->gzipped.empty() && !has_links;
    response.body = gzipped ? slice.exact->gzipped : slice.exact->body;
    if (has_links) replace_all(response.body, recording_->origin(), own);
  } else {
    const auto& all = recording_->records();
    std::vector<std::string_view> records(
        all.begin() + static_cast<ptrdiff_t>(slice.from),
        all.begin() + static_cast<ptrdiff_t>(slice.from + slice.count));
    if (twice) {
      io::Random random(mix(options_.seed + 1, number));
      size_t some = 1 + random.below(20);
      if (slice.from > 0 && random.below(2) == 0) {
        // Rows moved while we paged: the end of the page before appears again.
        some = std::min(some, slice.from);
        records.insert(records.begin(), all.begin() + static_cast<ptrdiff_t>(slice.from - some),
                       all.begin() + static_cast<ptrdiff_t>(slice.from));
      } else {
        for (; some > 0 && !records.empty(); --some)
          records.push_back(records[random.below(records.size())]);
      }
    }
    std::string extra;
    if (options_.navigation && slice.exact == nullptr) {
      auto text = [](const std::string& value) {
        return value.empty() ? std::string("null") : "\"" + value + "\"";
      };
      extra = fmt::format("\"next\":{},\"next_cursor\":{},\"total\":{}",
                          text(slice.next.empty() ? "" : own + request.path + "?" + slice.next),
                          text(slice.next_cursor), all.size());
    }
    response.headers.add("Content-Type", "application/json; charset=utf-8");
    response.body = recording_->frame(records, slice.page, extra);
  }
  if (!slice.next.empty() && !response.headers.has("link"))
    response.headers.add("Link",
                         fmt::format("<{}{}?{}>; rel=\"next\"", own, request.path, slice.next));
  if (!twice && response.status == 200) {
    std::string tag = "\"" + io::sha256_hex(response.body).substr(0, 16) + "\"";
    response.headers.set("ETag", tag);
    if (request.headers.get("if-none-match") == tag) {
      response.status = 304;
      response.body.clear();
      return response;
    }
  }
  if (!gzipped && takes_gzip && response.body.size() >= kGzipFrom)
    response.body = net::gzip(response.body, 1), gzipped = true;
  if (gzipped) response.headers.set("Content-Encoding", "gzip");
  response.headers.set("Vary", "Accept-Encoding");
  return response;
}

net::Response ApiReplay::answer(const net::Request& request) {
  const uint64_t number = number_.fetch_add(1) + 1;
  Slice slice;
  if (!find(request, slice))
    return net::Response::error(404, "not_found", "nothing was recorded for " + request.path);
  const FaultKind fault = fault_of(options_.faults, options_.seed, number);
  happened_[static_cast<size_t>(fault)].fetch_add(1);
  io::Random random(mix(options_.seed + 2, number));
  net::Response response;
  if (fault == FaultKind::kTooMany) {
    response = net::Response::json("{\"error\":\"too many requests\"}\n", 429);
    auto way = random.below(3);
    if (way == 1) response.headers.add("Retry-After", "1");
    if (way == 2)
      response.headers.add("Retry-After",
                           net::format_http_date(io::system_clock().now_ms() / 1000 + 1));
  } else if (fault == FaultKind::kFailure) {
    constexpr std::array<int, 3> kStatus = {500, 502, 503};
    response =
        net::Response::text("the server is not well\n", kStatus[random.below(kStatus.size())]);
  } else {
    response = plain(request, slice, fault == FaultKind::kDuplicate, number);
  }
  if (fault == FaultKind::kGarbage) {
    response.headers.erase("content-encoding");
    response.status = 200;
    switch (random.below(3)) {
      case 0:
        response.headers.set("Content-Type", "text/html");
        response.body = "<!DOCTYPE html><html><body><h1>Please wait</h1></body></html>\n";
        break;
      case 1: {
        auto text =
            slice.exact != nullptr ? slice.exact->body : recording_->frame({}, slice.page, "");
        response.body = text.substr(0, text.size() / 2);
        break;
      }
      default:
        response.body = "{\"error\":\"Uh oh, something has gone wrong.\"}";
    }
  }
  using Wire = net::WireFault::Kind;
  response.fault.after_bytes = response.body.empty() ? 0 : random.below(response.body.size());
  if (fault == FaultKind::kTruncate) response.fault.kind = Wire::kTruncate;
  if (fault == FaultKind::kReset) response.fault.kind = Wire::kReset;
  if (fault == FaultKind::kSlow) {
    response.fault.kind = Wire::kTrickle;
    response.fault.piece_bytes = response.body.size() / kSlowPieces + 1;
    response.fault.pause_ms = options_.trickle_ms;
  }
  if (options_.log)
    options_.log(
        fmt::format("{} {} {}{} {} {} bytes{}", number, request.method, request.path,
                    request.query.empty() ? "" : "?" + net::build_query(comparable(request.query)),
                    response.status, response.body.size(),
                    fault == FaultKind::kNone ? "" : fmt::format(", fault {}", to_string(fault))));
  return response;
}

}  // namespace leat::app
