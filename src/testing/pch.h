// The precompiled header of the test programs; see base/pch.h.
#pragma once

#include "base/pch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
