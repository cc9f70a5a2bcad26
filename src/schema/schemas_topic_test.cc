// Rows as records of `_schemas`: to the byte where other registries compare bytes, there and back, and as others write them.
#include "schema/schemas_topic.h"

#include <gmock/gmock.h>

#include <map>

#include "schema/registry_fixture.h"
#include "schema/registry_rows.h"

namespace leat::schema {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

/// Keeps records only, and reads them all at each start.
class RecordedStore final : public SchemaStore {
 public:
  Result<std::vector<Row>> scan() override {
    topic_ = {};
    for (const auto& [key, value] : records) TRY(topic_.apply(key, value));
    return topic_.rows();
  }
  Result<void> write(std::span<const Row> rows) override {
    for (auto& record : topic_.records(rows)) records.push_back(std::move(record));
    topic_.take(rows);
    return {};
  }
  /// Of each key the last record, as the broker does; tombstones go, too.
  void compact() {
    std::map<std::string, size_t> last;
    for (size_t i = 0; i < records.size(); ++i) last[records[i].key] = i;
    std::vector<SchemasTopic::Record> kept;
    for (size_t i = 0; i < records.size(); ++i)
      if (last[records[i].key] == i && records[i].value) kept.push_back(records[i]);
    records = std::move(kept);
  }

  std::vector<SchemasTopic::Record> records;

 private:
  SchemasTopic topic_;
};

class SchemasTopicTest : public ::testing::Test {
 protected:
  SchemasTopicTest() { open(); }
  void open() { registry_ = Registry::open(store_, parse_words).value(); }
  Version add(const std::string& subject, const Candidate& candidate) {
    return registry_->add(Subject::parse(subject), candidate).value();
  }
  void remove(const std::string& subject, bool for_good) {
    EXPECT_OK(registry_->remove(Subject::parse(subject), for_good));
  }
  static void apply(SchemasTopic& topic, std::string_view key,
                    std::optional<std::string_view> value) {
    SCOPED_TRACE(key);
    EXPECT_OK(topic.apply(key, value));
  }

