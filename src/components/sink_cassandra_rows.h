// Rows as Cassandra's protocol takes them, and the types they have there.
//
// Format: CQL native protocol v4, "[value]" and section 6, "Data types serialization formats" (doc/native_protocol_v4.spec
// of Cassandra); duration: v5, section 6.3. Unsigned and 128-bit integers take the next larger type, at last varint.
// Lists and maps of plain values are frozen: an unfrozen list that is written again with its own timestamp doubles its
// elements. Structs, and lists and maps of anything nested, are text with the JSON of codec/text_out.h.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "types/batch.h"
#include "types/type.h"

namespace leat::components {

/// Cassandra's name of a type, as system_schema.columns has it: "timestamp", "frozen<list<int>>".
std::string cassandra_type(const types::Type& type);

/// Writes rows. One thread; nothing is allocated per row once the buffers have grown.
class CassandraRows {
 public:
  explicit CassandraRows(const types::Schema& schema) : schema_(schema) {}

  /// Appends a row's values in the schema's order, then the version (bigint) and, when there is one, the TTL in
  /// seconds (int). A value that Cassandra cannot hold (a NULL inside a list, an infinite time): the message, and
  /// nothing is appended.
  std::optional<std::string> append(const types::Batch& batch, size_t row, int64_t version,
                                    std::optional<int32_t> ttl, std::string& out) const;
  /// Appends the version and then the values of the columns `key`, for the statement that deletes the row; the same
  /// message.
  std::optional<std::string> append_delete(const types::Batch& batch, size_t row, int64_t version,
                                           const std::vector<size_t>& key, std::string& out) const;
  /// Appends the bytes of one value of a key, without its length; the same message. Equal values, equal bytes. A time
  /// that is finer than Cassandra's milliseconds is refused here, since two keys would become one.
  std::optional<std::string> append_key(const types::Vector& vector, size_t row,
                                        std::string& out) const;

 private:
  std::optional<std::string> append_column(const types::Batch& batch, size_t row, size_t column,
                                           std::string& out) const;
  const types::Schema& schema_;
};

/// Values of a statement's parameters, each with its length.
void put_cassandra(std::string& out, std::string_view text);
void put_cassandra(std::string& out, int64_t bigint);
void put_cassandra(std::string& out, int32_t integer);

}  // namespace leat::components
