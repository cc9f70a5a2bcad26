// CHECK: a programmer's error ends the process at once, in release too, and says why.
// Never for what a user, a file or a peer can cause: those are Result<T> (base/result.h).
#pragma once

#include <fmt/core.h>

#include <string_view>

namespace leat {

/// Prints "file:line: CHECK failed: text" to stderr and aborts. Any thread.
[[noreturn]] void check_failed(const char* file, int line, const char* expression,
                               std::string_view detail);

}  // namespace leat

/// CHECK(condition) or CHECK(condition, "format {}", value).
#define CHECK(condition, ...)                                                              \
  do {                                                                                     \
    if (!(condition)) [[unlikely]]                                                         \
      ::leat::check_failed(__FILE__, __LINE__, #condition, ::fmt::format("" __VA_ARGS__)); \
  } while (false)
