// Metrics: counters, gauges and histograms with help, unit and bounded labels; Prometheus text.
//
// Who calls: every room makes its metrics at start from the Registry it is handed (which outlives
// it) and keeps the references; the hot path is one relaxed atomic add. Scrapes walk the registry
// under its lock, which no add() takes. Our own and not prometheus-cpp: its registry can be read
// only as a tree of copies of every family and knows no percentiles; here a walk is a walk, an
// observation two relaxed adds, and the whole is smaller than the glue would be.
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/mutex.h"

namespace leat::metrics {

enum class Kind { kCounter, kGauge, kHistogram };
enum class Unit { kNone, kSeconds, kBytes, kRecords, kRows };
std::string_view to_string(Kind kind);
std::string_view to_string(Unit unit);

/// What a metric is. `name` as Prometheus wants it: leat_…, a counter ends in _total, unit before
/// that.
struct Descriptor {
  std::string name, help;
  Kind kind = Kind::kCounter;
  Unit unit = Unit::kNone;
  std::vector<std::string> labels;  // names, in order
};

/// Only grows. Any thread.
class Counter {
 public:
  void add(uint64_t n = 1) { value_.fetch_add(n, std::memory_order_relaxed); }
  uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_{0};
};

/// Goes up and down. Any thread.
class Gauge {
 public:
  void set(double value) { value_.store(value, std::memory_order_relaxed); }
  void add(double delta) { value_.fetch_add(delta, std::memory_order_relaxed); }
  double value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<double> value_{0};
};

/// Durations in fixed buckets from 1 us up, each sqrt(2) times the one before: 64 of them, the last
/// open. So a percentile is off by at most 19 %. Any thread.
class Histogram {
 public:
  static constexpr size_t kBuckets = 64;
  void observe_ns(int64_t ns);
  void observe(double seconds) { observe_ns(static_cast<int64_t>(seconds * 1e9)); }

  struct Snapshot {
    std::array<uint64_t, kBuckets> buckets{};
    uint64_t count = 0;
    double sum_seconds = 0;
    /// Seconds below which the share `p` (0..1) of observations lies, interpolated; 0 without any.
    double percentile(double p) const;
    /// What was observed since `earlier`.
    Snapshot since(const Snapshot& earlier) const;
  };
  Snapshot snapshot() const;
  double percentile(double p) const { return snapshot().percentile(p); }
  /// Upper bound of a bucket in seconds; infinity for the last.
  static double bound(size_t bucket);

 private:
  std::array<std::atomic<uint64_t>, kBuckets> buckets_{};
  std::atomic<uint64_t> sum_ns_{0};
};

/// A metric and its values by label. Made once, lives as long as the Registry.
template <typename Metric>
class Family {
 public:
  explicit Family(Descriptor descriptor) : descriptor_(std::move(descriptor)) {}
  const Descriptor& descriptor() const { return descriptor_; }
  /// The metric of these label values, made when new. Takes a lock: call it at start, keep the
  /// reference. Beyond limits::kMaxMetricSeries the one series labelled "other" is shared, so that
  /// no input can fill the memory.
  Metric& with(std::vector<std::string> values = {});
  void walk(const std::function<void(const std::vector<std::string>&, const Metric&)>& visit) const;

 private:
  const Descriptor descriptor_;
  mutable Mutex mutex_;
  std::map<std::vector<std::string>, std::unique_ptr<Metric>> series_ GUARDED_BY(mutex_);
};

/// One sample of a walk. A histogram has its snapshot, the others a value.
struct Sample {
  const Descriptor* descriptor;
  const std::vector<std::string>* labels;
  double value = 0;
  const Histogram::Snapshot* histogram = nullptr;
};

/// All metrics of a process. Owned by app/; any thread.
class Registry {
 public:
  /// The family of this name, made when new. CHECKs that a name is legal and means one thing only.
  Family<Counter>& counter(const std::string& name, const std::string& help,
                           Unit unit = Unit::kNone, std::vector<std::string> labels = {});
  Family<Gauge>& gauge(const std::string& name, const std::string& help, Unit unit = Unit::kNone,
                       std::vector<std::string> labels = {});
  Family<Histogram>& histogram(const std::string& name, const std::string& help,
                               std::vector<std::string> labels = {});

  /// Every sample, by name and labels.
  void walk(const std::function<void(const Sample&)>& visit) const;
  /// What each metric is, by name: for contract/ and the manual.
  std::vector<Descriptor> descriptors() const;
  /// Prometheus text format 0.0.4.
  std::string prometheus() const;

 private:
  template <typename Metric>
  Family<Metric>& make(Descriptor descriptor,
                       std::map<std::string, std::unique_ptr<Family<Metric>>>& in);

  mutable Mutex mutex_;
  std::map<std::string, Kind> kinds_;
  std::map<std::string, std::unique_ptr<Family<Counter>>> counters_;
  std::map<std::string, std::unique_ptr<Family<Gauge>>> gauges_;
  std::map<std::string, std::unique_ptr<Family<Histogram>>> histograms_;
};

}  // namespace leat::metrics
