// The required tests of the JSON Schema Test Suite: tests/vectors/json-schema/README.md.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "codec/json_validate.h"

namespace leat::codec {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

const fs::path kSuite = "tests/vectors/json-schema";

std::string text_of(const fs::path& path) {
  std::ifstream in(path);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

std::vector<JsonSchemaReference> remotes() {
  std::vector<JsonSchemaReference> found;
  for (const auto& entry : fs::recursive_directory_iterator(kSuite / "remotes")) {
    if (!entry.is_regular_file()) continue;
    const std::string name = fs::relative(entry.path(), kSuite / "remotes").string();
    found.push_back({"http://localhost:1234/" + name, text_of(entry.path())});
  }
  return found;
}

/// How many tests of a draft there are; each is checked.
size_t run(const char* folder, JsonDraft draft) {
  const std::vector<JsonSchemaReference> references = remotes();
  size_t tests = 0;
  for (const auto& entry : fs::directory_iterator(kSuite / folder)) {
    for (const Json& group : Json::parse(text_of(entry.path()))) {
      const std::string schema = group["schema"].dump();
      auto validator = JsonValidator::make(schema, references, draft);
      EXPECT_TRUE(validator.has_value()) << entry.path() << schema << validator.error().to_string();
      for (const Json& test : group["tests"]) {
        ++tests;
        if (!validator) continue;
        const auto found = validator.value()->check(test["data"].dump());
        EXPECT_EQ(!found, test["valid"].get<bool>())
            << entry.path() << " " << group["description"] << " " << test["description"] << " "
            << (found ? found->to_string() : "");
      }
    }
  }
  std::cout << "JSON Schema Test Suite, " << folder << ": " << tests << " required tests\n";
  return tests;
}

TEST(JsonSchemaSuite, Draft7) { EXPECT_EQ(run("draft7", JsonDraft::k7), 927U); }
TEST(JsonSchemaSuite, Draft202012) { EXPECT_EQ(run("draft2020-12", JsonDraft::k202012), 1299U); }

}  // namespace
}  // namespace leat::codec
