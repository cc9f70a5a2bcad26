// PipelineFile: what pipelines/NAME.yaml says, as plain values with their places. Read by
// load_project() (config/project.h); the planner turns it into lanes. Names here are the user's
// contract.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/limits.h"
#include "config/node.h"
#include "config/spec.h"

namespace leat::config {

/// Where reading a topic begins, when no position is stored.
struct From {
  enum class Kind { kStart, kEnd, kTime };
  Kind kind = Kind::kStart;
  int64_t time_ms = 0;  // kTime: 1970 UTC
};

/// Which fields are validated: those that are read, or the whole schema.
enum class Validate { kRead, kAll };

/// `source:`: a topic, or one component under its name.
enum class KeyFormat { kText, kRegistered };

struct SourceDecl {
  Located<std::string> topic;  // empty: a component
  From from;
  Located<std::string> schema;  // path of the input's schema, relative to the project; may be empty
  Validate validate = Validate::kRead;
  /// What a topic's keys are: text, or of registered schemas; not said: as its writer in the project says, or text.
  std::optional<KeyFormat> key_format;
  Located<std::string>
      format;  // of a topic's values: "json", "avro", "protobuf", "json_schema"; empty: as its writer in the project says, or JSON
  std::vector<Entry>
      components;  // unknown keys; after load_project exactly one unless topic is set
  Mark mark;
  bool is_topic() const { return !topic.value.empty(); }
  /// The component's name and its keys. Only when !is_topic().
  const std::string& component() const { return components.front().key; }
  const Node& component_node() const { return components.front().value; }
};

/// One SQL step; the node keeps the place of each line.
struct StepDecl {
  Node sql;
  Mark mark;
};

/// One of `tables:`: a CSV or Parquet file, or a store's table.
struct TableDecl {
  std::string csv, parquet;  // path relative to the project
  std::string store, table;
  Mark mark;
};

enum class OnFail { kFail, kQuarantine, kDrop, kWarn };

struct RuleDecl {
  Located<std::string> name;
  Node expect;  // a SQL condition
  OnFail on_fail = OnFail::kQuarantine;
  Mark mark;
};

/// `key:` a column, several, or Cassandra's two kinds.
struct KeyDecl {
  std::vector<Located<std::string>> columns;                // all, in order
  std::vector<Located<std::string>> partition, clustering;  // empty unless written so
  Mark mark;
};

enum class Mode { kUpsert, kAppend };

/// What a record without a value is to a table: a bad record, or the end of its key's row.
enum class OnTombstone { kReject, kDelete };

/// Under which name of the registry a topic's schema is: TOPIC-value, the record's full name, or TOPIC-RECORD.
enum class SubjectStrategy { kTopic, kRecord, kTopicRecord };
/// What a start does with a schema that the registry does not have under that name.
enum class RegisterPolicy { kAutoRegister, kCheckOnly };

/// Where a record names its schema: in front of its bytes by the id, or in a header by the GUID.
enum class SchemaIdIn { kPayload, kHeader };

/// `schema:` of a topic sink.
struct SchemaDecl {
  Located<std::string> file;  // relative to the project
  SubjectStrategy strategy = SubjectStrategy::kTopic;
  RegisterPolicy policy = RegisterPolicy::kAutoRegister;
  SchemaIdIn id_in = SchemaIdIn::kPayload;
};

struct SinkDecl {
  Located<std::string> topic;
  Located<std::string> store, table;
  std::optional<Node> discard;  // a sink that only counts
  std::optional<KeyDecl> key;
  std::optional<Mode> mode;  // as written; see effective_mode()
  Located<OnTombstone> on_tombstone;
  std::optional<SchemaDecl> schema;      // of a topic; none: JSON
  std::optional<SchemaDecl> key_schema;  // of its keys; none: text
  Mark mark;
  bool is_topic() const { return !topic.value.empty(); }
  bool is_store() const { return !store.value.empty(); }
  /// The sink's id: its topic, "STORE.TABLE", or "discard". Unique in its pipeline.
  std::string id() const;
  Mode effective_mode() const { return mode.value_or(key ? Mode::kUpsert : Mode::kAppend); }
};

struct BatchDecl {
  std::optional<int64_t> records, bytes;  // none: limits::kDefaultBatch…, a source's page its own
  int64_t delay_ms = limits::kDefaultBatchDelayMs;
};

/// How a failed pipeline starts again.
struct RestartDecl {
  bool enabled = true;
  int64_t first_ms = limits::kFirstBackoffMs;
  int64_t max_ms = limits::kMaxBackoffMs;
};

struct DeadLetterDecl {
  int64_t retention_ms = limits::kDeadLetterRetentionMs;  // -1: for ever
};

struct PipelineFile {
  std::string file;  // as a user would type it
  Located<std::string> name;
  SourceDecl source;
  std::vector<StepDecl> transform;
  std::vector<std::pair<std::string, TableDecl>> tables;
  std::vector<RuleDecl> quality;
  std::vector<SinkDecl> sinks;
  BatchDecl batch;
  RestartDecl restart;
  DeadLetterDecl dead_letter;
  Mark mark;
};

const Spec<PipelineFile>& pipeline_spec();
/// The part of pipeline_spec() that components add their names to.
const Spec<SourceDecl>& source_spec();

/// "2024-01-31", "2024-01-31T10:00:00Z", "2024-01-31 10:00:00.5+02:00" to milliseconds since 1970
/// UTC.
std::optional<int64_t> parse_instant_ms(std::string_view text);

}  // namespace leat::config
