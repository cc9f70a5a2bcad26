// Texts of conditions: which failures a row carries, and the conjuncts of a WHERE or ON.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "sql/ast.h"

namespace leat::sql {

/// "(_leat_f0 & 5) <> 0 OR ..." for a set of bits, its columns qualified by `alias`; empty for no
/// bits.
std::string failed_text(const std::set<int>& bits, const std::string& alias);

/// Those that are not empty, joined by OR.
std::string any_of_text(const std::vector<std::string>& conditions);

/// The parts of a condition that AND joins, in order of writing.
void flatten_and(const Json& condition, std::vector<const Json*>& conjuncts);

std::string in_brackets(const std::string& text);

}  // namespace leat::sql
