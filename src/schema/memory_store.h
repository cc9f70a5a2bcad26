// MemoryStore: the registry's rows in memory, and writes that fail when told to. For tests, benchmarks and fuzzing.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "schema/schema_store.h"

namespace leat::schema {

class MemoryStore final : public SchemaStore {
 public:
  enum class Fail : uint8_t { kNot, kBefore, kAfter };  // the error comes before or after the write

  Result<std::vector<Row>> scan() override {
    std::vector<Row> out;
    for (const auto& [key, value] : rows) out.push_back({key, value});
    return out;
  }
  Result<void> write(std::span<const Row> batch) override {
    const Fail now = std::exchange(fail, Fail::kNot);
    if (now != Fail::kBefore) {
      ++writes;
      for (const Row& row : batch) {
        if (row.value)
          rows[row.key] = *row.value;
        else
          rows.erase(row.key);
      }
    }
    return now == Fail::kNot ? Result<void>() : Error(ErrorCode::kNoSpace, "the disk is full");
  }

  std::map<std::string, std::string> rows;
  Fail fail = Fail::kNot;
  int writes = 0;
};

}  // namespace leat::schema
