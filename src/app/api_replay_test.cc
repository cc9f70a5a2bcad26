#include "app/api_replay.h"

#include <gtest/gtest.h>

#include <set>

#include "app/api_record.h"
#include "codec/framing.h"
#include "components/source_http.h"
#include "config/yaml.h"
#include "io/file.h"
#include "net/content_coding.h"
#include "net/http_client.h"
#include "testing/manual_clock.h"
#include "testing/temp_dir.h"

namespace leat::app {
namespace {

constexpr const char* kUsers = "examples/users/api";

/// `pages` pages of `size` small records, with a frame as real APIs have it.
std::unique_ptr<Recording> small_recording(int pages, int size) {
  std::vector<RecordedPage> out;
  for (int p = 0; p < pages; ++p) {
    RecordedPage page;
    page.body = "{\"info\":{\"page\":" + std::to_string(p + 1) + "},\"data\":[";
    for (int i = 0; i < size; ++i)
      page.body += fmt::format("{}{{\"id\":\"u{}\"}}", i > 0 ? "," : "", p * size + i);
    page.body += "]}";
    page.headers.add("Content-Type", "application/json");
    out.push_back(std::move(page));
  }
  return Recording::from_pages(std::move(out), "/data");
}

net::HttpResponse get(ApiReplay& replay, std::string_view target, net::Headers headers = {}) {
  net::HttpClient client;
  net::HttpRequest request;
  request.url =
      *net::Url::parse(replay.url().substr(0, replay.url().size() - 1) + std::string(target));
  request.headers = std::move(headers);
  auto response = client.fetch(request);
  EXPECT_TRUE(response) << response.error().to_string();
  return response ? *response : net::HttpResponse{};
}

TEST(ReplayFaults, AreReadFromText) {
  auto faults = *parse_replay_faults(
      "429=0.05,500=0.02,truncate=0.01,reset=0.01,slow=0.02,duplicate=0.01,garbage=0.01");
  EXPECT_DOUBLE_EQ(faults.too_many, 0.05);
  EXPECT_DOUBLE_EQ(faults.garbage, 0.01);
  EXPECT_DOUBLE_EQ(parse_replay_faults("all=0.1")->reset, 0.1);
  EXPECT_DOUBLE_EQ(parse_replay_faults("")->sum(), 0);
  for (auto text : {"429", "429=2", "429=-1", "429=x", "all=0.2", "=0.1", "slow=nan"})
    EXPECT_FALSE(parse_replay_faults(text)) << text;
  auto slip = parse_replay_faults("trunkate=0.1");
  ASSERT_FALSE(slip);
  EXPECT_NE(slip.error().message().find("did you mean \"truncate\""), std::string::npos)
      << slip.error().message();
}

/// What a client sees of one kind of fault that comes every time.
std::set<std::string> seen_of(const std::string& kind) {
  ReplayOptions options;
  options.faults = *parse_replay_faults(kind + "=1");
  options.trickle_ms = 1;
  auto replay = *ApiReplay::start(small_recording(3, 100), options);
  std::set<std::string> seen;
  net::HttpClient client;
  net::HttpRequest request;
  request.url = *net::Url::parse(replay->url() + "?page=2");
  for (int i = 0; i < 60; ++i) {
    auto answer = client.fetch(request);
    if (!answer) {
      seen.insert(std::string(to_string(answer.error().code())));
    } else if (!answer->ok()) {
      const std::string retry(answer->headers.get("retry-after").value_or(""));
      seen.insert(fmt::format("{} {}", answer->status,
                              retry.empty()  ? ""
                              : retry == "1" ? "seconds"
                                             : "date"));
    } else {
      auto records = codec::find_records(answer->body, "/data");
      std::set<std::string_view> distinct;
      if (records) distinct.insert(records->begin(), records->end());
      seen.insert(!records                                  ? "no page"
                  : records->size() > distinct.size()       ? "twice in a page"
                  : records->front() != "{\"id\":\"u100\"}" ? "of the page before"
                                                            : "whole");
    }
  }
  return seen;
}

TEST(ReplayFaults, EachDoesWhatItSays) {
  using Seen = std::set<std::string>;
  EXPECT_EQ(seen_of("429"), (Seen{"429 ", "429 seconds", "429 date"}));
  EXPECT_EQ(seen_of("500"), (Seen{"500 ", "502 ", "503 "}));
  EXPECT_EQ(seen_of("truncate"), (Seen{"corrupt"}));
  EXPECT_EQ(seen_of("slow"), (Seen{"whole"}));
  EXPECT_EQ(seen_of("garbage"), (Seen{"no page"}));
  EXPECT_EQ(seen_of("duplicate"), (Seen{"of the page before", "twice in a page"}));
  for (const std::string& reset : seen_of("reset"))
    EXPECT_TRUE(reset == "unavailable" || reset == "corrupt") << reset;
}

TEST(ReplayFaults, FollowSeedAndNumberAlone) {
  auto faults = *parse_replay_faults("all=0.1");
  std::map<FaultKind, int> seen;
  int differ = 0;
  for (uint64_t n = 1; n <= 7000; ++n) {
    FaultKind kind = fault_of(faults, 7, n);
    EXPECT_EQ(kind, fault_of(faults, 7, n));
    differ += kind != fault_of(faults, 8, n);
    ++seen[kind];
  }
  EXPECT_GT(differ, 1000);
  EXPECT_EQ(seen.size(), 8u);
  for (auto [kind, count] : seen)
    EXPECT_NEAR(count, kind == FaultKind::kNone ? 2100 : 700, 120) << to_string(kind);
}

TEST(ApiReplay, ServesTheRecordedUsersByteForByte) {
  auto replay = *ApiReplay::start(kUsers, {});
  EXPECT_EQ(replay->recording().records().size(), 6000u);
  std::string original = *net::decode_body(
      *io::read_file(std::string(kUsers) + "/page-03.json.gz", 1 << 24), "gzip", 1 << 24);
  EXPECT_EQ(get(*replay, "/api/?page=3&results=500&seed=leat").body, original);
  EXPECT_EQ(get(*replay, "/api/?page=3").body, original)
      << "the recorded size unless another is asked for";
  EXPECT_EQ(get(*replay, "/api/?results=500&page=3", {{"Accept-Encoding", "identity"}}).body,
            original);
}

TEST(ApiReplay, AnyPageSizeGivesTheSameRecords) {
  auto replay = *ApiReplay::start(small_recording(3, 10), {});
  std::vector<std::string> whole(replay->recording().records().begin(),
                                 replay->recording().records().end());
  for (int size : {1, 3, 7, 10, 15, 30, 100}) {
    for (std::string way : {"page", "offset", "cursor"}) {
      std::vector<std::string> got;
      for (int at = 0; at < 40; ++at) {
        std::string target = way == "page" ? fmt::format("/x?page={}&results={}", at + 1, size)
                             : way == "offset"
                                 ? fmt::format("/x?offset={}&limit={}", at * size, size)
                                 : fmt::format("/x?cursor=o{}&limit={}", at * size, size);
        const net::HttpResponse response = get(*replay, target);
        auto records = codec::find_records(response.body, "/data");
        ASSERT_TRUE(records);
        if (records->empty()) break;
        got.insert(got.end(), records->begin(), records->end());
      }
      EXPECT_EQ(got, whole) << way << " " << size;
    }
  }
  EXPECT_EQ(*codec::find_value(get(*replay, "/x?page=2&results=7").body, "/info/page"), "2");
}

TEST(ApiReplay, PointsToTheNextPage) {
  ReplayOptions options;
  options.navigation = true;
  auto replay = *ApiReplay::start(small_recording(2, 10), options);
  auto first = get(*replay, "/x?limit=15");
  EXPECT_EQ(*codec::find_value(first.body, "/next_cursor"), "o15");
  EXPECT_EQ(*codec::find_value(first.body, "/total"), "20");
  EXPECT_EQ(*codec::find_value(first.body, "/next"), replay->url() + "x?limit=15&cursor=o15");
  EXPECT_EQ(first.headers.get("Link"),
            "<" + replay->url() + "x?limit=15&cursor=o15>; rel=\"next\"");
  auto last = get(*replay, "/x?limit=15&cursor=o15");
  EXPECT_EQ(*codec::find_value(last.body, "/next"), std::nullopt);
  EXPECT_FALSE(last.headers.has("Link"));
}

TEST(ApiReplay, KnowsUnchangedAnswers) {
  auto replay = *ApiReplay::start(small_recording(1, 2), {});
  auto first = get(*replay, "/x");
  auto again = get(*replay, "/x", {{"If-None-Match", std::string(*first.headers.get("ETag"))}});
  EXPECT_EQ(again.status, 304);
  EXPECT_EQ(again.body, "");
}

TEST(ApiReplay, ARecordingIsNotForPagesOfOtherHosts) {
  auto replay = *ApiReplay::start(small_recording(1, 2), {});
  EXPECT_EQ(get(*replay, "/x", {{"Host", "rebound.example"}}).status, 421);
}

TEST(Recording, SaysWhatIsWrongWithAFolder) {
  testing::TempDir dir;
  EXPECT_FALSE(Recording::load(dir.path()));
  auto load_index = [&](std::string text) {
    EXPECT_TRUE(io::write_file_atomic(dir.path() + "/index.json", text));
    return Recording::load(dir.path());
  };
  EXPECT_TRUE(io::write_file_atomic(dir.path() + "/page-01.json", "{\"a\":[{\"b\":1}]}"));
  EXPECT_EQ((*Recording::load(dir.path()))->records().size(), 1u) << "no index needed";
  for (auto text :
       {"", "[]", "{\"format\":\"x\"}", "{\"format\":2,\"pages\":[]}",
        "{\"format\":1,\"pages\":[{}]}", "{\"format\":1,\"pages\":[{\"file\":\"../secret\"}]}",
        "{\"format\":1,\"records\":\"/~2\",\"pages\":[]}",
        "{\"format\":1,\"pages\":[{\"file\":\"page-99.json\"}]}", "{\"format\":1,\"pages\":[7]}"})
    EXPECT_FALSE(load_index(text)) << text;
  EXPECT_TRUE(load_index("{\"format\":1,\"pages\":[{\"file\":\"page-01.json\"}]}"));
}

TEST(Recording, GuessesWhereTheRecordsAre) {
  EXPECT_EQ(guess_records_pointer("[1]"), "");
  EXPECT_EQ(guess_records_pointer(
                R"({"tags":["a","b","c"],"data":{"items":[{"a":1},{"a":2}],"few":[{"x":1}]}})"),
            "/data/items");
  EXPECT_EQ(guess_records_pointer(R"({"a":1})"), std::nullopt);
  EXPECT_EQ(guess_records_pointer("<html>"), std::nullopt);
}

TEST(ApiRecord, WhatWasRecordedIsServedAlike) {
  for (std::string way : {"page:page", "offset:offset:10", "cursor:cursor:/next_cursor",
                          "next_url:/next", "link_header"}) {
    SCOPED_TRACE(way);
    testing::TempDir dir;
    ReplayOptions options;
    options.navigation = true;
    auto source = *ApiReplay::start(small_recording(3, 10), options);
    ApiRecordOptions record;
    record.url = source->url() + "v1/users?api_key=hunter2";
    record.directory = dir.path() + "/api";
    record.pagination = *parse_pagination(way);
    record.records = "/data";
    auto summary = api_record(record, {});
    ASSERT_TRUE(summary) << summary.error().to_string();
    EXPECT_EQ(summary->records, 30);
    EXPECT_EQ(io::read_file(record.directory + "/index.json", 1 << 20)->find("hunter2"),
              std::string::npos);
    EXPECT_FALSE(api_record(record, {})) << "a recording is not overwritten";

    auto replay = *ApiReplay::start(record.directory, {});
    std::string target =
        "/v1/users?api_key=other" + std::string(way.starts_with("page")     ? "&page=2"
                                                : way.starts_with("offset") ? "&offset=10&limit=10"
                                                                            : "");
    auto original = get(*source, target), served = get(*replay, target);
    std::string expected = original.body;
    for (size_t at; (at = expected.find(source->url())) != std::string::npos;)
      expected.replace(at, source->url().size(), replay->url());
    // The key is not on record, so links that carried it in the original query carry none.
    EXPECT_EQ(*codec::find_records(served.body, "/data"),
              *codec::find_records(original.body, "/data"));
    EXPECT_EQ(get(*replay, "/elsewhere").status, 404);
  }
}

TEST(ApiRecord, PaginationIsReadFromText) {
  for (auto text : {"none", "page", "page:p", "offset", "offset:skip:50", "cursor:c:/a/b",
                    "next_url:/a:b", "link_header"})
    EXPECT_TRUE(parse_pagination(text)) << text;
  for (auto text :
       {"", "pages", "page:a:b", "offset:a:x", "cursor:c", "cursor:c:a", "next_url", "none:x"})
    EXPECT_FALSE(parse_pagination(text)) << text;
}

/// What a source delivers of a replayed API, as the runtime would drive it.
struct Delivered {
  std::multiset<std::string> ids;
  int errors = 0, crashes = 0;
  bool ended = false;
};

/// `restart_every`: the source is made anew from its last cursor after so many pages, as after a
/// crash.
Delivered deliver(ApiReplay& replay, const std::string& yaml, int restart_every = 0) {
  Delivered out;
  testing::ManualClock clock;
  stream::Registry registry;
  components::register_source_http(registry);
  config::Diagnostics diagnostics;
  auto node = config::parse_yaml("url: " + replay.url() + "\n" + yaml, "test.yaml", diagnostics);
  EXPECT_TRUE(node);
  stream::SourceContext context;
  context.pipeline = "p";
  context.clock = &clock;
  std::string cursor;
  std::unique_ptr<stream::Source> source;
  auto make = [&] {
    auto made = registry.source("http")->make(*node, context);
    EXPECT_TRUE(made) << made.error().to_string();
    source = std::move(*made);
    EXPECT_TRUE(source->open(cursor));
  };
  make();
  for (int step = 1; step < 2000; ++step) {
    auto page = source->read({});
    if (!page) {
      ++out.errors;
      EXPECT_EQ(page.error().retry(), Retry::kBackoff) << page.error().to_string();
      clock.advance_ms(1000);
      continue;
    }
    if (restart_every > 0 && step % restart_every == 0) {
      ++out.crashes;  // read, but not committed: comes again
      make();
      continue;
    }
    out.ids.insert(page->ids.begin(), page->ids.end());
    cursor = page->cursor;
    if (page->exhausted) {
      out.ended = true;
      break;
    }
  }
  return out;
}

TEST(SourceHttpUnderFaults, EveryRecordArrivesAndEveryPassEnds) {
  const std::string kWays[] = {
      "pagination: {page: {param: page}}\nparams: {results: 7}",
      "pagination: {offset: {limit: 7}}",
      "pagination: {cursor: {param: cursor, pointer: /next_cursor}}\nparams: {limit: 7}",
      "pagination: {next_url: {pointer: /next}}\nparams: {limit: 7}",
      "pagination: link_header\nparams: {limit: 7}",
  };
  ReplayOptions options;
  options.faults = *parse_replay_faults("all=0.08");
  options.navigation = true;
  options.trickle_ms = 1;
  std::set<std::string> expected;
  for (int i = 0; i < 60; ++i) expected.insert(fmt::format("u{}", i));
  uint64_t faults = 0;
  for (uint64_t seed = 1; seed <= 6; ++seed) {
    for (const auto& way : kWays) {
      SCOPED_TRACE(fmt::format("seed {} {}", seed, way));
      options.seed = seed;
      auto replay = *ApiReplay::start(small_recording(6, 10), options);
      auto delivered = deliver(*replay, "records: /data\nid: /id\n" + way, seed % 2 == 0 ? 3 : 0);
      EXPECT_TRUE(delivered.ended);
      EXPECT_EQ(std::set<std::string>(delivered.ids.begin(), delivered.ids.end()), expected);
      for (auto kind :
           {FaultKind::kTooMany, FaultKind::kFailure, FaultKind::kTruncate, FaultKind::kReset,
            FaultKind::kSlow, FaultKind::kDuplicate, FaultKind::kGarbage})
        faults += replay->happened(kind);
    }
  }
  EXPECT_GT(faults, 150u) << "the faults were real";
}

TEST(SourceHttpUnderFaults, TheReferenceRecordingArrivesWhole) {
  ReplayOptions options;
  options.faults = *parse_replay_faults(
      "429=0.05,500=0.05,truncate=0.05,reset=0.05,slow=0.02,duplicate=0.1,garbage=0.05");
  options.trickle_ms = 1;
  for (uint64_t seed : {1, 2}) {
    options.seed = seed;
    auto replay = *ApiReplay::start(kUsers, options);
    auto delivered = deliver(*replay,
                             "records: /results\nid: /login/uuid\nparams: {results: 500, seed: "
                             "leat}\npagination: {page: {to: 12}}");
    EXPECT_TRUE(delivered.ended);
    EXPECT_EQ(std::set<std::string>(delivered.ids.begin(), delivered.ids.end()).size(), 6000u);
  }
}

}  // namespace
}  // namespace leat::app
