// jemalloc's extent hooks (its manual: arena.<i>.extent_hooks), spelt as its header spells them, which DuckDB
// does not install.
#include "sql/memory.h"

#include <fmt/core.h>
#include <sys/mman.h>

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "base/limits.h"
#include "base/mutex.h"

// Weak: null when DuckDB was built without it.
extern "C" {
__attribute__((weak)) int duckdb_je_mallctl(const char* name, void* old_value, size_t* old_size,
                                            void* new_value, size_t new_size);
__attribute__((weak)) void* duckdb_je_mallocx(size_t size, int flags);
__attribute__((weak)) void duckdb_je_dallocx(void* at, int flags);
}

namespace leat::sql {
namespace {

struct ExtentHooks {
  void* (*alloc)(ExtentHooks*, void* at, size_t size, size_t alignment, bool* zero, bool* commit,
                 unsigned arena);
  bool (*dalloc)(ExtentHooks*, void* at, size_t size, bool committed, unsigned arena);
  void (*destroy)(ExtentHooks*, void* at, size_t size, bool committed, unsigned arena);
  bool (*commit)(ExtentHooks*, void* at, size_t size, size_t offset, size_t length, unsigned arena);
  bool (*decommit)(ExtentHooks*, void* at, size_t size, size_t offset, size_t length,
                   unsigned arena);
  bool (*purge_lazy)(ExtentHooks*, void* at, size_t size, size_t offset, size_t length,
                     unsigned arena);
  bool (*purge_forced)(ExtentHooks*, void* at, size_t size, size_t offset, size_t length,
                       unsigned arena);
  bool (*split)(ExtentHooks*, void* at, size_t size, size_t left, size_t right, bool committed,
                unsigned arena);
  bool (*merge)(ExtentHooks*, void* left, size_t left_size, void* right, size_t right_size,
                bool committed, unsigned arena);
};

constexpr size_t kPage = 4096;

template <typename T>
bool read_control(const std::string& name, T& value) {
  size_t size = sizeof value;
  return duckdb_je_mallctl != nullptr &&
         duckdb_je_mallctl(name.c_str(), &value, &size, nullptr, 0) == 0;
}

template <typename T>
bool write_control(const std::string& name, T value) {
  return duckdb_je_mallctl != nullptr &&
         duckdb_je_mallctl(name.c_str(), nullptr, nullptr, &value,
                           sizeof value) == 0;  // NOLINT: T may be a pointer
}

}  // namespace

/// What jemalloc hands back to us with each call: its table of functions, and behind it our count.
struct MemoryBound::Hooks {
  ExtentHooks table;  // first: jemalloc knows its address only
  std::atomic<int64_t> held{0}, limit{0}, refused{0};
  unsigned index = 0;

