// Does a pattern of "patternProperties" match a name? For comparing schemas only, never for records.
#pragma once

#include <string_view>

namespace leat::schema::json {

/// True when it surely does. Understands texts with ^ before and $ behind, and escaped characters that are no letters;
/// of every other pattern it says no, which makes a comparison stricter. Regular expressions of strangers are not run:
/// std::regex takes exponential time and stack for some.
bool matches(std::string_view pattern, std::string_view name);

}  // namespace leat::schema::json
