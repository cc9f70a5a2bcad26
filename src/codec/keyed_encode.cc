#include "codec/keyed_encode.h"

#include <fmt/core.h>

#include <utility>

namespace leat::codec {
namespace {

class KeyedEncoder final : public stream::Encoder {
 public:
  KeyedEncoder(std::unique_ptr<stream::Encoder> value, std::unique_ptr<stream::Encoder> key,
               const types::Schema& schema, std::vector<size_t> columns)
      : value_(std::move(value)), key_(std::move(key)), columns_(std::move(columns)) {
    for (size_t column : columns_) names_.push_back(schema.fields[column].name);
  }

  void encode(const types::Batch& batch, stream::EncodedRows& out,
              std::vector<Failure>& failed) override {
    const size_t first = out.keys.size();
    value_->encode(batch, out, failed);
    types::Batch keys;
    keys.rows = batch.rows;
    for (size_t i = 0; i < columns_.size(); ++i) {
      keys.columns.push_back(batch.columns[columns_[i]]);
      for (size_t row = 0; row < batch.rows; ++row) {
        if (!keys.columns[i].valid(row))
          failed.push_back(
              {row, stream::Reason::kNullKey, fmt::format("/{}: the key is null", names_[i])});
      }
    }
    // Behind the values, in the same arena, and then where they belong. A row's first failure is the one that counts.
    const size_t second = out.values.size(), failures = failed.size();
    key_->encode(keys, out, failed);
    for (size_t i = failures; i < failed.size(); ++i) failed[i].message.insert(0, "key: ");
    for (size_t row = 0; row < batch.rows; ++row) out.keys[first + row] = out.values[second + row];
    out.keys.resize(second), out.values.resize(second);
  }

 private:
  const std::unique_ptr<stream::Encoder> value_, key_;
  const std::vector<size_t> columns_;
  std::vector<std::string> names_;
};

}  // namespace

std::unique_ptr<stream::Encoder> make_keyed_encoder(std::unique_ptr<stream::Encoder> value,
                                                    std::unique_ptr<stream::Encoder> key,
                                                    const types::Schema& schema,
                                                    std::vector<size_t> columns) {
  return std::make_unique<KeyedEncoder>(std::move(value), std::move(key), schema,
                                        std::move(columns));
}

}  // namespace leat::codec
