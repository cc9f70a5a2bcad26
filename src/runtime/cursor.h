// RunCursor: a source's opaque cursor and the run it belongs to, as kept in Progress::cursor (JSON).
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace leat::runtime {

struct RunCursor {
  std::string run_id;      // --run-id; "once" by default
  std::string cursor;      // the source's own
  bool ended = false;      // a bounded source has given all of this run
  int64_t ended_ms = 0;

  std::string to_json() const;
  /// Empty text is an empty cursor.
  static Result<RunCursor> parse(std::string_view text);
};

}  // namespace leat::runtime
