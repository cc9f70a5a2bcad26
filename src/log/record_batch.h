// How records lie on disk: batches of consecutive records of one partition, compressed and checksummed.
//
// Written by transactions (writer.cc) on the caller's thread, read by readers (reader.cc) on theirs.
// One stored batch is one key and one value of the column family `log`:
//
//   key     := topic_id:16 partition:u32be base_offset:u64be
//   value   := format:u8 codec:u8 count:u32 first_time:i64 last_time:i64 raw_size:u32 crc:u32 payload
//   format  := 1
//   codec   := 0 (payload = records) | 1 (an LZ4 block of them) | 2 (a zstd frame of them)
//   crc     := crc32c of payload, then of the value's bytes before crc, then of the key
//   records := record * count                  raw_size bytes; record i has offset base_offset + i
//   record  := time:varint key value headers   time in ms after first_time
//   key, value, text := 0 | length+1:varint byte*     0 is null
//   headers := count:varint (name:text value:text)*
//
// Numbers are little-endian but for the key's; varint as in coding.h. The same grammar is in docs/formats.md.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/limits.h"
#include "base/result.h"
#include "log/coding.h"
#include "stream/record.h"

namespace leat::log {

enum class Codec : uint8_t { kNone = 0, kLz4 = 1, kZstd = 2 };

constexpr uint8_t kBatchFormat = 1;
constexpr size_t kBatchHeaderBytes = 30;

/// A batch without its place and time: those are known at commit only.
struct EncodedBatch {
  Codec codec = Codec::kNone;
  uint32_t count = 0, raw_size = 0;
  uint32_t payload_crc = 0;
  std::string payload;

  size_t value_bytes() const { return kBatchHeaderBytes + payload.size(); }
};

/// The header of `batch` as it is stored under `key`, all of its records stamped with `time_ms`.
std::string batch_header(const EncodedBatch& batch, std::string_view key, int64_t time_ms);

/// Compresses and decompresses; keeps its contexts. One thread.
class Compressor {
 public:
  Compressor();
  ~Compressor();
  Compressor(Compressor&&) noexcept;
  /// `raw` by `codec`, or as it is (and then codec becomes kNone) when that is not smaller.
  void compress(std::string_view raw, Codec& codec, std::string& out);
  /// False when `payload` is not exactly `into.size()` bytes compressed by `codec`.
  bool decompress(std::string_view payload, Codec codec, std::string& into);

 private:
  struct Contexts;
  std::unique_ptr<Contexts> contexts_;
};

/// Collects records and cuts them into batches of at most limits::kLogBatchRecords and kLogBatchBytes (a
/// larger record goes alone). One thread.
class BatchBuilder {
 public:
  explicit BatchBuilder(Codec codec) : codec_(codec) {}
  /// Makes room for records of together `bytes`.
  void reserve(size_t bytes) {
    raw_.reserve(std::min(raw_.size() + bytes, limits::kLogBatchBytes));
  }
  /// Copies the record. Full batches are compressed into `out` on the way.
  void add(const stream::OutRecord& record, Compressor& compressor, std::vector<EncodedBatch>& out);
  /// Compresses what is left, if anything.
  void finish(Compressor& compressor, std::vector<EncodedBatch>& out);

 private:
  Codec codec_;
  uint32_t count_ = 0;
  std::string raw_;
};

/// Bytes that a record takes before compression, at most.
size_t encoded_bytes(const stream::OutRecord& record);

/// A stored batch, opened: checks everything, then gives its records one by one. One thread.
class BatchReader {
 public:
  /// Checks header and checksum of the value stored under `key`, and decompresses it into an own string.
  /// kCorrupt says what is wrong with it (the caller adds where).
  static Result<BatchReader> open(std::string_view key, std::string_view value,
                                  Compressor& compressor);

  int64_t base_offset() const { return base_offset_; }
  int64_t end_offset() const { return base_offset_ + count_; }
  /// Offset of the record that next() gives.
  int64_t next_offset() const { return base_offset_ + read_; }
  bool done() const { return read_ == count_; }
  /// The next record, not done(): views into bytes(). Its headers are appended to `headers`, and
  /// record.headers is left empty. kCorrupt when the grammar is broken.
  Result<void> next(stream::Record& record, std::vector<stream::Header>& headers);
  /// Passes over records before `offset`.
  Result<void> skip_to(int64_t offset);
  /// Goes back to before the record that next() gave last.
  void put_back();
  std::shared_ptr<const std::string> bytes() const { return bytes_; }

 private:
  BatchReader() : reader_(std::string_view()), previous_(reader_) {}
  int64_t base_offset_ = 0, first_time_ = 0, last_time_ = 0;
  uint32_t count_ = 0, read_ = 0;
  std::shared_ptr<const std::string> bytes_;
  ByteReader reader_, previous_;
};

}  // namespace leat::log
