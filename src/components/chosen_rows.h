// ChosenRows: which rows of a batch a keyed table gets. Of a key the one of the highest version, among equal ones the
// last: a record may make several rows, and a batch may hold several records of one key.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "stream/ports.h"

namespace leat::components {

/// Where a row of the batch is.
struct Place {
  size_t chunk, row;
};

/// One thread; reused from batch to batch, so that nothing is allocated per row once it has grown.
class ChosenRows {
 public:
  /// Appends the bytes of the key's value number `part`: equal values, equal bytes. A message: it cannot be one.
  using AppendKey = std::function<std::optional<std::string>(size_t part, const types::Vector&,
                                                             size_t row, std::string& out)>;

  /// `key`: the key's columns in `schema`; without any, all rows. Rows that cannot be stored go to `refused`; then
  /// what is chosen is of no use.
  const std::vector<Place>& choose(const stream::SinkBatch& batch, const types::Schema& schema,
                                   const std::vector<size_t>& key, const AppendKey& append_key,
                                   std::vector<stream::RefusedRow>& refused);
  /// The bytes of the first `columns` of the key of the chosen row `i`; valid until choose().
  std::string_view key(size_t i, size_t columns) const;

 private:
  bool add_key(const stream::SinkBatch& batch, Place at, const types::Schema& schema,
               const std::vector<size_t>& key, const AppendKey& append_key,
               std::vector<stream::RefusedRow>& refused);

  std::vector<Place> places_;
  std::vector<std::pair<size_t, size_t>> spans_;  // of each chosen row's key in keys_
  std::string keys_;
  std::unordered_map<std::string_view, size_t> latest_;
};

}  // namespace leat::components
