#include "codec/framing.h"

#include <gtest/gtest.h>

#include <functional>
#include <random>

#include "base/limits.h"
#include "codec/csv.h"

namespace leat::codec {
namespace {

std::vector<std::string> strings(const std::vector<std::string_view>& views) {
  return {views.begin(), views.end()};
}

std::vector<std::string> records(const std::string& page, std::string_view pointer) {
  auto found = find_records(page, pointer);
  EXPECT_TRUE(found.has_value()) << (found ? "" : found.error().to_string());
  return found ? strings(found.value()) : std::vector<std::string>();
}

TEST(Page, FindsRecordsAtAPointer) {
  std::string page =
      R"( {"info":{"a/b":{"~x":[1, 2]},"n":null}, "results" : [ {"a":[1,{"b":"]"}]} , {} ,"x", 5,null,[ ] ], "one":{"k":1}} )";
  EXPECT_EQ(records(page, "/results"), (std::vector<std::string>{R"({"a":[1,{"b":"]"}]})", "{}",
                                                                 "\"x\"", "5", "null", "[ ]"}));
  EXPECT_EQ(records(page, "/info/a~1b/~0x"), (std::vector<std::string>{"1", "2"}));
  EXPECT_EQ(records(page, "/info/n"), std::vector<std::string>());
  EXPECT_EQ(records(page, "/one"), (std::vector<std::string>{R"({"k":1})"}));
  EXPECT_EQ(records(page, "/results/0/a/1"), (std::vector<std::string>{R"({"b":"]"})"}));
  EXPECT_EQ(records("[]", ""), std::vector<std::string>());
  EXPECT_EQ(records("[ 1 ,\n{\"a\":2} ]\n", ""), (std::vector<std::string>{"1", "{\"a\":2}"}));
  EXPECT_EQ(records("{\"a\":1}", ""), (std::vector<std::string>{"{\"a\":1}"}));
  EXPECT_EQ(records("\xEF\xBB\xBF[1]", ""), (std::vector<std::string>{"1"}));
}

ErrorCode refusal(const std::string& page, std::string_view pointer) {
  auto found = find_records(page, pointer);
  EXPECT_FALSE(found.has_value()) << page << " " << pointer;
  return found ? ErrorCode::kInternal : found.error().code();
}

TEST(Page, ErrorsSayWhatIsThere) {
  auto code = [](const std::string& page, std::string_view pointer) {
    auto found = find_records(page, pointer);
    return found ? "found"
                 : std::string(to_string(found.error().code())) + " " + found.error().message();
  };
  EXPECT_NE(
      code(R"({"error":"too many"})", "/results").find("begins with {\"error\":\"too many\"}"),
      std::string::npos);
  EXPECT_EQ(refusal(R"({"error":"x"})", "/results"), ErrorCode::kNotFound);
  EXPECT_EQ(refusal(R"({"results":5})", "/results"), ErrorCode::kInvalidArgument);
  EXPECT_EQ(refusal("{}", "results"), ErrorCode::kInvalidArgument);
  EXPECT_EQ(refusal("{}", "/~2"), ErrorCode::kInvalidArgument);
  EXPECT_EQ(refusal("[1]", "/1"), ErrorCode::kNotFound);
  EXPECT_EQ(refusal("[1]", "/-"), ErrorCode::kNotFound);
  EXPECT_EQ(refusal("[[1]]", "/99999999999999999999"), ErrorCode::kNotFound);
}

TEST(Page, ThatIsNotWholeIsCorrupt) {
  std::string page = R"({"results":[{"a":1},{"b":"x"}],"n":1})";
  for (size_t length = 0; length < page.size(); ++length) {
    EXPECT_EQ(refusal(page.substr(0, length), "/results"), ErrorCode::kCorrupt) << length;
  }
  for (auto bad : {"<html>", "{} {}", "[1,]", "{\"a\" 1}", "[1 2]", "garbage"}) {
    EXPECT_EQ(refusal(bad, ""), ErrorCode::kCorrupt) << bad;
  }
  const std::string mismatched = "{\"a\":1]";
  EXPECT_NE(find_records(mismatched, "").error().message().find("at byte 6"), std::string::npos);
}

