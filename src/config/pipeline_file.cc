#include "config/pipeline_file.h"

#include <fmt/core.h>

#include <charconv>
#include <chrono>

#include "base/strings.h"
#include "config/syntax.h"

namespace leat::config {

namespace {

constexpr const char* kTopicName = "a topic name: letters, digits, `.`, `_`, `-`, at most 249";

bool is_format(std::string_view text) {
  return text == "json" || text == "avro" || text == "protobuf" || text == "json_schema";
}

// Takes `width` digits off the front.
bool digits(std::string_view& text, size_t width, int& out) {
  if (text.size() < width) return false;
  auto [end, error] = std::from_chars(text.data(), text.data() + width, out);
  if (error != std::errc() || end != text.data() + width || text[0] == '-') return false;
  text.remove_prefix(width);
  return true;
}

bool take(std::string_view& text, char c) {
  if (text.empty() || text[0] != c) return false;
  text.remove_prefix(1);
  return true;
}

// ":MM" or ":MM:SS[.fraction]" behind the hour, then the zone.
bool time_of_day(std::string_view& text, int64_t& ms) {
  int hour = 0, minute = 0, second = 0;
  if (!digits(text, 2, hour) || !take(text, ':') || !digits(text, 2, minute)) return false;
  if (take(text, ':') && !digits(text, 2, second)) return false;
  if (hour > 23 || minute > 59 || second > 59) return false;
  ms += ((hour * 60LL + minute) * 60 + second) * 1000;
  if (!take(text, '.')) return true;
  int64_t scale = 100;
  if (text.empty() || text[0] < '0' || text[0] > '9') return false;
  for (; !text.empty() && text[0] >= '0' && text[0] <= '9'; text.remove_prefix(1), scale /= 10)
    ms += (text[0] - '0') * scale;
  return true;
}

bool zone(std::string_view& text, int64_t& ms) {
  if (text.empty() || take(text, 'Z')) return true;
  const bool plus = text[0] == '+';
  if (!plus && text[0] != '-') return false;
  text.remove_prefix(1);
  int hours = 0, minutes = 0;
  if (!digits(text, 2, hours)) return false;
  take(text, ':');
  if (!text.empty() && !digits(text, 2, minutes)) return false;
  if (hours > 14 || minutes > 59) return false;
  ms -= (plus ? 1 : -1) * (hours * 60LL + minutes) * 60'000;
  return true;
}

const Spec<From>& from_spec() {
  static const auto spec = [] {
    Spec<From> s("from", "Where reading begins when no position is stored yet.");
    s.shorthand("`start`, `end` or a time such as `2024-01-31T10:00:00Z`",
                [](const Node& node, From& out) {
                  if (!node.is_scalar()) return false;
                  if (node.text == "start")
                    out.kind = From::Kind::kStart;
                  else if (node.text == "end")
                    out.kind = From::Kind::kEnd;
                  else if (auto time = parse_instant_ms(node.text))
                    out = {From::Kind::kTime, *time};
                  else
                    return false;
                  return true;
                });
    s.no_map();
    return s;
  }();
  return spec;
}

const Spec<StepDecl>& step_spec() {
  static const auto spec = [] {
    Spec<StepDecl> s("transform[]", "One step over the rows of the step before.");
    s.field("sql", &StepDecl::sql)
        .required()
        .doc("A SELECT over `input`, in DuckDB's dialect.")
        .example("SELECT * FROM input WHERE id IS NOT NULL");
    s.mark(&StepDecl::mark);
    s.check([](const StepDecl& step, const Node&, Reading& reading) {
      Reading::Scope scope(reading, "sql");
      if (!step.sql.is_scalar() || (step.sql.text.empty() && !step.sql.unresolved))
        reading.wrong_type(step.sql, "a SELECT statement");
      else if (step.sql.text.size() > limits::kMaxSqlBytes)
        reading.error(step.sql.mark, fmt::format("{} bytes of SQL, more than {}",
                                                 step.sql.text.size(), limits::kMaxSqlBytes));
    });
    return s;
  }();
  return spec;
}

const Spec<TableDecl>& table_spec() {
  static const auto spec = [] {
    Spec<TableDecl> s("tables.NAME", "A small table to join with, read once at start.");
    s.field("csv", &TableDecl::csv)
        .syntax("a path", not_empty)
        .doc("A CSV file, relative to the project.");
    s.field("parquet", &TableDecl::parquet).syntax("a path", not_empty).doc("A Parquet file.");
    s.field("store", &TableDecl::store)
        .syntax(kIdentifier, is_identifier)
        .doc("A store; `table` names its table.");
    s.field("table", &TableDecl::table).syntax(kIdentifier, is_identifier);
    s.mark(&TableDecl::mark);
    s.exactly_one({"csv", "parquet", "store"});
    s.check([](const TableDecl& table, const Node& node, Reading& reading) {
      if (node.entry("store") && !node.entry("table"))
        reading.error(table.mark, "a `store` without `table`", "the table's name");
      if (node.entry("table") && !node.entry("store"))
        reading.error(node.entry("table")->key_mark, "a `table` without `store`",
                      "the store's name");
    });
    return s;
  }();
  return spec;
}

const Spec<RuleDecl>& rule_spec() {
  static const auto spec = [] {
    Spec<RuleDecl> s("quality[]", "A condition every row must meet.");
    s.field("rule", &RuleDecl::name)
        .required()
        .syntax(kIdentifier, is_identifier)
        .doc("Its name in metrics and dead letters.")
        .example("id_present");
    s.field("expect", &RuleDecl::expect)
        .required()
        .doc(
            "A SQL condition over the output's columns; what is not TRUE, NULL included, violates "
            "it.")
        .example("\"id IS NOT NULL\"");
    s.field("on_fail", &RuleDecl::on_fail)
        .choices({{"fail", OnFail::kFail},
                  {"quarantine", OnFail::kQuarantine},
                  {"drop", OnFail::kDrop},
                  {"warn", OnFail::kWarn}})
        .doc(
            "Stop the pipeline, send the record to the dead letter topic, leave it out, or only "
            "count it.");
    s.mark(&RuleDecl::mark);
    s.check([](const RuleDecl& rule, const Node&, Reading& reading) {
      Reading::Scope scope(reading, "expect");
      if (!rule.expect.is_scalar() || (rule.expect.text.empty() && !rule.expect.unresolved))
        reading.wrong_type(rule.expect, "a SQL condition such as `id IS NOT NULL`");
    });
    return s;
  }();
  return spec;
}

const Spec<KeyDecl>& key_spec() {
  static const auto spec = [] {
    Spec<KeyDecl> s("key", "The columns that identify a row.");
    s.field("partition", &KeyDecl::partition)
        .required()
        .one_or_list()
        .doc("Cassandra's partition key.");
    s.field("clustering", &KeyDecl::clustering)
        .one_or_list()
        .doc("Cassandra's clustering columns.");
    s.mark(&KeyDecl::mark);
    s.shorthand("a column, or a list of columns", [](const Node& node, KeyDecl& out) {
      auto add = [&](const Node& each) {
        if (!each.is_scalar() || each.text.empty()) return false;
        out.columns.push_back({each.text, each.mark});
        return true;
      };
      if (node.is_scalar()) return add(node);
      for (const Node& item : node.items)
        if (!add(item)) return false;
      return !node.items.empty();
    });
    s.check([](const KeyDecl& key, const Node& node, Reading& reading) {
      std::vector<Located<std::string>> all = key.columns;
      all.insert(all.end(), key.partition.begin(), key.partition.end());
      all.insert(all.end(), key.clustering.begin(), key.clustering.end());
      if (all.empty()) reading.wrong_type(node, "at least one column");
      if (const Entry* partition = node.is_map() ? node.entry("partition") : nullptr;
          partition && key.partition.empty() && !all.empty())
        reading.error(partition->value.mark, "a key whose `partition` has no column",
                      "at least one column");
      for (size_t i = 0; i < all.size(); ++i)
        for (size_t j = 0; j < i; ++j)
          if (all[i].value == all[j].value)
            reading.error(all[i].mark, fmt::format("the column `{}` is there twice", all[i].value));
    });
    return s;
  }();
  return spec;
}

/// What the reference says of a schema, of values and of keys.
struct SchemaDoc {
  const char *doc, *example, *strategy, *id_in;
};

Spec<SchemaDecl> schema_spec(const SchemaDoc& doc) {
  Spec<SchemaDecl> s("schema", doc.doc);
  s.field("file", &SchemaDecl::file)
      .required()
      .syntax("a path", not_empty)
      .doc(
          "A schema of Avro (.avsc), Protobuf (.proto: its first message) or JSON Schema "
          "(.json), relative to the "
          "project.")
      .example(doc.example);
  s.field("subject_strategy", &SchemaDecl::strategy)
      .choices({{"topic", SubjectStrategy::kTopic},
                {"record", SubjectStrategy::kRecord},
                {"topic_record", SubjectStrategy::kTopicRecord}})
      .doc(doc.strategy);
  s.field("policy", &SchemaDecl::policy)
      .choices({{"auto_register", RegisterPolicy::kAutoRegister},
                {"check_only", RegisterPolicy::kCheckOnly}})
      .doc(
          "At start: register it when it is new and compatible, or ask that somebody has "
          "registered it.");
  s.field("id_in", &SchemaDecl::id_in)
      .choices({{"payload", SchemaIdIn::kPayload}, {"header", SchemaIdIn::kHeader}})
      .doc(doc.id_in);
  s.shorthand("a path", [](const Node& node, SchemaDecl& out) {
    if (!node.is_scalar() || node.text.empty()) return false;
    out.file = {node.text, node.mark};
    return true;
  });
  return s;
}

const Spec<SchemaDecl>& value_schema_spec() {
  static const Spec<SchemaDecl> spec = schema_spec(
      {"The schema that a topic's values have.", "schemas/user_created.avsc",
       "Its name in the registry: TOPIC-value, the record's full name, or both with a dash "
       "between.",
       "Where a record names it: `payload`, the id in front of the bytes; `header`, its GUID in "
       "`__value_schema_id`, and the value is the bytes alone. Readers of leat and Confluent's "
       "newer ones take both."});
  return spec;
}

const Spec<SchemaDecl>& key_schema_spec() {
  static const Spec<SchemaDecl> spec = schema_spec(
      {"The schema that a topic's keys have: its fields are the columns of `key`, in their order. "
       "Of Avro also that of one value, `\"string\"`, for a key of one column.",
       "schemas/user_key.avsc",
       "Its name in the registry: TOPIC-key, the record's full name, or TOPIC and that with a dash "
       "between.",
       "Where a record names it: `payload`, the id in front of the key; `header`, its GUID in "
       "`__key_schema_id`, and the key is the bytes alone. It stays as the topic's first keys "
       "have it."});
  return spec;
}

const Spec<SinkDecl>& sink_spec() {
  static const auto spec = [] {
    Spec<SinkDecl> s("sinks[]", "Where the rows go.");
    s.field("topic", &SinkDecl::topic)
        .syntax(kTopicName, is_topic_name)
        .doc("A topic.")
        .example("users_created");
    s.field("store", &SinkDecl::store)
        .syntax(kIdentifier, is_identifier)
        .doc("A store of the profile; under `local` any name.")
        .example("serving");
    s.field("table", &SinkDecl::table).syntax(kIdentifier, is_identifier).doc("The store's table.");
    s.field("discard", &SinkDecl::discard).doc("`{}`: count the rows and drop them.");
    s.field("key", &SinkDecl::key)
        .of(key_spec())
        .doc(
            "Of a topic: the message key, which chooses the partition. Of a table: what identifies "
            "a row.");
    s.field("mode", &SinkDecl::mode)
        .choices({{"upsert", Mode::kUpsert}, {"append", Mode::kAppend}})
        .doc("Of a table: the newest row per key, or every row. Follows from `key`.");
    s.field("schema", &SinkDecl::schema)
        .of(value_schema_spec())
        .doc("Of a topic: the schema of its values, registered and enforced; without it, JSON.");
    s.field("key_schema", &SinkDecl::key_schema)
        .of(key_schema_spec())
        .doc(
            "Of a topic with `schema` and `key`: the schema of its keys, TOPIC-key in the "
            "registry; "
            "without it, text. It stays as it is registered first: a key that is written in "
            "another "
            "way is another key.");
    s.field("on_tombstone", &SinkDecl::on_tombstone)
        .choices({{"reject", OnTombstone::kReject}, {"delete", OnTombstone::kDelete}})
        .doc(
            "Of a table with a key, from a topic: a record without a value goes to the dead letter "
            "topic, or deletes the row whose key is the message's.");
    s.exactly_one({"topic", "store", "discard"});
    s.mark(&SinkDecl::mark);
    s.check([](const SinkDecl& sink, const Node& node, Reading& reading) {
      const Entry* table = node.entry("table");
      if (node.entry("store") && !table)
        reading.error(node.mark, "a `store` without `table`", "the table's name");
      if (table && !node.entry("store"))
        reading.error(table->key_mark, "a `table` without `store`", "the store's name");
      const Entry* mode = node.entry("mode");
      if (mode && !node.entry("store"))
        reading.error(mode->key_mark, "`mode` belongs to a store's table", {}, {}, "leave it out");
      else if (sink.mode == Mode::kUpsert && !sink.key)
        reading.error(mode->value.mark, "`mode: upsert` without `key`", {}, {},
                      "name the key's columns, or write `mode: append`");
      else if (sink.mode == Mode::kAppend && sink.key)
        reading.error(mode->value.mark, "`mode: append` beside `key`", {}, {},
                      "leave out one of them: a table with a key is upserted");
      if (const Entry* schema = node.entry("schema"); schema && !node.entry("topic"))
        reading.error(schema->key_mark, "`schema` belongs to a topic", {}, {},
                      "leave it out: a table's columns follow from the SQL");
      if (const Entry* schema = node.entry("key_schema"); schema && (!sink.schema || !sink.key))
        reading.error(schema->key_mark, "`key_schema` without `schema` and `key`",
                      "the schema of the values, and the key's columns");
      const Entry* tombstone = node.entry("on_tombstone");
      if (tombstone && !node.entry("store"))
        reading.error(tombstone->key_mark, "`on_tombstone` belongs to a store's table", {}, {},
                      "leave it out");
      else if (sink.on_tombstone.value == OnTombstone::kDelete && !sink.key)
        reading.error(tombstone->value.mark, "`on_tombstone: delete` without `key`", {}, {},
                      "name the key's columns, those of the message's key: a row that has none "
                      "cannot be found");
      if (sink.key && node.entry("discard"))
        reading.error(node.entry("key")->key_mark, "`key` beside `discard`", {}, {},
                      "leave it out");
      if (sink.key && sink.is_topic() && !sink.key->partition.empty())
        reading.error(sink.key->mark, "a topic's key has no partition and clustering columns",
                      "a column, or a list of columns");
      if (sink.topic.value.starts_with("_leat_"))
        reading.error(sink.topic.mark, "topics named `_leat_...` are leat's own", "another name");
      if (sink.discard && (!sink.discard->is_map() || !sink.discard->entries.empty())) {
        Reading::Scope scope(reading, "discard");
        reading.wrong_type(*sink.discard, "`discard: {}`");
      }
    });
    return s;
  }();
  return spec;
}

const Spec<BatchDecl>& batch_spec() {
  static const auto spec = [] {
    Spec<BatchDecl> s("batch", "How much is read, transformed and written at once.");
    s.field("records", &BatchDecl::records)
        .range(1, double{limits::kMaxBatchRecords})
        .doc(fmt::format("Records at most; of a topic {} when it is not said, of files 10000.",
                         limits::kDefaultBatchRecords));
    s.field("bytes", &BatchDecl::bytes)
        .unit(Unit::kBytes)
        .range(double{limits::kKiB}, double{limits::kLaneQueueBytes})
        .doc(
            "Bytes of them at most, unless one record has more; of a topic 8MiB when it is not "
            "said, of files 1MiB.");
    s.field("delay", &BatchDecl::delay_ms)
        .unit(Unit::kDuration)
        .range(0, double{limits::kMaxBackoffMs})
        .doc(
            "How long a batch of a topic may wait for its `records`; 0: it is what is there when "
            "the "
            "one before it is done.");
    return s;
  }();
  return spec;
}

const Spec<RestartDecl>& restart_spec() {
  static const auto spec = [] {
    Spec<RestartDecl> s(
        "restart",
        "What happens after a failure that may pass: a wait of a random length up to "
        "a bound, then a new start.");
    s.field("enabled", &RestartDecl::enabled)
        .doc("Start again by itself; else the pipeline fails.");
    s.field("first", &RestartDecl::first_ms)
        .unit(Unit::kDuration)
        .range(1, double{limits::kMaxBackoffMs})
        .doc("The first bound; it doubles with each failure.");
    s.field("max", &RestartDecl::max_ms)
        .unit(Unit::kDuration)
        .range(1, 3600.0 * 1000)
        .doc("The highest bound.");
    s.check([](const RestartDecl& restart, const Node& node, Reading& reading) {
      if (restart.first_ms > restart.max_ms)
        reading.error(node.mark, "`first` is longer than `max`", {}, {},
                      "make `first` the shorter one");
    });
    return s;
  }();
  return spec;
}

const Spec<DeadLetterDecl>& dead_letter_spec() {
  static const auto spec = [] {
    Spec<DeadLetterDecl> s("dead_letter", "The topic of the pipeline's rejected records.");
    s.field("retention", &DeadLetterDecl::retention_ms)
        .unit(Unit::kDuration)
        .at_least(1)
        .word("forever", -1)
        .doc("How long a rejected record is kept.");
    return s;
  }();
  return spec;
}

}  // namespace

std::string SinkDecl::id() const {
  if (is_topic()) return topic.value;
  if (is_store()) return store.value + "." + table.value;
  return "discard";
}

const Spec<SourceDecl>& source_spec() {
  static const auto spec = [] {
    Spec<SourceDecl> s("source",
                       "Where the records come from: a topic, or a component by its name.");
    s.field("topic", &SourceDecl::topic)
        .syntax(kTopicName, is_topic_name)
        .doc("A topic.")
        .example("users_created");
    s.field("from", &SourceDecl::from)
        .of(from_spec())
        .doc("Of a topic: where to begin when no position is stored; `start` if not said.");
    s.field("schema", &SourceDecl::schema)
        .syntax("a path", not_empty)
        .doc("The input's schema, as `leat schema infer` writes it; relative to the project.");
    s.field("validate", &SourceDecl::validate)
        .choices({{"read", Validate::kRead}, {"all", Validate::kAll}})
        .doc("Check the fields that SQL, rules and keys read, or the whole schema.");
    s.field("format", &SourceDecl::format)
        .syntax("`json`, `avro`, `protobuf` or `json_schema`", is_format)
        .doc(
            "Of a topic that others write: what its values are; all but `json` with the id "
            "of a "
            "registered schema in front.");
    s.field("key_format", &SourceDecl::key_format)
        .choices({{"text", KeyFormat::kText}, {"registered", KeyFormat::kRegistered}})
        .doc(
            "Of a topic that others write, with `format`: what its keys are, text or of a "
            "registered "
            "schema. These are read as the text that keys without a schema are.");
    s.rest(&SourceDecl::components, "the name of a source component, with its own keys");
    s.mark(&SourceDecl::mark);
    return s;
  }();
  return spec;
}

const Spec<PipelineFile>& pipeline_spec() {
  static const auto spec = [] {
    Spec<PipelineFile> s("pipeline",
                         "A pipeline: one source, a chain of SQL steps, rules, one or more sinks.");
    s.field("pipeline", &PipelineFile::name)
        .required()
        .syntax(kIdentifier, is_identifier)
        .doc("Its name: positions, metrics and dead letters go by it.")
        .example("users_capture");
    s.field("source", &PipelineFile::source).required().of(source_spec());
    s.field("transform", &PipelineFile::transform).of(step_spec()).doc("SQL steps, in order.");
    s.field("tables", &PipelineFile::tables)
        .of(table_spec())
        .doc("Tables to join with, by the name SQL uses.");
    s.field("quality", &PipelineFile::quality).of(rule_spec()).doc("Rules over the output's rows.");
    s.field("sinks", &PipelineFile::sinks).required().of(sink_spec()).doc("One or more.");
    s.field("batch", &PipelineFile::batch).of(batch_spec());
    s.field("restart", &PipelineFile::restart).of(restart_spec());
    s.field("dead_letter", &PipelineFile::dead_letter).of(dead_letter_spec());
    s.mark(&PipelineFile::mark);
    return s;
  }();
  return spec;
}

std::optional<int64_t> parse_instant_ms(std::string_view text) {
  int year = 0, month = 0, day = 0;
  if (!digits(text, 4, year) || !take(text, '-') || !digits(text, 2, month) || !take(text, '-') ||
      !digits(text, 2, day))
    return std::nullopt;
  std::chrono::year_month_day date{std::chrono::year(year),
                                   std::chrono::month(static_cast<unsigned>(month)),
                                   std::chrono::day(static_cast<unsigned>(day))};
  if (!date.ok()) return std::nullopt;
  int64_t ms = std::chrono::sys_days(date).time_since_epoch().count() * 86'400'000LL;
  if (text.empty()) return ms;
  if (!take(text, 'T') && !take(text, ' ')) return std::nullopt;
  if (!time_of_day(text, ms) || !zone(text, ms) || !text.empty()) return std::nullopt;
  return ms;
}

}  // namespace leat::config
