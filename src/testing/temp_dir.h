// TempDir: an empty directory of a test's own, removed with all it holds.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>
#include <system_error>

#include "base/check.h"

namespace leat::testing {

/// Lies in $TEST_TMPDIR, $TMPDIR or /tmp. One per test: tests run at the same time.
class TempDir {
 public:
  TempDir() {
    const char* root = std::getenv("TEST_TMPDIR");
    if (!root) root = std::getenv("TMPDIR");
    path_ = std::string(root ? root : "/tmp") + "/leat-test-XXXXXX";
    CHECK(::mkdtemp(path_.data()) != nullptr, "cannot create {}", path_);
  }
  ~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  const std::string& path() const { return path_; }
  /// "path/name".
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

}  // namespace leat::testing
