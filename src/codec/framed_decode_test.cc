#include "codec/framed_decode.h"

#include <gmock/gmock.h>

#include "codec/avro_bytes.h"
#include "codec/keyed_encode.h"
#include "codec/schema_codec.h"
#include "codec/schema_text.h"
#include "testing/result.h"

namespace leat::codec {
namespace {

using stream::Reason;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::shared_ptr<const schema::ParsedSchema> avro(std::string_view text) {
  return schema::parse(schema::Format::kAvro, text, {}).value();
}

const char* const kOld = R"({"type":"record","name":"r","fields":[{"name":"n","type":"int"}]})";
const char* const kNew =
    R"({"type":"record","name":"r","fields":[{"name":"n","type":"long"},
        {"name":"s","type":"string","default":"none"}]})";
const char* const kOther =
    R"({"type":"record","name":"r","fields":[{"name":"n","type":"string"}]})";

std::string number(int64_t value) {
  std::string bytes;
  append_avro_long(value, bytes);
  return bytes;
}

struct FramedDecoding : ::testing::Test {
  /// Decodes with kNew as the reader; schemas 1 (kOld), 2 (kNew) and 3 (kOther) are known.
  void decode(const std::vector<std::optional<std::string>>& values) {
    stream::RecordBatch batch;
    for (const auto& value : values) {
      stream::Record record;
      if (value) record.value = *value;
      batch.records.push_back(record);
    }
    rows_.clear(), rejects_.clear(), out_.reset();
    decoder_->decode(batch, out_, rows_, rejects_);
  }
  std::string row(size_t i) {
    const types::Batch view = out_.view();
    return fmt::format("{} {}", view.columns[0].at<int64_t>(i), view.columns[1].text(i));
  }

  std::shared_ptr<const schema::ParsedSchema> reader_ = avro(kNew);
  types::Schema columns_ = schema_columns(*reader_).value();
  types::BatchBuffer out_{columns_};
  std::vector<uint32_t> rows_;
  std::vector<stream::Reject> rejects_;
  std::vector<int32_t> asked_;
  const std::string frame_and_more_ = schema_frame(1) + "x";
  std::unique_ptr<stream::Decoder> decoder_ = make_framed_decoder(
      [this](const SchemaId& id,
             std::string_view indexes) -> Result<std::unique_ptr<stream::Decoder>> {
        asked_.push_back(std::get<int32_t>(id));
        const char* const known[] = {kOld, kNew, kOther};
        if (asked_.back() < 1 || asked_.back() > 3) return Error(ErrorCode::kNotFound, "nobody's");
        return make_schema_decoder(*avro(known[asked_.back() - 1]), *reader_, columns_, indexes);
      });
};

TEST_F(FramedDecoding, EachRecordIsReadWithTheSchemaThatWroteIt) {
  decode({schema_frame(1) + number(7), schema_frame(2) + number(8) + number(2) + "hi",
          schema_frame(1) + number(9)});
  EXPECT_THAT(rows_, ElementsAre(0, 1, 2));
  ASSERT_TRUE(rejects_.empty());
  EXPECT_EQ(row(0), "7 none");
  EXPECT_EQ(row(1), "8 hi");
  EXPECT_EQ(row(2), "9 none");
  EXPECT_THAT(asked_, ElementsAre(1, 2));  // once each
}

TEST_F(FramedDecoding, ABadRecordHasItsOwnReasonAndLeavesItsNeighboursAlone) {
  decode({schema_frame(1) + number(1), "{\"n\": 1}", std::nullopt, schema_frame(1) + number(2),
          schema_frame(3) + number(2) + "x", schema_frame(9) + number(3), schema_frame(1),
          std::string("\0\0", 2), schema_frame(1) + number(4)});
  EXPECT_THAT(rows_, ElementsAre(0, 3, 8));
  EXPECT_EQ(row(2), "4 none");
  std::vector<std::pair<uint32_t, Reason>> found;
  for (const stream::Reject& reject : rejects_) found.emplace_back(reject.record, reject.reason);
  std::sort(found.begin(), found.end());
  EXPECT_THAT(
      found,
      ElementsAre(std::pair(1u, Reason::kMalformed), std::pair(2u, Reason::kNullValue),
                  std::pair(4u, Reason::kSchemaMismatch), std::pair(5u, Reason::kUnknownSchema),
                  std::pair(6u, Reason::kMalformed), std::pair(7u, Reason::kMalformed)));
  for (const stream::Reject& reject : rejects_)
    if (reject.record == 4) {
      EXPECT_THAT(reject.message, HasSubstr("/n"));
    }
  // A schema that was unknown is asked for again.
  decode({schema_frame(9) + number(3)});
  EXPECT_EQ(std::count(asked_.begin(), asked_.end(), 9), 2);
}

