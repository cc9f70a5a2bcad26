#include "config/spec.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "config/writer.h"
#include "config/yaml.h"

namespace leat::config::spec_test {
namespace {

struct Rate {
  double rate = 5;
  int32_t burst = 1;
};
struct None {};
struct Page {
  std::string param = "page";
  int64_t from = 1;
};
struct Cursor {
  std::string pointer;
};
enum class Method { kGet, kPost };

struct Http {
  std::string url;
  int64_t timeout_ms = 10'000;
  int64_t max_bytes = 64 * 1024;
  Method method = Method::kGet;
  bool follow = true;
  double ratio = 0.5;
  int32_t small = 1;
  uint64_t seed = 0;
  Secret password;
  std::optional<Rate> rate_limit;
  std::vector<std::pair<std::string, std::string>> params;
  std::map<std::string, int64_t> limits;
  std::vector<std::string> ids;
  std::vector<Rate> rates;
  std::variant<None, Page, Cursor> pagination;
  Located<std::string> where;
  Node free;
  std::string topic;
  Mark mark;
};

const Spec<Rate>& rate_spec() {
  static const auto spec = [] {
    Spec<Rate> s("rate_limit", "How often it may ask.");
    s.field("rate", &Rate::rate).unit(Unit::kRate).required().example("10/s");
    s.field("burst", &Rate::burst).range(1, 100).doc("How many at once.");
    s.shorthand("a rate such as `10/s`", [](const Node& node, Rate& out) {
      auto rate = node.is_scalar() ? parse_rate(node.text) : std::nullopt;
      if (rate) out.rate = *rate;
      return rate.has_value();
    });
    return s;
  }();
  return spec;
}

const Spec<Page>& page_spec() {
  static const auto spec = [] {
    Spec<Page> s("page", "By number.");
    s.field("param", &Page::param);
    s.field("from", &Page::from).at_least(0);
    return s;
  }();
  return spec;
}

const Spec<Cursor>& cursor_spec() {
  static const auto spec = [] {
    Spec<Cursor> s("cursor", "By a token.");
    s.field("pointer", &Cursor::pointer).required();
    return s;
  }();
  return spec;
}

const Spec<Http>& http_spec() {
  static const auto spec = [] {
    Spec<Http> s("http", "Asks an API.");
    s.field("url", &Http::url).required().doc("Address | of the API.").example("https://x.org/");
    s.field("timeout", &Http::timeout_ms).unit(Unit::kDuration).range(1, 600'000);
    s.field("max_bytes", &Http::max_bytes).unit(Unit::kBytes);
    s.field("method", &Http::method).choices({{"get", Method::kGet}, {"post", Method::kPost}});
    s.field("follow", &Http::follow);
    s.field("ratio", &Http::ratio).range(0, 1);
    s.field("small", &Http::small);
    s.field("seed", &Http::seed);
    s.field("password", &Http::password);
    s.field("rate_limit", &Http::rate_limit).of(rate_spec());
    s.field("params", &Http::params);
    s.field("limits", &Http::limits).range(0, 9);
    s.field("id", &Http::ids).one_or_list();
    s.field("rates", &Http::rates).of(rate_spec());
    s.field("pagination", &Http::pagination)
        .when("none", None{}, "One page.")
        .when("page", page_spec())
        .when("cursor", cursor_spec());
    s.field("where", &Http::where);
    s.field("free", &Http::free);
    s.field("topic", &Http::topic).syntax("a short name", [](std::string_view text) {
      return text.size() < 5;
    });
    s.mark(&Http::mark);
    s.at_most_one({"params", "limits"});
    s.reserved("schema", "not in this version", "leave it out");
    s.check([](const Http& config, const Node& node, Reading& reading) {
      if (config.small > config.timeout_ms) reading.error(node.mark, "small is large");
    });
    return s;
  }();
  return spec;
}

Http good(const std::string& text, const Environment* environment = nullptr) {
  Diagnostics diagnostics;
  auto node = parse_yaml(text, "f", diagnostics);
  Http out;
  EXPECT_TRUE(node && http_spec().read(*node, out, diagnostics, environment))
      << diagnostics.to_string();
  EXPECT_EQ(diagnostics.to_string(), "");
  return out;
}

std::string bad(const std::string& text) {
  Diagnostics diagnostics;
  auto node = parse_yaml(text, "f", diagnostics);
  Http out;
  EXPECT_TRUE(node);
  EXPECT_FALSE(http_spec().read(*node, out, diagnostics, nullptr, "source.http"));
  return diagnostics.to_string();
}

TEST(Spec, ReadsEveryType) {
  Http c = good(R"(
url: http://h/
timeout: 250ms
max_bytes: 2MiB
method: post
follow: false
ratio: 0.25
small: -3
seed: 9000000000
password: hunter22
rate_limit: {rate: 600/m, burst: 7}
params: {z: 1, a: two}
id: [/x, /y]
rates: [1/s, {rate: 2}]
pagination: {page: {from: 0}}
where: here
free: [1, {a: b}]
topic: abc
)");
  EXPECT_EQ(c.url, "http://h/");
  EXPECT_EQ(c.timeout_ms, 250);
  EXPECT_EQ(c.max_bytes, 2 << 20);
  EXPECT_EQ(c.method, Method::kPost);
  EXPECT_FALSE(c.follow);
  EXPECT_EQ(c.ratio, 0.25);
  EXPECT_EQ(c.small, -3);
  EXPECT_EQ(c.seed, 9'000'000'000u);
  EXPECT_EQ(c.password.reveal(), "hunter22");
  EXPECT_EQ(c.rate_limit->rate, 10);
  EXPECT_EQ(c.rate_limit->burst, 7);
  EXPECT_EQ(c.params, (decltype(c.params){{"z", "1"}, {"a", "two"}}));
  EXPECT_EQ(c.ids, (std::vector<std::string>{"/x", "/y"}));
  ASSERT_EQ(c.rates.size(), 2u);
  EXPECT_EQ(c.rates[1].rate, 2);
  EXPECT_EQ(std::get<Page>(c.pagination).from, 0);
  EXPECT_EQ(c.where.value, "here");
  EXPECT_EQ(c.where.mark.line, 16);
  EXPECT_EQ(c.free.items.size(), 2u);
  EXPECT_EQ(c.mark.line, 2);
}

TEST(Spec, DefaultsAreTheStructs) {
  Http c = good("url: x");
  EXPECT_EQ(c.timeout_ms, 10'000);
  EXPECT_FALSE(c.rate_limit);
  EXPECT_TRUE(std::holds_alternative<None>(c.pagination));
}

TEST(Spec, ShortFormsWork) {
  EXPECT_EQ(good("url: x\nrate_limit: 10/s").rate_limit->rate, 10);
  EXPECT_EQ(good("url: x\nid: /a").ids, std::vector<std::string>{"/a"});
  EXPECT_EQ(std::get<Page>(good("url: x\npagination: page").pagination).param, "page");
  EXPECT_TRUE(std::holds_alternative<None>(good("url: x\npagination: none").pagination));
}

TEST(Spec, EveryErrorIsReportedAtOnce) {
  EXPECT_EQ(
      bad("urll: x\ntimeout: abc\nfollow: 3\n"),
      "f:1:1: source.http.urll: unknown key; did you mean `url`? expected one of: url, timeout, "
      "max_bytes, method, follow, ratio, small, seed, password, rate_limit, params, limits, id, "
      "rates, pagination, where, free, topic\n"
      "f:2:10: source.http.timeout: expected a duration from 1ms to 10m such as `10s`, found "
      "`abc`\n"
      "f:3:9: source.http.follow: expected true or false, found `3`\n"
      "f:1:1: source.http: the key `url` is missing; expected a text; for example `url: "
      "https://x.org/`\n");
}

TEST(Spec, WrongValues) {
  const std::pair<const char*, const char*> kCases[] = {
      {"timeout: 0ms",
       "f:2:10: source.http.timeout: expected a duration from 1ms to 10m such as `10s`, found "
       "`0ms`"},
      {"timeout: 10", "found `10`"},
      {"timeout: [1s]", "found a list"},
      {"timeout:", "found nothing"},
      {"max_bytes: much", "expected a size such as `64KiB`, found `much`"},
      {"method: pst",
       "f:2:9: source.http.method: expected one of: get, post, found `pst`; did you mean `post`?"},
      {"ratio: 1.5", "expected a number from 0 to 1, found `1.5`"},
      {"small: 3000000000", "expected a whole number"},
      {"small: '3'", "expected a whole number"},
      {"small: 1e3", "expected a whole number"},
      {"seed: -1", "expected a whole number of at least 0, found `-1`"},
      {"seed: 99999999999999999999", "expected a whole number"},
      {"rate_limit: fast", "expected a map or a rate such as `10/s`, found `fast`"},
      {"rate_limit: {rate: 0/s}", "source.http.rate_limit.rate: expected a rate such as `10/s`"},
      {"rate_limit: {burst: 1}", "the key `rate` is missing"},
      {"rates: [1/s, {rate: 1, burst: 101}]",
       "f:2:31: source.http.rates[1].burst: expected a whole number from 1 to 100"},
      {"limits: {a: 1, b: 10}", "source.http.limits.b: expected a whole number from 0 to 9"},
      {"params: {a: [1]}", "source.http.params.a: expected a text, found a list"},
      {"params: {a: 1}\nlimits: {b: 1}",
       "f:3:1: source.http: `limits` cannot stand beside `params`"},
      {"pagination: {pge: {}}",
       "did you mean `page`? expected one of: none, page: {...}, cursor: {...}"},
      {"pagination: pages", "found `pages`; did you mean `page`?"},
      {"pagination: {page: {}, cursor: {}}", "`cursor` cannot stand beside `page`"},
      {"pagination: cursor", "source.http.pagination.cursor: the key `pointer` is missing"},
      {"pagination: {page: {from: x}}",
       "source.http.pagination.page.from: expected a whole number of at least 0"},
      {"pagination: {none: {}}", "a bare word, without a value"},
      {"topic: longer", "expected a short name, found `longer`"},
      {"schema: x", "f:2:1: source.http.schema: not in this version; leave it out"},
      {"small: 20000", "small is large"},
      {"id: {a: 1}", "expected a text, found a map"},
  };
  for (const auto& [yaml, expected] : kCases) {
    std::string said = bad(std::string("url: x\n") + yaml);
    EXPECT_NE(said.find(expected), std::string::npos) << yaml << "\n  said: " << said;
  }
}

TEST(Spec, AQuotedVariableMayBeANumber) {
  Diagnostics diagnostics;
  auto node = parse_yaml("url: x\nsmall: \"${N}\"\n", "f", diagnostics);
  auto environment = Environment::of_map({{"N", "12"}});
  substitute(*node, environment, diagnostics);
  Http out;
  EXPECT_TRUE(http_spec().read(*node, out, diagnostics, &environment));
  EXPECT_EQ(out.small, 12);
}

TEST(Spec, AnUnsetVariableIsNotChecked) {
  Diagnostics diagnostics;
  auto node = parse_yaml(
      "url: \"${A}\"\ntimeout: \"${A}\"\nmethod: \"${A}\"\nrate_limit: \"${A}\"\npagination: "
      "\"${A}\"\n"
      "ratio: \"${A}\"\nfollow: \"${A}\"\npassword: \"${A}\"\n",
      "f", diagnostics);
  auto environment = Environment::of_map({}, Environment::Missing::kWarn);
  substitute(*node, environment, diagnostics);
  Http out;
  EXPECT_TRUE(http_spec().read(*node, out, diagnostics, &environment)) << diagnostics.to_string();
  EXPECT_EQ(diagnostics.warnings(), 8u);
  EXPECT_EQ(out.timeout_ms, 10'000);
  EXPECT_FALSE(out.rate_limit);
}

TEST(Spec, SecretsComeFromFilesAndAreNeverShown) {
  auto read = [](const std::string& path) -> Result<std::string> {
    if (path == "/run/pw") return std::string("from-file\n");
    return Error(ErrorCode::kNotFound, "no such file: " + path);
  };
  auto get = [](const std::string&) -> std::optional<std::string> { return "file:/run/pw"; };
  Environment run(get, read, Environment::Missing::kFail),
      lint(get, read, Environment::Missing::kWarn);
  EXPECT_EQ(good("url: x\npassword: file:/run/pw", &run).password.reveal(), "from-file");

  Diagnostics failed;
  auto node = parse_yaml("url: x\npassword: file:/no\n", "f", failed);
  Http out;
  EXPECT_FALSE(http_spec().read(*node, out, failed, &run));
  EXPECT_EQ(failed.to_string(), "f:2:11: password: the secret's file: no such file: /no\n");
  Diagnostics warned;
  EXPECT_TRUE(http_spec().read(*node, out, warned, &lint));
  EXPECT_EQ(warned.warnings(), 1u);

  // A variable's value is no reference: whoever sets a variable may not read files.
  Diagnostics none;
  auto variable = parse_yaml("url: x\npassword: \"${P}\"\n", "f", none);
  substitute(*variable, run, none);
  EXPECT_TRUE(http_spec().read(*variable, out, none, &run));
  EXPECT_EQ(out.password.reveal(), "file:/run/pw");
}

TEST(Spec, ParseGivesOneError) {
  Diagnostics diagnostics;
  auto node = parse_yaml("urll: x\n", "f", diagnostics);
  auto config = http_spec().parse(*node, nullptr, "source.http");
  ASSERT_FALSE(config);
  EXPECT_EQ(config.error().code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(exit_code(config.error()), 2);
  EXPECT_EQ(config.error().where(), "f:1:1: source.http.urll");
  EXPECT_NE(config.error().message().find("did you mean `url`?"), std::string::npos);
  EXPECT_NE(config.error().message().find("(and 1 more)"), std::string::npos);
}

TEST(Spec, RestCollectsOtherKeys) {
  struct Open {
    std::string a;
    std::vector<Entry> others;
  };
  Spec<Open> spec("open", "x");
  spec.field("a", &Open::a);
  spec.rest(&Open::others, "a component");
  Diagnostics diagnostics;
  auto node = parse_yaml("b: {c: d}\na: x\nz: 1\n", "f", diagnostics);
  Open out;
  EXPECT_TRUE(spec.read(*node, out, diagnostics));
  ASSERT_EQ(out.others.size(), 2u);
  EXPECT_EQ(out.others[0].key, "b");
  EXPECT_EQ(out.others[0].key_mark.to_string(), "f:1:1");
}

TEST(Spec, ExactlyOne) {
  struct Two {
    std::string a, b;
  };
  Spec<Two> spec("two", "x");
  spec.field("a", &Two::a);
  spec.field("b", &Two::b);
  spec.exactly_one({"a", "b"});
  auto said = [&](const char* yaml) {
    Diagnostics diagnostics;
    auto node = parse_yaml(yaml, "f", diagnostics);
    Two out;
    spec.read(*node, out, diagnostics);
    return diagnostics.to_string();
  };
  EXPECT_EQ(said("a: x"), "");
  EXPECT_EQ(said("{}"), "f:1:1: a key is missing; expected one of: a, b\n");
  EXPECT_EQ(said("a: x\nb: y"), "f:2:1: `b` cannot stand beside `a`; expected one of: a, b\n");
}

TEST(ParseRate, KnowsItsUnits) {
  EXPECT_EQ(parse_rate("10/s"), 10);
  EXPECT_EQ(parse_rate("600/m"), 10);
  EXPECT_EQ(parse_rate("36000/h"), 10);
  EXPECT_EQ(parse_rate("2.5"), 2.5);
  for (const char* wrong : {"", "/s", "10/", "10/d", "-1/s", "0/s", "inf", "nan", "1 /s", "x"})
    EXPECT_EQ(parse_rate(wrong), std::nullopt) << wrong;
}

TEST(Writer, JsonSchemaKnowsTheKeys) {
  auto schema = nlohmann::json::parse(json_schema(http_spec(), "https://leat.dev/http.json"));
  EXPECT_EQ(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
  EXPECT_EQ(schema["required"], nlohmann::json::array({"url"}));
  EXPECT_EQ(schema["additionalProperties"], false);
  EXPECT_EQ(schema["properties"]["method"]["default"], "get");
  EXPECT_EQ(schema["properties"]["timeout"]["default"], "10s");
  EXPECT_EQ(schema["properties"]["max_bytes"]["default"], "64KiB");
  EXPECT_EQ(schema["properties"]["pagination"]["oneOf"].size(), 3u);
  EXPECT_EQ(schema["properties"]["pagination"]["oneOf"][2]["enum"],
            (nlohmann::json{"none", "page"}));
  EXPECT_EQ(schema["properties"]["ratio"]["anyOf"][0]["maximum"], 1.0);
}

TEST(Writer, MarkdownHasATableForEachMap) {
  std::string page = markdown(http_spec());
  EXPECT_EQ(page.find("## `http`\n\nAsks an API.\n"), 0u);
  EXPECT_NE(
      page.find(
          "| `url` | a text | required | Address \\| of the API. For example `https://x.org/`. |"),
      std::string::npos)
      << page;
  EXPECT_NE(page.find("### `http.pagination.page`"), std::string::npos);
  EXPECT_NE(page.find("Short form: a rate such as `10/s`."), std::string::npos);
  EXPECT_NE(page.find("| `rate` | a rate such as `10/s` | required |"), std::string::npos);
}

}  // namespace
}  // namespace leat::config::spec_test
