#include "clients/kafka_admin.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <charconv>

#include "base/limits.h"
#include "base/strings.h"

namespace leat::clients {
namespace {

using Options = Rd<rd_kafka_AdminOptions_t, rd_kafka_AdminOptions_destroy>;
using NewTopic = Rd<rd_kafka_NewTopic_t, rd_kafka_NewTopic_destroy>;
using OldTopic = Rd<rd_kafka_DeleteTopic_t, rd_kafka_DeleteTopic_destroy>;
using Names = Rd<rd_kafka_TopicCollection_t, rd_kafka_TopicCollection_destroy>;
using Resource = Rd<rd_kafka_ConfigResource_t, rd_kafka_ConfigResource_destroy>;

constexpr std::string_view kOwnPrefix = "_leat_";
constexpr int64_t kFrameBytes =
    256;                       // of a batch with one record beside its key and value, at most
constexpr int kSliceMs = 200;  // of waiting for an answer
constexpr int kLookAnewMs =
    1'000;  // without one, after which leaders and controller are looked for anew
constexpr int64_t kSettleMs = 50;  // between two looks whether a change has reached every broker

/// A partition that is new, or whose leader has just died, has another one soon.
bool is_leaderless(rd_kafka_resp_err_t code) {
  return code == RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION ||
         code == RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE || code == RD_KAFKA_RESP_ERR__NODE_UPDATE ||
         code == RD_KAFKA_RESP_ERR_FENCED_LEADER_EPOCH ||
         code == RD_KAFKA_RESP_ERR_UNKNOWN_LEADER_EPOCH;
}

bool has(const char* list, std::string_view word) {
  return list && std::string_view(list).find(word) != std::string_view::npos;
}

int64_t number_of(const char* text, int64_t otherwise) {
  std::string_view digits = text ? text : "";
  int64_t value = otherwise;
  std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return value;
}

}  // namespace

Result<RdEvent> KafkaAdmin::answer(rd_kafka_queue_t* queue, const std::string& what) {
  RdEvent event;
  int64_t now = io::system_clock().steady_ms();
  const int64_t until = now + timeout_ms_ + 1'000;
  int64_t look_anew_at = now + kLookAnewMs;
  for (; !event && now < until; now = io::system_clock().steady_ms()) {
    if (now >= look_anew_at) {
      look_anew("_leat_positions", kLookAnewMs);
      look_anew_at = io::system_clock().steady_ms() + kLookAnewMs;
    }
    event.reset(rd_kafka_queue_poll(queue, kSliceMs));
    client_.tend();
  }
  if (!event) return client_.error(RD_KAFKA_RESP_ERR__TIMED_OUT, what);
  if (rd_kafka_event_error(event.get()))
    return client_.error(rd_kafka_event_error(event.get()), what,
                         rd_kafka_event_error_string(event.get()));
  return event;
}

namespace {

/// Options of one request with its deadline.
Result<Options> options_for(rd_kafka_t* handle, rd_kafka_admin_op_t kind, int64_t timeout_ms) {
  Options options(rd_kafka_AdminOptions_new(handle, kind));
  char text[256];
  auto code = rd_kafka_AdminOptions_set_request_timeout(options.get(), static_cast<int>(timeout_ms),
                                                        text, sizeof text);
  if (code) return kafka_error(code, text);
  return options;
}

}  // namespace

Result<std::vector<stream::TopicInfo>> KafkaAdmin::describe(const std::vector<std::string>& names) {
  std::vector<stream::TopicInfo> topics;
  if (names.empty()) return topics;
  std::vector<const char*> texts;
  for (const std::string& name : names) texts.push_back(name.c_str());
  Names wanted(rd_kafka_TopicCollection_of_topic_names(texts.data(), texts.size()));
  RdQueue queue(rd_kafka_queue_new(client_.get()));
  ASSIGN(Options options,
         options_for(client_.get(), RD_KAFKA_ADMIN_OP_DESCRIBETOPICS, timeout_ms_));
  rd_kafka_DescribeTopics(client_.get(), wanted.get(), options.get(), queue.get());
  const std::string what =
      names.size() == 1 ? fmt::format("find topic {}", names.front()) : "list the topics";
  ASSIGN(RdEvent event, answer(queue.get(), what));
  size_t count = 0;
  const auto* result = rd_kafka_event_DescribeTopics_result(event.get());
  auto** described = rd_kafka_DescribeTopics_result_topics(result, &count);
  for (size_t i = 0; i < count; ++i) {
    const rd_kafka_error_t* error = rd_kafka_TopicDescription_error(described[i]);
    stream::TopicInfo topic;
    topic.spec.name = rd_kafka_TopicDescription_name(described[i]);
    if (error && rd_kafka_error_code(error))
      return needs(client_.error(error, what), "Describe", "topic " + topic.spec.name);
    size_t partitions = 0;
    rd_kafka_TopicDescription_partitions(described[i], &partitions);
    topic.spec.partitions = static_cast<int32_t>(partitions);
    const rd_kafka_Uuid_t* id = rd_kafka_TopicDescription_topic_id(described[i]);
    topic.id.high = static_cast<uint64_t>(rd_kafka_Uuid_most_significant_bits(id));
    topic.id.low = static_cast<uint64_t>(rd_kafka_Uuid_least_significant_bits(id));
    topics.push_back(std::move(topic));
  }
  TRY(add_settings(topics));
  return topics;
}

Result<void> KafkaAdmin::add_settings(std::vector<stream::TopicInfo>& topics) {
  std::vector<Resource> resources;
  std::vector<rd_kafka_ConfigResource_t*> raw;
  for (const stream::TopicInfo& topic : topics) {
    resources.emplace_back(
        rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic.spec.name.c_str()));
    raw.push_back(resources.back().get());
  }
  RdQueue queue(rd_kafka_queue_new(client_.get()));
  ASSIGN(Options options,
         options_for(client_.get(), RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS, timeout_ms_));
  rd_kafka_DescribeConfigs(client_.get(), raw.data(), raw.size(), options.get(), queue.get());
  ASSIGN(RdEvent event, answer(queue.get(), "read the settings of topics"));
  size_t count = 0;
  const auto* result = rd_kafka_event_DescribeConfigs_result(event.get());
  const auto** described = rd_kafka_DescribeConfigs_result_resources(result, &count);
  for (size_t i = 0; i < count; ++i) {
    const std::string_view name = rd_kafka_ConfigResource_name(described[i]);
    auto topic = std::find_if(topics.begin(), topics.end(),
                              [&](const auto& one) { return one.spec.name == name; });
    if (topic == topics.end()) continue;
    auto code = rd_kafka_ConfigResource_error(described[i]);
    if (code ==
        RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART) {  // to the broker that was asked: not yet, or no more
      topics.erase(topic);
      continue;
    }
    // Without the right to read settings the topic can be used all the same.
    if (code) {
      tell(needs(client_.error(code, fmt::format("read the settings of topic {}", name)),
                 "DescribeConfigs", "topic " + topic->spec.name)
               .to_string());
      continue;
    }
    size_t entries = 0;
    const auto** entry = rd_kafka_ConfigResource_configs(described[i], &entries);
    for (size_t e = 0; e < entries; ++e) {
      const std::string_view key = rd_kafka_ConfigEntry_name(entry[e]);
      const char* value = rd_kafka_ConfigEntry_value(entry[e]);
      if (key == "retention.ms")
        topic->spec.retention_ms = number_of(value, -1);
      else if (key == "retention.bytes")
        topic->spec.retention_bytes = number_of(value, -1);
      else if (key == "cleanup.policy")
        topic->spec.compact = has(value, "compact"), topic->expires = has(value, "delete");
      else if (key == "max.message.bytes")
        topic->max_record_bytes = std::max<int64_t>(number_of(value, 0) - kFrameBytes, 0);
    }
  }
  return {};
}

