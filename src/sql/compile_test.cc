#include <gtest/gtest.h>

#include <string>

#include "sql/pipeline_fixture.h"

namespace leat::sql {
namespace {

const std::vector<std::pair<std::string, std::string>> kInput = {
    {"id", "INTEGER"},
    {"name", "STRUCT(first VARCHAR, last VARCHAR)"},
    {"email", "VARCHAR"},
    {"l", "INTEGER[]"},
    {"ts", "TIMESTAMP"}};

class CompileTest : public ::testing::Test {
 protected:
  CompileTest() : p(kInput) {
    p.table("countries", {{"code", "VARCHAR"}, {"n", "INTEGER"}}, {"GB|1"});
  }

  std::string errors_of(const std::string& step) {
    p.reset();
    p.step(step);
    return p.compile();
  }

  TestPipeline p;
};

struct Case {
  const char* sql;
  const char* error;
};

TEST_F(CompileTest, RefusesByNameAndPlace) {
  const Case cases[] = {
      {"SELECT count(*) FROM input", "step 1, line 1, column 8: count_star is an aggregate"},
      {"SELECT sum(id) AS s FROM input", "step 1, line 1, column 8: sum is an aggregate"},
      {"SELECT DISTINCT id FROM input", "DISTINCT compares many records"},
      {"SELECT id, row_number() OVER () FROM input", "step 1, line 1, column 12: row_number OVER"},
      {"SELECT id FROM input LIMIT 1", "step 1, line 1, column 28: LIMIT"},
      {"SELECT id FROM input ORDER BY id", "step 1, line 1, column 31: ORDER BY"},
      {"SELECT id FROM input GROUP BY id", "step 1, line 1, column 31: GROUP BY"},
      {"SELECT id FROM input QUALIFY id = 1", "QUALIFY"},
      {"SELECT id FROM input USING SAMPLE 10%", "SAMPLE is random"},
      {"SELECT id FROM input TABLESAMPLE 10%", "TABLESAMPLE is random"},
      {"SELECT id FROM input UNION ALL SELECT id FROM input", "UNION cannot be used here"},
      {"WITH x AS (SELECT 1) SELECT id FROM input",
       "WITH x cannot be used here; make it a step of its own"},
      {"SELECT id FROM (SELECT * FROM input)", "a subquery cannot stand in FROM; make it a step"},
      {"SELECT (SELECT max(n) FROM countries) FROM input",
       "step 1, line 1, column 8: a subquery cannot be used here; name the table under `tables:`"},
      {"SELECT id FROM input WHERE id IN (SELECT n FROM countries)",
       "a subquery cannot be used here"},
      {"SELECT id FROM input WHERE EXISTS (SELECT 1)", "a subquery cannot be used here"},
      {"SELECT a.id FROM input a JOIN input b ON a.id = b.id",
       "step 1, line 1, column 31: input is read twice"},
      {"SELECT * FROM countries", "the step does not read input"},
      {"SELECT 1", "the step does not read input"},
      {"SELECT id FROM countries LEFT JOIN input ON code = email", "input has to come first"},
      {"SELECT id FROM input RIGHT JOIN countries ON code = email",
       "a RIGHT join cannot be used here"},
      {"SELECT id FROM input FULL JOIN countries ON code = email", "join cannot be used here"},
      {"SELECT id FROM input SEMI JOIN countries ON code = email",
       "a SEMI join cannot be used here"},
      {"SELECT id FROM input NATURAL JOIN countries", "a NATURAL join cannot be used here"},
      {"SELECT id FROM input ASOF JOIN countries ON id >= n", "a ASOF join cannot be used here"},
      {"SELECT id FROM 'x.csv'",
       "step 1, line 1, column 16: no table x.csv; name the file under `tables:`"},
      {"SELECT id FROM read_csv('x.csv')", "the table function read_csv cannot be read here"},
      {"SELECT id FROM input, unnest(l) u(x)",
       "unnest cannot stand in FROM; write it in the select list"},
      {"SELECT id FROM inputs", "no table inputs; did you mean input?"},
      {"SELECT id FROM input JOIN contries ON code = email",
       "no table contries; did you mean countries?"},
      {"SELECT id FROM main.input", "main.input is not a table of this pipeline"},
      {"SELECT now() AS t FROM input",
       "step 1, line 1, column 8: now gives another answer at another time, so a replay would "
       "differ; use _timestamp"},
      {"SELECT id,\n       current_date AS d FROM input",
       "step 1, line 2, column 8: current_date gives another answer"},
      {"SELECT current_timestamp AS d FROM input", "use _timestamp"},
      {"SELECT age(ts) AS d FROM input", "age gives another answer"},
      {"SELECT id FROM input WHERE ts < today()", "today gives another answer"},
      {"SELECT random() AS r FROM input", "random is random"},
      {"SELECT gen_random_uuid() AS r FROM input", "is random"},
      {"SELECT current_setting('threads') AS r FROM input", "depends on the session"},
      {"SELECT getvariable('x') AS r FROM input", "depends on the session"},
      {"SELECT CASE WHEN id < 0 THEN error('negative') ELSE id END AS n FROM input",
       "error would fail its neighbours, too; write a rule"},
      {"SELECT nextval('s') AS r FROM input", "does something besides"},
      {"SELECT pg_catalog.pg_typeof(id) AS r FROM input", "cannot be called here"},
      {"SELECT regexp_split_to_table(email, '@') AS r FROM input", "makes rows"},
      {"SELECT id FROM input WHERE unnest(l) = 1", "unnest can stand in the select list only"},
      {"SELECT unnest(name) FROM input",
       "give each column a name with AS; for a struct write name.*"},
      {"SELECT unnest(l, recursive := true) FROM input", "unnest takes a list and no options here"},
      {"SELECT unnest(name) AS n FROM input",
       "step 1, line 1, column 8: unnest takes a list, and this is a struct; write its name with "
       ".*"},
      {"SELECT list_aggregate(l, 'reservoir_quantile', 0.5) AS q FROM input",
       "step 1, line 1, column 26: reservoir_quantile is random"},
      {"SELECT aggregate(l, 'Reservoir_Quantile', 0.5) AS q FROM input",
       "reservoir_quantile is random"},
      {"SELECT list_aggr(l, 'reservoir' || '_quantile', 0.5) AS q FROM input",
       "list_aggr takes an aggregate by its name; write it out"},
      {"SELECT id FROM input AT (VERSION => 1)", "input has no versions; leave AT out"},
      {"SELECT email.upper() AS u FROM input",
       "email.upper cannot be called here; for a function of DuckDB's own over a column write "
       "upper(email)"},
      {"SELECT id, id FROM input", "two columns are called id"},
      {"SELECT id, email AS ID FROM input", "step 1, line 1, column 12: two columns are called ID"},
      {"SELECT _offset FROM input",
       "_offset cannot be the name of a column; give it another, for example _offset AS "
       "record_offset"},
      {"SELECT id AS _leat_ord FROM input", "leat's own begin so"},
      {"SELECT input FROM input", "a whole row is no value here"},
      {"SELECT $1 FROM input", "parameters"},
      {"SELECT id FROM input; SELECT 2", "more than one statement"},
      {"INSERT INTO input VALUES (1)", "only a SELECT statement"},
      {"", "no statement"},
      {"SELECT id FRM input x", "step 1, line 1, column"},
      {"SELECT 'é', id FROM input WHERE WHERE", "step 1, line 1, column 33: syntax error"},
      {"SELECT\n  emial FROM input",
       "step 1, line 2, column 3: Referenced column \"emial\" not found in FROM clause!"},
      {"SELECT id, name.frist AS f FROM input",
       "step 1, line 1, column 12: Could not find key \"frist\" in struct"},
      {"SELECT lowr(email) AS f FROM input",
       "step 1, line 1, column 8: Scalar Function with name lowr does not exist!; Did you mean "
       "\"lower\"?"},
      {"SELECT email + ts AS f FROM input", "step 1, line 1, column 14: No function matches"},
      {"SELECT email::FOO AS f FROM input", "Type with name FOO does not exist!"},
      {"SELECT * EXCLUDE (idd) FROM input", "idd"},
      {"SELECT COLUMNS('^z') FROM input", "No matching columns found"},
      {"SELECT 'a'::UHUGEINT AS u FROM input",
       "column u: the type UHUGEINT is not carried by leat; cast it, for example to HUGEINT"},
      {"SELECT id FROM input LEFT JOIN countries ON id = code",
       "the join compares INTEGER with VARCHAR"},
      {"SELECT id FROM input LEFT JOIN countries ON code::INTEGER = id",
       "this condition of a join can fail"},
  };
  for (const Case& c : cases) {
    const std::string errors = errors_of(c.sql);
    EXPECT_NE(errors.find(c.error), std::string::npos) << c.sql << "\n  " << errors;
  }
}

TEST_F(CompileTest, AdmitsWhatIsOneRecordsOwn) {
  for (const char* sql : {
           "FROM input",
           "SELECT * FROM input i",
           "SELECT id, upper(email) FROM input WHERE id BETWEEN 1 AND 3 OR email LIKE '%@%' AND "
           "NOT id IS NULL",
           "SELECT list_aggregate(l, 'sum') AS s, list_sum(l) AS t, len(l) AS n FROM input",
           "SELECT list_filter(l, lambda x: x > id) AS f, [x + 1 for x in l if x > 1] AS c, "
           "list_reduce(l, (a, b) -> a + b) AS r FROM input",
           "SELECT id AS a, a + 1 AS b, alias.b + 1 AS c FROM input WHERE c > 1",
           "SELECT strftime(ts, '%Y') AS y, date_trunc('day', ts) AS d, ts AT TIME ZONE "
           "'Europe/Berlin' AS z FROM input",
           "SELECT {'a': id, 'b': [email]} AS s, MAP {'k': id} AS m, name.first || name.last AS n "
           "FROM input",
           "SELECT coalesce(*COLUMNS('id|nope')) AS c, COLUMNS('em.*') FROM input",
           "SELECT c.*, input.id FROM input LEFT JOIN countries c ON c.code = input.email AND c.n "
           "> 0",
           "SELECT id FROM input CROSS JOIN countries",
           "SELECT hash(id) AS h, md5(email) AS m, regexp_extract(email, '(.*)@', 1) AS r, "
           "INTERVAL 1 DAY AS i FROM input",
           "SELECT row(id, email) AS r, (id, 1) AS q, id IS DISTINCT FROM 1 AS d FROM input",
       }) {
    EXPECT_EQ(errors_of(sql), "") << sql;
  }
}

TEST_F(CompileTest, RefusesRules) {
  const Case cases[] = {
      {"idd IS NOT NULL", "rule 1, line 1, column 1: Referenced column \"idd\" not found"},
      {"email", "rule 1, line 1, column 1: a rule has to be TRUE or FALSE"},
      {"id > 0 FROM input", "a rule is one expression, not a statement"},
      {"id > 0, id < 3", "a rule is one expression"},
      {"id > 0 AS x", "leave AS out"},
      {"count(*) > 1", "is an aggregate"},
      {"ts < now()", "rule 1, line 1, column 6: now gives another answer"},
      {"ts < current_date", "rule 1, line 1, column 6: current_date gives another answer"},
      {"id IN (SELECT 1)", "a subquery cannot be used here"},
      {"unnest(l) > 1", "unnest can stand in the select list only"},
      {"id > 0; DROP TABLE x", "only a SELECT statement can stand here"},
      {"id > 0; SELECT 1", "more than one statement"},
      {"id > ", "rule 1, line 1, column 6: syntax error at end of input"},
      {"COLUMNS(*) IS NOT NULL", "a rule cannot use *"},
  };
  for (const Case& c : cases) {
    p.reset();
    p.rule("r", c.sql);
    const std::string errors = p.compile();
    EXPECT_NE(errors.find(c.error), std::string::npos) << c.sql << "\n  " << errors;
  }
}

TEST_F(CompileTest, FindsEveryErrorOfTheRules) {
  p.rule("a", "x > 1");
  p.rule("b", "id > 1");
  p.rule("c", "y > 1");
  const std::string errors = p.compile();
  EXPECT_NE(errors.find("rule 1"), std::string::npos);
  EXPECT_EQ(errors.find("rule 2"), std::string::npos);
  EXPECT_NE(errors.find("rule 3"), std::string::npos);
}

TEST_F(CompileTest, TextIsTheSameEachTime) {
  p.step("SELECT id::VARCHAR AS a, email::INTEGER AS b FROM input");
  p.rule("r", "b > 0");
  ASSERT_EQ(p.compile(), "");
  const std::string first = p.query().text();
  ASSERT_EQ(p.compile(), "");
  EXPECT_EQ(p.query().text(), first);
  EXPECT_NE(first.find("leat_input()"), std::string::npos);
}

TEST_F(CompileTest, RefusesAnInputThatLooksLikeOurs) {
  TestPipeline q(Columns{{"_offset", "INTEGER"}});
  EXPECT_EQ(
      q.compile(),
      "a column of the input is called _offset, which is leat's own; rename it at the source\n");
}

TEST(EngineLoadTest, RefusesTablesThatDoNotFit) {
  auto engine = Engine::open({});
  ASSERT_TRUE(engine);
  EXPECT_FALSE((*engine)->load_table("t", "/nowhere/x.csv"));
  EXPECT_FALSE((*engine)->load_table("t", "x.json"));
  EXPECT_FALSE((*engine)->load_rows("input", {}, {}));
}

}  // namespace
}  // namespace leat::sql
