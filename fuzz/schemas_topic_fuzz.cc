// Records of `_schemas`, as anybody may write them: taken in or refused; and what was taken in is said again by leat's own
// records, to the last row. Input: lines, in turn a key and a value; the value `-` is a tombstone.
#include <algorithm>
#include <string_view>

#include "base/check.h"
#include "schema/memory_store.h"
#include "schema/parsed_schema.h"
#include "schema/registry.h"
#include "schema/schemas_topic.h"

namespace {

std::string_view take_line(std::string_view& input) {
  const size_t end = std::min(input.find('\n'), input.size());
  const std::string_view line = input.substr(0, end);
  input.remove_prefix(std::min(end + 1, input.size()));
  return line;
}

bool same(const leat::schema::Row& a, const leat::schema::Row& b) {
  return a.key == b.key && a.value == b.value;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace leat::schema;
  std::string_view input(reinterpret_cast<const char*>(data), size);
  SchemasTopic topic;
  while (!input.empty()) {
    const std::string_view key = take_line(input), value = take_line(input);
    if (value == "-")
      (void)topic.apply(key, std::nullopt).has_value();
    else
      (void)topic.apply(key, value).has_value();
  }
  const auto rows = topic.rows();
  SchemasTopic again;
  for (const auto& record : topic.records(rows)) {
    auto taken = again.apply(record.key, record.value);
    CHECK(taken, "{}: {}", record.key, taken.error().to_string());
  }
  const auto said = again.rows();
  CHECK(std::equal(rows.begin(), rows.end(), said.begin(), said.end(), same));

  MemoryStore store;
  for (const Row& row : rows) store.rows[row.key] = *row.value;
  if (auto registry = Registry::open(store, parse)) {
    for (const auto& subject : (*registry)->subjects(":*:", Which::kAll))
      (void)(*registry)->version(Subject::parse(subject), kLatest, Which::kAll).has_value();
  }
  return 0;
}
