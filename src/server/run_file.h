// run.json: where a running `leat run` can be reached, written beside its data.
//
//   DATA_DIR/run.json   {"pid", "started", "api", "socket", "token", "run_id", "version"}, mode
//   0600
//
// Written by `leat run` once its API listens, removed at its end; a kill leaves it behind, so a
// reader asks the socket before it believes the file. Any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/result.h"

namespace leat::server {

struct RunFile {
  int pid = 0;
  int64_t started_ms = 0;
  std::string api;     // "http://127.0.0.1:8680"; empty: no TCP
  std::string socket;  // absolute path
  std::string token;   // of the API on TCP
  std::string run_id;
};

std::string run_file_path(const std::string& data_dir);
std::string socket_path(const std::string& data_dir);

Result<void> write_run_file(const std::string& data_dir, const RunFile& run);
/// nullopt when there is none. kCorrupt: not of our writing.
Result<std::optional<RunFile>> read_run_file(const std::string& data_dir);
/// Removes the file when it is `pid`'s own.
Result<void> remove_run_file(const std::string& data_dir, int pid);

/// 256 bits of entropy in hexadecimal.
std::string new_token();

}  // namespace leat::server
