// Url: parse, build queries, resolve references, compare origins. http and https only.
//
// The parser is stricter than a browser's on purpose: what it accepts it rebuilds from its parts,
// so the client library never sees text that the two could read differently.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace leat::net {

using QueryParams = std::vector<std::pair<std::string, std::string>>;

struct Url {
  std::string scheme;      // "http" or "https"
  std::string host;        // lower case; an IPv6 address in its brackets
  int port = 0;            // always set: 80 or 443 when the text has none
  std::string path = "/";  // still percent-encoded, begins with '/'
  std::string query;       // still percent-encoded, without '?'

  /// kInvalidArgument names what is wrong. A fragment is dropped; user:password@ is refused.
  static Result<Url> parse(std::string_view text);
  std::string to_string() const;
  /// "https://api.example.com:443".
  std::string origin() const;
  /// Path and query: what goes into the request line.
  std::string target() const;
  /// localhost, 127.0.0.0/8 or [::1].
  bool is_loopback() const;
  bool operator==(const Url&) const = default;
};

/// RFC 3986 section 5: `reference` as seen from `base` ("../x", "//host/x", "?a=1", "https://...").
Result<Url> resolve(const Url& base, std::string_view reference);

/// Everything but RFC 3986's unreserved characters becomes %XX.
std::string percent_encode(std::string_view text);
/// %XX to bytes, '+' to a space when asked for. A '%' without two digits stays as it is.
std::string percent_decode(std::string_view text, bool plus_is_space);
QueryParams parse_query(std::string_view query);
std::string build_query(const QueryParams& params);
/// Sets one parameter in place: the first of that name is replaced, others of it go, the rest keep
/// their bytes.
void set_query_param(Url& url, std::string_view name, std::string_view value);
/// Leaves out the parameters of that name; the rest keep their bytes.
void remove_query_param(Url& url, std::string_view name);

/// True when a parameter's name sounds like a secret: it holds key, token, secret, passw, sign or
/// auth.
bool is_secret_param(std::string_view name);
/// The URL for logs and messages: values of `secret_params`, and of parameters whose name sounds
/// like a secret (key, token, secret, password, signature, auth), are replaced by "***".
std::string redacted(const Url& url, std::span<const std::string> secret_params = {});

/// Origins that requests may go to. Files of a project fill it; redirects are checked against it,
/// too.
class OriginAllowList {
 public:
  void add(const Url& url);
  bool allows(const Url& url) const;
  bool empty() const { return origins_.empty(); }

 private:
  std::vector<std::string> origins_;
};

}  // namespace leat::net
