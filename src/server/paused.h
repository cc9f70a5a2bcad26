// paused.json: which lanes `leat pause` has stopped, kept over restarts in the data directory.
//
//   DATA_DIR/paused.json   ["PIPELINE" | "PIPELINE/LANE", ...], sorted
//
// Changed by the pause and resume endpoints (one at a time), read by `leat run` at its start.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace leat::server {

/// Empty when the file is not there.
Result<std::vector<std::string>> read_paused(const std::string& data_dir);
Result<void> write_paused(const std::string& data_dir, const std::vector<std::string>& names);

/// The list after `pipeline` (one `lane` of it, or all when empty) was paused or resumed. `lanes`:
/// all it has.
std::vector<std::string> change_paused(std::vector<std::string> names, const std::string& pipeline,
                                       const std::string& lane,
                                       const std::vector<std::string>& lanes, bool on);

/// True when the list holds the lane back.
bool is_paused(const std::vector<std::string>& names, const std::string& pipeline,
               const std::string& lane);

}  // namespace leat::server
