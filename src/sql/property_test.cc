#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "sql/pipeline_fixture.h"

namespace leat::sql {
namespace {

/// Rows of which about a third are broken in one way or another.
std::vector<std::string> rows_of(uint32_t seed, size_t count) {
  std::mt19937 random(seed);
  const auto pick = [&](std::initializer_list<const char*> values) {
    return std::string(values.begin()[random() % values.size()]);
  };
  std::vector<std::string> rows;
  for (size_t i = 0; i < count; ++i) {
    rows.push_back(pick({"1", "2", "3", "12", "x", "NULL", "-7", "99999999999"}) + "|" +
                   pick({"2020-01-01", "1999-12-31T10:00:00Z", "nope", "NULL", "infinity"}) + "|" +
                   pick({"[1, 2]", "[]", "[3, x]", "NULL", "[5]", "[NULL, 7]"}) + "|" +
                   pick({"{'n': 1}", "{'n': y}", "NULL", "{'n': 0}"}));
  }
  return rows;
}

TEST(PropertyTest, BatchesOf1And7And1024GiveTheSame) {
  const std::vector<std::vector<std::string>> pipelines = {
      {"SELECT a::INTEGER AS n, b::TIMESTAMPTZ AS t, l, s.n::INTEGER AS k FROM input",
       "SELECT n + k AS m, t, unnest(l)::INTEGER AS e FROM input WHERE n <> 2 AND coalesce(k, 5) > "
       "0",
       "SELECT m, e, date_part('year', t) AS y FROM input WHERE e < 7 OR e IS NULL"},
      {"SELECT *, a::INTEGER AS n FROM input",
       "SELECT i.a, t.w, 100 // n AS q FROM input i JOIN t ON i.n = t.k",
       "SELECT a, w || q AS r FROM input WHERE w <> 'drei'"},
      {"SELECT a, list_transform(l, lambda e: e::INTEGER + a::INTEGER) AS l2, TRY_CAST(b AS DATE) "
       "AS d FROM input",
       "SELECT a, unnest(l2) AS e, unnest(l2) * 2 AS f, d FROM input"},
      {"SELECT CASE WHEN s.n = 'y' THEN a::INTEGER ELSE 0 END AS c, b::DATE - DATE '2000-01-01' AS "
       "days FROM input"},
  };
  for (size_t i = 0; i < pipelines.size(); ++i) {
    TestPipeline p(
        {{"a", "VARCHAR"}, {"b", "VARCHAR"}, {"l", "VARCHAR[]"}, {"s", "STRUCT(n VARCHAR)"}});
    p.table("t", {{"k", "INTEGER"}, {"w", "VARCHAR"}},
            {"1|eins", "2|zwei", "2|two", "3|drei", "12|zwoelf"});
    for (const std::string& step : pipelines[i]) p.step(step);
    p.rule("never", i == 1 ? "length(r) > 5" : i == 3 ? "c::VARCHAR::DATE > '2000-01-01'" : "true");
    ASSERT_EQ(p.compile(), "");
    const auto rows = rows_of(static_cast<uint32_t>(i) + 1, 150);
    const std::string whole = p.run(rows, 1024);
    EXPECT_EQ(p.run(rows, 7), whole) << i;
    EXPECT_EQ(p.run(rows, 1), whole) << i;
    EXPECT_EQ(whole.find("Error: "), std::string::npos) << whole;
    EXPECT_NE(whole.find("reject "), std::string::npos) << i;
    EXPECT_NE(whole.find(": "), std::string::npos) << i;
  }
}

}  // namespace
}  // namespace leat::sql
