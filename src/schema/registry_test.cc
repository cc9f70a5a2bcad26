// Registering and looking up. Deleting: registry_delete_test.cc; levels and modes: registry_settings_test.cc; what a
// store has: registry_store_test.cc.
#include "schema/registry.h"

#include <gmock/gmock.h>

#include "base/limits.h"
#include "schema/registry_fixture.h"

namespace leat::schema {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST_F(RegistryTest, GivesNumbersAndIds) {
  EXPECT_EQ(add("users", "a").number, 1);
  const Version second = add("users", "a b=");
  EXPECT_EQ(second.number, 2);
  EXPECT_EQ(second.id, 2);
  EXPECT_EQ(registry_->versions(named("users"), Which::kLive).value(), (std::vector{1, 2}));
  EXPECT_EQ(registry_->schema(1, named("")).value().content->text, "a");
  EXPECT_EQ(registry_->version(named("users"), kLatest, Which::kLive).value().id, 2);
  EXPECT_EQ(registry_->last_id("."), 2);
}

TEST_F(RegistryTest, TheSameTextUnderTwoSubjectsHasOneId) {
  EXPECT_EQ(add("users", "a").id, 1);
  EXPECT_EQ(add("audit", " a ").id, 1);
  EXPECT_EQ(registry_->users_of(1, named(""), Which::kLive).value().size(), 2u);
}

TEST_F(RegistryTest, OtherTypeReferencesMetadataOrRulesAreAnotherSchema) {
  add("users", "a");
  Candidate json = words("a");
  json.content.format = Format::kJson;
  EXPECT_EQ(add("json", json).id, 2);
  EXPECT_EQ(add("refers", words("a", {{"u", "users", 1}})).id, 3);
  Candidate owned = words("a");
  owned.content.metadata = R"({"properties":{"owner":"x"}})";
  EXPECT_EQ(add("owned", owned).id, 4);
  Candidate ruled = words("a");
  ruled.content.rules = R"({"domainRules":[{"name":"r","kind":"CONDITION","mode":"WRITE"}]})";
  EXPECT_EQ(add("ruled", ruled).id, 5);
}

TEST_F(RegistryTest, RegisteringAgainChangesNothing) {
  add("users", "a");
  const int writes = store_.writes;
  EXPECT_EQ(add("users", "a").number, 1);
  EXPECT_EQ(store_.writes, writes);
}

TEST_F(RegistryTest, WithoutMetadataTheVersionThatHasSomeIsMeant) {
  Candidate owned = words("a");
  owned.content.metadata = R"({"properties":{"owner":"x"}})";
  add("users", owned);
  EXPECT_EQ(add("users", "a").number, 1);
  EXPECT_EQ(registry_->find(named("users"), words("a"), Which::kLive).value().number, 1);
  // And a next version takes it over.
  EXPECT_EQ(add("users", "a b=").content->metadata, owned.content.metadata);
}

TEST_F(RegistryTest, RefusesWhatIsNoSchema) {
  const auto refused = registry_->add(named("users"), words("broken"));
  EXPECT_EQ(code(refused), 42201);
  EXPECT_THAT(refused.error().message(), HasSubstr("1:1"));
  EXPECT_THAT(subjects(), IsEmpty());
  EXPECT_EQ(code(registry_->add(named("users"), words(std::string(limits::kSchemaBytes + 1, 'a')))),
            42209);
}

TEST_F(RegistryTest, RefusesNamesThatCannotStand) {
  for (const char* name : {"", ".", "..", "__GLOBAL", "__EMPTY", "a\nb", ":.test:", ":.:", "\xff"})
    EXPECT_EQ(code(registry_->add(named(name), words("a"))), 42208) << name;
  EXPECT_EQ(code(registry_->add(named(std::string(2000, 'x')), words("a"))), 42208);
  // Anything else may be a name.
  for (const char* name : {"a b", "\"{quoted}\"", "x:y", "häuser", "a/b", ":"}) add(name, "a");
}

TEST_F(RegistryTest, NormalisingDecidesWhatIsTheSame) {
  add("users", "b a");
  EXPECT_EQ(add("users", "a b").number, 2);  // two texts
  Candidate sorted = words("a b c=");
  sorted.normalize = true;
  add("sorted", words("c= b a"));
  EXPECT_EQ(add("sorted", sorted).number, 1);
  EXPECT_EQ(registry_->find(named("sorted"), sorted, Which::kLive).value().number, 1);
  Config config;
  config.normalize = true;
  EXPECT_OK(registry_->set_config(named("tidy"), config));
  EXPECT_EQ(add("tidy", "b a").content->text, "a b");
}

TEST_F(RegistryTest, LooksUpUnderASubject) {
  add("users", "a");
  add("audit", "b");
  EXPECT_EQ(registry_->find(named("users"), words("a"), Which::kLive).value().number, 1);
  EXPECT_EQ(code(registry_->find(named("users"), words("b"), Which::kLive)), 40403);
  EXPECT_EQ(code(registry_->find(named("none"), words("a"), Which::kLive)), 40401);
  EXPECT_EQ(code(registry_->version(named("none"), 1, Which::kLive)), 40401);
  EXPECT_EQ(code(registry_->version(named("users"), 2, Which::kLive)), 40402);
  EXPECT_EQ(code(registry_->versions(named("none"), Which::kLive)), 40401);
  EXPECT_EQ(code(registry_->schema(9, named(""))), 40403);
}

TEST_F(RegistryTest, FindsByTheMetadatasProperties) {
  Candidate owned = words("a");
  owned.content.metadata = R"({"properties":{"owner":"x","env":"1"}})";
  add("users", owned);
  owned.content.text = "a b=";
  owned.content.metadata = R"({"properties":{"owner":"y"}})";
  add("users", owned);
  EXPECT_EQ(registry_->version_with(named("users"), {{"owner", "x"}, {"env", "1"}}, Which::kLive)
                .value()
                .number,
            1);
  EXPECT_EQ(code(registry_->version_with(named("users"), {{"owner", "z"}}, Which::kLive)), 40402);
}

TEST_F(RegistryTest, ReferencesResolveByNameSubjectAndVersion) {
  add("money", "a");
  add("account", words("@m", {{"m", "money", 1}}));
  // What a reference refers to is needed as well, and comes first.
  std::vector<Resolved> given;
  auto registry = Registry::open(store_, [&](Format f, std::string_view t, const auto& r) {
    given = r;
    return parse_words(f, t, r);
  });
  ASSERT_OK(registry);
  ASSERT_OK((*registry)->add(named("order"), words("@acc", {{"acc", "account", -1}})));
  ASSERT_EQ(given.size(), 2u);
  EXPECT_EQ(given[0].reference.name, "m");
  EXPECT_EQ(given[1].reference.name, "acc");
  const Version order = (*registry)->version(named("order"), 1, Which::kLive).value();
  EXPECT_EQ(order.content->references.front().version, 1);  // -1 was the latest then
  EXPECT_THAT((*registry)->referrers(named("money"), 1, Which::kLive).value(), ElementsAre(2));
  EXPECT_EQ(code((*registry)->referrers(named("money"), 2, Which::kLive)), 40402);
}

TEST_F(RegistryTest, AReferenceToNothingIsRefused) {
  const auto refused = registry_->add(named("order"), words("@m", {{"m", "money", 1}}));
  EXPECT_EQ(code(refused), 42201);
  EXPECT_THAT(refused.error().message(), HasSubstr("money"));
}

TEST_F(RegistryTest, ContextsAreApart) {
  EXPECT_EQ(add("users", "a").id, 1);
  EXPECT_EQ(add(":.test:users", "b").id, 1);  // ids are per context
  EXPECT_EQ(add(":.:other", "c").id, 2);      // the default one, written out
  EXPECT_EQ(registry_->schema(1, named(":.test:")).value().content->text, "b");
  EXPECT_EQ(registry_->schema(1, named("")).value().content->text, "a");
  EXPECT_THAT(registry_->contexts(), ElementsAre(".", ".test"));
  EXPECT_THAT(subjects(), ElementsAre(":.test:users", "other", "users"));
  EXPECT_THAT(registry_->subjects("", Which::kLive), ElementsAre("other", "users"));
  EXPECT_THAT(registry_->subjects(":.test:", Which::kLive), ElementsAre(":.test:users"));
  EXPECT_THAT(registry_->subjects(":*:us", Which::kLive), ElementsAre(":.test:users", "users"));
  EXPECT_THAT(registry_->subjects("us", Which::kLive), ElementsAre("users"));
  // A reference stays within its context.
  EXPECT_EQ(code(registry_->add(named(":.test:order"), words("@o", {{"o", "other", 1}}))), 42201);
  add(":.test:order", words("@o", {{"o", ":.:other", 1}}));
  EXPECT_EQ(code(registry_->remove_context(".test")), 42211);
  EXPECT_OK(registry_->remove_context(".none"));
}

TEST_F(RegistryTest, AnIdIsFoundInTheContextOfASubject) {
  add(":.test:users", "a");
  EXPECT_EQ(registry_->schema(1, named("users")).value().context, ".test");
  EXPECT_EQ(code(registry_->schema(1, named("other"))), 40403);
}

TEST_F(RegistryTest, GuidsAreOfTheContent) {
  const Version here = add("users", "a"), there = add(":.test:users", "a");
  EXPECT_EQ(guid_of(*here.content), guid_of(*there.content));
  EXPECT_THAT(guid_of(*here.content),
              ::testing::MatchesRegex(
                  "[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"));
  EXPECT_EQ(registry_->schemas_of(guid_of(*here.content)).value().size(), 2u);
  EXPECT_EQ(code(registry_->schemas_of("none")), 40403);
}

TEST_F(RegistryTest, ListsSchemas) {
  add("users", "a");
  add("users", "a b=");
  add("audit", "a");
  EXPECT_EQ(registry_->schemas(":*:", Which::kLive, false).size(), 3u);
  const auto latest = registry_->schemas(":*:us", Which::kLive, true);
  ASSERT_EQ(latest.size(), 1u);
  EXPECT_EQ(latest[0].number, 2);
}

TEST_F(RegistryTest, RulesAreChecked) {
  for (const char* rules :
       {R"({"domainRules":[{"kind":"CONDITION"}]})", R"({"domainRules":[{"name":"r","kind":"X"}]})",
        R"({"domainRules":[{"name":"r","mode":"SOMETIMES"}]})",
        R"({"domainRules":[{"name":"r"},{"name":"r"}]})", R"({"migrationRules":{}})"}) {
    Candidate ruled = words("a");
    ruled.content.rules = rules;
    EXPECT_EQ(code(registry_->add(named("users"), ruled)), 42210) << rules;
  }
}

TEST_F(RegistryTest, SettingsAddToMetadataAndRules) {
  Config config;
  config.default_metadata = R"({"properties":{"env":"test","owner":"nobody"}})";
  config.override_metadata = R"({"properties":{"cost":"1"}})";
  config.default_rules = R"({"domainRules":[{"name":"r","kind":"CONDITION"}]})";
  EXPECT_OK(registry_->set_config(named("users"), config));
  Candidate owned = words("a");
  owned.content.metadata = R"({"properties":{"owner":"x"}})";
  const Version added = add("users", owned);
  EXPECT_EQ(added.content->metadata, R"({"properties":{"env":"test","owner":"x","cost":"1"}})");
  EXPECT_EQ(added.content->rules, config.default_rules);
  EXPECT_EQ(add("users", owned).number, 1);
}

}  // namespace
}  // namespace leat::schema