TEST(Page, ABrokenRecordDoesNotTakeItsNeighboursAlong) {
  std::string deep = std::string(300, '[') + std::string(300, ']');
  std::string mixed;
  for (int i = 0; i < 200; ++i) mixed += i % 3 ? "[" : "{\"k\":";
  mixed += "1";
  for (int i = 199; i >= 0; --i) mixed += i % 3 ? "]" : "}";
  std::vector<std::string> inside = {R"({"id":1})",
                                     "{\"id\":\"\xC3\x28\"}",
                                     "{\"id\":\"a\tb\nc\"}",
                                     R"({"id":"\q"})",
                                     R"({"id":01})",
                                     deep,
                                     mixed,
                                     R"({"id":2})"};
  std::string page = "{\"results\":[";
  for (const std::string& record : inside) page += (page.back() == '[' ? "" : ",") + record;
  page += "]}";
  EXPECT_EQ(records(page, "/results"), inside);
  std::string broken = mixed;
  broken[broken.size() - 100] ^= ']' ^ '}';
  EXPECT_EQ(refusal("[" + broken + "]", ""), ErrorCode::kCorrupt);
}

TEST(Page, FindsValues) {
  std::string page =
      R"({"next":"https:\/\/x\/?p=2","n":17,"last":false,"none":null,"o":{"c":[1, 2]},"k\u00e9y":"v","e":""})";
  auto value = [&](std::string_view pointer) {
    auto found = find_value(page, pointer);
    EXPECT_TRUE(found.has_value());
    return found.value().value_or("-");
  };
  EXPECT_EQ(value("/next"), "https://x/?p=2");
  EXPECT_EQ(value("/n"), "17");
  EXPECT_EQ(value("/last"), "false");
  EXPECT_EQ(value("/none"), "-");
  EXPECT_EQ(value("/absent"), "-");
  EXPECT_EQ(value("/n/x"), "-");
  EXPECT_EQ(value("/o/c"), "[1, 2]");
  EXPECT_EQ(value("/o/c/1"), "2");
  EXPECT_EQ(value("/k\xC3\xA9y"), "v");
  EXPECT_EQ(value("/e"), "");
  EXPECT_EQ(value(""), page);
  EXPECT_EQ(find_value(R"({"a":"\q"})", "/a").error().code(), ErrorCode::kCorrupt);
}

TEST(Page, AWordThatIsNoJsonIsOneRecordsFault) {
  const std::string page = R"([{"a":NaN},{"a":[Infinity,-Infinity]},{"a":1}])";
  EXPECT_EQ(find_records(page, "").value(),
            (std::vector<std::string_view>{R"({"a":NaN})", R"({"a":[Infinity,-Infinity]})",
                                           R"({"a":1})"}));
  for (const std::string broken : {"NaN", "[NaN NaN]", "{a:1}", "[1,", R"({"a":})", "[,NaN]"})
    EXPECT_FALSE(find_records(broken, "").has_value()) << broken;
}

TEST(Page, AWordThatIsNoJsonIsPassedOnTheWayToARecord) {
  const std::string page = R"({"score":NaN,"next":nope,"data":[{"a":1}],"end":Infinity})";
  JsonPage reader;
  ASSERT_TRUE(reader.load(page).has_value());
  EXPECT_EQ(reader.records("/data").value(), (std::vector<std::string_view>{R"({"a":1})"}));
  EXPECT_FALSE(reader.records("/score").has_value());
  EXPECT_FALSE(reader.records("/missing").has_value());
  EXPECT_EQ(reader.value("/next").value(), "nope");
}

