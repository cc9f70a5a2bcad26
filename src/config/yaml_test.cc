#include "config/yaml.h"

#include <gtest/gtest.h>

#include "base/limits.h"

namespace leat::config {
namespace {

Node parse(std::string_view text) {
  Diagnostics diagnostics;
  auto node = parse_yaml(text, "f.yaml", diagnostics);
  EXPECT_TRUE(node) << diagnostics.to_string();
  return node ? *node : Node{};
}

std::string refused(std::string_view text) {
  Diagnostics diagnostics;
  auto node = parse_yaml(text, "f.yaml", diagnostics);
  EXPECT_FALSE(node);
  EXPECT_EQ(diagnostics.errors(), 1u);
  return diagnostics.to_string();
}

TEST(Yaml, KeysAndValuesHaveTheirPlaces) {
  Node node = parse("a: 1\nb:\n  c: [x, 'y']\n  d: {e: f}\n");
  ASSERT_TRUE(node.is_map());
  EXPECT_EQ(node.mark.to_string(), "f.yaml:1:1");
  EXPECT_EQ(node.entry("a")->key_mark.to_string(), "f.yaml:1:1");
  EXPECT_EQ(node.find("a")->mark.to_string(), "f.yaml:1:4");
  const Node& b = *node.find("b");
  EXPECT_EQ(b.mark.to_string(), "f.yaml:3:3");
  EXPECT_EQ(b.find("c")->mark.to_string(), "f.yaml:3:6");
  EXPECT_EQ(b.find("c")->items[1].mark.to_string(), "f.yaml:3:10");
  EXPECT_EQ(b.find("c")->items[1].style, Node::Style::kQuoted);
  EXPECT_EQ(b.find("c")->items[0].style, Node::Style::kPlain);
  EXPECT_EQ(b.find("d")->entry("e")->key_mark.to_string(), "f.yaml:4:7");
  EXPECT_EQ(b.find("d")->find("e")->mark.to_string(), "f.yaml:4:10");
}

TEST(Yaml, ColumnsCountCharactersNotBytes) {
  Node node = parse("{name: \"äöü\", next: 1}");
  EXPECT_EQ(node.entry("next")->key_mark.column, 15);
}

TEST(Yaml, AByteOrderMarkIsNoColumn) {
  Node node = parse(
      "\xEF\xBB\xBF"
      "a: 1\n");
  EXPECT_EQ(node.entry("a")->key_mark.to_string(), "f.yaml:1:1");
}

TEST(Yaml, EmptyFilesAreNothing) {
  EXPECT_TRUE(parse("").is_null());
  EXPECT_TRUE(parse("# only a comment\n").is_null());
  EXPECT_TRUE(parse("a:\n").find("a")->is_null());
  EXPECT_TRUE(parse("a: ~\n").find("a")->is_null());
  EXPECT_TRUE(parse("a: ''\n").find("a")->is_scalar());
}

TEST(Yaml, BlocksMapTheirLinesToTheFile) {
  Node node = parse("t:\n  - sql: |\n      SELECT a,\n        b\n      FROM input\n");
  const Node& sql = *node.find("t")->items[0].find("sql");
  EXPECT_EQ(sql.style, Node::Style::kBlock);
  EXPECT_EQ(sql.text, "SELECT a,\n  b\nFROM input\n");
  EXPECT_EQ(sql.mark.to_string(), "f.yaml:2:10");
  EXPECT_EQ(sql.text_mark.to_string(), "f.yaml:3:7");
  EXPECT_EQ(sql.inside(1, 8).to_string(), "f.yaml:3:14");
  EXPECT_EQ(sql.inside(2, 3).to_string(), "f.yaml:4:9");
  EXPECT_EQ(sql.inside(3, 1).to_string(), "f.yaml:5:7");
}

TEST(Yaml, BlocksWithBlankLinesAndIndicators) {
  Node blank = parse("s: |\n\n  a\n\n  b\n");
  EXPECT_EQ(blank.find("s")->text, "\na\n\nb\n");
  EXPECT_EQ(blank.find("s")->inside(2, 1).to_string(), "f.yaml:3:3");
  EXPECT_EQ(blank.find("s")->inside(4, 1).to_string(), "f.yaml:5:3");
  Node explicit_indent = parse("s: |2-\n    a\n  b\n");
  EXPECT_EQ(explicit_indent.find("s")->text, "  a\nb");
  EXPECT_EQ(explicit_indent.find("s")->inside(1, 3).to_string(), "f.yaml:2:5");
  EXPECT_EQ(explicit_indent.find("s")->inside(2, 1).to_string(), "f.yaml:3:3");
}

TEST(Yaml, OneLineScalarsMapColumnsAndFoldedOnesOnlyTheirStart) {
  Node node = parse("a: id > 0\nb: \"id > 0\"\nc: >\n  x\n  y\nd: \"a\\tb\"\n");
  EXPECT_EQ(node.find("a")->inside(1, 4).to_string(), "f.yaml:1:7");
  EXPECT_EQ(node.find("b")->inside(1, 4).to_string(), "f.yaml:2:8");
  EXPECT_EQ(node.find("c")->inside(1, 3).to_string(), "f.yaml:4:3");
  EXPECT_EQ(node.find("d")->inside(1, 3).to_string(), "f.yaml:6:4");
}

TEST(Yaml, RefusesWhatAFileMayNotHold) {
  EXPECT_EQ(refused("a: 1\nb: 2\na: 3\n"),
            "f.yaml:3:1: the key `a` is there twice; the first is in line 1; remove one\n");
  EXPECT_EQ(
      refused("a: &x 1\n"),
      "f.yaml:1:4: an anchor (`&name`) is not allowed; write the value out where it is used\n");
  EXPECT_NE(refused("a: 1\nb: *a\n").find("f.yaml:2:4: "), std::string::npos);
  EXPECT_NE(refused("a: !!binary xx\n").find("tag"), std::string::npos);
  EXPECT_NE(refused("a: 1\n---\nb: 1\n").find("second YAML document"), std::string::npos);
  EXPECT_NE(refused("[a]: 1\n").find("f.yaml:1:1: a key that is no text"), std::string::npos);
  EXPECT_NE(refused("~: 1\n").find("a key that is no text"), std::string::npos);
  EXPECT_NE(refused("<<: {a: 1}\n").find("merge key"), std::string::npos);
  EXPECT_EQ(refused("a: 1\nb: \x04\n"),
            "f.yaml:2:4: a control character; save the file as UTF-8 text\n");
  EXPECT_EQ(refused("a: 1\nb: \xFF\n"),
            "f.yaml:2:1: this line is not UTF-8; save the file as UTF-8 text\n");
}

TEST(Yaml, SyntaxErrorsHaveTheirPlace) {
  EXPECT_NE(refused("a: b: c\n").find("f.yaml:1:5: not YAML: a `:` where no value can begin"),
            std::string::npos);
  EXPECT_NE(refused("a: [1, 2\n").find("not YAML: a `[` without its `]`"), std::string::npos);
  EXPECT_NE(refused("a: {b: 1\n").find("not YAML: a `{` without its `}`"), std::string::npos);
  EXPECT_NE(refused("a:\n   b: 1\n  c: 2\n").find("f.yaml:3:3: not YAML"), std::string::npos);
  EXPECT_NE(refused("a: \"open\n").find("not YAML: the file ends inside"), std::string::npos);
}

TEST(Yaml, BoundsSizeAndDepth) {
  EXPECT_NE(refused(std::string(limits::kMaxYamlBytes + 1, 'a')).find("bytes, more than"),
            std::string::npos);
  std::string deep(limits::kMaxYamlDepth + 1, '[');
  EXPECT_NE(refused(deep + std::string(deep.size(), ']')).find("more than 64 levels"),
            std::string::npos);
  std::string fits(limits::kMaxYamlDepth, '[');
  EXPECT_TRUE(parse(fits + std::string(fits.size(), ']')).is_sequence());
  refused(std::string(100'000, '['));
}

TEST(Yaml, LongTextsAreCutInMessages) {
  Node node = parse("a: " + std::string(500, 'x') + "\n");
  EXPECT_LT(node.find("a")->found().size(), 100u);
}

}  // namespace
}  // namespace leat::config
