// Topics and their records through the router.
#include <gtest/gtest.h>

#include "server/fixture.h"

namespace leat::server {
namespace {

using TopicsTest = ApiTest;

TEST_F(TopicsTest, CreateShowListDelete) {
  Json made =
      ask("POST", "/api/v1/topics", {{"topic", "orders"}, {"partitions", 3}, {"retention", "2d"}});
  EXPECT_EQ(made["partitions"], 3);
  EXPECT_EQ(made["retention"], "2d");
  EXPECT_EQ(made["bounds"].size(), 3u);
  ask("POST", "/api/v1/topics", {{"topic", "orders"}}, 409);
  append(topic("orders", 3), 1, {"1", "2"});
  Json all = ask("GET", "/api/v1/topics");
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0]["records"], 2);
  Json gone = ask("DELETE", "/api/v1/topics/orders");
  EXPECT_EQ(gone["records"], 2);
  ask("GET", "/api/v1/topics/orders", nullptr, 404);
  ask("DELETE", "/api/v1/topics/orders", nullptr, 404);
}

TEST_F(TopicsTest, CreateRefusesWhatIsWrong) {
  ask("POST", "/api/v1/topics", {{"topic", "a b"}}, 400);
  ask("POST", "/api/v1/topics", {{"topic", ".."}}, 400);
  ask("POST", "/api/v1/topics", {{"topic", "a"}, {"partitions", 0}}, 400);
  ask("POST", "/api/v1/topics", {{"topic", "a"}, {"partitions", 1'000'000}}, 400);
  ask("POST", "/api/v1/topics", {{"topic", "a"}, {"retention", "soon"}}, 400);
  Json kept = ask("POST", "/api/v1/topics", {{"topic", "a"}, {"retention", "forever"}});
  EXPECT_EQ(kept["retention"], "forever");
  stream::TopicSpec declared;
  declared.name = "declared";
  declared.partitions = 4;
  plan_.topics["declared"] = declared;
  ask("POST", "/api/v1/topics", {{"topic", "declared"}, {"partitions", 2}}, 400);
  EXPECT_EQ(ask("POST", "/api/v1/topics", {{"topic", "declared"}})["partitions"], 4);
}

TEST_F(TopicsTest, ShowNamesWritersAndReaders) {
  topic("users_created");
  Json shown = ask("GET", "/api/v1/topics/users_created");
  EXPECT_EQ(shown["written_by"], Json::array({"users_capture"}));
  EXPECT_EQ(shown["read_by"], Json::array({"users_store"}));
}

TEST_F(TopicsTest, ReadOnlyRefusesChanges) {
  topic("orders");
  backend_.services = nullptr;
  ask("POST", "/api/v1/topics", {{"topic", "more"}}, 403);
  ask("DELETE", "/api/v1/topics/orders", nullptr, 403);
  EXPECT_EQ(ask("GET", "/api/v1/topics").size(), 1u);
  backend_.log = nullptr;
  EXPECT_EQ(ask("GET", "/api/v1/topics").size(), 0u);
  ask("GET", "/api/v1/topics/orders", nullptr, 404);
}

TEST_F(TopicsTest, RecordsComeAsLines) {
  auto info = topic("t");
  append(info, 0, {"{\"a\":1.10}", "text", "\xff"}, "k");
  std::vector<std::string> all = lines("/api/v1/topics/t/records");
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(
      all[0],
      "{\"topic\":\"t\",\"partition\":0,\"offset\":0,\"timestamp\":\"2026-01-01T00:00:00.000Z\","
      "\"key_text\":\"k\",\"value\":{\"a\":1.10}}");
  EXPECT_EQ(Json::parse(all[1])["value_text"], "text");
  EXPECT_EQ(Json::parse(all[2])["value_base64"], "/w==");
}

TEST_F(TopicsTest, PlacesAndLimits) {
  auto info = topic("t", 2);
  append(info, 0, {"0", "1", "2", "3", "4"});
  clock_.advance_ms(60'000);
  append(info, 1, {"10", "11", "12"});
  auto values = [&](const std::string& query) {
    std::vector<int> out;
    for (const std::string& line : lines("/api/v1/topics/t/records" + query))
      out.push_back(Json::parse(line)["value"]);
    return out;
  };
  using V = std::vector<int>;
  EXPECT_EQ(values(""), (V{0, 1, 2, 3, 4, 10, 11, 12}));
  EXPECT_EQ(values("?from=end"), V{});
  EXPECT_EQ(values("?from=3"), (V{3, 4}));
  EXPECT_EQ(values("?from=-1"), (V{4, 12}));
  EXPECT_EQ(values("?from=-100"), (V{0, 1, 2, 3, 4, 10, 11, 12}));
  EXPECT_EQ(values("?from=1:2"), V{12});
  EXPECT_EQ(values("?from=0:4,1:1"), (V{4, 11, 12}));
  EXPECT_EQ(values("?from=2026-01-01T00:00:30Z"), (V{10, 11, 12}));
  EXPECT_EQ(values("?from=2027-01-01"), V{});
  EXPECT_EQ(values("?partition=1&limit=2"), (V{10, 11}));
  EXPECT_EQ(values("?limit=6"), (V{0, 1, 2, 3, 4, 10}));
  for (const char* wrong : {"?from=yesterday", "?from=7:1", "?from=0:1,0:2", "?from=0:-1",
                            "?partition=2", "?limit=0", "?from=99999999999999999999", "?from="}) {
    ask("GET", std::string("/api/v1/topics/t/records") + wrong, nullptr, 400);
  }
  ask("GET", "/api/v1/topics/t/records?follow=true", nullptr, 503);
}

TEST_F(TopicsTest, WhereFilters) {
  auto info = topic("t");
  append(
      info, 0,
      {R"({"n":1,"name":"a"})", R"({"n":2,"name":"b"})", R"(not json)", R"({"n":3,"name":"b"})"});
  auto all = lines("/api/v1/topics/t/records?where=name%20%3D%20%27b%27%20AND%20n%20%3E%202");
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(Json::parse(all[0])["offset"], 3);
  EXPECT_EQ(lines("/api/v1/topics/t/records?where=_offset%20%3C%202").size(), 2u);
  EXPECT_EQ(lines("/api/v1/topics/t/records?where=n%20%3E%201%20--%20why&limit=1").size(), 1u);
  Json wrong = ask("GET", "/api/v1/topics/t/records?where=nam%20%3D%201", nullptr, 400);
  EXPECT_NE(wrong["error"]["message"].get<std::string>().find("nam"), std::string::npos) << wrong;
  // The condition is no way out of the engine.
  for (const char* attack :
       {"n%3D1)%3B%20DROP%20TABLE%20x%3B--",
        "n%20%3D%20(SELECT%20count(*)%20FROM%20read_text('%2Fetc%2Fpasswd'))"}) {
    ask("GET", std::string("/api/v1/topics/t/records?where=") + attack, nullptr, 400);
  }
}

}  // namespace
}  // namespace leat::server
