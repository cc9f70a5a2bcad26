// Which schema wrote a record: what stands before its bytes, or in a header beside it. Confluent's framings, both ways.
// Called by who decodes and encodes records of registered schemas; any thread.
//
//   by id    = 0x00 id:4, big-endian                   the classic framing, before the value or the key
//   by guid  = 0x01 guid:16, as RFC 4122 has it        before them
//   header   = (by id | by guid) [indexes]             of the name `__value_schema_id` or `__key_schema_id`: goes before
//                                                      what stands in the record, which then are bare bytes; indexes are
//                                                      Protobuf's (proto_decode.h), which else stand in front of these
//
// Source: Confluent Schema Registry, "Wire format"; io.confluent.kafka.serializers.schema.id.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "base/result.h"
#include "stream/record.h"

namespace leat::codec {

constexpr std::string_view kKeySchemaHeader = "__key_schema_id";
constexpr std::string_view kValueSchemaHeader = "__value_schema_id";

using SchemaGuid = std::array<char, 16>;
using SchemaId = std::variant<int32_t, SchemaGuid>;

/// A record's bytes without their frame, and the schema that the frame names.
struct FramedBytes {
  SchemaId schema;
  std::string_view bytes;
  std::string_view indexes = {};  // of Protobuf, when a header has them
};

/// The frame of an id, or of a GUID: what stands before the bytes, and what the header holds.
std::string schema_frame(const SchemaId& id);

/// "89791285-0405-0607-0809-0a0b0c0d0e0f"; nullopt: it is none.
std::optional<SchemaGuid> read_guid(std::string_view text);

/// Reads the frame in front of `record`. kCorrupt when there is none: another producer wrote it, or none that knows a
/// registry.
Result<FramedBytes> read_schema_frame(std::string_view record);

/// The same with the headers of the record, of which `header` (kKeySchemaHeader, kValueSchemaHeader) goes first; the last
/// of them counts.
Result<FramedBytes> read_schema_frame(std::string_view record,
                                      std::span<const stream::Header> headers,
                                      std::string_view header);

}  // namespace leat::codec
