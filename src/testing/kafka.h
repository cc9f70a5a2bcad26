// The real Kafka of the tests: LEAT_TEST_KAFKA names its brokers (tests/services/services env). Without it a test is
// skipped, which CI counts as a failure.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

namespace leat::testing {

inline std::string kafka_brokers() {
  const char* brokers = std::getenv("LEAT_TEST_KAFKA");
  return brokers ? brokers : "";
}

}  // namespace leat::testing

#define NEEDS_KAFKA()                                                                        \
  if (leat::testing::kafka_brokers().empty())                                                \
  GTEST_SKIP() << "LEAT_TEST_KAFKA is not set: tests/services/kafka up, then its variables " \
                  "from tests/services/services env"