TEST(Page, IsReused) {
  JsonPage page;
  std::string large = "[";
  for (int i = 0; i < 50'000; ++i) large += "{\"i\":" + std::to_string(i) + "},";
  large.back() = ']';
  ASSERT_TRUE(page.load(large).has_value());
  EXPECT_EQ(page.records("").value().size(), 50'000u);
  std::string small = "[{}]";
  ASSERT_TRUE(page.load(small).has_value());
  EXPECT_EQ(page.records("").value().size(), 1u);
}

/// Feeds `text` in pieces of random sizes as a source would; the records, or the error's message.
std::vector<std::string> feed(Framer& framer, std::string_view text, unsigned seed) {
  std::mt19937 random(seed);
  std::vector<std::string> result;
  std::string pending;
  size_t at = 0;
  while (true) {
    size_t take = seed == 0 ? text.size() : random() % 7;
    pending += text.substr(at, take);
    at = std::min(at + take, text.size());
    bool last = at == text.size();
    std::vector<std::string_view> found;
    auto used = framer.frame(pending, last, SIZE_MAX, found);
    for (std::string_view record : found) result.emplace_back(record);
    if (!used) {
      result.push_back(std::string(to_string(used.error().code())));
      return result;
    }
    EXPECT_LE(used.value(), pending.size());
    pending.erase(0, used.value());
    if (last) {
      EXPECT_EQ(pending, "");
      return result;
    }
  }
}

TEST(Ndjson, LinesAreRecordsHoweverTheyArrive) {
  std::string text = "\xEF\xBB\xBF{\"a\":1}\r\n\n  {\"a\":\"x\\ny\"} \n\r\nbroken\n{\"last\":true}";
  std::vector<std::string> expected = {"{\"a\":1}", "{\"a\":\"x\\ny\"}", "broken",
                                       "{\"last\":true}"};
  for (unsigned seed = 0; seed < 50; ++seed)
    EXPECT_EQ(feed(*make_ndjson_framer(), text, seed), expected);
  EXPECT_EQ(feed(*make_ndjson_framer(), "", 0), std::vector<std::string>());
  std::vector<std::string_view> found;
  std::string endless(limits::kMaxRecordBytes + 1, 'x');
  EXPECT_EQ(make_ndjson_framer()->frame(endless, false, SIZE_MAX, found).error().code(),
            ErrorCode::kLimit);
}

TEST(JsonArray, ElementsAreRecordsHoweverTheyArrive) {
  std::string text =
      "\xEF\xBB\xBF \n[ {\"a\":[1,\"]\\\"}\\\\\"]} , 5,\"x,\\\\\\\"y\", [ ] ,{} ]\n ";
  std::vector<std::string> expected = {"{\"a\":[1,\"]\\\"}\\\\\"]}", "5", "\"x,\\\\\\\"y\"", "[ ]",
                                       "{}"};
  for (unsigned seed = 0; seed < 200; ++seed)
    EXPECT_EQ(feed(*make_json_array_framer(false), text, seed), expected) << seed;
  for (unsigned seed = 0; seed < 20; ++seed) {
    EXPECT_EQ(feed(*make_json_array_framer(false), "[]", seed), std::vector<std::string>());
    EXPECT_EQ(feed(*make_json_array_framer(true), ",{\"b\":1}]", seed),
              std::vector<std::string>{"{\"b\":1}"});
    EXPECT_EQ(feed(*make_json_array_framer(true), " 1 ,2]", seed),
              (std::vector<std::string>{"1", "2"}));
    EXPECT_EQ(feed(*make_json_array_framer(true), "\n", seed), std::vector<std::string>());
    EXPECT_EQ(feed(*make_json_array_framer(true), ",1", seed).back(), "corrupt");
    EXPECT_EQ(feed(*make_json_array_framer(true), " ]", seed), std::vector<std::string>());
  }
  for (auto bad : {"", "{}", "[", "[1", "[1,", "[1,]", "[,1]", "[1 2", "[1]x", "[}", "[\"x",
                   "[{\"a\":1]", "1"}) {
    for (unsigned seed = 0; seed < 10; ++seed) {
      std::vector<std::string> found = feed(*make_json_array_framer(false), bad, seed);
      ASSERT_FALSE(found.empty()) << bad;
      EXPECT_EQ(found.back(), "corrupt") << bad;
    }
  }
}

std::vector<std::string> csv(std::string_view text, unsigned seed = 0, CsvOptions options = {}) {
  CsvFramer framer(std::move(options));
  return feed(framer, text, seed);
}

TEST(Csv, EachLineIsAnObject) {
  std::string text =
      "\xEF\xBB\xBFid,\"na\"\"me\",note\r\n1,Ana,\"a "
      "\"\"b\"\"\nc,d\"\r\n\r\n2,,\"\"\n3,\xC3\xA9\\,last";
  std::vector<std::string> expected = {
      R"({"id":"1","na\"me":"Ana","note":"a \"b\"\nc,d"})", R"({"id":"2","na\"me":null,"note":""})",
      "{\"id\":\"3\",\"na\\\"me\":\"\xC3\xA9\\\\\",\"note\":\"last\"}"};
  for (unsigned seed = 0; seed < 200; ++seed) EXPECT_EQ(csv(text, seed), expected) << seed;
  EXPECT_EQ(csv(text + "\r\n"), expected);
}

