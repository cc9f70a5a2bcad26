#include "app/table.h"

#include <gtest/gtest.h>

#include "app/answer.h"
#include "app/console.h"

namespace leat::app {
namespace {

Table people() {
  Table table({"name", "n", "note"});
  table.add({"Åse", int64_t{7}, Cell()});
  table.add({"李小龙", int64_t{1234}, "a\tb\x1b[31m"});
  return table;
}

TEST(Table, AlignsByWhatATerminalShows) {
  EXPECT_EQ(people().render(Format::kTable, 0),
            "name       n  note\n"
            "Åse        7  -\n"
            "李小龙  1234  a\\tb\\x1b[31m\n");
}

TEST(Table, CutsToTheTerminalOnly) {
  Table table({"id", "text"});
  table.add({int64_t{1}, std::string(50, 'x')});
  EXPECT_EQ(table.render(Format::kTable, 20), "id  text\n 1  " + std::string(15, 'x') + "…\n");
  EXPECT_NE(table.render(Format::kTable, 0).find(std::string(50, 'x')), std::string::npos);
}

TEST(Table, WritesJsonThatKeepsLiterals) {
  Table table({"a", "b \"q\""});
  table.add({Cell::literal("12345678901234567890.10"), "x\ny"});
  table.add({Cell(), Cell::literal("{\"k\":[1,2]}")});
  EXPECT_EQ(table.render(Format::kJson, 0),
            "[\n{\"a\":12345678901234567890.10,\"b \\\"q\\\"\":\"x\\ny\"},\n{\"a\":null,\"b "
            "\\\"q\\\"\":{\"k\":[1,2]}}\n]\n");
  EXPECT_EQ(Table({"a"}).render(Format::kJson, 0), "[]\n");
}

TEST(Table, WritesCsvByRfc4180) {
  Table table({"a", "b,c"});
  table.add({"x\"y", "line\nend"});
  table.add({Cell(), ""});
  table.add({int64_t{-5}, "plain"});
  EXPECT_EQ(table.render(Format::kCsv, 0),
            "a,\"b,c\"\n\"x\"\"y\",\"line\nend\"\n,\"\"\n-5,plain\n");
}

TEST(Console, WidthCountsCells) {
  EXPECT_EQ(display_width("abc"), 3u);
  EXPECT_EQ(display_width("日本"), 4u);
  EXPECT_EQ(display_width("e\u0301"), 1u);
  EXPECT_EQ(display_width("😀"), 2u);
  EXPECT_EQ(display_width("\xff"), 1u);
  EXPECT_EQ(cut_to_width("日本語", 5), "日本…");
  EXPECT_EQ(cut_to_width("日本語", 4), "日…");
  EXPECT_EQ(cut_to_width("abc", 3), "abc");
  EXPECT_EQ(cut_to_width("abc", 0), "");
}

TEST(Console, NothingSteersTheTerminal) {
  EXPECT_EQ(printable("a\x1b]0;t\x07\x7f", false), "a\\x1b]0;t\\x07\\x7f");
  EXPECT_EQ(printable("\u009b31m", false), "\\u009b31m");
  EXPECT_EQ(printable("\u202eevil", false), "\\u202eevil");
  EXPECT_EQ(printable("\xc3(\xff", false), "\\xc3(\\xff");
  EXPECT_EQ(printable("a\nb\tc\r", true), "a\nb\tc\\r");
  EXPECT_EQ(printable("a\nb", false), "a\\nb");
  EXPECT_EQ(printable("Ærø 日本", false), "Ærø 日本");
}

TEST(Answer, KeepsEveryDigit) {
  auto answer = read_answer(
      R"({"columns":[{"name":"n","type":"HUGEINT"},{"name":"s","type":"STRUCT"},{"name":"t","type":"VARCHAR"}],)"
      R"("rows":[[170141183460469231731687303715884105727,{"a":[1.10,null,"x\"y"],"b":{}},"text"],[1.00,[],null],)"
      R"([true,[{"c":false},[2]],""]],"row_count":3,"truncated":true,"elapsed_ms":1.5})");
  ASSERT_TRUE(answer) << answer.error().to_string();
  EXPECT_TRUE(answer->truncated);
  EXPECT_EQ(answer->elapsed_ms, 1.5);
  EXPECT_EQ(answer->table.render(Format::kJson, 0),
            "[\n{\"n\":170141183460469231731687303715884105727,\"s\":{\"a\":[1.10,null,\"x\\\"y\"],"
            "\"b\":{}},\"t\":\"text\"},\n"
            "{\"n\":1.00,\"s\":[],\"t\":null},\n"
            "{\"n\":true,\"s\":[{\"c\":false},[2]],\"t\":\"\"}\n]\n");
}

TEST(Answer, RefusesWhatIsNone) {
  for (const char* text :
       {"", "[", "{\"columns\":[{\"name\":\"a\"}],\"rows\":[[1,2]]}", "{\"rows\":[[1]]}"}) {
    EXPECT_FALSE(read_answer(text)) << text;
  }
  auto empty =
      read_answer(R"({"columns":[{"name":"a","type":"INTEGER"}],"rows":[],"truncated":false})");
  ASSERT_TRUE(empty);
  EXPECT_EQ(empty->table.rows(), 0u);
}

}  // namespace
}  // namespace leat::app
