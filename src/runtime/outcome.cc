#include "runtime/outcome.h"

#include <algorithm>

namespace leat::runtime {

void Outcome::place_rows() {
  const auto& batch = input.records;
  to_store = true;
  versions.resize(query.records.size());
  offsets.resize(query.records.size());
  for (size_t c = 0; c < query.records.size(); ++c) {
    versions[c].clear();
    offsets[c].clear();
    for (uint32_t record : query.records[c]) {
      versions[c].push_back(batch.versions[record]);
      offsets[c].push_back(input.identity(record).offset);
    }
  }
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
  if (to_store) delta.rows = static_cast<int64_t>(query.rows());
  for (const TopicRows& topic : topics) delta.rows += static_cast<int64_t>(topic.rows.size());
  std::sort(rejects.begin(), rejects.end(),
            [](const stream::Reject& a, const stream::Reject& b) { return a.record < b.record; });
}

void Outcome::clear_results() {
  query = {};
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
