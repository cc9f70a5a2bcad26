#include "types/type.h"

#include <gtest/gtest.h>

namespace leat::types {
namespace {

Type type_of(std::string_view text) {
  auto type = parse_type(text);
  EXPECT_TRUE(type.has_value()) << text << ": " << (type ? "" : type.error().to_string());
  return type ? type.value() : Type();
}

TEST(Type, SqlTextParsesBackToTheSameType) {
  for (std::string_view text : {"BOOLEAN",
                                "TINYINT",
                                "SMALLINT",
                                "INTEGER",
                                "BIGINT",
                                "UTINYINT",
                                "USMALLINT",
                                "UINTEGER",
                                "UBIGINT",
                                "HUGEINT",
                                "FLOAT",
                                "DOUBLE",
                                "DECIMAL(18,3)",
                                "DECIMAL(38,38)",
                                "VARCHAR",
                                "JSON",
                                "BLOB",
                                "UUID",
                                "DATE",
                                "TIME",
                                "TIMESTAMP",
                                "TIMESTAMP WITH TIME ZONE",
                                "INTERVAL",
                                "\"NULL\"",
                                "VARCHAR[]",
                                "BIGINT[][]",
                                "STRUCT(\"a\" INTEGER, \"b c\" VARCHAR[])[]",
                                "MAP(VARCHAR, STRUCT(\"q\"\"q\" DATE))"}) {
    EXPECT_EQ(type_of(text).to_sql(), text);
    EXPECT_EQ(type_of(type_of(text).to_sql()), type_of(text));
  }
}

TEST(Type, AliasesAndSpacing) {
  EXPECT_EQ(type_of("int"), Type(Kind::kInt32));
  EXPECT_EQ(type_of("text"), Type(Kind::kVarchar));
  EXPECT_EQ(type_of("varchar( 20 )[]"), Type::list(Kind::kVarchar));
  EXPECT_EQ(type_of("timestamptz"), Type(Kind::kTimestampTz));
  EXPECT_EQ(type_of("  timestamp   with time  zone "), Type(Kind::kTimestampTz));
  EXPECT_EQ(type_of("double precision"), Type(Kind::kDouble));
  EXPECT_EQ(type_of("numeric"), Type::decimal(18, 3));
  EXPECT_EQ(type_of("DECIMAL(5)"), Type::decimal(5, 0));
  EXPECT_EQ(type_of("struct(a int, \"B\" text)"),
            Type::structure(
                {{.name = "a", .type = Kind::kInt32}, {.name = "B", .type = Kind::kVarchar}}));
  EXPECT_EQ(type_of("NULL"), Type(Kind::kSqlNull));
}

TEST(Type, RefusesWhatItDoesNotKnowAndSaysWhere) {
  for (std::string_view text :
       {"", "FOO", "INTEGER[3]", "INTEGER[", "DECIMAL(39,0)", "DECIMAL(3,4)", "DECIMAL(x)",
        "STRUCT()", "STRUCT(a)", "STRUCT(a INTEGER", "MAP(VARCHAR)", "LIST", "ENUM('a')",
        "BIGINT BIGINT", "STRUCT(\"a INTEGER)", "TIMESTAMP_NS"}) {
    auto type = parse_type(text);
    ASSERT_FALSE(type.has_value()) << text;
    EXPECT_EQ(type.error().code(), ErrorCode::kInvalidArgument);
  }
  EXPECT_NE(parse_type("STRUCT(a FOO)").error().message().find("character 10"), std::string::npos)
      << parse_type("STRUCT(a FOO)").error().message();
  std::string deep;
  for (int i = 0; i < 100'000; ++i) deep += "MAP(";
  EXPECT_FALSE(parse_type(deep).has_value());
  std::string lists = "INTEGER";
  for (int i = 0; i < 1000; ++i) lists += "[]";
  EXPECT_FALSE(parse_type(lists).has_value());
}

TEST(Type, SizesFollowDuckDb) {
  EXPECT_EQ(Type::decimal(4, 0).value_size(), 2u);
  EXPECT_EQ(Type::decimal(9, 0).value_size(), 4u);
  EXPECT_EQ(Type::decimal(18, 0).value_size(), 8u);
  EXPECT_EQ(Type::decimal(19, 0).value_size(), 16u);
  EXPECT_EQ(Type(Kind::kVarchar).value_size(), 16u);
  EXPECT_EQ(Type::structure({}).value_size(), 0u);
}

TEST(Type, EqualityIsThatOfSql) {
  Type raw = Type::varchar_of(kScalarInteger | kScalarString);
  EXPECT_EQ(raw, Type(Kind::kVarchar));
  EXPECT_EQ(raw.to_sql(), "VARCHAR");
  EXPECT_EQ(raw.scalars(), kScalarInteger | kScalarString);
  EXPECT_EQ(Type::varchar_of(kScalarString).scalars(), 0);
  EXPECT_EQ(Type::decimal(4, 2).scalars(), 0);
  EXPECT_NE(Type::decimal(4, 2), Type::decimal(4, 1));
  EXPECT_NE(Type(Kind::kVarchar), Type(Kind::kJson));
  EXPECT_NE(Type::list(Kind::kInt32), Type::list(Kind::kInt64));
}

TEST(Schema, FindsWithoutRegardToCase) {
  Schema schema{{{.name = "Id", .type = Kind::kInt64}, {.name = "name", .type = Kind::kVarchar}}};
  EXPECT_EQ(schema.find("iD"), 0u);
  EXPECT_EQ(schema.find("NAME"), 1u);
  EXPECT_EQ(schema.find("nam"), std::nullopt);
}

}  // namespace
}  // namespace leat::types
