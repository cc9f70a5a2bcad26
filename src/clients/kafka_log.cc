#include "clients/kafka_log.h"

#include "clients/kafka_admin.h"
#include "clients/kafka_group.h"
#include "clients/kafka_reader.h"
#include "clients/kafka_rows.h"
#include "clients/kafka_table.h"
#include "clients/kafka_transaction.h"

namespace leat::clients {
namespace {

constexpr int kReasonMs = 100;  // why a request failed may come to be known just after it
constexpr const char* kClosedHint =
    "the broker closed the connection: does this port expect TLS (`tls:`) and a login (`sasl:`), "
    "or does it expect "
    "neither?";

}  // namespace

struct KafkaLog::Impl {
  Impl(const KafkaOptions& given, std::unique_ptr<KafkaClient> opened)
      : options(given),
        client(std::move(opened)),
        admin(*client, options.replication, options.connect_ms),
        positions(options, admin, "_leat_positions"),
        state(options, admin, "_leat_state"),
        producers(options, admin, positions, state) {}

  const KafkaOptions options;
  std::unique_ptr<KafkaClient> client;
  KafkaAdmin admin;
  KafkaTable positions, state;
  KafkaProducers producers;
};

KafkaLog::KafkaLog(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
KafkaLog::~KafkaLog() = default;

Result<std::unique_ptr<KafkaLog>> KafkaLog::open(const KafkaOptions& options) {
  ASSIGN(auto client, KafkaClient::open(RD_KAFKA_PRODUCER, options, {}));
  const rd_kafka_metadata_t* metadata = nullptr;
  auto code =
      rd_kafka_metadata(client->get(), 0, nullptr, &metadata, static_cast<int>(options.connect_ms));
  if (code) {
    rd_kafka_poll(client->get(), kReasonMs);
    Error error = client->error(code, fmt::format("reach Kafka at {}", options.brokers));
    return client->was_closed() ? std::move(error).with_hint(kClosedHint) : std::move(error);
  }
  rd_kafka_metadata_destroy(metadata);
  return std::unique_ptr<KafkaLog>(
      new KafkaLog(std::make_unique<Impl>(options, std::move(client))));
}

stream::TopicAdmin& KafkaLog::topics() { return impl_->admin; }

Result<std::unique_ptr<stream::TopicReader>> KafkaLog::reader(const stream::TopicInfo& topic) {
  ASSIGN(auto reader, KafkaReader::open(impl_->options, impl_->admin, topic));
  return std::unique_ptr<stream::TopicReader>(std::move(reader));
}

Result<std::unique_ptr<stream::Membership>> KafkaLog::join(const std::string& group,
                                                           const stream::TopicInfo& topic) {
  ASSIGN(auto member, KafkaGroup::open(impl_->options, group, topic));
  return std::unique_ptr<stream::Membership>(std::move(member));
}

Result<std::vector<std::string>> KafkaLog::members(const std::string& group) {
  return impl_->admin.members(group);
}

Result<std::unique_ptr<stream::LogTransaction>> KafkaLog::begin(const std::string& owner) {
  return impl_->producers.begin(owner);
}

void KafkaLog::release(const std::string& owner) { impl_->producers.release(owner); }

Result<std::vector<stream::Progress>> KafkaLog::progress(const std::string& project,
                                                         const std::string& pipeline) {
  ASSIGN(auto found, impl_->positions.below(""));
  std::vector<stream::Progress> rows;
  for (const auto& [key, value] : found) {
    ASSIGN(stream::Progress row, parse_progress(key, value));
    if (row.project == project && (pipeline.empty() || row.pipeline == pipeline))
      rows.push_back(std::move(row));
  }
  return rows;
}

Result<std::optional<std::string>> KafkaLog::state(std::string_view key) {
  return impl_->state.get(key);
}

Result<std::vector<std::pair<std::string, std::string>>> KafkaLog::states(std::string_view prefix) {
  return impl_->state.below(prefix);
}

}  // namespace leat::clients
