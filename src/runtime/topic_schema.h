// The schema of a topic's values: read from the user's file when the project is planned, registered or checked when the
// pipeline that writes the topic starts.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "codec/schema_id.h"
#include "config/pipeline_file.h"
#include "schema/catalog.h"
#include "schema/parsed_schema.h"
#include "stream/log.h"
#include "types/type.h"

namespace leat::runtime {

/// Immutable; shared by the pipeline that writes the topic and those that read it.
struct TopicSchema {
  std::string file;  // as the user names it; empty: it came from the registry
  schema::SchemaText text;
  std::shared_ptr<const schema::ParsedSchema> parsed;
  types::Schema columns;
  config::SubjectStrategy strategy = config::SubjectStrategy::kTopic;
  config::RegisterPolicy policy = config::RegisterPolicy::kAutoRegister;
  config::SchemaIdIn id_in = config::SchemaIdIn::kPayload;
  bool of_keys = false;  // not of values
  config::Mark mark;
};
using TopicSchemaPointer = std::shared_ptr<const TopicSchema>;

/// "avro", "protobuf", "json_schema": what TopicSpec::format says of a topic with such a schema.
std::string_view topic_format(const TopicSchema& schema);

/// By the ending of its name: .avsc Avro, .proto Protobuf, .json JSON Schema; nullopt: another file.
std::optional<schema::Format> schema_file_format(std::string_view path);

/// Reads the text of a schema that refers to nothing outside: kInvalidArgument with the place in the text.
Result<TopicSchema> read_topic_schema(schema::Format format, std::string text);
/// The same with what it refers to.
Result<TopicSchema> read_topic_schema(schema::Catalog& catalog, schema::SchemaText text);

/// A schema that refers to nothing, with its language, as it is kept; and read again.
std::string kept_text(const TopicSchema& schema);
Result<TopicSchema> read_kept(std::string_view text);

/// The registry's newest for a topic: kUnavailable while nobody has registered one, which who writes the topic does with
/// its first record.
Result<TopicSchema> newest_schema(schema::Catalog& catalog, const std::string& topic);

/// The name in the registry.
std::string subject_of(const TopicSchema& schema, const std::string& topic);

/// What records name the schema by: its id under its subject, or its GUID (id_in: header). kIncompatible says which field
/// stands in the way of which version, or that the registry has no GUIDs; kNotFound that nobody has registered it
/// (check_only). Of keys only the schema that the subject has: another one, however compatible, would write other bytes for
/// the same key, which then has another partition and is not compacted with itself.
Result<codec::SchemaId> register_schema(schema::Catalog& catalog, const TopicSchema& schema,
                                        const std::string& topic);

/// The header of each record that names the schema (of its value, of its key) by `id`; empty: the payload does.
Result<std::string> schema_header(const TopicSchema& schema, const codec::SchemaId& id);

/// Whether a topic that is there holds what `format` says: kIncompatible with the way to go on. A topic without records
/// holds anything. What the log does not record shows in the first record.
Result<void> check_topic_format(stream::Log& log, const stream::TopicInfo& topic,
                                std::string_view format);

/// The same of its keys, which are of `keys`, or text when it is null: kIncompatible when the topic has keys that are
/// written in another way, which the first one shows.
Result<void> check_topic_keys(stream::Log& log, const stream::TopicInfo& topic,
                              const TopicSchema* keys);

}  // namespace leat::runtime
