// The message key of a row, the same whatever format its value has. Private to codec/.
//
//   one key column   its canonical text (a string as it is, a uuid in lower case, a time in ISO 8601 UTC)
//   several          a compact JSON array of them, ["CH",58]
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "codec/text_out.h"
#include "stream/ports.h"
#include "types/type.h"

namespace leat::codec {

class RowKey {
 public:
  /// `columns` are indices that check() has seen; none: rows have no key.
  RowKey(const types::Schema& schema, std::vector<size_t> columns);
  /// kInvalidArgument for a key that is not a column.
  static Result<void> check(const types::Schema& schema, const std::vector<size_t>& columns);

  bool empty() const { return columns_.empty(); }
  /// Writes the key of `row`. False: refused (null_key; encode_failed for what JSON lacks, such as NaN), told in `failed`.
  bool write(const types::Batch& batch, size_t row, TextOut& text, JsonWriter& writer,
             std::vector<stream::Encoder::Failure>& failed) const;

 private:
  std::vector<size_t> columns_;
  std::vector<std::string> names_;
};

}  // namespace leat::codec
