// Message keys to columns: the way back from what an Encoder writes as a record's key. Called by runtime/tombstones.h.
//
// Grammar, as of the encoder: of one column its canonical text (codec/text.h), of several a JSON array of them. Texts,
// uuids, times and blobs stand in the one case as they are, in the other as JSON strings.
#pragma once

#include <memory>

#include "base/result.h"
#include "stream/ports.h"
#include "types/type.h"

namespace leat::codec {

/// A decoder of records' keys, not of their values, into the columns of `key`, none of which is NULL. Its rejects:
/// null_key, and what codec/json_decode.h says of a value. kInvalidArgument names a column that no key text gives back:
/// a nested one, a JSON.
Result<std::unique_ptr<stream::Decoder>> make_key_decoder(const types::Schema& key);

}  // namespace leat::codec
