#include "codec/schema_text.h"

#include "codec/schema_codec.h"
#include "codec/text.h"
#include "codec/text_out.h"

namespace leat::codec {
namespace {

class Text final : public SchemaText {
 public:
  Text(const types::Schema& columns, std::unique_ptr<stream::Decoder> decoder, bool key)
      : columns_(columns), decoder_(std::move(decoder)), key_(key), rows_(columns) {}

  std::optional<std::string> of(std::string_view record) override {
    rows_.reset();
    rejects_.clear();
    places_.clear();
    batch_.records.assign(1, {});
    batch_.records[0].value = record;
    decoder_->decode(batch_, rows_, places_, rejects_);
    if (!rejects_.empty()) return std::nullopt;
    const types::Batch row = rows_.view();
    return key_ ? key_text(row) : json(row);
  }

 private:
  static std::optional<std::string> key_text(const types::Batch& row) {
    std::string text;
    for (const types::Vector& column : row.columns) {
      if (!column.valid(0)) return std::nullopt;
      if (row.columns.size() == 1) {
        append_text(column, 0, text);
        return text;
      }
      text += text.empty() ? '[' : ',';
      append_json(column, 0, text);
    }
    return text + "]";
  }

  std::optional<std::string> json(const types::Batch& row) const {
    std::string text;
    {
      StringOut out(text);
      JsonWriter writer(out, /*strict=*/false);
      for (size_t c = 0; c < columns_.fields.size(); ++c) {
        if (!columns_.root_value) {
          out.put(c == 0 ? '{' : ',');
          write_json_string(out, columns_.fields[c].name);
          out.put(':');
        }
        if (!writer.write(row.columns[c], 0)) return std::nullopt;
      }
      if (!columns_.root_value) out.put(columns_.fields.empty() ? "{}" : "}");
    }
    return text;
  }

  const types::Schema columns_;
  const std::unique_ptr<stream::Decoder> decoder_;
  const bool key_;
  types::BatchBuffer rows_;
  stream::RecordBatch batch_;
  std::vector<uint32_t> places_;
  std::vector<stream::Reject> rejects_;
};

Result<std::unique_ptr<SchemaText>> make_text(const schema::ParsedSchema& schema,
                                              std::string_view indexes, bool key) {
  ASSIGN(types::Schema columns, schema_columns(schema));
  ASSIGN(auto decoder, make_schema_decoder(schema, schema, columns, indexes));
  return std::unique_ptr<SchemaText>(std::make_unique<Text>(columns, std::move(decoder), key));
}

}  // namespace

Result<std::unique_ptr<SchemaText>> make_schema_text(const schema::ParsedSchema& schema,
                                                     std::string_view indexes) {
  return make_text(schema, indexes, false);
}

Result<std::unique_ptr<SchemaText>> make_key_text(const schema::ParsedSchema& schema,
                                                  std::string_view indexes) {
  return make_text(schema, indexes, true);
}

}  // namespace leat::codec
