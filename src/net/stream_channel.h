// StreamChannel: between the thread of one streaming answer and the connection in net/http_server.cc.
#pragma once

#include <functional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>

#include "base/limits.h"
#include "base/mutex.h"
#include "net/router.h"

namespace leat::net {

/// Between a stream's own thread, which writes pieces, and the connection, which sends them.
class StreamChannel final : public StreamWriter {
 public:
  explicit StreamChannel(std::function<void()> wake) : wake_(std::move(wake)) {}

  Result<void> write(std::string_view bytes) override {
    if (bytes.empty()) return {};
    {
      MutexLock lock(mutex_);
      space_.wait(mutex_, stop_.get_token(), [&]() NO_THREAD_SAFETY_ANALYSIS {
        return pending_.empty() || pending_.size() + bytes.size() <= limits::kHttpStreamBytes;
      });
      if (stop_.stop_requested())
        return Error(ErrorCode::kCancelled, "the reader of the stream has gone");
      pending_ += bytes;
    }
    wake_();
    return {};
  }

  std::stop_token stop_token() const { return stop_.get_token(); }
  void stop() { stop_.request_stop(); }
  void finish(bool whole) {
    {
      MutexLock lock(mutex_);
      finished_ = true, whole_ = whole;
    }
    wake_();
  }
  struct Taken {
    std::string bytes;
    bool finished = false, whole = false;
  };
  Taken take() {
    MutexLock lock(mutex_);
    Taken taken{std::exchange(pending_, {}), finished_, whole_};
    space_.notify_all();
    return taken;
  }

 private:
  const std::function<void()> wake_;
  std::stop_source stop_;
  Mutex mutex_;
  CondVar space_;
  std::string pending_ GUARDED_BY(mutex_);
  bool finished_ GUARDED_BY(mutex_) = false, whole_ GUARDED_BY(mutex_) = false;
};

}  // namespace leat::net
