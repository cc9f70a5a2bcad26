// The precompiled header of the tests of the folders that speak JSON throughout; see base/pch.h.
#pragma once

#include "testing/pch.h"

#include <nlohmann/json.hpp>
