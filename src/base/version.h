// The version of the program, from project(VERSION) in CMakeLists.txt.
#pragma once

#include <string_view>

namespace leat {

/// Returns the version, such as "0.1.0".
std::string_view version();

}  // namespace leat
