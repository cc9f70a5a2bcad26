#include "components/source_file_stream.h"

#include <fmt/core.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/check.h"
#include "base/limits.h"
#include "io/file.h"

namespace leat::components::file {

namespace {

Error corrupt(const std::string& path, const char* format, std::string_view why) {
  return Error(ErrorCode::kCorrupt, fmt::format("{}: not {}: {}", path, format, why))
      .with_blame(Blame::kExternal)
      .with_hint("mend or remove the file");
}

class PlainStream final : public ByteStream {
 public:
  explicit PlainStream(std::unique_ptr<io::FileReader> reader) : reader_(std::move(reader)) {}
  Result<size_t> read(char* into, size_t size) override { return reader_->read(into, size); }
  io::FileReader* plain() override { return reader_.get(); }

 private:
  std::unique_ptr<io::FileReader> reader_;
};

// The compressed bytes, read ahead.
class Input {
 public:
  explicit Input(std::unique_ptr<io::FileReader> reader) : reader_(std::move(reader)) {}
  /// Makes bytes available unless some are; false at the end of the file.
  Result<bool> fill() {
    if (at_ < size_) return true;
    at_ = 0;
    ASSIGN(size_, reader_->read(buffer_.data(), buffer_.size()));
    return size_ > 0;
  }
  char* data() { return buffer_.data() + at_; }
  size_t size() const { return size_ - at_; }
  void take(size_t n) { at_ += n; }

 private:
  std::unique_ptr<io::FileReader> reader_;
  std::array<char, 64 * limits::kKiB> buffer_;
  size_t at_ = 0, size_ = 0;
};

class GzipStream final : public ByteStream {
 public:
  GzipStream(std::unique_ptr<io::FileReader> reader, std::string path)
      : input_(std::move(reader)), path_(std::move(path)) {
    constexpr int kGzipOnly = 16 + MAX_WBITS;
    CHECK(inflateInit2(&z_, kGzipOnly) == Z_OK);
  }
  ~GzipStream() override { inflateEnd(&z_); }

  Result<size_t> read(char* into, size_t size) override {
    z_.next_out = reinterpret_cast<Bytef*>(into);
    z_.avail_out = static_cast<uInt>(std::min<size_t>(size, 1U << 30));
    const uInt asked = z_.avail_out;
    while (z_.avail_out == asked) {
      ASSIGN(bool more, input_.fill());
      if (!more) {
        if (inside_) return corrupt(path_, "a whole gzip file", "it ends too early");
        return size_t{0};
      }
      if (!inside_) CHECK(inflateReset(&z_) == Z_OK);  // the next member
      inside_ = true;
      z_.next_in = reinterpret_cast<Bytef*>(input_.data());
      z_.avail_in = static_cast<uInt>(input_.size());
      int status = inflate(&z_, Z_NO_FLUSH);
      input_.take(input_.size() - z_.avail_in);
      if (status == Z_STREAM_END)
        inside_ = false;
      else if (status != Z_OK && status != Z_BUF_ERROR)
        return corrupt(path_, "gzip", z_.msg ? z_.msg : "broken data");
    }
    return size_t{asked - z_.avail_out};
  }

 private:
  Input input_;
  const std::string path_;
  z_stream z_{};
  bool inside_ = false;  // a member has begun and not ended
};

class ZstdStream final : public ByteStream {
 public:
  ZstdStream(std::unique_ptr<io::FileReader> reader, std::string path)
      : input_(std::move(reader)), path_(std::move(path)), z_(ZSTD_createDStream()) {
    CHECK(z_ != nullptr);
  }
  ~ZstdStream() override { ZSTD_freeDStream(z_); }

  Result<size_t> read(char* into, size_t size) override {
    ZSTD_outBuffer out{into, size, 0};
    while (out.pos == 0) {
      ASSIGN(bool more, input_.fill());
      if (!more && !inside_) return size_t{0};
      ZSTD_inBuffer in{input_.data(), input_.size(), 0};
      size_t status = ZSTD_decompressStream(z_, &out, &in);
      input_.take(in.pos);
      if (ZSTD_isError(status)) return corrupt(path_, "zstd", ZSTD_getErrorName(status));
      inside_ = status != 0;
      if (!more && out.pos == 0) return corrupt(path_, "a whole zstd file", "it ends too early");
    }
    return out.pos;
  }

 private:
  Input input_;
  const std::string path_;
  ZSTD_DStream* z_;
  bool inside_ = false;
};

}  // namespace

Compression compression_of(const std::string& path, Compression configured) {
  if (configured != Compression::kAuto) return configured;
  if (path.ends_with(".gz")) return Compression::kGzip;
  if (path.ends_with(".zst")) return Compression::kZstd;
  return Compression::kNone;
}

Result<std::unique_ptr<ByteStream>> open_stream(const std::string& path, Compression compression,
                                                int64_t at) {
  ASSIGN(auto reader, io::FileReader::open(path));
  std::unique_ptr<ByteStream> stream;
  if (compression_of(path, compression) == Compression::kNone) {
    TRY(reader->seek(at));
    stream = std::make_unique<PlainStream>(std::move(reader));
    return stream;
  }
  if (compression_of(path, compression) == Compression::kGzip)
    stream = std::make_unique<GzipStream>(std::move(reader), path);
  else
    stream = std::make_unique<ZstdStream>(std::move(reader), path);
  // Compressed data has no seek: what was read before is decoded once more.
  std::string skipped(64 * limits::kKiB, '\0');
  while (at > 0) {
    ASSIGN(size_t got,
           stream->read(skipped.data(), std::min<size_t>(skipped.size(), static_cast<size_t>(at))));
    if (got == 0) return corrupt(path, "the file that was read before", "it has become shorter");
    at -= static_cast<int64_t>(got);
  }
  return stream;
}

}  // namespace leat::components::file
