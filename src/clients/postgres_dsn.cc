#include "clients/postgres_dsn.h"

#include <fmt/format.h>
#include <libpq-fe.h>

#include <algorithm>
#include <array>
#include <memory>
#include <string_view>

#include "base/strings.h"
#include "clients/postgres.h"

namespace leat::clients {
namespace {

// The others load files, run programs or change what statements mean (service, passfile, options, gssencmode ...).
constexpr std::array<std::string_view, 17> kAllowed = {"host",
                                                       "hostaddr",
                                                       "port",
                                                       "dbname",
                                                       "user",
                                                       "password",
                                                       "sslmode",
                                                       "sslrootcert",
                                                       "sslcert",
                                                       "sslkey",
                                                       "sslcrl",
                                                       "ssl_min_protocol_version",
                                                       "channel_binding",
                                                       "connect_timeout",
                                                       "target_session_attrs",
                                                       "application_name",
                                                       "keepalives_idle"};
constexpr const char* kAuthorities =
    "/etc/ssl/certs/ca-certificates.crt";  // Debian's ca-certificates

Error refused(std::string message, std::string hint) {
  return Error(ErrorCode::kInvalidArgument, std::move(message))
      .with_blame(Blame::kUser)
      .with_hint(std::move(hint));
}

bool is_loopback(std::string_view host) {
  return host.empty() || host.starts_with('/') || host.starts_with('@') || host == "localhost" ||
         host == "::1" || host.starts_with("127.");
}

std::vector<std::string> split(const std::string& list) {
  std::vector<std::string> parts;
  size_t begin = 0;
  for (size_t comma; (comma = list.find(',', begin)) != std::string::npos; begin = comma + 1)
    parts.push_back(list.substr(begin, comma - begin));
  parts.push_back(list.substr(begin));
  return parts;
}

std::string value_of(const std::map<std::string, std::string>& parameters,
                     const std::string& name) {
  auto it = parameters.find(name);
  return it == parameters.end() ? "" : it->second;
}

}  // namespace

Result<std::map<std::string, std::string>> postgres_parameters(const std::string& dsn) {
  char* message = nullptr;
  std::unique_ptr<PQconninfoOption, void (*)(PQconninfoOption*)> parsed(
      PQconninfoParse(dsn.c_str(), &message), PQconninfoFree);
  if (!parsed) {
    // libpq's own message repeats the DSN, password included.
    PQfreemem(message);
    return refused(
        "the DSN cannot be read",
        "write postgresql://USER:PASSWORD@HOST:PORT/DATABASE, with special characters of the "
        "password percent-encoded");
  }
  std::map<std::string, std::string> found;
  for (const PQconninfoOption* option = parsed.get(); option->keyword; ++option) {
    if (!option->val) continue;
    if (std::find(kAllowed.begin(), kAllowed.end(), option->keyword) == kAllowed.end()) {
      return refused(fmt::format("`{}` is not allowed in a DSN", option->keyword),
                     fmt::format("take it out; allowed are {}", fmt::join(kAllowed, ", ")));
    }
    found[option->keyword] = option->val;
  }
  bool local = true;
  for (const char* name : {"host", "hostaddr"}) {
    for (const std::string& host : split(value_of(found, name))) local &= is_loopback(host);
  }
  if (!found.contains("sslmode")) found["sslmode"] = local ? "prefer" : "verify-full";
  const std::string& mode = found["sslmode"];
  if (mode.starts_with("verify-") && !found.contains("sslrootcert"))
    found["sslrootcert"] = kAuthorities;
  if (!found.contains("keepalives_idle")) found["keepalives_idle"] = "15";
  found["keepalives_interval"] = "5";
  found["keepalives_count"] = "3";
  return found;
}

Result<void> check_postgres_dsn(const std::string& dsn) {
  ASSIGN(auto parameters, postgres_parameters(dsn));
  (void)parameters;
  return {};
}

std::vector<std::string> postgres_hosts(const std::string& dsn) {
  auto parameters = postgres_parameters(dsn);
  if (!parameters) return {};
  const std::string names = value_of(*parameters, "host");
  const std::string list = names.empty() ? value_of(*parameters, "hostaddr") : names;
  const std::vector<std::string> ports = split(value_of(*parameters, "port"));
  std::vector<std::string> hosts;
  for (const std::string& host : split(list)) {
    if (host.empty() || host.starts_with('/')) continue;
    const std::string& port = ports[std::min(hosts.size(), ports.size() - 1)];
    hosts.push_back(host + ":" + (port.empty() ? "5432" : port));
  }
  return hosts;
}

}  // namespace leat::clients
