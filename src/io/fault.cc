#include "io/fault.h"

#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "io/file.h"

namespace leat::io::fault_internal {
namespace {

struct Trigger {
  std::string name, action;
  int left;
};

struct State {
  Mutex mutex;
  std::vector<Trigger> triggers GUARDED_BY(mutex);
  std::set<std::string, std::less<>> seen GUARDED_BY(mutex);
  std::string log_path, plant;
};

State& state() {
  static State s;
  return s;
}

std::string env(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

void note(const std::string& path, const std::string& line) {
  std::FILE* f = std::fopen(path.c_str(), "a");
  if (f == nullptr) return;
  std::fprintf(f, "%s\n", line.c_str());
  std::fclose(f);
}

bool arm() {
  State& s = state();
  s.log_path = env("LEAT_FAULT_LOG");
  s.plant = env("LEAT_PLANT");
  std::string spec = env("LEAT_FAULT");
  MutexLock lock(s.mutex);
  for (size_t at = 0; at < spec.size();) {
    size_t end = std::min(spec.find(',', at), spec.size());
    std::string one = spec.substr(at, end - at);
    size_t last = one.rfind(':'),
           first = last == std::string::npos ? last : one.rfind(':', last - 1);
    int n = 0;
    bool ok = first != std::string::npos && last != first;
    if (ok) std::from_chars(one.data() + first + 1, one.data() + last, n);
    if (!ok || n < 1) {
      std::fprintf(stderr, "LEAT_FAULT: `%s` is not name:N:kill|eio|enospc\n", one.c_str());
      std::_Exit(2);
    }
    s.triggers.push_back({one.substr(0, first), one.substr(last + 1), n});
    at = end + 1;
  }
  return !s.triggers.empty() || !s.log_path.empty() || !s.plant.empty();
}

}  // namespace

std::atomic<bool> armed{arm()};

Result<void> reach(std::string_view name) {
  State& s = state();
  MutexLock lock(s.mutex);
  if (!s.log_path.empty() && s.seen.emplace(name).second) note(s.log_path, std::string(name));
  for (auto& t : s.triggers) {
    if (t.name != name || t.left == 0 || --t.left != 0) continue;
    if (!s.log_path.empty()) note(s.log_path, t.name + " " + t.action);
    if (t.action == "kill") {
      ::kill(::getpid(), SIGKILL);
      for (;;) ::pause();
    }
    return os_error(t.action == "enospc" ? ENOSPC : EIO, "injected fault at", name);
  }
  return {};
}

bool planted(std::string_view name) { return state().plant == name; }

}  // namespace leat::io::fault_internal
