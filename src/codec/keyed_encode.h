// Rows to records whose keys have a registered schema of their own, beside what their values have. Called by a lane's
// write thread, like the encoders that it joins.
#pragma once

#include <memory>
#include <vector>

#include "stream/ports.h"
#include "types/type.h"

namespace leat::codec {

/// Values by `value`, which writes no keys; keys by `key`, which encodes the columns `columns` of a batch as values. A row
/// whose key has a NULL is refused as null_key, whatever the schema allows: who reads keys as text has none for it.
std::unique_ptr<stream::Encoder> make_keyed_encoder(std::unique_ptr<stream::Encoder> value,
                                                    std::unique_ptr<stream::Encoder> key,
                                                    const types::Schema& schema,
                                                    std::vector<size_t> columns);

}  // namespace leat::codec
