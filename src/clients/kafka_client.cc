#include "clients/kafka_client.h"

#include <fmt/core.h>
#include <spdlog/spdlog.h>

#include "base/limits.h"
#include "io/certificate.h"

namespace leat::clients {
namespace {

constexpr int64_t kAtOnceMs = 50;
constexpr int64_t kRenewMs = 500;  // between two looks at the password's file

Result<std::string> read_anew(const config::Secret& secret) {
  auto password = secret.current();
  // Whoever writes a file is not always done at once.
  if (password && password->empty())
    password = Error(ErrorCode::kUnavailable, "the file of sasl.password is empty");
  if (!password) return std::move(password).error().with_retry(Retry::kReconnect);
  return password;
}

std::string joined(std::string_view what, std::string_view text, std::string_view reason) {
  std::string out = fmt::format("cannot {}: {}", what, text);
  if (!reason.empty() && out.find(reason) == out.npos) out += fmt::format(" ({})", reason);
  return out;
}

}  // namespace

Error kafka_error(rd_kafka_resp_err_t code, std::string message) {
  const auto made = [&](ErrorCode kind, Retry retry) {
    return Error(kind, std::move(message)).with_blame(Blame::kExternal).with_retry(retry);
  };
  switch (code) {
    case RD_KAFKA_RESP_ERR__FENCED:
    case RD_KAFKA_RESP_ERR_PRODUCER_FENCED:
    case RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH:
      return made(ErrorCode::kConflict, Retry::kNever);
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
      return made(ErrorCode::kPermission, Retry::kNever);
    // A password may be changed on both sides one after the other.
    case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
    case RD_KAFKA_RESP_ERR__AUTHENTICATION:
      return made(ErrorCode::kPermission, Retry::kReconnect);
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_ID:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
      return made(ErrorCode::kNotFound, Retry::kNever);
    case RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS:
      return made(ErrorCode::kAlreadyExists, Retry::kNever);
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
      return made(ErrorCode::kLimit, Retry::kNever);
    case RD_KAFKA_RESP_ERR_INVALID_CONFIG:
    case RD_KAFKA_RESP_ERR_INVALID_REPLICATION_FACTOR:
    case RD_KAFKA_RESP_ERR_INVALID_PARTITIONS:
    case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
    case RD_KAFKA_RESP_ERR_POLICY_VIOLATION:
    case RD_KAFKA_RESP_ERR__INVALID_ARG:
    case RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE:
    case RD_KAFKA_RESP_ERR_UNSUPPORTED_VERSION:
      return made(ErrorCode::kInvalidArgument, Retry::kNever);
    default:
      return made(ErrorCode::kUnavailable, Retry::kReconnect);
  }
}

Error needs(Error error, std::string_view right, std::string_view on) {
  const bool refused = error.code() == ErrorCode::kPermission && error.retry() == Retry::kNever;
  if (!refused) return error;
  return std::move(error).with_hint(fmt::format("the login needs the right {} on {}", right, on));
}

Result<std::unique_ptr<KafkaClient>> KafkaClient::open(rd_kafka_type_t type,
                                                       const KafkaOptions& options,
                                                       const KafkaSettings& more,
                                                       OnRebalance on_rebalance) {
  std::unique_ptr<KafkaClient> client(new KafkaClient);
  client->on_rebalance_ = std::move(on_rebalance);
  KafkaSettings settings = {{"bootstrap.servers", options.brokers},
                            {"client.id", "leat"},
                            {"log_level", "6"},
                            {"log.thread.name", "false"},
                            {"socket.keepalive.enable", "true"},
                            {"reconnect.backoff.max.ms", "2000"},
                            {"message.max.bytes", std::to_string(limits::kMaxKafkaRecordBytes)}};
  settings.insert(settings.end(), options.settings.begin(), options.settings.end());
  settings.insert(settings.end(), more.begin(), more.end());
  if (!options.username.empty()) {
    client->username_ = options.username;
    client->secret_ = options.password;
    ASSIGN(std::string password, read_anew(options.password));
    settings.emplace_back("sasl.username", options.username);
    settings.emplace_back("sasl.password", password);
    MutexLock lock(client->mutex_);
    client->password_ = std::move(password);
  }
  Rd<rd_kafka_conf_t, rd_kafka_conf_destroy> conf(rd_kafka_conf_new());
  char text[512];
  for (const auto& [name, value] : settings) {
    if (rd_kafka_conf_set(conf.get(), name.c_str(), value.c_str(), text, sizeof text) !=
        RD_KAFKA_CONF_OK) {
      return Error(ErrorCode::kInvalidArgument, fmt::format("kafka: {}", text));
    }
  }
  rd_kafka_conf_set_opaque(conf.get(), client.get());
  client->listen(conf.get());
  if (client->on_rebalance_) {
    rd_kafka_conf_set_rebalance_cb(
        conf.get(),
        [](rd_kafka_t*, rd_kafka_resp_err_t code, rd_kafka_topic_partition_list_t* partitions,
           void* self) { static_cast<KafkaClient*>(self)->on_rebalance_(code, partitions); });
  }
  if (type == RD_KAFKA_PRODUCER) {
    rd_kafka_conf_set_dr_msg_cb(conf.get(),
                                [](rd_kafka_t*, const rd_kafka_message_t* message, void* self) {
                                  // What an abort has thrown away was meant to go.
                                  const auto code = message->err;
                                  if (code && code != RD_KAFKA_RESP_ERR__PURGE_QUEUE &&
                                      code != RD_KAFKA_RESP_ERR__PURGE_INFLIGHT)
                                    static_cast<KafkaClient*>(self)->note_failure(*message);
                                });
  }
  client->handle_ = rd_kafka_new(type, conf.get(), text, sizeof text);
  if (!client->handle_) return Error(ErrorCode::kInvalidArgument, fmt::format("kafka: {}", text));
  static_cast<void>(conf.release());  // the handle's now
  return client;
}

void KafkaClient::listen(rd_kafka_conf_t* conf) {
  rd_kafka_conf_set_log_cb(
      conf, [](const rd_kafka_t* handle, int level, const char* facility, const char* text) {
        // Connections that come and go are told by whoever they hold up. Why one went is told here only, when the
        // broker has closed it: a listener with TLS or logins that got none.
        spdlog::log(level <= 2 ? spdlog::level::warn : spdlog::level::debug, "kafka: {}: {}",
                    facility, text);
        if (std::string_view(facility) != "FAIL") return;
        constexpr int kError = 3;  // syslog's; a connection that the broker has closed is less
        static_cast<KafkaClient*>(rd_kafka_opaque(handle))->note(text, level > kError);
      });
  rd_kafka_conf_set_error_cb(conf, [](rd_kafka_t*, int code, const char* why, void* self) {
    spdlog::debug("kafka: {}: {}", rd_kafka_err2name(static_cast<rd_kafka_resp_err_t>(code)), why);
    // What comes later than its log line would hide what has happened since; a token that is refused has none.
    auto* client = static_cast<KafkaClient*>(self);
    if (code == RD_KAFKA_RESP_ERR__AUTHENTICATION || code == RD_KAFKA_RESP_ERR__FATAL)
      client->note(why, false);
    if (code != RD_KAFKA_RESP_ERR__AUTHENTICATION) return;
    MutexLock lock(client->mutex_);
    client->refused_ = true;
    client->renew_password();
  });
  rd_kafka_conf_set_ssl_cert_verify_cb(
      conf, [](rd_kafka_t*, const char*, int32_t, int* number, int, const char*, size_t, char* text,
               size_t size, void* self) {
        if (*number == 0) return 1;
        const std::string why = io::certificate_error(*number);
        fmt::format_to_n(text, size - 1, "{}", why).out[0] = '\0';
        auto* client = static_cast<KafkaClient*>(self);
        MutexLock lock(client->mutex_);
        client->certificate_ = why;
        client->certificate_at_ms_ = io::system_clock().steady_ms();
        return 0;
      });
}

KafkaClient::~KafkaClient() {
  if (!handle_) return;
  if (rd_kafka_type(handle_) == RD_KAFKA_PRODUCER)
    rd_kafka_purge(handle_, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
  rd_kafka_destroy_flags(handle_, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
}

void KafkaClient::note(std::string reason, bool closed) {
  MutexLock lock(mutex_);
  // The same words come twice, as a log line and as an error.
  if (reason_.find(reason) != reason_.npos) return;
  // librdkafka says only that a certificate was refused, and that at once or, of many times, once.
  if (io::system_clock().steady_ms() - certificate_at_ms_ < kAtOnceMs)
    reason = fmt::format("{}: {}", certificate_, reason);
  reason_ = std::move(reason);
  closed_ = closed;
}

bool KafkaClient::was_closed() const {
  MutexLock lock(mutex_);
  return closed_;
}

void KafkaClient::tend() {
  if (rd_kafka_type(handle_) == RD_KAFKA_PRODUCER) rd_kafka_poll(handle_, 0);
  MutexLock lock(mutex_);
  // librdkafka tells of the same failure every 30 s only.
  if (refused_ && io::system_clock().steady_ms() - renewed_at_ms_ >= kRenewMs) renew_password();
}

std::string KafkaClient::refusal() const {
  MutexLock lock(mutex_);
  return refused_ ? reason_ : "";
}

void KafkaClient::renew_password() {
  if (username_.empty() || !handle_) return;
  renewed_at_ms_ = io::system_clock().steady_ms();
  auto password = read_anew(secret_);
  if (!password || *password == password_) return;
  RdError error(rd_kafka_sasl_set_credentials(handle_, username_.c_str(), password->c_str()));
  if (error) return;
  password_ = std::move(*password);
  refused_ = false;
}

void KafkaClient::note_failure(const rd_kafka_message_t& message) {
  MutexLock lock(mutex_);
  if (!failure_.code) failure_ = {message.err, rd_kafka_topic_name(message.rkt)};
}

KafkaClient::Failure KafkaClient::take_failure() {
  MutexLock lock(mutex_);
  return std::exchange(failure_, {});
}

Error KafkaClient::error(rd_kafka_resp_err_t code, std::string_view what, std::string_view detail) {
  MutexLock lock(mutex_);
  Error plain = kafka_error(code, "");
  const bool unreached = plain.code() == ErrorCode::kUnavailable;
  if (plain.retry() == Retry::kReconnect) renew_password();
  return kafka_error(code, joined(what, detail.empty() ? rd_kafka_err2str(code) : detail,
                                  unreached ? reason_ : std::string()));
}

Error KafkaClient::error(const rd_kafka_error_t* error, std::string_view what) {
  return this->error(rd_kafka_error_code(error), what, rd_kafka_error_string(error));
}

}  // namespace leat::clients
