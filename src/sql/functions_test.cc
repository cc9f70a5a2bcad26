#include "sql/functions.h"

#include <gtest/gtest.h>

#include <string>

namespace leat::sql {
namespace {

/// Every function that some macro of DuckDB's calls is judged like the macro itself: a macro may
/// not hide a clock, an aggregate or a subquery. Held against the DuckDB that is linked.
TEST(FunctionCatalogTest, NoAdmittedMacroHidesARefusedFunction) {
  auto database = Database::open("", {});
  ASSERT_TRUE(database);
  auto connection = Connection::open(*database);
  ASSERT_TRUE(connection);
  auto catalog = FunctionCatalog::load(*connection);
  ASSERT_TRUE(catalog);
  auto parser = Parser::open(*connection);
  ASSERT_TRUE(parser);
  auto result = connection->query(
      "SELECT lower(function_name), macro_definition FROM duckdb_functions() WHERE function_type = "
      "'macro' AND schema_name = 'main' ORDER BY 1");
  ASSERT_TRUE(result);
  size_t judged = 0;
  while (true) {
    auto chunk = result->next();
    ASSERT_TRUE(chunk);
    if (!*chunk) break;
    auto* names = static_cast<duckdb_string_t*>(
        duckdb_vector_get_data(duckdb_data_chunk_get_vector((*chunk)->get(), 0)));
    auto* texts = static_cast<duckdb_string_t*>(
        duckdb_vector_get_data(duckdb_data_chunk_get_vector((*chunk)->get(), 1)));
    for (size_t i = 0; i < duckdb_data_chunk_get_size((*chunk)->get()); ++i) {
      const std::string name(duckdb_string_t_data(names + i), duckdb_string_t_length(names[i]));
      const std::string text(duckdb_string_t_data(texts + i), duckdb_string_t_length(texts[i]));
      if (catalog->judge(name, 0)) continue;
      std::optional<Problem> problem;
      auto node = parser->parse_select("SELECT " + text, problem);
      ASSERT_TRUE(node);
      ASSERT_FALSE(problem) << name << ": " << text;
      walk_expressions(node->at("select_list"), [&](const Json& e) {
        EXPECT_NE(class_of(e), "SUBQUERY") << name;
        if (class_of(e) == "FUNCTION") {
          EXPECT_FALSE(catalog->judge(e.value("function_name", ""), 0)) << name << ": " << text;
          EXPECT_NE(e.value("function_name", ""), "unnest") << name;
        }
        if (class_of(e) == "COLUMN_REF") {
          EXPECT_FALSE(
              FunctionCatalog::judge_word(e.at("column_names").at(0).get<std::string>(), 0))
              << name << ": " << text;
        }
        return true;
      });
      ++judged;
    }
  }
  EXPECT_GT(judged, 40u);
}

TEST(FunctionCatalogTest, PassesWhatDuckDbDoesNotKnow) {
  auto database = Database::open("", {});
  auto connection = Connection::open(*database);
  auto catalog = FunctionCatalog::load(*connection);
  ASSERT_TRUE(catalog);
  EXPECT_FALSE(catalog->judge("nosuch", 0));
  EXPECT_FALSE(catalog->judge("upper", 0));
  EXPECT_TRUE(catalog->judge("SUM", 0));
  EXPECT_TRUE(catalog->judge("Now", 0));
}

}  // namespace
}  // namespace leat::sql