Result<stream::TopicInfo> KafkaAdmin::find(const std::string& name) {
  ASSIGN(std::vector<stream::TopicInfo> topics, describe({name}));
  if (topics.empty()) return Error(ErrorCode::kNotFound, fmt::format("no topic {}", name));
  return std::move(topics.front());
}

Result<std::vector<stream::TopicInfo>> KafkaAdmin::list() {
  const rd_kafka_metadata_t* raw = nullptr;
  auto code = rd_kafka_metadata(client_.get(), 1, nullptr, &raw, static_cast<int>(timeout_ms_));
  if (code) return client_.error(code, "list the topics");
  std::unique_ptr<const rd_kafka_metadata_t, void (*)(const rd_kafka_metadata_t*)> metadata(
      raw, rd_kafka_metadata_destroy);
  std::vector<std::string> names;
  for (int i = 0; i < metadata->topic_cnt; ++i) {
    std::string name = metadata->topics[i].topic;
    if (name.starts_with("__") || name.starts_with(kOwnPrefix)) continue;
    names.push_back(std::move(name));
  }
  return describe(names);
}

Result<void> KafkaAdmin::create(const stream::TopicSpec& spec,
                                const std::map<std::string, std::string>& settings) {
  const std::string what = fmt::format("create topic {}", spec.name);
  char text[512];
  NewTopic topic(
      rd_kafka_NewTopic_new(spec.name.c_str(), spec.partitions, replication_, text, sizeof text));
  if (!topic) return Error(ErrorCode::kInvalidArgument, fmt::format("cannot {}: {}", what, text));
  for (const auto& [name, value] : settings)
    rd_kafka_NewTopic_set_config(topic.get(), name.c_str(), value.c_str());
  RdQueue queue(rd_kafka_queue_new(client_.get()));
  ASSIGN(Options options, options_for(client_.get(), RD_KAFKA_ADMIN_OP_CREATETOPICS, timeout_ms_));
  // The controller waits so long until the topic has its leaders.
  if (auto code = rd_kafka_AdminOptions_set_operation_timeout(
          options.get(), static_cast<int>(timeout_ms_), text, sizeof text))
    return kafka_error(code, text);
  rd_kafka_NewTopic_t* raw = topic.get();
  rd_kafka_CreateTopics(client_.get(), &raw, 1, options.get(), queue.get());
  ASSIGN(RdEvent event, answer(queue.get(), what));
  size_t count = 0;
  const auto** results =
      rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event.get()), &count);
  for (size_t i = 0; i < count; ++i) {
    auto code = rd_kafka_topic_result_error(results[i]);
    const char* why = rd_kafka_topic_result_error_string(results[i]);
    if (code && code != RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS)
      return needs(client_.error(code, what, why ? why : ""), "Create", "topic " + spec.name);
  }
  return {};
}

