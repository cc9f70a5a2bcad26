#include <gmock/gmock.h>

#include "schema/registry_fixture.h"

namespace leat::schema {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST_F(RegistryTest, ASubjectGoesSoftlyThenForGood) {
  add("users", "a");
  add("users", "a b=");
  EXPECT_EQ(code(registry_->remove(named("none"), false)), 40401);
  EXPECT_EQ(code(registry_->remove(named("users"), true)), 40405);
  EXPECT_THAT(registry_->remove(named("users"), false).value(), ElementsAre(1, 2));
  EXPECT_EQ(code(registry_->remove(named("users"), false)), 40404);
  EXPECT_THAT(subjects(), IsEmpty());
  EXPECT_THAT(subjects(Which::kAll), ElementsAre("users"));
  EXPECT_THAT(subjects(Which::kDeleted), ElementsAre("users"));
  EXPECT_EQ(code(registry_->versions(named("users"), Which::kLive)), 40401);
  // It still resolves: records with the id are there.
  EXPECT_EQ(registry_->schema(1, named("")).value().content->text, "a");
  EXPECT_TRUE(registry_->version(named("users"), 2, Which::kAll).value().deleted);
  EXPECT_THAT(registry_->remove(named("users"), true).value(), ElementsAre(1, 2));
  EXPECT_EQ(code(registry_->schema(1, named(""))), 40403);
  EXPECT_THAT(subjects(Which::kAll), IsEmpty());
}

TEST_F(RegistryTest, AVersionGoesSoftlyThenForGood) {
  add("users", "a");
  add("users", "a b=");
  EXPECT_EQ(code(registry_->remove(named("none"), 1, false)), 40401);
  EXPECT_EQ(code(registry_->remove(named("users"), 3, false)), 40402);
  EXPECT_EQ(code(registry_->remove(named("users"), 1, true)), 40407);
  EXPECT_EQ(registry_->remove(named("users"), 1, false).value(), 1);
  EXPECT_EQ(code(registry_->remove(named("users"), 1, false)), 40406);
  EXPECT_EQ(code(registry_->version(named("users"), 1, Which::kLive)), 40402);
  EXPECT_THAT(registry_->versions(named("users"), Which::kLive).value(), ElementsAre(2));
  EXPECT_THAT(registry_->versions(named("users"), Which::kDeleted).value(), ElementsAre(1));
  EXPECT_EQ(registry_->remove(named("users"), 1, true).value(), 1);
  EXPECT_EQ(registry_->remove(named("users"), kLatest, false).value(), 2);
  EXPECT_THAT(subjects(), IsEmpty());
}

TEST_F(RegistryTest, AfterDeletingTheNextNumberFollows) {
  add("users", "a");
  EXPECT_OK(registry_->remove(named("users"), false));
  const Version again = add("users", "a");
  EXPECT_EQ(again.number, 2);
  EXPECT_EQ(again.id, 1);  // the same content
}

TEST_F(RegistryTest, AnIdIsNeverGivenTwice) {
  add("users", "a");
  EXPECT_OK(registry_->remove(named("users"), false));
  EXPECT_OK(registry_->remove(named("users"), true));
  EXPECT_EQ(add("users", "b").id, 2);
  EXPECT_OK(registry_->remove(named("users"), false));
  EXPECT_OK(registry_->remove(named("users"), true));
  open();
  EXPECT_EQ(add("users", "a").id, 3);
}

TEST_F(RegistryTest, WhatAnotherSubjectHasStays) {
  add("users", "a");
  add("audit", "a");
  EXPECT_OK(registry_->remove(named("users"), false));
  EXPECT_OK(registry_->remove(named("users"), true));
  EXPECT_EQ(registry_->schema(1, named("")).value().content->text, "a");
}

TEST_F(RegistryTest, WhatIsReferredToStays) {
  add("money", "a");
  add("order", words("@m", {{"m", "money", 1}}));
  EXPECT_EQ(code(registry_->remove(named("money"), false)), 42206);
  EXPECT_EQ(code(registry_->remove(named("money"), 1, false)), 42206);
  EXPECT_OK(registry_->remove(named("order"), false));
  EXPECT_OK(registry_->remove(named("money"), false));
  // The softly deleted order still resolves, and needs the text.
  EXPECT_EQ(code(registry_->remove(named("money"), true)), 42206);
  EXPECT_OK(registry_->remove(named("order"), true));
  EXPECT_OK(registry_->remove(named("money"), true));
}

TEST_F(RegistryTest, VersionsThatReferToEachOtherGoTogether) {
  add("tree", "a");
  set_level("tree", Level::kNone);
  add("tree", words("@t", {{"t", "tree", 1}}));
  EXPECT_EQ(code(registry_->remove(named("tree"), 1, false)), 42206);
  EXPECT_OK(registry_->remove(named("tree"), false));
  EXPECT_OK(registry_->remove(named("tree"), true));
}

TEST_F(RegistryTest, ASubjectsSettingsGoWithItsLastVersion) {
  add("users", "a");
  set_level("users", Level::kFull);
  EXPECT_OK(registry_->set_mode(named("users"), Mode::kReadWrite, false));
  EXPECT_OK(registry_->remove(named("users"), 1, false));
  EXPECT_EQ(code(registry_->own_config(named("users"))), 40408);
  EXPECT_EQ(code(registry_->own_mode(named("users"))), 40409);
}

}  // namespace
}  // namespace leat::schema
