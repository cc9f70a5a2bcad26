#include "net/content_coding.h"

#include <gtest/gtest.h>
#include <zlib.h>
#include <zstd.h>

namespace leat::net {
namespace {

std::string deflated(std::string_view text, int window) {
  z_stream stream{};
  EXPECT_EQ(deflateInit2(&stream, 6, Z_DEFLATED, window, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string out(text.size() + 1000, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

std::string zstd(std::string_view text) {
  std::string out(ZSTD_compressBound(text.size()), '\0');
  out.resize(ZSTD_compress(out.data(), out.size(), text.data(), text.size(), 3));
  return out;
}

std::string sample() {
  std::string text;
  for (int i = 0; i < 50'000; ++i) text += fmt::format("{{\"n\":{}}},", i * 7919 % 100'003);
  return text;
}

struct Coded {
  std::string name, encoding, bytes;
};

std::vector<Coded> codings(std::string_view text) {
  return {{"identity", "", std::string(text)},
          {"gzip", "gzip", gzip(text, 6)},
          {"GZIP", "GZIP", gzip(text, 1)},
          {"zlib", "deflate", deflated(text, 15)},
          {"raw deflate", "deflate", deflated(text, -15)},
          {"zstd", "zstd", zstd(text)}};
}

TEST(BodyDecoder, DecodesEveryCodingWholeAndByteByByte) {
  std::string text = sample();
  for (const auto& coded : codings(text)) {
    SCOPED_TRACE(coded.name);
    EXPECT_EQ(*decode_body(coded.bytes, coded.encoding, 1 << 24), text);
    std::string out;
    auto decoder = *BodyDecoder::make(coded.encoding, 1 << 24);
    for (char c : coded.bytes) {
      auto fed = decoder->feed({&c, 1}, [&](std::string_view piece) -> Result<void> {
        return out += piece, Result<void>();
      });
      ASSERT_TRUE(fed);
    }
    EXPECT_TRUE(decoder->finish());
    EXPECT_EQ(out, text);
  }
}

TEST(BodyDecoder, ATruncatedBodyIsAnError) {
  for (const auto& coded : codings(sample())) {
    if (coded.encoding.empty()) continue;
    SCOPED_TRACE(coded.name);
    for (size_t keep : {size_t{1}, size_t{2}, coded.bytes.size() / 2, coded.bytes.size() - 1}) {
      auto out =
          decode_body(std::string_view(coded.bytes).substr(0, keep), coded.encoding, 1 << 24);
      ASSERT_FALSE(out) << keep;
      EXPECT_EQ(out.error().code(), ErrorCode::kCorrupt);
      EXPECT_EQ(out.error().retry(), Retry::kBackoff);
    }
    EXPECT_EQ(*decode_body("", coded.encoding, 10), "") << "no body at all: 304, HEAD";
  }
}

TEST(BodyDecoder, AFlippedByteIsAnError) {
  std::string bytes = gzip(sample(), 6);
  bytes[bytes.size() - 6] = static_cast<char>(bytes[bytes.size() - 6] ^ 1);  // of the checksum
  EXPECT_FALSE(decode_body(bytes, "gzip", 1 << 24));
  EXPECT_FALSE(decode_body(gzip("a", 6) + "rubbish", "gzip", 1 << 24));
  EXPECT_FALSE(decode_body("<html>", "gzip", 1 << 24));
  EXPECT_FALSE(decode_body("<html>", "zstd", 1 << 24));
}

TEST(BodyDecoder, SeveralGzipMembersAreOneBody) {
  EXPECT_EQ(*decode_body(gzip("one, ", 6) + gzip("two", 6), "gzip", 100), "one, two");
}

TEST(BodyDecoder, ABombIsRefusedAtTheCap) {
  std::string zeros(64 << 20, '\0');  // 65 KB as gzip, 6 KB as zstd
  for (const auto& coded : codings(zeros)) {
    SCOPED_TRACE(coded.name);
    size_t seen = 0;
    auto decoder = *BodyDecoder::make(coded.encoding, 1 << 20);
    auto fed = decoder->feed(coded.bytes, [&](std::string_view piece) -> Result<void> {
      return seen += piece.size(), Result<void>();
    });
    ASSERT_FALSE(fed);
    EXPECT_EQ(fed.error().code(), ErrorCode::kLimit);
    EXPECT_LE(seen, size_t{1} << 20);
  }
}

TEST(BodyDecoder, UnknownCodingsAndChainsAreRefused) {
  EXPECT_FALSE(BodyDecoder::make("br", 10));
  EXPECT_FALSE(BodyDecoder::make("gzip, gzip", 10));
}

}  // namespace
}  // namespace leat::net
