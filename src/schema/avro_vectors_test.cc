// Apache Avro's own test data: tests/vectors/avro/README.md.
#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <sstream>

#include "schema/avro_schema.h"

namespace leat::schema::avro {
namespace {

std::string file(const std::string& name) {
  std::ifstream in("tests/vectors/avro/" + name);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

Schema parsed(const std::string& text) { return parse_schema(text, {}).value(); }

/// One "<<NAME value" of Avro's file; a value of several lines ends with its name in a line.
struct Case {
  std::string input, canonical;
  std::optional<int64_t> fingerprint;
};

std::vector<Case> cases() {
  std::vector<Case> found;
  std::istringstream in(file("schema-tests.txt"));
  for (std::string line; std::getline(in, line);) {
    if (!line.starts_with("<<")) continue;
    const size_t space = line.find(' ');
    const std::string name = line.substr(2, space - 2);
    std::string value = space == line.npos ? "" : line.substr(space + 1);
    if (space == line.npos) {
      for (std::string more; std::getline(in, more) && more != name;) value += more + "\n";
    }
    if (name == "INPUT") found.push_back({value, "", {}});
    if (name == "canonical") found.back().canonical = value;
    if (name == "fingerprint") found.back().fingerprint = std::stoll(value);
  }
  return found;
}

TEST(AvroVectors, CanonicalFormsAndFingerprints) {
  size_t fingerprints = 0;
  for (const Case& one : cases()) {
    const std::string canonical = parsing_canonical_form(parsed(one.input));
    EXPECT_EQ(canonical, one.canonical) << one.input;
    if (!one.fingerprint) continue;
    ++fingerprints;
    EXPECT_EQ(static_cast<int64_t>(fingerprint64(canonical)), *one.fingerprint) << one.input;
  }
  EXPECT_EQ(cases().size(), 34U);
  EXPECT_EQ(fingerprints, 26U);
}

TEST(AvroVectors, Compatibility) {
  const Json pairs = Json::parse(file("compatibility.json"));
  EXPECT_EQ(pairs.size(), 131U);
  for (const Json& pair : pairs) {
    const auto found =
        resolution_differences(parsed(pair["reader"].dump()), parsed(pair["writer"].dump()));
    EXPECT_EQ(found.empty(), pair["compatible"].get<bool>()) << pair.dump();
    std::vector<std::string> kinds;
    std::set<std::string> paths;
    for (const Difference& one : found) {
      kinds.push_back(one.rule);
      std::transform(kinds.back().begin(), kinds.back().end(), kinds.back().begin(), ::tolower);
      paths.insert(one.path);
      EXPECT_FALSE(one.message.empty());
    }
    auto expected = pair["locations"].get<std::set<std::string>>();
    if (found.empty() || expected.size() > paths.size()) expected.erase("/");
    EXPECT_EQ(kinds, pair["kinds"].get<std::vector<std::string>>()) << pair.dump();
    EXPECT_EQ(paths, expected) << pair.dump();
  }
}

}  // namespace
}  // namespace leat::schema::avro
