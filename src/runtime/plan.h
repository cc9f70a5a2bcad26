// Plan: what a project's files say, as plain checked values. Made by the planner, read by lanes, lint and explain.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/limits.h"
#include "config/pipeline_file.h"
#include "config/project_file.h"
#include "runtime/topic_schema.h"
#include "sql/engine.h"
#include "stream/log.h"
#include "types/type.h"

namespace leat::runtime {

struct TopicSource {
  std::string topic;
  config::From from;  // where a pipeline that has no position yet starts
  // What its values are read with; null: JSON, or what the registry has for the topic.
  TopicSchemaPointer schema;
  std::string format;  // "avro", "protobuf": values name the schema that wrote them; empty: JSON
  std::optional<config::KeyFormat> keys =
      {};  // as the file says, else as the project's writer does
  bool registered_keys() const { return keys == config::KeyFormat::kRegistered; }
};

/// A source that is not a topic: a component by name with its configuration, bound when it is opened.
struct ComponentSource {
  std::string type;  // "http", "file", "generate"
  config::Node config;
};

using config::OnFail;

struct RulePlan {
  std::string name, expect;
  OnFail on_fail = OnFail::kQuarantine;
};

struct SinkPlan {
  enum class Kind { kTopic, kStore, kDiscard } kind = Kind::kDiscard;
  std::string id;            // topic name, "STORE.TABLE" or "discard"
  std::string topic;         // kTopic
  std::string store, table;  // kStore
  std::vector<std::string> key;
  size_t partition_columns = 0;   // the first so many of `key` choose the partition; 0: all
  bool upsert = false;            // exactly when there is a key (stores)
  bool deletes = false;           // a record without a value deletes its key's row
  config::Mark key_mark;          // without a key, the sink's
  TopicSchemaPointer schema;      // of a topic's values; null: JSON
  TopicSchemaPointer key_schema;  // of its keys; null: text
};

/// A lookup table of `tables:`: loaded into the engine at start.
struct TablePlan {
  std::string name;
  std::string kind;   // csv, parquet, store
  std::string value;  // an absolute path, or STORE.TABLE
};

/// What has a reader, a query, a position and a ledger of its own: a sink, or all topics of a source together.
struct LanePlan {
  static constexpr const char* kShared = "*";  // the id of the lane of a source's topics
  std::string id;                              // else the sink's
  std::vector<size_t> sinks;                   // indices in PipelinePlan::sinks
};

struct PipelinePlan {
  std::string name;
  std::string file;  // path of its YAML, for messages
  std::variant<TopicSource, ComponentSource> source;
  std::optional<types::Schema>
      input_schema;  // from `schema:`; else upstream's output, else a sample
  bool validate_all = false;
  std::vector<sql::SqlStep> steps;
  std::vector<config::Node>
      step_nodes;  // each step's text in the file, for the place of an error in it
  std::vector<config::Node> rule_nodes;
  std::vector<RulePlan> rules;
  std::vector<TablePlan> tables;
  std::vector<SinkPlan> sinks;
  stream::ReadLimits batch;
  std::optional<size_t> page_records, page_bytes;  // `batch:` as said, for a source's pages
  int64_t batch_delay_ms = limits::kDefaultBatchDelayMs;
  config::RestartDecl restart;
  int64_t dead_letter_retention_ms = limits::kDeadLetterRetentionMs;

  /// In the order of the sinks, a shared one last.
  std::vector<LanePlan> lanes() const;
  /// The topic in the identity of a source's records, "http:users"; empty when it reads a topic.
  std::string origin() const;
  bool reads_topic() const { return std::holds_alternative<TopicSource>(source); }
  /// The schema that the source's records are read with, as far as the files name it; null: none.
  TopicSchemaPointer reader() const {
    auto* topic = std::get_if<TopicSource>(&source);
    return topic ? topic->schema : nullptr;
  }
  /// True when the source's records name the schemas that wrote them.
  bool reads_framed() const {
    auto* topic = std::get_if<TopicSource>(&source);
    return topic && !topic->format.empty();
  }
  bool names_schemas() const;
  const std::string* input_topic() const {
    auto* topic = std::get_if<TopicSource>(&source);
    return topic ? &topic->topic : nullptr;
  }
};

struct ProjectPlan {
  std::string project, profile, directory;
  std::map<std::string, stream::TopicSpec> topics;      // declared in leat.yaml
  std::optional<config::ComponentDecl> log;             // of the profile; none: the embedded one
  std::map<std::string, config::ComponentDecl> stores;  // of the profile; empty under `local`
  std::optional<config::RegistryDecl> registry;         // of the profile; none: the embedded one
  std::vector<PipelinePlan> pipelines;                  // upstream before downstream

  const PipelinePlan* find(std::string_view name) const;
  /// The pipelines that write `topic`.
  std::vector<const PipelinePlan*> writers(std::string_view topic) const;
  /// The pipelines that read `topic`.
  std::vector<const PipelinePlan*> readers(std::string_view topic) const;
  /// True when a pipeline writes or reads records of registered schemas.
  bool names_schemas() const;
  /// The declared or default spec of a topic, with the format that its writer's, or else its reader's, file says.
  stream::TopicSpec topic_spec(const std::string& name) const;
  std::string dead_letter_topic(const std::string& pipeline) const {
    return project + "." + pipeline + ".dlq";
  }
  std::string retry_topic(const std::string& pipeline) const {
    return project + "." + pipeline + ".retry";
  }
};

}  // namespace leat::runtime
