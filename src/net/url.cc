// GCC 12 takes string_view::find over a shrinking view for a read past its end; falsely, at -O2 only.
#ifndef __clang__
#pragma GCC diagnostic ignored "-Wstringop-overread"
#endif

#include "net/url.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cstdint>

#include "base/limits.h"

namespace leat::net {
namespace {

Error bad_url(std::string_view text, std::string_view why) {
  return Error(ErrorCode::kInvalidArgument,
               fmt::format("\"{}\" is no URL: {}", text.substr(0, 200), why))
      .with_hint("write http://host[:port]/path or https://host[:port]/path");
}

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

bool is_unreserved(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '.' || c == '_' ||
         c == '~';
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  c = lower(c);
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/// Encodes what may not stand in a path or query as it is (controls, space, quotes, non-ASCII);
/// keeps %XX.
std::string encode_part(std::string_view text) {
  constexpr const char* kHex = "0123456789ABCDEF";
  std::string out;
  out.reserve(text.size());
  for (char c : text) {
    auto byte = static_cast<unsigned char>(c);
    if (byte <= 0x20 || byte >= 0x7f || c == '"' || c == '<' || c == '>' || c == '\\' || c == '^' ||
        c == '`')
      out.append({'%', kHex[byte >> 4], kHex[byte & 15]});
    else
      out += c;
  }
  return out;
}

/// RFC 3986 section 5.2.4.
std::string remove_dot_segments(std::string_view path) {
  std::vector<std::string_view> kept;
  bool ends_in_directory = false;
  for (size_t i = 0; i < path.size();) {
    size_t slash = path.find('/', i + 1);
    if (slash == std::string_view::npos) slash = path.size();
    std::string_view segment = path.substr(i + 1, slash - i - 1);
    ends_in_directory = false;
    if (segment == "." || segment == "..") {
      if (segment == ".." && !kept.empty()) kept.pop_back();
      ends_in_directory = slash == path.size();
    } else {
      kept.push_back(segment);
    }
    i = slash;
  }
  std::string out;
  for (auto segment : kept) out.append("/").append(segment);
  if (ends_in_directory || out.empty()) out += '/';
  return out;
}

/// "host:port" into url; empty string when fine, else what is wrong.
std::string parse_authority(std::string_view authority, Url& url) {
  if (authority.find('@') != std::string_view::npos)
    return "it carries a user or password; give them under `auth:`";
  size_t colon = authority.rfind(':');
  size_t bracket = authority.rfind(']');
  if (colon != std::string_view::npos && (bracket == std::string_view::npos || colon > bracket)) {
    auto digits = authority.substr(colon + 1);
    if (!digits.empty()) {
      auto [end, code] = std::from_chars(digits.data(), digits.data() + digits.size(), url.port);
      if (code != std::errc() || end != digits.data() + digits.size() || url.port < 1 ||
          url.port > 65535)
        return fmt::format("port \"{}\" is not 1 to 65535", digits);
    }
    authority = authority.substr(0, colon);
  }
  if (authority.empty()) return "the host is missing";
  if (authority.size() > 255) return "the host is longer than 255 bytes";
  bool v6 = authority.front() == '[';
  if (v6 && (authority.back() != ']' || authority.size() < 4))
    return "the IPv6 address is not closed by ]";
  for (char c : v6 ? authority.substr(1, authority.size() - 2) : authority) {
    bool legal = v6 ? (hex_digit(c) >= 0 || c == ':' || c == '.') : (is_unreserved(c) && c != '~');
    if (!legal)
      return fmt::format("the host has an illegal character (byte 0x{:02x})",
                         static_cast<unsigned char>(c));
  }
  url.host.assign(authority);
  std::transform(url.host.begin(), url.host.end(), url.host.begin(), lower);
  return {};
}

}  // namespace

Result<Url> Url::parse(std::string_view text) {
  if (text.size() > limits::kMaxUrlBytes)
    return bad_url(text, fmt::format("longer than {} bytes", limits::kMaxUrlBytes));
  Url url;
  size_t colon = text.find("://");
  if (colon == std::string_view::npos)
    return bad_url(text, "it does not begin with http:// or https://");
  url.scheme.assign(text.substr(0, colon));
  std::transform(url.scheme.begin(), url.scheme.end(), url.scheme.begin(), lower);
  if (url.scheme != "http" && url.scheme != "https")
    return bad_url(text, "only http and https are spoken");
  url.port = url.scheme == "http" ? 80 : 443;
  std::string_view rest = text.substr(colon + 3);
  rest = rest.substr(0, rest.find('#'));
  size_t path = std::min(rest.find_first_of("/?"), rest.size());
  if (auto wrong = parse_authority(rest.substr(0, path), url); !wrong.empty()) {
    // The text may hold a password: it is not repeated.
    bool secret = rest.substr(0, path).find('@') != std::string_view::npos;
    return bad_url(secret ? url.scheme + "://***" : std::string(text), wrong);
  }
  rest = rest.substr(path);
  size_t question = std::min(rest.find('?'), rest.size());
  url.path = question == 0 ? "/" : remove_dot_segments(encode_part(rest.substr(0, question)));
  if (question < rest.size()) url.query = encode_part(rest.substr(question + 1));
  return url;
}

std::string Url::origin() const { return fmt::format("{}://{}:{}", scheme, host, port); }

std::string Url::target() const { return query.empty() ? path : path + "?" + query; }

std::string Url::to_string() const {
  bool usual = port == (scheme == "http" ? 80 : 443);
  return fmt::format("{}://{}{}{}", scheme, host, usual ? "" : fmt::format(":{}", port), target());
}

bool Url::is_loopback() const {
  return host == "localhost" || host == "[::1]" ||
         (host.starts_with("127.") && host.find_first_not_of("0123456789.") == host.npos);
}

Result<Url> resolve(const Url& base, std::string_view reference) {
  auto fragment = reference.substr(0, reference.find('#'));
  size_t scheme_end = fragment.find("://");
  size_t first_stop = fragment.find_first_of("/?");
  if (scheme_end != std::string_view::npos && scheme_end < first_stop) return Url::parse(fragment);
  if (fragment.starts_with("//")) return Url::parse(fmt::format("{}:{}", base.scheme, fragment));
  Url url = base;
  if (fragment.empty()) return url;
  size_t question = fragment.find('?');
  auto path = fragment.substr(0, question);
  if (path.empty()) {
    url.query = encode_part(fragment.substr(1));
    return url;
  }
  std::string whole = path.front() == '/'
                          ? std::string(path)
                          : base.path.substr(0, base.path.rfind('/') + 1) + std::string(path);
  url.path = remove_dot_segments(encode_part(whole));
  url.query = question == std::string_view::npos ? "" : encode_part(fragment.substr(question + 1));
  if (url.path.size() + url.query.size() > limits::kMaxUrlBytes)
    return bad_url(reference, fmt::format("longer than {} bytes", limits::kMaxUrlBytes));
  return url;
}

std::string percent_encode(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (char c : text) {
    if (is_unreserved(c))
      out += c;
    else
      fmt::format_to(std::back_inserter(out), "%{:02X}", static_cast<unsigned char>(c));
  }
  return out;
}

std::string percent_decode(std::string_view text, bool plus_is_space) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && hex_digit(text[i + 1]) >= 0 &&
        hex_digit(text[i + 2]) >= 0) {
      out += static_cast<char>(hex_digit(text[i + 1]) * 16 + hex_digit(text[i + 2]));
      i += 2;
    } else {
      out += plus_is_space && text[i] == '+' ? ' ' : text[i];
    }
  }
  return out;
}