  RecordedStore store_;
  std::unique_ptr<Registry> registry_;
};

TEST_F(SchemasTopicTest, RecordsAreThoseOfOtherRegistries) {
  add("users", words("a"));
  Candidate json = words("a", {{"u", "users", 1}});
  json.content.format = Format::kJson;
  add("typed", json);
  add(":.test:users", words("x"));
  Config config;
  config.level = Level::kFull;
  EXPECT_OK(registry_->set_config(Subject{}, config));
  EXPECT_OK(registry_->set_mode(Subject::parse("users"), Mode::kReadOnly, false));
  std::vector<std::string> texts;
  for (const auto& [key, value] : store_.records) texts.push_back(key + " " + value.value_or("-"));
  EXPECT_THAT(
      texts,
      ElementsAre(
          R"({"keytype":"SCHEMA","subject":"users","version":1,"magic":1} {"subject":"users","version":1,"id":1,"schema":"a","deleted":false})",
          R"({"keytype":"NOOP","magic":1} {"lastIds":{".":1}})",
          R"({"keytype":"SCHEMA","subject":"typed","version":1,"magic":1} {"subject":"typed","version":1,"id":2,"schemaType":"JSON","references":[{"name":"u","subject":"users","version":1}],"schema":"a","deleted":false})",
          R"({"keytype":"NOOP","magic":1} {"lastIds":{".":2}})",
          R"({"keytype":"SCHEMA","subject":":.test:users","version":1,"magic":1} {"subject":":.test:users","version":1,"id":1,"schema":"x","deleted":false})",
          R"({"keytype":"NOOP","magic":1} {"lastIds":{".":2,".test":1}})",
          R"({"keytype":"CONFIG","subject":null,"magic":0} {"compatibilityLevel":"FULL"})",
          R"({"keytype":"MODE","subject":"users","magic":0} {"mode":"READONLY"})"));
}

TEST_F(SchemasTopicTest, EverythingIsThereAgainAfterACompactionToo) {
  Candidate owned = words("@m a", {{"m", "money", 1}});
  owned.content.metadata = R"({"tags":{"a":["PII"]},"unknown":1})";
  owned.content.rules = R"({"domainRules":[{"name":"r","kind":"CONDITION","extra":true}]})";
  add("money", words("a"));
  const Version kept = add("order", owned);
  add("soft", words("b")), add("again", words("b")), add("hard", words("c"));
  remove("soft", false), remove("again", false), remove("again", true);
  remove("hard", false), remove("hard", true);
  Config config;
  config.level = Level::kFullTransitive;
  config.normalize = false;
  config.alias = "x";
  config.group = "g";
  config.default_metadata = R"({"a":1})";
  config.override_rules = R"({"domainRules":[]})";
  EXPECT_OK(registry_->set_config(Subject::parse("order"), config));
  EXPECT_OK(registry_->set_config(Subject::parse("money"), config));
  EXPECT_OK(registry_->remove_config(Subject::parse("money")));
  EXPECT_OK(registry_->set_mode(Subject::parse(":.test:"), Mode::kReadOnly, false));
  for (const bool compacted : {false, true}) {
    SCOPED_TRACE(compacted);
    if (compacted) {
      store_.records.push_back(
          {R"({"keytype":"NOOP","magic":0})", std::nullopt});  // as Confluent's at its start
      store_.compact();
    }
    open();
    const Version again = registry_->version(kept.subject, 1, Which::kLive).value();
    EXPECT_EQ(again.id, kept.id);
    EXPECT_EQ(*again.content, *kept.content);
    EXPECT_EQ(registry_->own_config(Subject::parse("order")).value(), config);
    EXPECT_FALSE(registry_->own_config(Subject::parse("money")).has_value());
    EXPECT_EQ(registry_->mode(Subject::parse(":.test:users")), Mode::kReadOnly);
    EXPECT_THAT(registry_->subjects(":*:", Which::kLive), ElementsAre("money", "order"));
    EXPECT_THAT(registry_->subjects(":*:", Which::kDeleted), ElementsAre("soft"));
    EXPECT_FALSE(registry_->schema(4, {}).has_value());  // of "hard" alone
    EXPECT_TRUE(registry_->schema(3, {}).has_value());   // "soft" still has it
  }
  // The number of what was removed for good is not given again: records of it may be somewhere.
  EXPECT_EQ(add("new", words("d")).id, 5);
}

TEST_F(SchemasTopicTest, RecordsOfKarapaceAreRead) {
  SchemasTopic topic;  // as release 6.2 wrote them
  apply(topic, R"({"keytype":"CONFIG","subject":null,"magic":0})",
        R"({"compatibilityLevel":"FULL"})");
  apply(topic, R"({"keytype":"CONFIG","subject":"user-value","magic":0})",
        R"({"compatibilityLevel":"NONE"})");
  apply(topic, R"({"keytype":"CONFIG","subject":"user-value","magic":0})", "");
  apply(
      topic, R"({"keytype":"SCHEMA","subject":"dep.proto","version":1,"magic":1})",
      R"({"subject":"dep.proto","version":1,"id":6,"schema":"syntax = \"proto3\";\n","deleted":false,"schemaType":"PROTOBUF"})");
  apply(
      topic, R"({"subject":"pb-value","version":1,"magic":1,"keytype":"SCHEMA"})",
      R"({"subject":"pb-value","version":1,"id":7,"schema":"import \"dep.proto\";\n","deleted":false,"references":[{"name":"dep.proto","subject":"dep.proto","version":1}],"schemaType":"PROTOBUF"})");
  apply(
      topic, R"({"keytype":"SCHEMA","subject":"user-value","version":1,"magic":1})",
      R"({"subject":"user-value","version":1,"id":1,"schema":"{\"type\":\"int\"}","deleted":true})");
  apply(topic, R"({"keytype":"SCHEMA","subject":"user-value","version":1,"magic":1})", "");
  std::vector<std::string> found;
  for (Row row : topic.rows()) {
    std::replace(row.key.begin(), row.key.end(), '\0', '/');
    found.push_back(row.key + " " + *row.value);
  }
  EXPECT_THAT(found,
              ElementsAre(R"(c {"level":"FULL"})", R"(f {"format":1})", R"(n. {"id":7})",
                          "s./00000006 {\"type\":\"PROTOBUF\"}\nsyntax = \"proto3\";\n",
                          "s./00000007 "
                          "{\"type\":\"PROTOBUF\",\"references\":[{\"name\":\"dep.proto\","
                          "\"subject\":\"dep.proto\",\"version\":1}]}\nimport \"dep.proto\";\n",
                          R"(vdep.proto/00000001 {"id":6})", R"(vpb-value/00000001 {"id":7})"));
}

TEST_F(SchemasTopicTest, OthersDeleteWholeSubjects) {
  SchemasTopic topic;
  for (const char* version : {"1", "2", "3"})
    apply(topic,
          fmt::format(R"({{"keytype":"SCHEMA","subject":"s","version":{},"magic":1}})", version),
          fmt::format(
              R"({{"subject":"s","version":{0},"id":{0},"md5":"x","schema":"a","deleted":false}})",
              version));
  apply(topic, R"({"keytype":"DELETE_SUBJECT","subject":"s","magic":0})",
        R"({"subject":"s","version":2})");
  std::vector<std::string> values;
  for (const Row& row : topic.rows())
    if (row.key[0] == kVersionRow) values.push_back(*row.value);
  EXPECT_THAT(values, ElementsAre(R"({"id":1,"deleted":true})", R"({"id":2,"deleted":true})",
                                  R"({"id":3})"));
  apply(topic, R"({"keytype":"CLEAR_SUBJECT","subject":"s","magic":0})", R"({"subject":"s"})");
  size_t schemas = 0, versions = 0;
  for (const Row& row : topic.rows())
    schemas += row.key[0] == kSchemaRow, versions += row.key[0] == kVersionRow;
  EXPECT_EQ(versions, 1u);
  EXPECT_EQ(schemas, 1u);
}

