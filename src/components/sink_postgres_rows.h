// Rows as PostgreSQL's COPY takes them (FORMAT binary), and the types they have there.
//
// Format: PostgreSQL's manual, COPY, "Binary Format"; of each value, the server's *recv functions. A list of plain
// values is an array; a struct, a map and a list of anything nested is jsonb by the fixed table of codec/text_out.h.
// Unsigned and 128-bit integers take the next larger type, at last numeric.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "types/batch.h"
#include "types/type.h"

namespace leat::components {

/// PostgreSQL's name of a type, as format_type() writes it: "numeric(12,2)", "timestamp with time zone", "text[]".
std::string postgres_type(const types::Type& type);

/// What COPY wants before the first row and after the last one.
void begin_copy(std::string& out);
void end_copy(std::string& out);

/// Writes rows. One thread; nothing is allocated per row once the buffers have grown.
class PostgresRows {
 public:
  explicit PostgresRows(const types::Schema& schema) : columns_(schema.fields.size()) {}

  /// Appends a row with all columns, and behind them `version` and `deleted` when there are such. A value that PostgreSQL cannot
  /// hold (a zero byte in a text, a time out of its range, NaN inside jsonb): the message, and nothing is appended.
  std::optional<std::string> append(const types::Batch& batch, size_t row,
                                    std::optional<int64_t> version, std::optional<bool> deleted,
                                    std::string& out);
  /// Appends the bytes of one value, without its length; the same message. For keys: equal values, equal bytes.
  std::optional<std::string> append_value(const types::Vector& vector, size_t row,
                                          std::string& out);

 private:
  std::optional<std::string> append_array(const types::Vector& vector, size_t row,
                                          std::string& out);
  std::optional<std::string> append_field(const types::Vector& vector, size_t row,
                                          std::string& out);
  size_t columns_;
};

}  // namespace leat::components