  static Hooks& of(ExtentHooks* table) { return *reinterpret_cast<Hooks*>(table); }
};

namespace {

using Hooks = MemoryBound::Hooks;

/// Counts `size` bytes, or refuses them.
bool count(ExtentHooks* table, size_t size) {
  Hooks& hooks = Hooks::of(table);
  const auto bytes = static_cast<int64_t>(size);
  if (hooks.held.fetch_add(bytes, std::memory_order_relaxed) + bytes <=
      hooks.limit.load(std::memory_order_relaxed))
    return true;
  hooks.held.fetch_sub(bytes, std::memory_order_relaxed);
  hooks.refused.fetch_add(1, std::memory_order_relaxed);
  return false;
}

void* take(ExtentHooks* table, void* at, size_t size, size_t alignment, bool* zero, bool* commit,
           unsigned /*arena*/) {
  if (at != nullptr) return nullptr;  // an extent is never made longer in place
  if (*commit && !count(table, size)) return nullptr;
  // The kernel knows no alignment: take more, and give back both ends.
  const size_t taken = alignment > kPage ? size + alignment - kPage : size;
  void* mapped = mmap(nullptr, taken, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapped == MAP_FAILED) {
    if (*commit) Hooks::of(table).held.fetch_sub(static_cast<int64_t>(size));
    return nullptr;
  }
  char* begin = static_cast<char*>(mapped);
  const size_t over = reinterpret_cast<uintptr_t>(begin) % alignment;
  const size_t before = over == 0 ? 0 : alignment - over;
  if (before > 0) munmap(begin, before);
  if (taken > before + size) munmap(begin + before + size, taken - before - size);
  *zero = true;
  return begin + before;
}

/// Never: addresses are kept. jemalloc tells its arenas' extents apart by where each mapping begins, so another
/// arena may not get the place of a part of one. It takes the memory out of them instead, by decommit().
bool give_back(ExtentHooks* /*table*/, void* /*at*/, size_t /*size*/, bool /*committed*/,
               unsigned /*arena*/) {
  return true;
}

bool commit(ExtentHooks* table, void* /*at*/, size_t /*size*/, size_t /*offset*/, size_t length,
            unsigned /*arena*/) {
  return !count(table, length);
}

bool decommit(ExtentHooks* table, void* at, size_t /*size*/, size_t offset, size_t length,
              unsigned /*arena*/) {
  if (madvise(static_cast<char*>(at) + offset, length, MADV_DONTNEED) != 0) return true;
  Hooks::of(table).held.fetch_sub(static_cast<int64_t>(length), std::memory_order_relaxed);
  return false;
}

bool purge(ExtentHooks* /*table*/, void* at, size_t /*size*/, size_t offset, size_t length,
           unsigned /*arena*/) {
  return madvise(static_cast<char*>(at) + offset, length, MADV_DONTNEED) != 0;
}

bool split(ExtentHooks* /*table*/, void* /*at*/, size_t /*size*/, size_t /*left*/, size_t /*right*/,
           bool /*committed*/, unsigned /*arena*/) {
  return false;  // anonymous mappings may be cut anywhere
}

bool merge(ExtentHooks* /*table*/, void* /*left*/, size_t /*left_size*/, void* /*right*/,
           size_t /*right_size*/, bool /*committed*/, unsigned /*arena*/) {
  return false;
}

void fill(ExtentHooks& table) {
  table = {take, give_back, nullptr, commit, decommit, nullptr, purge, split, merge};
}

/// jemalloc has its arenas for the whole process and cannot end one safely while anything in it is in use. So
/// those of threads that have ended wait here for the next; their number is that of threads at one time.
struct Idle {
  Mutex mutex;
  std::vector<Hooks*> hooks GUARDED_BY(mutex);
};

Idle& idle() {
  static Idle* made = new Idle;  // never destroyed: a query may end after it
  return *made;
}

Hooks* make_arena() {
  if (duckdb_je_mallctl == nullptr) return nullptr;
  auto* hooks = new Hooks;
  fill(hooks->table);
  hooks->limit = static_cast<int64_t>(limits::kTransformBytes);
  ExtentHooks* table = &hooks->table;
  size_t size = sizeof hooks->index;
  if (duckdb_je_mallctl("arenas.create", &hooks->index, &size, &table,
                        sizeof table) != 0) {  // NOLINT: the pointer itself is the value
    delete hooks;
    return nullptr;
  }
  return hooks;
}

/// The arena of the largest allocations is made at the first of them, and until then has no hooks to set.
void make_huge_arena() {
  size_t huge = 0;
  if (duckdb_je_mallocx == nullptr || !read_control("opt.oversize_threshold", huge) || huge == 0)
    return;
  if (void* at = duckdb_je_mallocx(huge, 0)) duckdb_je_dallocx(at, 0);  // never touched
}

bool bound_shared_arenas() {
  unsigned arenas = 0;
  make_huge_arena();
  if (!read_control("arenas.narenas", arenas) || arenas == 0) return false;
  static auto* shared = new Hooks;  // jemalloc uses it until the process has gone
  fill(shared->table);
  shared->limit = static_cast<int64_t>(limits::kDuckdbBytes);
  bool all = true;
  for (unsigned i = 0; i < arenas; ++i)
    all = write_control(fmt::format("arena.{}.extent_hooks", i), &shared->table) && all;
  return all;
}

}  // namespace

bool memory_is_bounded() {
  static const bool bounded = bound_shared_arenas();
  return bounded;
}

void bound_memory() { (void)memory_is_bounded(); }

namespace {

/// The arena of this thread, given on when it ends. What was allocated in it may live on.
struct OwnArena {
  Hooks* hooks = nullptr;
  OwnArena() {
    {
      MutexLock lock(idle().mutex);
      if (!idle().hooks.empty()) {
        hooks = idle().hooks.back();
        idle().hooks.pop_back();
        return;
      }
    }
    hooks = make_arena();
  }
  ~OwnArena() {
    if (hooks == nullptr) return;
    MutexLock lock(idle().mutex);
    idle().hooks.push_back(hooks);
  }
  OwnArena(const OwnArena&) = delete;
  OwnArena& operator=(const OwnArena&) = delete;
};

Hooks* own_arena() {
  thread_local OwnArena own;
  return own.hooks;
}

}  // namespace

MemoryBound::MemoryBound(size_t more) : hooks_(own_arena()) {
  if (hooks_ == nullptr) return;
  hooks_->refused = 0;
  hooks_->limit = hooks_->held.load() + static_cast<int64_t>(more);
  write_control("thread.arena", hooks_->index);
}

// The thread stays: jemalloc gives all the memory of an arena back when its last thread leaves, which would cost each
// batch a third of its time again.
MemoryBound::~MemoryBound() {
  if (hooks_ != nullptr) hooks_->limit = static_cast<int64_t>(limits::kDuckdbBytes);
}

bool MemoryBound::refused() const { return hooks_ != nullptr && hooks_->refused != 0; }

}  // namespace leat::sql
