// Records of registered schemas to columns: the frame of each says which schema wrote it (schema_id.h), and the decoder of
// that schema does the rest. On a lane's transform thread.
#pragma once

#include <functional>
#include <memory>

#include "codec/schema_id.h"
#include "stream/ports.h"

namespace leat::codec {

/// Gives the decoder of what one schema wrote, without frames; the text is FramedBytes::indexes. Asked once for each schema,
/// and again while the answer is kNotFound: records are rejected as unknown_schema then, as schema_mismatch after any other
/// error. No I/O: what it asks has been fetched before.
using DecoderOf = std::function<Result<std::unique_ptr<stream::Decoder>>(const SchemaId&,
                                                                         std::string_view indexes)>;

/// A record without a frame is `malformed`.
std::unique_ptr<stream::Decoder> make_framed_decoder(DecoderOf decoder_of);

}  // namespace leat::codec
