// What every store asks of a sink's table, whatever it is. The store's own rules come on top.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "stream/ports.h"

namespace leat::components {

/// kInvalidArgument that the user's files can mend.
Error refused_table(std::string message, std::string hint);

/// The key's columns, as indices in the schema. kInvalidArgument: no column at all, one whose name begins with
/// `_leat_` or that has no type, a key that is no column or nested.
Result<std::vector<size_t>> check_table(const stream::SinkTable& table);

}  // namespace leat::components
