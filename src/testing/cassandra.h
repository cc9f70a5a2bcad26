// The real Cassandra of the tests: LEAT_TEST_CASSANDRA is its HOST:PORT, with the login cassandra / cassandra
// (tests/services/cassandra). Without it a test is skipped, which CI counts as a failure.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

namespace leat::testing {

inline std::string cassandra_host() {
  const char* host = std::getenv("LEAT_TEST_CASSANDRA");
  return host ? host : "";
}

#define LEAT_NEEDS_CASSANDRA()                                                    \
  if (leat::testing::cassandra_host().empty())                                    \
  GTEST_SKIP() << "LEAT_TEST_CASSANDRA is not set: run tests/services/cassandra " \
                  "up, and export what `tests/services/services env` prints"

}  // namespace leat::testing
