#include "components/source_http.h"

#include <gtest/gtest.h>

#include "base/strings.h"
#include "components/source_http_pages.h"
#include "config/yaml.h"
#include "net/content_coding.h"
#include "testing/manual_clock.h"
#include "testing/raw_server.h"

namespace leat::components {
namespace {

using leat::testing::http_answer;
using leat::testing::RawServer;
using Then = RawServer::Answer::Then;
using Answer = RawServer::Answer;

/// "GET /path?query" of a request.
std::string line_of(const std::string& request) {
  return request.substr(0, request.find(" HTTP/1.1"));
}
std::string param_of(const std::string& request, std::string_view name) {
  auto url = net::Url::parse("http://h" + line_of(request).substr(line_of(request).find(' ') + 1));
  for (const auto& [key, value] : net::parse_query(url ? url->query : ""))
    if (key == name) return value;
  return "";
}
bool has(const std::string& request, std::string_view header) {
  return request.find(header) != std::string::npos;
}

class SourceHttpTest : public ::testing::Test {
 protected:
  void serve(RawServer::Script script) {
    server_ = std::make_unique<RawServer>([script = std::move(script)](const std::string& request,
                                                                       int number) {
      auto answer = script(request, number);
      if (answer.then == Then::kClose && answer.bytes.find("Content-Length") != std::string::npos)
        answer.then = Then::kNext;
      return answer;
    });
  }
  /// A source of `yaml`, whose URL is the server's.
  Result<std::unique_ptr<stream::Source>> make(const std::string& yaml,
                                               std::string_view cursor = {}) {
    stream::Registry registry;
    register_source_http(registry);
    config::Diagnostics diagnostics;
    auto node =
        config::parse_yaml("url: " + server_->url("/api") + "\n" + yaml, "test.yaml", diagnostics);
    if (!node) return diagnostics.to_error();
    stream::SourceContext context;
    context.project = "p", context.pipeline = "users";
    context.clock = &clock_;
    context.metrics = &metrics_;
    context.skip_page = skip_page_;
    ASSIGN(auto source, registry.source("http")->make(*node, context));
    TRY(source->open(cursor));
    return source;
  }
  /// Reads until the pass is over; errors that may pass are tried again, `most` times.
  std::vector<std::string> drain(stream::Source& source, int most = 50) {
    std::vector<std::string> records;
    while (most-- > 0) {
      auto page = source.read({});
      if (!page) {
        errors_.push_back(page.error().to_string());
        if (page.error().retry() != Retry::kBackoff) return records;
        clock_.advance_ms(1000);
        continue;
      }
      for (const auto& record : page->records) records.emplace_back(*record.value);
      for (auto& id : page->ids) ids_.push_back(id);
      last_ = std::move(*page);
      cursors_.push_back(last_.cursor);
      if (last_.exhausted) return records;
    }
    ADD_FAILURE() << "the source did not end: " << (errors_.empty() ? "" : errors_.back());
    return records;
  }
  std::vector<std::string> run(const std::string& yaml) {
    auto source = make(yaml);
    EXPECT_TRUE(source) << source.error().to_string();
    return source ? drain(**source) : std::vector<std::string>{};
  }

