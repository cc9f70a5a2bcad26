#include "runtime/writer_schemas.h"

#include <fmt/core.h>
#include <gmock/gmock.h>

#include <deque>
#include <set>

#include "testing/manual_clock.h"
#include "testing/result.h"

namespace leat::runtime {
namespace {

using codec::SchemaId;
using std::chrono::milliseconds;
using ::testing::HasSubstr;

/// A registry that a test fills and takes away.
class FakeCatalog final : public schema::Catalog {
 public:
  std::map<int32_t, std::string> schemas;
  bool away = false;
  std::optional<Error> refuses;  // what every question gets
  int asked = 0;

  std::string name() const override { return "the registry"; }
  Result<std::shared_ptr<const schema::SchemaText>> schema(int32_t id,
                                                           const std::string&) override {
    ++asked;
    if (away) return Error(ErrorCode::kUnavailable, "nobody answers").with_retry(Retry::kBackoff);
    if (refuses) return Error(*refuses);
    auto found = schemas.find(id);
    if (found == schemas.end()) return Error(ErrorCode::kNotFound, "40403");
    return std::make_shared<const schema::SchemaText>(
        schema::SchemaText{schema::Format::kAvro, found->second, {}});
  }
  Result<std::shared_ptr<const schema::SchemaText>> schema(const std::string&) override {
    return Error(ErrorCode::kNotFound, "40403");
  }
  Result<schema::SchemaVersion> version(const std::string&, int32_t) override {
    return Error(ErrorCode::kNotFound, "40401");
  }
  Result<int32_t> add(const std::string&, const schema::SchemaText&, bool) override { return 1; }
  Result<schema::SchemaVersion> find(const std::string&, const schema::SchemaText&) override {
    return Error(ErrorCode::kNotFound, "40403");
  }
};

/// Batches of one record each.
class FakeInput final : public LaneInput {
 public:
  std::deque<std::string> values;

  Result<bool> next(InputBatch& out, std::stop_token, milliseconds) override {
    if (values.empty()) return false;
    auto bytes = std::make_shared<const std::string>(std::move(values.front()));
    values.pop_front();
    stream::Record record;
    record.offset = read_;
    record.value = *bytes;
    out.records.origin = {"t", {}, 0};
    out.records.records = {record};
    out.records.storage = {bytes};
    out.records.next_offset = ++read_;
    return true;
  }
  Result<void> fix_end() override { return {}; }
  Result<bool> at_end() override { return values.empty(); }
  Result<int64_t> waiting() override { return static_cast<int64_t>(values.size()); }
  StartPositions positions() const override { return {{{"t", {}, 0}, {read_, 0}}}; }

 private:
  int64_t read_ = 0;
};

struct WriterSchemasTest : ::testing::Test {
  WriterSchemasTest() {
    auto made = std::make_unique<FakeInput>();
    source_ = made.get();
    input_ = make_schema_input(std::move(made), clock_, schemas_);
  }
  bool next() {
    auto some = input_->next(batch_, {}, milliseconds(100));
    EXPECT_OK(some);
    return some && *some;
  }

