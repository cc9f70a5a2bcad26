// Filters: a `where` of the user's, an SQL condition, over records of a topic or over dead letters.
//
// Compiled by the same engine as pipelines, so the same dialect and the same guards hold. One
// thread each.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "runtime/dead_letter.h"
#include "stream/record.h"
#include "types/type.h"

namespace leat::server {

class RecordFilter {
 public:
  virtual ~RecordFilter() = default;
  /// Per record of the batch: 1 when the condition is true of it. A record that cannot be decoded
  /// as the topic's types, or on which the condition fails, is left out.
  virtual Result<std::vector<char>> keep(const stream::RecordBatch& batch) = 0;
};

/// `schema`: the columns of the topic's values; besides them `_partition`, `_offset`, `_timestamp`,
/// `_key`. kInvalidArgument names the place in `where`.
Result<std::unique_ptr<RecordFilter>> make_record_filter(const std::string& where,
                                                         const types::Schema& schema);

class LetterFilter {
 public:
  virtual ~LetterFilter() = default;
  /// Per letter: 1 when the condition is true of it.
  virtual Result<std::vector<char>> keep(std::span<const runtime::DeadLetter> letters) = 0;
};

/// Columns: sink, topic, "partition", "offset", stage, reason, rule, message, "time", key, value.
/// Empty `where`: all letters.
Result<std::unique_ptr<LetterFilter>> make_letter_filter(const std::string& where);

}  // namespace leat::server
