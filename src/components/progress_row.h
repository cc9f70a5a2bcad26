// The progress row as stores keep it: the names of its columns, and its values as texts.
#pragma once

#include <array>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "stream/record.h"

namespace leat::components {

inline constexpr size_t kProgressColumns = 18;
/// The first six identify the row; docs/formats.md.
inline constexpr std::array<std::string_view, kProgressColumns> kProgressNames = {
    "project",  "pipeline", "sink",          "topic",        "topic_id", "partition",
    "next",     "v_prev",   "pipeline_hash", "cursor",       "in",       "delivered",
    "rejected", "dropped",  "filtered",      "deduplicated", "expired",  "rows"};
inline constexpr size_t kProgressIdentity = 6;
/// What a column is: a text, an int, or a bigint.
enum class ProgressType { kText, kInt, kBigint };
constexpr ProgressType progress_type(size_t column) {
  if (column == 5) return ProgressType::kInt;
  return column < 5 || column == 8 || column == 9 ? ProgressType::kText : ProgressType::kBigint;
}

using ProgressTexts = std::array<std::string, kProgressColumns>;

ProgressTexts progress_texts(const stream::Progress& progress);
/// The row of such texts, with expected_next = next. kCorrupt names the column.
Result<stream::Progress> progress_of(std::span<const std::optional<std::string>> texts);

}  // namespace leat::components
