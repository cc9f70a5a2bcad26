#include "net/content_coding.h"

#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <array>
#include <vector>

#include "base/check.h"
#include "net/headers.h"

namespace leat::net {
namespace {

constexpr size_t kPiece = 64 * 1024;
constexpr int kZstdWindowLog = 23;

Error corrupt(std::string message) {
  return Error(ErrorCode::kCorrupt, std::move(message)).with_retry(Retry::kBackoff);
}

/// Counts what comes out, for every coding.
class Cap {
 public:
  explicit Cap(size_t max_bytes) : max_bytes_(max_bytes) {}
  Result<void> pass(std::string_view piece, const ByteSink& sink) {
    out_ += piece.size();
    if (out_ > max_bytes_)
      return Error(ErrorCode::kLimit,
                   fmt::format("the decoded body is larger than {} bytes", max_bytes_))
          .with_blame(Blame::kExternal)
          .with_hint("ask for smaller pages");
    return piece.empty() ? Result<void>() : sink(piece);
  }

 private:
  const size_t max_bytes_;
  size_t out_ = 0;
};

class IdentityDecoder final : public BodyDecoder {
 public:
  explicit IdentityDecoder(size_t max_bytes) : cap_(max_bytes) {}
  Result<void> feed(std::string_view input, const ByteSink& sink) override {
    return cap_.pass(input, sink);
  }
  Result<void> finish() override { return {}; }

 private:
  Cap cap_;
};

/// gzip (several members, RFC 1952) and deflate: zlib's wrapping (RFC 1950), or, as some servers
/// send, none.
class ZlibDecoder final : public BodyDecoder {
 public:
  ZlibDecoder(bool gzip, size_t max_bytes) : gzip_(gzip), cap_(max_bytes), buffer_(kPiece) {}
  ~ZlibDecoder() override {
    if (open_) inflateEnd(&stream_);
  }

  Result<void> feed(std::string_view input, const ByteSink& sink) override {
    if (input.empty()) return {};
    if (!open_) {
      head_ += input;
      if (head_.size() < 2) return {};
      TRY(start());
      std::string head = std::move(head_);
      return inflate_all(head, sink);
    }
    return inflate_all(input, sink);
  }

  Result<void> finish() override {
    if (!open_ && head_.empty()) return {};
    if (!ended_)
      return corrupt(fmt::format("the {} body ends too early: it was truncated", name()));
    return {};
  }

 private:
  std::string_view name() const { return gzip_ ? "gzip" : "deflate"; }

  Result<void> start() {
    auto first = static_cast<unsigned char>(head_[0]),
         second = static_cast<unsigned char>(head_[1]);
    bool wrapped = (first & 0x0f) == 8 && (first * 256 + second) % 31 == 0;
    int window = gzip_ ? 15 + 16 : (wrapped ? 15 : -15);
    if (inflateInit2(&stream_, window) != Z_OK)
      return Error(ErrorCode::kInternal, "inflateInit2 failed");
    open_ = true;
    return {};
  }

  Result<void> inflate_all(std::string_view input, const ByteSink& sink) {
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(input.data()));
    stream_.avail_in = static_cast<uInt>(input.size());
    do {
      if (ended_) {
        if (stream_.avail_in == 0) break;
        if (!gzip_ || *stream_.next_in != 0x1f)
          return corrupt(fmt::format("bytes follow the end of the {} body", name()));
        inflateReset(&stream_);
        ended_ = false;
      }
      stream_.next_out = reinterpret_cast<Bytef*>(buffer_.data());
      stream_.avail_out = static_cast<uInt>(buffer_.size());
      int code = inflate(&stream_, Z_NO_FLUSH);
      if (code != Z_OK && code != Z_STREAM_END && code != Z_BUF_ERROR)
        return corrupt(
            fmt::format("the body is not {}: {}", name(), stream_.msg ? stream_.msg : "damaged"));
      size_t out = buffer_.size() - stream_.avail_out;
      TRY(cap_.pass(std::string_view(buffer_.data(), out), sink));
      ended_ = code == Z_STREAM_END;
      if (code == Z_BUF_ERROR && out == 0) break;
    } while (stream_.avail_in > 0 || stream_.avail_out == 0);
    return {};
  }

  const bool gzip_;
  Cap cap_;
  std::vector<char> buffer_;
  std::string head_;
  z_stream stream_{};
  bool open_ = false, ended_ = false;
};

class ZstdDecoder final : public BodyDecoder {
 public:
  explicit ZstdDecoder(size_t max_bytes)
      : cap_(max_bytes), buffer_(kPiece), context_(ZSTD_createDCtx()) {
    CHECK(context_ != nullptr);
    ZSTD_DCtx_setParameter(context_, ZSTD_d_windowLogMax, kZstdWindowLog);
  }
  ~ZstdDecoder() override { ZSTD_freeDCtx(context_); }

  Result<void> feed(std::string_view input, const ByteSink& sink) override {
    ZSTD_inBuffer in{input.data(), input.size(), 0};
    bool full = false;
    while (in.pos < in.size || full) {
      ZSTD_outBuffer out{buffer_.data(), buffer_.size(), 0};
      size_t left = ZSTD_decompressStream(context_, &out, &in);
      if (ZSTD_isError(left))
        return corrupt(fmt::format("the body is not zstd: {}", ZSTD_getErrorName(left)));
      TRY(cap_.pass(std::string_view(buffer_.data(), out.pos), sink));
      full = out.pos == out.size;
      between_frames_ = left == 0;
    }
    return {};
  }
  Result<void> finish() override {
    if (!between_frames_) return corrupt("the zstd body ends too early: it was truncated");
    return {};
  }

 private:
  Cap cap_;
  std::vector<char> buffer_;
  ZSTD_DCtx* context_;
  bool between_frames_ = true;
};

}  // namespace

Result<std::unique_ptr<BodyDecoder>> BodyDecoder::make(std::string_view content_encoding,
                                                       size_t max_bytes) {
  auto is = [&](std::string_view name) { return same_name(content_encoding, name); };
  std::unique_ptr<BodyDecoder> decoder;
  if (content_encoding.empty() || is("identity"))
    decoder = std::make_unique<IdentityDecoder>(max_bytes);
  else if (is("gzip") || is("x-gzip"))
    decoder = std::make_unique<ZlibDecoder>(true, max_bytes);
  else if (is("deflate"))
    decoder = std::make_unique<ZlibDecoder>(false, max_bytes);
  else if (is("zstd"))
    decoder = std::make_unique<ZstdDecoder>(max_bytes);
  else
    return corrupt(
        fmt::format("the server sent Content-Encoding \"{}\", which was not asked for ({} were)",
                    content_encoding.substr(0, 64), kAcceptEncoding));
  return decoder;
}

Result<std::string> decode_body(std::string_view body, std::string_view content_encoding,
                                size_t max_bytes) {
  ASSIGN(auto decoder, BodyDecoder::make(content_encoding, max_bytes));
  std::string out;
  TRY(decoder->feed(body, [&](std::string_view piece) -> Result<void> {
    out += piece;
    return {};
  }));
  TRY(decoder->finish());
  return out;
}

std::string gzip(std::string_view body, int level) {
  z_stream stream{};
  CHECK(deflateInit2(&stream, level, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK);
  std::string out(deflateBound(&stream, static_cast<uLong>(body.size())), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(body.data()));
  stream.avail_in = static_cast<uInt>(body.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  CHECK(deflate(&stream, Z_FINISH) == Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

}  // namespace leat::net
