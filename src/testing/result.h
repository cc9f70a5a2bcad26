// What tests say about a Result.
#pragma once

#include <gtest/gtest.h>

#include "base/result.h"

#define EXPECT_OK(...)                                               \
  do {                                                               \
    auto&& leat_ok = (__VA_ARGS__);                                  \
    EXPECT_TRUE(leat_ok.has_value()) << leat_ok.error().to_string(); \
  } while (false)

#define ASSERT_OK(...)                                               \
  do {                                                               \
    auto&& leat_ok = (__VA_ARGS__);                                  \
    ASSERT_TRUE(leat_ok.has_value()) << leat_ok.error().to_string(); \
  } while (false)

/// ASSERT_OK_AND_ASSIGN(auto x, expression)
#define ASSERT_OK_AND_ASSIGN(target, ...)                     \
  auto LEAT_CONCAT(leat_ok_, __LINE__) = (__VA_ARGS__);       \
  ASSERT_TRUE(LEAT_CONCAT(leat_ok_, __LINE__).has_value())    \
      << LEAT_CONCAT(leat_ok_, __LINE__).error().to_string(); \
  target = std::move(LEAT_CONCAT(leat_ok_, __LINE__)).value()
