// BodyDecoder: undoes a Content-Encoding as the bytes arrive, with a cap on what comes out.
//
// Ours and not curl's, for the cap counts decoded bytes: a bomb is refused in flat memory, after 64
// KiB more than the cap. zstd windows above 8 MiB are refused, as RFC 9659 says.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace leat::net {

/// Takes decoded bytes; an Error ends the decoding.
using ByteSink = std::function<Result<void>(std::string_view)>;

/// What leat can undo, for the request header Accept-Encoding.
constexpr std::string_view kAcceptEncoding = "gzip, deflate, zstd";

/// One body's decoder. One thread.
class BodyDecoder {
 public:
  /// `content_encoding` as in the header ("" and "identity": none). kCorrupt for an unknown coding
  /// or a chain of several.
  static Result<std::unique_ptr<BodyDecoder>> make(std::string_view content_encoding,
                                                   size_t max_bytes);
  virtual ~BodyDecoder() = default;

  /// Decodes `input` into `sink`. kCorrupt: not this coding; kLimit: more than max_bytes came out.
  virtual Result<void> feed(std::string_view input, const ByteSink& sink) = 0;
  /// The body is over. kCorrupt when the coding is not: a truncated body.
  virtual Result<void> finish() = 0;
};

/// A whole body at once; kCorrupt when it is damaged or incomplete.
Result<std::string> decode_body(std::string_view body, std::string_view content_encoding,
                                size_t max_bytes);

/// gzip with the given level (1 fastest to 9); the same bytes for the same input.
std::string gzip(std::string_view body, int level);

}  // namespace leat::net
