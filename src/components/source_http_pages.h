// Where a pass over an API stands, and how it goes from a page to the next one. No I/O.
//
// Cursor, as committed with the records (JSON, one object; keys that say nothing are left out):
//   {"kind":"page","number":3,"pages":2,...}         the next page is number 3
//   {"kind":"offset","number":1000,...}              the next offset is 1000
//   {"kind":"cursor"|"next_url"|"link_header","token":"...",...}
//   "mark"       text of the newest record of the last whole pass (incremental)
//   "pass_mark"  the same of the pass under way
//   "anchor"     hash of a token of this pass; when it comes again, the API leads in a circle
//   "page_hash"  of the page before, to notice an API that ignores its page parameter
//   "etag","modified","validated_url"   for the conditional request of the next pass
//   "done":true  a bounded source has read everything
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "codec/framing.h"
#include "components/source_http_config.h"
#include "net/http_client.h"

namespace leat::components::http {

/// A mark is compared as a number when both are numbers, else as text.
bool is_newer(std::string_view mark, std::string_view than);
/// The mark moved back by `overlap` ("" or "5m" or "10"); kInvalidArgument when they do not fit
/// each other.
Result<std::string> with_overlap(const std::string& mark, const std::string& overlap);

/// The position of a pass.
struct PassState {
  std::string kind = "none";
  int64_t number = 0;  // page, offset
  std::string token;   // cursor, next URL; "" at the first page
  int64_t pages = 0;   // read in this pass
  std::string mark, pass_mark, page_hash, anchor, etag, modified, validated_url;
  bool done = false;

  static PassState start_of(const Pagination& pagination);
  /// kIncompatible: written under another kind of pagination. kCorrupt: not a cursor of this
  /// source.
  static Result<PassState> parse(std::string_view cursor, const Pagination& pagination);
  std::string to_json() const;
  /// The state before the first page of the next pass.
  PassState next_pass(const Pagination& pagination) const;
  bool operator==(const PassState&) const = default;
};

/// The URL of the page at `state`, without credentials. kInvalidArgument for a next URL that is
/// none.
Result<net::Url> page_url(const Config& config, const PassState& state);

/// What follows a page of `records` records: `state` moves on; true when the pass is over.
/// kCorrupt (retry: backoff) when the answer leads nowhere: a token that is its own successor, the
/// very page again.
Result<bool> advance(const Config& config, PassState& state, codec::JsonPage& page,
                     const net::HttpResponse& answer, size_t records);

/// The URL of rel="next" in the Link headers (RFC 8288); nullopt when there is none.
std::optional<std::string> next_link(const net::Headers& headers);

/// True when an unchanged first page means that nothing else has changed either: there is one page
/// only, or the first page of the last pass was also its last and would carry the token of a
/// further one.
bool may_be_conditional(const Config& config, const PassState& state);

}  // namespace leat::components::http