Result<stream::TopicInfo> KafkaAdmin::ensure(const stream::TopicSpec& spec) {
  const bool for_ever = spec.retention_ms < 0 && spec.retention_bytes < 0;
  const char* compact = for_ever ? "compact" : "compact,delete";
  return ensure(spec, {{"retention.ms", std::to_string(spec.retention_ms)},
                       {"retention.bytes", std::to_string(spec.retention_bytes)},
                       {"cleanup.policy", spec.compact ? compact : "delete"},
                       {"message.timestamp.type", "LogAppendTime"},
                       {"max.message.bytes", std::to_string(limits::kMaxKafkaRecordBytes)}});
}

Result<stream::TopicInfo> KafkaAdmin::ensure(const stream::TopicSpec& spec,
                                             const std::map<std::string, std::string>& settings) {
  auto topic = find(spec.name);
  if (!topic && topic.error().code() == ErrorCode::kNotFound) {
    TRY(create(spec, settings));
    // Another broker may not know of it yet.
    const int64_t until = io::system_clock().steady_ms() + timeout_ms_;
    for (;;) {
      topic = find(spec.name);
      if (topic && topic->spec.partitions > 0) break;
      if (!topic && topic.error().code() != ErrorCode::kNotFound) return topic;
      if (io::system_clock().steady_ms() >= until) return topic;
      io::system_clock().sleep_ms(kSettleMs, {});
    }
  }
  if (topic && topic->spec.partitions < spec.partitions) {
    return Error(ErrorCode::kIncompatible,
                 fmt::format("topic {} has {} partitions, declared are {}", spec.name,
                             topic->spec.partitions, spec.partitions))
        .with_hint("say so in `topics:` of leat.yaml, or add partitions with Kafka's own tools");
  }
  if (topic && topic->max_record_bytes > 0) {  // its settings could be read
    if (spec.declared) compare(spec, topic->spec);
    batch_bytes_ = std::min(batch_bytes_.load(), topic->max_record_bytes);
  }
  return topic;
}