TEST_F(FramedDecoding, AHeaderNamesTheSchemaToo) {
  const std::string frame = schema_frame(1), value = number(5);
  const stream::Header header{kValueSchemaHeader, frame};
  stream::RecordBatch batch;
  batch.records.resize(1);
  batch.records[0].value = value;
  batch.records[0].headers = {&header, 1};
  decoder_->decode(batch, out_, rows_, rejects_);
  ASSERT_TRUE(rejects_.empty());
  EXPECT_EQ(row(0), "5 none");
  // Only Protobuf has more than the id there.
  const stream::Header more{kValueSchemaHeader, frame_and_more_};
  batch.records[0].headers = {&more, 1};
  decoder_->decode(batch, out_, rows_, rejects_);
  ASSERT_EQ(rejects_.size(), 1u);
  EXPECT_THAT(rejects_[0].message, HasSubstr("1 bytes behind the schema's id in its header"));
}

std::shared_ptr<const schema::ParsedSchema> proto(std::string_view body) {
  return schema::parse(schema::Format::kProtobuf, "syntax = \"proto3\";" + std::string(body), {})
      .value();
}

TEST(FramedProtobuf, TheIndexesOfTheMessageMayStandInTheHeader) {
  const auto writer =
      proto("message Other {} message M { int32 a = 1; message In { int32 b = 1; } }");
  const auto reader = proto("message M { int32 a = 1; message In {} } message Other {}");
  const types::Schema columns = schema_columns(*reader).value();
  const auto decode = [&](std::string_view indexes, std::string_view bytes) {
    auto decoder = make_schema_decoder(*writer, *reader, columns, indexes);
    if (!decoder) return decoder.error().message();
    types::BatchBuffer out(columns);
    std::vector<uint32_t> rows;
    std::vector<stream::Reject> rejects;
    stream::RecordBatch batch;
    batch.records.resize(1);
    batch.records[0].value = bytes;
    (*decoder)->decode(batch, out, rows, rejects);
    return rejects.empty() ? std::to_string(out.view().columns[0].at<int32_t>(0))
                           : rejects[0].message;
  };
  EXPECT_EQ(decode("\2\2", "\x08\x07"), "7");  // one index, of the second message
  EXPECT_EQ(decode("", "\2\2\x08\x07"), "7");
  EXPECT_THAT(decode(std::string_view("\0", 1), ""), HasSubstr("the record is a Other"));
  EXPECT_THAT(decode("\4\2", ""), HasSubstr("a message index"));
  EXPECT_THAT(decode("\2\2x", ""), HasSubstr("bytes behind the message indexes"));
}

TEST(SchemaEncoding, WithoutAFrameTheValueIsTheBytesAndTheHeaderHasTheIndexes) {
  const auto schema = proto("message M { optional int32 a = 1; }");
  const types::Schema columns = schema_columns(*schema).value();
  const auto value = [&](std::optional<std::string> prefix) {
    auto encoder = make_schema_encoder(*schema, columns, {}, std::move(prefix)).value();
    types::BatchBuffer rows(columns);
    rows.column(0).append(int32_t{7});
    stream::EncodedRows out;
    std::vector<stream::Encoder::Failure> failed;
    encoder->encode(rows.view(), out, failed);
    return std::string(out.values[0].value_or("none"));
  };
  EXPECT_EQ(value(std::nullopt), "\x08\x07");
  EXPECT_EQ(value("frame"), std::string("frame\0\x08\x07", 8));
  EXPECT_EQ(header_indexes(*schema).value(), std::string(1, '\0'));
  EXPECT_EQ(header_indexes(*avro(kOld)).value(), "");
}

