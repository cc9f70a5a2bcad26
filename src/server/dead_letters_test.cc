// Dead letters through the router: groups, letters, where, re-drive, purge.
#include <gtest/gtest.h>

#include "server/fixture.h"

namespace leat::server {
namespace {

class DeadLettersTest : public ApiTest {
 protected:
  void SetUp() override {
    ApiTest::SetUp();
    input_ = topic("users_created", 2);
    dlq_ = topic("users.users_store.dlq");
    reject(0, 1, stream::Stage::kDecode, stream::Reason::kMalformed, "", "{oops");
    reject(0, 2, stream::Stage::kQuality, stream::Reason::kRuleFailed, "email_shape",
           "{\"email\":\"x\"}");
    reject(1, 5, stream::Stage::kQuality, stream::Reason::kRuleFailed, "email_shape",
           "{\"email\":\"y\"}");
    store_.rows = {row("users_store", "serving.users", input_, 0, 9),
                   row("users_store", "serving.users", input_, 1, 4)};
  }
  void reject(int32_t partition, int64_t offset, stream::Stage stage, stream::Reason reason,
              std::string rule, std::string_view value) {
    runtime::DeadLetterWriter writer("serving.users", "hash");
    stream::Record record;
    record.offset = offset;
    record.timestamp_ms = clock_.now_ms();
    record.value = value;
    writer.add({{"users_created", input_.id, partition}, offset}, record, 17,
               {0, stage, reason, std::move(rule), "it is wrong"});
    auto transaction = log_->begin("test").value();
    ASSERT_TRUE(transaction->append(dlq_, 0, writer.records()));
    ASSERT_TRUE(transaction->commit());
  }
  Json letters(const std::string& query = "") {
    return ask("GET", "/api/v1/pipelines/users_store/dead-letters" + query);
  }
  stream::TopicInfo input_, dlq_;
};

TEST_F(DeadLettersTest, GroupsCountByReasonAndRule) {
  Json groups = ask("GET", "/api/v1/dead-letters");
  ASSERT_EQ(groups.size(), 2u);
  EXPECT_EQ(groups[0]["reason"], "malformed");
  EXPECT_EQ(groups[0]["count"], 1);
  EXPECT_EQ(groups[1]["rule"], "email_shape");
  EXPECT_EQ(groups[1]["count"], 2);
  EXPECT_EQ(groups[1]["example"], "it is wrong");
}

TEST_F(DeadLettersTest, LettersKeepIdentityAndBytes) {
  Json found = letters("?limit=2");
  EXPECT_EQ(found["matched"], 3);
  ASSERT_EQ(found["letters"].size(), 2u);
  EXPECT_EQ(found["letters"][0]["offset"], 1);
  EXPECT_EQ(found["letters"][0]["value_text"], "{oops");
  EXPECT_EQ(found["letters"][1]["value"]["email"], "x");
  EXPECT_EQ(found["letters"][1]["whole"], true);
  EXPECT_EQ(letters("?limit=0")["letters"].size(), 0u);
}

TEST_F(DeadLettersTest, WhereSelects) {
  EXPECT_EQ(letters("?where=reason%20%3D%20%27rule_failed%27")["matched"], 2);
  EXPECT_EQ(
      letters("?where=%22offset%22%20%3E%3D%202%20AND%20%22partition%22%20%3D%200")["matched"], 1);
  EXPECT_EQ(letters("?where=value%20LIKE%20%27%25y%25%27")["matched"], 1);
  EXPECT_EQ(letters("?where=rule%20IS%20NULL")["matched"], 1);
  EXPECT_EQ(letters("?where=%22time%22%20%3E%20%272000-01-01%27%3A%3ATIMESTAMPTZ")["matched"], 3);
  Json wrong =
      ask("GET", "/api/v1/pipelines/users_store/dead-letters?where=reson%20%3D%201", nullptr, 400);
  EXPECT_NE(wrong["error"]["where"].get<std::string>().find("where, line 1"), std::string::npos)
      << wrong;
}

TEST_F(DeadLettersTest, RedriveMovesWhatItsLaneHasPassed) {
  const std::string path = "/api/v1/pipelines/users_store/dead-letters/redrive";
  Json plan = ask("POST", path, {{"dry_run", true}});
  EXPECT_EQ(plan["matched"], 3);
  EXPECT_EQ(plan["moved"], 2);
  EXPECT_EQ(plan["waiting"], 1);
  EXPECT_EQ(letters()["matched"], 3) << "a dry run changes nothing";
  Json done = ask("POST", path, {{"where", "rule = 'email_shape'"}});
  EXPECT_EQ(done["matched"], 2);
  EXPECT_EQ(done["moved"], 1);
  EXPECT_EQ(letters()["matched"], 2);
  auto retry = log_->topics().find("users.users_store.retry");
  ASSERT_TRUE(retry);
  EXPECT_EQ(retry->spec.partitions, 2);
  EXPECT_EQ(log_->topics().bounds(*retry, 0)->end, 1);
  // Again: what was moved is gone, what waits still waits.
  EXPECT_EQ(ask("POST", path, {{"where", "rule = 'email_shape'"}})["moved"], 0);
  EXPECT_EQ(log_->topics().bounds(*retry, 0)->end, 1);
}

TEST_F(DeadLettersTest, PurgeErasesOnlyWhatIsMeant) {
  const std::string path = "/api/v1/pipelines/users_store/dead-letters/purge";
  EXPECT_EQ(ask("POST", path, {{"dry_run", true}, {"where", "reason = 'malformed'"}})["purged"], 1);
  EXPECT_EQ(letters()["matched"], 3);
  EXPECT_EQ(ask("POST", path, {{"where", "reason = 'malformed'"}})["purged"], 1);
  EXPECT_EQ(letters()["matched"], 2);
  EXPECT_EQ(ask("POST", path)["purged"], 2);
  EXPECT_EQ(letters()["matched"], 0);
  backend_.services = nullptr;
  ask("POST", path, nullptr, 403);
  ask("POST", path, {{"dry_run", true}});
}

TEST_F(DeadLettersTest, APipelineWithoutLettersHasNone) {
  Json found = ask("GET", "/api/v1/pipelines/users_capture/dead-letters");
  EXPECT_EQ(found["matched"], 0);
  EXPECT_EQ(ask("POST", "/api/v1/pipelines/users_capture/dead-letters/purge")["purged"], 0);
}

}  // namespace
}  // namespace leat::server
