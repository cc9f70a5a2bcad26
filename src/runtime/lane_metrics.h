// LaneMetrics: the metrics of one lane, made once at its start; the hot path only adds.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "metrics/metrics.h"
#include "stream/record.h"

namespace leat::runtime {

class LaneMetrics {
 public:
  LaneMetrics(metrics::Registry& registry, const std::string& pipeline, const std::string& sink,
              const std::vector<std::string>& rules);

  void transform_seconds(int64_t ns) { transform_.observe_ns(ns); }
  void write_seconds(int64_t ns) { write_.observe_ns(ns); }
  void sink_error() { sink_errors_.add(); }
  /// A batch was committed `ns` after it had been read and `oldest_ms` after its first record was appended.
  void committed(const stream::Ledger& delta, const std::vector<stream::Reject>& rejects,
                 int64_t ns, int64_t oldest_ms);
  void rule(size_t index, int64_t hits) { rules_[index]->add(static_cast<uint64_t>(hits)); }
  void lag(int64_t records, int64_t ms);
  void read_seconds(int64_t ns) { read_.observe_ns(ns); }
  void drift() { drift_.add(); }
  void restarted() { restarts_.add(); }

 private:
  metrics::Histogram &read_, &transform_, &write_, &end_to_end_, &append_to_commit_;
  metrics::Counter &in_, &delivered_, &rejected_, &dropped_, &filtered_, &deduplicated_, &expired_,
      &rows_;
  metrics::Counter &sink_errors_, &restarts_, &drift_;
  metrics::Gauge &lag_records_, &lag_seconds_;
  std::vector<metrics::Counter*> rules_;
  metrics::Family<metrics::Counter>& rejects_by_reason_;
  std::string pipeline_, sink_;
};

}  // namespace leat::runtime
