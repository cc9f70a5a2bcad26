#include "base/version.h"

#include <gtest/gtest.h>

namespace leat {
namespace {

TEST(Version, IsThreeNumbers) {
  int dots = 0;
  for (char c : version()) {
    ASSERT_TRUE(c == '.' || (c >= '0' && c <= '9')) << version();
    dots += c == '.';
  }
  EXPECT_EQ(dots, 2);
}

}  // namespace
}  // namespace leat
