// What is on disk: restarts, failed writes, damage, and how long a start takes.
#include <gmock/gmock.h>

#include <cstdio>
#include <ctime>

#include "log/embedded_log.h"
#include "log/log_schema_store.h"
#include "schema/registry_fixture.h"
#include "testing/temp_dir.h"

namespace leat::schema {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST_F(RegistryTest, EverythingIsThereAgain) {
  Candidate owned = words("@m a", {{"m", "money", 1}});
  owned.content.metadata = R"({"tags":{"a":["PII"]},"unknown":1})";
  owned.content.rules = R"({"domainRules":[{"name":"r","kind":"CONDITION","extra":true}]})";
  add("money", "a");
  const Version order = add(":.test:order", words("b"));
  const Version kept = add("order", owned);
  add("gone", "c");
  EXPECT_OK(registry_->remove(named("gone"), false));
  Config config;
  config.level = Level::kFullTransitive;
  config.normalize = false;
  config.alias = "x";
  config.group = "g";
  config.default_metadata = R"({"a":1})";
  config.override_rules = R"({"domainRules":[]})";
  EXPECT_OK(registry_->set_config(named("order"), config));
  EXPECT_OK(registry_->set_mode(named(":.test:"), Mode::kReadOnly, false));
  const auto before = store_.rows;
  open();
  EXPECT_EQ(store_.rows, before);  // a start writes nothing
  const Version again = registry_->version(named("order"), 1, Which::kLive).value();
  EXPECT_EQ(again.id, kept.id);
  EXPECT_EQ(*again.content, *kept.content);
  EXPECT_EQ(registry_->own_config(named("order")).value(), config);
  EXPECT_EQ(registry_->mode(order.subject), Mode::kReadOnly);
  EXPECT_THAT(subjects(), ElementsAre(":.test:order", "money", "order"));
  EXPECT_THAT(subjects(Which::kDeleted), ElementsAre("gone"));
  EXPECT_THAT(registry_->referrers(named("money"), 1, Which::kLive).value(), ElementsAre(kept.id));
}

TEST_F(RegistryTest, AChangeIsOneWrite) {
  add("users", "a");
  EXPECT_EQ(store_.writes, 1);
  EXPECT_OK(registry_->remove(named("users"), false));
  EXPECT_EQ(store_.writes, 2);
}

TEST_F(RegistryTest, AFailedWriteHasNotHappenedForReaders) {
  store_.fail = MemoryStore::Fail::kBefore;
  EXPECT_EQ(code(registry_->add(named("users"), words("a"))), 50001);
  EXPECT_THAT(subjects(), IsEmpty());
}

/// Whether it was written or not: after the next change memory and disk agree, and no id stands for two schemas.
TEST_F(RegistryTest, AWriteOfUnknownFateIsSettledBeforeTheNext) {
  for (const auto fail : {MemoryStore::Fail::kBefore, MemoryStore::Fail::kAfter}) {
    store_ = MemoryStore();
    open();
    store_.fail = fail;
    EXPECT_EQ(code(registry_->add(named("users"), words("a"))), 50001);
    const Version other = add("others", "b");
    EXPECT_EQ(other.id, 2);
    const auto before = subjects();
    open();
    EXPECT_EQ(subjects(), before);
    EXPECT_EQ(registry_->schema(1, named("")).value().content->text, "a");
    EXPECT_EQ(registry_->schema(2, named("")).value().content->text, "b");
  }
}

TEST_F(RegistryTest, ANewerFormatIsRefused) {
  add("users", "a");
  store_.rows["f"] = R"({"format":2})";
  const auto opened = Registry::open(store_, parse_words);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code(), ErrorCode::kIncompatible);
  EXPECT_THAT(opened.error().hint(), HasSubstr("newer leat"));
}

TEST_F(RegistryTest, DamageIsNamedAndNotSteppedOver) {
  add("users", "a");
  const auto whole = store_.rows;
  for (const auto& [key, value] : whole) {
    store_.rows = whole;
    store_.rows[key] = "{";
    const auto opened = Registry::open(store_, parse_words);
    ASSERT_FALSE(opened) << key;
    EXPECT_EQ(opened.error().code(), ErrorCode::kCorrupt) << key;
  }
  store_.rows = whole;
  store_.rows.erase(store_.rows.lower_bound("s"));  // the schema that a version points to
  EXPECT_FALSE(Registry::open(store_, parse_words));
}

class RegistryInLog : public ::testing::Test {
 protected:
  void open() {
    registry_.reset();
    store_.reset();
    log_.reset();
    auto log = log::EmbeddedLog::open(temp_ / "log", {});
    ASSERT_TRUE(log) << log.error().to_string();
    log_ = std::move(*log);
    store_ = std::make_unique<log::LogSchemaStore>(*log_);
    auto registry = Registry::open(*store_, parse_words);
    ASSERT_TRUE(registry) << registry.error().to_string();
    registry_ = std::move(*registry);
  }

  testing::TempDir temp_;
  std::unique_ptr<log::EmbeddedLog> log_;
  std::unique_ptr<log::LogSchemaStore> store_;
  std::unique_ptr<Registry> registry_;
};

TEST_F(RegistryInLog, OutlivesTheProcess) {
  open();
  ASSERT_OK(registry_->add(named("users"), words("a")));
  ASSERT_OK(registry_->add(named("users"), words("a b=")));
  ASSERT_OK(registry_->remove(named("users"), 1, false));
  open();
  EXPECT_EQ(registry_->versions(named("users"), Which::kAll).value(), (std::vector{1, 2}));
  EXPECT_EQ(registry_->versions(named("users"), Which::kLive).value(), (std::vector{2}));
  EXPECT_EQ(registry_->add(named("users"), words("a c=")).value().id, 3);
}

/// 10,000 subjects are there in a fraction of a second, because nothing is parsed. Counted is the processor's time: a
/// machine that is busy otherwise is no reason to fail.
TEST_F(RegistryInLog, StartsFastWithManySubjects) {
  constexpr int kSubjects = 10'000;
  open();
  std::vector<Row> rows{format_row()};
  for (int i = 1; i <= kSubjects; ++i) {
    Content content;
    content.text =
        fmt::format("{{\"type\":\"record\",\"name\":\"R{}\",\"fields\":[{:400}]}}", i, "");
    rows.push_back(schema_row(".", i, &content));
    rows.push_back(version_row(named(fmt::format("topic-{}-value", i)), 1, VersionValue{i, false}));
  }
  rows.push_back(last_id_row(".", kSubjects));
  ASSERT_OK(store_->write(rows));
  const std::clock_t before = std::clock();
  auto registry = Registry::open(*store_, [](Format, std::string_view, const auto&) {
    ADD_FAILURE() << "parsed at the start";
    return Result<ParsedPointer>(Error(ErrorCode::kInternal, "parsed"));
  });
  const auto took = (std::clock() - before) * 1000 / CLOCKS_PER_SEC;
  ASSERT_OK(registry);
  EXPECT_EQ((*registry)->subjects(":*:", Which::kLive).size(), static_cast<size_t>(kSubjects));
  std::printf("  10,000 subjects: %ld ms\n", static_cast<long>(took));
  EXPECT_LT(took, 2'000);  // under the sanitizers, too
}

}  // namespace
}  // namespace leat::schema
