// ApiReplay: serves a recorded API on loopback, with faults when asked for. `leat api serve`, and
// tests.
//
// Which page answers a request: the one recorded for the same path and query; else the recorded
// records cut anew by the request's page parameters: page (page, p) and size (results, limit,
// per_page, page_size, size), offset (offset, skip, start), or cursor (cursor, after, page_token:
// "o<offset>"). Every answer that has a successor carries Link: <...>; rel="next"; with
// `navigation` the body says it, too: next, next_cursor, total.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "app/api_recording.h"
#include "base/mutex.h"
#include "base/result.h"
#include "net/http_server.h"
#include "net/router.h"

namespace leat::app {

/// Probabilities, each in [0, 1], together at most 1. At most one of them happens to a request.
struct ReplayFaults {
  double too_many = 0;  // 429, with no Retry-After, one in seconds or one as a date
  double failure = 0;   // "500": 500, 502 or 503
  double truncate = 0;  // the connection closes within the body
  double reset = 0;     // the connection is reset, before or within the body
  double slow = 0;      // the body trickles
  double duplicate =
      0;  // the page holds records of the page before as well, or some of its own twice
  double garbage = 0;  // status 200 with HTML, half of the JSON, or {"error": ...}
  double sum() const { return too_many + failure + truncate + reset + slow + duplicate + garbage; }
};
/// "429=0.05,500=0.02,truncate=0.01,reset=0.01,slow=0.02,duplicate=0.01,garbage=0.01"; "all=0.02"
/// sets each. kInvalidArgument names the piece that is wrong.
Result<ReplayFaults> parse_replay_faults(std::string_view text);

enum class FaultKind : uint8_t {
  kNone,
  kTooMany,
  kFailure,
  kTruncate,
  kReset,
  kSlow,
  kDuplicate,
  kGarbage
};
std::string_view to_string(FaultKind kind);
/// The fault of a request: depends on seed and number (from 1) alone.
FaultKind fault_of(const ReplayFaults& faults, uint64_t seed, uint64_t number);

struct ReplayOptions {
  int port = 0;  // 0: a free one
  ReplayFaults faults;
  uint64_t seed = 0;
  bool navigation = false;
  int64_t trickle_ms = 25;                    // between two pieces of a slow answer
  std::function<void(std::string_view)> log;  // a line per request; called from several threads
};

/// A running replay server. Stops when destroyed.
class ApiReplay {
 public:
  static Result<std::unique_ptr<ApiReplay>> start(const std::string& directory,
                                                  ReplayOptions options);
  static Result<std::unique_ptr<ApiReplay>> start(std::unique_ptr<Recording> recording,
                                                  ReplayOptions options);

  /// "http://127.0.0.1:PORT/".
  std::string url() const { return server_->url() + "/"; }
  int port() const { return server_->port(); }
  uint64_t requests() const { return number_.load(); }
  /// How often each fault has happened.
  uint64_t happened(FaultKind kind) const { return happened_[static_cast<size_t>(kind)].load(); }
  const Recording& recording() const { return *recording_; }
  void stop() { server_->stop(); }

 private:
  ApiReplay(std::unique_ptr<Recording> recording, ReplayOptions options);
  /// The records that a request asks for: a range of recording_->records(), or a recorded page.
  struct Slice {
    const RecordedPage* exact = nullptr;
    size_t from = 0, count = 0;
    int64_t page = 1;
    std::string next;  // query of the following page; "" at the end
    std::string next_cursor;
  };
  net::Response answer(const net::Request& request);
  net::Response plain(const net::Request& request, const Slice& slice, bool twice, uint64_t number);
  bool find(const net::Request& request, Slice& slice) const;
  void cut(const net::Request& request, Slice& slice) const;

  const std::unique_ptr<Recording> recording_;
  const ReplayOptions options_;
  net::Router router_;
  std::atomic<uint64_t> number_{0};
  std::array<std::atomic<uint64_t>, 8> happened_{};
  std::unique_ptr<net::HttpServer> server_;
};

}  // namespace leat::app
