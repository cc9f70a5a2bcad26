// Mutex, MutexLock, CondVar with clang's thread-safety annotations (checked by the clang preset).
// Two locks at once need a line in docs/lock_order.md.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <stop_token>

#if defined(__clang__)
#define LEAT_ANNOTATE(x) __attribute__((x))
#else
#define LEAT_ANNOTATE(x)
#endif

#define CAPABILITY(x) LEAT_ANNOTATE(capability(x))
#define SCOPED_CAPABILITY LEAT_ANNOTATE(scoped_lockable)
#define GUARDED_BY(x) LEAT_ANNOTATE(guarded_by(x))
#define PT_GUARDED_BY(x) LEAT_ANNOTATE(pt_guarded_by(x))
#define REQUIRES_LOCK(...) LEAT_ANNOTATE(requires_capability(__VA_ARGS__))
#define ACQUIRE(...) LEAT_ANNOTATE(acquire_capability(__VA_ARGS__))
#define RELEASE(...) LEAT_ANNOTATE(release_capability(__VA_ARGS__))
#define EXCLUDES(...) LEAT_ANNOTATE(locks_excluded(__VA_ARGS__))
#define LOCK_RETURNED(x) LEAT_ANNOTATE(lock_returned(x))
#define NO_THREAD_SAFETY_ANALYSIS LEAT_ANNOTATE(no_thread_safety_analysis)

namespace leat {

class CAPABILITY("mutex") Mutex {
 public:
  void lock() ACQUIRE() { mutex_.lock(); }
  void unlock() RELEASE() { mutex_.unlock(); }

 private:
  std::mutex mutex_;
};

class SCOPED_CAPABILITY MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) ACQUIRE(mutex) : mutex_(mutex) { mutex_.lock(); }
  ~MutexLock() RELEASE() { mutex_.unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex& mutex_;
};

/// A condition variable for Mutex. Every wait has a deadline or a stop token, so nothing blocks for ever.
class CondVar {
 public:
  void notify_one() { cv_.notify_one(); }
  void notify_all() { cv_.notify_all(); }

  /// Waits until `ready()`, stop, or `timeout`; true when ready. The mutex is held on entry and return.
  template <typename Ready>
  bool wait_for(Mutex& mutex, std::stop_token stop, std::chrono::nanoseconds timeout,
                Ready ready) NO_THREAD_SAFETY_ANALYSIS {
    return cv_.wait_for(mutex, stop, timeout, ready);
  }
  template <typename Ready>
  bool wait(Mutex& mutex, std::stop_token stop, Ready ready) NO_THREAD_SAFETY_ANALYSIS {
    return cv_.wait(mutex, stop, ready);
  }

 private:
  std::condition_variable_any cv_;
};

}  // namespace leat
