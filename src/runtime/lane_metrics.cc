#include "runtime/lane_metrics.h"

namespace leat::runtime {
namespace {

using metrics::Unit;

metrics::Counter& fate(metrics::Registry& registry, const std::string& what,
                       const std::string& help, const std::string& pipeline,
                       const std::string& sink) {
  return registry
      .counter("leat_records_" + what + "_total", help, Unit::kRecords, {"pipeline", "sink"})
      .with({pipeline, sink});
}

metrics::Histogram& stage(metrics::Registry& registry, const std::string& name,
                          const std::string& pipeline, const std::string& sink) {
  return registry
      .histogram("leat_stage_seconds",
                 "Time of one batch in a stage of a lane (read: waiting for it included; "
                 "end_to_end: read to committed).",
                 {"pipeline", "sink", "stage"})
      .with({pipeline, sink, name});
}

}  // namespace

LaneMetrics::LaneMetrics(metrics::Registry& registry, const std::string& pipeline,
                         const std::string& sink, const std::vector<std::string>& rules)
    : read_(stage(registry, "read", pipeline, sink)),
      transform_(stage(registry, "transform", pipeline, sink)),
      write_(stage(registry, "write", pipeline, sink)),
      end_to_end_(stage(registry, "end_to_end", pipeline, sink)),
      append_to_commit_(
          registry
              .histogram("leat_append_to_commit_seconds",
                         "Age of each batch's oldest record, since its topic or source gave it a "
                         "time, when its rows are committed and so visible.",
                         {"pipeline", "sink"})
              .with({pipeline, sink})),
      in_(fate(registry, "in", "Records read, counted when their batch is committed.", pipeline,
               sink)),
      delivered_(
          fate(registry, "delivered", "Records with at least one row delivered.", pipeline, sink)),
      rejected_(fate(registry, "rejected", "Records sent to the dead letter.", pipeline, sink)),
      dropped_(fate(registry, "dropped", "Records dropped by a rule.", pipeline, sink)),
      filtered_(fate(registry, "filtered", "Records that the SQL made no row of.", pipeline, sink)),
      deduplicated_(
          fate(registry, "deduplicated", "Records whose id had been seen.", pipeline, sink)),
      expired_(fate(registry, "expired", "Records past their time to live.", pipeline, sink)),
      rows_(
          registry.counter("leat_rows_total", "Rows delivered.", Unit::kRows, {"pipeline", "sink"})
              .with({pipeline, sink})),
      sink_errors_(registry
                       .counter("leat_sink_errors_total", "Failed tries to deliver a batch.",
                                Unit::kNone, {"pipeline", "sink"})
                       .with({pipeline, sink})),
      restarts_(registry
                    .counter("leat_lane_restarts_total", "Restarts of a lane after a failure.",
                             Unit::kNone, {"pipeline", "sink"})
                    .with({pipeline, sink})),
      drift_(
          registry
              .counter(
                  "leat_schema_drift_total",
                  "Differences between records and the expected types, each counted once a start.",
                  Unit::kNone, {"pipeline", "sink"})
              .with({pipeline, sink})),
      lag_records_(registry
                       .gauge("leat_lag_records", "Records that wait to be read.", Unit::kRecords,
                              {"pipeline", "sink"})
                       .with({pipeline, sink})),
      lag_seconds_(registry
                       .gauge("leat_lag_seconds",
                              "Age of the last committed record while more wait.", Unit::kSeconds,
                              {"pipeline", "sink"})
                       .with({pipeline, sink})),
      rejects_by_reason_(registry.counter("leat_rejects_total",
                                          "Rejected records by stage and reason.", Unit::kRecords,
                                          {"pipeline", "sink", "stage", "reason"})),
      pipeline_(pipeline),
      sink_(sink) {
  auto& family = registry.counter("leat_rule_violations_total", "Records that violated a rule.",
                                  Unit::kRecords, {"pipeline", "sink", "rule"});
  for (const std::string& rule : rules) rules_.push_back(&family.with({pipeline, sink, rule}));
}

void LaneMetrics::committed(const stream::Ledger& delta, const std::vector<stream::Reject>& rejects,
                            int64_t ns, int64_t oldest_ms) {
  auto add = [](metrics::Counter& counter, int64_t n) { counter.add(static_cast<uint64_t>(n)); };
  add(in_, delta.in);
  add(delivered_, delta.delivered);
  add(rejected_, delta.rejected);
  add(dropped_, delta.dropped);
  add(filtered_, delta.filtered);
  add(deduplicated_, delta.deduplicated);
  add(expired_, delta.expired);
  add(rows_, delta.rows);
  end_to_end_.observe_ns(ns);
  append_to_commit_.observe_ns(oldest_ms * 1'000'000);
  for (const stream::Reject& reject : rejects) {
    rejects_by_reason_
        .with({pipeline_, sink_, std::string(stream::to_string(reject.stage)),
               std::string(stream::to_string(reject.reason))})
        .add();
  }
}

void LaneMetrics::lag(int64_t records, int64_t ms) {
  lag_records_.set(static_cast<double>(records));
  lag_seconds_.set(static_cast<double>(ms) / 1000.0);
}

}  // namespace leat::runtime