  testing::ManualClock clock_;
  FakeCatalog catalog_;
  std::shared_ptr<WriterSchemas> schemas_ =
      std::make_shared<WriterSchemas>(catalog_, clock_, "t-value");
  FakeInput* source_;
  std::unique_ptr<LaneInput> input_;
  InputBatch batch_;
};

TEST_F(WriterSchemasTest, AsksOnceForEachSchemaAndGoesOnWhenTheRegistryIsAway) {
  catalog_.schemas[7] = "\"int\"";
  source_->values = {codec::schema_frame(7) + "a", codec::schema_frame(7) + "b"};
  EXPECT_TRUE(next());
  EXPECT_OK(schemas_->find(SchemaId(7)));
  catalog_.away = true;
  EXPECT_TRUE(next());
  EXPECT_EQ(catalog_.asked, 1);
  EXPECT_EQ(input_->trouble(), "");
}

TEST_F(WriterSchemasTest, HoldsABatchWithoutEndWhileTheRegistryIsAway) {
  catalog_.away = true;
  catalog_.schemas[7] = "\"int\"";
  source_->values = {codec::schema_frame(7) + "a"};
  for (int i = 0; i < 1000; ++i) ASSERT_FALSE(next());
  EXPECT_THAT(input_->trouble(), HasSubstr("nobody answers"));
  // What it holds has been read and not been handed on: it waits, the end is not reached, no position may pass it.
  EXPECT_EQ(*input_->waiting(), 1);
  EXPECT_FALSE(*input_->at_end());
  EXPECT_TRUE(input_->positions().empty());
  catalog_.away = false;
  while (!next()) {
  }
  EXPECT_EQ(batch_.records.records[0].value->substr(5), "a");
  EXPECT_EQ(input_->trouble(), "");
  EXPECT_TRUE(*input_->at_end());
  EXPECT_EQ(input_->positions().size(), 1u);
}

TEST_F(WriterSchemasTest, WaitsForASchemaThatComesLate) {
  source_->values = {codec::schema_frame(7) + "a"};
  for (int i = 0; i < 10; ++i) ASSERT_FALSE(next());
  EXPECT_THAT(input_->trouble(), HasSubstr("record t[0]@0 has schema 7, which the registry does"));
  catalog_.schemas[7] = "\"int\"";
  while (!next()) {
  }
  EXPECT_OK(schemas_->find(SchemaId(7)));
}

TEST_F(WriterSchemasTest, AnIdThatNobodyRegistersIsGivenUpAndTheNextOnesSooner) {
  const auto wait = [&](int32_t id) {
    source_->values = {codec::schema_frame(id) + "a"};
    const int64_t start = clock_.steady_ms();
    while (!next()) {
    }
    return clock_.steady_ms() - start;
  };
  const int64_t first = wait(7);
  EXPECT_GE(first, limits::kUnknownSchemaWaitMs);
  EXPECT_LE(first, limits::kUnknownSchemaWaitMs + 1000);
  EXPECT_EQ(schemas_->find(SchemaId(7)).error().code(), ErrorCode::kNotFound);
  EXPECT_EQ(wait(7), 0);  // nobody waits twice
  int64_t last = first;
  for (int32_t id = 8; id < 20; ++id) last = wait(id);
  EXPECT_LE(last, 1000);
  // Registered after all: later records find it.
  catalog_.schemas[7] = "\"int\"";
  clock_.advance_ms(limits::kUnknownSchemaWaitMs);
  wait(7);
  EXPECT_OK(schemas_->find(SchemaId(7)));
}

TEST_F(WriterSchemasTest, AnAnswerAboutOneIdIsWaitedForAWhileAndALoginThatFailsWithoutEnd) {
  // Another team's subject: the registry will not show it. The records behind it must not wait for ever.
  catalog_.refuses = std::move(Error(ErrorCode::kPermission, "40301")).with_contract_code(40301);
  source_->values = {codec::schema_frame(7) + "a"};
  for (int i = 0; i < 200 && !next(); ++i) {
  }
  EXPECT_EQ(schemas_->find(SchemaId(7)).error().code(), ErrorCode::kNotFound);
  EXPECT_EQ(input_->trouble(), "");
  catalog_.refuses = std::move(Error(ErrorCode::kPermission, "40101")).with_contract_code(40101);
  source_->values = {codec::schema_frame(8) + "a"};
  for (int i = 0; i < 1000; ++i) ASSERT_FALSE(next());
  EXPECT_THAT(input_->trouble(), HasSubstr("40101"));
}

TEST_F(WriterSchemasTest, ARegistryThatIsAwayIsAskedForOneSchemaOfABatchAtATime) {
  catalog_.away = true;
  InputBatch batch;
  std::vector<std::string> values;
  for (int32_t id = 1; id <= 50; ++id) values.push_back(codec::schema_frame(id) + "a");
  for (const std::string& value : values) {
    stream::Record record;
    record.value = value;
    batch.records.records.push_back(record);
  }
  EXPECT_FALSE(schemas_->learn(batch.records));
  EXPECT_EQ(catalog_.asked, 1);
}

TEST_F(WriterSchemasTest, WhatIsNoSchemaIsKnownToBeNone) {
  catalog_.schemas[7] = "{";
  source_->values = {codec::schema_frame(7) + "a", "no frame at all", ""};
  EXPECT_TRUE(next());
  EXPECT_EQ(schemas_->find(SchemaId(7)).error().code(), ErrorCode::kInvalidArgument);
  EXPECT_TRUE(next());
  EXPECT_TRUE(next());
}

/// One batch: each record without a value, with a key and, when there is one, the header that names its schema.
class FakeKeys final : public LaneInput {
 public:
  struct Key {
    std::string bytes, header = {};
  };
  std::vector<Key> keys;
  bool letters = false;

