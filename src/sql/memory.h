// Bounds on what DuckDB takes from the system, where its memory_limit does not count: the elements of a
// list, for one, lie in memory that no limit of DuckDB's knows (range(1e9) in a query took 8 GB).
//
// DuckDB allocates by a jemalloc of its own, apart from the rest of the process. Each of jemalloc's arenas
// takes its memory through hooks; ours count, and refuse beyond a limit. DuckDB then ends the query with
// its out-of-memory error. Costs nothing but at the moments when memory comes from the system.
//
//   shared arenas   all threads that are bound to none, DuckDB's own too: kDuckdbBytes together
//   MemoryBound     an arena of one thread that runs pipelines' queries: so what others hold fails no record
//
// A DuckDB that was built without jemalloc is not bounded here: memory_is_bounded() is false.
#pragma once

#include <cstddef>
#include <memory>

namespace leat::sql {

/// Puts the shared arenas under kDuckdbBytes; the first call does. Before the first database. Any thread.
void bound_memory();
bool memory_is_bounded();

/// While it lives, what DuckDB allocates on this thread is bounded: at most `more` bytes beyond what the thread's arena
/// holds already. Afterwards kDuckdbBytes are the bound. The arena is the thread's own until it ends, so nobody else's
/// memory counts.
class MemoryBound {
 public:
  explicit MemoryBound(size_t more);
  ~MemoryBound();
  MemoryBound(const MemoryBound&) = delete;
  MemoryBound& operator=(const MemoryBound&) = delete;
  /// The limit was met. TRY hides it: the out-of-memory error becomes a NULL.
  bool refused() const;
  struct Hooks;

 private:
  Hooks* hooks_;  // null: not bounded
};

}  // namespace leat::sql
