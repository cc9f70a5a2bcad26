// RunCursor: a source's opaque cursor and the run it belongs to, as kept in Progress::cursor (JSON).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace leat::runtime {

struct RunCursor {
  std::string run_id;  // --run-id; "once" by default
  std::string cursor;  // the source's own
  bool ended = false;  // a bounded source has given all of this run
  int64_t ended_ms = 0;
  std::map<std::string, int64_t>
      finished;  // earlier runs that ended, and when (ms); the latest kMaxFinished

  static constexpr size_t kMaxFinished = 100;
  /// When the run of that id ended; nullopt when it has not.
  std::optional<int64_t> ended_at(const std::string& id) const;
  /// What is stored after a page of run `id`: this one's history kept.
  RunCursor next(const std::string& id, std::string page_cursor, bool page_ended,
                 int64_t now_ms) const;

  std::string to_json() const;
  /// Empty text is an empty cursor.
  static Result<RunCursor> parse(std::string_view text);
};

}  // namespace leat::runtime
