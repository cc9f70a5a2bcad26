#include "stream/record.h"

#include <charconv>
#include <cstring>
#include <utility>

#include "base/check.h"

namespace leat::stream {
namespace {

constexpr std::string_view kStages[] = {"decode", "transform", "quality", "encode", "sink"};
constexpr std::string_view kReasons[] = {
    "malformed",     "invalid_utf8",      "not_object",  "missing_field",  "wrong_type",
    "out_of_range",  "duplicate_key",     "too_deep",    "too_large",      "null_value",
    "null_key",      "expression_failed", "rule_failed", "unknown_schema", "schema_mismatch",
    "encode_failed", "sink_refused"};
static_assert(std::size(kStages) == static_cast<size_t>(Stage::kSink) + 1);
static_assert(std::size(kReasons) == static_cast<size_t>(Reason::kSinkRefused) + 1);

template <typename Enum, size_t N>
std::optional<Enum> parse_name(std::string_view text, const std::string_view (&names)[N]) {
  for (size_t i = 0; i < N; ++i) {
    if (names[i] == text) return static_cast<Enum>(i);
  }
  return std::nullopt;
}

// 2000-01-01 and 2100-01-01, UTC.
constexpr int64_t kFirstTimeMs = 946'684'800'000, kLastTimeMs = 4'102'444'800'000;

}  // namespace

std::string TopicId::to_string() const { return fmt::format("{:016x}{:016x}", high, low); }

std::optional<TopicId> TopicId::parse(std::string_view text) {
  if (text.size() != 32) return std::nullopt;
  TopicId id;
  const char* begin = text.data();
  auto first = std::from_chars(begin, begin + 16, id.high, 16);
  auto second = std::from_chars(begin + 16, begin + 32, id.low, 16);
  if (first.ec != std::errc() || second.ec != std::errc()) return std::nullopt;
  if (first.ptr != begin + 16 || second.ptr != begin + 32) return std::nullopt;
  return id;
}

std::string RecordId::to_string() const {
  return fmt::format("{}[{}]@{}", origin.topic, origin.partition, offset);
}

std::string_view to_string(Stage stage) {
  auto index = static_cast<size_t>(stage);
  CHECK(index < std::size(kStages), "stage {}", index);
  return kStages[index];
}

std::string_view to_string(Reason reason) {
  auto index = static_cast<size_t>(reason);
  CHECK(index < std::size(kReasons), "reason {}", index);
  return kReasons[index];
}

std::optional<Stage> parse_stage(std::string_view text) { return parse_name<Stage>(text, kStages); }
std::optional<Reason> parse_reason(std::string_view text) {
  return parse_name<Reason>(text, kReasons);
}

Ledger& Ledger::operator+=(const Ledger& other) {
  in += other.in;
  delivered += other.delivered;
  rejected += other.rejected;
  dropped += other.dropped;
  filtered += other.filtered;
  deduplicated += other.deduplicated;
  expired += other.expired;
  rows += other.rows;
  return *this;
}

bool is_version(int64_t version) { return version > 0 && version < kLastTimeMs * 1000; }

int64_t next_version(int64_t v_prev, int64_t timestamp_ms) {
  if (timestamp_ms < kFirstTimeMs || timestamp_ms >= kLastTimeMs) return v_prev + 1;
  return std::max(v_prev + 1, timestamp_ms * 1000);
}

int32_t murmur2(std::string_view bytes) {
  constexpr uint32_t kSeed = 0x9747b28c, kMultiplier = 0x5bd1e995;
  constexpr int kShift = 24;
  auto byte = [&](size_t i) { return static_cast<uint32_t>(static_cast<unsigned char>(bytes[i])); };
  size_t length = bytes.size(), whole = length & ~size_t{3};
  uint32_t hash = kSeed ^ static_cast<uint32_t>(length);
  for (size_t i = 0; i < whole; i += 4) {
    uint32_t k = byte(i) | byte(i + 1) << 8 | byte(i + 2) << 16 | byte(i + 3) << 24;
    k *= kMultiplier;
    k ^= k >> kShift;
    k *= kMultiplier;
    hash = hash * kMultiplier ^ k;
  }
  if (length > whole) {
    for (size_t i = length; i-- > whole;) hash ^= byte(i) << 8 * (i - whole);
    hash *= kMultiplier;
  }
  hash ^= hash >> 13;
  hash *= kMultiplier;
  hash ^= hash >> 15;
  return static_cast<int32_t>(hash);
}

int32_t partition_of(std::string_view key, int32_t partitions) {
  CHECK(partitions > 0, "partitions {}", partitions);
  return (murmur2(key) & 0x7fffffff) % partitions;
}

}  // namespace leat::stream
