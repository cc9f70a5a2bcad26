// The precompiled header of the folders that speak JSON throughout: server and app; see base/pch.h.
#pragma once

#include "base/pch.h"

#include <nlohmann/json.hpp>
