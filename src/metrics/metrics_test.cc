#include "metrics/metrics.h"

#include <gtest/gtest.h>

#include <cmath>
#include <thread>

#include "base/limits.h"

namespace leat::metrics {
namespace {

TEST(Metrics, TextIsPrometheus) {
  Registry registry;
  registry.counter("leat_records_in_total", "Records read.", Unit::kRecords, {"pipeline"})
      .with({"a\"b\\\n"})
      .add(3);
  registry.gauge("leat_lag", "Behind,\nin records.").with().set(2.5);
  registry.gauge("leat_a", "First by name.").with().set(-1e18);
  EXPECT_EQ(registry.prometheus(),
            "# HELP leat_a First by name.\n# TYPE leat_a gauge\nleat_a -1e+18\n"
            "# HELP leat_lag Behind,\\nin records.\n# TYPE leat_lag gauge\nleat_lag 2.5\n"
            "# HELP leat_records_in_total Records read.\n# TYPE leat_records_in_total counter\n"
            "leat_records_in_total{pipeline=\"a\\\"b\\\\\\n\"} 3\n");
}

TEST(Metrics, HistogramTextIsCumulative) {
  Registry registry;
  auto& histogram = registry.histogram("leat_step_seconds", "A step.", {"stage"}).with({"read"});
  histogram.observe(0.5e-6);
  histogram.observe(0.003);
  histogram.observe(1e9);
  std::string text = registry.prometheus();
  EXPECT_NE(text.find("leat_step_seconds_bucket{stage=\"read\",le=\"1e-06\"} 1\n"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("leat_step_seconds_bucket{stage=\"read\",le=\"0.001024\"} 1\n"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("leat_step_seconds_bucket{stage=\"read\",le=\"0.004096\"} 2\n"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("leat_step_seconds_bucket{stage=\"read\",le=\"+Inf\"} 3\n"),
            std::string::npos);
  EXPECT_NE(text.find("leat_step_seconds_count{stage=\"read\"} 3\n"), std::string::npos);
}

TEST(Metrics, PercentilesAreWithinTheirBucket) {
  Histogram histogram;
  for (int i = 1; i <= 10'000; ++i) histogram.observe_ns(i * 1000);  // 1 us .. 10 ms, even
  for (double p : {0.01, 0.5, 0.9, 0.99, 1.0})
    EXPECT_NEAR(histogram.percentile(p) / (p * 10e-3), 1.0, 0.42) << p;
  // Within a bucket it is interpolated, so an even spread is met closely where buckets are filled.
  EXPECT_NEAR(histogram.percentile(0.5), 5e-3, 0.2e-3);
  EXPECT_EQ(Histogram().percentile(0.5), 0);
  auto snapshot = histogram.snapshot();
  EXPECT_NEAR(snapshot.sum_seconds, 50.005, 0.001);
  EXPECT_EQ(snapshot.since(snapshot).count, 0u);
}

TEST(Metrics, BoundsGrowBySqrtTwoAndTheLastIsOpen) {
  for (size_t i = 1; i + 1 < Histogram::kBuckets; ++i)
    EXPECT_NEAR(Histogram::bound(i) / Histogram::bound(i - 1), std::sqrt(2.0), 0.01);
  EXPECT_GT(Histogram::bound(Histogram::kBuckets - 2), 1000);
  EXPECT_TRUE(std::isinf(Histogram::bound(Histogram::kBuckets - 1)));
  Histogram histogram;
  histogram.observe_ns(-5);
  histogram.observe_ns(1000);
  EXPECT_EQ(histogram.snapshot().buckets[0], 2u);
  histogram.observe_ns(INT64_MAX);
  EXPECT_EQ(histogram.snapshot().buckets[Histogram::kBuckets - 1], 1u);
}

TEST(Metrics, SeriesAreBounded) {
  Registry registry;
  auto& family = registry.counter("leat_x_total", "x", Unit::kNone, {"l"});
  for (size_t i = 0; i < limits::kMaxMetricSeries + 50; ++i) family.with({std::to_string(i)}).add();
  size_t series = 0;
  uint64_t other = 0;
  family.walk([&](const std::vector<std::string>& labels, const Counter& counter) {
    ++series;
    if (labels[0] == "other") other = counter.value();
  });
  EXPECT_EQ(series, limits::kMaxMetricSeries + 1);
  EXPECT_EQ(other, 50u);
}

TEST(Metrics, TheSameNameIsTheSameMetric) {
  Registry registry;
  auto& one = registry.counter("leat_x_total", "x").with();
  EXPECT_EQ(&one, &registry.counter("leat_x_total", "x").with());
  EXPECT_EQ(registry.descriptors().size(), 1u);
  EXPECT_DEATH(registry.counter("leat_x", "x"), "_total");
  EXPECT_DEATH(registry.gauge("Leat", "x"), "CHECK failed");
  EXPECT_DEATH(registry.counter("leat_x_total", "x", Unit::kNone, {"a"}), "labels of");
}

TEST(Metrics, ThreadsAddAllTheyAdd) {
  Registry registry;
  constexpr int kThreads = 4, kAdds = 20'000;
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < kThreads; ++t)
      threads.emplace_back([&] {
        auto& counter = registry.counter("leat_x_total", "x").with();
        auto& histogram = registry.histogram("leat_y_seconds", "y").with();
        for (int i = 0; i < kAdds; ++i) counter.add(), histogram.observe_ns(i);
        registry.prometheus();
      });
  }
  EXPECT_EQ(registry.counter("leat_x_total", "x").with().value(), uint64_t{kThreads} * kAdds);
  EXPECT_EQ(registry.histogram("leat_y_seconds", "y").with().snapshot().count,
            uint64_t{kThreads} * kAdds);
}

}  // namespace
}  // namespace leat::metrics
