// Progress rows as records of `_leat_positions`: keys and values that any client can read. Internal to clients/.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "stream/record.h"

namespace leat::clients {

/// ["project","pipeline","sink","topic","topic_id",partition]
std::string progress_key(const stream::Progress& row);
/// {"next":..,"v_prev":..,"pipeline_hash":..,"cursor":..,"in":.., ...}
std::string progress_value(const stream::Progress& row);
/// kCorrupt for what these two did not write.
Result<stream::Progress> parse_progress(std::string_view key, std::string_view value);

}  // namespace leat::clients
