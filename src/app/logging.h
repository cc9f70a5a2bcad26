// Logging: spdlog's default logger as the global options want it. Called once, before a command
// runs.
#pragma once

#include "base/result.h"

namespace leat::app {

struct GlobalOptions;

/// Text or JSON lines on stderr or in a file. `running`: `leat run`, which tells more.
Result<void> start_logging(const GlobalOptions& options, bool running);

}  // namespace leat::app