TEST_F(SchemasTopicTest, NumbersThatOthersGaveAreNotGivenAgain) {
  const std::string key = R"({"keytype":"SCHEMA","subject":"s","version":1,"magic":1})";
  SchemasTopic topic;
  store_.records.push_back({key, R"({"subject":"s","version":1,"id":7,"schema":"a"})"});
  apply(topic, key, store_.records.back().value);
  store_.records.push_back(topic.takeover("this process"));
  store_.records.push_back({key, std::nullopt});
  store_.compact();
  open();
  EXPECT_EQ(add("new", words("d")).id, 8);
}

TEST_F(SchemasTopicTest, KeysThatOthersSpeltAreDeletedAlong) {
  const std::string spelt = R"({"subject":"s","version":1,"magic":1,"keytype":"SCHEMA"})";
  store_.records.push_back({spelt, R"({"subject":"s","version":1,"id":1,"schema":"a"})"});
  open();
  remove("s", false), remove("s", true);
  store_.compact();
  open();
  EXPECT_THAT(registry_->subjects(":*:", Which::kAll), IsEmpty());
}

TEST_F(SchemasTopicTest, AnIdKeepsItsFirstSchemaWhileItIsUsed) {
  SchemasTopic topic;
  const auto put = [&](const char* subject, std::optional<std::string_view> schema) {
    std::optional<std::string> value;
    if (schema)
      value =
          fmt::format(R"({{"subject":"{}","version":1,"id":7,"schema":"{}"}})", subject, *schema);
    apply(topic,
          fmt::format(R"({{"keytype":"SCHEMA","subject":"{}","version":1,"magic":1}})", subject),
          value);
  };
  const auto texts = [&] {
    std::string out;
    for (const Row& row : topic.rows())
      if (row.key[0] == kSchemaRow) out += row.value->substr(row.value->find('\n') + 1);
    return out;
  };
  put("a", "first"), put("b", "other"), put("c", "first");
  EXPECT_EQ(texts(), "first");
  const auto rows = topic.rows();
  EXPECT_EQ(std::count_if(rows.begin(), rows.end(),
                          [](const Row& row) { return row.key[0] == kVersionRow; }),
            3);
  // The number of the version that was passed over is taken, too.
  put("a", std::nullopt), put("b", std::nullopt), put("c", std::nullopt), put("b", "other");
  EXPECT_EQ(texts(), "other");
}

TEST_F(SchemasTopicTest, WhatIsNotKnownIsPassedOverAndDamageIsNamed) {
  SchemasTopic topic;
  apply(topic, R"({"keytype":"NOOP","magic":0})", std::nullopt);
  apply(topic, R"({"keytype":"ASSOCIATION","tenant":"default","magic":0})", "{}");
  EXPECT_THAT(topic.rows(), IsEmpty());
  const auto wrong = [&](std::string_view key, std::optional<std::string_view> value) {
    const auto taken = topic.apply(key, value);
    return taken ? "taken" : taken.error().message();
  };
  EXPECT_THAT(wrong("users", "{}"), HasSubstr("record users: expected a JSON object as its key"));
  EXPECT_THAT(wrong(R"({"keytype":"SCHEMA","subject":"s","version":1,"magic":1})", "not JSON"),
              HasSubstr("a JSON object as its value"));
  EXPECT_THAT(wrong(R"({"keytype":"SCHEMA","subject":"s","version":-1,"magic":1})", "{}"),
              HasSubstr("a subject and a version"));
  EXPECT_THAT(wrong(R"({"keytype":"SCHEMA","subject":"s","version":1,"magic":1})", R"({"id":1})"),
              HasSubstr("s version 1: expected an id and a schema"));
  EXPECT_THAT(wrong(R"({"keytype":"SCHEMA","subject":"s","version":1,"magic":1})",
                    R"({"id":1,"schema":"a","schemaType":"XSD"})"),
              HasSubstr("a kind of schema"));
  apply(topic, R"({"keytype":"MODE","subject":null,"magic":0})", R"({"mode":"FORWARD"})");
  EXPECT_THAT(topic.rows(), IsEmpty());
}

}  // namespace
}  // namespace leat::schema
