#include "runtime/topic_schema.h"

#include <fmt/format.h>

#include <limits>

#include "codec/schema_codec.h"
#include "codec/schema_id.h"
#include "stream/read_span.h"

namespace leat::runtime {
namespace {

constexpr int64_t kMostLooksForKey = 100;  // records of a partition: most topics have keys, or none

Result<TopicSchema> with_references(schema::SchemaText text,
                                    const std::vector<schema::Resolved>& references) {
  TopicSchema out;
  ASSIGN(out.parsed, schema::parse(text.format, text.text, references));
  ASSIGN(out.columns, codec::schema_columns(*out.parsed));
  out.text = std::move(text);
  return out;
}

/// What stands between the schema and the newest version of its subject, a line each.
std::string differences(schema::Catalog& catalog, const TopicSchema& schema,
                        const std::string& subject) {
  auto newest = catalog.version(subject, schema::kLatest);
  if (!newest) return {};
  auto references = schema::resolve(catalog, newest->schema.references);
  if (!references) return {};
  auto old = schema::parse(newest->schema.format, newest->schema.text, *references);
  if (!old) return {};
  std::string out;
  const auto tell = [&](std::string_view what, const std::vector<schema::Difference>& found) {
    for (const schema::Difference& one : found)
      out += fmt::format("\n  {}: {} at {}: {}", what, one.rule, one.path.empty() ? "/" : one.path,
                         one.message);
  };
  tell(fmt::format("reading records of version {}", newest->version),
       schema.parsed->differences(**old));
  tell(fmt::format("being read by version {}", newest->version),
       (*old)->differences(*schema.parsed));
  return out;
}

/// What `tell` says of the first record, of those that the topic still has, of which it says something; nullopt: of none,
/// or of none of the first `most` of each partition.
template <typename Tell>
auto first_told(stream::Log& log, const stream::TopicInfo& topic, int64_t most, Tell tell)
    -> Result<decltype(tell(stream::Record()))> {
  decltype(tell(stream::Record())) told;
  for (int32_t p = 0; p < topic.spec.partitions && !told; ++p) {
    ASSIGN(const stream::PartitionBounds bounds, log.topics().bounds(topic, p));
    if (bounds.start >= bounds.end) continue;
    ASSIGN(auto reader, log.reader(topic));
    int64_t seen = 0;
    const auto see = [&](const stream::RecordBatch& batch) -> Result<bool> {
      for (const stream::Record& record : batch.records) {
        if (!told && seen++ < most) told = tell(record);
      }
      return !told && seen < most;
    };
    TRY(stream::read_span(*reader, p, bounds.start, bounds.end, {1, 1}, {}, see));
  }
  return told;
}

/// Whether the first record that the topic still has names a schema; nullopt: it has none with a value.
Result<std::optional<bool>> is_framed(stream::Log& log, const stream::TopicInfo& topic) {
  return first_told(log, topic, std::numeric_limits<int64_t>::max(),
                    [](const stream::Record& record) -> std::optional<bool> {
                      if (!record.value) return std::nullopt;
                      return codec::read_schema_frame(*record.value, record.headers,
                                                      codec::kValueSchemaHeader)
                          .has_value();
                    });
}

/// How keys are written: nothing of `id_in` is text.
using KeyWay = std::optional<config::SchemaIdIn>;

std::string_view told_way(KeyWay way) {
  if (!way) return "keys as text";
  return *way == config::SchemaIdIn::kHeader ? "keys of a schema, its id in a header"
                                             : "keys of a schema, its id in front of them";
}

std::optional<KeyWay> key_way(const stream::Record& record) {
  if (!record.key) return std::nullopt;
  for (const stream::Header& header : record.headers)
    if (header.key == codec::kKeySchemaHeader) return KeyWay(config::SchemaIdIn::kHeader);
  const bool framed = codec::read_schema_frame(*record.key).has_value();
  return framed ? KeyWay(config::SchemaIdIn::kPayload) : KeyWay();
}

Error other_format(const stream::TopicInfo& topic, std::string_view has, std::string_view format) {
  const std::string& name = topic.spec.name;
  Error error(ErrorCode::kIncompatible, fmt::format("topic {} holds records of format {}, and this "
                                                    "sink writes {}",
                                                    name, has, format));
  if (has != "json")
    return std::move(error).with_hint(
        fmt::format("give the sink the topic's schema, or write another topic than {}", name));
  return std::move(error).with_hint(fmt::format(
      "write a new topic (`topic: {}_v2` with this schema), let a pipeline with `source: {{topic: "
      "{}, format: json}}` copy the old records into it, and then read the new one: "
      "docs/topic-schemas.md has the steps",
      name, name));
}

}  // namespace

std::string_view topic_format(const TopicSchema& schema) {
  switch (schema.text.format) {
    case schema::Format::kAvro:
      return "avro";
    case schema::Format::kJson:
      return "json_schema";
    case schema::Format::kProtobuf:
      return "protobuf";
  }
  return "json";
}

std::optional<schema::Format> schema_file_format(std::string_view path) {
  if (path.ends_with(".avsc")) return schema::Format::kAvro;
  if (path.ends_with(".proto")) return schema::Format::kProtobuf;
  if (path.ends_with(".json")) return schema::Format::kJson;
  return std::nullopt;
}

Result<TopicSchema> read_topic_schema(schema::Format format, std::string text) {
  return with_references({format, std::move(text), {}}, {});
}

Result<TopicSchema> read_topic_schema(schema::Catalog& catalog, schema::SchemaText text) {
  ASSIGN(const auto references, schema::resolve(catalog, text.references));
  return with_references(std::move(text), references);
}

std::string kept_text(const TopicSchema& schema) {
  return fmt::format("{}\n{}", schema::format_name(schema.text.format), schema.text.text);
}

Result<TopicSchema> read_kept(std::string_view text) {
  const size_t line = std::min(text.find('\n'), text.size());
  const auto format = schema::format_named(text.substr(0, line));
  if (!format || line == text.size())
    return Error(ErrorCode::kCorrupt, "the schema that was kept for the input is none")
        .with_hint("`leat reset PIPELINE` forgets it");
  return read_topic_schema(*format, std::string(text.substr(line + 1)));
}

Result<TopicSchema> newest_schema(schema::Catalog& catalog, const std::string& topic) {
  auto newest = catalog.version(topic + "-value", schema::kLatest);
  if (newest) return read_topic_schema(catalog, std::move(newest->schema));
  Error error = std::move(newest).error().context("the schema of topic " + topic);
  if (error.code() != ErrorCode::kNotFound) return error;
  return Error(ErrorCode::kUnavailable, error.to_string())
      .with_retry(Retry::kBackoff)
      .with_hint("`source: {schema: FILE}` reads the topic without asking");
}

std::string subject_of(const TopicSchema& schema, const std::string& topic) {
  switch (schema.strategy) {
    case config::SubjectStrategy::kTopic:
      return topic + (schema.of_keys ? "-key" : "-value");
    case config::SubjectStrategy::kRecord:
      return schema.parsed->record_name();
    case config::SubjectStrategy::kTopicRecord:
      return topic + "-" + schema.parsed->record_name();
  }
  return {};
}

namespace {

/// Registered, or found: its id.
Result<int32_t> registered_id(schema::Catalog& catalog, const TopicSchema& schema,
                              const std::string& subject) {
  if (schema.policy == config::RegisterPolicy::kCheckOnly) {
    auto found = catalog.find(subject, schema.text);
    if (found) return found->id;
    if (found.error().code() != ErrorCode::kNotFound) return std::move(found).error();
    return Error(ErrorCode::kNotFound,
                 fmt::format("{} is not registered under subject {} at {}, and the policy is "
                             "check_only{}",
                             schema.file, subject, catalog.name(),
                             differences(catalog, schema, subject)))
        .with_hint(fmt::format("`leat schema register {} {}` registers it, if it is compatible",
                               subject, schema.file));
  }
  auto id = catalog.add(subject, schema.text, false);
  if (id || id.error().code() != ErrorCode::kIncompatible) return id;
  const std::string why = differences(catalog, schema, subject);
  return Error(ErrorCode::kIncompatible,
               fmt::format("{} may not follow what is registered under subject {} at {}{}",
                           schema.file, subject, catalog.name(),
                           why.empty() ? ": " + id.error().message() : why))
      .with_hint(fmt::format("give a field that is new a default, or an old name in `aliases`; "
                             "`leat schema check {} {}` tells all levels; or write another topic",
                             subject, schema.file));
}

/// The version of the schema of keys: nullopt when the subject has none yet. Another schema than the subject has is refused.
Result<std::optional<schema::SchemaVersion>> key_version(schema::Catalog& catalog,
                                                         const TopicSchema& schema,
                                                         const std::string& subject) {
  auto newest = catalog.version(subject, schema::kLatest);
  if (!newest && newest.error().code() == ErrorCode::kNotFound)
    return std::optional<schema::SchemaVersion>();
  if (!newest) return std::move(newest).error();
  ASSIGN(const TopicSchema there, read_topic_schema(catalog, newest->schema));
  if (there.parsed->format() == schema.parsed->format() &&
      there.parsed->normalized() == schema.parsed->normalized())
    return std::optional(std::move(*newest));
  return Error(ErrorCode::kIncompatible,
               fmt::format("{} is not what subject {} at {} has as version {}, and the schema of "
                           "keys may not change: the same key would have other bytes, so another "
                           "partition, and it would stay beside itself in a compacted topic",
                           schema.file, subject, catalog.name(), newest->version))
      .with_hint(fmt::format("`leat schema diff {} {}` shows the difference; keys of another kind "
                             "need a new topic",
                             subject, schema.file));
}

}  // namespace

Result<codec::SchemaId> register_schema(schema::Catalog& catalog, const TopicSchema& schema,
                                        const std::string& topic) {
  const std::string subject = subject_of(schema, topic);
  std::optional<schema::SchemaVersion> version;
  if (schema.of_keys) {
    ASSIGN(version, key_version(catalog, schema, subject));
  }
  const bool by_id = schema.id_in == config::SchemaIdIn::kPayload;
  if (!version) {
    ASSIGN(const int32_t id, registered_id(catalog, schema, subject));
    if (by_id) return codec::SchemaId(id);
    ASSIGN(version, catalog.find(subject, schema.text));
  }
  if (by_id) return codec::SchemaId(version->id);
  if (const auto guid = codec::read_guid(version->guid)) return codec::SchemaId(*guid);
  return Error(ErrorCode::kIncompatible,
               fmt::format("{} gives no GUID of {}, which `id_in: header` writes", catalog.name(),
                           schema.file))
      .with_hint(
          "Confluent's registry has GUIDs since version 8.0; leave `id_in` out to write ids in "
          "front of the values");
}

Result<std::string> schema_header(const TopicSchema& schema, const codec::SchemaId& id) {
  if (schema.id_in == config::SchemaIdIn::kPayload) return std::string();
  ASSIGN(const std::string indexes, codec::header_indexes(*schema.parsed));
  return codec::schema_frame(id) + indexes;
}

Result<void> check_topic_format(stream::Log& log, const stream::TopicInfo& topic,
                                std::string_view format) {
  if (topic.spec.format == format && format != "json") return {};
  auto looked = is_framed(log, topic);
  // Who may only write cannot see.
  if (!looked && looked.error().code() == ErrorCode::kPermission) return {};
  ASSIGN(const std::optional<bool> framed, std::move(looked));
  if (!framed) return {};
  if (topic.spec.format != "json") return other_format(topic, topic.spec.format, format);
  if (*framed == (format != "json")) return {};
  return other_format(topic, *framed ? "a registered schema" : "json", format);
}

Result<void> check_topic_keys(stream::Log& log, const stream::TopicInfo& topic,
                              const TopicSchema* keys) {
  auto looked = first_told(log, topic, kMostLooksForKey, key_way);
  if (!looked && looked.error().code() == ErrorCode::kPermission) return {};
  ASSIGN(const std::optional<KeyWay> there, std::move(looked));
  const KeyWay ours = keys ? KeyWay(keys->id_in) : KeyWay();
  if (!there || *there == ours) return {};
  const std::string& name = topic.spec.name;
  return Error(ErrorCode::kIncompatible,
               fmt::format("topic {} has {}, and this sink writes {}: the same key would have "
                           "other bytes, so another partition, and it would stay beside itself in "
                           "a compacted topic",
                           name, told_way(*there), told_way(ours)))
      .with_hint(fmt::format("write them as the topic has them, or write a new topic (`topic: "
                             "{}_v2`)",
                             name));
}

}  // namespace leat::runtime
