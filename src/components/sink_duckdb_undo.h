// What a checkpoint overwrites in place, kept beside the store while one runs.
//
// DuckDB writes a checkpoint's rows into free blocks and switches to it by its header, but the blocks of its metadata
// are shared by old and new: it writes those where they are (MetadataManager::Flush of DuckDB 1.5). A process killed in
// the middle of that write, or a power cut, leaves a block that is neither, and a file that does not open. So they are
// copied first, with the headers. The next start puts them back if the headers are still the same; if they are not,
// the checkpoint was complete before the process died.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "io/file.h"
#include "sql/duckdb_raii.h"

namespace leat::components {

class CheckpointUndo {
 public:
  explicit CheckpointUndo(std::string store) : store_(std::move(store)), path_(store_ + ".undo") {}

  /// There is a copy from a process that died. Then restore() is due before anything opens the store.
  bool pending() const { return io::exists(path_); }
  /// Puts back what an unfinished checkpoint may have torn. The store is closed, its lock held.
  Result<void> restore();

  /// Copies what the next checkpoint may overwrite, durably. Until drop() no other checkpoint may run. Reads the
  /// store's file by a descriptor of its own, which must outlive the database: to close it ends DuckDB's lock.
  Result<void> keep(sql::Connection& connection);
  /// The checkpoint is over, or did not begin.
  Result<void> drop();

 private:
  const std::string store_, path_;
  std::unique_ptr<io::FileReader> reader_;
};

}  // namespace leat::components
