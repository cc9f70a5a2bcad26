// Topics: list, look at, create, delete.
//
//   GET, POST      /api/v1/topics
//   GET, DELETE    /api/v1/topics/{topic}
//
// Settings of a topic that leat.yaml declares are taken from there alone. A topic that a running
// pipeline uses is not deleted under it.
#include <spdlog/spdlog.h>

#include <algorithm>

#include "base/strings.h"
#include "server/backend.h"

namespace leat::server {
namespace {

constexpr std::string_view kForever = "forever";

Json retention_json(int64_t ms) { return ms < 0 ? Json(kForever) : Json(format_duration_ms(ms)); }

/// Pipelines that read and write the topic, by what the project's files say.
Json users_of(const runtime::ProjectPlan& plan, const std::string& topic) {
  Json writers = Json::array(), readers = Json::array();
  for (const auto& pipeline : plan.pipelines) {
    const std::string* input = pipeline.input_topic();
    if ((input && *input == topic) || topic == plan.retry_topic(pipeline.name))
      readers.push_back(pipeline.name);
    bool writes = topic == plan.dead_letter_topic(pipeline.name);
    for (const auto& sink : pipeline.sinks) writes |= sink.topic == topic;
    if (writes) writers.push_back(pipeline.name);
  }
  return {{"written_by", std::move(writers)}, {"read_by", std::move(readers)}};
}

Result<Json> topic_json(const Backend& backend, const stream::TopicInfo& topic,
                        bool with_partitions) {
  int64_t records = 0, bytes = 0, last_ms = 0;
  Json partitions = Json::array();
  for (int32_t p = 0; p < topic.spec.partitions; ++p) {
    ASSIGN(stream::PartitionBounds bounds, backend.log->topics().bounds(topic, p));
    records += bounds.end - bounds.start;
    bytes = bytes < 0 || bounds.bytes < 0 ? -1 : bytes + bounds.bytes;
    last_ms = std::max(last_ms, bounds.last_timestamp_ms);
    if (!with_partitions) continue;
    partitions.push_back({{"partition", p},
                          {"start", bounds.start},
                          {"end", bounds.end},
                          {"bytes", bounds.bytes < 0 ? Json() : Json(bounds.bytes)},
                          {"last_record", time_json(bounds.last_timestamp_ms)}});
  }
  Json out = {{"topic", topic.spec.name},
              {"id", topic.id.to_string()},
              {"partitions", topic.spec.partitions},
              {"records", records},
              {"bytes", bytes < 0 ? Json() : Json(bytes)},
              {"format", topic.spec.format},
              {"retention", retention_json(topic.spec.retention_ms)},
              {"retention_bytes",
               topic.spec.retention_bytes < 0 ? Json() : Json(topic.spec.retention_bytes)},
              {"created", time_json(topic.created_ms)},
              {"last_record", time_json(last_ms)}};
  if (!with_partitions) return out;
  out["bounds"] = std::move(partitions);
  out.update(users_of(*backend.plan, topic.spec.name));
  return out;
}

Result<net::Response> list_topics(const Backend& backend) {
  Json out = Json::array();
  if (!backend.log) return ok(out);
  ASSIGN(std::vector<stream::TopicInfo> topics, backend.log->topics().list());
  std::sort(topics.begin(), topics.end(),
            [](auto& a, auto& b) { return a.spec.name < b.spec.name; });
  for (const stream::TopicInfo& topic : topics) {
    ASSIGN(Json json, topic_json(backend, topic, false));
    out.push_back(std::move(json));
  }
  return ok(out);
}

Result<net::Response> show_topic(const Backend& backend, const Call& call) {
  ASSIGN(stream::Log * log, need_log(backend));
  ASSIGN(stream::TopicInfo topic, log->topics().find(call.path("topic")));
  ASSIGN(Json json, topic_json(backend, topic, true));
  return ok(json);
}

Result<stream::TopicSpec> spec_of(const Backend& backend, const Call& call) {
  const std::string name = call.text_or("topic", "");
  if (!is_topic_name(name)) {
    return Error(ErrorCode::kInvalidArgument,
                 fmt::format("{} is no topic name", json_text(name.substr(0, 80))))
        .with_hint("1 to 249 of a-z A-Z 0-9 . _ -");
  }
  stream::TopicSpec spec = backend.plan->topic_spec(name);
  ASSIGN(int64_t partitions, call.number("partitions", spec.partitions, 1, limits::kMaxPartitions));
  ASSIGN(int64_t bytes, call.number("retention_bytes", spec.retention_bytes, -1, INT64_MAX));
  int64_t retention_ms = spec.retention_ms;
  if (auto text = call.text("retention"); text && *text == kForever) {
    retention_ms = -1;
  } else if (text) {
    auto ms = parse_duration_ms(*text);
    if (!ms || *ms <= 0) {
      return Error(ErrorCode::kInvalidArgument,
                   fmt::format("retention {} is no duration", json_text(text->substr(0, 80))))
          .with_hint("expected such as `36h`, `7d` or `forever`");
    }
    retention_ms = *ms;
  }
  const bool other = partitions != spec.partitions || bytes != spec.retention_bytes ||
                     retention_ms != spec.retention_ms;
  if (other && backend.plan->topics.contains(name)) {
    return Error(ErrorCode::kInvalidArgument,
                 fmt::format("topic {} is declared in leat.yaml with other settings", name))
        .with_hint("change `topics:` there, or leave the settings out here");
  }
  spec.partitions = static_cast<int32_t>(partitions);
  spec.retention_bytes = bytes;
  spec.retention_ms = retention_ms;
  return spec;
}

Result<net::Response> create_topic(const Backend& backend, const Call& call) {
  TRY(need_writable(backend));
  ASSIGN(stream::Log * log, need_log(backend));
  ASSIGN(stream::TopicSpec spec, spec_of(backend, call));
  auto there = log->topics().find(spec.name);
  if (there)
    return Error(ErrorCode::kAlreadyExists, fmt::format("topic {} is there already", spec.name));
  if (there.error().code() != ErrorCode::kNotFound) return std::move(there).error();
  ASSIGN(stream::TopicInfo topic, log->topics().ensure(spec));
  spdlog::info("topic {}: created with {} partitions", spec.name, spec.partitions);
  ASSIGN(Json json, topic_json(backend, topic, true));
  return ok(json);
}

Result<net::Response> delete_topic(const Backend& backend, const Call& call) {
  TRY(need_writable(backend));
  ASSIGN(stream::Log * log, need_log(backend));
  const std::string& name = call.path("topic");
  ASSIGN(stream::TopicInfo topic, log->topics().find(name));
  const Json users = users_of(*backend.plan, name);
  for (const Json& side : users) {
    for (const Json& pipeline : side) {
      ASSIGN(const runtime::PipelinePlan* plan,
             find_pipeline(backend, pipeline.get<std::string>()));
      TRY(need_at_rest(backend, *plan));
    }
  }
  ASSIGN(Json json, topic_json(backend, topic, true));
  TRY(log->topics().remove(name));
  spdlog::info("topic {}: deleted", name);
  return ok({{"deleted", name}, {"records", json["records"]}});
}

}  // namespace

void add_topics(Api& api, Backend& backend) {
  Endpoint list;
  list.method = "GET";
  list.path = "/api/v1/topics";
  list.tag = "topics";
  list.summary = "All topics of the log";
  list.response = "An array of topics with their record counts, sizes and retention.";
  list.handler = [&backend](const Call&) { return list_topics(backend); };
  api.add(std::move(list));

  Endpoint show;
  show.method = "GET";
  show.path = "/api/v1/topics/{topic}";
  show.tag = "topics";
  show.summary = "One topic with the bounds of its partitions and the pipelines that use it";
  show.response = "The topic.";
  show.handler = [&backend](const Call& call) { return show_topic(backend, call); };
  api.add(std::move(show));

  Endpoint create;
  create.method = "POST";
  create.path = "/api/v1/topics";
  create.tag = "topics";
  create.summary = "Create a topic";
  create.arguments = {
      {"topic", ValueType::kString, "Its name", true},
      {"partitions", ValueType::kInteger, "How many; never changes afterwards", false},
      {"retention", ValueType::kString, "How long records are kept: `7d`, `forever`", false},
      {"retention_bytes", ValueType::kInteger, "Bytes kept per partition; -1: no bound", false}};
  create.response = "The topic.";
  create.handler = [&backend](const Call& call) { return create_topic(backend, call); };
  api.add(std::move(create));

  Endpoint remove;
  remove.method = "DELETE";
  remove.path = "/api/v1/topics/{topic}";
  remove.tag = "topics";
  remove.summary = "Delete a topic and its records; refused while a running pipeline uses it";
  remove.response = "What was deleted.";
  remove.handler = [&backend](const Call& call) { return delete_topic(backend, call); };
  api.add(std::move(remove));
}

}  // namespace leat::server
