#include "sql/guard.h"

#include <gtest/gtest.h>

#include <string>

namespace leat::sql {
namespace {

class GuardTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto database = Database::open("", {});
    ASSERT_TRUE(database);
    database_ = std::move(*database);
    auto connection = Connection::open(database_);
    ASSERT_TRUE(connection);
    connection_ = std::move(*connection);
    ASSERT_TRUE(connection_.run(
        "CREATE SCHEMA serving; CREATE TABLE serving.users(id INT, name VARCHAR);"
        "CREATE VIEW adults AS SELECT * FROM serving.users; CREATE TABLE t(a INT)"));
  }
  std::string judge(std::string_view sql) {
    auto result = admit_select(connection_, sql);
    return result ? "" : result.error().to_string();
  }

  Database database_;
  Connection connection_;
};

TEST_F(GuardTest, PassesWhatOnlyReads) {
  for (const char* sql : {
           "SELECT * FROM serving.users",
           "FROM t",
           "SELECT a, count(*) FILTER (WHERE a > 1) FROM t GROUP BY ALL HAVING count(*) > 1 ORDER "
           "BY 1 LIMIT 3",
           "WITH x AS (SELECT a FROM t), y AS (SELECT * FROM x) SELECT * FROM y JOIN adults ON y.a "
           "= adults.id",
           "SELECT a, row_number() OVER (PARTITION BY a ORDER BY a) FROM t QUALIFY 1 = 1",
           "SELECT * FROM t UNION ALL SELECT id FROM serving.users EXCEPT SELECT 1",
           "SELECT * FROM t WHERE a IN (SELECT id FROM adults) AND EXISTS (SELECT 1)",
           "SELECT * FROM range(10) r(i), unnest([1, 2]) u(j)",
           "VALUES (1, 2), (3, 4)",
           "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 5) SELECT * "
           "FROM r",
           "SELECT * FROM t PIVOT (sum(a) FOR a IN (1, 2))",
           "DESCRIBE t",
           "SHOW TABLES",
           "SUMMARIZE serving.users",
           "SELECT table_name FROM information_schema.tables",
           "SELECT list_transform([1], lambda x: x + 1), {'a': 1}.a, map {'k': 2}['k']",
       }) {
    EXPECT_EQ(judge(sql), "") << sql;
  }
}

TEST_F(GuardTest, RefusesEverythingElse) {
  for (const char* sql : {
           "",
           "SELECT 1; SELECT 2",
           "INSERT INTO t VALUES (1)",
           "DELETE FROM t",
           "CREATE TABLE x AS SELECT 1",
           "DROP TABLE t",
           "COPY t TO 'x.csv'",
           "COPY (SELECT 1) TO 'x.csv'",
           "ATTACH 'x.db'",
           "INSTALL httpfs",
           "LOAD httpfs",
           "SET memory_limit = '1GB'",
           "PRAGMA database_list",
           "EXPLAIN ANALYZE SELECT 1",
           "CALL pragma_version()",
           "CHECKPOINT",
           "SELECT * FROM 'x.csv'",
           "WITH RECURSIVE \"x.csv\" AS (FROM \"x.csv\" UNION ALL FROM \"x.csv\" WHERE false) FROM "
           "\"x.csv\"",
           "WITH RECURSIVE \"x.csv\"(a) AS (SELECT 1 UNION SELECT * FROM (WITH y AS (FROM 'y.csv') "
           "FROM y)) "
           "FROM \"x.csv\"",
           "FROM pg_settings",
           "FROM pg_catalog.pg_settings",
           "SELECT * FROM \"x.parquet\"",
           "SELECT * FROM data.csv",
           "SELECT * FROM '/etc/passwd'",
           "SELECT * FROM read_csv('x.csv')",
           "SELECT * FROM read_text('/etc/passwd')",
           "SELECT * FROM glob('*')",
           "SELECT * FROM query('DROP TABLE t')",
           "SELECT * FROM duckdb_settings()",
           "SELECT * FROM pragma_database_size()",
           "SELECT (SELECT content FROM read_text('/etc/passwd'))",
           "SELECT * FROM t WHERE a IN (SELECT 1 FROM read_blob('x'))",
           "WITH x AS (SELECT * FROM read_json('x')) SELECT * FROM x",
           "SELECT 1 UNION ALL SELECT * FROM 'x.csv'",
           "SELECT * FROM (WITH \"x.csv\" AS (SELECT 1) SELECT * FROM \"x.csv\") a, \"x.csv\"",
           "WITH y AS (SELECT * FROM \"x.csv\"), \"x.csv\" AS (SELECT 1) SELECT * FROM y",
           "SELECT a FROM t ORDER BY (SELECT 1 FROM 'x.csv')",
           "SELECT a FROM t LIMIT (SELECT 1 FROM 'x.csv')",
           "SELECT * FROM t JOIN t u ON (SELECT true FROM 'x.csv')",
           "SELECT sum(a) FILTER (WHERE (SELECT true FROM 'x.csv')) FROM t",
           "SELECT sum(a) OVER (ORDER BY (SELECT 1 FROM 'x.csv')) FROM t",
           "SELECT * FROM (DESCRIBE SELECT * FROM 'x.csv')",
           "SELECT nextval('s')",
           "SELECT current_setting('secret_directory')",
           "SELECT $1",
           "SELECT * FROM nowhere",
       }) {
    EXPECT_NE(judge(sql), "") << sql;
  }
}

TEST_F(GuardTest, NamesThePlaceAndTheWay) {
  EXPECT_EQ(judge("SELECT a\n  FROM t, read_csv('x.csv')"),
            "line 2, column 11: the table function read_csv is not open to queries; read the "
            "store's tables; files "
            "and settings are out of reach here");
  EXPECT_EQ(judge("SELECT é FROM t WHERE x ="), "line 1, column 26: syntax error at end of input");
}

}  // namespace
}  // namespace leat::sql
