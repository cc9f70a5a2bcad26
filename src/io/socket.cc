#include "io/socket.h"

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>

namespace leat::io {

Result<SocketReady> wait_socket(int fd, bool for_writing, int64_t timeout_ms) {
  pollfd wanted{fd, static_cast<short>(POLLIN | (for_writing ? POLLOUT : 0)), 0};
  const int got = ::poll(&wanted, 1, static_cast<int>(std::clamp<int64_t>(timeout_ms, 0, INT_MAX)));
  if (got < 0 && errno != EINTR) {
    return Error(ErrorCode::kIo, fmt::format("cannot wait for a socket: {}", std::strerror(errno)));
  }
  if (got <= 0) return SocketReady{};
  if (wanted.revents & POLLNVAL)
    return Error(ErrorCode::kIo, fmt::format("{} is no open socket", fd));
  const bool ended = wanted.revents & (POLLERR | POLLHUP);
  return SocketReady{ended || (wanted.revents & POLLIN), (wanted.revents & POLLOUT) != 0};
}

}  // namespace leat::io