  leat::testing::ManualClock clock_;
  metrics::Registry metrics_;
  bool skip_page_ = false;
  std::unique_ptr<RawServer> server_;
  std::vector<std::string> errors_, ids_, cursors_;
  stream::SourcePage last_;
};

using Records = std::vector<std::string>;

/// Ten records, `size` from `from` on.
std::string ten(int64_t from, int64_t size, std::string_view more = "") {
  std::string out = "{\"data\":[";
  for (int64_t i = from; i < std::min<int64_t>(from + size, 10); ++i)
    out += fmt::format("{}{{\"id\":{}}}", i > from ? "," : "", i);
  return out + "]" + std::string(more) + "}";
}
Records all_ten() {
  Records out;
  for (int i = 0; i < 10; ++i) out.push_back(fmt::format("{{\"id\":{}}}", i));
  return out;
}

TEST_F(SourceHttpTest, OneRequestWithoutPagination) {
  serve([](const std::string&, int) { return Answer{http_answer("[{\"a\":1}, {\"a\":2}]")}; });
  EXPECT_EQ(run("params: {results: 500, seed: leat}"), (Records{"{\"a\":1}", "{\"a\":2}"}));
  EXPECT_EQ(line_of(server_->requests().at(0)), "GET /api?results=500&seed=leat");
  auto source = make("", last_.cursor);
  EXPECT_TRUE(drain(**source).empty()) << "a bounded source that has ended stays so";
  EXPECT_EQ(server_->requests().size(), 1u);
}

TEST_F(SourceHttpTest, PagesByNumber) {
  serve([](const std::string& request, int) {
    return Answer{http_answer(ten((std::stoi(param_of(request, "p")) - 1) * 4, 4))};
  });
  EXPECT_EQ(run("records: /data\npagination: {page: {param: p, from: 1, to: 3}}"), all_ten());
  EXPECT_EQ(server_->requests().size(), 3u);
  EXPECT_EQ(run("records: /data\npagination: {page: {param: p}}"), all_ten());
  EXPECT_EQ(server_->requests().size(), 3u + 4) << "without `to` the first empty page ends it";
}

TEST_F(SourceHttpTest, PagesByOffset) {
  serve([](const std::string& request, int) {
    return Answer{
        http_answer(ten(std::stoi(param_of(request, "skip")),
                        std::min(3, std::stoi(param_of(request, "limit"))), ",\"total\":10"))};
  });
  EXPECT_EQ(run("records: /data\npagination: {offset: {param: skip, limit: 3}}"), all_ten());
  size_t first = server_->requests().size();
  EXPECT_EQ(first, 5u);
  EXPECT_EQ(run("records: /data\npagination: {offset: {param: skip, limit: 3, total: /total}}"),
            all_ten());
  EXPECT_EQ(server_->requests().size(), first + 4);
  EXPECT_EQ(run("records: /data\npagination: {offset: {param: skip, limit: 100}}"), all_ten())
      << "the API's own cap is smaller";
  EXPECT_EQ(run("records: /data\npagination: {offset: {param: skip, limit: 3, to: 7}}").size(), 7u);
}

TEST_F(SourceHttpTest, PagesByCursorInTheBody) {
  serve([](const std::string& request, int) {
    auto token = param_of(request, "after");
    int from = token.empty() ? 0 : std::stoi(token.substr(1));
    return Answer{http_answer(ten(from, 4,
                                  from < 8 ? fmt::format(",\"page\":{{\"next\":\"t{}\"}}", from + 4)
                                           : ",\"page\":{\"next\":null}"))};
  });
  EXPECT_EQ(run("records: /data\npagination: {cursor: {param: after, pointer: /page/next}}"),
            all_ten());
}

TEST_F(SourceHttpTest, PagesByUrlInTheBodyAndInTheHeader) {
  serve([](const std::string& request, int) {
    auto at = param_of(request, "at");
    int from = at.empty() ? 0 : std::stoi(at);
    std::string next = from < 8 ? fmt::format("/api?at={}&x=%2C", from + 4) : "";
    return Answer{http_answer(ten(from, 4, next.empty() ? "" : ",\"next\":\"" + next + "\""),
                              next.empty() ? "Link: </api>; rel=\"first\"\r\n"
                                           : "Link: </first>; rel=first, <" + next +
                                                 ">; title=\"a, b\"; rel=\"last next\"\r\n")};
  });
  EXPECT_EQ(run("records: /data\npagination: {next_url: {pointer: /next}}"), all_ten());
  EXPECT_EQ(run("records: /data\npagination: link_header"), all_ten());
  EXPECT_EQ(line_of(server_->requests().at(1)), "GET /api?at=4&x=%2C")
      << "the server's bytes stay as they are";
}

TEST_F(SourceHttpTest, ACrashGoesOnAtTheFirstPageThatWasNotCommitted) {
  serve([](const std::string& request, int) {
    return Answer{http_answer(ten((std::stoi(param_of(request, "page")) - 1) * 4, 4))};
  });
  const std::string yaml = "records: /data\npagination: page";
  run(yaml);
  for (size_t committed = 0; committed + 1 < cursors_.size(); ++committed) {
    std::string cursor = cursors_[committed];
    auto source = make(yaml, cursor);
    auto saved = cursors_;
    EXPECT_EQ(drain(**source).size(), 10 - std::min<size_t>(10, (committed + 1) * 4)) << cursor;
    cursors_ = saved;
  }
  EXPECT_FALSE(make("pagination: link_header", cursors_[0]))
      << "another pagination does not take the cursor";
  EXPECT_FALSE(make(yaml, "rubbish"));
}

TEST_F(SourceHttpTest, IdsAreTakenFromOneOrSeveralPointers) {
  serve([](const std::string&, int) {
    return Answer{http_answer(R"([{"a":{"b":"x"},"n":1},{"a":{"b":"y"}},{"n":2}])")};
  });
  run("id: /a/b");
  EXPECT_EQ(ids_, (Records{"x", "y", ""}));
  ids_.clear();
  run("id: [/a/b, /n]");
  EXPECT_EQ(ids_, (Records{"x\x1f"
                           "1",
                           "", ""}));
}

TEST_F(SourceHttpTest, PollsAgainAndAgain) {
  serve([](const std::string&, int number) {
    return Answer{http_answer(fmt::format("[{{\"id\":{}}}]", number))};
  });
  auto source = *make("every: 10s\nid: /id");
  EXPECT_FALSE(source->bounded());
  for (int pass = 1; pass <= 3; ++pass) {
    EXPECT_EQ(drain(*source), Records{fmt::format("{{\"id\":{}}}", pass)});
    EXPECT_EQ(last_.next_poll_ms, 10'000);
  }
}

TEST_F(SourceHttpTest, EveryNeedsAnIdOrAMark) {
  serve([](const std::string&, int) { return Answer{http_answer("[]")}; });
  auto source = make("every: 10s");
  ASSERT_FALSE(source);
  EXPECT_NE(source.error().to_string().find("id"), std::string::npos);
}

TEST_F(SourceHttpTest, TheHighMarkMovesAtTheEndOfAPass) {
  serve([](const std::string& request, int number) {
    if (param_of(request, "page") == "2" && number == 2)
      return Answer{http_answer("", "", "500 X")};
    if (param_of(request, "page") == "1")
      return Answer{http_answer(R"([{"t":"2026-03-01T12:00:00Z"},{"t":"2026-01-01T00:00:00Z"}])")};
    if (param_of(request, "page") == "2")
      return Answer{http_answer(R"([{"t":"2026-02-01T00:00:00Z"}])")};
    return Answer{http_answer("[]")};
  });
  auto source =
      *make("every: 1s\npagination: page\nincremental: {field: /t, param: since, overlap: 5m}");
  drain(*source);
  drain(*source);
  auto requests = server_->requests();
  for (size_t i = 0; i < 4; ++i)
    EXPECT_EQ(param_of(requests.at(i), "since"), "") << "not before the first pass has ended";
  EXPECT_EQ(param_of(requests.at(4), "since"), "2026-03-01T11:55:00.000000Z");
}

TEST(SourceHttpMarks, CompareAndGoBack) {
  EXPECT_TRUE(http::is_newer("10", "9"));
  EXPECT_TRUE(http::is_newer("2026-02-01", "2026-01-31"));
  EXPECT_FALSE(http::is_newer("", ""));
  EXPECT_EQ(*http::with_overlap("1000", "60"), "940");
  EXPECT_EQ(*http::with_overlap("abc", ""), "abc");
  EXPECT_EQ(*http::with_overlap("2026-03-01T00:00:10+01:00", "1s"), "2026-02-28T23:00:09.000000Z");
  for (auto [mark, overlap] : std::vector<std::pair<std::string, std::string>>{
           {"1000", "5m"}, {"2026-03-01T00:00:00Z", "5"}, {"abc", "5m"}})
    EXPECT_FALSE(http::with_overlap(mark, overlap)) << mark;
  EXPECT_TRUE(http::with_overlap("nan", "5").has_value() == false);
}

TEST_F(SourceHttpTest, AnUnchangedAnswerIsNotSentTwice) {
  serve([](const std::string& request, int) {
    if (has(request, "If-None-Match: \"v1\""))
      return Answer{"HTTP/1.1 304 Not Modified\r\nContent-Length: 0\r\n\r\n"};
    return Answer{http_answer("[{\"id\":1}]", "ETag: \"v1\"\r\n")};
  });
  auto source = *make("every: 1s\nid: /id");
  EXPECT_EQ(drain(*source).size(), 1u);
  EXPECT_EQ(drain(*source).size(), 0u);
  EXPECT_EQ(drain(*source).size(), 0u);
  auto again = *make("every: 1s\nid: /id", last_.cursor);
  EXPECT_EQ(drain(*again).size(), 0u) << "the validator is part of the cursor";
}

TEST_F(SourceHttpTest, AnUnchangedFirstPageOfSeveralProvesNothing) {
  serve([](const std::string& request, int) {
    EXPECT_FALSE(has(request, "If-None-Match"));
    bool first = param_of(request, "page") == "1";
    return Answer{http_answer(first ? "[{\"id\":1}]" : "[]", first ? "ETag: \"v1\"\r\n" : "")};
  });
  auto source = *make("every: 1s\nid: /id\npagination: page");
  drain(*source);
  EXPECT_EQ(drain(*source).size(), 1u);
}

TEST_F(SourceHttpTest, RetryAfterIsWaitedFor) {
  serve([](const std::string&, int number) {
    return number == 1 ? Answer{http_answer("", "Retry-After: 7\r\n", "429 X")}
                       : Answer{http_answer("[1]")};
  });
  auto source = *make("");
  auto first = source->read({});
  ASSERT_FALSE(first);
  EXPECT_EQ(first.error().retry(), Retry::kBackoff);
  clock_.advance_ms(2000);
  EXPECT_TRUE(source->read({}));
  EXPECT_EQ(clock_.slept_ms(), 5000) << "what was left of the seven seconds";
}

TEST_F(SourceHttpTest, TheRateIsKept) {
  serve([](const std::string& request, int) {
    return Answer{http_answer(ten((std::stoi(param_of(request, "page")) - 1), 1))};
  });
  run("records: /data\npagination: page\nrate_limit: {rate: 2/s, burst: 3}");
  EXPECT_EQ(server_->requests().size(), 11u);
  EXPECT_NEAR(static_cast<double>(clock_.slept_ms()), 4000, 10);
}

TEST_F(SourceHttpTest, AnApiThatFailsAllTheTimeIsLeftAlone) {
  serve([](const std::string&, int number) {
    return number <= 3 ? Answer{http_answer("", "", "500 X")} : Answer{http_answer("[1]")};
  });
  auto source = *make("breaker_failures: 3\nbreaker_open: 60s");
  for (int i = 0; i < 20; ++i) EXPECT_FALSE(source->read({}));
  EXPECT_EQ(server_->requests().size(), 3u);
  clock_.advance_ms(60'000);
  EXPECT_TRUE(source->read({}));
}

TEST_F(SourceHttpTest, AnUndecodablePageIsRetriedWithAnAlarmAndNeverSkipped) {
  std::string whole = http_answer("{\"data\":[{\"id\":1}]}");
  std::string zipped = net::gzip("{\"data\":[{\"id\":1}]}", 6);
  for (const auto& bad : std::vector<std::string>{
           http_answer("<html>sorry</html>", "Content-Type: text/html\r\n"),
           http_answer("{\"data\":[{\"id\":1},"), http_answer(""),
           http_answer("{\"error\":\"Uh oh\"}"), http_answer("{\"data\":7}"),
           whole.substr(0, whole.size() - 3),
           http_answer(zipped.substr(0, zipped.size() - 4), "Content-Encoding: gzip\r\n"),
           http_answer("\xff\xfe garbage")}) {
    SCOPED_TRACE(bad);
    serve([&](const std::string& request, int number) {
      bool truncated =
          !bad.ends_with("}") && number <= 4 && bad.find("Content-Length: 19") != std::string::npos;
      if (param_of(request, "page") == "2") return Answer{http_answer("{\"data\":[]}")};
      return number <= 4 ? Answer{bad, truncated ? Then::kReset : Then::kClose} : Answer{whole};
    });
    auto source =
        *make("records: /data\npagination: page\nauth: {api_key: {query: api_key, key: hunter2}}");
    for (int i = 1; i <= 4; ++i) {
      auto page = source->read({});
      ASSERT_FALSE(page);
      EXPECT_EQ(page.error().retry(), Retry::kBackoff);
      std::string text = page.error().to_string();
      EXPECT_NE(text.find("page=1"), std::string::npos) << text;
      EXPECT_EQ(text.find("hunter2"), std::string::npos) << text;
      if (page.error().code() != ErrorCode::kCorrupt) continue;  // a reset: nobody's page
      EXPECT_EQ(text.find("ALARM") != std::string::npos, i >= 3) << text;
      EXPECT_EQ(text.find("--skip-page users") != std::string::npos, i >= 3) << text;
    }
    EXPECT_EQ(drain(*source), Records{"{\"id\":1}"});
  }
}

TEST_F(SourceHttpTest, ThePageIsSteppedOverWhenToldSo) {
  serve([](const std::string& request, int) {
    int page = std::stoi(param_of(request, "page"));
    return Answer{page == 2 || page == 4 ? http_answer("rubbish")
                                         : http_answer(ten((page - 1) * 2, 2))};
  });
  skip_page_ = true;
  auto source = *make("records: /data\npagination: {page: {to: 5}}");
  EXPECT_TRUE(source->read({}));
  EXPECT_TRUE(source->read({})) << "page 2, stepped over";
  EXPECT_TRUE(source->read({}));
  EXPECT_FALSE(source->read({})) << "one page only";
}

TEST_F(SourceHttpTest, AnApiThatIgnoresThePageIsNoticed) {
  serve([](const std::string&, int) { return Answer{http_answer("[1,2,3]")}; });
  auto source = *make("pagination: page");
  EXPECT_TRUE(source->read({}));
  auto again = source->read({});
  ASSERT_FALSE(again);
  EXPECT_NE(again.error().message().find("query parameter `page`"), std::string::npos);
}

TEST_F(SourceHttpTest, ATokenThatNamesItselfIsNoticed) {
  serve([](const std::string&, int number) {
    return Answer{http_answer(fmt::format("{{\"data\":[{}],\"next\":\"same\"}}", number))};
  });
  auto source = *make("records: /data\npagination: {cursor: {param: c, pointer: /next}}");
  EXPECT_TRUE(source->read({}));
  EXPECT_FALSE(source->read({}));
}

TEST_F(SourceHttpTest, ACircleOfTokensIsNoticedAfterTwoRounds) {
  serve([](const std::string& request, int) {
    const std::string at = param_of(request, "c");
    const char* next = at.empty() ? "a" : at == "a" ? "b" : at == "b" ? "c" : "a";
    return Answer{http_answer(fmt::format("{{\"data\":[1],\"next\":\"{}\"}}", next))};
  });
  const std::string yaml = "records: /data\npagination: {cursor: {param: c, pointer: /next}}";
  std::string cursor;
  int pages = 0;
  for (; pages < 12; ++pages) {
    auto source = *make(yaml, cursor);  // the circle is noticed over restarts, too
    auto page = source->read({});
    if (!page) {
      EXPECT_NE(page.error().message().find("read before in this pass"), std::string::npos);
      break;
    }
    cursor = page->cursor;
  }
  EXPECT_LE(pages, 8);
}

TEST_F(SourceHttpTest, PartsOfAnIdDoNotRunIntoEachOther) {
  serve([](const std::string&, int) {
    return Answer{
        http_answer(R"([{"a":"x\u001f","b":"y"},{"a":"x","b":"\u001fy"},{"a":"x","b":"y"}])")};
  });
  run("id: [/a, /b]");
  ASSERT_EQ(ids_.size(), 3u);
  EXPECT_NE(ids_[0], ids_[1]);
  EXPECT_EQ(ids_[2], "x\x1fy") << "as earlier versions remembered it";
}

// Neither is a page; both would be taken for one without a word.
TEST_F(SourceHttpTest, APartialAnswerOrALoneObjectIsNoPage) {
  for (const std::string& answer :
       {http_answer("[1,2]", "", "206 Partial Content"), http_answer("{\"error\":\"quota\"}")}) {
    serve([&](const std::string&, int) { return Answer{answer}; });
    auto page = (*make("pagination: page"))->read({});
    ASSERT_FALSE(page);
    EXPECT_EQ(page.error().code(), ErrorCode::kCorrupt);
    EXPECT_EQ(page.error().retry(), Retry::kBackoff);
  }
  serve([&](const std::string&, int) { return Answer{http_answer("{\"id\":1}")}; });
  EXPECT_EQ(run(""), Records{"{\"id\":1}"}) << "one object is what many an API has to say";
}

TEST_F(SourceHttpTest, AHeaderBeyondCurlsOwnBoundIsNamed) {
  for (const size_t bytes : {size_t{90'000}, size_t{400'000}}) {
    serve([&](const std::string&, int) {
      return Answer{http_answer("[1]", "X: " + std::string(bytes, 'x') + "\r\n")};
    });
    auto page = (*make(""))->read({});
    ASSERT_FALSE(page);
    EXPECT_NE(page.error().message().find("header is larger than"), std::string::npos)
        << page.error().to_string();
  }
}

TEST_F(SourceHttpTest, AFetchedTokenThatTheApiRepeatsIsNotShown) {
  serve([&](const std::string& request, int) {
    if (line_of(request).starts_with("POST"))
      return Answer{http_answer("{\"access_token\":\"tok-4711\"}")};
    return Answer{http_answer("{\"error\":\"no rights for tok-4711\"}", "", "403 X")};
  });
  auto page = (*make("auth: {oauth2: {token_url: " + server_->url("/token") +
                     ", client_id: me, client_secret: s3cret}}"))
                  ->read({});
  ASSERT_FALSE(page);
  EXPECT_NE(page.error().to_string().find("no rights for ***"), std::string::npos)
      << page.error().to_string();
}

TEST_F(SourceHttpTest, AnExpiredTokenStartsThePassAgainWhenIdsMakeItSafe) {
  auto script = [](const std::string& request, int number) {
    auto token = param_of(request, "c");
    if (token.empty())
      return Answer{http_answer(fmt::format("{{\"data\":[1],\"next\":\"t{}\"}}", number))};
    return number == 2 ? Answer{http_answer("expired", "", "410 Gone")}
                       : Answer{http_answer("{\"data\":[2],\"next\":null}")};
  };
  serve(script);
  EXPECT_EQ(run("id: ''\nrecords: /data\npagination: {cursor: {param: c, pointer: /next}}"),
            (Records{"1", "1", "2"}));
  serve(script);
  auto source = *make("records: /data\npagination: {cursor: {param: c, pointer: /next}}");
  EXPECT_TRUE(source->read({}));
  auto gone = source->read({});
  ASSERT_FALSE(gone);
  EXPECT_EQ(gone.error().retry(), Retry::kNever);
}

TEST_F(SourceHttpTest, CredentialsGoWhereTheyBelong) {
  RawServer other([](const std::string&, int) {
    return Answer{http_answer("{\"data\":[2]}"), Then::kNext};
  });
  serve([&](const std::string&, int) {
    return Answer{http_answer("{\"data\":[1],\"next\":\"" + other.url("/more") + "\"}")};
  });
  const std::string yaml =
      "records: /data\nheaders: {X-Tenant: s3cret, Accept: text/json}\npagination: {next_url: "
      "{pointer: /next}}\n";
  auto refused = run(yaml);
  EXPECT_EQ(refused.size(), 1u);
  EXPECT_NE(errors_.at(0).find("not among the hosts"), std::string::npos) << errors_.at(0);
  EXPECT_TRUE(other.requests().empty());
  EXPECT_EQ(
      run(yaml + fmt::format("allow_hosts: ['127.0.0.1:{}']\nauth: {{bearer: {{token: t0ken}}}}",
                             other.port()))
          .size(),
      2u);
  EXPECT_TRUE(has(server_->requests().back(), "Authorization: Bearer t0ken"));
  EXPECT_TRUE(has(server_->requests().back(), "X-Tenant: s3cret"));
  EXPECT_FALSE(has(other.requests().at(0), "Authorization"));
  EXPECT_FALSE(has(other.requests().at(0), "s3cret"));
  EXPECT_TRUE(has(other.requests().at(0), "Accept: text/json"));
  errors_.clear();
  EXPECT_EQ(run(yaml + fmt::format("allow_hosts: ['127.0.0.1:{}']\nmethod: POST\nbody: '{{}}'",
                                   other.port()))
                .size(),
            1u);
  EXPECT_NE(errors_.at(0).find("`body:` stays at"), std::string::npos) << errors_.at(0);
  EXPECT_EQ(other.requests().size(), 1u);
}

TEST_F(SourceHttpTest, BasicAndKeys) {
  serve([](const std::string&, int) { return Answer{http_answer("[1]")}; });
  run("auth: {basic: {username: u, password: p}}");
  EXPECT_TRUE(has(server_->requests().back(), "Authorization: Basic " + base64("u:p")));
  run("auth: {api_key: {header: X-Api-Key, key: k1}}");
  EXPECT_TRUE(has(server_->requests().back(), "X-Api-Key: k1"));
  run("auth: {api_key: {query: key, key: k2}}");
  EXPECT_EQ(param_of(server_->requests().back(), "key"), "k2");
}

TEST_F(SourceHttpTest, OAuth2TokensAreFetchedRenewedAndReplaced) {
  int tokens = 0;
  RawServer issuer([&](const std::string& request, int) {
    EXPECT_TRUE(has(request, "grant_type=client_credentials&scope=read")) << request;
    EXPECT_TRUE(has(request, "Authorization: Basic " + base64("id:secret")));
    return Answer{
        http_answer(fmt::format("{{\"access_token\":\"t{}\",\"expires_in\":3600}}", ++tokens)),
        Then::kNext};
  });
  serve([&](const std::string& request, int number) {
    if (number == 2) return Answer{http_answer("", "", "401 Unauthorized")};
    EXPECT_TRUE(has(request, fmt::format("Authorization: Bearer t{}\r\n", tokens)));
    return Answer{http_answer(fmt::format("[{}]", number))};
  });
  auto source =
      *make(fmt::format("every: 1s\nid: ''\nauth: {{oauth2: {{token_url: '{}', client_id: id, "
                        "client_secret: secret, scope: read}}}}",
                        issuer.url("/token")));
  ASSERT_TRUE(source->read({}));
  EXPECT_EQ(tokens, 1);
  ASSERT_TRUE(source->read({})) << "a 401, a new token, the page";
  EXPECT_EQ(tokens, 2);
  ASSERT_TRUE(source->read({}));
  EXPECT_EQ(tokens, 2) << "kept while it is good";
  clock_.advance_ms(3600'000);
  ASSERT_TRUE(source->read({}));
  EXPECT_EQ(tokens, 3) << "renewed before it expires";
}

TEST_F(SourceHttpTest, TheClientSecretStaysAtTheOriginOfTheTokenUrl) {
  RawServer issuer([&](const std::string&, int) {
    return Answer{http_answer("", "Location: " + server_->url("/steal") + "\r\n", "307 X"),
                  Then::kNext};
  });
  serve([](const std::string&, int) { return Answer{http_answer("[1]")}; });
  auto page = (*make(fmt::format("auth: {{oauth2: {{token_url: '{}', client_id: id, client_secret: "
                                 "hunter2, in_body: true}}}}",
                                 issuer.url("/token"))))
                  ->read({});
  ASSERT_FALSE(page);
  EXPECT_EQ(page.error().code(), ErrorCode::kPermission);
  EXPECT_EQ(page.error().to_string().find("hunter2"), std::string::npos);
  EXPECT_TRUE(server_->requests().empty()) << "an allowed host, but not the token's";
}

TEST_F(SourceHttpTest, AnswersThatNoRetryMends) {
  for (auto [status, code] :
       std::vector<std::pair<std::string, ErrorCode>>{{"400 X", ErrorCode::kInvalidArgument},
                                                      {"401 X", ErrorCode::kPermission},
                                                      {"403 X", ErrorCode::kPermission},
                                                      {"404 X", ErrorCode::kNotFound}}) {
    serve([s = status](const std::string&, int) {
      return Answer{http_answer("{\"error\":\"why\"}", "", s)};
    });
    auto page = (*make(""))->read({});
    ASSERT_FALSE(page);
    EXPECT_EQ(page.error().code(), code);
    EXPECT_EQ(page.error().retry(), Retry::kNever);
    EXPECT_NE(page.error().to_string().find("why"), std::string::npos);
  }
}

TEST_F(SourceHttpTest, RequestsAreCountedByStatus) {
  serve([](const std::string&, int number) {
    return number == 1 ? Answer{http_answer("", "", "500 X")} : Answer{http_answer("[1]")};
  });
  run("");
  auto text = metrics_.prometheus();
  EXPECT_NE(text.find("leat_source_requests_total{pipeline=\"users\",status=\"500\"} 1"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("leat_source_requests_total{pipeline=\"users\",status=\"200\"} 1"),
            std::string::npos)
      << text;
}

TEST_F(SourceHttpTest, StopEndsAWait) {
  serve([](const std::string&, int) {
    return Answer{http_answer("", "Retry-After: 60\r\n", "503 X")};
  });
  auto source = *make("");
  EXPECT_FALSE(source->read({}));
  std::stop_source stop;
  stop.request_stop();
  auto page = source->read(stop.get_token());
  ASSERT_FALSE(page);
  EXPECT_EQ(page.error().code(), ErrorCode::kCancelled);
}

}  // namespace
}  // namespace leat::components