/// The topic is somebody's, who may have reasons: records flow, and the difference is told.
void KafkaAdmin::compare(const stream::TopicSpec& declared, const stream::TopicSpec& found) {
  std::vector<std::string> differences;
  auto differ = [&](const char* what, const std::string& is, const std::string& should) {
    if (is != should) differences.push_back(fmt::format("{} {}, declared {}", what, is, should));
  };
  auto time = [](int64_t ms) { return ms < 0 ? "for ever" : format_duration_ms(ms); };
  auto size = [](int64_t bytes) {
    return bytes < 0 ? "unbounded" : fmt::format("{} bytes", bytes);
  };
  differ("retention", time(found.retention_ms), time(declared.retention_ms));
  differ("retention_bytes", size(found.retention_bytes), size(declared.retention_bytes));
  differ("cleanup", found.compact ? "compact" : "delete", declared.compact ? "compact" : "delete");
  if (differences.empty()) return;
  tell(
      fmt::format("topic {} is there with another {}: it stays as it is; change it with Kafka's "
                  "own tools, or say so "
                  "in leat.yaml",
                  declared.name, fmt::join(differences, "; ")));
}

void KafkaAdmin::tell(std::string text) {
  MutexLock lock(mutex_);
  if (told_.insert(text).second) spdlog::warn("kafka: {}", text);
}

Result<void> KafkaAdmin::remove(const std::string& name) {
  const std::string what = fmt::format("delete topic {}", name);
  const auto before = find(name);
  RdQueue queue(rd_kafka_queue_new(client_.get()));
  ASSIGN(Options options, options_for(client_.get(), RD_KAFKA_ADMIN_OP_DELETETOPICS, timeout_ms_));
  OldTopic topic(rd_kafka_DeleteTopic_new(name.c_str()));
  rd_kafka_DeleteTopic_t* raw = topic.get();
  rd_kafka_DeleteTopics(client_.get(), &raw, 1, options.get(), queue.get());
  ASSIGN(RdEvent event, answer(queue.get(), what));
  size_t count = 0;
  const auto** results =
      rd_kafka_DeleteTopics_result_topics(rd_kafka_event_DeleteTopics_result(event.get()), &count);
  for (size_t i = 0; i < count; ++i) {
    const char* why = rd_kafka_topic_result_error_string(results[i]);
    if (auto code = rd_kafka_topic_result_error(results[i]))
      return needs(client_.error(code, what, why ? why : ""), "Delete", "topic " + name);
  }
  // A broker may not know of it yet: ensure() would take the topic for one that is there.
  const int64_t until = io::system_clock().steady_ms() + timeout_ms_;
  while (before && io::system_clock().steady_ms() < until) {
    const auto still = find(name);
    if (!still || still->id != before->id) break;
    io::system_clock().sleep_ms(kSettleMs, {});
  }
  return {};
}

