// BoundedQueue: hands work from one thread to the next, bounded in bytes and items.
#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <stop_token>

#include "base/mutex.h"

namespace leat {

/// A blocking queue of T bounded by bytes (an item larger than the bound enters an empty queue alone).
/// Any number of producers and consumers. After close(), push refuses and pop drains what is left.
template <typename T>
class BoundedQueue {
 public:
  BoundedQueue(size_t max_bytes, size_t max_items) : max_bytes_(max_bytes), max_items_(max_items) {}

  /// Blocks while full. False when stopped or closed: the item was not taken.
  bool push(T&& item, size_t bytes, std::stop_token stop) {
    MutexLock lock(mutex_);
    bool ok = not_full_.wait(mutex_, stop, [&]() NO_THREAD_SAFETY_ANALYSIS {
      return closed_ || items_.empty() ||
             (bytes_ + bytes <= max_bytes_ && items_.size() < max_items_);
    });
    if (!ok || closed_) return false;
    bytes_ += bytes;
    items_.push_back({std::move(item), bytes});
    not_empty_.notify_one();
    return true;
  }

  /// Blocks until an item is there, the queue is closed and empty, or stop. nullopt in the last two cases.
  std::optional<T> pop(std::stop_token stop) {
    MutexLock lock(mutex_);
    not_empty_.wait(mutex_, stop,
                    [&]() NO_THREAD_SAFETY_ANALYSIS { return closed_ || !items_.empty(); });
    return take();
  }

  /// Like pop, but gives up after `timeout`; nullopt then, too.
  std::optional<T> pop_for(std::stop_token stop, std::chrono::nanoseconds timeout) {
    MutexLock lock(mutex_);
    not_empty_.wait_for(mutex_, stop, timeout,
                        [&]() NO_THREAD_SAFETY_ANALYSIS { return closed_ || !items_.empty(); });
    return take();
  }

  /// No more pushes; poppers drain what is left.
  void close() {
    MutexLock lock(mutex_);
    closed_ = true;
    not_full_.notify_all();
    not_empty_.notify_all();
  }

  size_t bytes() {
    MutexLock lock(mutex_);
    return bytes_;
  }

 private:
  struct Slot {
    T item;
    size_t bytes;
  };

  std::optional<T> take() NO_THREAD_SAFETY_ANALYSIS {
    if (items_.empty()) return std::nullopt;
    std::optional<T> item(std::move(items_.front().item));
    bytes_ -= items_.front().bytes;
    items_.pop_front();
    not_full_.notify_all();
    return item;
  }

  const size_t max_bytes_, max_items_;
  Mutex mutex_;
  CondVar not_full_, not_empty_;
  std::deque<Slot> items_ GUARDED_BY(mutex_);
  size_t bytes_ GUARDED_BY(mutex_) = 0;
  bool closed_ GUARDED_BY(mutex_) = false;
};

}  // namespace leat
