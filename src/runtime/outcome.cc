#include "runtime/outcome.h"

#include <algorithm>

namespace leat::runtime {

void Outcome::place_rows() {
  const auto& batch = input.records;
  to_store = true;
  versions.resize(query.records.size() + deletes.records.size());
  offsets.resize(versions.size());
  size_t c = 0;
  for (const sql::QueryOutput* rows : {&query, &deletes}) {
    for (const std::vector<uint32_t>& records : rows->records) {
      versions[c].clear();
      offsets[c].clear();
      for (uint32_t record : records) {
        versions[c].push_back(batch.versions[record]);
        offsets[c].push_back(input.identity(record).offset);
      }
      ++c;
    }
  }
}

std::optional<uint32_t> Outcome::record_of(size_t chunk, size_t row) const {
  const size_t first_delete = query.records.size();
  const auto& records = chunk < first_delete ? query.records : deletes.records;
  const size_t at = chunk < first_delete ? chunk : chunk - first_delete;
  if (at >= records.size() || row >= records[at].size()) return std::nullopt;
  return records[at][row];
}

void Outcome::count() {
  const int64_t deduplicated = delta.deduplicated;
  delta = {};
  delta.deduplicated = deduplicated;
  delta.in = deduplicated + static_cast<int64_t>(fates.size());
  for (Fate fate : fates) {
    switch (fate) {
      case Fate::kRejected:
        ++delta.rejected;
        break;
      case Fate::kDelivered:
        ++delta.delivered;
        break;
      case Fate::kDropped:
        ++delta.dropped;
        break;
      case Fate::kFiltered:
        ++delta.filtered;
        break;
      case Fate::kExpired:
        ++delta.expired;
        break;
    }
  }
  if (to_store) delta.rows = static_cast<int64_t>(query.rows() + deletes.rows());
  for (const TopicRows& topic : topics) delta.rows += static_cast<int64_t>(topic.rows.size());
  std::sort(rejects.begin(), rejects.end(),
            [](const stream::Reject& a, const stream::Reject& b) { return a.record < b.record; });
}

void Outcome::clear_results() {
  query = {};
  deletes = {};
  for (TopicRows& topic : topics) {
    topic.rows.clear();
    topic.encoded.keys.clear();
    topic.encoded.values.clear();
    topic.encoded.arena.reset();
  }
  rejects.clear();
  fates.clear();
  delta = {};
  to_store = stop_rule = false;
  stop_message.clear();
  rule_hits.clear();
  bytes = output_bytes = 0;
}

void Outcome::clear() {
  clear_results();
  input.records.clear();
  input.cursor.clear();
  input.pass_ended = false;
  input.duplicate.clear();
  input.refused.clear();
  input.id_page.clear();
  input.originals.clear();
  input.retry_offsets.clear();
  input.ids_to_forget.clear();
}

}  // namespace leat::runtime
