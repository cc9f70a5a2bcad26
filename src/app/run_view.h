// RunView: what `leat run` shows while it runs (one live line per pipeline, on a terminal) and at its end (the
// ledger, and where to look next).
#pragma once

#include <string>

#include "runtime/supervisor.h"

namespace leat::app {

class RunView {
 public:
  /// `live`: stderr is a terminal.
  explicit RunView(bool live) : live_(live) {}
  /// Redraws the lines in place.
  void show(const runtime::RunSnapshot& snapshot);
  /// Takes the live lines away, so that what comes next stands alone.
  void clear();

 private:
  bool live_;
  size_t lines_ = 0;
};

/// The ledger of every lane as a table, with a line for what to do next.
std::string ledger_text(const runtime::RunSnapshot& snapshot);

}  // namespace leat::app