Result<std::vector<std::string>> KafkaAdmin::members(const std::string& group) {
  const std::string what = fmt::format("ask who is in group {}", group);
  RdQueue queue(rd_kafka_queue_new(client_.get()));
  ASSIGN(Options options,
         options_for(client_.get(), RD_KAFKA_ADMIN_OP_DESCRIBECONSUMERGROUPS, timeout_ms_));
  const char* name = group.c_str();
  rd_kafka_DescribeConsumerGroups(client_.get(), &name, 1, options.get(), queue.get());
  ASSIGN(RdEvent event, answer(queue.get(), what));
  size_t count = 0;
  const auto** groups = rd_kafka_DescribeConsumerGroups_result_groups(
      rd_kafka_event_DescribeConsumerGroups_result(event.get()), &count);
  std::vector<std::string> hosts;
  for (size_t i = 0; i < count; ++i) {
    const rd_kafka_error_t* error = rd_kafka_ConsumerGroupDescription_error(groups[i]);
    const auto code = error ? rd_kafka_error_code(error) : RD_KAFKA_RESP_ERR_NO_ERROR;
    if (code == RD_KAFKA_RESP_ERR_GROUP_ID_NOT_FOUND) continue;
    if (code)
      return needs(client_.error(code, what, rd_kafka_error_string(error)), "Describe",
                   "group " + group);
    for (size_t m = 0; m < rd_kafka_ConsumerGroupDescription_member_count(groups[i]); ++m) {
      const auto* member = rd_kafka_ConsumerGroupDescription_member(groups[i], m);
      std::string_view host = rd_kafka_MemberDescription_host(member);
      hosts.emplace_back(host.substr(host.starts_with('/')));
    }
  }
  return hosts;
}

Result<KafkaAdmin::Answers> KafkaAdmin::offsets(const stream::TopicInfo& topic,
                                                const std::vector<int32_t>& partitions,
                                                std::span<const Question> questions) {
  const int64_t until = io::system_clock().steady_ms() + timeout_ms_;
  for (;;) {
    bool leaderless = false;
    auto found = ask(topic, partitions, questions, leaderless);
    if (found || !leaderless || io::system_clock().steady_ms() >= until) return found;
    io::system_clock().sleep_ms(kSettleMs, {});
    look_anew(topic.spec.name, timeout_ms_);
  }
}

/// librdkafka keeps a partition's leader, and asks it again and again though another one leads by now (seen with 2.12.1:
/// ListOffsets after a broker's restart gives FENCED_LEADER_EPOCH for minutes). It also waits for the controller that it
/// was told of, though that one is dead and another broker takes its requests.
void KafkaAdmin::look_anew(const std::string& topic, int64_t timeout_ms) {
  Rd<rd_kafka_topic_t, rd_kafka_topic_destroy> handle(
      rd_kafka_topic_new(client_.get(), topic.c_str(), nullptr));
  const rd_kafka_metadata_t* metadata = nullptr;
  if (rd_kafka_metadata(client_.get(), 0, handle.get(), &metadata, static_cast<int>(timeout_ms)) ==
      RD_KAFKA_RESP_ERR_NO_ERROR)
    rd_kafka_metadata_destroy(metadata);
}

