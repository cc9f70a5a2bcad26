#include "server/shown_values.h"

#include "runtime/writer_schemas.h"

namespace leat::server {
namespace {

constexpr size_t kMostSchemas = 1'000;  // bytes that only look like a frame may name many

Result<std::unique_ptr<codec::SchemaText>> text_of(schema::Catalog& catalog,
                                                   const codec::FramedBytes& framed,
                                                   const std::string& subject) {
  ASSIGN(const auto parsed, runtime::fetch_schema(catalog, framed.schema, subject));
  return codec::make_schema_text(*parsed, framed.indexes);
}

}  // namespace

std::optional<std::string> ShownValues::show(std::string_view value,
                                             std::span<const stream::Header> headers) {
  if (!catalog_) return std::nullopt;
  // Text never begins so; most topics hold text.
  if (headers.empty() && (value.empty() || value[0] > 1)) return std::nullopt;
  auto framed = codec::read_schema_frame(value, headers, codec::kValueSchemaHeader);
  if (!framed) return std::nullopt;
  const auto key = std::pair(framed->schema, std::string(framed->indexes));
  auto found = texts_.find(key);
  if (found == texts_.end()) {
    if (texts_.size() >= kMostSchemas) texts_.clear();
    if (away_) return std::nullopt;
    auto made = text_of(*catalog_, *framed, subject_);
    if (!made && made.error().code() != ErrorCode::kNotFound &&
        made.error().code() != ErrorCode::kInvalidArgument) {
      away_ = true;
      return std::nullopt;
    }
    found = texts_.emplace(key, made ? std::move(*made) : nullptr).first;
  }
  return found->second ? found->second->of(framed->bytes) : std::nullopt;
}

void ShownValues::show(stream::RecordBatch& batch) {
  shown_.clear();
  away_ = false;
  for (stream::Record& record : batch.records) {
    if (!record.value) continue;
    if (auto text = show(*record.value, record.headers))
      record.value = shown_.emplace_back(std::move(*text));
  }
}

}  // namespace leat::server
