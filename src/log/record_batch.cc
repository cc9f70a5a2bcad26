#include "log/record_batch.h"

#include <lz4.h>
#include <zstd.h>

#include "base/limits.h"
#include "log/crc32c.h"
#include "log/keys.h"

namespace leat::log {
namespace {

constexpr int kZstdLevel = 1;
constexpr int kLz4Acceleration = 1;

std::string_view name_of(Codec codec) {
  switch (codec) {
    case Codec::kNone:
      return "none";
    case Codec::kLz4:
      return "lz4";
    case Codec::kZstd:
      return "zstd";
  }
  return "unknown";
}

void put_text(std::string& out, const std::optional<std::string_view>& text) {
  if (!text) {
    out += '\0';
    return;
  }
  put_varint(out, text->size() + 1);
  out.append(*text);
}

std::optional<std::string_view> read_text(ByteReader& reader) {
  uint64_t length = reader.varint();
  if (length == 0) return std::nullopt;
  return reader.take(length - 1);
}

Error corrupt(std::string message) { return Error(ErrorCode::kCorrupt, std::move(message)); }

}  // namespace

struct Compressor::Contexts {
  std::vector<char> lz4;
  std::unique_ptr<ZSTD_CCtx, size_t (*)(ZSTD_CCtx*)> compress{nullptr, ZSTD_freeCCtx};
  std::unique_ptr<ZSTD_DCtx, size_t (*)(ZSTD_DCtx*)> decompress{nullptr, ZSTD_freeDCtx};
};

Compressor::Compressor() : contexts_(std::make_unique<Contexts>()) {}
Compressor::~Compressor() = default;
Compressor::Compressor(Compressor&&) noexcept = default;

void Compressor::compress(std::string_view raw, Codec& codec, std::string& out) {
  size_t size = 0;
  if (codec == Codec::kLz4) {
    contexts_->lz4.resize(static_cast<size_t>(LZ4_sizeofState()));
    out.resize(static_cast<size_t>(LZ4_compressBound(static_cast<int>(raw.size()))));
    int n = LZ4_compress_fast_extState(contexts_->lz4.data(), raw.data(), out.data(),
                                       static_cast<int>(raw.size()), static_cast<int>(out.size()),
                                       kLz4Acceleration);
    size = n > 0 ? static_cast<size_t>(n) : 0;
  } else if (codec == Codec::kZstd) {
    if (!contexts_->compress) contexts_->compress.reset(ZSTD_createCCtx());
    out.resize(ZSTD_compressBound(raw.size()));
    size_t n = ZSTD_compressCCtx(contexts_->compress.get(), out.data(), out.size(), raw.data(),
                                 raw.size(), kZstdLevel);
    size = ZSTD_isError(n) ? 0 : n;
  }
  if (size == 0 || size >= raw.size()) {
    codec = Codec::kNone;
    out.assign(raw);
    return;
  }
  out.resize(size);
}

bool Compressor::decompress(std::string_view payload, Codec codec, std::string& into) {
  switch (codec) {
    case Codec::kNone:
      if (payload.size() != into.size()) return false;
      into.assign(payload);
      return true;
    case Codec::kLz4: {
      int n = LZ4_decompress_safe(payload.data(), into.data(), static_cast<int>(payload.size()),
                                  static_cast<int>(into.size()));
      return n >= 0 && static_cast<size_t>(n) == into.size();
    }
    case Codec::kZstd: {
      if (!contexts_->decompress) contexts_->decompress.reset(ZSTD_createDCtx());
      size_t n = ZSTD_decompressDCtx(contexts_->decompress.get(), into.data(), into.size(),
                                     payload.data(), payload.size());
      return !ZSTD_isError(n) && n == into.size();
    }
  }
  return false;
}

std::string batch_header(const EncodedBatch& batch, std::string_view key, int64_t time_ms) {
  std::string header;
  header.reserve(kBatchHeaderBytes);
  put_fixed(header, kBatchFormat);
  put_fixed(header, static_cast<uint8_t>(batch.codec));
  put_fixed(header, batch.count);
  put_fixed(header, time_ms);
  put_fixed(header, time_ms);
  put_fixed(header, batch.raw_size);
  put_fixed(header, crc32c(crc32c(batch.payload_crc, header), key));
  CHECK(header.size() == kBatchHeaderBytes, "{}", header.size());
  return header;
}

size_t encoded_bytes(const stream::OutRecord& record) {
  constexpr size_t kLengths = 25;  // time, key, value, count of headers
  size_t bytes =
      kLengths + (record.key ? record.key->size() : 0) + (record.value ? record.value->size() : 0);
  for (const auto& header : record.headers) bytes += 10 + header.key.size() + header.value.size();
  return bytes;
}

void BatchBuilder::add(const stream::OutRecord& record, Compressor& compressor,
                       std::vector<EncodedBatch>& out) {
  size_t bytes = encoded_bytes(record);
  bool full = count_ >= limits::kLogBatchRecords || raw_.size() + bytes > limits::kLogBatchBytes;
  if (full) finish(compressor, out);
  put_varint(raw_, 0);  // the whole batch gets one time, at commit
  put_text(raw_, record.key);
  put_text(raw_, record.value);
  put_varint(raw_, record.headers.size());
  for (const auto& header : record.headers) {
    put_text(raw_, header.key);
    put_text(raw_, header.value);
  }
  ++count_;
}

void BatchBuilder::finish(Compressor& compressor, std::vector<EncodedBatch>& out) {
  if (count_ == 0) return;
  EncodedBatch& batch = out.emplace_back();
  batch.codec = codec_;
  batch.count = count_;
  batch.raw_size = static_cast<uint32_t>(raw_.size());
  compressor.compress(raw_, batch.codec, batch.payload);
  batch.payload_crc = crc32c(0, batch.payload);
  count_ = 0;
  raw_.clear();
}

Result<BatchReader> BatchReader::open(std::string_view key, std::string_view value,
                                      Compressor& compressor) {
  auto place = parse_log_key(key);
  if (!place)
    return corrupt(fmt::format("a key of {} bytes instead of {}", key.size(), kLogKeyBytes));
  BatchReader batch;
  ByteReader in(value);
  auto format = in.fixed<uint8_t>();
  auto codec = static_cast<Codec>(in.fixed<uint8_t>());
  batch.count_ = in.fixed<uint32_t>();
  batch.first_time_ = in.fixed<int64_t>();
  batch.last_time_ = in.fixed<int64_t>();
  auto raw_size = in.fixed<uint32_t>();
  auto crc = in.fixed<uint32_t>();
  if (!in.ok()) return corrupt(fmt::format("{} bytes are too few for a batch", value.size()));
  if (format != kBatchFormat) {
    return corrupt(fmt::format("batch format {}, this leat reads {}", format, kBatchFormat));
  }
  std::string_view payload = value.substr(kBatchHeaderBytes);
  uint32_t found = crc32c(0, payload);
  found = crc32c(found, value.substr(0, kBatchHeaderBytes - sizeof crc));
  found = crc32c(found, key);
  if (found != crc) return corrupt(fmt::format("checksum {:08x} instead of {:08x}", found, crc));
  if (raw_size > limits::kMaxLogBatchBytes) {
    return corrupt(fmt::format("a batch of {} bytes, at most {} are legal", raw_size,
                               limits::kMaxLogBatchBytes));
  }
  auto bytes = std::make_shared<std::string>(raw_size, '\0');
  if (!compressor.decompress(payload, codec, *bytes)) {
    return corrupt(fmt::format("{} bytes (codec {}) that do not decompress to {}", payload.size(),
                               name_of(codec), raw_size));
  }
  batch.base_offset_ = place->base_offset;
  batch.reader_ = batch.previous_ = ByteReader(*bytes);
  batch.bytes_ = std::move(bytes);
  return batch;
}

Result<void> BatchReader::next(stream::Record& record, std::vector<stream::Header>& headers) {
  CHECK(!done());
  previous_ = reader_;
  record.offset = next_offset();
  record.timestamp_ms = first_time_ + static_cast<int64_t>(reader_.varint());
  record.key = read_text(reader_);
  record.value = read_text(reader_);
  record.headers = {};
  uint64_t count = reader_.varint();
  // Bounded by the bytes that are left: every header takes two at least.
  for (uint64_t i = 0; i < count && reader_.ok(); ++i) {
    auto name = read_text(reader_), value = read_text(reader_);
    if (reader_.ok()) headers.push_back({name.value_or(""), value.value_or("")});
  }
  if (!reader_.ok() || record.timestamp_ms > last_time_) {
    return corrupt(
        fmt::format("record {} of a batch of {} does not follow the grammar", read_, count_));
  }
  ++read_;
  if (done() && !reader_.finished()) {
    return corrupt(fmt::format("{} bytes follow the last of {} records", reader_.left(), count_));
  }
  return {};
}

Result<void> BatchReader::skip_to(int64_t offset) {
  stream::Record ignored;
  std::vector<stream::Header> headers;
  while (!done() && next_offset() < offset) {
    headers.clear();
    TRY(next(ignored, headers));
  }
  return {};
}

void BatchReader::put_back() {
  CHECK(read_ > 0);
  --read_;
  reader_ = previous_;
}

}  // namespace leat::log