Result<KafkaAdmin::Answers> KafkaAdmin::ask(const stream::TopicInfo& topic,
                                            const std::vector<int32_t>& partitions,
                                            std::span<const Question> questions, bool& leaderless) {
  const std::string what = fmt::format("read the offsets of topic {}", topic.spec.name);
  RdQueue queue(rd_kafka_queue_new(client_.get()));
  for (const Question& question : questions) {
    RdPartitions wanted(rd_kafka_topic_partition_list_new(static_cast<int>(partitions.size())));
    for (int32_t partition : partitions) {
      rd_kafka_topic_partition_list_add(wanted.get(), topic.spec.name.c_str(), partition)->offset =
          question.of;
    }
    ASSIGN(Options options, options_for(client_.get(), RD_KAFKA_ADMIN_OP_LISTOFFSETS, timeout_ms_));
    RdError failed(rd_kafka_AdminOptions_set_isolation_level(
        options.get(), question.committed ? RD_KAFKA_ISOLATION_LEVEL_READ_COMMITTED
                                          : RD_KAFKA_ISOLATION_LEVEL_READ_UNCOMMITTED));
    if (failed) return client_.error(failed.get(), what);
    rd_kafka_AdminOptions_set_opaque(options.get(), const_cast<Question*>(&question));
    rd_kafka_ListOffsets(client_.get(), wanted.get(), options.get(), queue.get());
  }
  Answers answers(questions.size());
  for (size_t n = 0; n < questions.size(); ++n) {
    ASSIGN(RdEvent event, answer(queue.get(), what));
    const auto* asked = static_cast<const Question*>(rd_kafka_event_opaque(event.get()));
    auto& offsets = answers[static_cast<size_t>(asked - questions.data())];
    size_t count = 0;
    const auto** infos =
        rd_kafka_ListOffsets_result_infos(rd_kafka_event_ListOffsets_result(event.get()), &count);
    std::map<int32_t, Offset> found;
    for (size_t i = 0; i < count; ++i) {
      const auto* of = rd_kafka_ListOffsetsResultInfo_topic_partition(infos[i]);
      leaderless |= is_leaderless(of->err);
      if (of->err)
        return needs(client_.error(of->err, what), "Describe", "topic " + topic.spec.name);
      if (of->offset == RD_KAFKA_OFFSET_INVALID) continue;
      found[of->partition] = {of->offset, rd_kafka_ListOffsetsResultInfo_timestamp(infos[i])};
    }
    // Where a leader's answer is lost, librdkafka (2.12.1) gives a success with what it began with: no offset.
    leaderless |= found.size() < partitions.size();
    if (found.size() < partitions.size()) return client_.error(RD_KAFKA_RESP_ERR__TRANSPORT, what);
    for (int32_t partition : partitions) offsets.push_back(found[partition]);
  }
  return answers;
}

Result<stream::PartitionBounds> KafkaAdmin::bounds(const stream::TopicInfo& topic,
                                                   int32_t partition) {
  const Question questions[] = {{RD_KAFKA_OFFSET_SPEC_EARLIEST},
                                {RD_KAFKA_OFFSET_SPEC_LATEST},
                                {RD_KAFKA_OFFSET_SPEC_MAX_TIMESTAMP, false},
                                {RD_KAFKA_OFFSET_SPEC_LATEST, false}};
  ASSIGN(Answers found, offsets(topic, {partition}, questions));
  stream::PartitionBounds bounds;
  bounds.start = found[0][0].offset;
  bounds.end = std::max(found[1][0].offset, bounds.start);
  bounds.bytes = -1;
  bounds.unsettled = std::max<int64_t>(found[3][0].offset - bounds.end, 0);
  bounds.last_timestamp_ms = std::max<int64_t>(found[2][0].timestamp_ms, 0);
  return bounds;
}

Result<KafkaAdmin::Extent> KafkaAdmin::extent(const stream::TopicInfo& topic, int32_t partition) {
  const Question questions[] = {{RD_KAFKA_OFFSET_SPEC_EARLIEST},
                                {RD_KAFKA_OFFSET_SPEC_LATEST},
                                {RD_KAFKA_OFFSET_SPEC_LATEST, false}};
  ASSIGN(Answers found, offsets(topic, {partition}, questions));
  return Extent{found[0][0].offset, found[1][0].offset, found[2][0].offset};
}

Result<int64_t> KafkaAdmin::offset_for_time(const stream::TopicInfo& topic, int32_t partition,
                                            int64_t timestamp_ms) {
  const Question questions[] = {{std::max<int64_t>(timestamp_ms, 0)},
                                {RD_KAFKA_OFFSET_SPEC_LATEST}};
  ASSIGN(Answers found, offsets(topic, {partition}, questions));
  const int64_t at = found[0][0].offset;
  return at >= 0 ? at : found[1][0].offset;
}

Result<std::vector<int64_t>> KafkaAdmin::high_watermarks(const stream::TopicInfo& topic) {
  std::vector<int32_t> partitions;
  for (int32_t p = 0; p < topic.spec.partitions; ++p) partitions.push_back(p);
  const Question question{RD_KAFKA_OFFSET_SPEC_LATEST, false};
  ASSIGN(Answers found, offsets(topic, partitions, {&question, 1}));
  std::vector<int64_t> ends;
  for (const Offset& offset : found[0]) ends.push_back(offset.offset);
  return ends;
}

}  // namespace leat::clients
