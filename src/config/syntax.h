// Grammars of strings that several specs name, for Field::syntax(). Private to config/.
#pragma once

#include <string_view>

namespace leat::config {

/// What is_identifier() accepts.
inline constexpr const char* kIdentifier =
    "a name of small letters, digits and `_`, at most 48, such as `users_v2`";

inline bool not_empty(std::string_view text) { return !text.empty(); }

}  // namespace leat::config
