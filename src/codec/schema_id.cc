#include "codec/schema_id.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <cstring>

namespace leat::codec {
namespace {

constexpr char kById = 0, kByGuid = 1;
constexpr size_t kMostIndexBytes = 256;  // Protobuf's in a header, of messages as deep as any
constexpr size_t kIdBytes = 1 + sizeof(int32_t), kGuidBytes = 1 + sizeof(SchemaGuid);

Error corrupt(std::string message) {
  return Error(ErrorCode::kCorrupt, std::move(message))
      .with_hint(
          "write the topic with a producer that registers its schemas, or read it without "
          "a schema");
}

int32_t read_id(std::string_view bytes) {
  uint32_t id;
  std::memcpy(&id, bytes.data(), sizeof id);
  return static_cast<int32_t>(__builtin_bswap32(id));
}

SchemaGuid guid_of(std::string_view bytes) {
  SchemaGuid guid;
  std::memcpy(guid.data(), bytes.data(), guid.size());
  return guid;
}

}  // namespace

std::string schema_frame(const SchemaId& id) {
  if (const auto* guid = std::get_if<SchemaGuid>(&id))
    return kByGuid + std::string(guid->data(), guid->size());
  const uint32_t number = __builtin_bswap32(static_cast<uint32_t>(std::get<int32_t>(id)));
  std::string frame(kIdBytes, kById);
  std::memcpy(frame.data() + 1, &number, sizeof number);
  return frame;
}

std::optional<SchemaGuid> read_guid(std::string_view text) {
  SchemaGuid guid;
  size_t at = 0;
  for (char& byte : guid) {
    if (at < text.size() && text[at] == '-') ++at;
    const std::string_view digits = text.substr(std::min(at, text.size()), 2);
    uint8_t value = 0;
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
    if (error != std::errc() || end != digits.data() + 2) return std::nullopt;
    byte = static_cast<char>(value);
    at += 2;
  }
  return at == text.size() ? std::optional(guid) : std::nullopt;
}

Result<FramedBytes> read_schema_frame(std::string_view record) {
  if (record.empty()) return corrupt("0 bytes, where a schema's id was expected");
  const size_t size = record[0] == kById ? kIdBytes : record[0] == kByGuid ? kGuidBytes : 0;
  if (size == 0) {
    return corrupt(
        fmt::format("the first byte is {}, not 0 (a schema's id follows) or 1 (its GUID)",
                    static_cast<unsigned char>(record[0])));
  }
  if (record.size() < size)
    return corrupt(fmt::format("{} bytes, where a schema's id alone has {}", record.size(), size));
  FramedBytes framed{{}, record.substr(size)};
  if (record[0] == kById)
    framed.schema = read_id(record.substr(1));
  else
    framed.schema = guid_of(record.substr(1));
  return framed;
}

Result<FramedBytes> read_schema_frame(std::string_view record,
                                      std::span<const stream::Header> headers,
                                      std::string_view header) {
  for (size_t i = headers.size(); i-- > 0;) {
    if (headers[i].key != header) continue;
    auto framed = read_schema_frame(headers[i].value);
    if (!framed) return std::move(framed).error().context(fmt::format("header {}", header));
    if (framed->bytes.size() > kMostIndexBytes) {
      return corrupt(
          fmt::format("header {}: {} bytes behind the schema's id", header, framed->bytes.size()));
    }
    return FramedBytes{framed->schema, record, framed->bytes};
  }
  return read_schema_frame(record);
}

}  // namespace leat::codec
