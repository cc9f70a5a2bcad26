#include "components/log_kafka.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>

#include "base/strings.h"
#include "clients/kafka_log.h"
#include "config/spec.h"
#include "io/file.h"

namespace leat::components {
namespace {

struct Tls {
  std::string ca_file, certificate_file, key_file;
};

struct Sasl {
  std::string mechanism = "SCRAM-SHA-512";
  std::string username;
  config::Secret password;
  std::string token_url, client_id, scope;
  config::Secret client_secret;
  config::Mark mark;
};

enum class GroupProtocol { kClassic, kConsumer };

struct Config {
  std::string brokers;
  std::optional<Tls> tls;
  std::optional<Sasl> sasl;
  int32_t replication = -1;
  std::string instance_id;
  GroupProtocol group_protocol = GroupProtocol::kClassic;
  int64_t timeout_ms = 10'000, transaction_timeout_ms = 15'000, session_timeout_ms = 10'000;
  int64_t stalled_after_ms = 30'000;
};

/// HOST:PORT{,HOST:PORT}
std::vector<std::string_view> hosts_of(std::string_view brokers) {
  std::vector<std::string_view> hosts;
  while (!brokers.empty()) {
    std::string_view one = brokers.substr(0, brokers.find(','));
    brokers.remove_prefix(std::min(brokers.size(), one.size() + 1));
    const size_t colon = one.rfind(':');
    if (colon == std::string_view::npos || colon == 0 || colon + 1 == one.size()) return {};
    if (one.find_first_not_of("0123456789", colon + 1) != one.npos) return {};
    hosts.push_back(one.substr(0, colon));
  }
  return hosts;
}

bool is_brokers(std::string_view text) { return !hosts_of(text).empty(); }

bool all_loopback(std::string_view brokers) {
  const auto hosts = hosts_of(brokers);
  return std::all_of(hosts.begin(), hosts.end(), [](std::string_view host) {
    return host == "localhost" || host == "[::1]" || host.starts_with("127.");
  });
}

const config::Spec<Tls>& tls_spec() {
  static const auto spec = [] {
    config::Spec<Tls> s("tls", "TLS to the brokers; their certificates and names are checked.");
    s.field("ca_file", &Tls::ca_file)
        .doc("Authorities that sign the brokers' certificates (PEM); without it, the host's.");
    s.field("certificate_file", &Tls::certificate_file).doc("leat's own certificate (PEM).");
    s.field("key_file", &Tls::key_file).doc("Its key (PEM).");
    return s;
  }();
  return spec;
}

const config::Spec<Sasl>& sasl_spec() {
  static const auto spec = [] {
    config::Spec<Sasl> s("sasl", "As whom to log in.");
    s.field("mechanism", &Sasl::mechanism)
        .choices({{"PLAIN", "PLAIN"},
                  {"SCRAM-SHA-256", "SCRAM-SHA-256"},
                  {"SCRAM-SHA-512", "SCRAM-SHA-512"},
                  {"OAUTHBEARER", "OAUTHBEARER"}})
        .doc("How.");
    s.field("username", &Sasl::username).doc("Of PLAIN and SCRAM.");
    s.field("password", &Sasl::password)
        .doc("Of PLAIN and SCRAM. From `file:` it is read anew when logins fail by now.");
    s.field("token_url", &Sasl::token_url)
        .doc("Of OAUTHBEARER: where tokens come from, by client credentials (OpenID Connect).");
    s.field("client_id", &Sasl::client_id).doc("Of OAUTHBEARER.");
    s.field("client_secret", &Sasl::client_secret).doc("Of OAUTHBEARER.");
    s.field("scope", &Sasl::scope).doc("Of OAUTHBEARER.");
    s.mark(&Sasl::mark);
    s.check([](const Sasl& sasl, const config::Node& node, config::Reading& reading) {
      const bool token = sasl.mechanism == "OAUTHBEARER";
      if (token && (sasl.token_url.empty() || sasl.client_id.empty()))
        reading.error(node.mark, "OAUTHBEARER without `token_url` and `client_id`",
                      "both of them, and `client_secret`");
      if (!token && (sasl.username.empty() || sasl.password.empty()))
        reading.error(node.mark,
                      fmt::format("{} without `username` and `password`", sasl.mechanism),
                      "both of them");
    });
    return s;
  }();
  return spec;
}

const config::Spec<Config>& spec() {
  static const auto spec = [] {
    config::Spec<Config> s("kafka", "Apache Kafka, 3.0 or newer.");
    s.field("brokers", &Config::brokers)
        .required()
        .syntax("HOST:PORT, or several with commas between", is_brokers)
        .doc("Brokers to ask first; the cluster names the others.")
        .example("127.0.0.1:9092");
    s.field("tls", &Config::tls).of(tls_spec()).doc("TLS; without it, plain text.");
    s.field("sasl", &Config::sasl)
        .of(sasl_spec())
        .doc("A login. Away from loopback only together with `tls`.");
    s.field("replication", &Config::replication)
        .range(1, 32'767)
        .doc("Of topics that leat creates; without it, the brokers' default.");
    s.field("timeout", &Config::timeout_ms)
        .unit(config::Unit::kDuration)
        .range(1'000, 300'000)
        .doc("How long the first answer, and each administrative request, may take.");
    s.field("transaction_timeout", &Config::transaction_timeout_ms)
        .unit(config::Unit::kDuration)
        .range(4'000, 900'000)
        .doc(
            "How long a transaction may take, and how long that of a process which died may hold "
            "readers up. At most the brokers' `transaction.max.timeout.ms`.");
    s.field("session_timeout", &Config::session_timeout_ms)
        .unit(config::Unit::kDuration)
        .range(6'000, 1'800'000)
        .doc("How long a process may be silent before the others take its partitions.");
    s.field("group_protocol", &Config::group_protocol)
        .choices({{"classic", GroupProtocol::kClassic}, {"consumer", GroupProtocol::kConsumer}})
        .doc(
            "How processes share partitions out. `consumer` (KIP-848, brokers of 4.0 or newer): "
            "the "
            "broker does it, one partition at a time; how long a process may be silent is its "
            "`group.consumer.session.timeout.ms`. A group changes over while it runs.");
    s.field("stalled_after", &Config::stalled_after_ms)
        .unit(config::Unit::kDuration)
        .range(1'000, 3'600'000)
        .doc(
            "How long a partition may stand still while records wait in it, before log and status "
            "say so.");
    s.field("instance_id", &Config::instance_id)
        .doc(
            "Makes the process a static member of its consumer groups (one name for each process): "
            "a restart within `session_timeout` gets its partitions back, and nobody else "
            "rebalances.")
        .example("${HOSTNAME}");
    s.check([](const Config& config, const config::Node& node, config::Reading& reading) {
      if (config.group_protocol == GroupProtocol::kConsumer && node.find("session_timeout"))
        reading.error(node.find("session_timeout")->mark,
                      "`session_timeout` beside `group_protocol: consumer`", {}, {},
                      "leave it out, and set group.consumer.session.timeout.ms on the brokers");
      if (config.sasl && !config.tls && !all_loopback(config.brokers)) {
        reading.error(node.find("sasl")->mark,
                      "a login without TLS would cross the network in the clear",
                      "`tls: {}` beside `sasl`, or brokers on loopback");
      }
      if (config.tls && config.tls->certificate_file.empty() != config.tls->key_file.empty())
        reading.error(node.find("tls")->mark, "`certificate_file` and `key_file` go together",
                      "both or none");
    });
    return s;
  }();
  return spec;
}

/// librdkafka would not say which file it is.
Result<void> check_readable(const clients::KafkaOptions& options) {
  for (const auto& [name, value] : options.settings) {
    if (!name.ends_with(".location")) continue;
    if (auto file = io::FileReader::open(value); !file)
      return Error(ErrorCode::kInvalidArgument, file.error().message()).at("tls");
  }
  return {};
}

clients::KafkaOptions options_of(const Config& config, const stream::LogContext& context) {
  clients::KafkaOptions options;
  options.brokers = config.brokers;
  options.replication = config.replication;
  options.connect_ms = config.timeout_ms;
  options.transaction_ms = config.transaction_timeout_ms;
  options.consumer_protocol = config.group_protocol == GroupProtocol::kConsumer;
  options.session_ms = config.session_timeout_ms;
  options.stalled_ms = config.stalled_after_ms;
  options.instance_id = config.instance_id;
  auto set = [&](const char* name, const std::string& value) {
    if (!value.empty()) options.settings.emplace_back(name, value);
  };
  auto file = [&](const std::string& path) {
    return path.empty() || path.front() == '/' ? path : context.project_dir + "/" + path;
  };
  const char* protocols[2][2] = {{"plaintext", "ssl"}, {"sasl_plaintext", "sasl_ssl"}};
  set("security.protocol", protocols[config.sasl ? 1 : 0][config.tls ? 1 : 0]);
  if (config.tls) {
    set("ssl.ca.location", file(config.tls->ca_file));
    set("ssl.certificate.location", file(config.tls->certificate_file));
    set("ssl.key.location", file(config.tls->key_file));
    set("ssl.endpoint.identification.algorithm", "https");
  }
  if (config.sasl) {
    set("sasl.mechanism", config.sasl->mechanism);
    if (config.sasl->mechanism == "OAUTHBEARER") {
      set("sasl.oauthbearer.method", "oidc");
      set("sasl.oauthbearer.token.endpoint.url", config.sasl->token_url);
      set("sasl.oauthbearer.client.id", config.sasl->client_id);
      set("sasl.oauthbearer.client.secret", config.sasl->client_secret.reveal());
      set("sasl.oauthbearer.scope", config.sasl->scope);
    } else {
      options.username = config.sasl->username;
      options.password = config.sasl->password;
    }
  }
  return options;
}

}  // namespace

void register_log_kafka(stream::Registry& registry) {
  stream::LogType type;
  type.name = "kafka";
  type.summary = "Apache Kafka: topics, positions and dead letters on a cluster.";
  type.guarantee =
      "Records, dead letters and the position are one transaction of Kafka's: whatever dies when, "
      "readers of committed records see each record once. A process that was taken for dead "
      "commits nothing.";
  type.example_yaml = "{brokers: \"${KAFKA_BROKERS:-127.0.0.1:9092}\"}";
  type.spec = &spec();
  type.open = [](const config::Node& node,
                 const stream::LogContext& context) -> Result<std::unique_ptr<stream::Log>> {
    ASSIGN(auto config, spec().parse(node, context.environment, "log"));
    const clients::KafkaOptions options = options_of(config, context);
    TRY(check_readable(options));
    ASSIGN(auto log, clients::KafkaLog::open(options));
    return std::unique_ptr<stream::Log>(std::move(log));
  };
  registry.add(std::move(type));
}

}  // namespace leat::components
