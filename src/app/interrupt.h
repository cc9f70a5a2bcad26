// Interrupt: Ctrl-C and SIGTERM as a stop request, while one lives; then as it was before.
#pragma once

#include <stop_token>
#include <thread>

namespace leat::app {

/// At most one at a time (CHECK). The handler only writes to a pipe; a thread turns that into the
/// request.
class Interrupt {
 public:
  Interrupt();
  ~Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

  std::stop_token token() const { return source_.get_token(); }

 private:
  std::stop_source source_;
  int pipe_[2] = {-1, -1};
  std::jthread watcher_;
};

}  // namespace leat::app
