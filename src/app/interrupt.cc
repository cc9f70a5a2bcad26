#include "app/interrupt.h"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>

#include "base/check.h"

namespace leat::app {
namespace {

// A signal handler has no argument, so where it writes must be reachable from anywhere.
std::atomic<int> signal_pipe{-1};
static_assert(std::atomic<int>::is_always_lock_free);

void on_interrupt(int) {
  const int before = errno;
  [[maybe_unused]] ssize_t ignored = ::write(signal_pipe.load(), "i", 1);
  errno = before;
}

// What the signals did before: the prompt ignores one of them. There is one Interrupt at a time.
struct sigaction int_before {
}, term_before{};

void install(void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;
  ::sigemptyset(&action.sa_mask);
  action.sa_flags = SA_RESTART;
  ::sigaction(SIGINT, &action, &int_before);
  ::sigaction(SIGTERM, &action, &term_before);
}

void restore() {
  ::sigaction(SIGINT, &int_before, nullptr);
  ::sigaction(SIGTERM, &term_before, nullptr);
}

}  // namespace

Interrupt::Interrupt() {
  CHECK(signal_pipe.load() == -1, "two interrupts at once");
  CHECK(::pipe2(pipe_, O_CLOEXEC) == 0, "no pipe: errno {}", errno);
  signal_pipe.store(pipe_[1]);
  install(on_interrupt);
  watcher_ = std::jthread([this] {
    char byte = 0;
    while (true) {
      const ssize_t n = ::read(pipe_[0], &byte, 1);
      if (n < 0 && errno == EINTR) continue;
      if (n == 1 && byte == 'i') {
        source_.request_stop();
        continue;
      }
      return;  // 'q', or an error: nobody waits any more
    }
  });
}

Interrupt::~Interrupt() {
  restore();
  [[maybe_unused]] ssize_t ignored = ::write(pipe_[1], "q", 1);
  watcher_.join();
  signal_pipe.store(-1);
  ::close(pipe_[0]);
  ::close(pipe_[1]);
}

}  // namespace leat::app
