#include "codec/json_encode.h"

#include <fmt/core.h>

#include "base/check.h"
#include "codec/json_index.h"
#include "codec/row_key.h"
#include "codec/text.h"
#include "codec/text_out.h"

namespace leat::codec {
namespace {

using stream::Reason;
using types::Kind;
using types::Vector;

class JsonEncoder final : public stream::Encoder {
 public:
  JsonEncoder(const types::Schema& schema, std::vector<size_t> key, std::string prefix,
              std::unique_ptr<JsonValidator> validator)
      : schema_(schema),
        key_(schema, std::move(key)),
        prefix_(std::move(prefix)),
        validator_(std::move(validator)) {
    for (const types::Field& field : schema_.fields) {
      std::string label = labels_.empty() ? "{" : ",";
      append_json_string(field.name, label);
      labels_.push_back(label + ":");
    }
  }

  void encode(const types::Batch& batch, stream::EncodedRows& out,
              std::vector<Failure>& failed) override {
    CHECK(batch.columns.size() == labels_.size(), "{} columns for a schema of {}",
          batch.columns.size(), labels_.size());
    ArenaOut text(out.arena);
    JsonWriter writer(text, /*strict=*/true);
    writer.set_index(&index_);
    for (size_t row = 0; row < batch.rows; ++row) {
      std::optional<std::string_view> key;
      if (write_value(batch, row, text, writer, failed)) [[likely]] {
        std::string_view value = text.take();
        if (fits(value, row, failed) &&
            (key_.empty() || key_.write(batch, row, text, writer, failed))) [[likely]] {
          if (!key_.empty()) key = text.take();
          out.keys.push_back(key);
          out.values.emplace_back(value);
          continue;
        }
      }
      text.drop();
      out.keys.push_back(std::nullopt);
      out.values.emplace_back(std::string_view());
    }
  }

 private:
  bool write_value(const types::Batch& batch, size_t row, TextOut& text, JsonWriter& writer,
                   std::vector<Failure>& failed) {
    text.put(prefix_);
    if (labels_.empty()) text.put('{');
    for (size_t i = 0; i < labels_.size(); ++i) {
      text.put(labels_[i]);
      if (!writer.write(batch.columns[i], row)) [[unlikely]] {
        failed.push_back({row, Reason::kEncodeFailed,
                          fmt::format("/{}{}: {}", schema_.fields[i].name, writer.refusal().path,
                                      writer.refusal().message)});
        return false;
      }
    }
    text.put('}');
    return true;
  }

  bool fits(std::string_view value, size_t row, std::vector<Failure>& failed) {
    if (!validator_) return true;
    const auto found = validator_->check(value.substr(prefix_.size()));
    if (found) failed.push_back({row, Reason::kEncodeFailed, found->to_string()});
    return !found;
  }

  const types::Schema schema_;
  const RowKey key_;
  const std::string prefix_;
  const std::unique_ptr<JsonValidator> validator_;
  std::vector<std::string> labels_;  // `{"first":`, then `,"second":`
  JsonIndex index_;                  // checks the text of JSON columns
};

Result<void> check_type(const types::Type& type) {
  if (type.kind() == Kind::kMap &&
      (type.fields()[0].type.is_nested() || type.fields()[0].type.kind() == Kind::kJson)) {
    return Error(ErrorCode::kInvalidArgument,
                 fmt::format("JSON cannot hold {}: its keys are text", type.to_sql()))
        .with_hint("select map_entries(...), which is a list of structs");
  }
  for (const types::Field& field : type.fields()) TRY(check_type(field.type));
  return {};
}

}  // namespace

Result<std::unique_ptr<stream::Encoder>> make_json_encoder(
    const types::Schema& schema, std::vector<size_t> key, std::string prefix,
    std::unique_ptr<JsonValidator> validator) {
  for (const types::Field& field : schema.fields) {
    auto good = check_type(field.type);
    if (!good) return std::move(good).error().at(field.name);
  }
  TRY(RowKey::check(schema, key));
  return std::unique_ptr<stream::Encoder>(std::make_unique<JsonEncoder>(
      schema, std::move(key), std::move(prefix), std::move(validator)));
}

}  // namespace leat::codec
