// Status, pause, reset through the router.
#include <gtest/gtest.h>

#include "io/file.h"
#include "server/fixture.h"
#include "server/paused.h"

namespace leat::server {
namespace {

using PipelinesTest = ApiTest;

TEST_F(PipelinesTest, StatusAtRestComesFromProgress) {
  auto input = topic("users_created", 2);
  append(input, 0, {"{}", "{}", "{}"});
  store_.rows = {row("users_store", "serving.users", input, 0, 2)};
  Json status = ask("GET", "/api/v1/status");
  EXPECT_EQ(status["running"], false);
  ASSERT_EQ(status["pipelines"].size(), 2u);
  const Json& capture = status["pipelines"][0];
  EXPECT_EQ(capture["source"]["component"], "generate");
  EXPECT_EQ(capture["lanes"][0]["sink"], "*");
  const Json& users = status["pipelines"][1]["lanes"][0];
  EXPECT_EQ(users["sink"], "serving.users");
  EXPECT_EQ(users["state"], "stopped");
  EXPECT_EQ(users["ledger"]["in"], 2);
  EXPECT_EQ(users["ledger"]["balanced"], true);
  EXPECT_EQ(users["waiting"], 1);
  EXPECT_EQ(users["progress"][0]["next"], 2);
  EXPECT_EQ(status["pipelines"][1]["lanes"][1]["waiting"], 3);
  Json wrong = ask("GET", "/api/v1/pipelines/users_stor", nullptr, 404);
  EXPECT_EQ(wrong["error"]["hint"], "did you mean `users_store`?");
  EXPECT_EQ(ask("GET", "/api/v1/pipelines/users_store")["lanes"].size(), 2u);
}

TEST_F(PipelinesTest, PauseIsKeptAndUndone) {
  ask("POST", "/api/v1/pipelines/users_store/pause", {{"sink", "serving.users"}});
  EXPECT_EQ(read_paused(temp_.path()).value(),
            std::vector<std::string>{"users_store/serving.users"});
  ask("POST", "/api/v1/pipelines/users_store/pause?sink=serving.events");
  EXPECT_EQ(read_paused(temp_.path()).value(), std::vector<std::string>{"users_store"});
  Json lanes = ask("GET", "/api/v1/pipelines/users_store")["lanes"];
  EXPECT_EQ(lanes[0]["paused"], true);
  ask("POST", "/api/v1/pipelines/users_store/resume", {{"sink", "serving.users"}});
  EXPECT_EQ(read_paused(temp_.path()).value(),
            std::vector<std::string>{"users_store/serving.events"});
  ask("POST", "/api/v1/pipelines/users_capture/pause", {{"sink", "users_created"}});
  ask("POST", "/api/v1/pipelines/users_store/resume");
  EXPECT_EQ(read_paused(temp_.path()).value(), std::vector<std::string>{"users_capture"});
  ask("POST", "/api/v1/pipelines/users_capture/resume");
  EXPECT_FALSE(io::exists(temp_ / "paused.json"));
  Json wrong = ask("POST", "/api/v1/pipelines/users_store/pause", {{"sink", "serving.user"}}, 404);
  EXPECT_EQ(wrong["error"]["hint"], "did you mean `serving.users`?");
}

TEST_F(PipelinesTest, APausedFileOfOthersIsNamed) {
  ASSERT_TRUE(io::write_file_atomic(temp_ / "paused.json", "{"));
  Json wrong = ask("GET", "/api/v1/status", nullptr, 500);
  EXPECT_NE(wrong["error"]["message"].get<std::string>().find("paused.json"), std::string::npos);
}

TEST_F(PipelinesTest, ResetBackwardsKeepsTheHighestVersion) {
  auto input = topic("users_created", 2);
  append(input, 0, {"{}", "{}", "{}"});
  append(input, 1, {"{}"});
  store_.rows = {row("users_store", "serving.users", input, 0, 3),
                 row("users_store", "serving.users", input, 1, 1)};
  Json body = {{"to", "0:1"}, {"sink", "serving.users"}, {"dry_run", true}};
  Json plan = ask("POST", "/api/v1/pipelines/users_store/reset", body);
  EXPECT_EQ(plan["done"], false);
  ASSERT_EQ(plan["sinks"][0]["moves"].size(), 1u);
  EXPECT_EQ(plan["sinks"][0]["moves"][0]["from"], 3);
  EXPECT_EQ(plan["sinks"][0]["moves"][0]["to"], 1);
  EXPECT_EQ(store_.rows[0].next, 3);
  body["dry_run"] = false;
  EXPECT_EQ(ask("POST", "/api/v1/pipelines/users_store/reset", body)["done"], true);
  ASSERT_EQ(store_.rows.size(), 2u);
  const stream::Progress& moved = store_.rows.back();
  EXPECT_EQ(moved.input.partition, 0);
  EXPECT_EQ(moved.next, 1);
  EXPECT_EQ(moved.expected_next, 3);
  EXPECT_EQ(moved.v_prev, 5'000'000'000'000'000)
      << "rows delivered again must win over those of an older query";
  EXPECT_EQ(moved.pipeline_hash, "hash");
  EXPECT_EQ(moved.ledger, stream::Ledger{});
  EXPECT_EQ(store_.rows.front().next, 1) << "partition 1 was not named";
}

TEST_F(PipelinesTest, ResetForwardsKeepsTheVersion) {
  auto input = topic("users_created");
  append(input, 0, {"{}", "{}", "{}"});
  store_.rows = {row("users_store", "serving.events", input, 0, 1)};
  ask("POST", "/api/v1/pipelines/users_store/reset", {{"to", "end"}, {"sink", "serving.events"}});
  EXPECT_EQ(store_.rows[0].next, 3);
  EXPECT_EQ(store_.rows[0].v_prev, 5'000'000'000'000'000);
}

TEST_F(PipelinesTest, ResetBackwardsOfAnAppendTableNeedsTruncate) {
  auto input = topic("users_created");
  append(input, 0, {"{}", "{}"});
  store_.rows = {row("users_store", "serving.events", input, 0, 2)};
  Json body = {{"to", "start"}, {"sink", "serving.events"}};
  Json refused = ask("POST", "/api/v1/pipelines/users_store/reset", body, 400);
  EXPECT_EQ(refused["error"]["hint"], "--truncate empties it first");
  EXPECT_EQ(store_.rows[0].next, 2);
  body["truncate"] = true;
  Json done = ask("POST", "/api/v1/pipelines/users_store/reset", body);
  EXPECT_EQ(done["sinks"][0]["notes"][0], "table serving.events is emptied");
  EXPECT_EQ(store_.rows[0].next, 0);
  EXPECT_EQ(store_.rows[0].v_prev, 5'000'000'000'000'000);
  EXPECT_EQ(store_.truncated, 1);
}

TEST_F(PipelinesTest, ResetOfARecreatedTopicInheritsTheVersion) {
  auto old = topic("users_created");
  append(old, 0, {"{}", "{}"});
  store_.rows = {row("users_store", "serving.users", old, 0, 2)};
  ASSERT_TRUE(log_->topics().remove("users_created"));
  auto fresh = topic("users_created");
  ASSERT_NE(fresh.id, old.id);
  append(fresh, 0, {"{}"});
  ask("POST", "/api/v1/pipelines/users_store/reset", {{"to", "start"}, {"sink", "serving.users"}});
  const stream::Progress& moved = store_.rows.back();
  EXPECT_EQ(moved.input.topic_id, fresh.id);
  EXPECT_EQ(moved.next, 0);
  EXPECT_EQ(moved.expected_next, -1);
  EXPECT_EQ(moved.v_prev, 5'000'000'000'000'000);
}

TEST_F(PipelinesTest, ResetOfASourceStartsOverAndNeverMintsAnOffsetTwice) {
  stream::TopicInfo none;
  none.spec.name = "generate:users_capture";
  stream::Progress progress = row("users_capture", "*", none, 0, 7);
  progress.cursor = "{\"run_id\":\"once\"}";
  commit(progress);
  ask("POST", "/api/v1/pipelines/users_capture/reset", {{"to", "end"}}, 400);
  Json done = ask("POST", "/api/v1/pipelines/users_capture/reset", {{"to", "start"}});
  EXPECT_EQ(done["sinks"][0]["moves"][0]["to"], "start");
  auto rows = log_->progress("users", "users_capture").value();
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].next, 7);
  EXPECT_EQ(rows[0].cursor, "");
}

TEST_F(PipelinesTest, ResetRefusesWhatItCannotDo) {
  ask("POST", "/api/v1/pipelines/users_store/reset", {{"to", "start"}}, 404);  // no topic yet
  topic("users_created");
  ask("POST", "/api/v1/pipelines/users_store/reset", {{"to", "sometime"}}, 400);
  ask("POST", "/api/v1/pipelines/users_store/reset", {{"sink", "serving.users"}}, 400);
  ask("POST", "/api/v1/pipelines/nobody/reset", {{"to", "start"}}, 404);
  backend_.services = nullptr;
  ask("POST", "/api/v1/pipelines/users_store/reset", {{"to", "start"}}, 403);
  ask("POST", "/api/v1/pipelines/users_store/reset", {{"to", "start"}, {"dry_run", true}});
}

}  // namespace
}  // namespace leat::server