TEST(Csv, Options) {
  EXPECT_EQ(csv("1;2\r3;4\r", 0, {.delimiter = ';', .columns = {"a", "b"}}),
            (std::vector<std::string>{R"({"a":"1","b":"2"})", R"({"a":"3","b":"4"})"}));
  EXPECT_EQ(csv("a,,a,a\n1,2,3,4\n"),
            std::vector<std::string>{R"({"a":"1","column2":"2","a_2":"3","a_3":"4"})"});
  EXPECT_EQ(csv("a\n"), std::vector<std::string>());
  EXPECT_EQ(csv(""), std::vector<std::string>());
  CsvFramer framer({});
  std::vector<std::string_view> found;
  ASSERT_TRUE(framer.frame("x,y\n", true, SIZE_MAX, found).has_value());
  EXPECT_EQ(framer.columns(), (std::vector<std::string>{"x", "y"}));
}

TEST(Csv, LinesThatDoNotFitStayRecords) {
  for (unsigned seed = 0; seed < 50; ++seed) {
    EXPECT_EQ(csv("a,b\n1\n1,2,3\n\"x\"y,2\n{\"a\":1}\n1,2\n1,\"open\n", seed),
              (std::vector<std::string>{
                  "csv: expected 2 fields, found 1: 1", "csv: expected 2 fields, found 3: 1,2,3",
                  "csv: text behind a closing quote: \"x\"y,2",
                  "csv: expected 2 fields, found 1: {\"a\":1}", R"({"a":"1","b":"2"})",
                  "csv: a quote is not closed: 1,\"open"}));
  }
  std::vector<std::string_view> found;
  CsvFramer framer({.columns = {"a"}});
  std::string endless = "\"" + std::string(limits::kMaxRecordBytes + 1, 'x');
  EXPECT_EQ(framer.frame(endless, false, SIZE_MAX, found).error().code(), ErrorCode::kLimit);
  EXPECT_EQ(csv("\"a\"b,c\n1,2\n").back(), "corrupt");
}

/// Skips the first record of `text`, which comes in pieces of random sizes, over a framer that is made anew after each
/// piece; then what the rest holds.
std::vector<std::string> skip_first(
    const std::function<std::unique_ptr<Framer>(std::string_view skipping)>& make,
    std::string_view text, unsigned seed) {
  std::mt19937 random(seed);
  auto framer = make("");
  for (bool begun = false; !begun || !framer->skipping().empty(); begun = true) {
    if (begun) framer = make(framer->skipping());
    const std::string_view piece = text.substr(0, seed == 0 ? text.size() : random() % 4);
    const size_t used = framer->skip(piece, piece.size() == text.size());
    EXPECT_LE(used, piece.size());
    if (!framer->skipping().empty()) {
      EXPECT_EQ(used, piece.size());
      if (piece.size() == text.size()) return {"skipping"};
    }
    text.remove_prefix(used);
  }
  return feed(*framer, text, seed);
}

TEST(Framers, ARecordThatIsTooLongIsSteppedOverHoweverItArrives) {
  const auto ndjson = [](std::string_view skipping) { return make_ndjson_framer(skipping); };
  const auto array = [](std::string_view skipping) {
    return make_json_array_framer(true, skipping);
  };
  const auto csv = [](std::string_view skipping) {
    return std::make_unique<CsvFramer>(
        CsvOptions{.columns = {"a", "b"}, .skipping = std::string(skipping)});
  };
  using Strings = std::vector<std::string>;
  for (unsigned seed = 0; seed < 300; ++seed) {
    SCOPED_TRACE(seed);
    EXPECT_EQ(skip_first(ndjson, "{\"a\": 1}\r\n2\n3", seed), (Strings{"2", "3"}));
    EXPECT_EQ(skip_first(ndjson, "without an end", seed), Strings{});
    EXPECT_EQ(skip_first(array, R"({"a":[1,"]\"}\\"], "b": {"c": "\\\","}} , 2,[3]])", seed),
              (Strings{"2", "[3]"}));
    EXPECT_EQ(skip_first(array, "[[1,2],[]],\"x\"]", seed), Strings{"\"x\""});
    EXPECT_EQ(skip_first(array, "12]", seed), Strings{});
    EXPECT_EQ(skip_first(array, "12}", seed), Strings{"corrupt"});
    EXPECT_EQ(skip_first(array, "{\"a\":\"]", seed), Strings{"skipping"});
    const Strings rest = {R"({"a":"3","b":"4"})"};
    EXPECT_EQ(skip_first(csv, "1,2\n3,4\n", seed), rest);
    EXPECT_EQ(skip_first(csv, "1,\"a\"\"\n,\"\"\"\r\n3,4", seed), rest);
    EXPECT_EQ(skip_first(csv, "\"\",\"x\"y\"z\r3,4\r\n", seed), rest);
    EXPECT_EQ(skip_first(csv, "1\"2,3\"\n3,4\n", seed), rest);
    EXPECT_EQ(skip_first(csv, "1,\"open\n3,4\n", seed), Strings{});
  }
}

