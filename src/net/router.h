// Router: from method and path to a handler. Needs no socket: a command runs the same handlers in
// its own process when no `leat run` serves them.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/limits.h"
#include "base/result.h"
#include "net/headers.h"
#include "net/url.h"

namespace leat::net {

/// One request, as a handler sees it. Owned by the server for the call's time.
struct Request {
  std::string method;
  std::string path;    // still percent-encoded, without the query
  QueryParams query;   // decoded, in order
  QueryParams params;  // of the route's pattern: {name}
  Headers headers;
  std::string body;
  bool trusted = false;  // came by the Unix domain socket, or in process: no token asked for
  std::stop_token stop;  // the server ends, or the client has gone

  /// A parameter of the pattern; CHECKs that the pattern has it.
  const std::string& param(std::string_view name) const;
  /// The first value of a query parameter.
  std::optional<std::string_view> query_param(std::string_view name) const;
  /// kInvalidArgument when it is there and no whole number within [least, most].
  Result<int64_t> query_number(std::string_view name, int64_t otherwise, int64_t least,
                               int64_t most) const;
};

/// Takes the pieces of an answer that goes on. One thread.
class StreamWriter {
 public:
  virtual ~StreamWriter() = default;
  /// Blocks while the peer is behind. kCancelled: the peer has gone, or the server stops; end the
  /// stream.
  virtual Result<void> write(std::string_view bytes) = 0;
};

/// What goes wrong on the wire on purpose: for servers that replay an API with faults.
struct WireFault {
  enum class Kind : uint8_t { kNone, kTruncate, kReset, kTrickle } kind = Kind::kNone;
  size_t after_bytes = 0;     // of the body: kTruncate closes, kReset resets behind them
  size_t piece_bytes = 1024;  // kTrickle: size of a piece
  int64_t pause_ms = 20;      // kTrickle: between two pieces
};

struct Response {
  int status = 200;
  Headers headers;
  std::string body;
  /// Instead of `body`: writes pieces until it returns. An Error cuts the connection, so that the
  /// peer can tell a broken stream from a finished one. Runs on a thread of its own.
  std::function<Result<void>(StreamWriter&, std::stop_token)> stream;
  WireFault fault;

  static Response json(std::string body, int status = 200);
  static Response text(std::string body, int status = 200);
  /// {"error": {"code": ..., "message": ..., "where": ..., "hint": ...}} with the status that fits
  /// the code.
  static Response error(const Error& error);
  static Response error(int status, std::string_view code, std::string_view message,
                        std::string_view hint = {});
};

using Handler = std::function<Result<Response>(const Request&)>;

/// Who may call a route over TCP: anybody who reaches the port, or only who has the token.
enum class Access : uint8_t { kOpen, kToken };

struct Route {
  std::string method;   // "GET" serves HEAD, too
  std::string pattern;  // "/api/v1/topics/{topic}/records"; a last "{name*}" takes the rest
  Access access = Access::kToken;
  size_t max_body_bytes = limits::kMaxRequestBodyBytes;
  Handler handler;
};

/// Routes are added before the first dispatch; dispatch is for any thread then.
class Router {
 public:
  /// CHECKs that no route has the same method and pattern.
  void add(Route route);

  /// Which route a request takes; fills `params`. Null: none; `allowed` then lists the methods that
  /// the path has ("" when it has none).
  const Route* find(std::string_view method, std::string_view path, QueryParams& params,
                    std::string& allowed) const;

  /// Finds and runs the handler; an Error becomes its answer, an unknown path 404, a wrong method
  /// 405.
  Response dispatch(Request& request) const;
  /// For a command in process: "GET", "/api/v1/topics?from=start", body.
  Response call(std::string method, std::string_view target, std::string body = {},
                std::stop_token stop = {}) const;

  const std::vector<Route>& routes() const { return routes_; }

 private:
  std::vector<Route> routes_;
};

/// Whether two passwords or tokens are equal; takes as long whatever the first difference is.
bool same_secret(std::string_view a, std::string_view b);

/// What stands before every route on TCP: DNS rebinding, foreign origins, the token.
struct Guard {
  std::vector<std::string>
      hosts;              // names that Host may have besides 127.0.0.1, localhost and [::1]
  int port = 0;           // the server's own
  std::string token;      // empty: every kToken route is refused over TCP
  bool any_host = false;  // `Host` may be any name; a page's origin has to be the same

  /// The refusal, or nullopt. 421 a foreign Host, 403 a foreign Origin on a verb that changes
  /// something, 401 no or a wrong token.
  std::optional<Response> refuse(const Request& request, Access access) const;
};

}  // namespace leat::net