TEST(SchemaEncoding, TheFrameStandsBeforeEachValue) {
  const auto schema = avro(kOld);
  const types::Schema columns = schema_columns(*schema).value();
  auto encoder = make_schema_encoder(*schema, columns, {0}, schema_frame(258));
  ASSERT_OK(encoder);
  types::BatchBuffer rows(columns);
  rows.column(0).append(int32_t{-1});
  rows.column(0).append(int32_t{64});
  stream::EncodedRows out;
  std::vector<stream::Encoder::Failure> failed;
  (*encoder)->encode(rows.view(), out, failed);
  ASSERT_TRUE(failed.empty());
  EXPECT_EQ(*out.values[0], std::string_view("\0\0\0\1\2\1", 6));
  EXPECT_EQ(*out.values[1], std::string_view("\0\0\0\1\2\x80\1", 7));
  EXPECT_EQ(*out.keys[1], "64");
}

TEST(SchemaEncoding, KeysHaveASchemaOfTheirOwn) {
  const auto value =
      avro(R"({"type":"record","name":"r","fields":[{"name":"n","type":["null","int"]},
      {"name":"s","type":["null","string"]}]})");
  const auto key = avro(R"("string")");
  const types::Schema columns = schema_columns(*value).value();
  types::Schema of_key;
  of_key.fields = {columns.fields[1]};
  auto encoder = make_keyed_encoder(
      make_schema_encoder(*value, columns, {}, schema_frame(1)).value(),
      make_schema_encoder(*key, of_key, {}, schema_frame(2)).value(), columns, {1});
  types::BatchBuffer rows(columns);
  stream::EncodedRows out;
  std::vector<stream::Encoder::Failure> failed;
  for (const char* text : {"a", "bc"}) {
    rows.column(0).append(int32_t{1});
    rows.column(1).append(types::StringRef(text));
  }
  encoder->encode(rows.view(), out, failed);
  encoder->encode(rows.view(), out, failed);  // behind what is there
  ASSERT_TRUE(failed.empty());
  ASSERT_EQ(out.keys.size(), 4u);
  ASSERT_EQ(out.values.size(), 4u);
  EXPECT_EQ(*out.keys[2], schema_frame(2) + "\2" + "a");
  EXPECT_EQ(*out.keys[3], schema_frame(2) + "\4" + "bc");
  EXPECT_EQ(*out.values[3], schema_frame(1) + "\2\2\2\4bc");
  rows.reset();
  rows.column(0).append(int32_t{1});
  rows.column(1).append_null();
  encoder->encode(rows.view(), out, failed);
  ASSERT_FALSE(failed.empty());
  EXPECT_EQ(failed[0].reason, Reason::kNullKey);
  EXPECT_EQ(failed[0].message, "/s: the key is null");
}

TEST(SchemaTexts, AKeyIsTheTextThatItIsWithoutASchema) {
  const auto text = [](const char* schema, std::string_view bytes) {
    return make_key_text(*avro(schema)).value()->of(bytes).value_or("none");
  };
  EXPECT_EQ(text(R"("string")", "\4hi"), "hi");
  EXPECT_EQ(text(R"("long")", number(-7)), "-7");
  const char* const one =
      R"({"type":"record","name":"r","fields":[{"name":"id","type":"string"}]})";
  EXPECT_EQ(text(one, "\4hi"), "hi");
  const char* const two = R"({"type":"record","name":"r","fields":[{"name":"a","type":"string"},
      {"name":"b","type":"int"}]})";
  EXPECT_EQ(text(two, "\4hi" + number(58)), R"(["hi",58])");
  EXPECT_EQ(text(R"(["null","string"])", number(0)), "none");
  EXPECT_EQ(text(one, ""), "none");
}

TEST(SchemaTexts, ARecordAsJson) {
  auto text = make_schema_text(*avro(
      R"({"type":"record","name":"r","fields":[{"name":"d","type":"double"},{"name":"s","type":["null","string"]}]})"));
  ASSERT_OK(text);
  std::string record(8, '\0');
  const double infinite = -std::numeric_limits<double>::infinity();
  std::memcpy(record.data(), &infinite, 8);
  EXPECT_EQ((*text)->of(record + number(1) + number(1) + "\""), R"({"d":"-inf","s":"\""})");
  EXPECT_EQ((*text)->of(record + number(0)), R"({"d":"-inf","s":null})");
  EXPECT_EQ((*text)->of(record), std::nullopt);
  EXPECT_EQ((*text)->of("{}"), std::nullopt);
}

}  // namespace
}  // namespace leat::codec
