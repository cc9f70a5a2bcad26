// A schema tried on records: those it reads, those it breaks, those that nobody reads.
#include <gtest/gtest.h>

#include "log/log_schema_store.h"
#include "schema/registry.h"
#include "schema/registry_catalog.h"
#include "server/fixture.h"

namespace leat::server {
namespace {

using namespace std::string_literals;

constexpr const char* kWriter =
    R"({"type":"record","name":"R","fields":[{"name":"n","type":["int","string"]}]})";
constexpr const char* kInts =
    R"({"type":"record","name":"R","fields":[{"name":"n","type":"int"}]})";

class SchemaTrialTest : public ApiTest {
 protected:
  void SetUp() override {
    ApiTest::SetUp();
    rows_ = std::make_unique<log::LogSchemaStore>(*log_);
    registry_ = schema::Registry::open(*rows_, schema::parse).value();
    catalog_ = std::make_unique<schema::RegistryCatalog>(*registry_, "the registry");
    backend_.schemas = catalog_.get();
    ASSERT_EQ(catalog_->add("t-value", {schema::Format::kAvro, kWriter, {}}, false).value(), 1);
  }

  std::unique_ptr<log::LogSchemaStore> rows_;
  std::unique_ptr<schema::Registry> registry_;
  std::unique_ptr<schema::RegistryCatalog> catalog_;
};

constexpr const char* kTry = "/api/v1/topics/t/try-schema";
// A union's branch, then the value.
const std::string kInt = "\0\0\0\0\1\0\x0e"s, kString = "\0\0\0\0\1\2\2a"s, kEnds = "\0\0\0\0\1"s,
                  kUnknown = "\0\0\0\0\x09\0"s;

TEST_F(SchemaTrialTest, NamesWhatItBreaksAndCountsWhatIsBrokenAnyway) {
  auto info = topic("t");
  append(info, 0, {kInt, kString, "{\"n\":1}", kEnds, kUnknown, kInt});
  const Json tried = ask("POST", kTry, {{"schema", kInts}});
  EXPECT_EQ(tried["records"], 6);
  EXPECT_EQ(tried["fit"], 2);
  EXPECT_EQ(tried["failed"], 1);
  EXPECT_EQ(tried["unreadable"], 3);
  EXPECT_EQ(tried["whole"], true);
  ASSERT_EQ(tried["failures"].size(), 1u);
  EXPECT_EQ(tried["failures"][0]["partition"], 0);
  EXPECT_EQ(tried["failures"][0]["offset"], 1);
  EXPECT_NE(tried["failures"][0]["message"].get<std::string>().find("/n"), std::string::npos)
      << tried;
  // Its own schema reads them all.
  EXPECT_EQ(ask("POST", kTry, {{"schema", kWriter}})["fit"], 3);
}

TEST_F(SchemaTrialTest, LooksAtTheNewestOfEachPartition) {
  auto info = topic("t", 2);
  append(info, 0, {kString, kInt, kInt});
  append(info, 1, {kString, kInt});
  const Json tried = ask("POST", kTry, {{"schema", kInts}, {"records", 3}});
  EXPECT_EQ(tried["records"], 4);  // two of each
  EXPECT_EQ(tried["failed"], 1);
  EXPECT_EQ(tried["failures"][0]["partition"], 1);
  EXPECT_EQ(tried["failures"][0]["offset"], 0);
}

TEST_F(SchemaTrialTest, NamesTheNewestOfMany) {
  auto info = topic("t");
  append(info, 0, std::vector<std::string>(25, kString));
  const Json tried = ask("POST", kTry, {{"schema", kInts}});
  EXPECT_EQ(tried["failed"], 25);
  ASSERT_EQ(tried["failures"].size(), 20u);
  EXPECT_EQ(tried["failures"].back()["offset"], 24);
}

TEST_F(SchemaTrialTest, AJsonSchemasOwnConstraintsCount) {
  const auto schema = [](int least) {
    return fmt::format(
        R"({{"type":"object","properties":{{"n":{{"type":"integer","minimum":{}}}}}}})", least);
  };
  ASSERT_EQ(catalog_->add("j-value", {schema::Format::kJson, schema(0), {}}, false).value(), 2);
  append(topic("j"), 0, {"\0\0\0\0\2{\"n\":5}"s, "\0\0\0\0\2{\"n\":15}"s, "\0\0\0\0\2{\"n\":-1}"s});
  const Json tried =
      ask("POST", "/api/v1/topics/j/try-schema", {{"schema", schema(10)}, {"type", "JSON"}});
  EXPECT_EQ(tried["fit"], 1);
  EXPECT_EQ(tried["failed"], 1);
  EXPECT_EQ(tried["unreadable"], 1);
  EXPECT_EQ(tried["failures"][0]["offset"], 0);
}

TEST_F(SchemaTrialTest, SaysWhatIsWrongWithTheQuestion) {
  ask("POST", kTry, {{"schema", kInts}}, 404);
  topic("t");
  EXPECT_EQ(ask("POST", kTry, {{"schema", kInts}})["records"], 0);
  ask("POST", kTry, {{"schema", "{"}}, 400);
  ask("POST", kTry, {{"schema", kInts}, {"type", "XML"}}, 400);
  ask("POST", kTry, {{"schema", kInts}, {"references", "x"}}, 400);
  ask("POST", kTry, {{"schema", kInts}, {"records", 0}}, 400);
}

}  // namespace
}  // namespace leat::server
