#include "schema/avro_logical.h"

#include <array>
#include <cmath>

namespace leat::schema::avro {
namespace {

struct Rule {
  std::string_view name;
  Logical logical;
  Kind kind;         // the type it annotates
  int64_t size = 0;  // of a fixed: exactly
};

constexpr std::array kRules = {
    Rule{"decimal", Logical::kDecimal, Kind::kBytes},
    Rule{"decimal", Logical::kDecimal, Kind::kFixed},
    Rule{"big-decimal", Logical::kBigDecimal, Kind::kBytes},
    Rule{"uuid", Logical::kUuid, Kind::kString},
    Rule{"uuid", Logical::kUuid, Kind::kFixed, 16},
    Rule{"date", Logical::kDate, Kind::kInt},
    Rule{"time-millis", Logical::kTimeMillis, Kind::kInt},
    Rule{"time-micros", Logical::kTimeMicros, Kind::kLong},
    Rule{"timestamp-millis", Logical::kTimestampMillis, Kind::kLong},
    Rule{"timestamp-micros", Logical::kTimestampMicros, Kind::kLong},
    Rule{"timestamp-nanos", Logical::kTimestampNanos, Kind::kLong},
    Rule{"local-timestamp-millis", Logical::kLocalTimestampMillis, Kind::kLong},
    Rule{"local-timestamp-micros", Logical::kLocalTimestampMicros, Kind::kLong},
    Rule{"local-timestamp-nanos", Logical::kLocalTimestampNanos, Kind::kLong},
    Rule{"duration", Logical::kDuration, Kind::kFixed, 12},
};

/// Digits that `bytes` bytes hold for sure: floor(log10(2^(8n-1) - 1)), as the specification has it.
int64_t digits_of(int64_t bytes) {
  if (bytes == 0) return 0;
  return static_cast<int64_t>(std::floor(std::log10(2.0) * (8.0 * static_cast<double>(bytes) - 1)));
}

/// A whole number from `low` on that an int holds; `missing` when there is none, -1 when it is something else.
int64_t number(const Json& attributes, std::string_view key, int64_t low, int64_t missing) {
  const auto found = attributes.find(key);
  if (found == attributes.end()) return missing;
  if (!found->is_number_integer() || *found < low || *found > INT32_MAX) return -1;
  return found->get<int64_t>();
}

bool read_decimal(Node& node) {
  const int64_t precision = number(node.attributes, "precision", 1, -1);
  const int64_t scale = number(node.attributes, "scale", 0, 0);
  if (precision < 0 || scale < 0 || scale > precision) return false;
  if (node.kind == Kind::kFixed && precision > digits_of(node.size)) return false;
  node.precision = static_cast<int32_t>(precision);
  node.scale = static_cast<int32_t>(scale);
  return true;
}

}  // namespace

void read_logical(Node& node) {
  const auto named = node.attributes.find("logicalType");
  if (named == node.attributes.end() || !named->is_string()) return;
  for (const Rule& rule : kRules) {
    if (rule.name != named->get_ref<const std::string&>() || rule.kind != node.kind) continue;
    if (rule.size != 0 && rule.size != node.size) continue;
    if (rule.logical == Logical::kDecimal && !read_decimal(node)) continue;
    node.logical = rule.logical;
  }
}

}  // namespace leat::schema::avro
