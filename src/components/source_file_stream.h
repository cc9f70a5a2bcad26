// ByteStream: a file's bytes in order, decompressed on the way. Used by source_file.cc on its read thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/result.h"
#include "io/file.h"

namespace leat::components::file {

enum class Compression { kAuto, kNone, kGzip, kZstd };

/// What kAuto means for a name: `.gz` and `.zst` are what they say.
Compression compression_of(const std::string& path, Compression configured);

/// One thread. Errors name the path; kCorrupt: broken or cut compressed data.
class ByteStream {
 public:
  virtual ~ByteStream() = default;
  /// At most `size` bytes; 0 at the end, which may move while the file grows (not when compressed).
  virtual Result<size_t> read(char* into, size_t size) = 0;
  /// The file, when its bytes lie in it as read() gives them; null when compressed.
  virtual io::FileReader* plain() { return nullptr; }
};

/// A stream from byte `at` of the decompressed content on. kCorrupt when it is shorter than that.
Result<std::unique_ptr<ByteStream>> open_stream(const std::string& path, Compression compression,
                                                int64_t at);

}  // namespace leat::components::file