  Result<bool> next(InputBatch& out, std::stop_token, milliseconds) override {
    out.records.clear();
    out.records.origin = {"t", {}, 0};
    out.originals.clear();
    out.records.header_storage.reserve(2 * keys.size());
    for (const Key& key : keys) {
      stream::Record& record = out.records.records.emplace_back();
      record.offset = static_cast<int64_t>(out.records.records.size());
      record.key = key.bytes;
      auto& headers = out.records.header_storage;
      const size_t first = headers.size();
      headers.push_back({"other", "1"});
      if (!key.header.empty()) headers.push_back({codec::kKeySchemaHeader, key.header});
      record.headers = {headers.data() + first, headers.size() - first};
      if (letters) out.originals.push_back({out.records.origin, record.offset});
    }
    return true;
  }
  Result<void> fix_end() override { return {}; }
  Result<bool> at_end() override { return true; }
  Result<int64_t> waiting() override { return 0; }
};

struct KeyTextTest : ::testing::Test {
  KeyTextTest() {
    catalog_.schemas[7] = "\"string\"";
    catalog_.schemas[8] = R"(["null","string"])";
    catalog_.schemas[9] = "{";
  }
  /// What comes out for `keys`.
  void read(std::vector<FakeKeys::Key> keys, bool letters = false) {
    auto made = std::make_unique<FakeKeys>();
    made->keys = std::move(keys);
    made->letters = letters;
    FakeKeys* source = made.get();
    input_ = make_schema_input(
        std::move(made), clock_, std::make_shared<WriterSchemas>(catalog_, clock_, "t-value"),
        std::make_shared<WriterSchemas>(catalog_, clock_, "t-key", RecordPart::kKey));
    for (int i = 0; i < 1000; ++i) {
      auto some = input_->next(batch_, {}, milliseconds(100));
      ASSERT_OK(some);
      if (*some) return;
    }
    FAIL() << source->trouble();
  }
  std::string_view key(size_t i) { return *batch_.records.records[i].key; }
  size_t headers(size_t i) { return batch_.records.records[i].headers.size(); }

  testing::ManualClock clock_;
  FakeCatalog catalog_;
  std::unique_ptr<LaneInput> input_;
  InputBatch batch_;
};

TEST_F(KeyTextTest, AKeyOfASchemaIsItsTextAndLosesTheHeaderThatWasOfItsBytes) {
  read({{codec::schema_frame(7) + "\2a"}, {"\2b", codec::schema_frame(7)}, {"text"}});
  EXPECT_TRUE(batch_.refused.empty());
  EXPECT_EQ(key(0), "a");
  EXPECT_EQ(key(1), "b");
  EXPECT_EQ(key(2), "text");
  for (size_t i = 0; i < 3; ++i) {
    ASSERT_EQ(headers(i), 1u) << i;
    EXPECT_EQ(batch_.records.records[i].headers[0].key, "other");
  }
}

TEST_F(KeyTextTest, AKeyWhoseSchemaIsNotGivenIsRefusedAndCanBeReadAgain) {
  catalog_.schemas.erase(7);
  const std::vector<FakeKeys::Key> keys = {
      {codec::schema_frame(7) + "\2a"}, {"\2b", codec::schema_frame(7)}, {"text"}};
  for (const bool letters : {false, true}) {
    read(keys, letters);
    ASSERT_EQ(batch_.refused.size(), 2u);
    for (size_t i = 0; i < 2; ++i) {
      const stream::Reject& refused = batch_.refused[i];
      EXPECT_EQ(refused.record, i);
      EXPECT_EQ(refused.stage, stream::Stage::kDecode);
      EXPECT_EQ(refused.reason, stream::Reason::kUnknownSchema);
      EXPECT_THAT(refused.message, HasSubstr(fmt::format("record t[0]@{}", i + 1)));
      EXPECT_THAT(refused.message, HasSubstr("schema 7"));
      EXPECT_EQ(key(i), keys[i].bytes);
    }
    EXPECT_EQ(headers(1), 2u);
  }
  catalog_.schemas[7] = "\"string\"";
  read(keys, /*letters=*/true);
  EXPECT_TRUE(batch_.refused.empty());
  EXPECT_EQ(key(0), "a");
  EXPECT_EQ(key(1), "b");
}

TEST_F(KeyTextTest, BytesThatAreNoKeyOfTheirSchemaAreRefused) {
  read({{codec::schema_frame(7) + "\4a"},
        {codec::schema_frame(8) + std::string(1, '\0')},
        {codec::schema_frame(9) + "a"},
        {"a", "no id"}});
  ASSERT_EQ(batch_.refused.size(), 4u);
  EXPECT_EQ(batch_.refused[0].reason, stream::Reason::kMalformed);
  EXPECT_THAT(batch_.refused[0].message, HasSubstr("2 bytes, which are no key of schema 7"));
  EXPECT_EQ(batch_.refused[1].reason, stream::Reason::kMalformed);
  EXPECT_EQ(batch_.refused[2].reason, stream::Reason::kSchemaMismatch);
  EXPECT_THAT(batch_.refused[2].message, HasSubstr("schema 9"));
  EXPECT_EQ(batch_.refused[3].reason, stream::Reason::kMalformed);
  EXPECT_THAT(batch_.refused[3].message, HasSubstr("header __key_schema_id"));
}

TEST(SchemaIdText, OfNumbersAndGuids) {
  EXPECT_EQ(schema_id_text(SchemaId(17)), "17");
  codec::SchemaGuid guid;
  for (size_t i = 0; i < guid.size(); ++i) guid[i] = static_cast<char>(i + 0xf0);
  EXPECT_EQ(schema_id_text(guid), "f0f1f2f3-f4f5-f6f7-f8f9-fafbfcfdfeff");
}

}  // namespace
}  // namespace leat::runtime
