#include "clients/postgres.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "clients/postgres_dsn.h"
#include "testing/postgres.h"

namespace leat::clients {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string refusal(const std::string& dsn) {
  auto checked = check_postgres_dsn(dsn);
  return checked ? "" : checked.error().to_string();
}

TEST(PostgresDsn, TakesUrisAndKeyValues) {
  EXPECT_EQ(refusal("postgresql://leat:secret@db.example.com:6432/warehouse"), "");
  EXPECT_EQ(refusal("host=/var/run/postgresql dbname=warehouse"), "");
  EXPECT_EQ(postgres_hosts("postgresql://u@a.example,b.example:6432/x"),
            (std::vector<std::string>{"a.example:5432", "b.example:6432"}));
  EXPECT_TRUE(postgres_hosts("host=/run").empty());
}

TEST(PostgresDsn, RefusesKeysThatReadFilesOrChangeStatements) {
  for (const char* key :
       {"service=x", "passfile=/etc/passwd", "options=-csearch_path=x", "gssencmode=disable"}) {
    EXPECT_THAT(refusal(std::string("host=db ") + key), HasSubstr("is not allowed")) << key;
  }
}

TEST(PostgresDsn, NeverRepeatsThePassword) {
  EXPECT_THAT(refusal("postgresql://u:geheim@h:port:bad"), Not(HasSubstr("geheim")));
  EXPECT_THAT(refusal("password=geheim nonsense"), Not(HasSubstr("geheim")));
  EXPECT_NE(refusal("password=geheim nonsense"), "");
}

TEST(PostgresDsn, AwayFromLoopbackTheCertificateIsChecked) {
  const auto mode = [](const std::string& dsn) {
    return postgres_parameters(dsn).value()["sslmode"];
  };
  EXPECT_EQ(mode("host=127.0.0.1"), "prefer");
  EXPECT_EQ(mode("host=db.example.com"), "verify-full");
  EXPECT_EQ(mode("host=127.0.0.1,db.example.com"), "verify-full");
  EXPECT_EQ(mode("host=localhost hostaddr=10.0.0.1"), "verify-full");
  EXPECT_EQ(mode("host=db.example.com sslmode=disable"), "disable");  // written down
}

class PostgresTest : public ::testing::Test {
 protected:
  void SetUp() override { LEAT_NEEDS_POSTGRES(); }
  static PostgresOptions options() {
    PostgresOptions options;
    options.dsn = config::Secret(leat::testing::postgres_dsn());
    return options;
  }
  static PostgresConnection open(const PostgresOptions& options) {
    auto made = PostgresConnection::open(options, io::system_clock());
    CHECK(made.has_value(), "{}", made.error().to_string());
    return std::move(*made);
  }
};

TEST_F(PostgresTest, AsksAndCopies) {
  auto c = open(options());
  const std::vector<std::optional<std::string_view>> params = {"7", std::nullopt};
  EXPECT_EQ(c.query("SELECT $1::int + 1, $2::text, ''", params).value(),
            (std::vector<PostgresRow>{{"8", std::nullopt, ""}}));
  ASSERT_TRUE(c.run("CREATE TEMP TABLE t (i int)").has_value());
  ASSERT_TRUE(c.run("BEGIN").has_value());
  std::string lines;
  for (int i = 0; i < 200'000; ++i) lines += std::to_string(i) + "\n";
  EXPECT_EQ(c.copy_in("COPY t FROM STDIN", lines).value(), 200'000);
  c.roll_back();
  EXPECT_EQ(c.query("SELECT count(*) FROM t").value()[0][0], "0");
}

TEST_F(PostgresTest, ARefusedRowLeavesTheSessionUsable) {
  auto c = open(options());
  ASSERT_TRUE(c.run("CREATE TEMP TABLE t (i int CHECK (i < 100))").has_value());
  std::string lines;
  for (int i = 0; i < 200'000; ++i) lines += std::to_string(i) + "\n";
  auto copied = c.copy_in("COPY t FROM STDIN", lines);
  ASSERT_FALSE(copied.has_value());
  EXPECT_EQ(c.sqlstate(), "23514");
  EXPECT_TRUE(blames_row(c.sqlstate()));
  EXPECT_EQ(copied.error().retry(), Retry::kNever);
  EXPECT_EQ(c.query("SELECT 1").value()[0][0], "1");
}

TEST_F(PostgresTest, ErrorsSayWhatMayBeTried) {
  auto c = open(options());
  auto gone = c.run("SELECT * FROM no_such_table");
  EXPECT_EQ(gone.error().code(), ErrorCode::kIncompatible);
  PostgresOptions wrong = options();
  wrong.dsn = config::Secret("postgresql://leat:wrong@" +
                             postgres_hosts(leat::testing::postgres_dsn())[0] + "/leat");
  auto refused = PostgresConnection::open(wrong, io::system_clock());
  EXPECT_EQ(refused.error().code(), ErrorCode::kPermission) << refused.error().to_string();
  EXPECT_EQ(refused.error().retry(), Retry::kReconnect);
  wrong.dsn = config::Secret("host=127.0.0.1 port=1 user=leat");
  EXPECT_EQ(PostgresConnection::open(wrong, io::system_clock()).error().code(),
            ErrorCode::kUnavailable);
}

TEST_F(PostgresTest, ASessionThatTheServerEndsIsToBeOpenedAnew) {
  auto c = open(options()), other = open(options());
  const std::string pid = *c.query("SELECT pg_backend_pid()").value()[0][0];
  ASSERT_TRUE(c.run("BEGIN").has_value());
  const std::vector<std::optional<std::string_view>> params = {pid};
  ASSERT_TRUE(other.query("SELECT pg_terminate_backend($1::int)", params).has_value());
  auto lost = c.run("SELECT 1");
  ASSERT_FALSE(lost.has_value());
  EXPECT_EQ(lost.error().retry(), Retry::kReconnect);
  EXPECT_FALSE(c.alive());
  EXPECT_EQ(c.run("SELECT 1").error().retry(), Retry::kReconnect);
}

TEST_F(PostgresTest, AStatementThatTakesTooLongIsEnded) {
  PostgresOptions quick = options();
  quick.statement_ms = 300;
  auto c = open(quick);
  auto slow = c.run("SELECT pg_sleep(30)");
  ASSERT_FALSE(slow.has_value());
  EXPECT_EQ(slow.error().code(), ErrorCode::kTimeout);
  EXPECT_NE(slow.error().retry(), Retry::kNever);
}

}  // namespace
}  // namespace leat::clients