TEST(Framers, OnlyTheFrontRecordIsTooLongAndWhatIsBeforeItIsGiven) {
  const std::string endless(limits::kMaxRecordBytes + 1, '1');
  const auto expect = [](Framer& framer, std::string text, std::vector<std::string> before,
                         const std::string& behind) {
    std::vector<std::string_view> found;
    auto used = framer.frame(text, false, SIZE_MAX, found);
    ASSERT_TRUE(used);
    EXPECT_EQ(std::vector<std::string>(found.begin(), found.end()), before);
    text.erase(0, *used);
    used = framer.frame(text, false, SIZE_MAX, found);
    ASSERT_FALSE(used);
    EXPECT_EQ(used.error().code(), ErrorCode::kLimit);
    text.erase(0, framer.skip(text, false));
    EXPECT_EQ(framer.skipping().empty(), !behind.empty());
    found.clear();
    if (behind.empty()) return;
    ASSERT_TRUE(framer.frame(text, true, SIZE_MAX, found));
    ASSERT_EQ(found.size(), 1u);
    EXPECT_EQ(found[0], behind);
  };
  for (bool whole : {true, false}) {
    const auto tail = [&](const char* text) { return whole ? std::string(text) : std::string(); };
    expect(*make_ndjson_framer(), "7\n\n" + endless + tail("\n8\n"), {"7"}, tail("8"));
    expect(*make_json_array_framer(false), "[7 , \n" + endless + tail(" , 8]"), {"7"}, tail("8"));
    expect(*make_json_array_framer(false), " [ " + endless + tail(",8]"), {}, tail("8"));
    CsvFramer csv({});
    expect(csv, "a\n\n7\n\n" + endless + tail("\n8\n"), {R"({"a":"7"})"}, tail(R"({"a":"8"})"));
  }
  CsvFramer header({});
  std::vector<std::string_view> found;
  EXPECT_EQ(header.frame(endless, false, SIZE_MAX, found).error().code(), ErrorCode::kCorrupt);
  // Blanks before an element are not kept for it.
  auto blank = make_json_array_framer(false);
  const std::string much = "[1, " + std::string(100'000, ' ');
  ASSERT_EQ(blank->frame(much, false, SIZE_MAX, found).value(), much.size());
  EXPECT_EQ(blank->frame("2]", true, SIZE_MAX, found).value(), 2u);
  EXPECT_EQ(blank->frame("", true, SIZE_MAX, found).value(), 0u);
}

TEST(Framers, GiveAtMostSoMany) {
  std::vector<std::string_view> found;
  EXPECT_EQ(make_ndjson_framer()->frame("1\n2\n3\n", true, 2, found).value(), 4u);
  EXPECT_EQ(found.size(), 2u);
  auto array = make_json_array_framer(false);
  EXPECT_EQ(array->frame("[1,2,3]", true, 3, found).value(), 2u);
  EXPECT_EQ(array->frame(",2,3]", true, 5, found).value(), 4u);
  EXPECT_EQ(array->frame("]", true, SIZE_MAX, found).value(), 1u);
  EXPECT_EQ(found.size(), 5u);
  CsvFramer csv({});
  found.clear();
  EXPECT_EQ(csv.frame("a\n1\n2\n", true, 1, found).value(), 4u);
}

}  // namespace
}  // namespace leat::codec
