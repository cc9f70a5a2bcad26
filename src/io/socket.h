// Waiting for a socket that a library owns. Any thread.
#pragma once

#include <cstdint>

#include "base/result.h"

namespace leat::io {

struct SocketReady {
  bool readable = false, writable = false;  // both false: the time passed
};

/// Waits until `fd` is readable (or, if asked, writable), at most `timeout_ms`. A closed or failed socket is
/// readable: the library's next call tells what happened. kIo when the descriptor is none.
Result<SocketReady> wait_socket(int fd, bool for_writing, int64_t timeout_ms);

}  // namespace leat::io
