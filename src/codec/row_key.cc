#include "codec/row_key.h"

#include <fmt/core.h>

#include <cmath>

namespace leat::codec {
namespace {

using stream::Reason;

bool is_number(const types::Vector& column, size_t row) {
  if (column.type.kind() == types::Kind::kFloat) return std::isfinite(column.at<float>(row));
  if (column.type.kind() == types::Kind::kDouble) return std::isfinite(column.at<double>(row));
  return true;
}

}  // namespace

RowKey::RowKey(const types::Schema& schema, std::vector<size_t> columns)
    : columns_(std::move(columns)) {
  for (size_t column : columns_) names_.push_back(schema.fields[column].name);
}

Result<void> RowKey::check(const types::Schema& schema, const std::vector<size_t>& columns) {
  for (size_t column : columns) {
    if (column >= schema.fields.size()) {
      return Error(ErrorCode::kInvalidArgument,
                   fmt::format("the key column {} of {}", column, schema.fields.size()));
    }
  }
  return {};
}

bool RowKey::write(const types::Batch& batch, size_t row, TextOut& text, JsonWriter& writer,
                   std::vector<stream::Encoder::Failure>& failed) const {
  for (size_t i = 0; i < columns_.size(); ++i) {
    const types::Vector& column = batch.columns[columns_[i]];
    if (!column.valid(row)) {
      failed.push_back({row, Reason::kNullKey, fmt::format("/{}: the key is null", names_[i])});
      return false;
    }
    if (!is_number(column, row)) {
      failed.push_back({row, Reason::kEncodeFailed,
                        fmt::format("/{}: NaN and infinity cannot be a key", names_[i])});
      return false;
    }
  }
  if (columns_.size() == 1) {
    write_text(text, batch.columns[columns_[0]], row);
    return true;
  }
  for (size_t i = 0; i < columns_.size(); ++i) {
    text.put(i == 0 ? '[' : ',');
    if (writer.write(batch.columns[columns_[i]], row)) continue;
    failed.push_back(
        {row, Reason::kEncodeFailed,
         fmt::format("/{}{}: {}", names_[i], writer.refusal().path, writer.refusal().message)});
    return false;
  }
  text.put(']');
  return true;
}

}  // namespace leat::codec
