// Fault points: named places where a test may kill the process or make an operation fail.
//
// Off unless LEAT_FAULT is set: `LEAT_FAULT=name:N:action`, N counted from 1, several joined by commas.
//   action  kill    SIGKILL to the own process: nothing is flushed, no destructor runs
//           eio, enospc   the fault point returns that error (once)
// LEAT_FAULT_LOG=FILE appends each fault point's name the first time it is reached (to enumerate
// them), and "NAME ACTION" when a fault happens. LEAT_PLANT=name switches on one planted delivery bug: the proof that the checkers of
// tests/faults/ can fail.
#pragma once

#include <atomic>
#include <string_view>

#include "base/result.h"

namespace leat::io {

namespace fault_internal {
extern std::atomic<bool> armed;
Result<void> reach(std::string_view name);
bool planted(std::string_view name);
}  // namespace fault_internal

/// Declares a fault point. Costs one relaxed load when off. Any thread.
inline Result<void> fault_point(std::string_view name) {
  if (!fault_internal::armed.load(std::memory_order_relaxed)) [[likely]]
    return {};
  return fault_internal::reach(name);
}

/// True when this planted bug is switched on (tests of the checkers only).
inline bool planted_bug(std::string_view name) {
  if (!fault_internal::armed.load(std::memory_order_relaxed)) [[likely]]
    return false;
  return fault_internal::planted(name);
}

}  // namespace leat::io
