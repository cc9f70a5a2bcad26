// Levels of compatibility, modes, imports.
#include <gmock/gmock.h>

#include "schema/registry_fixture.h"

namespace leat::schema {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr std::optional<int32_t> kAsTheLevelSays;

struct LevelCase {
  Level level;
  const char *first, *second, *third;
  bool fits;
};

/// Three versions: whether the third one may follow.
class Levels : public RegistryTest, public ::testing::WithParamInterface<LevelCase> {};

TEST_P(Levels, DecideWhetherASchemaMayFollow) {
  const LevelCase& c = GetParam();
  set_level("users", Level::kNone);
  add("users", c.first);
  add("users", c.second);
  set_level("users", c.level);
  const auto checked = registry_->check(named("users"), words(c.third), kAsTheLevelSays);
  ASSERT_OK(checked);
  EXPECT_EQ(checked->compatible(), c.fits) << level_name(c.level);
  EXPECT_EQ(code(registry_->add(named("users"), words(c.third))), c.fits ? 0 : 40901);
}

// "b" without a default: who has it cannot read data without it.
INSTANTIATE_TEST_SUITE_P(
    Seven, Levels,
    ::testing::Values(LevelCase{Level::kNone, "a", "a", "z", true},
                      LevelCase{Level::kBackward, "a", "a b", "a b", true},
                      LevelCase{Level::kBackward, "a", "a b=", "a b c", false},
                      LevelCase{Level::kBackward, "a", "a b", "b a", true},
                      LevelCase{Level::kBackwardTransitive, "a", "a b", "b a", false},
                      LevelCase{Level::kBackwardTransitive, "a", "a b", "a c=", true},
                      LevelCase{Level::kForward, "a b", "a", "a c", true},
                      LevelCase{Level::kForward, "a", "a b", "a c", false},
                      LevelCase{Level::kForwardTransitive, "a b", "a", "a c", false},
                      LevelCase{Level::kForwardTransitive, "a b=", "a", "a c", true},
                      LevelCase{Level::kFull, "z", "a", "a b=", true},
                      LevelCase{Level::kFull, "a", "a b=", "a c", false},
                      LevelCase{Level::kFullTransitive, "a", "a b=", "a c=", true},
                      LevelCase{Level::kFullTransitive, "a b", "a", "a c=", false}));

TEST_F(RegistryTest, BackwardIsTheLevelWithoutAny) {
  EXPECT_EQ(registry_->config(named("users")).level, Level::kBackward);
  add("users", "a");
  const auto refused = registry_->add(named("users"), words("a b"));
  EXPECT_EQ(code(refused), 40901);
  EXPECT_THAT(refused.error().message(), HasSubstr("READER_FIELD_MISSING_DEFAULT_VALUE"));
  EXPECT_THAT(refused.error().message(), HasSubstr("oldSchemaVersion: 1"));
}

TEST_F(RegistryTest, AnotherTypeIsIncompatible) {
  add("users", "a");
  Candidate json = words("a");
  json.content.format = Format::kJson;
  EXPECT_EQ(code(registry_->add(named("users"), json)), 40901);
}

TEST_F(RegistryTest, ChecksAgainstAVersion) {
  EXPECT_TRUE(registry_->check(named("none"), words("a"), kLatest).value().compatible());
  EXPECT_EQ(code(registry_->check(named("none"), words("a"), 1)), 40402);
  add("users", "a");
  add("users", "a b=");
  EXPECT_EQ(code(registry_->check(named("users"), words("a"), 3)), 40402);
  EXPECT_FALSE(registry_->check(named("users"), words("a b"), 1).value().compatible());
  EXPECT_TRUE(registry_->check(named("users"), words("a b"), 2).value().compatible());
  EXPECT_TRUE(registry_->check(named("users"), words("a b"), kLatest).value().compatible());
  EXPECT_EQ(code(registry_->check(named("users"), words("broken"), kLatest)), 42201);
}

TEST_F(RegistryTest, SoftlyDeletedVersionsAreNotCompared) {
  add("users", "a");
  EXPECT_OK(registry_->remove(named("users"), false));
  add("users", "z");
}

TEST_F(RegistryTest, OnlyVersionsOfOneGroupAreCompared) {
  Config config;
  config.group = "major";
  EXPECT_OK(registry_->set_config(named("users"), config));
  Candidate first = words("a"), second = words("z");
  first.content.metadata = R"({"properties":{"major":"1"}})";
  second.content.metadata = R"({"properties":{"major":"2"}})";
  add("users", first);
  add("users", second);
  second.content.text = "y";
  EXPECT_EQ(code(registry_->add(named("users"), second)), 40901);
}

TEST_F(RegistryTest, ASubjectsLevelGoesBeforeItsContextsAndEverybodys) {
  set_level("", Level::kFull);
  EXPECT_EQ(registry_->config(named(":.test:users")).level, Level::kFull);
  set_level(":.test:", Level::kForward);
  EXPECT_EQ(registry_->config(named(":.test:users")).level, Level::kForward);
  EXPECT_EQ(registry_->config(named("users")).level, Level::kFull);
  EXPECT_EQ(code(registry_->own_config(named(":.test:users"))), 40408);
  set_level(":.test:users", Level::kNone);
  EXPECT_EQ(registry_->own_config(named(":.test:users")).value().level, Level::kNone);
  EXPECT_EQ(registry_->remove_config(named(":.test:users")).value().level, Level::kNone);
  EXPECT_EQ(code(registry_->remove_config(named(":.test:users"))), 40401);
  EXPECT_EQ(registry_->config(named(":.test:users")).level, Level::kForward);
}

TEST_F(RegistryTest, SettingOneThingKeepsTheOthers) {
  set_level("users", Level::kFull);
  Config config;
  config.normalize = true;
  EXPECT_OK(registry_->set_config(named("users"), config));
  EXPECT_EQ(registry_->own_config(named("users")).value().level, Level::kFull);
  EXPECT_EQ(registry_->own_config(named("users")).value().normalize, true);
}

TEST_F(RegistryTest, AnAliasStandsForAnotherSubject) {
  Config config;
  config.alias = "users";
  EXPECT_OK(registry_->set_config(named("people"), config));
  EXPECT_EQ(registry_->aliased(named("people")), named("users"));
  EXPECT_EQ(registry_->aliased(named("users")), named("users"));
}

TEST_F(RegistryTest, ReadOnlyRefusesChanges) {
  add("users", "a");
  EXPECT_OK(registry_->set_mode(named("users"), Mode::kReadOnly, false));
  EXPECT_EQ(code(registry_->add(named("users"), words("a b="))), 42205);
  EXPECT_EQ(code(registry_->remove(named("users"), false)), 42205);
  EXPECT_EQ(code(registry_->remove(named("users"), 1, false)), 42205);
  EXPECT_EQ(code(registry_->set_config(named("users"), {})), 42205);
  EXPECT_EQ(code(registry_->remove_config(named("users"))), 42205);
  EXPECT_EQ(add("users", "a").number, 1);  // what is there is found
  add("others", "a");
  EXPECT_EQ(registry_->remove_mode(named("users")).value(), Mode::kReadOnly);
  add("users", "a b=");
}

TEST_F(RegistryTest, ModesOfSubjectContextAndAll) {
  EXPECT_EQ(registry_->mode(named("users")), Mode::kReadWrite);
  EXPECT_OK(registry_->set_mode(named(""), Mode::kReadOnly, false));
  EXPECT_OK(registry_->set_mode(named("users"), Mode::kReadWrite, false));
  EXPECT_EQ(registry_->mode(named("users")), Mode::kReadWrite);
  EXPECT_EQ(registry_->mode(named("others")), Mode::kReadOnly);
  EXPECT_EQ(code(registry_->own_mode(named("others"))), 40409);
  EXPECT_EQ(code(registry_->remove_mode(named("others"))), 40401);
  EXPECT_OK(registry_->set_mode(named(""), Mode::kReadOnlyOverride, false));
  EXPECT_EQ(registry_->mode(named("users")), Mode::kReadOnlyOverride);
}

TEST_F(RegistryTest, ImportKeepsIdsAndNumbers) {
  Candidate imported = words("a");
  imported.id = 100;
  imported.version = 7;
  EXPECT_EQ(code(registry_->add(named("users"), imported)), 42205);  // not in this mode
  EXPECT_OK(registry_->set_mode(named("users"), Mode::kImport, false));
  EXPECT_EQ(code(registry_->add(named("users"), words("a"))), 42205);  // without an id
  const Version added = add("users", imported);
  EXPECT_EQ(added.id, 100);
  EXPECT_EQ(added.number, 7);
  EXPECT_EQ(add("users", imported).number, 7);  // again
  imported.content.text = "z";
  EXPECT_EQ(code(registry_->add(named("users"), imported)), 42207);  // the id is taken
  imported.id = 101;
  EXPECT_EQ(code(registry_->add(named("users"), imported)), 42205);  // the number is taken
  imported.version = 3;
  EXPECT_EQ(add("users", imported).number, 3);  // unchecked, in any order
  EXPECT_EQ(add("others", "b").id, 102);        // goes on behind what was imported
}

TEST_F(RegistryTest, MetadataOfAnyShapeIsMerged) {
  Config config;
  config.default_metadata = R"({"tags":{"a":["PII"]},"properties":{"o":"d"},"sensitive":["x"]})";
  config.override_metadata = R"({"properties":["z"],"sensitive":{"y":1}})";
  EXPECT_OK(registry_->set_config(named(""), config));
  Candidate candidate = words("a");
  candidate.content.metadata = R"({"tags":[1],"properties":3,"sensitive":null})";
  EXPECT_EQ(add("users", candidate).content->metadata,
            R"({"tags":[1],"properties":["z"],"sensitive":{"y":1}})");
}

TEST_F(RegistryTest, RulesThatNoSchemaCouldHaveAreRefusedAsSettings) {
  Config config;
  for (const char* rules : {R"({"domainRules":[1,2]})", R"({"domainRules":3})",
                            R"({"migrationRules":[{"kind":"CONDITION"}]})"}) {
    config.default_rules = rules;
    config.override_rules.clear();
    EXPECT_EQ(code(registry_->set_config(named(""), config)), 42210) << rules;
    std::swap(config.default_rules, config.override_rules);
    EXPECT_EQ(code(registry_->set_config(named("users"), config)), 42210) << rules;
  }
}

TEST_F(RegistryTest, AnImportIsPutAgainWithoutHarm) {
  EXPECT_OK(registry_->set_mode(named("users"), Mode::kImport, false));
  Candidate imported = words("a");
  imported.id = 100;
  EXPECT_EQ(add("users", imported).number, 1);
  imported.id = 105;  // the same text, under an id of its own
  EXPECT_EQ(add("users", imported).number, 2);
  EXPECT_EQ(add("users", imported).number, 2);
  imported.version = 2;
  EXPECT_EQ(add("users", imported).number, 2);
}

TEST_F(RegistryTest, ImportIntoWhatIsThereNeedsForce) {
  add("users", "a");
  EXPECT_EQ(code(registry_->set_mode(named(""), Mode::kImport, false)), 42205);
  EXPECT_EQ(code(registry_->set_mode(named("users"), Mode::kImport, false)), 42205);
  EXPECT_OK(registry_->set_mode(named("others"), Mode::kImport, false));
  EXPECT_OK(registry_->set_mode(named(""), Mode::kImport, true));
}

TEST_F(RegistryTest, AGivenVersionMustBeTheNext) {
  Candidate next = words("a");
  next.version = 2;
  EXPECT_EQ(code(registry_->add(named("users"), next)), 42201);
  next.version = 1;
  EXPECT_EQ(add("users", next).number, 1);
}

}  // namespace
}  // namespace leat::schema