QueryParams parse_query(std::string_view query) {
  QueryParams params;
  while (!query.empty()) {
    size_t end = std::min(query.find('&'), query.size());
    auto piece = query.substr(0, end);
    query.remove_prefix(std::min(end + 1, query.size()));
    if (piece.empty()) continue;
    size_t equals = std::min(piece.find('='), piece.size());
    params.emplace_back(percent_decode(piece.substr(0, equals), true),
                        percent_decode(piece.substr(std::min(equals + 1, piece.size())), true));
  }
  return params;
}

std::string build_query(const QueryParams& params) {
  std::string out;
  for (const auto& [name, value] : params) {
    if (!out.empty()) out += '&';
    out += percent_encode(name) + "=" + percent_encode(value);
  }
  return out;
}

namespace {

/// Puts `own` ("name=value") in the place of the first parameter `name`, or at the end, and leaves
/// out the others; without `own` it leaves out all.
void replace_param(Url& url, std::string_view name, const std::optional<std::string>& own) {
  std::string out;
  bool placed = !own;
  auto put = [&](std::string_view piece) {
    if (!out.empty()) out += '&';
    out += piece;
  };
  std::string_view rest = url.query;
  while (!rest.empty()) {
    size_t end = std::min(rest.find('&'), rest.size());
    auto piece = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (piece.empty()) continue;
    if (percent_decode(piece.substr(0, piece.find('=')), true) != name)
      put(piece);
    else if (!std::exchange(placed, true))
      put(*own);
  }
  if (!placed) put(*own);
  url.query = std::move(out);
}

}  // namespace

void set_query_param(Url& url, std::string_view name, std::string_view value) {
  replace_param(url, name, percent_encode(name) + "=" + percent_encode(value));
}

void remove_query_param(Url& url, std::string_view name) { replace_param(url, name, {}); }

bool is_secret_param(std::string_view name) {
  static constexpr std::string_view kWords[] = {"key", "token", "secret", "passw", "sign", "auth"};
  std::string small(name);
  std::transform(small.begin(), small.end(), small.begin(), lower);
  return std::any_of(std::begin(kWords), std::end(kWords),
                     [&](auto word) { return small.find(word) != std::string::npos; });
}

std::string redacted(const Url& url, std::span<const std::string> secret_params) {
  Url copy = url;
  std::string out;
  for (const auto& [name, value] : parse_query(url.query)) {
    bool secret = is_secret_param(name) || std::find(secret_params.begin(), secret_params.end(),
                                                     name) != secret_params.end();
    if (!out.empty()) out += '&';
    out += percent_encode(name) + "=" + (secret ? "***" : percent_encode(value));
  }
  copy.query = std::move(out);
  return copy.to_string();
}

void OriginAllowList::add(const Url& url) {
  if (!allows(url)) origins_.push_back(url.origin());
}

bool OriginAllowList::allows(const Url& url) const {
  return std::find(origins_.begin(), origins_.end(), url.origin()) != origins_.end();
}

}  // namespace leat::net
