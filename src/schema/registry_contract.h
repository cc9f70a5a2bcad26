// Data contracts: metadata and rules beside a schema. The registry merges and keeps them; clients obey them.
//
// After the REST specification of the Confluent Schema Registry, data contracts.
#pragma once

#include <string>

#include "base/result.h"

namespace leat::schema {

// Texts are JSON objects, or empty: none.

/// Tags and properties by name, the later of the three before the earlier; sensitive names of all.
std::string merged_metadata(const std::string& defaults, const std::string& own,
                            const std::string& overrides);
/// Rules by name, the later before the earlier.
std::string merged_rules(const std::string& defaults, const std::string& own,
                         const std::string& overrides);
/// 42210: a rule without a name, with another's name, or of an unknown kind or mode.
Result<void> check_rules(const std::string& rules);

}  // namespace leat::schema
