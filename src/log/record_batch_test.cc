#include "log/record_batch.h"

#include <dlfcn.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/limits.h"
#include "base/strings.h"
#include "io/random.h"
#include "log/crc32c.h"
#include "log/keys.h"

namespace leat::log {
namespace {

using ::testing::HasSubstr;

// The vectors of RFC 3720, appendix B.4.
TEST(Crc32c, HasTheVectorsOfTheRfc) {
  std::string zeros(32, '\0'), ones(32, '\xff'), up, down;
  for (int i = 0; i < 32; ++i) {
    up += static_cast<char>(i);
    down += static_cast<char>(31 - i);
  }
  for (auto* checksum : {&crc32c, &crc32c_internal::portable}) {
    EXPECT_EQ(checksum(0, zeros), 0x8a9136aau);
    EXPECT_EQ(checksum(0, ones), 0x62a8ab43u);
    EXPECT_EQ(checksum(0, up), 0x46dd794eu);
    EXPECT_EQ(checksum(0, down), 0x113fdb5cu);
    EXPECT_EQ(checksum(0, "123456789"), 0xe3069283u);
    EXPECT_EQ(checksum(0, ""), 0u);
  }
}

TEST(Crc32c, GoesOnFromAPart) {
  io::Random random(1);
  std::string text;
  for (int i = 0; i < 1000; ++i) text += static_cast<char>(random.next());
  for (size_t cut : {0u, 1u, 7u, 8u, 9u, 500u, 1000u}) {
    std::string_view all(text);
    EXPECT_EQ(crc32c(crc32c(0, all.substr(0, cut)), all.substr(cut)), crc32c(0, all)) << cut;
    EXPECT_EQ(crc32c(0, all.substr(cut)), crc32c_internal::portable(0, all.substr(cut)));
  }
}

#if defined(__x86_64__)
TEST(Crc32c, RocksDbUsesOurs) {
  // What the library's own calls find: the first of that name, in the order of loading.
  auto* found = dlsym(RTLD_DEFAULT, "_ZN7rocksdb6crc32c6ExtendEjPKcm");
  ASSERT_NE(found, nullptr);
  Dl_info place{};
  ASSERT_NE(dladdr(found, &place), 0);
  EXPECT_EQ(std::string_view(place.dli_fname).find("librocksdb"), std::string_view::npos)
      << place.dli_fname;
  auto* extend = reinterpret_cast<uint32_t (*)(uint32_t, const char*, size_t)>(found);
  EXPECT_EQ(extend(extend(0, "1234", 4), "56789", 5), 0xE3069283u);
}
#endif

TEST(Coding, GivesBackWhatWasPut) {
  std::string out;
  const uint64_t kNumbers[] = {0, 1, 127, 128, 16383, 16384, 1ull << 32, UINT64_MAX};
  for (uint64_t n : kNumbers) put_varint(out, n);
  for (int64_t n : {INT64_MIN, int64_t{-1}, int64_t{0}, int64_t{1}, INT64_MAX}) put_zigzag(out, n);
  put_fixed<int32_t>(out, -5);
  put_big_endian<uint32_t>(out, 0x01020304);
  put_string(out, "text");
  ByteReader in(out);
  for (uint64_t n : kNumbers) EXPECT_EQ(in.varint(), n);
  for (int64_t n : {INT64_MIN, int64_t{-1}, int64_t{0}, int64_t{1}, INT64_MAX})
    EXPECT_EQ(in.zigzag(), n);
  EXPECT_EQ(in.fixed<int32_t>(), -5);
  EXPECT_EQ(in.big_endian<uint32_t>(), 0x01020304u);
  EXPECT_EQ(in.string(), "text");
  EXPECT_TRUE(in.finished());
}

TEST(Coding, RefusesWhatDoesNotFit) {
  EXPECT_FALSE([] {
    ByteReader in("\x80");
    in.varint();
    return in.ok();
  }());
  const std::string endless(11, '\xff');
  EXPECT_FALSE([&] {
    ByteReader in(endless);
    in.varint();
    return in.ok();
  }());
  EXPECT_FALSE([] {
    ByteReader in("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02");
    in.varint();
    return in.ok();
  }());
  EXPECT_FALSE([] {
    ByteReader in(
        "\x05"
        "abc");
    in.string();
    return in.ok();
  }());
  EXPECT_FALSE([] {
    ByteReader in("abc");
    in.fixed<uint32_t>();
    return in.ok();
  }());
  ByteReader broken(
      "\x05"
      "abc");
  EXPECT_EQ(broken.string(), "");
  EXPECT_EQ(broken.varint(), 0u);
  EXPECT_FALSE(broken.finished());
}

/// A stored batch of these records.
struct Stored {
  std::string key, value;
};

Stored store(std::span<const stream::OutRecord> records, Codec codec, int64_t base_offset = 100) {
  Compressor compressor;
  BatchBuilder builder(codec);
  std::vector<EncodedBatch> batches;
  for (const auto& record : records) builder.add(record, compressor, batches);
  builder.finish(compressor, batches);
  EXPECT_EQ(batches.size(), 1u);
  std::string key = log_key({1, 2}, 3, base_offset);
  return {key, batch_header(batches[0], key, 5000) + batches[0].payload};
}

std::vector<stream::OutRecord> some(const std::vector<std::string>& values) {
  std::vector<stream::OutRecord> records(values.size());
  for (size_t i = 0; i < values.size(); ++i) records[i].value = values[i];
  return records;
}

const std::vector<std::string> kValues(
    50, "a value that is long enough to be compressed, and repeated");

TEST(RecordBatch, IsReadBackByEveryCodec) {
  for (auto codec : {Codec::kNone, Codec::kLz4, Codec::kZstd}) {
    Stored stored = store(some(kValues), codec);
    Compressor compressor;
    auto batch = BatchReader::open(stored.key, stored.value, compressor);
    ASSERT_TRUE(batch) << batch.error().to_string();
    EXPECT_EQ(batch->base_offset(), 100);
    EXPECT_EQ(batch->end_offset(), 150);
    EXPECT_EQ(stored.value[1], static_cast<char>(codec));
    stream::Record record;
    std::vector<stream::Header> headers;
    for (size_t i = 0; i < kValues.size(); ++i) {
      ASSERT_TRUE(batch->next(record, headers));
      EXPECT_EQ(record.offset, 100 + static_cast<int64_t>(i));
      EXPECT_EQ(record.timestamp_ms, 5000);
      EXPECT_EQ(record.value, kValues[i]);
      EXPECT_EQ(record.key, std::nullopt);
    }
    EXPECT_TRUE(batch->done());
    batch->put_back();
    EXPECT_EQ(batch->next_offset(), 149);
    ASSERT_TRUE(batch->next(record, headers));
    EXPECT_EQ(record.offset, 149);
  }
}

TEST(RecordBatch, KeepsIncompressibleBytesAsTheyAre) {
  io::Random random(3);
  std::vector<std::string> values(1);
  for (int i = 0; i < 1000; ++i) values[0] += static_cast<char>(random.next());
  EXPECT_EQ(store(some(values), Codec::kLz4).value[1], 0);
  EXPECT_EQ(store(some(values), Codec::kZstd).value[1], 0);
}

// The grammar of record_batch.h and docs/formats.md, byte by byte: a change here is a change of format.
TEST(RecordBatch, HasTheBytesOfItsGrammar) {
  const stream::Header header{"h", "x"};
  stream::OutRecord record;
  record.key = "k";
  record.headers = {&header, 1};
  Stored stored = store({&record, 1}, Codec::kNone);
  EXPECT_EQ(hex(stored.key),
            "00000000000000010000000000000002"
            "00000003"
            "0000000000000064");
  std::string without_crc = hex(stored.value.substr(0, 26)) + " " + hex(stored.value.substr(30));
  EXPECT_EQ(without_crc,
            "01"
            "00"
            "01000000"
            "8813000000000000"
            "8813000000000000"
            "09000000"
            " "
            "00"
            "026b"
            "00"
            "01"
            "0268"
            "0278");
  std::string covered = stored.value.substr(30) + stored.value.substr(0, 26) + stored.key;
  ByteReader crc(std::string_view(stored.value).substr(26));
  EXPECT_EQ(crc.fixed<uint32_t>(), crc32c(0, covered));
}

TEST(RecordBatch, EveryFlippedBitIsNoticed) {
  for (auto codec : {Codec::kNone, Codec::kLz4}) {
    const Stored good = store(some({kValues.begin(), kValues.begin() + 3}), codec);
    Compressor compressor;
    for (size_t at = 0; at < good.value.size() * 8; ++at) {
      std::string value = good.value;
      value[at / 8] = static_cast<char>(value[at / 8] ^ 1 << at % 8);
      auto batch = BatchReader::open(good.key, value, compressor);
      ASSERT_FALSE(batch) << at;
      EXPECT_EQ(batch.error().code(), ErrorCode::kCorrupt);
    }
    for (size_t size = 0; size < good.value.size(); ++size) {
      ASSERT_FALSE(BatchReader::open(good.key, good.value.substr(0, size), compressor)) << size;
    }
    // The right bytes in another place.
    EXPECT_FALSE(BatchReader::open(log_key({1, 2}, 3, 101), good.value, compressor));
    EXPECT_FALSE(BatchReader::open("short", good.value, compressor));
  }
}

/// A batch whose checksum is right, whatever its bytes.
Stored sealed(uint32_t count, std::string_view payload, uint32_t raw_size,
              Codec codec = Codec::kNone, uint8_t format = kBatchFormat) {
  std::string key = log_key({1, 2}, 3, 0), header;
  put_fixed(header, format);
  put_fixed(header, static_cast<uint8_t>(codec));
  put_fixed(header, count);
  put_fixed<int64_t>(header, 0);
  put_fixed<int64_t>(header, 10);
  put_fixed(header, raw_size);
  put_fixed(header, crc32c(crc32c(crc32c(0, payload), header), key));
  return {key, header + std::string(payload)};
}

TEST(RecordBatch, RefusesWhatIsNotItsGrammar) {
  Compressor compressor;
  auto why_not = [&](const Stored& stored) -> std::string {
    auto batch = BatchReader::open(stored.key, stored.value, compressor);
    if (!batch) return batch.error().message();
    stream::Record record;
    std::vector<stream::Header> headers;
    while (!batch->done()) {
      if (auto next = batch->next(record, headers); !next) return next.error().message();
    }
    return "fine";
  };
  std::string record("\x00\x00\x02v\x00", 5);
  EXPECT_EQ(why_not(sealed(1, record, 5)), "fine");
  EXPECT_THAT(why_not(sealed(1, record, 5, Codec::kNone, 2)),
              HasSubstr("format 2, this leat reads 1"));
  EXPECT_THAT(why_not(sealed(1, record, 6)), HasSubstr("do not decompress"));
  EXPECT_THAT(why_not(sealed(1, record, 5, Codec::kLz4)), HasSubstr("(codec lz4)"));
  EXPECT_THAT(why_not(sealed(1, record, 5, Codec::kZstd)), HasSubstr("(codec zstd)"));
  EXPECT_THAT(why_not(sealed(1, record, 5, static_cast<Codec>(9))), HasSubstr("(codec unknown)"));
  EXPECT_THAT(why_not(sealed(1, record, 0xffffffff)), HasSubstr("at most"));
  EXPECT_THAT(why_not(sealed(2, record, 5)), HasSubstr("record 1 of a batch of 2"));
  EXPECT_THAT(why_not(sealed(1, record + record, 10)), HasSubstr("5 bytes follow the last"));
  EXPECT_THAT(why_not(sealed(1, std::string("\x0b\x00\x00\x00", 4), 4)),
              HasSubstr("grammar"));  // after last_time
  EXPECT_THAT(why_not(sealed(1, std::string("\x00\x7f\x00\x00", 4), 4)),
              HasSubstr("grammar"));  // key too long
  std::string many_headers("\x00\x00\x00\xff\xff\xff\xff\x0f", 8);
  EXPECT_THAT(why_not(sealed(1, many_headers, 8)), HasSubstr("grammar"));
}

TEST(BatchBuilder, CutsByRecordsAndByBytes) {
  Compressor compressor;
  auto cut = [&](size_t records, size_t bytes) {
    BatchBuilder builder(Codec::kLz4);
    std::vector<EncodedBatch> batches;
    std::string value(bytes, 'x');
    stream::OutRecord record;
    record.value = value;
    for (size_t i = 0; i < records; ++i) builder.add(record, compressor, batches);
    builder.finish(compressor, batches);
    builder.finish(compressor, batches);  // nothing is left
    std::vector<uint32_t> counts;
    for (const auto& batch : batches) counts.push_back(batch.count);
    return counts;
  };
  auto most = static_cast<uint32_t>(limits::kLogBatchRecords);
  EXPECT_EQ(cut(limits::kLogBatchRecords, 1), std::vector<uint32_t>{most});
  EXPECT_EQ(cut(limits::kLogBatchRecords + 1, 1), (std::vector<uint32_t>{most, 1}));
  EXPECT_EQ(cut(3, limits::kLogBatchBytes / 2 - 100), (std::vector<uint32_t>{2, 1}));
  EXPECT_EQ(cut(2, 3 * limits::kLogBatchBytes), (std::vector<uint32_t>{1, 1}));
  EXPECT_TRUE(cut(0, 0).empty());
}

TEST(Keys, SortAsTheirNumbers) {
  stream::TopicId low{1, UINT64_MAX}, high{2, 0};
  EXPECT_LT(log_key(low, 255, 1LL << 40), log_key(low, 256, 0));
  EXPECT_LT(log_key(low, 5, 255), log_key(low, 5, 256));
  EXPECT_LT(log_key(low, 1000, INT64_MAX), log_key(high, 0, 0));
  EXPECT_GT(after_prefix("a\xff"), std::string("a\xff\xff\xff"));
  EXPECT_EQ(after_prefix("a\xff"), "b");
  auto place = parse_log_key(log_key({3, 4}, 5, 6));
  ASSERT_TRUE(place);
  EXPECT_EQ(place->topic_id, (stream::TopicId{3, 4}));
  EXPECT_EQ(place->partition, 5);
  EXPECT_EQ(place->base_offset, 6);
}

TEST(Keys, RowsThatAreDamagedAreRefused) {
  stream::TopicInfo topic{{"users", 3, 1000, -1, "json"}, {1, 2}, 77};
  std::string row = encode_topic(topic);
  auto back = decode_topic(topic_key("users"), row).value();
  EXPECT_EQ(back.spec.name, "users");
  EXPECT_EQ(back.spec.retention_bytes, -1);
  EXPECT_EQ(back.created_ms, 77);
  for (size_t size = 0; size < row.size(); ++size) {
    EXPECT_EQ(decode_topic("tx", row.substr(0, size)).error().code(), ErrorCode::kCorrupt);
  }
  stream::Progress progress;
  progress.project = "p";
  progress.pipeline = "q";
  progress.sink = "s.t";
  progress.input = {"http:q", {}, 0};
  progress.next = 5;
  std::string key = progress_key(progress).value(), value = encode_progress(progress);
  EXPECT_EQ(decode_progress(key, value)->input, progress.input);
  for (size_t size = 0; size < value.size(); ++size) {
    EXPECT_FALSE(decode_progress(key, value.substr(0, size)));
  }
  for (size_t size = 0; size < key.size(); ++size)
    EXPECT_FALSE(decode_progress(key.substr(0, size), value));
  progress.sink = std::string("a\0b", 3);
  EXPECT_EQ(progress_key(progress).error().code(), ErrorCode::kInvalidArgument);
  EXPECT_FALSE(decode_entry("i", encode_entry({0, 1, 1, 1, 1})));
  EXPECT_FALSE(decode_entry(entry_key({1, 2}, 0, 0), "x"));
  EXPECT_FALSE(decode_partition_row("x"));
  EXPECT_FALSE(decode_partition_row(encode_partition_row({5, 4, 0, 0})));
}

}  // namespace
}  // namespace leat::log
