// The real PostgreSQL of the tests: LEAT_TEST_POSTGRES is its DSN (tests/services/postgres dsn). Without it a test is
// skipped, which CI counts as a failure.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

namespace leat::testing {

inline std::string postgres_dsn() {
  const char* dsn = std::getenv("LEAT_TEST_POSTGRES");
  return dsn ? dsn : "";
}

#define LEAT_NEEDS_POSTGRES()                                                                      \
  if (leat::testing::postgres_dsn().empty())                                                       \
  GTEST_SKIP() << "LEAT_TEST_POSTGRES is not "                                                     \
                  "set: run tests/services/postgres up, and export what `tests/services/services " \
                  "env` prints"

}  // namespace leat::testing
