#include "metrics/metrics.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/check.h"
#include "base/limits.h"

namespace leat::metrics {

namespace {

// Bounds in nanoseconds; computed once, at compile time, by repeated doubling of two interleaved
// rows.
constexpr auto kBoundsNs = [] {
  std::array<int64_t, Histogram::kBuckets - 1> bounds{};
  bounds[0] = 1000;
  bounds[1] = 1414;
  for (size_t i = 2; i < bounds.size(); ++i) bounds[i] = bounds[i - 2] * 2;
  return bounds;
}();

bool legal_name(const std::string& name) {
  auto letter = [](char c) { return (c >= 'a' && c <= 'z') || c == '_'; };
  return !name.empty() && letter(name[0]) && std::all_of(name.begin(), name.end(), [&](char c) {
    return letter(c) || (c >= '0' && c <= '9');
  });
}

// Prometheus' escapes: \ and newline everywhere, " in label values.
std::string escaped(std::string_view text, bool label) {
  std::string out;
  for (char c : text) {
    if (c == '\\')
      out += "\\\\";
    else if (c == '\n')
      out += "\\n";
    else if (c == '"' && label)
      out += "\\\"";
    else
      out += c;
  }
  return out;
}

// {a="x",b="y"} with an optional last pair; empty without any.
std::string label_text(const std::vector<std::string>& names,
                       const std::vector<std::string>& values, std::string_view last = {}) {
  std::string out;
  for (size_t i = 0; i < names.size(); ++i)
    out += fmt::format("{}{}=\"{}\"", out.empty() ? "" : ",", names[i], escaped(values[i], true));
  if (!last.empty()) out += (out.empty() ? "" : ",") + std::string(last);
  return out.empty() ? out : "{" + out + "}";
}

std::string number(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  if (value == std::floor(value) && std::abs(value) < 1e15) return fmt::format("{:.0f}", value);
  return fmt::format("{}", value);
}

void write_histogram(const Descriptor& d, const std::vector<std::string>& labels,
                     const Histogram::Snapshot& snapshot, std::string& out) {
  // Every second bound (powers of two, from 1 us): a scrape's percentile is off by half at most; our own use all.
  constexpr size_t kEvery = 2;
  uint64_t below = 0;
  for (size_t i = 0; i + 1 < Histogram::kBuckets; ++i) {
    below += snapshot.buckets[i];
    if (i % kEvery != 0) continue;
    out += fmt::format(
        "{}_bucket{} {}\n", d.name,
        label_text(d.labels, labels, fmt::format("le=\"{:.6g}\"", Histogram::bound(i))), below);
  }
  out += fmt::format("{}_bucket{} {}\n", d.name, label_text(d.labels, labels, "le=\"+Inf\""),
                     snapshot.count);
  out += fmt::format("{}_sum{} {}\n", d.name, label_text(d.labels, labels),
                     number(snapshot.sum_seconds));
  out += fmt::format("{}_count{} {}\n", d.name, label_text(d.labels, labels), snapshot.count);
}

}  // namespace

std::string_view to_string(Kind kind) {
  switch (kind) {
    case Kind::kCounter:
      return "counter";
    case Kind::kGauge:
      return "gauge";
    case Kind::kHistogram:
      return "histogram";
  }
  return {};
}

std::string_view to_string(Unit unit) {
  switch (unit) {
    case Unit::kNone:
      return "";
    case Unit::kSeconds:
      return "seconds";
    case Unit::kBytes:
      return "bytes";
    case Unit::kRecords:
      return "records";
    case Unit::kRows:
      return "rows";
  }
  return {};
}

void Histogram::observe_ns(int64_t ns) {
  ns = std::max<int64_t>(ns, 0);
  auto at = std::lower_bound(kBoundsNs.begin(), kBoundsNs.end(), ns);
  buckets_[static_cast<size_t>(at - kBoundsNs.begin())].fetch_add(1, std::memory_order_relaxed);
  sum_ns_.fetch_add(static_cast<uint64_t>(ns), std::memory_order_relaxed);
}

double Histogram::bound(size_t bucket) {
  if (bucket >= kBoundsNs.size()) return std::numeric_limits<double>::infinity();
  return static_cast<double>(kBoundsNs[bucket]) * 1e-9;
}

Histogram::Snapshot Histogram::snapshot() const {
  Snapshot out;
  for (size_t i = 0; i < kBuckets; ++i) {
    out.buckets[i] = buckets_[i].load(std::memory_order_relaxed);
    out.count += out.buckets[i];
  }
  out.sum_seconds = static_cast<double>(sum_ns_.load(std::memory_order_relaxed)) * 1e-9;
  return out;
}

double Histogram::Snapshot::percentile(double p) const {
  if (count == 0) return 0;
  const double rank = std::clamp(p, 0.0, 1.0) * static_cast<double>(count);
  double below = 0;
  for (size_t i = 0; i < kBuckets; ++i) {
    const auto here = static_cast<double>(buckets[i]);
    if (here == 0 || below + here < rank) {
      below += here;
      continue;
    }
    const double low = i == 0 ? 0 : bound(i - 1);
    if (i + 1 == kBuckets) return low;  // open: all that is known is "at least"
    return low + (bound(i) - low) * std::max(rank - below, 0.0) / here;
  }
  return bound(kBuckets - 2);
}

Histogram::Snapshot Histogram::Snapshot::since(const Snapshot& earlier) const {
  Snapshot out;
  for (size_t i = 0; i < kBuckets; ++i) out.buckets[i] = buckets[i] - earlier.buckets[i];
  out.count = count - earlier.count;
  out.sum_seconds = sum_seconds - earlier.sum_seconds;
  return out;
}

template <typename Metric>
Metric& Family<Metric>::with(std::vector<std::string> values) {
  CHECK(values.size() == descriptor_.labels.size(), "{}: {} labels, {} values", descriptor_.name,
        descriptor_.labels.size(), values.size());
  MutexLock lock(mutex_);
  auto at = series_.find(values);
  if (at == series_.end()) {
    if (series_.size() >= limits::kMaxMetricSeries)
      std::fill(values.begin(), values.end(), "other");
    at = series_.try_emplace(std::move(values)).first;
    if (!at->second) at->second = std::make_unique<Metric>();
  }
  return *at->second;
}

template <typename Metric>
void Family<Metric>::walk(
    const std::function<void(const std::vector<std::string>&, const Metric&)>& visit) const {
  MutexLock lock(mutex_);
  for (const auto& [values, metric] : series_) visit(values, *metric);
}

template class Family<Counter>;
template class Family<Gauge>;
template class Family<Histogram>;

template <typename Metric>
Family<Metric>& Registry::make(Descriptor descriptor,
                               std::map<std::string, std::unique_ptr<Family<Metric>>>& in) {
  CHECK(legal_name(descriptor.name), "metric {}", descriptor.name);
  const bool total = descriptor.name.ends_with("_total");
  CHECK(total == (descriptor.kind == Kind::kCounter), "only counters end in _total: {}",
        descriptor.name);
  for (const std::string& label : descriptor.labels)
    CHECK(legal_name(label) && label != "le", "label {} of {}", label, descriptor.name);
  auto [kind, fresh] = kinds_.emplace(descriptor.name, descriptor.kind);
  CHECK(kind->second == descriptor.kind, "{} is a {}", descriptor.name, to_string(kind->second));
  auto& family = in[descriptor.name];
  if (fresh) {
    family = std::make_unique<Family<Metric>>(std::move(descriptor));
  } else {
    CHECK(family->descriptor().labels == descriptor.labels, "labels of {}", descriptor.name);
  }
  return *family;
}

Family<Counter>& Registry::counter(const std::string& name, const std::string& help, Unit unit,
                                   std::vector<std::string> labels) {
  MutexLock lock(mutex_);
  return make(Descriptor{name, help, Kind::kCounter, unit, std::move(labels)}, counters_);
}

Family<Gauge>& Registry::gauge(const std::string& name, const std::string& help, Unit unit,
                               std::vector<std::string> labels) {
  MutexLock lock(mutex_);
  return make(Descriptor{name, help, Kind::kGauge, unit, std::move(labels)}, gauges_);
}

Family<Histogram>& Registry::histogram(const std::string& name, const std::string& help,
                                       std::vector<std::string> labels) {
  MutexLock lock(mutex_);
  return make(Descriptor{name, help, Kind::kHistogram, Unit::kSeconds, std::move(labels)},
              histograms_);
}

void Registry::walk(const std::function<void(const Sample&)>& visit) const {
  MutexLock lock(mutex_);
  for (const auto& [name, kind] : kinds_) {
    if (kind == Kind::kCounter) {
      const auto& family = *counters_.at(name);
      family.walk([&](const std::vector<std::string>& labels, const Counter& counter) {
        visit({&family.descriptor(), &labels, static_cast<double>(counter.value()), nullptr});
      });
    } else if (kind == Kind::kGauge) {
      const auto& family = *gauges_.at(name);
      family.walk([&](const std::vector<std::string>& labels, const Gauge& gauge) {
        visit({&family.descriptor(), &labels, gauge.value(), nullptr});
      });
    } else {
      const auto& family = *histograms_.at(name);
      family.walk([&](const std::vector<std::string>& labels, const Histogram& histogram) {
        Histogram::Snapshot snapshot = histogram.snapshot();
        visit({&family.descriptor(), &labels, static_cast<double>(snapshot.count), &snapshot});
      });
    }
  }
}

std::vector<Descriptor> Registry::descriptors() const {
  MutexLock lock(mutex_);
  std::vector<Descriptor> out;
  for (const auto& [name, kind] : kinds_) {
    if (kind == Kind::kCounter)
      out.push_back(counters_.at(name)->descriptor());
    else if (kind == Kind::kGauge)
      out.push_back(gauges_.at(name)->descriptor());
    else
      out.push_back(histograms_.at(name)->descriptor());
  }
  return out;
}

std::string Registry::prometheus() const {
  std::string out;
  const Descriptor* last = nullptr;
  walk([&](const Sample& sample) {
    const Descriptor& d = *sample.descriptor;
    if (sample.descriptor != last) {
      out += fmt::format("# HELP {} {}\n# TYPE {} {}\n", d.name, escaped(d.help, false), d.name,
                         to_string(d.kind));
      last = sample.descriptor;
    }
    if (sample.histogram)
      write_histogram(d, *sample.labels, *sample.histogram, out);
    else
      out += fmt::format("{}{} {}\n", d.name, label_text(d.labels, *sample.labels),
                         number(sample.value));
  });
  return out;
}

}  // namespace leat::metrics
