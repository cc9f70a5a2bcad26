// DriftWatch: how records differ from the types a pipeline was compiled for: fields that are new, values of another
// type. The compiled query reads only what the SQL names, so nothing else would notice. Looks at one record in
// kEvery, and at rejects; tells each difference once. Called by a lane's transform thread.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/outcome.h"
#include "types/type.h"

namespace leat::runtime {

class DriftWatch {
 public:
  static constexpr int64_t kEvery = 1000;        // records whose offset is a multiple of it
  static constexpr size_t kRejectsOfBatch = 10;  // looked at
  static constexpr size_t kMostBytes = 256 * 1024;
  static constexpr size_t kMostFindings = 100;  // kept, of one lane

  explicit DriftWatch(types::Schema expected) : expected_(std::move(expected)) {}

  /// What is new in the records of a batch: "location.floor is new (a number)", "dob.age is a string, expected BIGINT".
  std::vector<std::string> look(const Outcome& outcome);
  std::vector<std::string> look(std::string_view json);

 private:
  const types::Schema expected_;
  std::set<std::string> told_;
};

}  // namespace leat::runtime
