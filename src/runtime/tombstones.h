// Tombstones: records without a value as rows to delete, for a sink with `on_tombstone: delete`. The compiled query never
// sees them: what they say is in the message's key, which is the table's. That it is so is looked at in each record that
// has rows, too: else a null value would delete nothing, or the row of another.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "runtime/outcome.h"
#include "stream/ports.h"
#include "types/type.h"

namespace leat::runtime {

/// One thread (the lane's transform thread).
class Tombstones {
 public:
  /// `key`: names of columns of `output`. kInvalidArgument: one that a message's key does not give back.
  static Result<std::unique_ptr<Tombstones>> make(const types::Schema& output,
                                                  const std::vector<std::string>& key);

  /// Fills out.deletes from the records without a value that nothing has rejected, and marks them as delivered. Those
  /// whose key cannot be read go to `rejects`.
  void read(Outcome& out, std::vector<stream::Reject>& rejects);

  /// Rejects of the records to deliver whose rows have another key than their message.
  void check_keys(const Outcome& out, std::vector<stream::Reject>& rejects);

 private:
  void append_key(const types::Batch& rows, const std::vector<size_t>& columns, size_t row);
  std::string describe(const Outcome& out, uint32_t record, const std::string& key) const;
  Tombstones(types::Schema output, std::vector<size_t> key,
             std::unique_ptr<stream::Decoder> decoder);
  types::Schema output_, key_schema_, rest_schema_;
  std::vector<size_t> key_;       // in the output
  std::vector<size_t> place_of_;  // of each column of the output: in the key, or behind it
  std::unique_ptr<stream::Decoder> decoder_;
  stream::RecordBatch keys_;
  std::vector<uint32_t> records_, rows_;
  std::string text_;
};

}  // namespace leat::runtime
