#include "components/sink_cassandra_config.h"

#include <fmt/core.h>

#include <algorithm>

#include "config/spec.h"

namespace leat::components {
namespace {

constexpr double kMaxTtlMs = 630'720'000.0 * 1000;  // Cassandra's own bound: 20 years

struct Tls {
  std::string ca_file, certificate_file, key_file;
  std::vector<std::string> names;
};

enum class Consistency : uint16_t {
  kOne = 1,
  kTwo = 2,
  kThree = 3,
  kQuorum = 4,
  kAll = 5,
  kLocalQuorum = 6,
  kEachQuorum = 7,
  kLocalOne = 10
};

struct Keys {
  std::vector<std::string> contact_points;
  int32_t port = 9042;
  std::string keyspace;
  std::optional<int32_t> replication;
  std::string username;
  config::Secret password;
  std::string datacenter;
  std::optional<Tls> tls;
  bool allow_plaintext = false;
  Consistency consistency = Consistency::kLocalQuorum;
  std::optional<int64_t> ttl_ms;
  int32_t concurrency = 256;
  int64_t connect_ms = 10'000, timeout_ms = 10'000;
};

/// HOST, [HOST] or either with :PORT; of an address with colons only the brackets tell. Port -1: none.
struct Point {
  std::string_view host;
  int port = -1;
};
std::optional<Point> parse_point(std::string_view text) {
  Point point{text};
  size_t colon = text.rfind(':');
  if (text.starts_with('[')) {
    const size_t close = text.find(']');
    if (close == text.npos || close == 1) return {};
    point.host = text.substr(0, close + 1);
    if (close + 1 == text.size()) return point;
    if (colon != close + 1) return {};
  } else if (colon == text.npos) {
    return text.empty() ? std::nullopt : std::optional(point);
  } else {
    point.host = text.substr(0, colon);
    if (point.host.empty() || point.host.find(':') != point.host.npos) return {};
  }
  const std::string_view digits = text.substr(colon + 1);
  if (digits.empty() || digits.size() > 5 || digits.find_first_not_of("0123456789") != digits.npos)
    return {};
  point.port = std::stoi(std::string(digits));
  if (point.port < 1 || point.port > 65'535) return {};
  return point;
}

bool is_loopback(std::string_view host) {
  return host == "localhost" || host == "[::1]" ||
         (host.starts_with("127.") && host.find_first_not_of("0123456789.") == host.npos);
}

const config::Spec<Tls>& tls_spec() {
  static const auto spec = [] {
    config::Spec<Tls> s("tls",
                        "TLS to the nodes. A certificate must be signed by an authority and have "
                        "its node's address, or one of `names`.");
    s.field("ca_file", &Tls::ca_file)
        .doc("Authorities that sign the nodes' certificates (PEM); without it, the host's.");
    s.field("certificate_file", &Tls::certificate_file).doc("leat's own certificate (PEM).");
    s.field("key_file", &Tls::key_file).doc("Its key (PEM).");
    s.field("names", &Tls::names)
        .one_or_list()
        .doc(
            "Host names that the nodes' certificates have; those of `contact_points` are taken "
            "anyway.")
        .example("cassandra.example.org");
    return s;
  }();
  return spec;
}

const config::Spec<Keys>& spec() {
  static const auto spec = [] {
    config::Spec<Keys> s("cassandra", "Apache Cassandra, 4.0 or newer.");
    s.field("contact_points", &Keys::contact_points)
        .required()
        .one_or_list()
        .doc("Nodes to ask first, HOST or HOST:PORT; the cluster names the others.")
        .example("127.0.0.1");
    s.field("port", &Keys::port).range(1, 65'535).doc("Of contact points that name none.");
    s.field("keyspace", &Keys::keyspace)
        .required()
        .syntax("a name of letters, digits and _, of 48 at most",
                [](std::string_view text) {
                  return !text.empty() && text.size() <= 48 &&
                         std::all_of(text.begin(), text.end(), [](char c) {
                           return std::isalnum(static_cast<unsigned char>(c)) || c == '_';
                         });
                })
        .doc("Keyspace of the tables.")
        .example("spark_streams");
    s.field("replication", &Keys::replication)
        .range(1, 100)
        .doc(
            "How many copies of each row a data centre keeps, when the keyspace is missing and "
            "leat makes it. Without it one is made only on a cluster of one node.");
    s.field("username", &Keys::username).doc("As whom to log in.");
    s.field("password", &Keys::password).doc("Its password.");
    s.field("datacenter", &Keys::datacenter)
        .doc("The data centre that is near; needed when there are several.");
    s.field("tls", &Keys::tls).of(tls_spec()).doc("TLS; without it, plain text.");
    s.field("allow_plaintext", &Keys::allow_plaintext)
        .doc(
            "Log in without TLS away from loopback: the password crosses the network in the "
            "clear.");
    s.field("consistency", &Keys::consistency)
        .choices({{"LOCAL_QUORUM", Consistency::kLocalQuorum},
                  {"LOCAL_ONE", Consistency::kLocalOne},
                  {"ONE", Consistency::kOne},
                  {"TWO", Consistency::kTwo},
                  {"THREE", Consistency::kThree},
                  {"QUORUM", Consistency::kQuorum},
                  {"EACH_QUORUM", Consistency::kEachQuorum},
                  {"ALL", Consistency::kAll}})
        .doc(
            "How many copies have a row before it counts as written. Below a quorum a row that "
            "counts can be lost with a node.");
    s.field("ttl", &Keys::ttl_ms)
        .unit(config::Unit::kDuration)
        .range(1'000, kMaxTtlMs)
        .doc(
            "How long a row lives, from its record's time on; then Cassandra deletes it. Records "
            "that are older than that count as expired. Without it rows stay.");
    s.field("concurrency", &Keys::concurrency)
        .range(1, 32'768)
        .doc("Requests in flight, at most; there are fewer while the cluster is overloaded.");
    s.field("connect_timeout", &Keys::connect_ms)
        .unit(config::Unit::kDuration)
        .range(100, 600'000)
        .doc("How long a connection may take.");
    s.field("timeout", &Keys::timeout_ms)
        .unit(config::Unit::kDuration)
        .range(1'000, 600'000)
        .doc("How long one request may take; then it is tried again.");
    s.check([](const Keys& keys, const config::Node& node, config::Reading& reading) {
      const config::Node& points = *node.find("contact_points");
      bool local = true;
      for (const std::string& text : keys.contact_points) {
        auto point = parse_point(text);
        if (!point)
          reading.error(points.mark, fmt::format("`{}` is no contact point", text),
                        "HOST or HOST:PORT");
        else
          local &= is_loopback(point->host);
      }
      if (keys.contact_points.empty())
        reading.error(points.mark, "no contact point", "at least one HOST or HOST:PORT");
      if (!keys.username.empty() && !keys.tls && !keys.allow_plaintext && !local)
        reading.error(node.find("username")->mark,
                      "a login without TLS would cross the network in the clear",
                      "`tls: {}` beside `username`, or `allow_plaintext: true` in a network that "
                      "nobody else hears");
      if ((node.entry("username") != nullptr) != (node.entry("password") != nullptr))
        reading.error(node.mark, "`username` and `password` go together", "both or none");
      if (keys.tls && keys.tls->certificate_file.empty() != keys.tls->key_file.empty())
        reading.error(node.find("tls")->mark, "`certificate_file` and `key_file` go together",
                      "both or none");
    });
    return s;
  }();
  return spec;
}

}  // namespace

const config::SpecBase& cassandra_spec() { return spec(); }

Result<CassandraConfig> read_cassandra_config(const config::Node& node,
                                              const stream::StoreContext& context) {
  ASSIGN(Keys keys, spec().parse(node, context.environment, "stores." + context.store));
  const auto file = [&](const std::string& path) {
    return path.empty() || path.front() == '/' ? path : context.project_dir + "/" + path;
  };
  CassandraConfig config;
  clients::CassandraOptions& client = config.client;
  if (keys.tls)
    client.tls = {file(keys.tls->ca_file), file(keys.tls->certificate_file),
                  file(keys.tls->key_file), keys.tls->names};
  for (const std::string& text : keys.contact_points) {
    auto point = parse_point(text);
    if (!point) return Error(ErrorCode::kInvalidArgument, "no contact point: " + text);
    client.contact_points.push_back(
        fmt::format("{}:{}", point->host, point->port < 0 ? keys.port : point->port));
    if (client.tls) client.tls->names.emplace_back(point->host);
  }
  // The cluster names its other nodes, and they would get the login, too.
  client.loopback_only = !keys.username.empty() && !keys.tls && !keys.allow_plaintext;
  client.username = keys.username;
  client.password = keys.password;
  client.datacenter = keys.datacenter;
  client.connect_ms = keys.connect_ms;
  client.request_ms = keys.timeout_ms;
  client.consistency = static_cast<uint16_t>(keys.consistency);
  config.keyspace = keys.keyspace;
  config.replication = keys.replication.value_or(0);
  config.ttl_s = keys.ttl_ms.value_or(0) / 1000;
  config.concurrency = static_cast<uint32_t>(keys.concurrency);
  return config;
}

}  // namespace leat::components
