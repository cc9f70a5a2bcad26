// The codec of a registered schema, whatever its language. Called when a pipeline is compiled and when a record names a
// schema that was not seen before; any thread.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "schema/parsed_schema.h"
#include "stream/ports.h"
#include "types/type.h"

namespace leat::codec {

/// The columns of a record: kInvalidArgument with the path of what no column can hold.
Result<types::Schema> schema_columns(const schema::ParsedSchema& schema);

/// True of a schema of Avro whose records are one value, "string": its only column is no field, and its name nobody's.
bool is_one_value(const schema::ParsedSchema& schema);

/// Rows of `columns` to records, each behind `prefix` (schema_frame(), schema_id.h); nullopt: bare bytes, whose schema a
/// header tells. `key` are indices of key columns. kIncompatible with the path when a column does not go into its field.
/// The schema may be gone afterwards.
Result<std::unique_ptr<stream::Encoder>> make_schema_encoder(const schema::ParsedSchema& schema,
                                                             const types::Schema& columns,
                                                             std::vector<size_t> key,
                                                             std::optional<std::string> prefix);

/// What stands behind the schema's id in a header of its bare records: Protobuf's indexes, else nothing.
Result<std::string> header_indexes(const schema::ParsedSchema& schema);

/// Records that `writer` wrote, without their frame, to `columns`: those of schema_columns(reader) or some of them; `indexes`
/// as FramedBytes has them. Texts point into the records (AvroDecodeOptions::borrow). kIncompatible when `reader` cannot
/// read what `writer` wrote. Both may be gone afterwards.
Result<std::unique_ptr<stream::Decoder>> make_schema_decoder(const schema::ParsedSchema& writer,
                                                             const schema::ParsedSchema& reader,
                                                             const types::Schema& columns,
                                                             std::string_view indexes = {});

}  // namespace leat::codec
