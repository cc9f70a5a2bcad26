#include "server/shown_values.h"

#include "runtime/writer_schemas.h"

namespace leat::server {
namespace {

constexpr size_t kMostSchemas = 1'000;  // bytes that only look like a frame may name many

Result<std::unique_ptr<codec::SchemaText>> text_of(schema::Catalog& catalog,
                                                   const codec::FramedBytes& framed,
                                                   const std::string& topic, bool key) {
  const std::string subject = topic + (key ? "-key" : "-value");
  ASSIGN(const auto parsed, runtime::fetch_schema(catalog, framed.schema, subject));
  return key ? codec::make_key_text(*parsed, framed.indexes)
             : codec::make_schema_text(*parsed, framed.indexes);
}

}  // namespace

std::optional<std::string> ShownValues::show(std::string_view bytes,
                                             std::span<const stream::Header> headers, bool key) {
  if (!catalog_) return std::nullopt;
  // Text never begins so; most topics hold text.
  if (headers.empty() && (bytes.empty() || bytes[0] > 1)) return std::nullopt;
  auto framed = codec::read_schema_frame(bytes, headers,
                                         key ? codec::kKeySchemaHeader : codec::kValueSchemaHeader);
  if (!framed) return std::nullopt;
  Texts& texts = key ? keys_ : values_;
  const auto id = std::pair(framed->schema, std::string(framed->indexes));
  auto found = texts.find(id);
  if (found == texts.end()) {
    if (texts.size() >= kMostSchemas) texts.clear();
    if (away_) return std::nullopt;
    auto made = text_of(*catalog_, *framed, topic_, key);
    if (!made && made.error().code() != ErrorCode::kNotFound &&
        made.error().code() != ErrorCode::kInvalidArgument) {
      away_ = true;
      return std::nullopt;
    }
    found = texts.emplace(id, made ? std::move(*made) : nullptr).first;
  }
  return found->second ? found->second->of(framed->bytes) : std::nullopt;
}

std::optional<std::string> ShownValues::show(std::string_view value,
                                             std::span<const stream::Header> headers) {
  return show(value, headers, false);
}

std::optional<std::string> ShownValues::show_key(std::string_view key,
                                                 std::span<const stream::Header> headers) {
  return show(key, headers, true);
}

void ShownValues::show(stream::RecordBatch& batch) {
  shown_.clear();
  away_ = false;
  for (stream::Record& record : batch.records) {
    auto value = record.value ? show(*record.value, record.headers) : std::nullopt;
    auto key = record.key ? show_key(*record.key, record.headers) : std::nullopt;
    if (value) record.value = shown_.emplace_back(std::move(*value));
    if (key) record.key = shown_.emplace_back(std::move(*key));
  }
}

}  // namespace leat::server
